static int begun[NAME_INSTANCES];

void NAME_dpi_init(int which)
{
    if (!known(which)) return;
    begun[which] = 1;
    NAME_init(&networks[which]);
}

/* The first one is NAME_dpi_init. */
void NAME_dpi_reset(int which)
{
    if (!known(which)) return;
    if (!begun[which]) NAME_dpi_init(which);
    else NAME_reset(&networks[which]);
}

int NAME_dpi_write(
    int which, int part, int parameter, long long value, int neuron, int from)
{
    if (!known(which) || !begun[which]) return 0;
    return NAME_write(
        &networks[which], part, parameter, value, (uint32_t)neuron, (uint32_t)from);
}
