"""What a simulated design itself says is wrong: ``$error``, ``$warning``, ``$fatal``, ``$stop``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

#: As Icarus (``ERROR: core.v:12: text``) and Verilator (``[40] %Error: core.v:12: text``) print it.
_SAID = re.compile(
    r"(?:\[\d+\] )?(?:%(Error|Warning|Fatal)|(ERROR|WARNING|FATAL)): "
    r"(?:[^:\n]*/)?([^:/\n]+:\d+): (.*)"
)
#: What Verilator puts before the text: where in the hierarchy.
_WHERE = re.compile(r"(?:Assertion failed in )?\S+: ")
#: A file of less than a whole memory is no complaint of the design.
_READING = "$readmem"
_STOPPED = re.compile(r"\*\* VVP Stop\(")
_STOP = "Verilog $stop"
#: So Verilator says that the design itself ends the simulation.
_ENDED = re.compile(r"- (?:[^:\n]*/)?([^:/\n]+:\d+): Verilog \$finish")
#: So many are told.
MOST = 5


def complaints(log: Path) -> tuple[str, ...]:
    """What the design complained of by ``log``, a line each, with how often; the first few."""
    if not log.exists():
        return ()
    with log.open(errors="replace") as lines:
        return told_by(lines)


def told_by(lines: Iterable[str]) -> tuple[str, ...]:
    """The same of the lines that a simulation printed."""
    counts: Counter[str] = Counter()
    died = False
    for line in lines:
        said, ended = _SAID.match(line), _ENDED.match(line)
        if said and _READING not in said[4]:
            kind, text = (said[1] or said[2]).lower(), said[4].strip()
            if said[1]:
                text = _WHERE.sub("", text, count=1)
            if text != _STOP:
                told_as = f"the design says ${kind} at {said[3]}: {text}"
                counts[told_as.removesuffix(": ")] += 1
                died |= kind != "warning"
            elif not died:  # else Verilator's own way to end at an error
                counts[f"the design calls $stop at {said[3]}"] += 1
        elif _STOPPED.match(line):
            counts["the design calls $stop"] += 1
        elif ended:
            counts[f"the design calls $finish at {ended[1]}"] += 1
    told = [f"{text}{f' ({n:,} times)' * (n > 1)}" for text, n in counts.most_common(MOST)]
    more = len(counts) - len(told)
    return (*told, *([f"the design complains of {more} more"] * (more > 0)))
