"""Ctrl-C while the command line is imported."""

import subprocess
import sys
from pathlib import Path

import fxlif

#: What the installed script does, with a Ctrl-C as a module is looked for.
SCRIPT = """
import sys
class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupts())
from fxlif.cli import main
main()
"""


def test_it_ends_with_one_line():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "fxlif: interrupted\n")


def test_little_is_imported_before_an_interrupt_is_taken():
    """What the package imports before its command line is where a Ctrl-C is a traceback."""
    root = Path(fxlif.__file__).parents[1]
    code = (
        f"import sys; sys.path.insert(0, {str(root)!r}); before = set(sys.modules); import fxlif; "
        "print(*sorted(set(sys.modules) - before))"
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = set(done.stdout.split())
    assert "fxlif" in found
    assert found.isdisjoint({"typing", "collections", "enum", "functools", "re"})
