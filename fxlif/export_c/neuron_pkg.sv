// The golden neuron NAME in C, for SystemVerilog; which: the number of an instance, 0..3
// (NAME_INSTANCES). NAME_dpi_step is one step; NAME_dpi_clock a clock edge of the registered neuron;
// NAME_dpi_spike and NAME_dpi_state what it then shows.
package NAME_pkg;
  localparam int V = 0, I_SYN = 1, THETA = 2, REFRACTORY = 3;

  import "DPI-C" function void NAME_dpi_reset(input int which);
  import "DPI-C" function int NAME_dpi_step(input int which, input longint current);
  import "DPI-C" function void NAME_dpi_clock(
      input int which, input int rst, input int enable, input longint current);
  import "DPI-C" function int NAME_dpi_spike(input int which);
  import "DPI-C" function longint NAME_dpi_state(input int which, input int variable_);
endpackage
