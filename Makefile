# sbridge. `make help` lists what can be made; `make deps demo` is a good start.
#
# Choices on the command line, for instance `make CC=clang SAN=1 check`:
#   CC=clang        the compiler below mpicc       CFLAGS=...   instead of -O3 -g
#   SAN=1           address and undefined-behaviour sanitizers
#   MPI=mpich       Debian's MPICH (mpicc.mpich, hdf5-mpich) beside Open MPI; elsewhere it is what mpicc is
#   FUZZ=1          with CC=clang: tests/fuzz searches for bad input instead of replaying what was found
#   WERROR=1        warnings are errors            V=1          show the commands
#   BUILD=folder    objects and programs go there  SOURCES=...  only these into the library
# Each compiler and SAN has a folder of its own, and other flags build everything anew.

VERSION := 0.1.0
PREFIX  ?= /usr/local
MAKEFLAGS += --no-print-directory --no-builtin-rules

goals := $(or $(MAKECMDGOALS),all)

ifneq ($(filter deps deps-long,$(goals)),)
# Packages come first, whatever else is asked for and however many jobs there are: nothing further down may be looked at
# before they are there, so the other goals run in a make of their own.
.NOTPARALLEL:
later := $(filter-out deps deps-long,$(goals))
.PHONY: deps deps-long $(later)
deps:       ## install the packages needed to build, check and run the demo, or name them
	@tools/deps.sh
deps-long:  ## the same for check-long and bench: SLURM, ParaView, PyTorch, valgrind and more
	@tools/deps.sh --long
$(later): $(filter deps deps-long,$(goals))
	@+$(MAKE) $@

else ifneq ($(filter-out clean help,$(goals)),)

# ---- Compiler and libraries ----------------------------------------------------------------------------------------------

MPI    ?= openmpi
CFLAGS ?= -O3 -g
ifeq ($(filter default undefined,$(origin CC))$(findstring mpi,$(CC)),)
  export OMPI_CC := $(CC)
  export MPICH_CC := $(CC)
  variant := -$(notdir $(firstword $(CC)))
endif
BUILD ?= build$(patsubst %,-%,$(filter-out openmpi,$(MPI)))$(variant)$(SAN:%=-san)$(FUZZ:%=-fuzz)
ifneq ($(MPI),openmpi) # everything below, the tests too, finds mpicc and mpirun of this MPI by their plain names
  commands := $(abspath $(BUILD))/mpi
  $(shell mkdir -p $(commands) && for c in mpicc mpirun h5pcc; do \
     printf '\043!/bin/sh\nexec %s "$$@"\n' "$$(command -v $$c.$(MPI))" >$(commands)/$$c && chmod +x $(commands)/$$c; done)
  export PATH := $(commands):$(PATH)
  MPICC := $(commands)/mpicc
endif
MPICC ?= mpicc

machine := $(shell $(MPICC) -dumpmachine 2>/dev/null)
ifeq ($(machine),)
  $(error no working $(MPICC) found: try `make deps`, for MPICH `make deps-long`)
endif

package = $(shell pkg-config $1 2>/dev/null)
hdf5 := $(or $(call package,--cflags --libs hdf5-$(MPI)),$(filter -I% -L% -l% -Wl% %.a %.so,$(shell PATH='$(PATH)' h5pcc -show 2>/dev/null)))
ifeq ($(hdf5),)
  $(error no parallel HDF5 found, by neither `pkg-config hdf5-$(MPI)` nor `h5pcc -show`: try `make deps`)
endif
blas      := $(or $(call package,--cflags --libs openblas),-lopenblas)
lapacke   := $(or $(call package,--cflags --libs lapacke),-llapacke)
scalapack := $(or $(filter -L% -lscalapack%,$(call package,--libs scalapack-$(MPI))),-lscalapack)
yaml      := $(or $(call package,--cflags --libs yaml-0.1),-lyaml)

libraries := $(hdf5) $(scalapack) $(lapacke) $(blas) $(yaml) -lm
libs      := $(filter-out -I%,$(libraries))
includes  := -D_GNU_SOURCE -DH5_USE_110_API -Iinclude $(patsubst -I%,-isystem %,$(sort $(filter -I%,$(libraries))))

warnings := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla $(WERROR:%=-Werror)
sanitize := $(SAN:%=-O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined)
exact    := -ffp-contract=off
cover    := $(FUZZ:%=-fsanitize=fuzzer-no-link)
compile   = $(MPICC) -std=c11 $(includes) $(CPPFLAGS) $(CFLAGS) $(warnings) $(exact) $1 $(sanitize) $(cover) -MMD -MP -c -o $@ $<
link      = $(MPICC) $(CFLAGS) $(sanitize) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(libs) $(LDLIBS)

# ---- Files ---------------------------------------------------------------------------------------------------------------

# The kernels are compiled once for each instruction set, x.c into x_avx2.o; the program chooses when it starts.
isa_generic := -O3
isa_avx2    := -O3 -mavx2 -mfma
isa_avx512  := $(isa_avx2) -mavx512f -mavx512dq -mavx512vl -mavx512bw -mprefer-vector-width=512
isas        := generic
ifneq ($(filter x86_64-%,$(machine)),)
  isas     += avx2 avx512
  includes += -DSB_HAVE_X86=1
endif

SOURCES ?= $(wildcard src/*/*.c src/*/*/*.c)
object   = $(patsubst src/%.c,$(BUILD)/obj/%.o,$1)
kernels := $(filter src/base/kernel/%,$(SOURCES))
objects := $(call object,$(filter-out src/app/main.c $(kernels),$(SOURCES))) \
           $(foreach isa,$(isas),$(patsubst %.o,%_$(isa).o,$(call object,$(kernels))))
library := $(BUILD)/libsbridge.a
program := $(patsubst src/app/main.c,$(BUILD)/sbridge,$(wildcard src/app/main.c))
tests   := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/t_*.c))
fuzzers := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/f_*.c))
benches := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/b_*.c))

.PHONY: all fuzzers run demo check check-long bench lint format install uninstall
.DELETE_ON_ERROR:
.PRECIOUS: $(BUILD)/obj/tests/%.o

all: $(program) $(library)  ## the program and the library (default)

fuzzers: $(fuzzers)

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $1 $@)

$(BUILD)/obj/%.o: src/%.c $(BUILD)/flags
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(call compile)

define kernel_rule
$(BUILD)/obj/%_$1.o: src/%.c $(BUILD)/flags
	$$(call say,CC)
	$(Q)mkdir -p $$(@D)
	$(Q)$$(call compile,-DSB_ISA=$1 $(isa_$1))
endef
$(foreach isa,$(isas),$(eval $(call kernel_rule,$(isa))))

$(BUILD)/obj/tests/%.o: tests/%.c $(BUILD)/flags
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(call compile,-Itests/unit)

$(library): $(objects) $(BUILD)/contents
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcs $@ $(objects)

$(BUILD)/sbridge: $(call object,src/app/main.c) $(library)
	$(call say,LINK)
	$(Q)$(call link)

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(library)
	$(call say,LINK)
	$(Q)mkdir -p $(@D) && $(call link)

$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(library)
	$(call say,LINK)
	$(Q)mkdir -p $(@D) && $(call link)

$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(if $(FUZZ),,$(BUILD)/obj/tests/fuzz/replay.o) $(library)
	$(call say,LINK)
	$(Q)mkdir -p $(@D) && $(call link) $(FUZZ:%=-fsanitize=fuzzer)

-include $(patsubst %.o,%.d,$(objects) $(call object,src/app/main.c) $(wildcard $(BUILD)/obj/tests/*/*.o))

# Small files that are written only when their content changes: how everything is compiled, what the library consists of,
# and what about.c tells.
.PHONY: FORCE
update = mkdir -p $(@D) && cat >$@.new && { cmp -s $@.new $@ && rm $@.new || mv $@.new $@; }

$(BUILD)/flags: FORCE
	@echo '$(call compile,$(isa_generic) $(isa_avx512)) $(link)' | { $(update); }

$(BUILD)/contents: FORCE
	@echo $(objects) | { $(update); }

$(BUILD)/version.h: FORCE
	@printf '#define SB_%s "%s"\n' VERSION '$(VERSION)' CFLAGS '$(strip $(CFLAGS) $(exact) $(sanitize) $(cover))' \
	   GIT "$$(git describe --always --dirty 2>/dev/null || echo unknown)" \
	   COMPILER "$$($(MPICC) --version | head -n 1)" | { $(update); }

$(call object,src/io/about.c): $(BUILD)/version.h
$(call object,src/io/about.c): includes += -include $(BUILD)/version.h

# ---- Running -------------------------------------------------------------------------------------------------------------

cores  = $(shell n=$$(lscpu -p=Core,Socket 2>/dev/null | grep -v '^\#' | sort -u | wc -l); m=$$(nproc); \
                 echo $$((n > 0 && n < m ? n : m)))
NP     = $(cores)
PYTHON = $(shell tools/python.sh)
mpirun = OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OPENBLAS_NUM_THREADS=1 $(SAN:%=ASAN_OPTIONS=detect_leaks=0) \
         $(shell test $(NP) -le $(cores) || echo OMPI_MCA_rmaps_base_oversubscribe=1) mpirun -n $(NP)
tested = BUILD='$(BUILD)' PYTHON='$(PYTHON)' tests/all

run: all    ## run DECK=input/name.yml on NP=n ranks (default: one per core), with more options in ARGS
	@$(if $(DECK),,$(error make run needs DECK=input/name.yml))
	$(mpirun) $(BUILD)/sbridge run $(DECK) $(ARGS)

demo: all   ## learn a bridge onto a ring, sample it, plot it
	$(mpirun) $(BUILD)/sbridge run input/ring.yml --overwrite
	$(PYTHON) tools/plot.py output/ring

check: all $(tests) $(fuzzers)  ## lint and all tests of less than five minutes; needs two cores
	@$(tested) tests/lint.sh $(sort $(wildcard tests/unit/t_*.c)) \
	   $(sort $(wildcard $(foreach folder,equal science e2e,tests/$(folder)/*.sh tests/$(folder)/*.py)))

check-long: all $(tests) $(fuzzers)  ## slow science, SLURM, several hosts, ParaView, fuzzing, sanitizers, valgrind
	@$(tested) $(sort $(wildcard tests/long/*.sh tests/long/*.py))

bench: all $(benches)  ## speed against the machine, PyTorch and raw MPI-IO, into build/bench.json; < 5 minutes on 2 cores
	@$(PYTHON) tools/bench.py --build=$(BUILD) --ranks=$(NP) $(ARGS)

lint:       ## layers, forbidden calls, lengths, format; one line per finding
	@tools/lint.sh

format:     ## set src/ and tests/ as .clang-format says
	@clang-format -i $$(find src tests -name '*.[ch]')

# ---- Installing ----------------------------------------------------------------------------------------------------------

to = $(DESTDIR)$(PREFIX)

share  := $(to)/share
module := sbridge/modulefiles/sbridge/$(VERSION)
itself  = OMPI_MCA_ess_singleton_isolated=1 $(program)

$(BUILD)/sbridge.1: tools/packaging/man.awk $(program)
	$(Q)$(itself) help >$@.help && awk -v version='$(VERSION)' \
	   -v date="$$(git log -1 --format=%cs 2>/dev/null || date -r CITATION.cff +%F)" -f $< $@.help >$@

$(BUILD)/completion.bash: tools/packaging/completion.awk $(program)
	$(Q)$(itself) help >$@.help && $(itself) help keys >>$@.help && awk -f $< $@.help >$@

$(BUILD)/modulefile: tools/packaging/modulefile.in FORCE
	$(Q)sed 's|@VERSION@|$(VERSION)|g; s|@PREFIX@|$(PREFIX)|g' $< | { $(update); }

install: $(BUILD)/sbridge.1 $(BUILD)/completion.bash $(BUILD)/modulefile
install: all  ## program, library, manual and more into PREFIX=/usr/local, below DESTDIR
	install -d $(to)/bin $(to)/lib/pkgconfig $(to)/include/sb $(share)/man/man1 $(share)/bash-completion/completions \
	   $(share)/$(dir $(module))
	install $(program) $(to)/bin
	install -m 644 $(library) $(to)/lib
	install -m 644 include/sb/*.h $(to)/include/sb
	install -m 644 $(BUILD)/sbridge.1 $(share)/man/man1
	install -m 644 $(BUILD)/completion.bash $(share)/bash-completion/completions/sbridge
	install -m 644 $(BUILD)/modulefile $(share)/$(module)
	printf '%s\n' 'prefix=$(PREFIX)' '' 'Name: sbridge' 'Description: Schroedinger bridges on supercomputers' \
	   'Version: $(VERSION)' 'Cflags: -I$${prefix}/include $(filter -I%,$(hdf5))' \
	   'Libs: -L$${prefix}/lib -lsbridge $(libs)' >$(to)/lib/pkgconfig/sbridge.pc

uninstall:  ## remove what install put there
	rm -rf $(to)/bin/sbridge $(to)/lib/libsbridge.a $(to)/lib/pkgconfig/sbridge.pc $(to)/include/sb $(share)/sbridge \
	   $(share)/man/man1/sbridge.1 $(share)/bash-completion/completions/sbridge

endif

# ---- Without a compiler ---------------------------------------------------------------------------------------------------

.PHONY: clean help
clean:      ## remove everything that was built
	rm -rf build build-*

help:       ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | sort | awk -F'\t' '{ printf "  make %-11s %s\n", $$1, $$2 }'
