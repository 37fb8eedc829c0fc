"""The logic of a design bit by bit, simplified, as an estimate counts it."""
