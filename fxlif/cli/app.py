"""The application: every command, and what becomes of a user's mistake."""

from __future__ import annotations

import sys
import warnings
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
    help="Integer LIF neurons: one description, from it golden model, Verilog and a testbench that "
    "compares every state in every clock cycle.",
)
for command in (verify, prove, soak, mutate, replay, verilog, run, init, doctor):
    app.command()(command)


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
