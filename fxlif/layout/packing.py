"""How full the memories of rows are, and why each projection has its form."""

from __future__ import annotations

from dataclasses import dataclass

from ..params.network import Projection
from .plan import Plan
from .rows import Shape, cheaper


@dataclass(frozen=True, eq=False)
class Packing:
    """What became of projection ``number``: its two forms, and how many synapses they hold.

    ``dense`` is None where the delays of its synapses differ.
    """

    number: int
    projection: Projection
    synapses: int
    sparse: Shape
    dense: Shape | None

    @property
    def chosen(self) -> Shape:
        """The form that it has."""
        return cheaper(self.sparse, self.dense)

    @property
    def share(self) -> float:
        """The share of the memory's slots that hold a synapse."""
        return self.synapses / self.chosen.slots

    @property
    def why(self) -> str:
        """Why it has this form, with the figures of the other one."""
        if self.dense is None:
            return "its delays differ"
        other, name = (self.sparse, "sparse") if self.chosen.dense else (self.dense, "dense")
        return (
            f"{self.chosen.cycles:.4g} cycles a spike; {name} would be {other.bits:,} bits, "
            f"{other.cycles:.4g} cycles"
        )

    def __str__(self) -> str:
        shape, ends = self.chosen, self.projection
        form = "dense" if shape.dense else "sparse"
        return (
            f"projection[{self.number}], {ends.source} to {ends.target}: {form}, "
            f"{shape.depth:,} words of {shape.lanes}, {self.share:.1%} of the slots hold synapses, "
            f"{shape.bits:,} bits: {self.why}"
        )


def packing(plan: Plan) -> tuple[Packing, ...]:
    """What becomes of each projection."""
    return tuple(
        Packing(k, table.projection, table.synapses.count, *forms)
        for k, (table, forms) in enumerate(zip(plan.tables, plan.shapes, strict=True))
    )
