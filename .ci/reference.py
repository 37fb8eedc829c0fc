#!/usr/bin/env python3
"""Writes the API reference, made from the docstrings, to a folder; any warning is an error.

.venv/bin/python .ci/reference.py FOLDER
"""

import os
import sys
import warnings
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import get_type_hints

import pdoc

from fxlif.layout import HardwareNetwork
from fxlif.params import CoreParams, NetworkParams, NeuronParams
from fxlif.params.base import Params

#: Beside what ``fxlif`` exports.
MODULES = (
    "fxlif",
    "fxlif.network.events",
    "fxlif.hdl",
    "fxlif.sim.verify",
    "fxlif.sim.soak.run",
    "fxlif.sim.prove.run",
    "fxlif.sim.mutate.run",
    "fxlif.sim.dut.check",
    "fxlif.sim.dut.run",
    "fxlif.sim.report.findings",
)


def loaded(names: tuple[str, ...]) -> list[ModuleType]:
    """The modules and those that they export, each with all that it exports at first use."""
    modules = [import_module(name) for name in names]
    for module in modules:
        found = [getattr(module, name) for name in getattr(module, "__all__", ())]
        modules += [each for each in found if isinstance(each, ModuleType)]
    return modules


def prepare(module: ModuleType) -> None:
    """Put types in the place of texts that pdoc does not find: it looks for a named tuple's in no
    module, and for those of ``AnyParams`` in the one where a function stands. Fields of parameters
    stand in their class's docstring, and need no entry beside it."""
    names = {getattr(each, "__module__", None) for each in vars(module).values()}
    for home in [module, *(sys.modules[name] for name in names if name in sys.modules)]:
        if hasattr(home, "AnyParams"):
            home.AnyParams = NeuronParams | CoreParams | NetworkParams | HardwareNetwork
    for each in vars(module).values():
        if isinstance(each, type) and issubclass(each, Params):
            for field in each.model_fields.values():
                field.description = "@private"  # pdoc's word for: no entry
        elif isinstance(each, type) and issubclass(each, tuple) and hasattr(each, "_fields"):
            each.__new__.__annotations__ = get_type_hints(each)


def main(folder: Path) -> None:
    """Write a page for each of the modules."""
    folder = folder.resolve()
    # pdoc would ask whether a module's name stands for the folder of the checkout.
    os.chdir(Path(__file__).parent)
    for module in loaded(MODULES):
        prepare(module)
    warnings.simplefilter("error")
    pdoc.render.configure(docformat="google")
    pdoc.pdoc(*MODULES, output_directory=folder)
    print(folder / "index.html")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
