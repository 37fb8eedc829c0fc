"""Functional coverage: which situations a design was in, and which it cannot be in.

A bin is one situation, with a group and a name. ``neuron_bins`` declares those of one step of one
neuron, ``core_bins`` those of a step of a core, ``cycle_bins`` those of streams and control;
``counters`` counts them, ``coverage`` holds the counts of a design. ``until_covered`` runs random
stimulus until no bin is missing: each was hit, proved ``unreachable``, or waived (``waivers``).
"""
