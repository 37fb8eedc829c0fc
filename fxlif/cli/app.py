"""The application: every command, and what becomes of a user's mistake."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .. import __version__
from ..errors import FxlifError
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


def main() -> None:
    """Run the command line; a FxlifError is shown without traceback, and the exit code is 2."""
    try:
        app()
    except FxlifError as error:
        for line in str(error).splitlines():
            print(f"fxlif: {line}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
