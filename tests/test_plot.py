"""Plots: the data that is drawn, its labels and units, and what the command line makes of it."""

import sys

import numpy as np
import pytest
from designs import contents
from PIL import Image

from fxlif import (
    Adaptation,
    AllToAll,
    ConstantLeak,
    FixedProbability,
    FloatNeuron,
    FxlifError,
    LIFPopulation,
    LinearLeak,
    MultiShiftLeak,
    Network,
    NetworkParams,
    NeuronParams,
    NoLeak,
    PoissonSource,
    Population,
    Projection,
    Recorder,
    Recording,
    ScaleLeak,
    ShiftLeak,
    plot,
    save,
)
from fxlif.network import events
from fxlif.plot import figures, style
from fxlif.plot import spikes as drawn_spikes
from fxlif.rule.arithmetic import leak as leak_rule

DRAW = np.random.default_rng(5)
ADAPTIVE = NeuronParams(
    v_threshold=60, refractory=4, adaptation=Adaptation(increment=20, leak=ShiftLeak(4))
)
LOOP = NetworkParams(
    source=[PoissonSource(name="in", n=20, probability=0.1)],
    population=[
        Population(name="a", n=6, neuron=ADAPTIVE),
        Population(name="b", n=3, v_thresholds=(64, 70, 80)),
    ],
    projection=[
        Projection("in", "a", FixedProbability(probability=0.6, weight=15)),  # no two alike
        Projection("in", "b", AllToAll(weight=5)),
    ],
)


@pytest.fixture(autouse=True)
def _no_pyplot(monkeypatch):
    """An import of it raises."""
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)


@pytest.fixture(scope="module")
def recording():
    watch = {"a": ("v", "theta", "refractory"), "b": ("v",)}
    return Network(LOOP).run(120, record=Recording(states=watch, neurons={"a": [5, 2]}))


def drawn(ax) -> dict:
    """The lines by their labels: (times, values)."""
    return {line.get_label(): line.get_data() for line in ax.get_lines()}


def shaded(ax) -> list:
    """From where to where the axes are shaded."""
    paths = [path for bars in ax.collections for path in bars.get_paths()]
    return [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in paths]


# --- spikes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dt", [None, 0.5])
def test_raster(recording, dt):
    ax = plot.raster(recording, "a", dt=dt)
    (marks,) = ax.get_lines()
    steps, neurons = recording.raster("a")
    assert len(steps) > 20
    np.testing.assert_array_equal(marks.get_xdata(), steps * (dt or 1))
    np.testing.assert_array_equal(marks.get_ydata(), neurons)
    assert ax.get_xlabel() == ("time (steps)" if dt is None else "time (ms)")
    assert (ax.get_ylabel(), ax.get_ylim()) == ("neuron", (-0.5, 5.5))


def test_raster_of_arrays_streams_and_batches():
    counts = DRAW.integers(0, 3, (9, 4))
    expected = np.repeat(np.argwhere(counts), counts[counts > 0], axis=0)
    batch = Network(LOOP).run(30, batch=[7, 3])
    steps = batch.raster("b")
    for data, given, found in [
        (counts, {}, expected),
        (events.from_counts(counts), {}, expected),
        (counts > 0, {"steps": (2, 7)}, [x for x in np.argwhere(counts) if 2 <= x[0] < 7]),
        (batch, {"name": "b", "item": 1}, np.stack(steps[1:], axis=1)[steps[0] == 1]),
    ]:
        (marks,) = plot.raster(data, **given).get_lines()
        np.testing.assert_array_equal(np.stack(marks.get_data(), axis=1), found)


@pytest.mark.parametrize(("shape", "spikes"), [((1, 1), 1), ((1, 3), 0), ((200, 1), 1)])
def test_one_step_one_neuron_and_no_spike_are_plots(shape, spikes):
    data = np.full(shape, spikes)
    for ax in (plot.raster(data), plot.rate(data), plot.trace(data * 5, spikes=data)):
        ax.figure.draw_without_rendering()
        low, high = ax.get_xlim()
        assert low < high


def test_many_spikes_are_a_picture_that_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(drawn_spikes, "PICTURE", (40, 10))
    monkeypatch.setattr(drawn_spikes, "MOST_MARKS", 100)
    spikes = DRAW.random((97, 33)) < np.linspace(0, 0.4, 33)
    ax = plot.raster(spikes, steps=(1, 97), dt=2)
    (picture,) = ax.get_images()
    pixels = picture.get_array()
    assert ax.get_lines()[:] == []
    # Three steps of four neurons each; nothing is lost, and each is where it belongs.
    shown = np.zeros((33 + 3, 96))
    shown[:33] = spikes[1:].T
    np.testing.assert_array_equal(pixels.filled(0), shown.reshape(9, 4, 32, 3).sum(axis=(1, 3)))
    assert picture.get_extent() == [1.0, 193.0, -0.5, 35.5]
    assert ax.get_title("right") == f"{spikes[1:].sum():,} spikes, 3 steps of 4 neurons a pixel"
    plot.save(ax, tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size < 100_000


def test_rate():
    counts = np.array([[1, 0], [1, 1], [0, 0], [0, 2], [1, 1]])
    heights, edges, _ = plot.rate(counts, window=2).patches[0].get_data()
    np.testing.assert_allclose(heights, [3 / 4, 2 / 4, 2 / 2])  # the last bin has one step
    assert list(edges) == [0, 2, 4, 5]
    ax = plot.rate(counts, window=2, dt=0.5)
    heights, edges, _ = ax.patches[0].get_data()
    np.testing.assert_allclose(heights, [1500, 1000, 2000])
    assert list(edges) == [0, 1, 2, 2.5]
    assert ax.get_ylabel() == "rate of a neuron (Hz),\nbins of 2 steps"


# --- membranes ------------------------------------------------------------------------------------


def test_trace_of_a_recording(recording):
    neuron = LOOP.population[0].neuron
    ax = plot.trace(recording, "a", neuron=2, params=neuron, dt=2.0)
    lines, column = drawn(ax), 1  # the second of neurons 5 and 2
    v, theta = (recording.states("a", x)[:, column].astype(int) for x in ("v", "theta"))
    fired = recording.raster("a")[0][recording.raster("a")[1] == 2]
    assert len(fired) > 3
    np.testing.assert_array_equal(lines["v"], [2 * np.arange(120), v])
    np.testing.assert_array_equal(lines["threshold"][1], 60 + theta)
    np.testing.assert_array_equal(lines["spike"][0], 2 * fired)
    np.testing.assert_array_equal(lines["after reset"], [2 * fired, np.zeros(len(fired))])
    assert shaded(ax) == [(2 * t, 2 * min(t + 4, 119)) for t in fired]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "v (LSB)")
    told = [text.get_text() for text in ax.get_legend().get_texts()]
    assert told == ["v", "threshold", "after reset", "spike", "refractory"]


def test_a_window_of_a_trace_begins_within_a_rest(recording):
    fired = recording.raster("a")[0][recording.raster("a")[1] == 2]
    first = int(fired[1]) + 1
    ax = plot.trace(recording, "a", neuron=2, steps=(first, first + 10))
    assert shaded(ax)[0] == (first, first + 3)
    np.testing.assert_array_equal(drawn(ax)["v"][0], np.arange(first, first + 10))
    assert ax.get_xlim() == (first - 0.5, first + 9.5)


def test_rests_are_those_that_the_neuron_counts_itself(recording):
    """Two ways to the same shading: spikes and the parameter, and the recorded counter."""
    population, recorder = LIFPopulation(1, refractory=5), Recorder("v", "refractory")
    spikes = population.run(DRAW.integers(0, 40, (60, 1)), recorder)
    ax = plot.trace(recorder, params=population.params, spikes=spikes)
    left = recorder["refractory"][:, 0]
    resting = {t for low, high in shaded(ax) for t in range(int(low), int(high))}
    assert resting == set(np.flatnonzero(left[:-1] > 0).tolist())


def test_a_threshold_that_spikes_raise_is_not_drawn_without_theta():
    params = ADAPTIVE
    assert "threshold" not in drawn(plot.trace([1, 2], params=params))
    assert drawn(plot.trace([1, 2], params=params, threshold=[7, 8]))["threshold"][1].tolist() == [
        7,
        8,
    ]
    fixed = params.model_copy(update={"adaptation": None})
    assert drawn(plot.trace([1, 2], params=fixed))["threshold"][1].tolist() == [60, 60]


def test_trace_in_physical_units():
    neuron = FloatNeuron(t_refractory=1.0, dt=0.5)
    ax = plot.trace(np.full((8, 2), -60.0), neuron=1, params=neuron, spikes=np.eye(8)[:, :2] > 0)
    assert shaded(ax) == [(0.5, 1.5)]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "v (mV)")
    assert drawn(ax)["threshold"][1][0] == -50


def test_a_long_trace_keeps_its_extremes_and_says_so(monkeypatch):
    monkeypatch.setattr(style, "MOST_POINTS", 100)
    values = DRAW.integers(-50, 50, 1234)
    values[[77, 1233]] = 999, -999
    ax = plot.trace(values)
    ((label, (times, shown)),) = drawn(ax).items()
    assert (
        label == ax.get_legend().get_texts()[0].get_text() == "v (lowest and highest of 25 steps)"
    )
    assert len(times) <= 100 + 25
    assert {77, 1233} <= set(times.tolist())
    np.testing.assert_array_equal(shown, values[times.astype(int)])
    parts = values[:1225].reshape(49, 25)
    assert set(parts.max(axis=1)) <= set(shown.tolist())


def test_float_against_integer():
    upper, lower = both = plot.compare(
        [1.0, 2.0, 4.0], [2, 5, 8], lsb=0.5, zero=0.25, dt=2, unit="mV", threshold=5
    )
    lines = drawn(upper)
    assert lines["float"][1].tolist() == [1, 2, 4]
    assert lines["integer"][1].tolist() == [1.25, 2.75, 4.25]
    assert lines["threshold"][1].tolist() == [5, 5, 5]
    times, difference = lower.get_lines()[1].get_data()
    assert (times.tolist(), difference.tolist()) == ([0, 2, 4], [0.25, 0.75, 0.25])
    assert (upper.get_ylabel(), lower.get_xlabel()) == ("v (mV)", "time (ms)")
    assert both._repr_png_().startswith(b"\x89PNG")
    again = plot.compare([1.0], [1], ax=upper.figure.subplots(2))
    assert again[0].get_ylabel() == "v (LSB)"


# --- curves ---------------------------------------------------------------------------------------


def test_f_i_curve():
    ax = plot.f_i_curve([1, 2], {"x": [0, 0.5], "y": [0.1, 0.2]}, theory=[0, 0.4])
    lines = drawn(ax)
    assert lines["y"][1].tolist() == [0.1, 0.2]
    assert lines["theory"][1].tolist() == [0, 0.4]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("current (LSB)", "rate (spikes per step)")


def test_f_i_curve_of_a_batch():
    network = Network(NetworkParams(population=[Population("a", 2, NeuronParams(leak=NoLeak()))]))
    currents = np.array([8, 16, 32])
    batch = network.run(64, currents={"a": currents[:, None, None]}, batch=3)
    ax = plot.f_i_curve(currents, batch, dt=0.5)
    ((x, y),) = [line.get_data() for line in ax.get_lines()]
    assert (x.tolist(), y.tolist()) == ([8, 16, 32], [250, 500, 1000])
    assert ax.get_ylabel() == "rate (Hz)"


def test_histogram_bins_hold_equally_many_points_of_the_grid():
    before = DRAW.normal(0, 0.3, 4000)
    for scale, bins in ((4, None), (100, None), (100, 7)):
        grid = np.round(before * scale).astype(int)
        ax = plot.histogram(before, grid / scale, bins=bins, unit="mV")
        (first, edges, _), (second, same, _) = (patch.get_data() for patch in ax.patches)
        np.testing.assert_array_equal(edges, same)
        assert first.sum() == second.sum() == 4000
        assert len(first) <= (bins or 60)
        per_bin = np.diff(np.searchsorted(np.arange(-3000, 3000) / scale, edges))
        assert len(set(per_bin)) == 1
        assert ax.get_xlabel() == "weight (mV)"
    assert plot.histogram([3, 3]).patches[0].get_data()[0].sum() == 2
    assert plot.histogram(before).patches[0].get_data()[0].sum() == 4000


LEAKS = [
    ShiftLeak(3),
    ShiftLeak(4, rounding="nearest_even"),
    ShiftLeak(3, rounding="away_from_zero"),
    ShiftLeak(3, rounding="toward_zero", minimum_step=1),
    ShiftLeak(3, rounding="stochastic"),
    MultiShiftLeak((3, 5), signs=(1, -1)),
    ScaleLeak(factor=243, shift=8),
    LinearLeak(step=5),
    ConstantLeak(step=-3),
]


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: f"{leak.kind} {LEAKS.index(leak)}")
def test_leak_step(leak):
    ax = plot.leak_step(NeuronParams(leak=leak))
    lines = drawn(ax)
    low = lines.get("x'", lines.get("x', lowest and highest"))
    x = low[0].astype(int)
    draws = range(8) if getattr(leak, "rounding", "") == "stochastic" else (0,)
    all_left = np.array([[leak_rule(leak, int(each), draw) for each in x] for draw in draws])
    np.testing.assert_array_equal(low[1], all_left.min(axis=0))
    np.testing.assert_array_equal(ax.get_lines()[-1].get_ydata(), all_left.max(axis=0))
    stays = {int(each) for each in x[(all_left == x).all(axis=0)]}
    zone = {0} & stays
    while (grown := {each for z in zone for each in (z - 1, z, z + 1)} & stays) != zone:
        zone = grown
    labels = [patch.get_label() for patch in ax.patches]
    assert labels == ([f"dead zone {min(zone)}..{max(zone)}"] if len(zone) > 1 else [])
    for patch in ax.patches:
        edges = patch.get_x(), patch.get_x() + patch.get_width()
        assert edges == (min(zone) - 0.5, max(zone) + 0.5)


def test_leak_step_of_arrays():
    ax = plot.leak_step([-2, -1, 0, 0, 1], [-3, -1, 0, 1, 2])
    assert [patch.get_label() for patch in ax.patches] == ["dead zone -1..0"]
    # What stays beyond what moves is no part of the zone around 0.
    assert not plot.leak_step([-2, 0, 0, 0, 2], [-2, -1, 0, 1, 2]).patches
    assert plot.leak_step(NoLeak()).patches[0].get_label() == "dead zone, wider than shown"


def test_grid(recording):
    values, fired = np.arange(12).reshape(3, 4), np.eye(3, 4, dtype=bool)
    ax = plot.grid(values.ravel(), shape=(3, 4), spikes=fired, limits=(-5, 20), unit="mV")
    (image,), (marks,) = ax.get_images(), ax.get_lines()
    np.testing.assert_array_equal(image.get_array(), values)
    assert (image.get_clim(), image.colorbar.ax.get_ylabel()) == ((-5, 20), "v (mV)")
    assert [x.tolist() for x in marks.get_data()] == [[0, 1, 2], [0, 1, 2]]
    record = Network(LOOP).run(40, record=Recording(states={"b": ("v",)}))
    step = int(record.raster("b")[0][0])
    ax = plot.grid(record, "b", shape=(1, 3), step=step)
    np.testing.assert_array_equal(ax.get_images()[0].get_array()[0], record.states("b", "v")[step])
    fired = record.raster("b")[1][record.raster("b")[0] == step]
    np.testing.assert_array_equal(ax.get_lines()[0].get_xdata(), fired)


@pytest.mark.parametrize("directions", [("min", "max"), ("min", "min"), ("max", "min")])
def test_front(directions):
    points = DRAW.integers(0, 12, (60, 2))
    signs = np.array([1 if each == "min" else -1 for each in directions])

    def beaten(a, b):
        return (b * signs <= a * signs).all() and (b * signs < a * signs).any()

    best = {tuple(p) for p in points if not any(beaten(p, other) for other in points)}
    found = plot.front(*points.T, directions)
    assert sorted(map(tuple, points[found])) == sorted(best)
    assert (np.diff(points[found, 0]) > 0).all()


def test_pareto():
    x, y = [1.0, 2, 3, 4], [5.0, 9, 8, 10]
    ax = plot.pareto(
        x, y, low=[4, 8, 7, 9], high=[6, 9.5, 9, 11], groups=["s", "s", "t", "t"],
        labels=["p", "q", "r", "z"], titles=("memory (bits)", "accuracy (%)"),
    )  # fmt: skip
    lines = drawn(ax)
    assert [each.tolist() for each in lines["Pareto front"]] == [[1, 2, 4], [5, 9, 10]]
    assert lines["t"][0].tolist() == [3, 4]
    (bars,) = (c for c in ax.collections if hasattr(c, "get_segments"))
    assert bars.get_segments()[1].tolist() == [[2, 8], [2, 9.5]]
    assert [text.get_text() for text in ax.texts] == ["p", "q", "z"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("memory (bits)", "accuracy (%)")


# --- what is refused ------------------------------------------------------------------------------


def test_what_cannot_be_drawn_is_refused(recording):
    empty = Network(LOOP).run(0)
    batch = Network(LOOP).run(3, batch=2)
    panels, suffixes = "1..24 populations and traces", "a file with suffix .png or .svg"
    for call, key, allowed in [
        (lambda: plot.raster(recording), "name", "one of a, b (what is recorded)"),
        (lambda: plot.raster(recording, "c"), "name", "a, b"),
        (lambda: plot.raster(empty, "a"), "data", "a recording of 1 step or more"),
        (lambda: plot.raster(np.zeros((0, 3), int)), "data", "a recording of 1 step or more"),
        (lambda: plot.raster(batch, "a"), "item", "0..1, one of the batch"),
        (lambda: plot.raster(batch, "a", item=2), "item", "0..1"),
        (lambda: plot.raster([[1.5]]), "data", "integers"),
        (lambda: plot.raster([[-1]]), "data", "counts of 0 or more"),
        (lambda: plot.raster([[1]], "a"), "name", "left out but with a recording"),
        (lambda: plot.raster([[1]], dt=0), "dt", "the ms of a step, a number above 0"),
        (lambda: plot.raster([[1]], ax=3), "ax", "Axes of matplotlib, or None"),
        (lambda: plot.raster([[1]], steps=(0, 2)), "steps[1]", "1..1"),
        (lambda: plot.trace(recording, "a", neuron=3), "neuron", "5, 2 (recorded)"),
        (lambda: plot.trace(recording, "b", variable="theta"), "name", "a"),
        (lambda: plot.trace(batch, "a"), "variable", "of none (what is recorded)"),
        (lambda: plot.trace([1, 2], spikes=[1]), "spikes", "of shape (2,) or (2, n)"),
        (lambda: plot.trace([1, 2], params=3), "params", "NeuronParams or a FloatNeuron"),
        (lambda: plot.compare([1.0], [1, 2]), "integer_values", "of shape (1,), as float_values"),
        (lambda: plot.f_i_curve([1, 2], [1]), "rates", "of shape (2,)"),
        (lambda: plot.histogram([]), "before", "one number or more"),
        (lambda: plot.leak_step([1]), "x", "given with x' in place of a leak"),
        (lambda: plot.grid([1, 2], shape=(2, 2)), "shape", "of 2 neurons"),
        (lambda: plot.pareto([1], [float("nan")]), "y[0]", "finite"),
        (lambda: plot.front([1], [1], ("min", "up")), "directions", "min, max"),
        (lambda: plot.overview(recording, ["a"] * 25, {}), "overview", panels),
        (lambda: plot.save(plot.raster([[1]]), "a.pdf"), "a.pdf", suffixes),
    ]:  # fmt: skip
        with pytest.raises(FxlifError) as caught:
            call()
        assert (caught.value.key, caught.value.allowed) == (key, allowed)
        assert "\n" not in str(caught.value)


# --- whole recordings, and the command line -------------------------------------------------------


def test_overview(recording):
    figure = plot.overview(recording, traces={("a", "v"): [5], ("b", "v"): [0, 1]}, design=LOOP)
    labels = [ax.get_ylabel() for ax in figure.axes]
    assert labels == ["a\nneuron", "b\nneuron", "a 5\nv (LSB)", "b 0\nv (LSB)", "b 1\nv (LSB)"]
    theta = recording.states("a", "theta")[:, 0]
    np.testing.assert_array_equal(drawn(figure.axes[2])["threshold"][1], 60 + theta)
    assert [drawn(ax)["threshold"][1][0] for ax in figure.axes[3:]] == [64, 70]
    assert [ax.get_xlabel() for ax in figure.axes] == [""] * 4 + ["time (steps)"]
    assert {ax.get_xlim() for ax in figure.axes} == {(-0.5, 119.5)}  # no mark is cut off
    # Of the states that are recorded: two neurons of a, three of b.
    assert len(plot.overview(recording).axes) == 2 + 3 * 2 + 3


def test_overview_of_many_populations(recording, monkeypatch):
    monkeypatch.setattr(figures, "MOST_PANELS", 2)
    figure = plot.overview(recording, traces={("a", "v"): [5]})
    assert (len(figure.axes), figure.get_suptitle()) == (2, "1 population more")


@pytest.fixture
def loop(tmp_path):
    save(LOOP, tmp_path / "loop.toml")
    return "loop.toml"


def test_run_draws(run, loop, tmp_path):
    ran = run("run", loop, "--steps", 60, "-o", "out", "--plot", "a.svg", "--trace", "a.v=4")
    assert ran.code == 0
    folder = Recording.open(tmp_path / "out")
    assert [watched.tolist() for *_, watched in folder.selection.watched] == [[4], [4]]
    before = (tmp_path / "a.svg").read_bytes()
    plain = run("run", loop, "--steps", 60, "-o", "b.bin", "--plot", "a.svg", "--trace", "a.v=4")
    assert plain.code == 0
    assert (tmp_path / "a.svg").read_bytes() == before
    np.testing.assert_array_equal(events.read(tmp_path / "b.bin"), folder.spikes("b"))
    for source in ("out", "b.bin"):
        assert run("plot", source, "-o", "c.png") == (0, "c.png\n", "")
        assert Image.open(tmp_path / "c.png").size[0] == 1050


def test_the_command_draws_what_its_options_say(run, loop, monkeypatch):
    assert run("run", loop, "--steps", 60, "-o", "out", "--trace", "b.v=0,2").code == 0
    kept = []
    monkeypatch.setattr(figures, "save", lambda figure, path: kept.append(figure))
    words = ["--design", loop, "--first", 5, "--last", 20, "--dt", 0.5, "--trace", "b.v=2"]
    assert run("plot", "out", "-o", "c.png", "--population", "b", *words).code == 0
    raster, trace = kept[0].axes
    assert (raster.get_ylabel(), trace.get_ylabel()) == ("b\nneuron", "b 2\nv (LSB)")
    np.testing.assert_allclose(drawn(trace)["v"][0], 0.5 * np.arange(5, 21))
    assert drawn(trace)["threshold"][1].tolist() == [80] * 16
    assert trace.get_xlabel() == "time (ms)"


def test_what_the_command_line_cannot_draw_is_one_line(run, loop, tmp_path):
    assert run("run", loop, "--steps", 9, "-o", "out").code == 0
    assert run("run", loop, "--steps", 0, "-o", "none.txt").code == 0
    before = contents(tmp_path)
    for words, line in [
        ("plot out -o a.pdf", "a.pdf: must be a file with suffix .png or .svg, not '.pdf'"),
        ("plot gone -o a.png", "gone: no such file or folder"),
        ("plot gone.txt -o a.png", "gone.txt: no such file"),
        ("plot loop.toml -o a.png", "loop.toml: must be a folder of run, or"),
        ("plot . -o a.png", "recording.json: no such file"),
        ("plot none.txt -o a.png", "none.txt: must be a recording of 1 step or more"),
        ("plot out -o a.png --population c", "name: no such recorded population, 'c'"),
        ("plot out -o a.png --trace a.v", "variable: must be of none (what is recorded), not 'v'"),
        ("plot out -o a.png --trace a", "--trace: must be POPULATION.VARIABLE"),
        ("plot out -o a.png --last 9", "--last: must be 0..8, not 9"),
        ("plot out -o a.png --first 5 --last 4", "--last: must be 5..8, not 4"),
        ("plot out -o no/a.png", "no/a.png: there is no folder no"),
        ("run loop.toml --steps 5 -o b.txt --plot a.jpg", "a.jpg: must be a file with suffix"),
        ("run loop.toml --steps 0 -o b.txt --plot a.png", "--plot: must be left out"),
        ("run loop.toml --steps 5 -o b.txt --trace a.v", "--trace: must be left out with a file"),
        ("run loop.toml --steps 5 -o b.txt --plot a.png --trace c.v", "states: must be a, b"),
        ("run loop.toml --steps 5 -o b.txt --plot a.png --trace a.v=6", "neurons.a: must be 0..5"),
    ]:  # fmt: skip
        assert run(*words.split()).mistake.startswith(line)
        assert contents(tmp_path) == before
