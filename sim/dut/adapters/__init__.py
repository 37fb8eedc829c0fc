"""What gives a foreign core the streams of fxlif's own cores: ``wiring`` collects which port plays
which part, ``events`` and ``states`` adapt the forms that real cores have. The Verilog beside them
is put behind the wrapper where it is used."""
