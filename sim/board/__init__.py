"""A simulated board: the top with the serial line, built by Verilator, behind the same bytes that a
port of this machine would carry."""
