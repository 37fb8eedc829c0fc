"""Any core against the golden model: Verilog that fxlif did not make, and a map of its ports.

``run`` is ``fxlif verify --dut``, ``check`` the checkers for a cocotb test of one's own. A ``map``
says which port plays which part; ``wrapper`` gives the module the signals of fxlif's own cores;
``reference`` says what they must show, and ``coverage`` what was met on the way. ``stimulus`` and
``events`` drive it, and ``testbench`` puts all this together: for cocotb in ``bench``, and for the
mutants of :mod:`fxlif.sim.mutate.foreign`.
"""
