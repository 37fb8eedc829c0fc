"""The portable bench: passes on what was generated, finds every planted fault, and is no pass
where nothing was compared. Python only writes it and starts the simulator."""

import functools
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from designs import ADAPTIVE, COMPARE, UNEVEN, needs_icarus

from fxlif.errors import FxlifError
from fxlif.hdl.verilog import generate
from fxlif.params.core import CoreParams
from fxlif.params.network import EventInput, NetworkParams
from fxlif.params.neuron import Adaptation, ExponentialSynapse, NeuronParams
from fxlif.sim.portable import expected
from fxlif.sim.portable.testbench import TOP, bench_of, signature, with_bench
from fxlif.sim.tools import simulators

CYCLES = 1536
#: Ports that count in some cycles only.
TIMELY = r"payload|trace.*(index|state|spike)|answer_(data|error)"

CORE = CoreParams(
    n_inputs=4,
    n_neurons=5,
    weights=[[9, 1, 2, 3, 4], [1, 9, 1, 1, 1], [5, 5, 5, 5, 5], [-3, 4, 2, 2, 2]],
    neuron=NeuronParams(v_threshold=12, refractory=1),
)
LANES = CoreParams(
    n_inputs=5,
    n_neurons=7,
    lanes=3,
    weights=[[(5 * i + 3 * j) % 11 - 3 for j in range(7)] for i in range(5)],
    neuron=NeuronParams(
        v_threshold=20, synapse=ExponentialSynapse(), adaptation=Adaptation(increment=4)
    ),
    v_thresholds=[8, 12, 16, 20, 24, 28, 32],
)
LAST = CoreParams(
    n_inputs=7, n_neurons=2, weights=[[9, 1], [1, 9], [5, 5], [-3, 4], [4, -3], [7, 7], [8, 2]],
    neuron=NeuronParams(v_threshold=12),
)  # fmt: skip
NEURON = NeuronParams(v_threshold=48, refractory=3, bias=-2, adaptation=Adaptation(increment=5))
#: Written and read between its steps.
ACCESSED = CoreParams(
    n_inputs=4, n_neurons=5, lanes=2, weights=CORE.weights, neuron=CORE.neuron,
    v_thresholds=[12, 9, 14, 11, 13], writable=("weights", "thresholds", "v_reset"), readable=True,
)  # fmt: skip
SEVERAL = NeuronParams(v_threshold=9, max_spikes_per_step=31, reset="subtract", current_bits=10)
DESIGNS = {
    "core": CORE,
    "thresholds": LANES,
    "chain": NetworkParams(name="reg", core=(LANES, LAST), input=EventInput(file="none.txt")),
    "neuron": NEURON,
    "rich": ADAPTIVE,
    "several spikes": SEVERAL,
    "accessed": ACCESSED,
}


@functools.cache
def made(name, trace=False, cycles=CYCLES, seed=1):
    """The hardware of a design and its bench."""
    hardware = generate(DESIGNS[name], trace=trace)
    return hardware, bench_of(DESIGNS[name], hardware, cycles=cycles, seed=seed)


def files_of(name, trace=False, **options):
    """The texts of a design and its bench."""
    files = with_bench(*made(name, trace, **options))
    return {name: files[name].decode() for name in files if not name.endswith(".npz")}


def icarus(folder, files):
    """All that the sidecar's own commands say of a design and its bench in a folder."""
    for name, text in files.items():
        (folder / name).write_text(text)
    (sidecar,) = folder.glob("*.json")
    said = ""
    for command in json.loads(sidecar.read_text())["bench"]["commands"]["icarus"]:
        done = subprocess.run(
            shlex.split(command), cwd=folder, capture_output=True, text=True, timeout=60
        )
        said += done.stdout + done.stderr
        assert done.returncode == 0, said
    return said.splitlines()


# --- it passes ------------------------------------------------------------------------------------


@needs_icarus
@pytest.mark.parametrize("trace", [False, True], ids=["", "trace"])
@pytest.mark.parametrize("name", DESIGNS)
def test_passes(name, trace, tmp_path):
    hardware, bench = made(name, trace)
    outputs = [port for port in hardware.ports if port.direction == "out"]
    assert bench.spikes > 10
    always = [p for p in outputs if not re.search(TIMELY, p.name)]
    assert CYCLES * len(always) <= bench.described["comparisons"] <= CYCLES * len(outputs)
    # Nothing but the verdict: not one warning of -Wall.
    said = icarus(tmp_path, files_of(name, trace))
    assert said == [f"PASSED: {CYCLES} cycles, {bench.described['comparisons']} comparisons"]


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("neuron", None),
        pytest.param("chain", None, marks=pytest.mark.slow),
        pytest.param("accessed", None, marks=pytest.mark.slow),
        pytest.param("accessed", "a write that is not counted", marks=pytest.mark.slow),
        pytest.param("accessed", "a read that is not answered", marks=pytest.mark.slow),
    ],
)
def test_verilator(name, fault, tmp_path):
    """It passes, or finds a planted fault."""
    try:
        simulator = simulators._verilator()
    except FxlifError as error:
        pytest.skip(str(error))
    files = dict(files_of(name, trace=True))
    if fault is not None:
        _, pattern, replacement, _ = FAULTS[fault]
        file = f"{made(name)[0].name}.v"
        files[file], found = re.subn(pattern, replacement, files[file])
        assert found
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    bench = made(name, True)[1].described
    build, run = map(shlex.split, bench["commands"]["verilator"])
    objects = tmp_path / build[build.index("--Mdir") + 1]
    objects.mkdir()
    simulators.give_runtime(
        simulator, objects, simulators.STANDALONE_RUNTIME, simulators.STANDALONE
    )
    with simulators.prepared(simulator, simulators.STANDALONE_VARIABLES):
        done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "%Warning" not in done.stderr
        said = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True).stdout
        if fault is not None:
            assert re.search(r"(?m)^FAILED: [1-9]\d* differences", said)
            return
        assert f"PASSED: {CYCLES} cycles, {bench['comparisons']} comparisons\n" in said
        # Two-valued memories are no excuse: an empty file cannot pass here either.
        (tmp_path / bench["files"][-1]).write_text("")
        said = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True).stdout
        assert "PASSED" not in said


# --- it fails -------------------------------------------------------------------------------------

#: Design, what is found in its Verilog, what takes its place, a port that must differ.
FAULTS = {
    "compare flipped": ("core", COMPARE, r"\1 > ", "events_out_"),
    "compare flipped, one neuron": ("neuron", COMPARE, r"\1 > ", "spike"),
    "thresholds compared with gt": ("thresholds", COMPARE, r"\1 > ", "events_out_"),
    "tick early": ("core", r"(= word_\d+ == )3'h4;", r"\g<1>3'h3;", "events_out_payload"),
    "payload not held": ("core", r"(assign sends =) \w+;", r"\1 valid;",
                         "events_out_payload"),
    "state not cleared": ("core", r"(assign write_en = update_\d+) \| clear_\d+;", r"\1;",
                          "events_out_"),
    "neuron without reset": ("neuron", r"if \(rst\) begin", "if (1'b0) begin", "state"),
    "second core is stuck": ("chain", r"(?s)(module reg_core_1_issue.*?assign start = )[^;]*;",
                             r"\g<1>1'h0;", "events_out_valid"),
    "a write that is not counted": ("accessed", r"(= rejected \+) write_missed;", r"\1 1'h0;",
                                    "rejected"),
    "a read that is not answered": ("accessed", r"answer_valid <= \w+;",
                                "answer_valid <= read_missed_3;", "answer_valid"),
    "a counter": ("chain", r"(= dropped \+ )(\w+);", r"\1{ \2, 1'h0 };", "dropped_0"),
}  # fmt: skip


@needs_icarus
@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults(fault, tmp_path):
    name, pattern, replacement, port = FAULTS[fault]
    files = dict(files_of(name))
    (file,) = (f"{made(name)[0].name}.v",)
    files[file], found = re.subn(pattern, replacement, files[file])
    assert found
    said = icarus(tmp_path, files)
    assert re.fullmatch(
        rf"FAILED: \d+ differences, the first in cycle \d+; {CYCLES} cycles, \d+ comparisons",
        said[-1],
    )
    shown = [line for line in said if re.match(r"cycle \d+: port ", line)]
    assert any(re.match(rf"cycle \d+: port {port}", line) for line in shown)
    # Each port once, the first one in the first cycle that differs.
    assert len({line.split()[3] for line in shown}) == len(shown) == len(said) - 1
    first = re.search(r"first in cycle (\d+);", said[-1])[1]
    assert shown[0].startswith(f"cycle {first}: ")


@needs_icarus
@pytest.mark.parametrize("name", ["core", "chain"])
def test_a_core_without_counters(name, tmp_path):
    """It has no ports of counters and no registers of theirs, and is right in everything else."""
    params = DESIGNS[name]
    hardware = generate(params, counters=False)
    assert hardware.sidecar["counters"] is False
    ports = {port.name.rpartition("_")[0] or port.name for port in hardware.ports}
    assert not {"dropped", "saturated"} & ports
    assert "saturated" in generate(params).verilog
    assert "saturated" not in hardware.verilog
    bench = bench_of(params, hardware, cycles=CYCLES)
    files = with_bench(hardware, bench)
    texts = {name: data.decode() for name, data in files.items() if not name.endswith(".npz")}
    assert icarus(tmp_path, texts)[-1].startswith(f"PASSED: {CYCLES} cycles")


@needs_icarus
def test_a_difference_can_be_read(tmp_path):
    files = dict(files_of("neuron"))
    files["lif_neuron.v"] = files["lif_neuron.v"].replace("spike <= ", "spike <= 1'bx & ")
    said = icarus(tmp_path, files)
    # An x is a difference even where an if would take it for a 0.
    assert re.fullmatch(r"cycle \d+: port spike: expected 1, observed x", said[0])
    assert said[1].startswith("FAILED: ")


@needs_icarus
@pytest.mark.parametrize("kind", ["stimulus", "expected"])
@pytest.mark.parametrize(
    "change",
    [
        lambda text: None,
        lambda text: "",
        lambda text: "\n".join(text.splitlines()[:-1]) + "\n",
        lambda text: "x" + text[1:],
        lambda text: text[:-2] + f"{int(text[-2], 16) ^ 1:x}\n",
        lambda text: "".join(sorted(text.splitlines(keepends=True))),
    ],
    ids=["missing", "empty", "short", "x", "one bit", "order"],
)
def test_changed_memory_files(kind, change, tmp_path):
    files = dict(files_of("core"))
    name = f"lif_core_tb_{kind}.mem"
    text = change(files[name])
    assert text != files.pop(name)
    said = icarus(tmp_path, files if text is None else {**files, name: text})
    assert said[-1] == f"FAILED: {name} cannot be read, or is not the one of this bench"
    assert not any("PASSED" in line for line in said)


@needs_icarus
def test_wrong_expected_values_are_named(tmp_path):
    """Expected values that are wrong but signed are found by comparing alone."""
    files = dict(files_of("neuron"))
    words = [int(line, 16) for line in files["lif_neuron_tb_expected.mem"].splitlines()]
    (bits,) = re.findall(r"\[(\d+):0\] EXPECTED_SIGNATURE", files["lif_neuron_tb.v"])
    bits = int(bits) + 1
    words[77] ^= 1
    digits = -(-bits // 4)
    files["lif_neuron_tb_expected.mem"] = "".join(f"{word:0{digits}x}\n" for word in words)
    files["lif_neuron_tb.v"] = re.sub(
        r"EXPECTED_SIGNATURE = \S+;", f"EXPECTED_SIGNATURE = {bits}'h{signature(words, bits):x};",
        files["lif_neuron_tb.v"],
    )  # fmt: skip
    comparisons = made("neuron")[1].described["comparisons"]
    said = icarus(tmp_path, files)
    assert said[0].startswith("cycle 77: port state: expected ")
    assert said[1] == (
        f"FAILED: 1 differences, the first in cycle 77; {CYCLES} cycles, {comparisons} comparisons"
    )
    # And where no port counts in any cycle, nothing was compared: that is no pass.
    care = sum(1 << at for at in range(bits - 2, bits))
    words = [word & ~care for word in words]
    files["lif_neuron_tb_expected.mem"] = "".join(f"{word:0{digits}x}\n" for word in words)
    files["lif_neuron_tb.v"] = re.sub(
        r"EXPECTED_SIGNATURE = \S+;", f"EXPECTED_SIGNATURE = {bits}'h{signature(words, bits):x};",
        files["lif_neuron_tb.v"],
    )  # fmt: skip
    assert icarus(tmp_path, files) == [f"FAILED: 0 comparisons, but {comparisons} are due"]


# --- what is written ------------------------------------------------------------------------------


def test_same_bytes():
    for name in ("chain", "neuron"):
        hardware, bench = made(name)
        assert bench_of(DESIGNS[name], hardware, cycles=CYCLES).files == bench.files
        other = bench_of(DESIGNS[name], hardware, cycles=CYCLES, seed=2)
        assert other.files.keys() == bench.files.keys()
        assert all(other.files[file] != text for file, text in bench.files.items())


SCRIPT = """
import json, sys
from fxlif.sim.portable.testbench import bench_of
from fxlif.hdl.verilog import generate
from fxlif.params.core import CoreParams
core = CoreParams.model_validate(json.load(sys.stdin))
print(json.dumps(bench_of(core, generate(core), cycles=100).files))
"""


def test_same_bytes_without_compiled_code():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=json.dumps(CORE.model_dump(mode="json")),
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, cwd=Path(__file__).parent,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == made("core", cycles=100)[1].files


def test_the_sidecar_says_it():
    files = files_of("chain")
    plain, said = generate(DESIGNS["chain"]).sidecar, json.loads(files["reg.json"])
    bench, digests = said.pop("bench"), said.pop("files")
    assert said == json.loads(json.dumps(plain))
    assert {*digests} == {"reg.npz", *files} - {"reg.json"}
    for name in {*files} - {"reg.json"}:
        assert digests[name] == hashlib.sha256(files[name].encode()).hexdigest()
    names = ["reg_tb.v", "reg_tb_expected.mem", "reg_tb_stimulus.mem"]
    assert bench["files"] == names
    images = [image["file"] for image in plain["images"]]
    assert len(images) == 4  # the weights of two cores, and the thresholds of the first in two
    assert {*names, *images, "reg.v", "reg.json"} == files.keys()
    assert (bench["top"], bench["cycles"], bench["seed"]) == (TOP, CYCLES, 1)
    assert bench["output_spikes"] == made("chain")[1].spikes
    for commands in bench["commands"].values():
        for command in commands:
            assert f"//   $ {command}\n" in files["reg_tb.v"]


def test_stimulus():
    """It begins with a reset and idle cycles, and crosses resets, idling and backpressure."""
    parts = list(expected.stream_parts(UNEVEN, 20_000, 1))
    inputs = {
        name: np.concatenate([part.inputs[name] for part in parts]) for name in parts[0].inputs
    }
    rst, valid, ready = (inputs[n] for n in ("rst", "events_in.valid", "events_out.ready"))
    assert rst[:3].tolist() == [1, 1, 0]
    assert not valid[:10].any()
    assert 4 <= np.count_nonzero(rst[1:] > rst[:-1]) <= expected.RESETS
    assert not rst[-2000:].any()
    assert 0.2 < valid.mean() < 0.95
    assert 0.2 < ready.mean() < 0.95


@pytest.mark.parametrize(("words", "cycles"), [(1, 20_000), (200, 40_000), (4096, 200_000)])
def test_default_length(words, cycles):
    core = CoreParams(n_inputs=1, n_neurons=words, weights=[[1] * words])
    assert expected.default_cycles(core) == cycles


@pytest.mark.parametrize("cycles", [1, 2, 9, 511, 513])
def test_short_ones_are_whole(cycles):
    for name in ("core", "neuron"):
        bench = made(name, cycles=cycles)[1]
        assert bench.described["comparisons"] >= cycles
        for file, text in bench.files.items():
            assert file.endswith(".v") or len(text.splitlines()) == cycles


@pytest.mark.parametrize("cycles", [0, -1, 1_000_001])
def test_refused(cycles):
    with pytest.raises(FxlifError) as refused:
        bench_of(CORE, generate(CORE), cycles=cycles)
    assert (refused.value.key, refused.value.value) == ("cycles", cycles)
    assert refused.value.allowed == "1 to 1000000"
