"""The cocotb bench: a wrapper around the design, agents that drive it, a scoreboard."""
