
int64_t NAME_cycles_state(const NAME_cycles *n, int core, int variable, uint32_t neuron)
{
    switch (core) {
@STATES@
    default:
        return 0;
    }
}

uint32_t NAME_cycles_spikes(const NAME_cycles *n, int core, uint32_t neuron)
{
    const core_shape *shape;
    if (core < 0 || core >= @CORES@) return 0;
    shape = &shapes[core];
    if (neuron >= (uint32_t)(shape->words * shape->lanes)) return 0;
    return n->spikes[shape->spikes_at + neuron];
}
