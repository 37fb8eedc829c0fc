"""Ctrl-C while the command line is imported."""

import subprocess
import sys

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
