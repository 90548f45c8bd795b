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
COMPILE = $(CC) $(WARN) $(HARD) $(OPT) $(CFLAGS) $(DEFS) $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LIBS    = -lfcgi $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lpthread

LIB_SRC  := $(wildcard lib/*/*.c)
LIB_OBJ  := $(LIB_SRC:%.c=$(B)/%.o)
LIB      := $(B)/libmizan.a
MAINS    := full_process.fcgi health.fcgi admin.fcgi worker
MAIN_SRC := fcgi/full_process.c fcgi/health.c fcgi/admin.c fcgi/worker.c
FCGI_OBJ := $(patsubst %.c,$(B)/%.o,$(filter-out $(MAIN_SRC),$(wildcard fcgi/*.c)))
BINS     := $(MAINS:%=$(B)/bin/%)
UNIT_SRC := $(wildcard tests/unit/*/*_test.c)
UNITS    := $(UNIT_SRC:%.c=$(B)/%)

all: $(BINS) $(B)/bin/openai_sim

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
$(B)/bin/worker: $(B)/fcgi/worker.o $(FCGI_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LINK) -o $@ $^ $(LIBS)

$(B)/bin/openai_sim: $(patsubst %.c,$(B)/%.o,$(wildcard tests/openai_sim/*.c)) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LINK) -o $@ $^ -lmicrohttpd $(LIBS)

$(B)/tests/unit/%_test: $(B)/tests/unit/%_test.o $(B)/tests/unit/main.o $(LIB)
	$(CC) $(LINK) -o $@ $^ -lcunit $(LIBS)

units: $(UNITS)

clean:
	rm -rf build

FORCE:
.PHONY: all units clean FORCE
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
