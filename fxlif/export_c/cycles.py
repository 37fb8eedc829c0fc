"""What a chain of cores shows in each clock cycle, in C: the values of its cores.

The control is the plain C of ``cycles.c``, the twin of :mod:`fxlif.cycles.control`.
"""

from __future__ import annotations

from itertools import accumulate

from ..cycles.latency import event_cycles, padded
from ..cycles.pipeline import write_distance
from ..params.core import CoreParams
from ..params.quantise import signed_range
from .expressions import c_type, literal, stored_type, width
from .network import NetworkText
from .populations import PopulationText
from .tables import joined


class CoreText:
    """The C of the values of core ``k``, whose steps are those of its population."""

    def __init__(self, core: CoreParams, k: int, population: PopulationText) -> None:
        self.core, self.k, self.population = core, k, population
        self.tag, self.size = population.tag, padded(core)
        self.neuron, self.step = core.neuron, population.text
        self.sums = signed_range(core.accumulator_bits)
        self.weights = population.into[0]

    @property
    def fields(self) -> list[str]:
        """Its values."""
        tag, size = self.tag, self.size
        made = [f"/* core {self.k} */", f"int32_t {tag}_begun;"]
        made += [f"{stored_type(*e)} {tag}_{name}[{size}];" for name, e in self.step.state.items()]
        if self.neuron.random_bits:
            made += [f"uint32_t {tag}_lfsr, {tag}_next;", f"uint32_t {tag}_random[{size}];"]
        made += [f"{c_type(*e)} {tag}_{name}[{size}];" for name, e in self.step.taking.items()]
        if not self.neuron.per_event:
            made.append(f"{c_type(*self.sums)} {tag}_totals[{size}];")
        return made

    @property
    def functions(self) -> str:
        """What begins a step, what an event does, what is added, the update."""
        parts = [self._begin, self._act if self.neuron.per_event else self._add, self._update]
        return "\n".join(parts)

    @property
    def _begin(self) -> str:
        """What comes before the events of a step: the state after a reset, the draws."""
        tag, lfsr = self.tag, self.neuron.lfsr
        made = [f"static void begin_core_{tag}(NAME_cycles *n)", "{", "    uint32_t k;",
                f"    if (n->{tag}_begun) return;", f"    n->{tag}_begun = 1;",
                f"    for (k = 0; n->core[{self.k}].fresh && k < {self.size}; ++k) {{"]  # fmt: skip
        for name in self.step.state:
            value = self.neuron.v_reset if name == "v" else 0
            made.append(f"        n->{tag}_{name}[k] = {literal(value)};")
        made.append("    }")
        if self.neuron.random_bits:
            mask = (1 << self.neuron.random_bits) - 1
            # Fillers draw too, but the register goes on behind the last neuron.
            made += [f"    n->{tag}_next = n->{tag}_lfsr;",
                     f"    for (k = 0; k < {self.size}; ++k) {{",
                     f"        n->{tag}_random[k] = n->{tag}_lfsr & {mask}u;",
                     f"        n->{tag}_lfsr = shifted(n->{tag}_lfsr, {lfsr.mask}u);",
                     f"        if (k + 1 == {self.core.n_neurons}) n->{tag}_next = n->{tag}_lfsr;",
                     "    }"]  # fmt: skip
        if self.neuron.per_event:
            arguments = self.step.arguments(self.population.reads(), "begin")
            made += [f"    for (k = 0; k < {self.size}; ++k) begin_{tag}({arguments});"]
        return joined(made, "}")

    @property
    def _act(self) -> str:
        """What one event does; a weight of 0 is no synapse."""
        tag, weights = self.tag, self.weights
        arguments = self.step.arguments(self.population.reads() | {"added": "added"}, "event")
        kind = c_type(*weights.adds)
        return joined(
            [f"static void act_core_{tag}(NAME_cycles *n, uint32_t row)", "{",
             f"    uint32_t k, e = row * {self.size};", f"    begin_core_{tag}(n);",
             f"    for (k = 0; k < {self.size}; ++k, ++e) {{",
             f"        const {kind} added = ({kind})({weights.tag}_weights[e] * "
             f"{literal(weights.factor)});",
             f"        if (added) event_{tag}({arguments});", "    }", "}"]
        )  # fmt: skip

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

    @property
    def _update(self) -> str:
        tag, population = self.tag, self.population
        made = [f"static void update_core_{tag}(NAME_cycles *n)", "{"]
        made += [f"    {c_type(*e)} {name};" for name, e in self.step.state.items()]
        made += [f"    {c_type(*self.step.results['spikes'])} spikes;", "    uint32_t k;"]
        made += [f"    begin_core_{tag}(n);", f"    for (k = 0; k < {self.size}; ++k) {{"]
        if "current" in self.step.parameters:
            kind = f"int{max(32, width(*population.current))}_t"
            made.append(f"        const {kind} current = ({kind})n->{tag}_totals[k] * "
                        f"{literal(self.weights.factor)};")  # fmt: skip
        per_event = self.neuron.per_event
        name, which = ("end", "end") if per_event else ("step", "")
        made.append(f"        {name}_{tag}({self.step.arguments(population.reads(), which)});")
        for variable, ends in self.step.state.items():
            made.append(f"        n->{tag}_{variable}[k] = ({stored_type(*ends)}){variable};")
        if not per_event:
            made.append(f"        n->{tag}_totals[k] = 0;")
        spikes = f"n->spikes[shapes[{self.k}].spikes_at + k]"
        real = f"k < {self.core.n_neurons} ? (uint32_t)spikes : 0u"
        made += [f"        {spikes} = {real};", "    }", f"    n->{tag}_begun = 0;"]
        if self.neuron.random_bits:
            made.append(f"    n->{tag}_lfsr = n->{tag}_next;")
        return joined(made, f"    n->core[{self.k}].fresh = 0;", "}")

    @property
    def shape(self) -> str:
        """What the control has to know of it, but where its spikes and its queue begin."""
        core = self.core
        summed = 0 if self.neuron.per_event else core.words
        numbers = (core.n_inputs, core.words, core.lanes, event_cycles(core),
                   write_distance(core.neuron), summed)  # fmt: skip
        return ", ".join(map(str, numbers))


def cycle_parts(network: NetworkText) -> dict[str, str]:
    """What the templates of a chain's cycles are filled with."""
    cores = [
        CoreText(core, k, network.populations[k]) for k, core in enumerate(network.design.core)
    ]
    spikes_at = list(accumulate((each.size for each in cores), initial=0))
    queue_at = list(accumulate((each.core.words for each in cores), initial=0))
    summed = [each for each in cores if not each.neuron.per_event]
    acting = [each for each in cores if each.neuron.per_event]
    states = []
    for each in cores:
        states += [f"    case {each.k}:", f"        if (neuron >= {each.size}) return 0;"]
        for number, name in enumerate(("v", "i_syn", "theta", "refractory")):
            if name in each.step.state:
                value = f"n->{each.tag}_{name}[neuron]"
                states.append(f"        if (variable == {number}) return {value};")
        states.append("        return 0;")
    call = "(n, (uint32_t)row"
    return {
        "CORES": str(len(cores)), "WORDS": str(queue_at[-1]), "SIZES": str(spikes_at[-1]),
        "STATE": "\n".join(f"    {line}" for each in cores for line in each.fields),
        "SHAPES": "\n".join(
            f"    {{{each.shape}, {spikes_at[k]}, {queue_at[k]}}}," for k, each in enumerate(cores)
        ),
        "VALUES": "\n".join(each.functions for each in cores),
        "ADDS": "\n".join(
            f"    case {each.k}:\n        return add_core_{each.tag}{call}, (uint32_t)slot);"
            for each in summed
        ),
        "ACTS": "\n".join(
            f"    case {each.k}:\n        act_core_{each.tag}{call});\n        break;"
            for each in acting
        ),
        "UPDATES": "\n".join(
            f"    case {each.k}:\n        update_core_{each.tag}(n);\n        break;"
            for each in cores
        ),
        "SEEDS": "\n".join(
            f"    n->{each.tag}_lfsr = {each.neuron.lfsr.seed}u;"
            for each in cores if each.neuron.random_bits
        ),
        "STATES": "\n".join(states),
    }  # fmt: skip
