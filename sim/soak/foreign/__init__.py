"""Bulk co-simulation of cores that fxlif did not make, by the map of their ports."""
