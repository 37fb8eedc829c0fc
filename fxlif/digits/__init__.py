"""The shipped digits network: a 64-64-10 chain of two cores that reads 8x8 handwritten digits."""

from pathlib import Path

#: The design file; its weights and its test images lie beside it.
DESIGN = Path(__file__).with_name("design.toml")
