"""What several commands take: options, the design they work on, the packages they need.

Nothing heavy is imported before a command runs: ``fxlif --help`` must be quick.
"""

from __future__ import annotations

import math
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..errors import FxlifError
from ..files import must_be_writable, must_take_files

if TYPE_CHECKING:
    from ..params.network import NetworkParams
    from ..params.neuron import NeuronParams


def shipped_or_file(given: Path | None) -> Path | None:
    """The design file that an argument names: a shipped one by its name, else a path.

    Raises:
        FxlifError: a word that is neither a file nor the name of a shipped design.
    """
    if given is None or given.exists() or given.suffix or given.name != str(given):
        return given
    from ..shipped import DESIGNS

    if given.name not in DESIGNS:
        raise FxlifError.unknown(given.name, "file, nor such a shipped design", given.name, DESIGNS)
    return DESIGNS[given.name]


Design = Annotated[
    Path,
    typer.Argument(
        metavar="DESIGN",
        help="A design file, .toml or .json, or the name of a shipped one.",
        callback=shipped_or_file,
    ),
]
DesignOrDigits = Annotated[
    Path | None,
    typer.Argument(
        metavar="DESIGN",
        help="A design file, .toml or .json, or the name of a shipped one; without it, digits.",
        callback=shipped_or_file,
    ),
]
Seed = Annotated[int, typer.Option(metavar="S", help="Seed of everything that is drawn at random.")]
Processes = Annotated[
    int | None,
    typer.Option(min=1, max=256, metavar="N", help="How many at once; without it, one per core."),
]


def _cluster(address: str | None) -> str | None:
    """The address of a cluster; that it answers is asked when there is work for it."""
    if address is None:
        return None
    from ..workers.cluster import cluster_address

    return cluster_address(address, "--cluster")


Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        callback=_cluster,
        help="On the workers of the Dask scheduler at this address, tcp://HOST:PORT, instead.",
    ),
]
Simulator = Annotated[str, typer.Option(metavar="NAME", help="verilator or icarus.")]


def output_folder(path: Path | None) -> Path | None:
    """The folder that an option names to write to; refused before anything else is done."""
    if path is not None:
        must_take_files(path)
    return path


#: What a failing check writes to its folder under names that a folder of one's own may have too.
OF_FAILURES = ("design.toml", "README.txt")


def failure_folder(path: Path | None) -> Path | None:
    """The folder that is to hold what a failing check leaves: none with files of the user's own
    under the names of those."""
    if path is None or (path / "failure.json").exists():
        return output_folder(path)
    for name in OF_FAILURES:
        there = path / name
        if there.is_file() and not there.read_bytes().startswith(b"A check of "):
            allowed = f"a folder without a {name} of its own, which a failure would overwrite"
            raise FxlifError.must_be("--out", allowed, str(path))
    return output_folder(path)


def must_not_be_design(file: Path, design: Path) -> None:
    """Raise where what is to be written is the design itself."""
    if file.resolve() == design.resolve():
        raise FxlifError(
            f"{file}: is the design itself; -o must be another folder",
            key=str(file), allowed="another -o",
        )  # fmt: skip


def output_file(path: Path | None) -> Path | None:
    """The same of a file."""
    if path is not None:
        must_be_writable(path)
    return path


def _report(path: Path | None) -> Path | None:
    """The same of a report folder, with what it holds already."""
    if path is not None:
        output_folder(path)
        need("fxlif.sim.report.write", "sim")
        from ..sim.report.write import read

        read(path)
    return path


Report = Annotated[
    Path | None,
    typer.Option(
        "--report", metavar="DIR", callback=_report,
        help="Add the findings to report.html and junit.xml in this folder.",
    ),
]  # fmt: skip
Netlist = Annotated[
    str | None,
    typer.Option(
        metavar="TARGET",
        help="After synthesis: the cells of ecp5-25k, ecp5-85k, ice40-up5k or ice40-hx8k.",
    ),
]
DutSources = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE", help="Verilog of a core that fxlif did not generate; may be given again."
    ),
]
DutTop = Annotated[str | None, typer.Option(metavar="NAME", help="With --dut: its top module.")]
DutMap = Annotated[
    Path | None,
    typer.Option("--map", metavar="FILE", help="With --dut: the map of its ports, .toml."),
]


class Dut(NamedTuple):
    """A core that fxlif did not generate: its Verilog files, top module and map of ports."""

    sources: list[Path]
    top: str
    mapping: Path


def dut_of(
    design: Path | None, sources: list[Path] | None, top: str | None, mapping: Path | None
) -> Dut | None:
    """The core that ``--dut`` names, None without it.

    Raises:
        FxlifError: with ``--dut`` something is missing, or without it something has no meaning.
    """
    if not sources:
        refuse_beside("without --dut", {"--top": top, "--map": mapping})
        return None
    for option, value in {"DESIGN": design, "--top": top, "--map": mapping}.items():
        if value is None:
            raise FxlifError(
                f"{option}: must be given with --dut", key=option, allowed="a value, with --dut"
            )
    assert top is not None
    assert mapping is not None
    return Dut(sources, top, mapping)


class Asked(NamedTuple):
    """What a command shall check: a design and its name, and the foreign core, if one is named."""

    params: NetworkParams | NeuronParams
    name: str
    foreign: Dut | None


def asked(
    design: Path | None,
    sources: list[Path] | None,
    top: str | None,
    mapping: Path | None,
    *,
    module: str,
    extra: str,
    simulator: str = "verilator",
) -> Asked:
    """What a command of ``module`` shall check; refused before anything is computed or written.

    Raises:
        FxlifError: the options, the design, an absent package of ``extra``, or no ``simulator``.
    """
    foreign = dut_of(design, sources, top, mapping)
    params, name = load_or_digits(design)
    need(module, extra)
    from ..sim.tools import simulators

    simulators.find(simulator)
    return Asked(params, name, foreign)


def refuse_beside(circumstance: str, options: dict[str, object]) -> None:
    """Raise FxlifError for the first of ``options`` that was given (is neither None nor False)."""
    for option, value in options.items():
        if value is not None and value is not False:
            raise FxlifError(
                f"{option}: must be left out {circumstance}", key=option, value=value,
                allowed=f"nothing {circumstance}",
            )  # fmt: skip


def load_or_digits(design: Path | None) -> tuple[NetworkParams | NeuronParams, str]:
    """The design of a file, or the digits, and its name: a network's own, or a neuron's file's."""
    from ..digits import DESIGN
    from ..params.design import load_hardware
    from ..params.network import NetworkParams

    path = design or DESIGN
    found = load_hardware(path)
    return found, found.name if isinstance(found, NetworkParams) else path.stem


def whole(option: str, value: float) -> int:
    """``value``, which may be written as 1e9, as an integer, or an error."""
    if not math.isfinite(value):
        raise FxlifError.must_be(option, "a finite number", value)
    return int(value)


def need(module: str, extra: str) -> None:
    """Import ``module``; an absent package is a FxlifError that names the extra that brings it."""
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] == "fxlif":
            raise
        raise FxlifError.not_installed(str(error.name), f"'fxlif[{extra}]'") from None
