"""What can be written to a golden network in C: its fields, their first values, NAME_write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..cycles.access import NUMBERS
from ..params.core import REGISTERS, Register, Writable
from ..rule.written import register_range, register_value
from .expressions import literal, stored_type
from .populations import PopulationText
from .projections import ProjectionText
from .tables import joined, table


@dataclass(frozen=True)
class Written:
    """A parameter of the population or projection of number ``part``: ``field`` holds ``count``
    values between ``ends``, the ``first`` of which are C text for entry k; ``places`` are the
    statements that find entry e, or answer 0; ``step``: what values are multiples of; ``less``:
    what is held is one less than what is written, from 1 on."""

    parameter: Writable
    part: int
    field: str
    count: int
    ends: tuple[int, int]
    first: str
    places: tuple[str, ...]
    step: int = 1
    less: bool = False
    tables: str = ""

    @property
    def kind(self) -> str:
        """The type of its values."""
        return stored_type(*self.ends)

    @property
    def start(self) -> list[str]:
        """The statements that give it the values of the design."""
        put = f"n->written.{self.field}[k] = ({self.kind}){self.first};"
        return [f"for (k = 0; k < {self.count}; ++k)", f"    {put}"]

    @property
    def function(self) -> str:
        """The function that writes one value: 1, or 0 and nothing is changed."""
        low, high = self.ends[0], self.ends[1] + self.less
        wrong = f"value < {literal(low)} || value > {literal(high)}"
        wrong += f" || value % {self.step}" if self.step > 1 else ""
        held = "value - (value > 0)" if self.less else "value"
        return self.tables + joined(
            [f"static int write_{self.field}(",
             "    NAME_network *n, int64_t value, uint32_t neuron, uint32_t from)", "{",
             "    uint32_t e;", f"    if ({wrong}) return 0;",
             *(f"    {line}" for line in self.places),
             f"    n->written.{self.field}[e] = ({self.kind})({held});", "    return 1;", "}"]
        )  # fmt: skip


def written_of(
    populations: Sequence[PopulationText], projections: Sequence[ProjectionText]
) -> list[Written]:
    """All that can be written to a network."""
    made = [_weights(each, k) for k, each in enumerate(projections)
            if each.writable and not each.empty]  # fmt: skip
    for k, each in enumerate(populations):
        if "thresholds" in each.population.writable:
            made.append(_thresholds(each, k))
        made += [_register(each, k, name) for name in REGISTERS if name in each.population.writable]
    return made


def _weights(each: ProjectionText, k: int) -> Written:
    weights, tag = each.synapses.weights, each.tag
    same = isinstance(weights, int)
    places = (
        f"if (from >= {each.synapses.n_pre}) return 0;",
        f"for (e = {tag}_rows[from]; e < {tag}_rows[from + 1]; ++e)",
        f"    if ({tag}_targets[e] == neuron) break;",
        f"if (e == {tag}_rows[from + 1]) return 0;",
    )
    return Written(
        "weights", k, f"{tag}_weights", each.synapses.count, each.weight_ends,
        literal(weights) if isinstance(weights, int) else f"{tag}_first[k]", places,
        tables="" if same else table(f"{tag}_first", weights),
    )  # fmt: skip


def _thresholds(each: PopulationText, k: int) -> Written:
    own = each.population.v_thresholds is not None
    count = each.n if own else 1
    values = each.network.thresholds[each.population.name]
    places = ("e = neuron;", f"if (e >= {count} || from) return 0;")
    return Written(
        "thresholds", k, f"{each.tag}_thresholds", count, each.threshold_ends,
        f"{each.tag}_first[k]" if own else literal(int(values[0])), places,
        step=1 << each.neuron.threshold_shift,
        tables=table(f"{each.tag}_first", values) if own else "",
    )  # fmt: skip


def _register(each: PopulationText, k: int, name: Register) -> Written:
    neuron = each.population.neuron
    less = name == "refractory" and neuron.refractory_count == "before"
    return Written(
        name, k, f"{each.tag}_{name}", 1, register_range(neuron, name),
        literal(register_value(neuron, name)), ("e = 0;", "if (neuron || from) return 0;"),
        less=less,
    )  # fmt: skip


def fields(written: Sequence[Written]) -> list[str]:
    """The last members of the struct: those that a reset leaves."""
    if not written:
        return []
    return [
        "/* whether an event of the step was taken */", "int begun;",
        "/* what can be written; a reset leaves it: the last member */", "struct {",
        *(f"    {each.kind} {each.field}[{each.count}];" for each in written), "} written;",
    ]  # fmt: skip


def functions(written: Sequence[Written]) -> str:
    """NAME_init and NAME_write."""
    if not written:
        return ""
    made = ["void NAME_init(NAME_network *n)", "{", "    uint32_t k;"]
    made += [f"    {line}" for each in written for line in each.start]
    made += ["    NAME_reset(n);", "}", "", "int NAME_write(",
             "    NAME_network *n, int part, int parameter, int64_t value, uint32_t neuron,",
             "    uint32_t from)", "{", "    if (n->begun) return -1;"]  # fmt: skip
    for each in written:
        made.append(f"    if (parameter == {NUMBERS[each.parameter]} && part == {each.part})")
        made.append(f"        return write_{each.field}(n, value, neuron, from);")
    own = "\n".join(each.function for each in written)
    return own + "\n" + joined(made, "    return 0;", "}")


def numbers(form: str, separator: str) -> str:
    """The numbers of what is written, each as ``form`` with its NAME and number filled in."""
    return separator.join(form.format(name.upper(), NUMBERS[name]) for name in NUMBERS)
