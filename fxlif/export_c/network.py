"""The golden network in C: what it remembers, what is given to it, its steps and its answers."""

from __future__ import annotations

from functools import cached_property

from ..arrays import count_of
from ..cycles.latency import padded
from ..errors import FxlifError
from ..network.model import Network
from ..network.sources import limit, mix, phases
from ..params.network import NetworkParams
from ..params.sources import EventSource, PoissonSource, RegularSource, Source
from ..rule.step import NeuronState
from .populations import PopulationText
from .projections import ProjectionText
from .tables import joined, table
from .writes import fields, functions, written_of

#: So many synapses a text of C may list.
MOST_SYNAPSES = 1 << 22


class SourceText:
    """The C of source ``k``."""

    def __init__(self, source: Source, k: int) -> None:
        self.source, self.tag, self.n = source, f"s{k}", source.n
        self.rows = 1
        #: Whether its spikes are kept until a step: those from outside only where they act one by
        #: one.
        self.kept = not isinstance(source, EventSource)

    @property
    def fields(self) -> list[str]:
        """Its spikes in C."""
        if not self.kept:
            return []
        room = "NAME_EVENTS" if isinstance(self.source, EventSource) else str(self.n)
        return [f"/* source {self.source.name} */", f"uint32_t {self.tag}_listed[{self.rows}];",
                f"uint32_t {self.tag}_list[{self.rows}][{room}];"]  # fmt: skip

    @property
    def tables(self) -> str:
        """Its constants."""
        if isinstance(self.source, RegularSource):
            return table(f"{self.tag}_phases", phases(self.source), "uint32_t")
        return ""

    @property
    def update(self) -> str:
        """The function that lists who of it spikes in a step; of events they are there already."""
        source, tag = self.source, self.tag
        if isinstance(source, EventSource):
            return ""
        if isinstance(source, PoissonSource):
            start = f"const uint64_t start = first_word(UINT64_C({mix(source.seed)}), n->step), "
            start += f"limit = UINT64_C({limit(source)});"
            spikes = "word(start, k) >> 32 < limit"
        else:
            start = f"const uint32_t phase = (uint32_t)(n->step % {source.interval}u);"
            spikes = f"{tag}_phases[k] == phase"
        return joined(
            [f"static void update_{tag}(NAME_network *n)", "{",
             f"    const uint32_t row = (uint32_t)(n->step % {self.rows});", f"    {start}",
             "    uint32_t k;", f"    n->{tag}_listed[row] = 0;",
             f"    for (k = 0; k < {self.n}; ++k)", f"        if ({spikes})",
             f"            n->{tag}_list[row][n->{tag}_listed[row]++] = k;", "}"]
        )  # fmt: skip


class NetworkText:
    """The C of a golden network; ``NAME`` stands for its name."""

    def __init__(self, design: NetworkParams) -> None:
        self.design = design
        network = self.network = Network(design, engine="numpy")
        graph = network.graph
        synapses = sum(each.synapses.count for each in network.projections)
        if synapses > MOST_SYNAPSES:
            allowed = f"a network of {count_of(MOST_SYNAPSES, 'synapse')} at most, in C"
            raise FxlifError.must_be("projection", allowed, synapses, found=f"{synapses:,}")
        strides = [padded(core) for core in design.core]
        self.projections = [
            ProjectionText(network, k, strides[k] if strides else None)
            for k in range(len(network.projections))
        ]
        self.sources = [SourceText(source, k) for k, source in enumerate(graph.sources)]
        self.populations = [
            PopulationText(network, k, self.projections) for k in range(len(graph.populations))
        ]
        self.written = written_of(self.populations, self.projections)
        self.nodes: dict[str, SourceText | PopulationText] = {
            **{each.source.name: each for each in self.sources},
            **{each.population.name: each for each in self.populations},
        }
        for each in self.projections:
            if each.per_event:
                node = self.nodes[each.source]
                node.rows = max(node.rows, each.placed.depth)
                if isinstance(node, SourceText):
                    node.kept = True

    def tag(self, name: str) -> str:
        """What fields and functions of a source or population are called by."""
        return self.nodes[name].tag

    @property
    def fields(self) -> str:
        """What it remembers, as the members of a struct."""
        made = [
            "uint64_t step; /* steps since the reset */",
            "uint32_t dropped; /* events with an unknown address; it wraps, as those below */",
            "/* by projection: additions that did not fit */",
            f"uint32_t saturated[{max(1, len(self.projections))}];",
            "/* where NAME_next_event is */",
            "uint32_t answer, answer_at, answer_times;",
        ]
        for part in self.nodes.values():
            made += part.fields
        made += fields(self.written)
        return "\n".join(f"    {line}" for line in made)

    @property
    def source(self) -> str:
        """All tables and functions."""
        parts = [each.tables for each in self.projections]
        parts += [each.tables for each in self.nodes.values()]
        parts += [each.deliver for each in self.projections]
        parts += [each.text.text for each in self.populations]
        parts += [self._acting(each) for each in self.projections if each.per_event]
        parts += [each.update for each in self.populations]
        parts += [each.update for each in self.sources]
        parts += [self._step, self._reset, self._push, self._tick, self._next, self._state]
        parts.append(functions(self.written))
        return "\n".join(part for part in parts if part)

    def _acting(self, each: ProjectionText) -> str:
        node = self.nodes[each.source]
        target = next(p for p in self.populations if p.population.name == each.target)
        return each.acting(target, node.tag, node.rows, isinstance(node, PopulationText))

    @property
    def _step(self) -> str:
        made = [
            "int32_t NAME_step(int population, NAME_neuron *neuron, int64_t current,",
            "                  int64_t v_threshold, uint32_t random, const int64_t *added,",
            "                  uint32_t events)",
            "{", "    uint32_t k;",
        ]  # fmt: skip
        names = ("k", "current", "v_threshold", "random", "added", "events")
        made += [f"    (void){name};" for name in names]
        made.append("    switch (population) {")
        for number, each in enumerate(self.populations):
            made += [f"    case {number}: {{", *(f"        {x}" for x in each.one_step), "    }"]
        return joined(made, "    default:", "        return 0;", "    }", "}")

    @property
    def _reset(self) -> str:
        end = "offsetof(NAME_network, written)" if self.written else "sizeof *n"
        made = ["void NAME_reset(NAME_network *n)", "{",
                "    unsigned char *bytes = (unsigned char *)n;", "    size_t at;",
                "    uint32_t k;", "    (void)k;",
                f"    for (at = 0; at < {end}; ++at) bytes[at] = 0;"]  # fmt: skip
        for each in self.populations:
            made += [f"    {line}" for line in each.reset]
        return joined(made, "}")

    @cached_property
    def _events(self) -> list[SourceText]:
        return [each for each in self.sources if isinstance(each.source, EventSource)]

    @property
    def _push(self) -> str:
        made = ["int NAME_push_event(NAME_network *n, uint32_t address)", "{"]
        made += ["    n->begun = 1;"] if self.written else []
        for each in self._events:
            made.append(f"    if (address < {each.n}) {{")
            if each.kept:
                listed = f"n->{each.tag}_listed[row]"
                made += [
                    f"        const uint32_t row = (uint32_t)(n->step % {each.rows});",
                    f"        if ({listed} == NAME_EVENTS) return -1;",
                    f"        n->{each.tag}_list[row][{listed}++] = address;",
                ]
            made += [f"        deliver_{p.tag}(n, address, 1);" for p in self._summed(each)]
            made += ["        return 1;", "    }", f"    address -= {each.n};"]
        return joined(made, "    (void)address;", "    ++n->dropped;", "    return 0;", "}")

    def _summed(self, node: SourceText | PopulationText) -> list[ProjectionText]:
        """The projections of a node whose synapses are summed."""
        return [p for p in self.projections if self.nodes[p.source] is node
                and not p.per_event and not p.empty]  # fmt: skip

    def _send(self, node: SourceText | PopulationText) -> list[str]:
        """The calls that bring what a node has listed to its targets."""
        to = self._summed(node)
        if not to:
            return []
        tag = node.tag
        times = f"n->{tag}_times[row][k]" if isinstance(node, PopulationText) else "1"
        return [
            f"    row = (uint32_t)(n->step % {node.rows});",
            f"    for (k = 0; k < n->{tag}_listed[row]; ++k) {{",
            *(f"        deliver_{p.tag}(n, n->{tag}_list[row][k], {times});" for p in to),
            "    }",
        ]

    @property
    def _tick(self) -> str:
        made = ["void NAME_tick(NAME_network *n)", "{", "    uint32_t row, k;",
                "    (void)row;", "    (void)k;"]  # fmt: skip
        for each in self.sources:
            if each not in self._events:
                made += [f"    update_{each.tag}(n);", *self._send(each)]
        for name in self.network.graph.order:
            node = self.nodes[name]
            made += [f"    update_{node.tag}(n);", *self._send(node)]
        made += ["    n->begun = 0;"] if self.written else []
        made += ["    ++n->step;", "    n->answer = n->answer_at = n->answer_times = 0;"]
        made += [f"    n->{each.tag}_listed[n->step % {each.rows}] = 0;"
                 for each in self._events if each.kept]  # fmt: skip
        return joined(made, "}")

    @property
    def _next(self) -> str:
        made = ["int32_t NAME_next_event(NAME_network *n)", "{"]
        first = 0
        for number, name in enumerate(self.design.output_names):
            node = self.nodes[name]
            tag = node.tag
            made += [
                f"    if (n->step && n->answer == {number}) {{",
                f"        const uint32_t row = (uint32_t)((n->step - 1) % {node.rows});",
                f"        if (n->answer_at < n->{tag}_listed[row]) {{",
                f"            const uint32_t found = {first}u + n->{tag}_list[row][n->answer_at];",
                f"            if (++n->answer_times == n->{tag}_times[row][n->answer_at]) {{",
                "                ++n->answer_at;", "                n->answer_times = 0;",
                "            }", "            return (int32_t)found;", "        }",
                "        ++n->answer;", "        n->answer_at = 0;", "    }",
            ]  # fmt: skip
            first += node.n
        return joined(made, "    return NAME_TICK;", "}")

    @property
    def _state(self) -> str:
        made = [
            "int64_t NAME_state(",
            "    const NAME_network *n, int population, int variable, uint32_t neuron)",
            "{", "    switch (population) {",
        ]  # fmt: skip
        for k, each in enumerate(self.populations):
            made += [f"    case {k}:", f"        if (neuron >= {each.n}) return 0;"]
            for number, name in enumerate(NeuronState._fields):
                if name in each.text.state:
                    value = f"n->{each.tag}_{name}[neuron]"
                    made.append(f"        if (variable == {number}) return {value};")
            made.append("        return 0;")
        return joined(made, "    default:", "        return 0;", "    }", "}")
