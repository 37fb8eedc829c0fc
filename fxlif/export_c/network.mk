# The C model of NAME, and the example bench with its Verilog as the design under test:
#
#     fxlif verilog DESIGN -o . --bench-cycles 0
#     make -f NAME.mk example
#
# With another simulator: NAME_pkg.sv, NAME_example.sv and NAME.v, and NAME.c and NAME_dpi.c as its
# DPI-C sources.

CC ?= cc
CFLAGS ?= -std=c99 -Wall -Wextra -pedantic -O3
VERILATOR ?= verilator

NAME.a: NAME.c NAME.h
	$(CC) $(CFLAGS) -c NAME.c -o NAME.o
	ar rcs $@ NAME.o

example: NAME.c NAME.h NAME_dpi.c NAME_dpi.h NAME_pkg.sv NAME_example.sv NAME.v
	$(VERILATOR) --binary --timing -Wno-fatal -Wno-WIDTH -Wno-PINMISSING --top-module NAME_example \
	  -CFLAGS -iquote.. -o NAME_example \
	  NAME_pkg.sv NAME_example.sv NAME.v NAME.c NAME_dpi.c
	./obj_dir/NAME_example

.PHONY: example
