void NAME_reset(NAME_neuron *neuron)
{
    neuron->v = @V_RESET@;
    neuron->i_syn = neuron->theta = neuron->refractory = 0;
    neuron->lfsr = @SEED@;
}

int32_t NAME_step(NAME_neuron *neuron, int64_t current)
{
    @LOCALS@
    @CALL@
    @STORE@
    return (int32_t)spikes;
}

void NAME_steps(uint32_t n, @ARRAYS@)
{
    uint32_t k;
    for (k = 0; k < n; ++k) {
        @LOCALS@
        @CALL_EACH@
        @STORE_EACH@
        spiked[k] = (uint8_t)spikes;
    }
}

void NAME_cycles_reset(NAME_cycles *m)
{
    NAME_reset(&m->neuron);
    m->spike = 0;
}

void NAME_cycles_clock(NAME_cycles *m, int rst, int enable, int64_t current)
{
    if (rst)
        NAME_cycles_reset(m);
    else if (enable)
        m->spike = NAME_step(&m->neuron, current);
}
