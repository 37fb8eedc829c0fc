// The golden network NAME in C, for SystemVerilog. What each function does is said in NAME.h; which:
// the number of an instance, 0..3 (NAME_INSTANCES).
package NAME_pkg;
  localparam int NAME_TICK = -1;  // ends the answers of a step
  localparam int V = 0, I_SYN = 1, THETA = 2, REFRACTORY = 3;
  @NUMBERS@

  import "DPI-C" function void NAME_dpi_reset(input int which);
  import "DPI-C" function int NAME_dpi_push_event(input int which, input int address);
  import "DPI-C" function void NAME_dpi_tick(input int which);
  import "DPI-C" function int NAME_dpi_next_event(input int which);
  import "DPI-C" function longint NAME_dpi_state(
      input int which, input int population, input int variable_, input int neuron);
  import "DPI-C" function longint NAME_dpi_dropped(input int which);
  import "DPI-C" function longint NAME_dpi_saturated(input int which, input int projection);
  @WRITES_IMPORTS@
  @CYCLES_IMPORTS@
endpackage
