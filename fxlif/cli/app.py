"""The application: every command, and what becomes of a user's mistake."""

from __future__ import annotations

import errno
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any, TextIO

import typer

from .. import __version__
from ..errors import FxlifError, FxlifWarning
from ..files import cannot
from ..progress import ended_by_sigterm
from .board import board_run, board_serve
from .doctor import doctor
from .export_c import export_c
from .fpga import fpga
from .make import init, run, verilog
from .nir import export, import_
from .plot import plot
from .prove import mutate, prove, soak
from .study import study
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
    export_c: (
        "fxlif export-c design.toml -o build",
        "fxlif export-c digits -o build",
    ),
    fpga: (
        "fxlif fpga digits --target ecp5-25k -o build",
        "fxlif fpga design.toml --target ice40-up5k --freq 40",
    ),
    import_: (
        "fxlif import net.nir --convention norse --dt 1e-3 -o net",
        "fxlif import net.nir --convention exact --dt 1e-4 -o net",
    ),
    export: ("fxlif export design.toml -o net.nir", "fxlif export build/net.json -o net.nir"),
    run: (
        "fxlif run design.toml --steps 100 -o spikes",
        "fxlif run design.toml --input in.txt -o out.npz",
    ),
    study: (
        "fxlif study study.toml -o found",
        "fxlif study study.toml -o found --processes 2",
    ),
    plot: (
        "fxlif plot spikes -o spikes.png",
        "fxlif plot spikes -o part.svg --trace exc.v=0,7",
    ),
    init: ("fxlif init mine", "fxlif init mine --profile loihi"),
    doctor: ("fxlif doctor", "FXLIF_CACHE=/scratch/fxlif fxlif doctor"),
}
#: Groups of commands: the help of each, and its commands by their second word.
GROUPS: dict[str, tuple[str, dict[str, tuple[Callable[..., None], tuple[str, str]]]]] = {
    "board": (
        "A design on a board, or on a simulated one.",
        {
            "run": (
                board_run,
                (
                    "fxlif board run --simulated --steps 20",
                    "fxlif board run design.toml --port /dev/ttyUSB0",
                ),
            ),
            "serve": (
                board_serve,
                (
                    "fxlif board serve design.toml",
                    "fxlif board serve digits --board ulx3s",
                ),
            ),
        },
    )
}


def _add(to: typer.Typer, name: str, command: Callable[..., None], examples: Sequence[str]) -> None:
    epilog = "\n".join(["\b", "Examples:", *(f"  {each}" for each in examples)])
    to.command(name, epilog=epilog)(command)


for command, examples in COMMANDS.items():
    _add(app, command.__name__.strip("_").replace("_", "-"), command, examples)
for group, (about, members) in GROUPS.items():
    inside = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=about)
    inside.callback()(lambda: None)  # or else its only command would be the group
    app.add_typer(inside, name=group, help=about)
    for name, (command, examples) in members.items():
        _add(inside, name, command, examples)


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


def _usage_mistake(error: Exception) -> FxlifError | None:
    """What is wrong with the words of a command, in one line; None of another error.

    Typer takes its exceptions from click or, in newer releases, has its own: both have the same
    methods and names.
    """
    if not hasattr(error, "format_message"):
        return None
    values = getattr(error.__cause__, "errors", None)  # pydantic's, in newer releases
    option: Any = getattr(error, "param", None)
    if values is None or option is None:
        command = getattr(getattr(error, "ctx", None), "command_path", "fxlif")
        said = " ".join(error.format_message().split()).rstrip(".")
        return FxlifError(f"{said}: see {command} --help")
    from ..params.mistakes import allowed_by

    found = values()[0]
    value = found["input"]
    return FxlifError.must_be(option.opts[-1], allowed_by(found), value, found=str(value))


#: What the system says of a disk that takes nothing more.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


@cache
def _command() -> Callable[..., Any]:
    """The command line that typer makes of the functions above: it reads all their options."""
    made: Callable[..., Any] = typer.main.get_command(app)
    return made


def main() -> None:
    """Run the command line; a user's mistake is shown without traceback, and the exit code is 2."""
    try:
        with ended_by_sigterm(), warnings.catch_warnings():
            warnings.showwarning = _show_warning
            # Never silent, whatever the filters are; what two parts share is said once.
            warnings.simplefilter("default", FxlifWarning)
            code = _command()(standalone_mode=False)
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(getattr(error, "message", ""), file=sys.stderr)
            raise SystemExit(2) from None
        mistake = error if isinstance(error, FxlifError) else _usage_mistake(error)
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            mistake = cannot("written", error.filename or "a file", error)
        if isinstance(error, MemoryError):
            mistake = FxlifError("there is not enough memory")
        if isinstance(error, typer.Abort):
            raise SystemExit(130) from None
        if mistake is None:
            raise
        for line in str(mistake).splitlines():
            print(f"fxlif: {line}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    raise SystemExit(code)
