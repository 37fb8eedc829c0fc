"""The values of cores in C, where it is said what the ports show: their steps, update by update."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import accumulate

from ..cycles.latency import AnyCore, padded
from ..rule.step import NeuronState
from .expressions import c_type, literal, stored_type, width
from .populations import PopulationText
from .tables import joined


class ValuesText(ABC):
    """The C of the values of core ``k``; a kind of core adds its ``shape``, what it sums and what
    its events do."""

    shape: tuple[int, ...]

    def __init__(self, core: AnyCore, k: int, population: PopulationText) -> None:
        self.core, self.k, self.population = core, k, population
        self.tag, self.size = population.tag, padded(core)
        self.neuron, self.step = core.neuron, population.text

    @property
    def sum_fields(self) -> list[str]:
        """The totals that are its own."""
        return []

    @property
    @abstractmethod
    def current(self) -> str:
        """The current of neuron k."""

    @property
    @abstractmethod
    def taken(self) -> list[str]:
        """What sets the sums of neuron k to 0."""

    @property
    @abstractmethod
    def events(self) -> str:
        """The function of a word that is added, or of an event that acts by itself."""

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
            made += self.sum_fields
        return made

    @property
    def functions(self) -> str:
        """What begins a step, what an event does, what is added, the update."""
        return "\n".join(part for part in (self._begin, self.events, self._update) if part)

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

    def acting(self, first: str, added: str, ends: tuple[int, int]) -> str:
        """The function of one event, whose row of weights begins at ``first``, counted by ``e``: it
        adds ``added``, between the ``ends``. A weight of 0 is no synapse."""
        tag = self.tag
        arguments = self.step.arguments(self.population.reads() | {"added": "added"}, "event")
        kind = c_type(*ends)
        return joined(
            [f"static void act_core_{tag}(NAME_cycles *n, uint32_t row)", "{",
             f"    uint32_t k, e = {first};", f"    begin_core_{tag}(n);",
             f"    for (k = 0; k < {self.size}; ++k, ++e) {{",
             f"        const {kind} added = ({kind})({added});",
             f"        if (added) event_{tag}({arguments});", "    }", "}"]
        )  # fmt: skip

    @property
    def _update(self) -> str:
        tag, population = self.tag, self.population
        made = [f"static void update_core_{tag}(NAME_cycles *n)", "{"]
        made += [f"    {c_type(*e)} {name};" for name, e in self.step.state.items()]
        made += [f"    {c_type(*self.step.results['spikes'])} spikes;", "    uint32_t k;"]
        made += [f"    begin_core_{tag}(n);", f"    for (k = 0; k < {self.size}; ++k) {{"]
        if "current" in self.step.parameters:
            kind = f"int{max(32, width(*population.current))}_t"
            made.append(f"        const {kind} current = ({kind})({self.current});")
        per_event = self.neuron.per_event
        name, which = ("end", "end") if per_event else ("step", "")
        made.append(f"        {name}_{tag}({self.step.arguments(population.reads(), which)});")
        for variable, ends in self.step.state.items():
            made.append(f"        n->{tag}_{variable}[k] = ({stored_type(*ends)}){variable};")
        if not per_event:
            made += [f"        {line}" for line in self.taken]
        spikes = f"n->spikes[shapes[{self.k}].spikes_at + k]"
        real = f"k < {self.core.n_neurons} ? (uint32_t)spikes : 0u"
        made += [f"        {spikes} = {real};", "    }", f"    n->{tag}_begun = 0;"]
        if self.neuron.random_bits:
            made.append(f"    n->{tag}_lfsr = n->{tag}_next;")
        return joined(made, f"    n->core[{self.k}].fresh = 0;", "}")


def value_parts(cores: Sequence[ValuesText]) -> dict[str, str]:
    """What the templates are filled with, whatever kind the cores are of."""
    spikes_at = list(accumulate((each.size for each in cores), initial=0))
    queue_at = list(accumulate((each.core.words for each in cores), initial=0))
    states = []
    for each in cores:
        states += [f"    case {each.k}:", f"        if (neuron >= {each.size}) return 0;"]
        for number, name in enumerate(NeuronState._fields):
            if name in each.step.state:
                value = f"n->{each.tag}_{name}[neuron]"
                states.append(f"        if (variable == {number}) return {value};")
        states.append("        return 0;")
    return {
        "CORES": str(len(cores)), "WORDS": str(queue_at[-1]), "SIZES": str(spikes_at[-1]),
        "STATE": "\n".join(line for each in cores for line in each.fields),
        "SHAPES": "\n".join(
            f"    {{{', '.join(map(str, each.shape))}, {spikes_at[k]}, {queue_at[k]}}},"
            for k, each in enumerate(cores)
        ),
        "VALUES": "\n".join(each.functions for each in cores),
        "ACTS": "\n".join(
            f"    case {each.k}:\n        act_core_{each.tag}(n, (uint32_t)row);\n        break;"
            for each in cores if each.neuron.per_event
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
