"""What a chain of cores shows in each clock cycle, in C: the values of its cores.

The control is the plain C of ``control.c`` and ``cycles.c``, the twin of
:mod:`fxlif.cycles.control`.
"""

from __future__ import annotations

from ..cycles.latency import event_cycles
from ..cycles.pipeline import write_distance
from ..params.core import CoreParams
from ..params.quantise import signed_range
from .expressions import c_type, literal, width
from .network import NetworkText
from .populations import PopulationText
from .tables import joined
from .values import ValuesText, value_parts


class CoreText(ValuesText):
    """The C of the values of core ``k`` of a chain, whose steps are those of its population."""

    def __init__(self, core: CoreParams, k: int, population: PopulationText) -> None:
        super().__init__(core, k, population)
        self.sums = signed_range(core.accumulator_bits)
        self.weights = population.into[0]
        summed = 0 if core.neuron.per_event else core.words
        times = event_cycles(core), write_distance(core.neuron)
        self.shape = (core.n_inputs, core.words, core.lanes, *times, summed)

    @property
    def sum_fields(self) -> list[str]:
        """Its totals."""
        return [f"{c_type(*self.sums)} {self.tag}_totals[{self.size}];"]

    @property
    def current(self) -> str:
        """The current of neuron k."""
        return f"n->{self.tag}_totals[k] * {literal(self.weights.factor)}"

    @property
    def taken(self) -> list[str]:
        """What sets the sums of neuron k to 0."""
        return [f"n->{self.tag}_totals[k] = 0;"]

    @property
    def events(self) -> str:
        """Each added word or acting event: one function."""
        if not self.neuron.per_event:
            return self._add
        weights = self.weights
        added = f"{weights.tag}_weights[e] * {literal(weights.factor)}"
        return self.acting(f"row * {self.size}", added, weights.adds)

    @property
    def _add(self) -> str:
        """The word of weights that is issued, added to the sums; how many additions saturated."""
        tag, weights, lanes = self.tag, self.weights, self.core.lanes
        low, high = self.sums
        kind = c_type(*self.sums)
        one = self.neuron.weight_bits
        wide = f"int{width(low - (1 << one), high + (1 << one))}_t"
        made = [f"static uint32_t add_core_{tag}(NAME_cycles *n, uint32_t row, uint32_t slot)",
                "{", "    uint32_t k, clipped = 0;", f"    const uint32_t first = slot * {lanes};",
                f"    for (k = first; k < first + {lanes}; ++k) {{",
                f"        {wide} total = ({wide})(({wide})n->{tag}_totals[k]",
                f"            + {weights.tag}_weights[row * {self.size} + k]);"]  # fmt: skip
        for end in (f"< {literal(low)}", f"> {literal(high)}"):
            made += [f"        clipped += total {end};",
                     f"        total = total {end} ? {end[2:]} : total;"]  # fmt: skip
        made += [f"        n->{tag}_totals[k] = ({kind})total;", "    }", "    return clipped;"]
        return joined(made, "}")


def cycle_parts(network: NetworkText) -> dict[str, str]:
    """What the templates of a chain's cycles are filled with."""
    cores = [
        CoreText(core, k, network.populations[k]) for k, core in enumerate(network.design.core)
    ]
    return value_parts(cores) | {
        "MORE_CONTROL": "", "MORE_TYPES": "",
        "ADDS": "\n".join(
            f"    case {each.k}:\n"
            f"        return add_core_{each.tag}(n, (uint32_t)row, (uint32_t)slot);"
            for each in cores if not each.neuron.per_event
        ),
    }  # fmt: skip
