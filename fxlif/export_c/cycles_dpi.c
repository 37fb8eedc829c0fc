
/* What the ports show: of each instance as it is before the next clock edge. */
static NAME_cycles chains[NAME_INSTANCES];
static NAME_shown shows[NAME_INSTANCES];

void NAME_dpi_cycles_reset(int which)
{
    if (!known(which)) return;
    NAME_cycles_reset(&chains[which]);
    NAME_cycles_show(&chains[which], &shows[which]);
}

void NAME_dpi_cycles_clock(
    int which, int rst, int in_valid, int in_address, int in_tick, int out_ready)
{
    if (!known(which)) return;
    NAME_cycles_clock(&chains[which], rst, in_valid, (uint32_t)in_address, in_tick, out_ready);
    NAME_cycles_show(&chains[which], &shows[which]);
}

int NAME_dpi_in_ready(int which)
{
    return known(which) ? shows[which].in_ready : 0;
}

int NAME_dpi_out_valid(int which)
{
    return known(which) ? shows[which].out_valid : 0;
}

int NAME_dpi_out_address(int which)
{
    return known(which) ? (int)shows[which].out_address : 0;
}

int NAME_dpi_out_tick(int which)
{
    return known(which) ? shows[which].out_tick : 0;
}

static const NAME_core_shown *core_of(int which, int core)
{
    static const NAME_core_shown nothing = {-1, 0, 0, 0};
    if (!known(which) || core < 0 || core >= @CORES@) return &nothing;
    return &shows[which].core[core];
}

int NAME_dpi_written(int which, int core)
{
    return (int)core_of(which, core)->written;
}

long long NAME_dpi_core_dropped(int which, int core)
{
    return (long long)core_of(which, core)->dropped;
}

long long NAME_dpi_core_saturated(int which, int core)
{
    return (long long)core_of(which, core)->saturated;
}

long long NAME_dpi_core_state(int which, int core, int variable, int neuron)
{
    if (!known(which)) return 0;
    return NAME_cycles_state(&chains[which], core, variable, (uint32_t)neuron);
}

int NAME_dpi_core_spikes(int which, int core, int neuron)
{
    return known(which) ? (int)NAME_cycles_spikes(&chains[which], core, (uint32_t)neuron) : 0;
}
