# make mutants: plant one fault at a time in a copy of the tree; the fast tests must
# notice each.  ONLY=word takes those whose name has it.

.PHONY: mutants
mutants:
	@sh tools/packages.sh build check
	@PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 test/mutants/run.py $(ONLY)
