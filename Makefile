# iagmeter: `make help` lists the targets.
# SPDX-License-Identifier: GPL-3.0-or-later

BUILD      ?= build
CC         ?= gcc
CSTD       := -std=c11 -D_GNU_SOURCE
WARNINGS   := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
OPTIMISE   ?= -O2 -g
HARDENING  := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
SANITIZE   ?=
ifneq ($(SANITIZE),)
HARDENING  := -fno-omit-frame-pointer -fPIE
OPTIMISE   := -O1 -g -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
endif

prefix     ?= /usr
sysconfdir ?= /etc
sbindir    ?= $(prefix)/sbin
bindir     ?= $(prefix)/bin
libexecdir ?= $(prefix)/libexec
confdir    := $(sysconfdir)/iagmeter

PACKAGES   := libpcap librrd libconfig sqlite3 jansson libsystemd libseccomp libcap
CPPFLAGS   += -I. -DIAGMETER_CONFDIR='"$(confdir)"' -DIAGMETER_LIBEXECDIR='"$(libexecdir)/iagmeter"' \
              -DIAGMETER_SOURCE_ROOT='"$(CURDIR)"' $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
ALL_CFLAGS  = $(CSTD) $(WARNINGS) $(OPTIMISE) $(HARDENING) $(CFLAGS)
ALL_LDFLAGS = $(OPTIMISE) -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)
# --as-needed leaves each program with the libraries it uses: the one that parses packets must not
# load librrd and its 48 dependencies.
LIBS       := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lm

PROGRAMS   := iagmeterd iagmeter-meter iagmeter
MAINS      := $(PROGRAMS:%=daemon/%.c)
SOURCES    := $(filter-out $(MAINS),$(wildcard daemon/*.c collectors/*/*.c reports/*.c))
OBJECTS    := $(SOURCES:%.c=$(BUILD)/%.o)
LIBRARY    := $(BUILD)/libiagmeter.a
TESTS      := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/*/test_*.c))

.PHONY: all tests clean
all: $(PROGRAMS:%=$(BUILD)/%)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(LIBRARY): $(OBJECTS)
	$(AR) rcs $@ $^

$(PROGRAMS:%=$(BUILD)/%): $(BUILD)/%: $(BUILD)/daemon/%.o $(LIBRARY)
	$(CC) $(ALL_LDFLAGS) $^ $(LIBS) -o $@

$(TESTS): $(BUILD)/%: $(BUILD)/%.o $(LIBRARY)
	$(CC) $(ALL_LDFLAGS) $^ $(LIBS) -lcmocka -o $@

tests: $(TESTS)

clean:
	rm -rf $(BUILD)

.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
