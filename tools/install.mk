# make install [DESTDIR=…] [PREFIX=/usr]: programs, man pages and the unit. It makes
# no user, starts nothing and touches no configuration.

SBINDIR ?= $(PREFIX)/sbin
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system

SBIN_PROGRAMS := $(filter fieldcertd fieldcert-agent,$(PROGRAMS))
BIN_PROGRAMS  := $(filter-out $(SBIN_PROGRAMS),$(PROGRAMS))
MAN_PAGES     := $(wildcard man/*.[1-9])
UNITS         := $(wildcard dist/*.service)

.PHONY: install uninstall
install: all
	install -d "$(DESTDIR)$(SBINDIR)" "$(DESTDIR)$(BINDIR)" "$(DESTDIR)$(UNITDIR)"
	install -m 755 $(SBIN_PROGRAMS:%=$(O)/bin/%) "$(DESTDIR)$(SBINDIR)"
	install -m 755 $(BIN_PROGRAMS:%=$(O)/bin/%) "$(DESTDIR)$(BINDIR)"
	set -e; for m in $(MAN_PAGES); do \
		install -D -m 644 $$m "$(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/}"; \
	done
	set -e; for u in $(UNITS); do \
		sed 's,/usr/sbin/,$(SBINDIR)/,' $$u > "$(DESTDIR)$(UNITDIR)/$${u##*/}"; \
		chmod 644 "$(DESTDIR)$(UNITDIR)/$${u##*/}"; \
	done

uninstall:
	set -e; for p in $(SBIN_PROGRAMS); do rm -f "$(DESTDIR)$(SBINDIR)/$$p"; done
	set -e; for p in $(BIN_PROGRAMS); do rm -f "$(DESTDIR)$(BINDIR)/$$p"; done
	set -e; for m in $(MAN_PAGES); do \
		rm -f "$(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/}"; \
	done
	set -e; for u in $(UNITS); do rm -f "$(DESTDIR)$(UNITDIR)/$${u##*/}"; done
