"""What a user reads of an object: help, completion, its short text and its table."""

import inspect
import pydoc
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from pydantic import BaseModel
from strategies import neurons

import fxlif
from fxlif import (
    AllToAll,
    CoreParams,
    Dense,
    ExponentialSynapse,
    FixedProbability,
    Lfsr,
    MultiShiftLeak,
    NetworkParams,
    NeuronParams,
    Population,
    Projection,
    ShiftLeak,
    Sparse,
)
from fxlif.params.base import Params
from fxlif.params.network import EventInput, ImageInput, SpikeInput
from fxlif.sim.dut import core_map
from fxlif.sim.dut import map as dut_map

ROOT = Path(__file__).parents[1]
CLASSES = [
    *(c for n in fxlif.HOMES if inspect.isclass(c := getattr(fxlif, n)) and issubclass(c, Params)),
    EventInput,
    ImageInput,
    SpikeInput,
]
MAPS = [
    each
    for each in {**vars(dut_map), **vars(core_map)}.values()
    if inspect.isclass(each) and issubclass(each, Params)
]
NAMES = [kind.__name__ for kind in CLASSES]


@pytest.mark.parametrize("kind", CLASSES, ids=NAMES)
def test_each_field_says_what_it_is_and_which_rule_uses_it(kind):
    assert kind.__doc__.isascii()
    for name, field in kind.model_fields.items():
        if name == "kind":
            continue
        assert re.search(r"\(docs/\w+\.md#[\w-]+\)\.$", field.description or ""), name
        (entry,) = re.findall(rf"(?m)^    {name} \((.+(?:\n {{8}}.+)*)", kind.__doc__)
        about, said = re.sub(r"\s+", " ", entry).split("): ", 1)
        assert said == field.description
        must = "required" if field.is_required() else f"default {field.default!r}"
        assert about.endswith(f", {must}")


@pytest.mark.parametrize("kind", MAPS, ids=[kind.__name__ for kind in MAPS])
def test_each_key_of_a_map_says_what_it_is(kind):
    assert all(field.description.endswith(".") for field in kind.model_fields.values())


def test_a_docstring_gives_type_range_and_default():
    for part in (
        "leak (NoLeak, ShiftLeak, MultiShiftLeak, ScaleLeak, DecayLeak,",
        "state_bits (int 4..32, default 16): Width of v",
        "compare ('ge' or 'gt', default 'ge'): ",
        "v_floor (int or None, default None): ",
    ):
        assert f"\n    {part}" in NeuronParams.__doc__
    assert "n (int 1..2^30, required): " in Population.__doc__
    assert "shifts (tuple of 1..8 int 0..31, required): " in MultiShiftLeak.__doc__
    assert "taps (tuple of 1 or more int, default (16, 15, 13, 4)): " in Lfsr.__doc__
    assert "probability (float 0..1, required): " in FixedProbability.__doc__
    assert 'In a design file: kind = "fixed_probability".' in FixedProbability.__doc__


@pytest.mark.parametrize("kind", CLASSES, ids=NAMES)
def test_help_and_dir_show_what_is_of_the_class_alone(kind):
    brought = set(dir(BaseModel)) - {"__doc__"}
    assert not brought & set(dir(kind))
    assert set(vars(kind)) & {"kind", "graph"} <= set(dir(kind))
    text = pydoc.plain(pydoc.render_doc(kind))
    assert "pydantic_" not in text
    assert "model_" not in text
    assert max(map(len, kind.__doc__.splitlines())) <= 76
    assert "Methods inherited from fxlif.params.base.Params:" in text


def test_an_object_shows_its_fields():
    shown = dir(Population("a", 3))
    assert {"name", "n", "neuron", "v_thresholds", "digest"} <= set(shown)
    assert not any(name.startswith(("_", "model_")) for name in shown)


def test_signatures_have_names_and_defaults():
    assert str(inspect.signature(AllToAll)) == "(weight, *, seed=1, autapses=True)"
    assert str(inspect.signature(ShiftLeak)) == "(shift=4, *, rounding='floor', minimum_step=0)"


SHORT = [
    (NeuronParams(), "NeuronParams()"),
    (NeuronParams(v_reset=7, leak=ShiftLeak(2)), "NeuronParams(leak=ShiftLeak(2), v_reset=7)"),
    (ShiftLeak(), "ShiftLeak(4)"),
    (MultiShiftLeak([1, 2]), "MultiShiftLeak((1, 2))"),
    (ExponentialSynapse(ShiftLeak(3)), "ExponentialSynapse(ShiftLeak(3))"),
    (Population("a", 3), "Population('a', 3)"),
    (Population("a", 40, v_thresholds=[3] * 40), "Population('a', 40, v_thresholds=<40 x int>)"),
    (Projection("a", "b", AllToAll(5, seed=2), delay=0),
     "Projection('a', 'b', AllToAll(5, seed=2), delay=0)"),
    (Dense(np.ones((2, 3), int)), "Dense(<2 x 3 integers>)"),
    (Sparse(scipy.sparse.csr_matrix([[0, 1], [2, 3]])),
     "Sparse(<Synapses: 3 synapses, 2 to 2 neurons>)"),
    (CoreParams(n_inputs=1, n_neurons=2, weights=[[1, 2]]),
     "CoreParams(n_inputs=1, n_neurons=2, weights=<1 x 2 integers>)"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "text"), SHORT, ids=[text for _, text in SHORT])
def test_the_text_of_an_object_is_short(made, text):
    assert repr(made) == str(made) == text


@given(neurons())
def test_the_text_of_a_neuron_makes_it_again(neuron):
    assert eval(repr(neuron), vars(fxlif) | {n: getattr(fxlif, n) for n in fxlif.HOMES}) == neuron


def test_a_large_network_has_a_short_text():
    many = NetworkParams(population=tuple(Population(f"p{k}", 1) for k in range(100)))
    assert repr(many) == "NetworkParams(population=<100 x Population>)"


# --- what a type checker makes of a user's file ---------------------------------------------------

TYPED = """\
import numpy as np

from fxlif import *

left = Population("a", 3)
right = Population("b", 3, NeuronParams(v_threshold=7, leak=ShiftLeak(3)))
named = Population(name="c", n=3, v_thresholds=(1, 2, 3))
drawn = Projection("a", "b", FixedProbability(0.5, (1, 3), seed=2), delay=4)
given = Projection(source="a", target="c", synapses=Dense(np.ones((3, 3), int)))
source = PoissonSource("s", 4, 0.5, seed=4)
slow = ExponentialSynapse(ScaleLeak(1, 2), order=("act", "leak", "integrate"))
made = NetworkParams(population=(left, right, named), projection=(drawn, given), source=(source,))
level: int = made.population[0].neuron.v_threshold
Population("a", "b")  # 14
Population("a")  # 15
Population("a", 3, NeuronParams(), (1, 2, 3))  # 16
NeuronParams(64)  # 17
NeuronParams(v_treshold=7)  # 18
NeuronParams(compare="above")  # 19
left.n = 4  # 20
"""


@pytest.mark.slow  # mypy reads all of pydantic and numpy: 8 s of processor time
def test_a_type_checker_takes_what_is_right_and_refuses_the_rest(tmp_path):
    pytest.importorskip("mypy", reason="mypy is not installed (pip install '.[dev]')")
    path = tmp_path / "user.py"
    path.write_text(TYPED.replace("import *", f"import {', '.join(sorted(fxlif.HOMES))}"))
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", path]
    options = {"cwd": tmp_path, "env": {"MYPYPATH": str(ROOT)}, "text": True}
    done = subprocess.run([*map(str, command)], capture_output=True, check=False, **options)
    found = sorted(set(re.findall(r"user\.py:(\d+): error", done.stdout)))
    assert found == [str(line) for line in range(14, 21)], done.stdout + done.stderr
