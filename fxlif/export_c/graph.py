"""What a network of nodes shows in each clock cycle, in C: the values of its cores and the tables
that join them.

The control is the plain C of ``control.c`` and ``graph.c``, the twin of :mod:`fxlif.cycles.rows`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..cycles.row_model import RowModel
from ..layout import HardwareNetwork, RowCore
from .expressions import literal
from .network import NetworkText
from .populations import PopulationText
from .tables import table
from .values import ValuesText, value_parts


class RowCoreText(ValuesText):
    """The C of the values of core ``k`` of a network of nodes, whose tables those of ``model``
    are."""

    def __init__(self, core: RowCore, k: int, population: PopulationText, model: RowModel) -> None:
        super().__init__(core, k, population)
        self.model = model
        config = model.config[k]
        self.shape = (core.n_events, core.words, core.lanes, 0, int(config["write_distance"]), 0)
        first = int(config["accumulators_at"])
        self.sums = model.graph.accumulators[first : first + int(config["accumulators"])]

    def _place(self, sums: np.void) -> str:
        slot = f"(n->core[{self.k}].update_base & {sums['mask']}u)"
        return f"n->totals[{sums['totals_at']}u + {slot} * {sums['size']}u + k]"

    @property
    def current(self) -> str:
        """The current of neuron k."""
        terms = [f"{self._place(each)} * {literal(1 << int(each['shift']))}" for each in self.sums]
        return " + ".join(terms) or "0"

    @property
    def taken(self) -> list[str]:
        """What sets the sums of neuron k to 0."""
        return [f"{self._place(each)} = 0;" for each in self.sums]

    @property
    def events(self) -> str:
        """The function of an event that acts by itself."""
        if not self.neuron.per_event:
            return ""
        return self.acting("row", "row_weights[e]", self.step.inputs.adds or (0, 0))


def _rows(values: Iterable[tuple[object, ...]], columns: int) -> str:
    """The rows of a table of structs; one of zeros where there are none."""
    made = [f"    {{{', '.join(map(str, row))}}}," for row in values]
    return "\n".join(made or [f"    {{{', '.join('0' * columns)}}},"])


def graph_parts(network: NetworkText, hardware: HardwareNetwork) -> dict[str, str]:
    """What the templates of a network of nodes are filled with."""
    model = RowModel(hardware)
    graph, config = model.graph, model.config
    names = [population.name for population in network.design.population]
    cores = [
        RowCoreText(core, k, network.populations[names.index(core.name)], model)
        for k, core in enumerate(hardware.cores)
    ]
    facts = ("clear_slots", "clear_from", "least_slots", "node", "first_input", "inputs",
             "inputs_at", "ring_mask", "n_events")  # fmt: skip
    row_cores = [
        (*(row[name] for name in facts), int(not each.neuron.per_event), first["age"])
        for row, each, first in zip(config, cores, model.after_reset, strict=True)
    ]
    sums = ("totals_at", "ring", "size", "mask", "low", "high")
    parts = value_parts(cores)
    tables = table("row_weights", model.weights) + table("row_targets", graph.targets, "uint32_t")
    tables += table("regular_phases", graph.phases, "uint32_t")
    tables += table("regular_indices", graph.indices, "uint32_t")
    more = (
        "int32_t length, accumulator, input, part, looked_up, waiting;",
        "uint32_t base, update_base;", "uint64_t early_clips;",
    )  # fmt: skip
    state = (
        f"int64_t totals[{max(1, model.totals)}];",
        f"NAME_regular regular[{max(1, len(graph.regular))}];",
        "uint32_t turn;", parts["STATE"],
    )  # fmt: skip
    return parts | {
        "VALUES": tables + parts["VALUES"],
        "MORE_CONTROL": "\n".join(more), "STATE": "\n".join(state),
        "MORE_TYPES": _REGULAR, "ROW_CORES": _rows(row_cores, 11),
        "ROW_INPUTS": _rows(
            ((x["node"], x["memories"], x["memories_at"], x["parts"]) for x in graph.inputs), 4
        ),
        "ROW_MEMORIES": _rows(
            ((x["first"], x["n_pre"], x["rows_at"]) for x in graph.memories), 3
        ),
        "ROWS": _rows(((x["weights_at"], x["length"], x["accumulator"]) for x in graph.rows), 3),
        "SUMS": _rows(
            (tuple(literal(int(x[name])) for name in sums) for x in graph.accumulators), 6
        ),
        "NODES": str(len(graph.nodes)),
        "CONSUMERS": ", ".join(str(x["consumers"]) for x in graph.nodes),
        "OUTPUTS": str(len(graph.outputs)),
        "OUTPUT_NODES": ", ".join(f"{{{x['node']}, {x['first']}}}" for x in graph.outputs),
        "REGULAR": str(len(graph.regular)),
        "REGULARS": _rows(
            ((x["node"], x["n"], x["interval"], x["entries_at"]) for x in graph.regular), 4
        ),
    }  # fmt: skip


#: The type of a regular source.
_REGULAR = """
/* A regular source: what it shows, and where it is. */
typedef struct {
    int valid, tick;
    uint32_t address, place, count, fresh;
} NAME_regular;
"""
