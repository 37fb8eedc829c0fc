"""A population of a golden network in C: its fields, its tables, its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..network.model import Network
from ..network.sources import NoiseTable, noise_key, noise_table
from ..params.core import REGISTERS
from ..params.network import Population
from ..params.quantise import signed_range
from ..rule.written import register_range, register_value, with_register
from .expressions import c_type, literal, stored_type, width
from .steps import Inputs, StepText
from .tables import joined, table

if TYPE_CHECKING:
    from .projections import ProjectionText


class PopulationText:
    """The C of population ``k``: its fields, tables, steps."""

    def __init__(self, network: Network, k: int, into: list[ProjectionText]) -> None:
        self.network, self.tag = network, f"p{k}"
        self.population: Population = network.graph.populations[k]
        self.neuron, self.n = self.population.neuron, self.population.n
        written = self.population.writable
        self.registers = {name: register_range(self.neuron, name)
                          for name in REGISTERS if name in written}  # fmt: skip
        if self.registers:
            # The same with the ranges of its state that any value of a register needs.
            self.neuron = with_register(self.neuron, "v_reset", self.neuron.v_reset)
        self.into = [each for each in into if each.target == self.population.name]
        self.exact = [e for e in self.into if e.placed.bits is None and not e.per_event]
        self.sums = [e for e in self.into if e.placed.bits is not None]
        self.thresholds = network.thresholds[self.population.name]
        # Those that only fill up the last word of a core have one too.
        cores = network.params.core
        lanes = cores[k].lanes if cores else self.population.lanes
        fillers = np.full(-self.n % lanes, self.neuron.v_threshold, np.int64)
        self.thresholds = np.concatenate([self.thresholds, fillers])
        self.most = network.graph.most_spikes[self.population.name]
        #: Lowest and highest current that sums and noise bring in a step.
        self.current = network.synaptic_ranges[self.population.name]
        ends = [end for each in self.into for end in each.adds]
        self.text = StepText(
            self.neuron, self.tag,
            Inputs(
                self.current,
                self.threshold_ends,
                (min(ends, default=0), max(ends, default=0)) if self.neuron.per_event else None,
                self.most, self.registers,
            ),
        )  # fmt: skip
        #: Steps whose spikes are kept, the present one among them.
        self.rows = 1
        self.depth = max((each.placed.depth for each in self.exact), default=0)

    @property
    def threshold_ends(self) -> tuple[int, int]:
        """Lowest and highest threshold that there can be."""
        if "thresholds" not in self.population.writable:
            return int(self.thresholds.min()), int(self.thresholds.max())
        low, high = signed_range(self.neuron.threshold_bits)
        return low << self.neuron.threshold_shift, high << self.neuron.threshold_shift

    @property
    def spike_type(self) -> str:
        """Holds how often a neuron spikes in a step."""
        return next(f"uint{w}_t" for w in (8, 16, 32) if self.most < 1 << w)

    @property
    def fields(self) -> list[str]:
        """Its state in C."""
        n, tag = self.n, self.tag
        made = [f"/* population {self.population.name} */"]
        made += [f"{stored_type(*e)} {tag}_{name}[{n}];" for name, e in self.text.state.items()]
        if self.depth:
            made.append(f"{c_type(*self.current)} {tag}_pending[{self.depth}][{n}];")
        for each in self.sums:
            ends = signed_range(each.placed.bits or 0)
            made.append(f"{c_type(*ends)} {each.tag}_sums[{each.placed.depth}][{n}];")
        if self.neuron.random_bits:
            made += [f"uint32_t {tag}_lfsr;", f"uint32_t {tag}_random[{n}];"]
        made += [f"{c_type(*e)} {tag}_{name}[{n}];" for name, e in self.text.taking.items()]
        made += [
            f"{self.spike_type} {tag}_fired[{n}];",
            f"uint32_t {tag}_listed[{self.rows}];",
            f"uint32_t {tag}_list[{self.rows}][{n}];",
            f"{self.spike_type} {tag}_times[{self.rows}][{n}];",
        ]
        return made

    @property
    def reset(self) -> list[str]:
        """What is not 0 after a reset."""
        made = []
        v_reset = f"n->written.{self.tag}_v_reset[0]"
        if "v_reset" not in self.registers:
            v_reset = literal(self.neuron.v_reset)
        if v_reset != "0":
            made.append(f"for (k = 0; k < {self.n}; ++k) n->{self.tag}_v[k] = {v_reset};")
        if self.neuron.random_bits:
            made.append(f"n->{self.tag}_lfsr = {self.neuron.lfsr.seed}u;")
        return made

    @property
    def tables(self) -> str:
        """Its constants."""
        made = ""
        if "v_threshold" in self.text.parameters and "thresholds" not in self.population.writable:
            made += table(f"{self.tag}_thresholds", self.thresholds)
        for k, _, drawn in self._noise():
            if drawn.ends[0] < drawn.ends[1]:
                made += table(f"{self.tag}_noise_{k}", drawn.last, "uint64_t")
        return made

    def reads(self) -> dict[str, str]:
        """The arguments of the functions of its step for neuron k, by name."""
        values = {name: f"n->{self.tag}_{name}[k]" for name in self.text.state}
        values |= {f"{name}_after": f"&{name}" for name in self.text.state}
        values |= {"spikes": "&spikes", "current": "current", "random": f"n->{self.tag}_random[k]",
                   "v_threshold": f"{self.tag}_thresholds[k]"}  # fmt: skip
        if "thresholds" in self.population.writable:
            place = "k" if self.population.v_thresholds is not None else "0"
            values["v_threshold"] = f"n->written.{self.tag}_thresholds[{place}]"
        for register in self.registers:
            values[f"written_{register}"] = f"n->written.{self.tag}_{register}[0]"
        for name in self.text.taking:
            values |= {
                name: f"n->{self.tag}_{name}[k]",
                f"{name}_after": f"&n->{self.tag}_{name}[k]",
            }
        return values

    @property
    def one_step(self) -> list[str]:
        """What NAME_step does for a neuron of it."""
        text, tag = self.text, self.tag
        values = {name: f"neuron->{name}" for name in text.state}
        values |= {f"{name}_after": f"&{name}" for name in (*text.state, *text.taking)}
        values |= {name: name for name in ("current", "v_threshold", *text.taking)}
        for register in self.registers:
            values[f"written_{register}"] = literal(register_value(self.neuron, register))
        bits = self.text.random_bits
        values |= {"spikes": "&spikes", "random": f"(random & {(1 << bits) - 1}u)",
                   "added": "added[k]"}  # fmt: skip
        kinds = text.state | text.taking | {"spikes": (0, self.most)}
        made = [f"{c_type(*ends)} {name};" for name, ends in kinds.items()]
        if self.neuron.per_event:
            made += [
                f"begin_{tag}({text.arguments(values, 'begin')});",
                "for (k = 0; k < events; ++k)",
                f"    event_{tag}({text.arguments(values, 'event')});",
                f"end_{tag}({text.arguments(values, 'end')});",
            ]
        else:
            made.append(f"step_{tag}({text.arguments(values)});")
        made += [f"neuron->{name} = {name};" for name in text.state]
        return [*made, "return (int32_t)spikes;"]

    @property
    def update(self) -> str:
        """The functions of its step."""
        tag = self.tag
        made = [f"static void update_{tag}(NAME_network *n)", "{"]
        made += [f"    {kind} {name};" for kind, name in self._locals()]
        made += ["    uint32_t k;", *self._draws(), *self._noise_starts()]
        if self.neuron.per_event:
            arguments = self.text.arguments(self.reads(), "begin")
            made += [f"    for (k = 0; k < {self.n}; ++k)", f"        begin_{tag}({arguments});"]
            for each in self.into:
                made += each.act()
        made += [f"    for (k = 0; k < {self.n}; ++k) {{"]
        made += [f"        {line}" for line in self._one()]
        made += ["    }", *self._listing(), "}"]
        return joined(made)

    def _locals(self) -> list[tuple[str, str]]:
        made = [(c_type(*e), name) for name, e in self.text.state.items()]
        made.append((c_type(0, self.most), "spikes"))
        made.append(("const uint32_t", f"row = (uint32_t)(n->step % {self.rows})"))
        if self.depth:
            made.append(("const uint32_t", f"now = (uint32_t)(n->step % {self.depth})"))
        for each in self.sums:
            text = f"now_{each.tag} = (uint32_t)(n->step % {each.placed.depth})"
            made.append(("const uint32_t", text))
        return made

    def _draws(self) -> list[str]:
        if not self.neuron.random_bits:
            return []
        tag, bits = self.tag, self.text.random_bits
        return [
            f"    for (k = 0; k < {self.n}; ++k) {{",
            f"        n->{tag}_random[k] = n->{tag}_lfsr & {(1 << bits) - 1}u;",
            f"        n->{tag}_lfsr = shifted(n->{tag}_lfsr, {self.neuron.lfsr.mask}u);",
            "    }",
        ]

    def _noise(self) -> list[tuple[int, int, NoiseTable]]:
        """Number, seed and table of each noise."""
        found = self.population.noise
        return [(k, each.seed, noise_table(each)) for k, each in enumerate(found)]

    def _noise_starts(self) -> list[str]:
        made = []
        for k, seed, drawn in self._noise():
            if drawn.ends[0] == drawn.ends[1]:
                continue
            key = noise_key(self.population.name, k, seed)
            made.append(f"    const uint64_t noise_{k} = first_word(UINT64_C({key}), n->step);")
        return made

    def _one(self) -> list[str]:
        kind = f"int{max(32, width(*self.current))}_t"
        terms = []
        made = []
        if self.depth:
            terms.append(f"({kind})n->{self.tag}_pending[now][k]")
            made.append(f"n->{self.tag}_pending[now][k] = 0;")
        for each in self.sums:
            terms.append(f"({kind})n->{each.tag}_sums[now_{each.tag}][k] * {literal(each.factor)}")
            made.append(f"n->{each.tag}_sums[now_{each.tag}][k] = 0;")
        for k, _, found in self._noise():
            if found.ends[0] == found.ends[1]:
                terms.append(literal(found.ends[0]))
                continue
            place = f"words_below({self.tag}_noise_{k}, {len(found.last)}, word(noise_{k}, k))"
            terms.append(f"((({kind}){place}) + {literal(found.first)}) * {literal(found.weight)}")
        if "current" in self.text.parameters:
            made.insert(0, f"const {kind} current = {' + '.join(terms)};")
        name = "end" if self.neuron.per_event else "step"
        kind = "end" if self.neuron.per_event else ""
        made.append(f"{name}_{self.tag}({self.text.arguments(self.reads(), kind)});")
        for variable, ends in self.text.state.items():
            made.append(f"n->{self.tag}_{variable}[k] = ({stored_type(*ends)}){variable};")
        made.append(f"n->{self.tag}_fired[k] = ({self.spike_type})spikes;")
        return made

    def _listing(self) -> list[str]:
        tag = self.tag
        return [
            f"    n->{tag}_listed[row] = 0;",
            f"    for (k = 0; k < {self.n}; ++k) {{",
            f"        if (n->{tag}_fired[k]) {{",
            f"            n->{tag}_list[row][n->{tag}_listed[row]] = k;",
            f"            n->{tag}_times[row][n->{tag}_listed[row]++] = n->{tag}_fired[k];",
            "        }",
            "    }",
        ]
