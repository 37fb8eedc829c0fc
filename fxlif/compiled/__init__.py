"""The same rule as compiled loops: one neuron, populations and whole networks. Needs numba."""
