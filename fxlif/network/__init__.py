"""The golden network: synapses, sources, events, the numpy engine, and what a run records."""
