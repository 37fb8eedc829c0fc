"""Theorems about a network of cores with rows of synapses, from the contracts of its parts.

Each part of a core is proved alone, as those of a chain's cores are; ``deadlock`` is about all
cores at once.
"""
