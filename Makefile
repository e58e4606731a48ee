# iagmeter: `make help` lists the targets.
# SPDX-License-Identifier: GPL-3.0-or-later

.DEFAULT_GOAL := all

# --- What to build with ------------------------------------------------------------------------

BUILD      ?= build
# make's own default, cc, may be any compiler; the one that we test with is the default here.
ifeq ($(origin CC),default)
CC         := gcc
endif
CSTD       := -std=c11 -D_GNU_SOURCE
WARNINGS   := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
OPTIMISE   ?= -O2 -g
HARDENING  := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
SANITIZE   ?=
ifneq ($(SANITIZE),)
HARDENING  := -fno-omit-frame-pointer -fPIE
OPTIMISE   := -O1 -g -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
endif

LIBRARIES  := libpcap librrd libconfig sqlite3 jansson libsystemd libseccomp libcap libcrypto zlib \
              libcurl netsnmp libfreeipmi libbrotlidec libzstd xlsxwriter
LIB_CFLAGS := $(shell pkg-config --cflags $(LIBRARIES) 2>/dev/null)
LIBS       := $(shell pkg-config --libs $(LIBRARIES) 2>/dev/null) -lm

# --- Where to install --------------------------------------------------------------------------

DESTDIR       ?=
prefix        ?= /usr
sysconfdir    ?= /etc
localstatedir ?= /var
sbindir       ?= $(prefix)/sbin
bindir        ?= $(prefix)/bin
libexecdir    ?= $(prefix)/libexec
docdir        ?= $(prefix)/share/doc/iagmeter
mandir        ?= $(prefix)/share/man
# Debian 12 reads units from /lib, which is /usr/lib; with another prefix, systemd reads
# PREFIX/lib for /usr and /usr/local only.
unitdir       ?= $(prefix)/lib/systemd/system
sysusersdir   ?= $(prefix)/lib/sysusers.d
tmpfilesdir   ?= $(prefix)/lib/tmpfiles.d
confdir       := $(sysconfdir)/iagmeter
statedir      := $(localstatedir)/lib/iagmeter

CPPFLAGS   += -I. -DIAGMETER_SOURCE_ROOT='"$(CURDIR)"' $(LIB_CFLAGS)
# Programs that are run below it read its conf/. Empty: none does, and no program tells where it was built.
TREE       ?= $(CURDIR)
# For the few files that look there.
PLACES     := -DIAGMETER_CONFDIR='"$(confdir)"' -DIAGMETER_STATEDIR='"$(statedir)"' \
              -DIAGMETER_LIBEXECDIR='"$(libexecdir)/iagmeter"' -DIAGMETER_TREE='"$(TREE)"'
ALL_CFLAGS  = $(CSTD) $(WARNINGS) $(OPTIMISE) $(HARDENING) $(CFLAGS)
# --as-needed leaves each program with the libraries it uses: those that parse packets must not load
# librrd and its 48 dependencies.
ALL_LDFLAGS = $(OPTIMISE) -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)

# --- What there is to build --------------------------------------------------------------------

PROGRAMS   := iagmeterd iagmeter iagmeter-meter iagmeter-counters iagmeter-views
MAINS      := $(PROGRAMS:%=daemon/%.c)
SOURCES    := $(filter-out $(MAINS),$(wildcard daemon/*.c collectors/*/*.c reports/*.c))
OBJECTS    := $(SOURCES:%.c=$(BUILD)/%.o)
LIBRARY    := $(BUILD)/libiagmeter.a
UNIT_TESTS := $(patsubst %.c,$(BUILD)/%,$(filter-out tests/system/%, \
                $(wildcard tests/*/test_*.c tests/*/*/test_*.c)))
# Those that take longest begin first, else the last one would be waited for alone.
LONGEST    := $(addprefix $(BUILD)/tests/,capture/test_sharedfile capture/test_properties capture/test_openings \
                capture/test_recognition capture/test_capturefile daemon/test_ledger daemon/test_supervisor)
RUN_SYSTEM := $(BUILD)/tests/system/run_system
# Loaded by tests, and by programs that they start: never with the sanitizers.
TEST_LIBS  := $(patsubst %.c,$(BUILD)/%.so,$(wildcard tests/*/lib_*.c))
FUZZERS    := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCHES    := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/*.c))
# Of production alone: MAINS are named, not globbed, so they may not be written yet.
PRODUCTION := $(SOURCES) $(wildcard $(MAINS) daemon/*.h collectors/*.h collectors/*/*.h reports/*.h)

# --- Debian packages ---------------------------------------------------------------------------

BUILD_PACKAGES    := gcc libc6-dev make pkg-config libpcap-dev librrd-dev libconfig-dev \
                     libsqlite3-dev libjansson-dev libsystemd-dev libseccomp-dev libcap-dev \
                     libssl-dev zlib1g-dev libbrotli-dev libzstd-dev libcurl4-openssl-dev \
                     libsnmp-dev libfreeipmi-dev libxlsxwriter-dev
RUN_PACKAGES      := fonts-dejavu-core procps tzdata
TEST_PACKAGES     := libcmocka-dev curl nodejs iproute2 tcpdump openssl sqlite3 rrdtool procps \
                     libxml2-utils ca-certificates dnsmasq-base ngtcp2-client ngtcp2-server \
                     snmpd openipmi nginx-light mandoc
LINT_PACKAGES     := clang clang-format clang-tidy cppcheck
FUZZ_PACKAGES     := clang libclang-rt-14-dev lld
COVERAGE_PACKAGES := gcovr
ACCURACY_PACKAGES := nodejs curl iproute2 tcpdump openssl caddy ngtcp2-client
DEB_PACKAGES      := build-essential debhelper libcmocka-dev
DEB_CHECK_PACKAGES := lintian debootstrap
BENCH_PACKAGES    := iproute2 tcpdump sqlite3 $(if $(BENCH_PEERS),softflowd libndpi-bin tshark)

DEPS ?= install
need  = @DEPS=$(DEPS) .ci/require $(sort $(1))

# pkg-config is asked while this file is read, that is before `need` could install it. So whatever
# installs goes on in a second make.
again = +@$(MAKE) --no-print-directory $(JOBS)
JOBS  = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

# --- Targets -----------------------------------------------------------------------------------

.PHONY: accuracy help all deps deps-all demo test check tests unit system coverage lint fuzz fuzz-long fuzzers run-fuzzers \
        bench bench-parts bench-local benches deb deb-check install uninstall clean FORCE

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12
	@echo 'DEPS=skip installs no package; V=1 shows commands; BUILD=dir CC=clang SANITIZE=address,undefined'
	@echo 'install: DESTDIR prefix sysconfdir localstatedir sbindir bindir libexecdir docdir' \
	      'mandir unitdir sysusersdir tmpfilesdir'

all: $(PROGRAMS:%=$(BUILD)/%) ## build the programs (the default)

deps: ## install the Debian packages that are missing to build and run
	$(call need,$(BUILD_PACKAGES) $(RUN_PACKAGES))

deps-all: ## the same, for every target below
	$(call need,$(BUILD_PACKAGES) $(RUN_PACKAGES) $(TEST_PACKAGES) $(LINT_PACKAGES) \
	  $(FUZZ_PACKAGES) $(COVERAGE_PACKAGES) $(ACCURACY_PACKAGES) shellcheck)

demo: deps ## install what is missing, build, run the demonstration
	$(again) all
	@IAGMETER_BUILD=$(abspath $(BUILD)) tests/system/demo.sh

test: ## install what is missing, build, run every test
	$(call need,$(BUILD_PACKAGES) $(RUN_PACKAGES) $(TEST_PACKAGES))
	$(again) check

check: ## run every test, installing nothing
	$(again) all tests
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory system

tests: $(UNIT_TESTS) $(RUN_SYSTEM) $(TEST_LIBS)

# Twice as many at a time as there are processors, since they wait for the disk; what each says comes
# in one piece. Their tables are made anew for each case: in large pages, where malloc() can ask for them
# (glibc 2.35), that takes a fraction of the page faults.
unit: $(UNIT_TESTS) | all ## run the unit tests
	@rm -f $(BUILD)/unit-failed; printf '%s\n' $(LONGEST) $(filter-out $(LONGEST),$^) | \
	  GLIBC_TUNABLES=glibc.malloc.hugetlb=1 xargs -P $$((2 * $$(nproc))) -I '{}' sh -c \
	  '{} >{}.out 2>&1 || echo {} >>$(BUILD)/unit-failed; flock $(BUILD)/unit-lock cat {}.out'
	@if [ -s $(BUILD)/unit-failed ]; then \
	  for test in $$(cat $(BUILD)/unit-failed); do \
	    echo "--- $$test:"; grep -v '^\[ RUN  \|^\[       OK' $$test.out | tail -n 25; done >&2; \
	  echo "unit tests that failed:" $$(cat $(BUILD)/unit-failed) >&2; exit 1; fi; \
	echo "unit tests: all $(words $^) programs passed"

system: all $(RUN_SYSTEM) $(TEST_LIBS) $(addprefix $(BUILD)/tests/bench/,delay nvml_sample send) ## run the system tests: whole programs, driven by shell scripts
	@IAGMETER_BUILD=$(abspath $(BUILD)) BUILD=$(abspath $(BUILD)) $(RUN_SYSTEM)

COVERAGE_FLAGS = BUILD=build-coverage OPTIMISE='-O0 -g --coverage' HARDENING=-fPIE
coverage: ## line coverage of the unit tests, per file
	$(call need,$(BUILD_PACKAGES) $(RUN_PACKAGES) $(TEST_PACKAGES) $(COVERAGE_PACKAGES))
	@find build-coverage -name '*.gcda' -delete 2>/dev/null || true
	$(again) $(COVERAGE_FLAGS) all tests
	@$(MAKE) --no-print-directory $(COVERAGE_FLAGS) unit >build-coverage/unit.log 2>&1 || \
	  { cat build-coverage/unit.log; exit 1; }
	@gcovr --root . --filter daemon/ --filter collectors/ --filter reports/ build-coverage

# Everything that can be said about the source without running it. A number that someone could
# dispute belongs in conf/, so a literal with a fraction and four digits or more is refused in C,
# except a power of ten and what stands in a comment.
BANNED      := \b(strcpy|strcat|sprintf|vsprintf|atoi|atol|atof|strtok|gets)\s*\(
COEFFICIENT := (?<![\w.])(?!0*\.0*1\b)(?=(?:\.?[0-9]){4})[0-9]*\.[0-9]*[1-9](?![\w.])
lint: ## formatting, clang-tidy, cppcheck, shellcheck, and our own rules
	$(call need,$(BUILD_PACKAGES) libcmocka-dev $(LINT_PACKAGES))
	@echo 'lint: clang-format'; find daemon collectors reports tests -name '*.[ch]' -print0 | \
	  xargs -0 clang-format --dry-run -Werror
	@echo 'lint: coefficients and banned functions'; \
	  ! grep -nP '$(COEFFICIENT)' $(PRODUCTION) /dev/null | grep -vP '^[^:]*:\d+:\s*(/\*|\*)' | \
	  sed 's|/\*.*||' | grep -P '$(COEFFICIENT)' && \
	  ! grep -nP '$(BANNED)' $(PRODUCTION)
	$(again) lint-each
	@echo 'lint: cppcheck'; cppcheck --quiet -j$(shell nproc) --std=c11 --inline-suppr --error-exitcode=1 \
	  --enable=warning,performance,portability --suppressions-list=.cppcheck-suppressions \
	  -I. $(filter %.c,$(PRODUCTION))
	@if command -v shellcheck >/dev/null; then echo 'lint: shellcheck'; \
	  shellcheck --severity=warning .ci/run .ci/require debian/postinst debian/prerm debian/postrm debian/tests/meter-capture \
	  $(wildcard tests/system/*.sh tests/system/*/*.sh tests/bench/*.sh tests/fuzz/*.sh); fi
	@echo 'lint: nothing found'

# One target a file, so that they run side by side. Every header must compile alone. ANALYZER_NODES:
# how far clang-tidy's analyzer looks into a function, instead of its own 225000.
ANALYZER_NODES ?=
ANALYZER       = $(ANALYZER_NODES:%=-Xclang -analyzer-config -Xclang max-nodes=%)
.PHONY: lint-each $(PRODUCTION:%=lint/%)
lint-each: $(PRODUCTION:%=lint/%)
$(filter %.c,$(PRODUCTION:%=lint/%)): lint/%.c:
	@echo 'lint: clang-tidy $*.c'; \
	  out=$$(clang-tidy --quiet $*.c -- $(CPPFLAGS) $(PLACES) $(CSTD) $(ANALYZER) 2>&1) || { echo "$$out"; exit 1; }
$(filter %.h,$(PRODUCTION:%=lint/%)): lint/%.h:
	@$(CC) $(CPPFLAGS) $(CSTD) $(WARNINGS) -fsyntax-only -x c $*.h

FUZZ_SECONDS ?= 20
FUZZ_OPTIONS ?=
fuzz: ## fuzz each decoder for FUZZ_SECONDS (20)
	$(call need,$(BUILD_PACKAGES) $(FUZZ_PACKAGES))
	$(again) BUILD=build-fuzz CC=clang SANITIZE=fuzzer-no-link,address,undefined run-fuzzers

FUZZ_HOURS ?= 1
fuzz-long: ## fuzz for FUZZ_HOURS (1) at the lowest priority, the least fuzzed decoders first; what was done is added to docs/fuzzing.tsv
	$(call need,$(BUILD_PACKAGES) $(FUZZ_PACKAGES))
	$(again) BUILD=build-fuzz CC=clang SANITIZE=fuzzer-no-link,address,undefined fuzzers
	@tests/fuzz/long.sh build-fuzz docs/fuzzing.tsv $$(($(FUZZ_HOURS) * 3600)) $(FUZZ_TARGETS)

fuzzers: $(FUZZERS)

# New inputs go to build-fuzz/corpus; those in tests/fuzz/seeds are only read. A format of words has
# them in tests/fuzz/dictionaries.
run-fuzzers: $(FUZZERS:%=%.run)
$(FUZZERS:%=%.run): %.run: %
	@name=$(notdir $*); mkdir -p $(BUILD)/corpus/$$name; \
	seeds=$$(ls -d tests/fuzz/seeds/$$name tests/fuzz/seeds/$${name#fuzz_} 2>/dev/null); \
	words=$$(ls tests/fuzz/dictionaries/$${name#fuzz_}.dict 2>/dev/null); \
	$* $${words:+-dict=$$words} -max_total_time=$(FUZZ_SECONDS) -timeout=10 $(FUZZ_OPTIONS) -artifact_prefix=$(BUILD)/$$name- \
	  $(BUILD)/corpus/$$name $$seeds >$*.log 2>&1 || { tail -n 60 $*.log; exit 1; }; \
	echo "$$name: $$(tail -n 1 $*.log)"

ROUNDS ?= 5
bench: ## speed and memory, beside a loop that counts and tcpdump; BENCH_PEERS=1: beside others, too
	$(call need,$(BUILD_PACKAGES) $(RUN_PACKAGES) $(BENCH_PACKAGES))
	$(again) all benches
	@IAGMETER_BUILD=$(abspath $(BUILD)) BENCH_PEERS=$(BENCH_PEERS) tests/bench/bench.sh $(ROUNDS) \
	  >$(BUILD)/performance.md
	@cat $(BUILD)/performance.md

accuracy: ## requests and tokens estimated from recordings and a live bench, beside what was true; ACCURACY_DATA=dir
	$(call need,$(BUILD_PACKAGES) $(RUN_PACKAGES) $(ACCURACY_PACKAGES))
	$(again) all
	@IAGMETER_BUILD=$(abspath $(BUILD)) tests/bench-tokens/accuracy.sh

benches: $(BENCHES)

bench-local: $(BUILD)/tests/bench/bench_local ## speed of reading local exchanges from the wire, by their kind
	@IAGMETER_BUILD=$(abspath $(BUILD)) tests/bench/bench_local.sh 200 $(ROUNDS)

# Each alone; the programs without bench_ in their names are for the scripts, and so are these two.
bench-parts: $(BENCHES) ## speed of decoders and tables one by one, and what floods cost
	@for bench in $(filter-out %/bench_stages %/bench_local,$(filter $(BUILD)/tests/bench/bench_%,$^)); do \
	  echo "$${bench##*/bench_}:"; $$bench || exit 1; done

# Not with this make's own settings: debian/rules has those of a package.
deb: ## install what is missing, build the Debian package in the directory above; DEB_BUILD_OPTIONS=nocheck: without its unit tests
	$(call need,$(BUILD_PACKAGES) $(RUN_PACKAGES) $(DEB_PACKAGES))
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL dpkg-buildpackage -Jauto -us -uc -b

deb-check: ## the same, then lintian, and in a fresh Debian 12: install, upgrade, remove, purge (as root; downloads)
	$(call need,$(BUILD_PACKAGES) $(RUN_PACKAGES) $(DEB_PACKAGES) $(DEB_CHECK_PACKAGES))
	$(again) deb
	@tests/system/deb_check.sh ../iagmeter_$$(dpkg-parsechangelog -S Version)_$$(dpkg --print-architecture).deb

clean: ## remove what was built
	rm -rf build build-* $(BUILD)

# --- How to build ------------------------------------------------------------------------------

# Change when the flags do, so that `make prefix=/usr/local` does not reuse objects in which the
# other paths are compiled; and makes anew only those.
$(BUILD)/flags: export FLAGS = $(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS)
$(BUILD)/places: export FLAGS = $(PLACES)
$(BUILD)/flags $(BUILD)/places: FORCE
	@mkdir -p $(@D)
	@pkg-config --print-errors --exists $(LIBRARIES) || { echo "try 'make deps'" >&2; exit 1; }
	@printf '%s\n' "$$FLAGS" | cmp -s - $@ || printf '%s\n' "$$FLAGS" >$@
PLACED := $(addprefix $(BUILD)/,daemon/config.o daemon/programs.o tests/daemon/test_supervisor.o)
$(PLACED): $(BUILD)/places
$(PLACED): private CPPFLAGS += $(PLACES)

# Prints what it makes; with V=1, the commands.
quiet = $(if $(V),,@echo '  $(BUILD): $(@:$(BUILD)/%=%)';)

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(quiet)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# Made anew: ar would keep the object of a source that is gone.
$(LIBRARY): $(OBJECTS)
	@rm -f $@
	$(quiet)$(AR) rcs $@ $^

$(PROGRAMS:%=$(BUILD)/%): $(BUILD)/%: $(BUILD)/daemon/%.o $(LIBRARY)
	$(quiet)$(CC) $(ALL_LDFLAGS) $^ $(LIBS) -o $@

$(UNIT_TESTS) $(RUN_SYSTEM): $(BUILD)/%: $(BUILD)/%.o $(LIBRARY)
	$(quiet)$(CC) $(ALL_LDFLAGS) $^ $(LIBS) -lcmocka -lbrotlienc -o $@

$(UNIT_TESTS) $(BENCHES): | $(TEST_LIBS)
$(TEST_LIBS): $(BUILD)/%.so: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(quiet)$(CC) $(CPPFLAGS) $(CSTD) $(WARNINGS) -O1 -g -fPIC -shared $< -o $@

# To optimise the tests themselves would take longer than it saves.
$(UNIT_TESTS:%=%.o): private OPTIMISE := $(patsubst -O%,-O0,$(OPTIMISE))
$(UNIT_TESTS:%=%.o): private HARDENING := $(filter-out -D_FORTIFY_SOURCE%,$(HARDENING))

# libFuzzer calls LLVMFuzzerTestOneInput, which no header declares.
$(BUILD)/tests/fuzz/%.o: private WARNINGS += -Wno-missing-prototypes
$(FUZZERS): $(BUILD)/%: $(BUILD)/%.o $(LIBRARY)
	$(quiet)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer $^ $(LIBS) -o $@

$(BENCHES): $(BUILD)/%: $(BUILD)/%.o $(LIBRARY)
	$(quiet)$(CC) $(ALL_LDFLAGS) $^ $(LIBS) -o $@

.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# --- Installing --------------------------------------------------------------------------------

CONF_FILES := $(shell find conf -type f 2>/dev/null)
DOC_FILES  := $(wildcard README.md LICENSE docs/*.md docs/schema-*.json)
MAN_PAGES  := $(wildcard man/*.[158])
UNITS      := $(wildcard systemd/*.service systemd/*.timer)
# For an inference host of our own: examples, since they give rights.
HOST_FILES := systemd/host.conf systemd/90-iagmeter-host.rules

# In the tree units, manual pages, samples and documents name Debian's paths, so that they can be checked
# and read as they are. systemd knows a state directory below /var/lib alone, and one of configuration below
# /etc: of another one the unit is told that it may be written, and systemd-tmpfiles makes it.
relocate = sed -e 's|/usr/sbin/iagmeterd|$(sbindir)/iagmeterd|g' \
               -e 's|/usr/bin/iagmeter|$(bindir)/iagmeter|g' \
               -e 's|/usr/share/doc/iagmeter|$(docdir)|g' -e 's|/usr/lib/systemd/system|$(unitdir)|g' \
               -e 's|/etc/iagmeter|$(confdir)|g' -e 's|/var/lib/iagmeter|$(statedir)|g' \
               $(if $(filter /var/lib/iagmeter,$(statedir)),,-e '/^StateDirectoryMode=/d' \
                 -e '/^StateDirectory=/{s|=iagmeter|=$(statedir)|;s| iagmeter| $(statedir)|;s|^StateDirectory|ReadWritePaths|}' \
                 -e 's|^Description=.*|&\nRequiresMountsFor=$(statedir)|') \
               $(if $(filter /etc/iagmeter,$(confdir)),,-e '/^ConfigurationDirectory=/d')
# Writes a file for where it is installed: put FROM TO.
put = put() { $(relocate) "$$1" >"$$2"; chmod 644 "$$2"; }

install: all ## install under DESTDIR; a configuration file that differs is left alone
	install -d $(addprefix $(DESTDIR),$(sbindir) $(bindir) $(libexecdir)/iagmeter $(unitdir) \
	  $(sysusersdir) $(tmpfilesdir) $(docdir) $(addprefix $(mandir)/man,1 5 8))
	install -m 755 $(BUILD)/iagmeterd $(DESTDIR)$(sbindir)/iagmeterd
	install -m 755 $(BUILD)/iagmeter $(DESTDIR)$(bindir)/iagmeter
	install -m 755 $(addprefix $(BUILD)/iagmeter-,meter counters views) $(DESTDIR)$(libexecdir)/iagmeter
	@set -e; $(put); \
	for unit in $(UNITS); do put $$unit $(DESTDIR)$(unitdir)/$${unit##*/}; done; \
	for page in $(MAN_PAGES); do put $$page $(DESTDIR)$(mandir)/man$${page##*.}/$${page##*/}; done; \
	put systemd/sysusers.d/iagmeter.conf $(DESTDIR)$(sysusersdir)/iagmeter.conf; \
	put systemd/tmpfiles.d/iagmeter.conf $(DESTDIR)$(tmpfilesdir)/iagmeter.conf; \
	for file in $(DOC_FILES) $(HOST_FILES); do put $$file $(DESTDIR)$(docdir)/$${file##*/}; done
	@set -e; $(put); for file in $(CONF_FILES:conf/%=%); do \
	  to=$(DESTDIR)$(confdir)/$$file; install -d $${to%/*}; put conf/$$file $$to.new; \
	  if [ ! -e $$to ]; then mv $$to.new $$to; \
	  elif cmp -s $$to.new $$to; then rm $$to.new; \
	  else echo "$$to differs and was kept; the new one is $$to.new"; fi; \
	done
	@$(if $(filter /usr/lib/% /usr/local/lib/% /etc/% /lib/%,$(unitdir)),:,echo 'systemd does not look into $(unitdir):' \
	  'with unitdir=/etc/systemd/system sysusersdir=/etc/sysusers.d tmpfilesdir=/etc/tmpfiles.d it does')

uninstall: ## remove what install put there; edited configuration and the ledger stay
	rm -f $(DESTDIR)$(sbindir)/iagmeterd $(DESTDIR)$(bindir)/iagmeter \
	  $(UNITS:systemd/%=$(DESTDIR)$(unitdir)/%) \
	  $(foreach page,$(MAN_PAGES),$(DESTDIR)$(mandir)/man$(patsubst .%,%,$(suffix $(page)))/$(notdir $(page))) \
	  $(DESTDIR)$(sysusersdir)/iagmeter.conf $(DESTDIR)$(tmpfilesdir)/iagmeter.conf
	rm -rf $(DESTDIR)$(libexecdir)/iagmeter $(DESTDIR)$(docdir)
	@for file in $(CONF_FILES:conf/%=%); do \
	  to=$(DESTDIR)$(confdir)/$$file; rm -f $$to.new; \
	  if $(relocate) conf/$$file | cmp -s - $$to; then rm -f $$to; fi; \
	done; \
	[ ! -d $(DESTDIR)$(confdir) ] || find $(DESTDIR)$(confdir) -depth -type d -empty -delete
