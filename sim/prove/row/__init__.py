"""Theorems about a network of cores with rows of synapses, from the contracts of its parts.

``front``, ``issue``, ``synapses`` and ``totals`` have the contracts of the parts that a chain does
not have, each with its proof alone; ``composition`` a core from them, ``images`` what the memories
hold. ``joined`` and ``regular`` are about what lies between cores, ``deadlock`` about all nodes at
once, for any number of steps. ``groups`` says what is attempted.
"""
