void NAME_dpi_cycles_reset(int which);
void NAME_dpi_cycles_clock(
    int which, int rst, int in_valid, int in_address, int in_tick, int out_ready);
int NAME_dpi_in_ready(int which);
int NAME_dpi_out_valid(int which);
int NAME_dpi_out_address(int which);
int NAME_dpi_out_tick(int which);
int NAME_dpi_written(int which, int core);
long long NAME_dpi_core_dropped(int which, int core);
long long NAME_dpi_core_saturated(int which, int core);
long long NAME_dpi_core_state(int which, int core, int variable, int neuron);
int NAME_dpi_core_spikes(int which, int core, int neuron);
