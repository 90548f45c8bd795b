# Mizan: a FastCGI application behind nginx that reads invoices and checks their arithmetic.
# `make help` lists the targets.

comma    := ,
B        := build/$(subst $(comma),-,$(or $(SAN),plain))
CC       ?= gcc
PKGS     := libpq libcurl json-c libcrypto
PREFIX   ?= /usr/local

BUILD_SHA      := $(shell git rev-parse --short HEAD 2>/dev/null)
SCHEMA_VERSION := $(shell ls sql/[0-9]*.sql 2>/dev/null | sed 's,sql/0*\([0-9]*\)_.*,\1,' | sort -n | tail -n 1)

WARN := -std=c17 -Wall -Wextra -Werror -Wshadow -Wformat=2 -Wvla -Wundef -Wstrict-prototypes \
	-Wmissing-prototypes -Wwrite-strings -Wcast-qual -Wconversion
HARD := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer, \
	-D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE)
LINK := $(if $(SAN),-fsanitize=$(SAN),-pie -Wl,-z,relro,-z,now)
OPT  ?= -O2 -g
DEFS := -D_GNU_SOURCE -Ilib -Ifcgi -Itests
COMPILE = $(CC) $(WARN) $(HARD) $(OPT) -ffile-prefix-map=$(CURDIR)=. $(CFLAGS) $(DEFS) $(PKG_CFLAGS)
LIBS    = -lfcgi $(PKG_LIBS) -lpthread

PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

LIB_SRC  := $(wildcard lib/*/*.c)
LIB_OBJ  := $(LIB_SRC:%.c=$(B)/%.o)
LIB      := $(B)/libmizan.a
MAINS    := full_process.fcgi health.fcgi admin.fcgi worker watchdog
MAIN_SRC := fcgi/full_process.c fcgi/health.c fcgi/admin.c fcgi/worker.c fcgi/watchdog.c
FCGI_OBJ := $(patsubst %.c,$(B)/%.o,$(filter-out $(MAIN_SRC),$(wildcard fcgi/*.c)))
BINS     := $(MAINS:%=$(B)/bin/%)
UNIT_SRC := $(wildcard tests/unit/*/*_test.c)
UNITS    := $(UNIT_SRC:%.c=$(B)/%)

# Where `make install` puts things (GNU's names); DESTDIR goes before all of them.
bindir     ?= $(PREFIX)/bin
libexecdir ?= $(PREFIX)/libexec
datadir    ?= $(PREFIX)/share
docdir     ?= $(datadir)/doc/mizan
unitdir    ?= $(PREFIX)/lib/systemd/system
sysconfdir ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)

JOBS     := $(shell nproc 2>/dev/null || echo 1)
SUBMAKE   = $(MAKE) --no-print-directory -j$(JOBS)

all: $(BINS) $(B)/bin/openai_sim $(B)/bin/fail_nth.so ## build the programs (build/plain/bin)

$(B)/%.o: %.c $(B)/.flags
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

# The build id is the one thing that changes with every commit: only its object follows it.
$(B)/lib/core/build_id.o: DEFS += -DMIZAN_BUILD_SHA='"$(BUILD_SHA)"' -DMIZAN_SCHEMA_VERSION=$(or $(SCHEMA_VERSION),0)
$(B)/lib/core/build_id.o: $(B)/.build_id

$(B)/.flags: FORCE
	@mkdir -p $(@D); echo '$(COMPILE) $(LINK)' | cmp -s - $@ || echo '$(COMPILE) $(LINK)' >$@
$(B)/.build_id: FORCE
	@mkdir -p $(@D); echo '$(BUILD_SHA) $(SCHEMA_VERSION)' | cmp -s - $@ || echo '$(BUILD_SHA) $(SCHEMA_VERSION)' >$@

$(LIB): $(LIB_OBJ)
	rm -f $@ && ar rcs $@ $^

$(B)/bin/%.fcgi: $(B)/fcgi/%.o $(FCGI_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LINK) -o $@ $^ $(LIBS)
$(B)/bin/worker $(B)/bin/watchdog: $(B)/bin/%: $(B)/fcgi/%.o $(FCGI_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LINK) -o $@ $^ $(LIBS)

$(B)/bin/openai_sim: $(patsubst %.c,$(B)/%.o,$(wildcard tests/openai_sim/*.c)) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LINK) -o $@ $^ -lmicrohttpd $(LIBS)

$(B)/bin/hello: $(B)/tests/bench/hello.o
	@mkdir -p $(@D)
	$(CC) $(LINK) -o $@ $^ $(LIBS)

$(B)/tests/unit/%_test: $(B)/tests/unit/%_test.o $(B)/tests/unit/main.o $(LIB)
	$(CC) $(LINK) -o $@ $^ -lcunit $(LIBS)

# Calls that fail on demand, linked into unit tests and preloaded into programs.  Plain whatever SAN
# says, as it stands in for malloc() before a sanitizer is there.
FAIL_NTH := $(B)/tests/torture/fail_nth.o
$(FAIL_NTH): HARD := -fPIC -fno-builtin
$(filter $(B)/tests/unit/torture/%,$(UNITS)): $(FAIL_NTH)
$(B)/bin/fail_nth.so: $(FAIL_NTH)
	@mkdir -p $(@D)
	$(CC) -shared -o $@ $^

# A fuzz target replays its corpus with gcc (standalone.c), or fuzzes with clang's libFuzzer.
FUZZ_SRC := $(wildcard tests/fuzz/*_fuzz.c)
REPLAYS  := $(FUZZ_SRC:%_fuzz.c=$(B)/%_replay)
$(B)/tests/fuzz/%_replay: $(B)/tests/fuzz/%_fuzz.o $(B)/tests/fuzz/standalone.o $(LIB)
	$(CC) $(LINK) -o $@ $^ $(LIBS)

$(B)/tests/fuzz/%: $(B)/tests/fuzz/%_fuzz.o $(LIB) # scripts/fuzz says with what compiler and flags
	$(CC) $(LINK) -o $@ $^ $(LIBS)

units: $(UNITS) $(REPLAYS)

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo '  SAN=address,undefined or SAN=thread before any of them builds with sanitizers, in build/SAN'

run: ## install missing packages, build, start everything, send a sample invoice
	@scripts/deps
	@echo 'building ...'
	@$(SUBMAKE) -s all
	@scripts/stack up

stop: ## stop what `make run` started; its data stays in build/run
	@scripts/stack down

test: ## build and run every test; the last line counts them
	@scripts/test

torture: ## hours of faults instead of make test's minutes: kills, cut connections, failing calls
	@scripts/deps --test
	@MIZAN_TORTURE=1 scripts/test --no-deps torture

rehearsal: ## play the pilot's week in minutes: deploy, pilot, every fault and its alert, rollback, report
	@scripts/deps --test
	@$(SUBMAKE) -s all
	@tests/rehearsal/run

bench: ## measure against yardsticks in the same run: a table of ratios
	@scripts/deps --bench
	@$(SUBMAKE) -s all $(B)/bin/hello
	@tests/bench/run

lint: ## layering rules, formatter, length budget, headers, shell scripts, systemd units
	@scripts/lint

coverage: ## line coverage of lib/ by the tests; fails under COVERAGE_MIN (85) percent
	@scripts/coverage

fuzz: ## fuzz every target for FUZZ_SECONDS (60), or FUZZ_RUNS inputs, each; needs clang
	@scripts/fuzz

format: ## format all C files with clang-format 14
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

install: all ## install under PREFIX (/usr/local), with DESTDIR before it
	@libexecdir='$(libexecdir)' datadir='$(datadir)' docdir='$(docdir)' unitdir='$(unitdir)' bindir='$(bindir)' \
		sysconfdir='$(sysconfdir)' DESTDIR='$(DESTDIR)' scripts/install $(B)/bin

release: all ## pack what runs of this commit for scripts/deploy: build/mizan-BUILD.tar.gz
	@scripts/release $(B)/bin

uninstall: ## remove what install put there, but for the files that were edited
	@libexecdir='$(libexecdir)' datadir='$(datadir)' docdir='$(docdir)' unitdir='$(unitdir)' bindir='$(bindir)' \
		sysconfdir='$(sysconfdir)' DESTDIR='$(DESTDIR)' scripts/install --remove

# For scripts: the value of one variable (make -s print-COMPILE).
print-%:
	@echo '$($*)'

clean: ## stop the stack of `make run` and remove build/, its data included
	@[ ! -e build/run ] || scripts/stack down --purge
	rm -rf build

FORCE:
.PHONY: all units help run stop test torture rehearsal bench lint coverage fuzz format install release uninstall clean FORCE
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
