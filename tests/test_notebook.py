"""A notebook runs the README's example, completes names, and shows objects as tables."""

import base64
import html
import os
import re
from pathlib import Path

import numpy as np
import pytest

from fxlif import Dense, LIFPopulation, NeuronParams
from fxlif.notebook import html_table
from fxlif.sim.report.findings import Check, Findings

README = (Path(__file__).parents[1] / "README.md").read_text()
(EXAMPLE,) = re.findall(r"(?ms)^```python\n(.*?)^```$", README)
#: What stands last in a cell, and what of it is shown: as text, and in the table.
SHOWN = [
    ("population", "<LIFPopulation: 1 neuron, ", ["neurons", "NeuronParams()"]),
    ("population.params", "NeuronParams()", ["v_threshold", "64", "The lowest value that v may"]),
    ("network", "<Network network: 3 neurons, 1 population, 6 synapses, at step 2>",
     ["in \N{RIGHTWARDS ARROW} a", "AllToAll(90)"]),
    ("record", "<Recording: 2 steps, spikes of 1 part, 0 state variables>", ["a", "spikes", "3"]),
    ("fxlif.FxlifError", "fxlif.errors.FxlifError", []),
    ("fxlif.plot.raster(record)", "<NotebookAxes: ", []),
]  # fmt: skip
NETWORK = """
network = fxlif.Network(fxlif.NetworkParams(
    source=[fxlif.EventSource("in", 2)], population=[fxlif.Population("a", 3)],
    projection=[fxlif.Projection("in", "a", fxlif.AllToAll(90), delay=0)]))
record = network.run(events=[0, -1, -1])
"""
COMPLETE = """
from IPython.core.completer import provisionalcompleter

def complete(text):
    with provisionalcompleter():
        return {found.text for found in get_ipython().Completer.completions(text, len(text))}

[*map(complete, [
    "population.params.", "fxlif.NeuronParams.", "fxlif.Sh", "fxlif.Population(v", "network.s"
])]
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> list[dict]:
    """What each cell shows at its end."""
    cells = [EXAMPLE, NETWORK, COMPLETE, *(cell for cell, *_ in SHOWN)]
    import nbformat  # a fifth of a second for every process that collects
    from nbclient import NotebookClient

    book = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells)))
    folder = {"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}}
    env = dict(os.environ)
    if not os.access(Path.home(), os.W_OK):  # where Jedi cannot keep anything, it completes nothing
        env["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    NotebookClient(book, timeout=120, kernel_name="python3", resources=folder).execute(env=env)
    return [cell.outputs[-1].data if cell.outputs else {} for cell in book.cells]


def test_the_example_shows_its_last_value(outputs):
    assert outputs[0]["text/plain"].startswith("array([[")


@pytest.mark.parametrize("at", range(len(SHOWN)), ids=[cell for cell, *_ in SHOWN])
def test_objects_are_tables(at, outputs):
    _, text, parts = SHOWN[at]
    shown = outputs[3 + at]
    assert shown["text/plain"].startswith(text)
    table = html.unescape(shown.get("text/html", ""))
    assert all(f">{part}" in table for part in parts), table


def test_a_plot_is_a_picture(outputs):
    """Without pyplot, nobody else would show it."""
    assert base64.b64decode(outputs[-1]["image/png"]).startswith(b"\x89PNG")


def test_completion_names_fields_and_own_methods_alone(outputs):
    of_object, of_class, exported, arguments, of_network = eval(outputs[2]["text/plain"])
    assert {"v_threshold", "leak", "digest", "state_range"} <= of_object
    assert {"digest", "state_range"} <= of_class
    assert not [name for name in of_object | of_class if re.match("_|model_|json|copy|parse", name)]
    assert exported == {"ShiftLeak"}
    assert "v_thresholds=" in arguments
    assert {"save", "step_count", "stream"} <= of_network


# --- the table itself ----------------------------------------------------------------------------


def test_everything_is_escaped():
    page = html_table("<b>", ("<i>",), [("<script>alert(1)</script>", 1234567)])
    assert set(re.findall(r"<(\w+)", page)) == {"div", "code", "table", "tr", "th", "td"}
    assert '<td style="text-align: right">1,234,567</td>' in page


def test_long_tables_are_cut():
    page = html_table("", ("",), ((k,) for k in range(10**5)))
    assert page.count("<tr>") == 62
    assert "99,940 more" in page


def test_large_values_are_not_written_out():
    table = Dense(np.ones((1000, 1000), int))._repr_html_()
    assert "1000 x 1000 integers" in table
    assert len(table) < 1000
    assert len(LIFPopulation(10**6, NeuronParams(), engine="numpy")._repr_html_()) < 2000


def test_a_verdict_is_a_line_and_a_table():
    checks = (Check(name="every output", outcome="passed"), Check(name="<b>", outcome="failed"))
    right, wrong = (
        Findings(command="verify", design="digits", digest="", checks=c, figures={"cycles": 12345})
        for c in (checks[:1], checks)
    )
    assert repr(right) == "<verify digits: passed>"
    assert repr(wrong) == "<verify digits: not passed: <b>: failed>"
    assert "12,345" in right._repr_html_()
    assert "&lt;b&gt;" in wrong._repr_html_()
    assert "<b>" not in wrong._repr_html_()
