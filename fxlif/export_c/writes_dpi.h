void NAME_dpi_init(int which);
int NAME_dpi_write(
    int which, int part, int parameter, long long value, int neuron, int from);
