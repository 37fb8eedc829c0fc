"""The shipped scripts: what each shows, in float and in integers, is so; ``init`` writes them."""

import math
import runpy

import numpy as np
import pytest
from designs import contents
from PIL import Image

from fxlif.examples import EXAMPLES, euler, grid, population, rate, refractory


def test_euler(tmp_path):
    found = euler.main(folder=tmp_path)
    # 20 mV (1 - (63/64)**n) reaches 14 mV.
    n = math.ceil(math.log(1 - 14 / 20) / math.log(63 / 64))
    assert np.flatnonzero(found.float_spikes).tolist() == [n * k - 1 for k in range(1, 6)]
    np.testing.assert_array_equal(found.spikes, found.float_spikes)
    assert np.abs(found.v * euler.LSB - found.float_v).max() < 2 * euler.LSB
    assert Image.open(tmp_path / "euler.png").size[0] > 900


def test_refractory(tmp_path):
    found = refractory.main(folder=tmp_path)
    np.testing.assert_array_equal(found.spikes, found.float_spikes)
    intervals = np.diff(np.flatnonzero(found.spikes))
    assert len(intervals) > 10
    assert intervals.min() > 5
    assert np.abs(found.v * refractory.LSB - found.float_v).max() < 0.06
    assert (tmp_path / "refractory.png").exists()


def test_grid(tmp_path):
    found = grid.simulate(60)
    np.testing.assert_array_equal(found.spikes, found.float_spikes)
    place = found.spikes[:, 5:8, 6:9].sum(axis=(1, 2))
    assert {step: int(count) for step, count in enumerate(place) if count} == {2: 9, 20: 9, 56: 9}
    rows, columns = np.nonzero(found.spikes[8, :11, :13])
    radius = np.hypot(rows - 6, columns - 7)
    assert radius.min() > 3.5  # a ring: the neurons within it rest
    assert radius.max() < 5.5
    # The film has a frame for each step, of both.
    grid.main(4, tmp_path)
    assert Image.open(tmp_path / "grid.gif").n_frames == 4


def test_population(tmp_path):
    found = population.main(folder=tmp_path)
    counts = found.spikes.sum(axis=0)
    assert counts[:4].tolist() == [0] * 4
    assert (np.diff(counts) >= 0).all()
    same = (found.spikes == found.float_spikes).all(axis=0)
    assert same.sum() >= 23
    np.testing.assert_array_equal(counts, found.float_spikes.sum(axis=0))
    assert (tmp_path / "population.png").exists()


def test_rate(tmp_path):
    found = rate.main(2500, 60, folder=tmp_path)
    often = found.theory > 5
    np.testing.assert_allclose(found.in_integers[often], found.in_float[often], rtol=0.01)
    np.testing.assert_allclose(found.in_integers[often], found.theory[often], rtol=0.05)
    assert (tmp_path / "rate.png").exists()


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_init_writes_an_example(name, run, tmp_path):
    assert run("init", "--example", name, "new").code == 0
    assert sorted(contents(tmp_path / "new")) == sorted(EXAMPLES[name])


def test_an_example_runs_where_it_was_written(run, tmp_path, capsys):
    for name in ("euler", "grid"):
        assert run("init", "--example", name, ".").code == 0
    runpy.run_path("euler.py", run_name="__main__")
    assert (tmp_path / "euler.png").exists()
    assert "spikes in integers at steps 76 153" in capsys.readouterr().out
    assert runpy.run_path("grid.py")["simulate"](4).spikes.sum() == 2 * 9 + 2 * 4
    (tmp_path / "grid.toml").unlink()  # its own design is read, and no other
    with pytest.raises(ValueError, match=r"grid\.toml"):
        runpy.run_path("grid.py")["simulate"](4)


def test_no_such_example(run, tmp_path):
    line = "--example: no such example, 'eulr'; did you mean euler? There are euler, "
    assert run("init", "--example", "eulr", "new").refusal.startswith(line)
    line = "--mistake: must be left out with --example euler"
    assert run("init", "--example", "euler", "--mistake", "x", "new").refusal == line
    assert contents(tmp_path) == {}
