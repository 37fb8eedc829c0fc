"""Who finds which fault of the permanent set (``tests/faults``), and in which cycle.

``python tests/benchmarks/faults.py --state faults.json`` runs what the state does not know yet, a
line each, and prints the table of all as Markdown. ``--only chain`` or ``--only chain/v_wraps``
takes a part of the faults, ``--by soak`` some of the checks. A long check is asked only for what
the shorter ones before it missed.
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
from fxlif.sim.dut.testbench import dut_job
from fxlif.sim.prove.run import prove
from fxlif.sim.soak.run import run_segments
from fxlif.sim.soak.segments import BULK_CYCLES, SEGMENT, sizes, target_of
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


def soaked(cycles: int) -> Callable[[Fault], Found]:
    """``fxlif soak --cycles N``, and so the bulk phase of ``fxlif verify``: the segments one after
    the other."""

    def soak(fault: Fault) -> Found:
        target = target_of(params_of(fault.of), edit=fault)
        for segment in run_segments(target, SEED, dict(enumerate(sizes(cycles))), None):
            if segment.wrong != NONE:
                return segment.number * SEGMENT + segment.wrong
        return None

    return soak


def verified_dut(fault: Fault) -> Found:
    """``fxlif verify --dut`` under cocotb."""
    mapping = path_of(fault.of, "_map.toml")
    dut_map = load_map(mapping)
    top = path_of(fault.of, ".v").stem
    sources = {f"{top}.v": fault(verilog_of(fault.of))}
    job = dut_job(params_of(fault.of), sources, top=top, dut_map=dut_map, seed=SEED)
    with tempfile.TemporaryDirectory() as folder:
        results, report = check_dut(job, folder=Path(folder), files=read_files(dut_map, mapping))
    if not dut_failure_reasons(results, report):
        return None
    return report.first.cycle if report and report.first else DEFAULT_CYCLES


def proved(fault: Fault) -> Found:
    """``fxlif prove``: where a theorem fails there is no cycle."""
    found = prove(params_of(fault.of), name=fault.of, edit=fault)
    return None if found.passed else ANYWHERE


#: The checks by name: of which designs, and what each does.
CHECKS: dict[str, tuple[tuple[str, ...], Callable[[Fault], Found]]] = {
    "verify --quick": (GENERATED, quick),
    "verify": (GENERATED, soaked(BULK_CYCLES)),
    "soak": (GENERATED, soaked(LONG)),
    "prove": (GENERATED, proved),
    "verify --dut": (FOREIGN, verified_dut),
}
#: How the table names a check, where it is a part of a command.
NAMED = {"verify --quick": "verify, cocotb", "verify": "verify, bulk"}
#: A check is not asked for what a shorter one has found.
SHORTER = {
    "verify": ("verify --quick",), "soak": ("verify --quick", "verify"),
    "prove": ("verify --quick", "verify", "soak"),
}  # fmt: skip


def key(fault: Fault, by: str) -> str:
    """What an answer is kept under: the fault in this very Verilog, and the check."""
    digest = hashlib.sha256(fault(verilog_of(fault.of)).encode()).hexdigest()[:12]
    return f"{fault.of}/{fault.name} {digest} {by}"


def run(faults: list[Fault], checks: list[str], known: dict[str, Found], path: Path) -> None:
    """Ask what is not known, and keep each answer in the file at once."""
    for by in checks:
        designs, ask = CHECKS[by]
        asked = [fault for fault in faults if fault.of in designs]
        for number, fault in enumerate(asked, 1):
            before = [known.get(key(fault, shorter)) for shorter in SHORTER.get(by, ())]
            if key(fault, by) in known or any(found is not None for found in before):
                continue
            known[key(fault, by)] = found = ask(fault)
            path.write_text(json.dumps(known, indent=1) + "\n")
            told = "not found" if found is None else f"cycle {found:,}"
            print(f"{by}, {number} of {len(asked)}: {fault.of}/{fault.name}: {told}", flush=True)


def cell(fault: Fault, by: str, known: dict[str, Found]) -> str:
    """What the table says of a fault and a check: nothing where it was not asked."""
    if key(fault, by) not in known:
        return ""
    found = known[key(fault, by)]
    if found == ANYWHERE:
        return "yes"
    return "**missed**" if found is None else f"{found:,}"


def table(faults: list[Fault], known: dict[str, Found]) -> str:
    """All that is known, as Markdown."""
    lines = []
    for designs in (GENERATED, FOREIGN):
        columns = [by for by, (of, _) in CHECKS.items() if set(of) == set(designs)]
        lines.append(f"| design | fault | {' | '.join(NAMED.get(by, by) for by in columns)} |")
        lines.append("|---|---|" + "--:|" * len(columns))
        for fault in (each for each in faults if each.of in designs):
            cells = " | ".join(cell(fault, by, known) for by in columns)
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
    known = json.loads(options.state.read_text()) if options.state.exists() else {}
    if not options.table:
        run(faults, options.by or list(CHECKS), known, options.state)
    print(table(faults, known))


if __name__ == "__main__":
    main()
