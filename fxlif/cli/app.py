"""The application: every command, and what becomes of a user's mistake."""

from __future__ import annotations

import sys

import typer

from ..errors import FxlifError
from .make import init, run, verilog
from .prove import mutate, prove, soak
from .verify import replay, verify

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Integer LIF neurons: one description, from it golden model, Verilog and a testbench that "
    "compares every state in every clock cycle.",
)
for command in (verify, prove, soak, mutate, replay, verilog, run, init):
    app.command()(command)


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
