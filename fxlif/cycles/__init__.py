"""What the hardware shows in every clock cycle: latencies, the control, a core, a lone neuron."""
