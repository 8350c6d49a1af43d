# The front without its process, between a test's strangers and a test's registrar.

front_obj := $(foreach o,frontauth frontlog frontnet child,$(O)/obj/cmd/fieldcertd/$(o).o)
$(O)/test/fuzz/replay_front $(O)/test/fuzz/search_front: $(front_obj)
