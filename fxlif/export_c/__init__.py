"""A design as C: its golden step, its golden network and what its ports show in each clock cycle.

``steps`` writes out the rule of a neuron, with the values of ``expressions``; ``network``, with
``populations`` and ``projections``, the golden network; ``neuron`` a lone one. What the ports show:
``values`` of any core, ``cycles`` of a chain, ``graph`` of other networks; their control is the
plain C of ``control.c``, ``cycles.c`` and ``graph.c``. ``files`` puts all of it together.
"""
