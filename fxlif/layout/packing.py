"""How full the memories of rows are, and why each projection has its form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import count_of
from ..params.network import Projection
from .plan import Plan
from .rows import Forms, Shape


@dataclass(frozen=True, eq=False)
class Packing:
    """What became of projection ``number``: its forms, and how many synapses they hold."""

    number: int
    projection: Projection
    forms: Forms
    held: int

    @property
    def chosen(self) -> Shape:
        """The form that it has."""
        return self.forms.chosen

    @property
    def share(self) -> float:
        """The share of the memory's slots that hold a synapse."""
        return self.held / self.chosen.slots

    @property
    def why(self) -> str:
        """Why it has this form, with the figures of the other one."""
        others = [
            f"{name} would be {form.bits:,} bits, {form.cycles:.4g} cycles"
            for name, form in self.forms.named.items()
            if form is not self.chosen
        ]
        if self.forms.dense is None:
            others.append("its delays differ")
        if self.forms.sparse is None:
            others.append("its events act one by one")
        return "; ".join([f"{self.chosen.cycles:.4g} cycles a spike", *others])

    def __str__(self) -> str:
        shape, ends = self.chosen, self.projection
        rows = np.flatnonzero(shape.lengths)
        once = np.count_nonzero(shape.stored[rows])
        equal = f" ({count_of(len(rows), 'row')} stored as {once:,})" if once < len(rows) else ""
        return (
            f"projection[{self.number}], {ends.source} to {ends.target}: {self.forms.cheapest}, "
            f"{shape.depth:,} words of {shape.lanes}{equal}, {self.share:.1%} of the slots hold "
            f"synapses, {shape.bits:,} bits: {self.why}"
        )


def packing(plan: Plan) -> tuple[Packing, ...]:
    """What becomes of each projection."""
    return tuple(
        Packing(
            k,
            table.projection,
            forms,
            int(np.diff(table.synapses.indptr)[forms.chosen.stored].sum()),
        )
        for k, (table, forms) in enumerate(zip(plan.tables, plan.forms, strict=True))
    )
