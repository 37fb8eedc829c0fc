"""A counterexample in words, and in a simulator: a tiny bench sets a state and clocks the module.

A simulator reads the Verilog by itself: what it confirms does not rest on Yosys or a solver.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ...errors import FxlifError
from ..tools import simulators
from .netlist import Netlist

BENCH = "fxlif_counterexample"
_SECONDS = 120


def _path(name: str) -> str:
    """What a register of a flat netlist, or a word of a memory, is called from the bench."""
    plain = re.fullmatch(r"[\w.]+( \[\d+\])?", name)
    # An escaped name ends at its space, so that a word of a memory is named like a register.
    return f"dut.{name}" if plain else f"dut.\\{name} "


def bench(
    net: Netlist, inputs: Sequence[Mapping[str, int]], state: Mapping[str, int],
    shown: Iterable[str] = (),
) -> str:  # fmt: skip
    """A bench of Verilog: reset, set the state, then one line of values per cycle."""
    ports, clocked = net.ports, "clk" in net.ports["input"]
    links = ["  .clk(clk)"] if clocked else []
    links += [f"  .\\{name} (i_{name})" for name in net.input_ports]
    links += [f"  .\\{name} (o_{name})" for name in ports["output"]]
    lines = [f"module {BENCH};", "  reg clk = 0;"]
    lines += [f"  reg [{ports['input'][name] - 1}:0] i_{name} = 0;" for name in net.input_ports]
    lines += [f"  wire [{width - 1}:0] o_{name};" for name, width in ports["output"].items()]
    lines += [f"  \\{net.top} dut (", ",\n".join(links), "  );", "  initial begin", "    #1;"]
    if clocked and "rst" in net.input_ports:
        # Without an event, Icarus never evaluates blocks whose inputs have initial values.
        lines.append("    i_rst = 1; #1 clk = 1; #1 clk = 0; #1 i_rst = 0; #1;")
    # First the opposite: a block none of whose inputs changes is never evaluated.
    lines += [f"    {_path(name)} = ~{_literal(value)};" for name, value in state.items()]
    lines += ["    #1;"]
    lines += [f"    {_path(name)} = {_literal(value)};" for name, value in state.items()]
    shown = [*(f"o_{name}" for name in ports["output"]), *map(_path, [*state, *shown])]
    form = " ".join(["%b"] * len(shown))
    for cycle in inputs:
        lines += [f"    i_{name} = {_literal(cycle.get(name, 0))};" for name in net.input_ports]
        lines.append(f'    #1 $display("SHOWS {form}", {", ".join(shown)});')
        lines += ["    clk = 1; #1 clk = 0;"] if clocked else []
    return "\n".join([*lines, "    $finish;", "  end", "endmodule", ""])


def _literal(value: int) -> str:
    return f"{max(1, value.bit_length())}'h{value:x}"


def simulate(
    net: Netlist, inputs: Sequence[Mapping[str, int]], state: Mapping[str, int] | None = None,
    shown: Iterable[str] = (),
) -> tuple[str, list[dict[str, int | None]]]:  # fmt: skip
    """The simulator's name, and what the module's outputs, ``state`` and other signals ``shown``
    are before each edge.

    ``inputs`` are values of ports, cycle by cycle. ``state`` are values of registers, and of words
    of memories under the name ``memory [address]``, that are set before the first cycle. What has
    an undefined bit shows as None.

    Raises:
        FxlifError: no simulator is installed, or it does not accept the Verilog.
    """
    state, others = state or {}, list(shown)
    icarus = shutil.which("iverilog") is not None
    simulator = simulators.without_cocotb("icarus" if icarus else "verilator")
    files = {"design.v": net.verilog, "bench.v": bench(net, inputs, state, others), **net.images}
    with tempfile.TemporaryDirectory(prefix="fxlif-") as folder:
        output = simulators.run_standalone(
            simulator, files, top=BENCH, folder=Path(folder), timeout_s=_SECONDS
        )
    rows = [line.split()[1:] for line in output.splitlines() if line.startswith("SHOWS")]
    if len(rows) != len(inputs):
        cycles = f"{len(inputs)} cycles long"
        raise FxlifError.must_be("simulation", cycles, len(rows), found=f"{len(rows)}")
    names = [*net.ports["output"], *state, *others]
    return simulator.name, [
        {name: int(text, 2) if set(text) <= {"0", "1"} else None
         for name, text in zip(names, row, strict=True)}
        for row in rows
    ]  # fmt: skip


def told(lines: Iterable[str]) -> str:
    """The lines of an explanation; the last says why, if a simulator cannot show it."""
    found = []
    try:
        for line in lines:
            found.append(line)
    except FxlifError as error:
        found.append(f"simulation: not possible ({error})")
    return "\n".join(found)


def confirmation(by: str, confirmed: bool, seen: Mapping[str, int | None]) -> str:
    """The line that says what a simulation of a counterexample came to."""
    if confirmed:
        return f"simulation: confirmed by {by}"
    return f"simulation: NOT confirmed by {by}; it shows {listed(seen)}"


def listed(values: Mapping[str, object]) -> str:
    """Names and values in a line."""
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "all 0"


def _named(model: Mapping[str, int], kind: str) -> dict[str, int]:
    start = f"{kind} "
    return {n.removeprefix(start): value for n, value in model.items() if n.startswith(start)}


def _words(model: Mapping[str, int], kind: str) -> dict[str, int]:
    """The words of memories that an edge touches; ``kind`` is ``word`` or ``later word``."""
    return {
        f"{place.partition(' of ')[2]} [{address}]": model[f"{kind} {place}"]
        for place, address in _named(model, "address").items()
    }


def _registers(model: Mapping[str, int], kind: str) -> dict[str, int]:
    # Yosys' own registers for the ports of memories have no counterpart in the Verilog.
    return {name: value for name, value in _named(model, kind).items()
            if "$memwr$" not in name and "$memrd$" not in name}  # fmt: skip


def explain_edge(
    net: Netlist, model: Mapping[str, int], shown: Sequence[str] = (),
    owns: Callable[[str], bool] = lambda name: True,
) -> Iterator[str]:  # fmt: skip
    """The state before, the inputs, what the registers become; the same edge in simulation.

    ``model`` has the values of :attr:`Netlist.edge`. Of the registers are told: ``shown``, those
    that are not 0, and those that change; the simulation is asked about those that ``owns`` says.
    """
    before, after = _named(model, "before"), _named(model, "after")
    names = [n for n in before if "$" not in n and (n in shown or before[n] or after[n])]
    inputs = _named(model, "input")
    yield f"state: {listed({name: before[name] for name in names})}"
    yield f"input: {listed(inputs)}"
    yield f"observed next: {listed({name: after[name] for name in names})}"
    start = _registers(model, "before") | _words(model, "word")
    simulator, (_, seen) = simulate(net, [inputs, {}], start)
    expected = _registers(model, "after") | _words(model, "later word")
    # The model has words behind the end of a memory, too; the simulator shows none there.
    wrong = {name: seen[name] for name, value in expected.items()
             if owns(name.partition(" [")[0]) and seen[name] != value
             and not (seen[name] is None and name.endswith("]"))}  # fmt: skip
    yield confirmation(f"{simulator}, every register and word, from this state", not wrong, wrong)


def explain_pair(net: Netlist, model: Mapping[str, int]) -> Iterator[str]:
    """Two copies from one state with other inputs, and where they part, memories included.

    ``model`` has the values of :attr:`Netlist.edge`, and inputs and words of the copy, "copy ...".
    """
    inputs, copy = _named(model, "input"), _named(model, "copy")
    changed = dict(_named(copy, "input").items() - inputs.items())
    registers = _registers(model, "before")
    state = {name: value for name, value in registers.items() if value and "$" not in name}
    yield f"state: {listed(state)}"
    yield f"input: {listed(inputs)}"
    yield f"input of the copy: {listed(changed)}"
    start = registers | _words(model, "word") | _words(copy, "word")
    ends = []
    for given in (inputs, {**inputs, **changed}):
        simulator, (now, after) = simulate(net, [given, {}], start)
        # Outputs before the edge, registers and memories after it.
        ends.append({**after, **{name: now[name] for name in now if name not in start}})
    observed, expected = ends
    parted = [name for name in observed if observed[name] != expected[name]]
    yield f"expected: as the copy, {listed({name: expected[name] for name in parted})}"
    yield f"observed: {listed({name: observed[name] for name in parted})}"
    yield confirmation(simulator, bool(parted), {})
