"""Fixtures, and how tests draw.

The default run draws the same each time, so that a change alone makes it fail: hypothesis derives
its examples from the test, and whatever else is drawn comes from ``designs.SEED``. Where
FXLIF_SEED is set, as ``.ci/long`` does, that number is the seed, and hypothesis draws new examples
in each run; a failing one says how to repeat it. Its simulators are compiled as a user's are; those
of the default run are not optimised, since most run for a second and take some to compile.
"""

import functools
import gc
import os
import signal
import sys
from contextlib import suppress

# Read when numpy is loaded. Its threads wait for each other in loops, in each of the processes
# that tests run in beside each other: five seconds for what one thread does in a fifth of one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
import quick_builds
import tomli_w
import yosys_here
from designs import EVENTS, LONG, TINY, Ran, examples
from hypothesis import settings

from fxlif import cli
from fxlif.caches import cache_folder
from fxlif.engines import can_compile
from fxlif.network import events

if can_compile():
    import compiled_loops

settings.register_profile(
    "fxlif", deadline=None, derandomize=not LONG, max_examples=examples(60), print_blob=True
)
settings.load_profile("fxlif")
if not LONG:
    # Else it draws numbers that stand in the modules that are loaded, so that what a test draws
    # depends on those before it.
    with suppress(ImportError, AttributeError):
        from hypothesis.internal.conjecture import providers

        providers._get_local_constants = providers.Constants
# Where Python is told to keep nothing that it compiles, as in many containers, every run would take
# the tests apart again, and every simulator and every command that a test starts compile fxlif.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# A shell gives what it starts in the background no Ctrl-C; the processes of the tests want theirs.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# A user without a home is told once where builds are kept, not by every command that a test starts.
os.environ.setdefault("FXLIF_CACHE", str(cache_folder()))
if not LONG:
    yosys_here.use()
    if can_compile():
        compiled_loops.use_few()


def pytest_configure(config):
    if not LONG:
        quick_builds.use(libraries=config.option.markexpr == "not slow")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What the modules of all tests hold stays to the end: nothing looks for garbage in it again,
    which took a seventh of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs a command in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["fxlif", *map(str, args)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            cli.main()
        code = caught.value.code or 0
        return Ran(code, *capsys.readouterr())

    return run


@functools.cache
def _generate(design):
    from fxlif.hdl.verilog import generate

    return generate(design)


@pytest.fixture
def generated_once(monkeypatch):
    """The hardware that is proved, before any fault is planted, is made once for each design."""
    from fxlif.sim.prove import run

    monkeypatch.setattr(run, "generate", _generate)


@pytest.fixture
def loops_as_they_are(monkeypatch):
    """Compiled code leaves out what a network has not, as it does for users."""
    if can_compile():
        monkeypatch.setattr(compiled_loops.network_run, "run_steps", compiled_loops.as_it_is)
        monkeypatch.setattr(compiled_loops.network_run, "element", compiled_loops.kept_as_it_is)
        monkeypatch.setattr(compiled_loops.model, "run_chain", compiled_loops.chain_as_it_is)
        monkeypatch.setattr(compiled_loops.row_model, "run_graph", compiled_loops.graph_as_it_is)


@pytest.fixture
def fast_libraries(monkeypatch):
    """For millions of cycles: what they gain is more than what compiling costs."""
    quick_builds.libraries_as_they_are(monkeypatch)


@pytest.fixture
def tiny(tmp_path):
    """A design file and its event file; the name of the design."""
    (tmp_path / "tiny.toml").write_text(tomli_w.dumps(TINY))
    events.write(tmp_path / "in.txt", EVENTS)
    return "tiny.toml"


@pytest.fixture(scope="module")
def cluster():
    """The address of a Dask cluster in this process: starting it takes half a second.

    It ends with its module: its threads draw from ``random``, which hypothesis takes for what a
    strategy of another module does.
    """
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, host="127.0.0.1", protocol="tcp://",
        dashboard_address=":0",
    ) as cluster:  # fmt: skip
        yield cluster.scheduler_address
