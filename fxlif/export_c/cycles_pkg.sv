
// What the ports show before the next clock edge, and that edge; of core 0, 1...: the number of the
// word that is written back, or -1, its counters, and the values of its last update.
import "DPI-C" function void NAME_dpi_cycles_reset(input int which);
import "DPI-C" function void NAME_dpi_cycles_clock(
    input int which, input int rst, input int in_valid, input int in_address, input int in_tick,
    input int out_ready);
import "DPI-C" function int NAME_dpi_in_ready(input int which);
import "DPI-C" function int NAME_dpi_out_valid(input int which);
import "DPI-C" function int NAME_dpi_out_address(input int which);
import "DPI-C" function int NAME_dpi_out_tick(input int which);
import "DPI-C" function int NAME_dpi_written(input int which, input int core);
import "DPI-C" function longint NAME_dpi_core_dropped(input int which, input int core);
import "DPI-C" function longint NAME_dpi_core_saturated(input int which, input int core);
import "DPI-C" function longint NAME_dpi_core_state(
    input int which, input int core, input int variable_, input int neuron);
import "DPI-C" function int NAME_dpi_core_spikes(
    input int which, input int core, input int neuron);
