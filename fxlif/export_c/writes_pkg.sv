localparam int @WRITE_NUMBERS@;
// The first NAME_dpi_reset of an instance is NAME_dpi_init.
import "DPI-C" function void NAME_dpi_init(input int which);
import "DPI-C" function int NAME_dpi_write(
    input int which, input int part, input int parameter_, input longint value, input int neuron,
    input int from);
