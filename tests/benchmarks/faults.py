"""Who finds which fault of the permanent set (``tests/faults``), and in which cycle.

``python tests/benchmarks/faults.py --state faults.json`` runs what the state does not know yet, a
line each, and prints the table of all as Markdown. ``--only chain`` or ``--only chain/v_wraps``
takes a part of the faults, ``--by soak`` some of the checks.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from planted import (
    FOREIGN,
    GENERATED,
    Fault,
    all_faults,
    first_difference,
    params_of,
    path_of,
    verilog_of,
)

from fxlif.cycles.control import NONE
from fxlif.sim.dut.map import load_map
from fxlif.sim.dut.run import check_dut, dut_failure_reasons, read_files
from fxlif.sim.dut.testbench import DutJob, dut_job
from fxlif.sim.prove.run import prove
from fxlif.sim.soak.foreign.segments import ForeignTarget
from fxlif.sim.soak.run import run_segments
from fxlif.sim.soak.segments import BULK_CYCLES, Target, parts_with, target_of
from fxlif.sim.tools.verilated import build
from fxlif.sim.verify import DEFAULT_CYCLES

#: Cycles of a soak.
LONG = 10**8
SEED = 1
#: The cycle in which a fault was found; None: it was not; ANYWHERE: found, and not in any cycle.
Found = int | None
ANYWHERE = -1


def quick(fault: Fault) -> Found:
    """The cocotb phase of ``fxlif verify``, by the library: its stimulus is the same cycle by
    cycle, as ``tests/test_faults.py`` holds."""
    target = target_of(params_of(fault.of), edit=fault)
    return first_difference(target, SEED, DEFAULT_CYCLES)


def first_wrong(target: Target | ForeignTarget, cycles: int) -> Found:
    """The segments of a soak one after the other, to the first that is wrong."""
    target, parts = parts_with(target, cycles)
    at = 0
    for segment in run_segments(target, SEED, parts, None):
        if segment.wrong != NONE:
            return at + segment.wrong
        at += parts[segment.number]
    return None


def soaked(cycles: int) -> Callable[[Fault], Found]:
    """``fxlif soak --cycles N``; its first 10^7 cycles are the bulk phase of ``fxlif verify``."""
    return lambda fault: first_wrong(target_of(params_of(fault.of), edit=fault), cycles)


def dut_of(fault: Fault, *, two_state: bool) -> tuple[DutJob, dict[str, bytes]]:
    """The foreign core with the fault in its wrapper, and the files that its Verilog reads."""
    mapping = path_of(fault.of, "_map.toml")
    dut_map, top = load_map(mapping), path_of(fault.of, ".v").stem
    sources = {f"{top}.v": fault(verilog_of(fault.of))}
    job = dut_job(params_of(fault.of), sources, top=top, dut_map=dut_map, two_state=two_state,
                  seed=SEED)  # fmt: skip
    return job, read_files(dut_map, mapping)


def quick_dut(fault: Fault) -> Found:
    """``fxlif verify --dut --quick``: under cocotb."""
    job, files = dut_of(fault, two_state=False)
    with tempfile.TemporaryDirectory() as folder:
        results, report = check_dut(job, folder=Path(folder), files=files)
    if not dut_failure_reasons(results, report):
        return None
    return report.first.cycle if report and report.first else DEFAULT_CYCLES


def soaked_dut(fault: Fault) -> Found:
    """``fxlif soak --dut``, and so the bulk phase of ``fxlif verify --dut``."""
    job, files = dut_of(fault, two_state=True)
    target = ForeignTarget(job=job, library=build(job.sources), files=files)
    return first_wrong(target, BULK_CYCLES)


def proved(fault: Fault) -> Found:
    """``fxlif prove``: where a theorem fails there is no cycle."""
    found = prove(params_of(fault.of), name=fault.of, edit=fault)
    return None if found.passed else ANYWHERE


#: The checks by name: of which designs, and what each does.
CHECKS: dict[str, tuple[tuple[str, ...], Callable[[Fault], Found]]] = {
    "verify --quick": (GENERATED, quick),
    "bulk": (GENERATED, soaked(BULK_CYCLES)),
    "soak": (GENERATED, soaked(LONG)),
    "prove": (GENERATED, proved),
    "verify --dut --quick": (FOREIGN, quick_dut),
    "soak --dut": (FOREIGN, soaked_dut),
}
#: A soak is asked only for what its first cycles miss.
SHORTER = {"soak": "bulk"}
#: The columns of the table, by their commands: the checks that each runs, one after the other.
COLUMNS = {
    GENERATED: {
        "verify --quick": ("verify --quick",), "verify": ("verify --quick", "bulk"),
        "soak": ("bulk", "soak"), "prove": ("prove",),
    },
    FOREIGN: {
        "verify --dut --quick": ("verify --dut --quick",),
        "verify --dut": ("verify --dut --quick", "soak --dut"), "soak --dut": ("soak --dut",),
    },
}  # fmt: skip


def key(fault: Fault, by: str) -> str:
    """What an answer is kept under: the fault in this very Verilog, and the check."""
    digest = hashlib.sha256(fault(verilog_of(fault.of)).encode()).hexdigest()[:12]
    return f"{fault.of}/{fault.name} {digest} {by}"


def read(path: Path) -> dict[str, Found]:
    """The answers that a file holds."""
    return json.loads(path.read_text()) if path.exists() else {}


def run(faults: list[Fault], checks: list[str], known: dict[str, Found], path: Path) -> None:
    """Ask what is not known, and keep each answer in the file at once."""
    for by in checks:
        designs, ask = CHECKS[by]
        asked = [fault for fault in faults if fault.of in designs]
        for number, fault in enumerate(asked, 1):
            before = known.get(key(fault, SHORTER.get(by, "")))
            if key(fault, by) in known or before is not None:
                continue
            known[key(fault, by)] = found = ask(fault)
            # Another process may fill the same file.
            path.write_text(json.dumps({**read(path), key(fault, by): found}, indent=1) + "\n")
            told = "not found" if found is None else f"cycle {found:,}"
            print(f"{by}, {number} of {len(asked)}: {fault.of}/{fault.name}: {told}", flush=True)


def cell(fault: Fault, column: str, known: dict[str, Found]) -> str:
    """What the table says of a fault: nothing where a check of the column was not asked."""
    for by in COLUMNS[GENERATED if fault.of in GENERATED else FOREIGN][column]:
        if key(fault, by) not in known:
            return ""
        found = known[key(fault, by)]
        if found is not None:
            phase = "bulk " if column.startswith("verify") and "--quick" not in by else ""
            return "yes" if found == ANYWHERE else f"{phase}{found:,}"
    return "**missed**"


def table(faults: list[Fault], known: dict[str, Found]) -> str:
    """All that is known, as Markdown."""
    lines = []
    for designs, columns in COLUMNS.items():
        lines.append(f"| design | fault | {' | '.join(columns)} |")
        lines.append("|---|---|" + "--:|" * len(columns))
        for fault in (each for each in faults if each.of in designs):
            cells = " | ".join(cell(fault, column, known) for column in columns)
            lines.append(f"| {fault.of} | {fault.says} | {cells} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, default=Path("faults.json"))
    parser.add_argument("--only", default="", help="faults whose design/name begins like this")
    parser.add_argument("--by", action="append", choices=CHECKS, help="these checks alone")
    parser.add_argument("--table", action="store_true", help="run nothing, print the table")
    options = parser.parse_args()
    faults = [f for f in all_faults() if f"{f.of}/{f.name}".startswith(options.only)]
    known = read(options.state)
    if not options.table:
        run(faults, options.by or list(CHECKS), known, options.state)
    print(table(faults, known))


if __name__ == "__main__":
    main()
