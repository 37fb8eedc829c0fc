"""The application: every command, and what becomes of a user's mistake."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Annotated, TextIO

import typer

from .. import __version__
from ..errors import FxlifError, FxlifWarning
from .doctor import doctor
from .make import init, run, verilog
from .prove import mutate, prove, soak
from .verify import replay, verify

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its columns cut the names of options in a terminal of 60
    help="Integer LIF neurons: one description, from it golden model, Verilog and a testbench that "
    "compares every state in every clock cycle.",
)
#: Each command with two examples, which end its help; a test gives them to the command line.
COMMANDS: dict[Callable[..., None], tuple[str, str]] = {
    verify: ("fxlif verify", "fxlif verify design.toml --cycles 20000 --report out"),
    prove: ("fxlif prove design.toml", "fxlif prove design.toml --timeout 600"),
    soak: (
        "fxlif soak design.toml --cycles 1e9 --state soak.json",
        "fxlif soak --designs 20 --cycles 1e6",
    ),
    mutate: ("fxlif mutate design.toml --count 100", "fxlif mutate --seed 7 --processes 2"),
    replay: (
        "fxlif replay fxlif-failure-digits-1",
        "fxlif replay fxlif-failure-digits-1 --waves",
    ),
    verilog: ("fxlif verilog design.toml -o build", "fxlif verilog design.toml -o build --trace"),
    run: (
        "fxlif run design.toml --steps 100 -o spikes",
        "fxlif run design.toml --input in.txt -o out.npz",
    ),
    init: ("fxlif init mine", "fxlif init mine --profile loihi"),
    doctor: ("fxlif doctor", "FXLIF_CACHE=/scratch/fxlif fxlif doctor"),
}
for command, examples in COMMANDS.items():
    app.command(epilog="\n".join(["\b", "Examples:", *(f"  {each}" for each in examples)]))(command)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"fxlif {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Options before a command."""


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    file: TextIO | None = None, line: str | None = None,
) -> None:  # fmt: skip
    if issubclass(category, FxlifWarning):
        print(f"fxlif: {message}", file=sys.stderr)
    else:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))


def main() -> None:
    """Run the command line; a FxlifError is shown without traceback, and the exit code is 2."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            app()
    except FxlifError as error:
        for line in str(error).splitlines():
            print(f"fxlif: {line}", file=sys.stderr)
        raise SystemExit(2) from None
    except MemoryError:
        print("fxlif: there is not enough memory", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
