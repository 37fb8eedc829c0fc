"""A design as C: its golden step, its golden network and what its ports show in each clock cycle.

``steps`` writes out the rule of a neuron, with the values of ``expressions``; ``tables`` and
``network`` the golden network; ``cycles`` a chain of cores, by the plain C of ``cycles.c``;
``files`` all files of a design.
"""
