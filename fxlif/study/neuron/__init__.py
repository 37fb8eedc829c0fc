"""One integer neuron against float64, as a subject of studies."""
