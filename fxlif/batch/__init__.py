"""Many runs of one network at once: the same synapses, each run with its own states and inputs."""
