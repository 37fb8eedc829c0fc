"""Recordings of networks: on disk, broken off, long."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from network_engines import ENGINES, KERNELS, VARIABLES, chunks_of, each_engine, everything, facts

from fxlif import (
    FixedInDegree,
    FixedProbability,
    Network,
    NetworkParams,
    NeuronParams,
    OneToOne,
    PoissonSource,
    Population,
    Projection,
    Recording,
)

BUSY = NetworkParams(
    source=[PoissonSource(name="noise", n=40, probability=0.2, seed=2)],
    population=[
        Population(
            name="p",
            n=70,
            neuron=NeuronParams(
                v_threshold=50,
                refractory=2,
                synapse={"kind": "exponential"},
                adaptation={"increment": 5},
            ),
        )
    ],
    projection=[
        Projection(
            source="noise",
            target="p",
            synapses=FixedProbability(probability=0.5, weight=(-3, 20)),
            delay=(1, 9),
        ),
        Projection(source="p", target="p", synapses=FixedInDegree(indegree=5, weight=-9), delay=2),
    ],
)


@each_engine
def test_a_recording_on_disk_equals_one_in_memory(engine, threads, tmp_path):
    found = []
    for folder in (None, tmp_path / "out"):
        network = Network(BUSY, engine=engine)
        recording = everything(BUSY, 4, folder)
        with chunks_of(BUSY, 7):
            network.run(30, record=recording, threads=threads)
            network.run(5, record=recording, threads=threads)
        found.append((recording, network))
    memory, network = found[0]
    read = Recording.open(tmp_path / "out")
    assert read.steps == memory.steps == 35
    for name in ("noise", "p"):
        for other in (found[1][0], read):
            assert other.spikes(name).tolist() == memory.spikes(name).tolist()
    for variable in VARIABLES:
        for other in (found[1][0], read):
            rows = other.states("p", variable)
            assert rows.tolist() == memory.states("p", variable).tolist()
    assert facts(found[1][1]) == facts(network)


@each_engine
def test_watched_neurons_step_by_step(engine, threads):
    """In the user's order, the state after each step."""
    chosen = [69, 0, 64, 63, 5]
    recording = Recording(spikes=(), states={"p": VARIABLES}, neurons={"p": chosen})
    Network(BUSY, engine=engine).run(40, record=recording, threads=threads)
    single = Network(BUSY, engine=engine)
    for step in range(40):
        single.run(1)
        for variable in VARIABLES:
            now = getattr(single.states["p"], variable)[chosen]
            assert recording.states("p", variable)[step].tolist() == now.tolist()
    assert recording.states("p", "v").shape == (40, 5)
    assert recording.states("p", "theta").max() > 0


@each_engine
@pytest.mark.parametrize("on_disk", [False, True])
def test_an_interrupt_from_progress(engine, threads, on_disk, tmp_path):
    def stop(done, total):
        assert total == 50
        if done >= 21:
            raise KeyboardInterrupt

    folder = tmp_path / "out" if on_disk else None
    network = Network(BUSY, engine=engine)
    recording = everything(BUSY, 4, folder)
    with chunks_of(BUSY, 7), pytest.raises(KeyboardInterrupt):
        network.run(50, record=recording, threads=threads, progress=stop)
    fresh = Network(BUSY, engine="numpy")
    expected = everything(BUSY, 4)
    fresh.run(21, record=expected)
    read = Recording.open(folder) if folder else recording
    assert recording.steps == read.steps == 21
    assert read.spikes("p").tolist() == expected.spikes("p").tolist()
    assert read.states("p", "v").tolist() == expected.states("p", "v").tolist()
    assert facts(network) == facts(fresh)
    # And on, to the end.
    network.run(29, record=recording, threads=threads)
    fresh.run(29, record=expected)
    assert recording.spikes("p").tolist() == expected.spikes("p").tolist()
    assert facts(network) == facts(fresh)


INTERRUPTED = """
import signal, sys
# Whoever started the tests may have it ignored: nohup, a shell in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)
import test_recorded_networks as t
from fxlif import Network
from fxlif.network import model as network_module

engine, threads, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
network_module.CHUNK_WORK = 110 * 300
network = Network(t.BUSY, engine=engine)
network.run(3)
network.reset()
recording = t.everything(t.BUSY, 4, folder)
print("running", flush=True)
try:
    network.run(10**7, record=recording, threads=threads)
except KeyboardInterrupt:
    network.save(folder + ".npz")
    print("stopped", recording.steps, network.step_count, flush=True)
"""


@pytest.mark.parametrize(("engine", "threads"), [ENGINES[0], *KERNELS[1:2]], ids=str)
def test_ctrl_c(engine, threads, tmp_path):
    """A real one, anywhere in a long run to disk."""
    folder = tmp_path / "out"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])
    }
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, engine, str(threads), str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        cwd=tmp_path,  # beside the checkout's fxlif the installed one is not seen
    )  # fmt: skip
    try:
        assert process.stdout.readline() == "running\n"
        index = folder / "recording.json"
        for _ in range(300):
            time.sleep(0.05)
            if index.exists() and '"steps":0' not in index.read_text():
                break
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert out.startswith("stopped"), error
    recorded, stands = map(int, out.split()[1:])
    assert recorded == stands > 0
    read = Recording.open(folder)
    assert read.steps == recorded
    fresh = Network(BUSY)
    expected = everything(BUSY, 4)
    fresh.run(recorded, record=expected)
    assert read.spikes("p").tobytes() == expected.spikes("p").tobytes()
    assert read.states("p", "v").tobytes() == expected.states("p", "v").tobytes()
    stopped = Network(BUSY)
    stopped.restore(f"{folder}.npz")
    assert facts(stopped) == facts(fresh)


MEMORY = """
import sys
from fxlif import *

n, steps, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
params = NetworkParams(
    source=[PoissonSource(name="noise", n=100, probability=0.1)],
    population=[Population(name="p", n=n, neuron=NeuronParams(v_threshold=90))],
    projection=[
        Projection(source="noise", target="p", synapses=FixedInDegree(indegree=10, weight=60))
    ],
)
recording = Recording(states={"p": ("v",)}, neurons={"p": range(10)}, folder=folder)
Network(params).run(steps, record=recording)
# Not getrusage: its peak counts what this process was forked from.
status = open("/proc/self/status").read()
print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
print(recording.steps, len(recording.spikes("p")) - steps)
"""


@pytest.mark.parametrize(
    ("n", "steps"),
    [(1000, 10_000), pytest.param(1000, 100_000, marks=pytest.mark.slow)],
    ids=["10^7", "10^8"],
)
def test_a_long_run_to_disk_needs_little_memory(n, steps, tmp_path):
    out = subprocess.run(
        [sys.executable, "-c", MEMORY, str(n), str(steps), str(tmp_path / "out")],
        capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ).stdout  # fmt: skip
    peak, done, spikes = map(int, out.split())
    assert done == steps
    assert spikes > n * steps // 100
    assert peak < 400, f"{peak} MiB"


def test_populations_of_65536_neurons_together():
    """The widest row whose places fit 16 bits: its width itself does not."""
    params = NetworkParams(
        population=[Population(name=name, n=32_768) for name in ("a", "b")],
        projection=[
            Projection(source="a", target=target, synapses=OneToOne(weight=70))
            for target in ("a", "b")
        ],
    )
    one, other = (
        Network(params, engine=engine).run(4, currents={"a": 64})
        for engine in ("numpy", "compiled")
    )
    for name in ("a", "b"):
        assert one.counts(name).sum() > 32_768
        assert np.array_equal(one.spikes(name), other.spikes(name))
