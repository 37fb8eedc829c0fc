"""The permanent set of faults made by hand: Verilog with one thing wrong, each in one design.

``tests/faults`` holds the designs and, of each, a file of its faults. A fault is an edit of the
Verilog as it is generated or written: texts to find, each once, what stands in their place, and
lines to add behind the declarations of a module (a counter that waits for its time). Numbers of
nets change with every generation, so a text to find is a regular expression over the names that
stay.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fxlif.cycles.control import NONE
from fxlif.hdl.limits import supported
from fxlif.hdl.verilog import generate
from fxlif.params.design import load_hardware
from fxlif.params.protocol import AnyParams
from fxlif.sim import examples
from fxlif.sim.soak.bulk import BLOCK
from fxlif.sim.soak.segments import Target, bulk_of
from fxlif.sim.tools.verilated import VerilatedDesign

FOLDER = Path(__file__).parent / "faults"
EXAMPLES = Path(examples.__file__).parent
#: Those that fxlif generates, and those with Verilog of their own.
GENERATED, FOREIGN = ("neuron", "chain", "rows"), ("serial", "fifo", "wide")
#: A declaration of a signal, as Yosys writes it.
_DECLARED = re.compile(r"^  (?:wire|reg|input|output)\b[^;]*;\n", re.MULTILINE)


@dataclass(frozen=True)
class Fault:
    """One fault of the design ``of``: ``edits`` (find, put) within ``module``, the whole text where
    it is empty; ``add`` goes in front of what the module does."""

    name: str
    of: str
    says: str
    kind: str
    module: str
    edits: tuple[tuple[str, str], ...]
    add: str = ""

    def __call__(self, verilog: str) -> str:
        """The Verilog with the fault.

        Raises:
            ValueError: the module is not there, or an edit does not fit exactly once.
        """
        start, end = self._span(verilog)
        body = verilog[start:end]
        for find, put in self.edits:
            found = re.findall(find, body)
            if len(found) != 1:
                raise ValueError(f"{self.of}, {self.name}: {len(found)} times: {find}")
            changed = re.sub(find, put, body)
            if changed == body:
                raise ValueError(f"{self.of}, {self.name}: changes nothing: {find}")
            body = changed
        if self.add:
            at = self._behind_declarations(body)
            body = body[:at] + self.add + body[at:]
        return verilog[:start] + body + verilog[end:]

    def _span(self, verilog: str) -> tuple[int, int]:
        if not self.module:
            return 0, len(verilog)
        found = list(re.finditer(rf"^module {self.module}\b.*?^endmodule", verilog, re.M | re.S))
        if len(found) != 1:
            raise ValueError(f"{self.of}, {self.name}: {len(found)} modules {self.module}")
        return found[0].span()

    @staticmethod
    def _behind_declarations(body: str) -> int:
        first = re.search(r"^  (?:always|assign|initial begin)", body, re.M)
        limit = first.start() if first else len(body)
        return max((m.end() for m in _DECLARED.finditer(body, 0, limit)), default=limit)


def _made(of: str, row: dict, common: dict[str, str]) -> list[Fault]:
    """The faults of one table: one for each of ``each``, which stands for ``@n`` in its texts."""
    faults = []
    for n in row.get("each", [None]):

        def text(raw: str, n: int | None = n) -> str:
            for name, shared in common.items():
                raw = raw.replace(f"@{name}@", shared)
            return raw if n is None else raw.replace("@n", str(n)).replace("@,n", f"{n:,}")

        faults.append(
            Fault(
                name=text(row["name"]), of=of, says=text(row["says"]), kind=row["kind"],
                module=row.get("module", ""), add=text(row.get("add", "")),
                edits=tuple((text(find), text(put)) for find, put in row["edits"]),
            )
        )  # fmt: skip
    return faults


@cache
def faults_of(design: str) -> tuple[Fault, ...]:
    """The faults of a design, in the order of its file."""
    table = tomllib.loads((FOLDER / f"{design}_faults.toml").read_text(encoding="utf-8"))
    rows = [_made(design, row, table.get("common", {})) for row in table["fault"]]
    return tuple(fault for row in rows for fault in row)


def all_faults() -> list[Fault]:
    """Every fault of every design."""
    return [fault for design in (*GENERATED, *FOREIGN) for fault in faults_of(design)]


def path_of(design: str, ending: str) -> Path:
    """A file of a design: of ``serial``, of the example that ships."""
    if design == "serial":
        return EXAMPLES / f"core{ending}"
    return FOLDER / f"{design}{ending}"


@cache
def params_of(design: str) -> AnyParams:
    """The parameters of a design, as hardware where fxlif generates it."""
    params = load_hardware(path_of(design, ".toml"))
    return supported(params) if design in GENERATED else params


@cache
def verilog_of(design: str) -> str:
    """The Verilog of a design as it is simulated, without a fault."""
    if design in FOREIGN:
        return path_of(design, ".v").read_text(encoding="utf-8")
    params = params_of(design)
    return generate(params, trace=params.kind != "neuron").verilog


def first_difference(target: Target, seed: int, cycles: int) -> int | None:
    """The first wrong cycle of a run whose stimulus has this very seed, as under cocotb; None where
    there is none in so many cycles."""
    bulk = bulk_of(target.params, target.interface, seed)
    with VerilatedDesign(target.library, target.interface) as design:
        for number in range(-(-cycles // BLOCK)):
            wrong = bulk.check(design.run(bulk.stimulus()))
            if wrong != NONE:
                at = number * BLOCK + wrong
                return at if at < cycles else None
    return None
