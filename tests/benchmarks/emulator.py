"""fxlif against its peers: the same work, each contender in its own process, on one thread.

    python tests/benchmarks/emulator.py --peers FOLDER --install --out FOLDER
    python tests/benchmarks/emulator.py --short

The workloads, all of 1,000 steps:

A  independent neurons, dense integer input, shift leak, reset to 0
B  3,200 excitatory and 800 inhibitory neurons, 2 % connectivity, about 10 Hz at 1 ms a step
C  the current-based neuron of Loihi: two 12-bit multiplicative decays, 24-bit state
D  a 256 x 256 grid with a 3 x 3 kernel and adaptive thresholds
E  the network of B, whose neurons take events one by one: on v, on i_syn, or firing on each
F  the digits: 360 images of 8 steps, from pixels to spike counts, as a batch and one by one
G  1,000 neurons as one population and as 100, in a run and step by step

and beside them the gain of a second thread and the time of a first call. Peers live in virtual
environments of their own, FOLDER/brian2, FOLDER/nest and FOLDER/torch; ``--install`` makes those
that are missing. ``--short`` needs none of them: smaller sizes, and every spike of fxlif compared
with the golden step.

Only simulation is timed: no import, set-up, code generation or compilation. The contenders of one
workload take turns, so that whatever else the machine does hits them alike; ratios are taken
within a turn. A run shorter than a third of a second is repeated until it fills that time, its
median is one repeat. Exit code 1 means that something of fxlif failed or that spikes differ;
a target that was missed is no error, but it is said.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
Job = dict[str, Any]

SCRIPTS = Path(__file__).resolve().parent / "peers"
#: What pip is asked for to make a peer's environment.
ENVIRONMENTS = {
    # With a newer numpy Brian2 2.9.0 fails; setuptools and cython are its own build tools.
    "brian2": ("brian2", "numpy<2.3", "setuptools", "cython"),
    "nest": ("nest-simulator",),
    # A bare torch may pull gigabytes of GPU libraries.
    "torch": ("torch==2.13.0", "snntorch", "norse"),
}
#: One thread for every library that would otherwise take what it finds.
THREAD_LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
THRESHOLD = 5120


# --- contenders and workloads -------------------------------------------------------------------


class Contender(NamedTuple):
    """One line of a table."""

    name: str
    script: str
    #: The environment it needs; empty for that of the driver.
    environment: str = ""
    #: What its job has beside that of the workload.
    form: Job = {}  # noqa: RUF012  (a NamedTuple's default, never changed)
    #: Computes the integer rule, so its spikes must be those of fxlif.
    exact: bool = False


@dataclass
class Workload:
    """One table: contenders at the same work."""

    name: str
    title: str
    job: Job
    contenders: list[Contender]
    #: What one rate is: "updates" (neurons times steps) or "events" (synaptic ones).
    rate: str = "updates"
    #: Files of the job; written just before the workload runs and removed after it.
    arrays: dict[str, Callable[[], Any]] = field(default_factory=dict)


BRIAN2 = "Brian2"
#: A drive with a row for each step, of the same values as the constant one.
STEP_BY_STEP = {"form": "input array"}
#: Given the same array as fxlif; its faster forms read one constant current per neuron instead.
LOOKUP = f"{BRIAN2}, input array"
FXLIF = Contender("fxlif", "fxlif_.py", exact=True)
NUMPY = Contender("numpy step", "numpy_.py", exact=True)
LOOP = Contender("numba loop by hand", "loop_.py", exact=True)
COPY = Contender("copy loop", "copy_.py")
FXLIF_INTO = Contender("preallocated fxlif", "fxlif_.py", form={"form": "preallocated"}, exact=True)
FXLIF_ROWS = Contender("input array fxlif", "fxlif_.py", form=STEP_BY_STEP, exact=True)
COPY_INTO = Contender("preallocated copy loop", "copy_.py", form={"form": "preallocated"})
TORCH = [
    Contender("snnTorch", "snntorch_.py", "torch"),
    Contender("norse", "norse_.py", "torch"),
]
NEST = Contender("NEST", "nest_.py", "nest")
FXLIF_NUMPY = Contender("numpy reference of fxlif", "fxlif_.py", exact=True)


def brian2(*forms: str) -> list[Contender]:
    """Forms of Brian2; the fastest of them is the one that ratios are taken against."""
    return [
        Contender(f"{BRIAN2}, {form}", "brian2_.py", "brian2", form={"form": form})
        for form in forms
    ]


def independent(n: int, steps: int, threads: bool = False) -> Workload:
    """Workload A; with ``threads`` fxlif and the copy loop alone, on one and on two."""
    contenders = [
        *(FXLIF, FXLIF_INTO, COPY, COPY_INTO, LOOP, NUMPY),
        *brian2("input array", "constant", "constant float32"),
        *(NEST, *TORCH),
    ]
    rng = np.random.default_rng(n)
    return Workload(
        f"A {short(n)}" + " threads" * threads,
        f"{n:,} independent neurons, {steps:,} steps",
        {"workload": "A", "n": n, "steps": steps, "threshold": THRESHOLD},
        [*on_threads(FXLIF), *on_threads(FXLIF_INTO), *on_threads(COPY_INTO)]
        if threads
        else contenders,
        # With a threshold 16 times 320, such a neuron fires in about 3 % of the steps.
        arrays={
            "input": lambda: rng.integers(0, 700, (steps, n), dtype=np.int16),
            "constant": lambda: rng.integers(0, 700, n, dtype=np.int16),
        },
    )


def balanced(n: int, steps: int, threads: bool = False) -> Workload:
    """Workload B; with ``threads`` fxlif alone, on one and on two."""
    contenders = [
        FXLIF,
        FXLIF_ROWS,
        LOOP,
        NUMPY,
        *brian2("weights in an array", "constant weights", "input array"),
        NEST,
        *TORCH,
    ]
    return Workload(
        f"B {short(n)}" + " threads" * threads,
        f"{n * 4 // 5:,} excitatory and {n // 5:,} inhibitory neurons, 2 % connectivity, "
        f"{steps:,} steps",
        {"workload": "B", "n": n, "steps": steps, "threshold": THRESHOLD},
        on_threads(FXLIF) if threads else contenders,
        rate="events",
        arrays={"network": lambda: connections(n)},
    )


def connections(n: int, seed: int = 1) -> dict[str, Array]:
    """The synapses of workload B by source, each drawn with probability 0.02, and the drive."""
    rng = np.random.default_rng(seed)
    # The number of targets of each source first, then that many different ones: the same
    # distribution as a draw for each pair, without n * n of them in memory.
    degrees = rng.binomial(n, 0.02, n)
    targets = [np.sort(rng.choice(n, degree, replace=False, shuffle=False)) for degree in degrees]
    weights = np.where(np.arange(n) < n * 4 // 5, 160, -800)
    return {
        "indptr": np.concatenate(([0], np.cumsum(degrees))).astype(np.int64),
        "targets": np.concatenate(targets).astype(np.int32),
        "weights": np.repeat(weights, degrees).astype(np.int32),
        # This range brings about 10 Hz: a current of 320 alone is just at the threshold.
        "drive": rng.integers(0, 421, n).astype(np.int32),
    }


def current_based(n: int, steps: int) -> Workload:
    """Workload C."""
    rng = np.random.default_rng(n)
    return Workload(
        "C",
        f"{n:,} current-based neurons (Loihi), {steps:,} steps",
        {
            "workload": "C",
            "n": n,
            "steps": steps,
            "decay_i": 1024,
            "decay_v": 256,
            # With the input below about 2.5 % of the neurons fire in a step.
            "threshold": 32_000,
        },
        [FXLIF, COPY, NUMPY],
        # Of both signs, so that rounding toward zero is not the same as flooring.
        arrays={"input": lambda: rng.integers(-1500, 2501, (steps, n), dtype=np.int16)},
    )


def sheet(side: int, steps: int, reference_steps: int) -> Workload:
    """Workload D."""
    rng = np.random.default_rng(side)
    reference = FXLIF_NUMPY._replace(form={"form": "numpy", "steps": reference_steps})
    return Workload(
        "D",
        f"{side} x {side} grid, 3 x 3 kernel, adaptive thresholds, {steps:,} steps "
        f"({reference_steps:,} of the numpy reference)",
        {
            "workload": "D",
            "n": side * side,
            "shape": [side, side],
            "steps": steps,
            "threshold": 1024,
            "increment": 256,
            "theta_shift": 5,
            "kernel": [[24, 48, 24], [48, 0, 48], [24, 48, 24]],
            "compare_steps": reference_steps,
        },
        [FXLIF._replace(form={"form": "compiled"}), reference],
        # With this drive about 3 % of the neurons fire in a step.
        arrays={"network": lambda: {"drive": rng.integers(40, 121, side * side).astype(np.int32)}},
    )


#: How the neurons of workload E differ from those of B.
ONE_BY_ONE: dict[str, Job] = {
    "on v": {},
    # A synapse that lasts 16 steps brings 16 times as much.
    "on i_syn": {
        "synapse": {"kind": "exponential"}, "v_threshold": 16 * THRESHOLD,
        "state_bits": 24, "threshold_bits": 24, "current_bits": 24,
    },
    "fires": {"fire_on": "event", "reset": "subtract"},
}  # fmt: skip


def one_by_one(kind: str, n: int, steps: int) -> Workload:
    """Workload E."""
    neuron = {"v_threshold": THRESHOLD, "accumulate": "per_event", **ONE_BY_ONE[kind]}
    return Workload(
        f"E {kind}",
        f"as B, {n:,} neurons that take events one by one, {kind}, {steps:,} steps",
        {
            "workload": "E",
            "n": n,
            "steps": steps,
            "threshold": neuron["v_threshold"],
            "neuron": neuron,
        },
        [FXLIF],
        rate="events",
        arrays={"network": lambda: connections(n)},
    )


def digits() -> Workload:
    """Workload F; each image is a run of its own."""
    batch = FXLIF._replace(name="fxlif, batch", form={"form": "batch"})
    single = FXLIF._replace(name="fxlif, one by one", form={"form": "one by one"})
    return Workload(
        "F",
        "the shipped digits, 360 images of 8 steps through 64-64-10 neurons",
        {"workload": "F", "n": 360 * 74, "steps": 8},
        [*on_threads(batch), single],
    )


#: How the populations of workload G are joined.
JOINED = ("any to any", "chain", "blocks")


def populations(joined: str, steps: int) -> Workload:
    """Workload G: the same synapses, cut into a projection for each pair of populations."""
    forms = [("fxlif, ", "run"), *([("fxlif stepper, ", "step")] if joined == JOINED[0] else [])]
    return Workload(
        f"G {joined}",
        f"1,000 neurons as one population and as 100, joined {joined}, {steps:,} steps",
        {"workload": "G", "n": 1_000, "steps": steps, "threshold": THRESHOLD},
        [
            FXLIF._replace(
                name=f"{start}{parts} population" + "s" * (parts > 1),
                form={"form": form, "populations": parts},
            )
            for start, form in forms
            for parts in (1, 100)
        ],
        rate="events",
        arrays={"network": lambda: between(joined)},
    )


def between(joined: str) -> dict[str, Array]:
    """The synapses of workload G by source: of 2 % of all pairs, or of each population to the
    next one or to itself."""
    rng = np.random.default_rng(7)
    size = 10
    block = np.arange(1_000) // size
    if joined == "any to any":
        there = rng.random((1_000, 1_000)) < 0.02
    else:
        there = (block[:, np.newaxis] + (joined == "chain")) % 100 == block
    return {
        "indptr": np.concatenate(([0], np.cumsum(there.sum(axis=1)))).astype(np.int64),
        "targets": np.nonzero(there)[1].astype(np.int32),
        "weights": rng.integers(-300, 400, there.sum()).astype(np.int32),
        "drive": rng.integers(0, 700, 1_000).astype(np.int32),
    }


def on_threads(contender: Contender) -> list[Contender]:
    return [
        contender._replace(
            name=f"{contender.name}, {threads} thread" + "s" * (threads > 1),
            form={**contender.form, "threads": threads},
        )
        for threads in (1, 2)
    ]


def short(n: int) -> str:
    return f"{n // 1000}k" if n >= 1000 else str(n)


def workloads(letters: Iterable[str], small: bool) -> Iterator[Workload]:
    """Those asked for; ``small`` for the short form."""
    for letter in letters:
        if letter == "A":
            for n in (1_000, 10_000) if small else (1_000, 10_000, 100_000):
                yield independent(n, 200 if small else 1_000)
            yield independent(*((20_000, 100) if small else (100_000, 1_000)), threads=True)
        elif letter == "B":
            yield balanced(*((1_000, 300) if small else (4_000, 1_000)))
            yield balanced(*((2_000, 100) if small else (40_000, 1_000)), threads=True)
        elif letter == "C":
            yield current_based(*((1_000, 200) if small else (10_000, 1_000)))
        elif letter == "E":
            for kind in ONE_BY_ONE:
                yield one_by_one(kind, *((1_000, 300) if small else (4_000, 1_000)))
        elif letter == "F":
            yield digits()
        elif letter == "G":
            for joined in JOINED:
                yield populations(joined, 300 if small else 1_000)
        else:
            yield sheet(*((32, 100, 50) if small else (256, 1_000, 200)))


# --- processes ----------------------------------------------------------------------------------


class Failure(Exception):
    """Why a contender has no result, in one line."""


class Process:
    """A contender's process, which runs the workload whenever :meth:`turn` is called."""

    def __init__(self, python: Path, script: str, job: Path, log: Path, threads: int) -> None:
        self._log = log
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                [python, "-W", "ignore", SCRIPTS / script, job],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment(threads),
            )

    def answer(self, timeout: float) -> dict[str, Any]:
        """The next line that it prints."""
        stdout = self._pipe(self._process.stdout)
        if not select.select([stdout], [], [], timeout)[0]:
            raise Failure(f"no answer within {timeout:.0f} s")
        line = stdout.readline()
        if not line:
            log = self._log.read_text(errors="replace")
            raise Failure(ending(self._process.wait(), log))
        found: dict[str, Any] = json.loads(line)
        if "error" in found:
            raise Failure(found["error"])
        return found

    def turn(self, timeout: float) -> dict[str, Any]:
        """One repeat."""
        stdin = self._pipe(self._process.stdin)
        with suppress(BrokenPipeError):  # answer() says why it is gone
            stdin.write(b"\n")
            stdin.flush()
        return self.answer(timeout)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe


def ending(code: int, log: str) -> str:
    """How a process ended that should not have."""
    lines = log.strip().splitlines() or ["no message"]
    return f"{f'signal {-code}' if code < 0 else f'exit code {code}'}: {lines[-1]}"


def environment(threads: int) -> dict[str, str]:
    """The variables of a contender's process."""
    limits = {name: str(threads if name.startswith("NUMBA") else 1) for name in THREAD_LIMITS}
    return {**os.environ, **limits}


class Peers:
    """The Python of each contender."""

    def __init__(self, folder: Path | None, install: bool) -> None:
        self._folder = folder.resolve() if folder else None
        self._install = install
        #: Why an environment is not there, by its name.
        self._missing: dict[str, str] = {}

    def python(self, environment: str) -> Path:
        """The interpreter of ``environment``, made first where that was asked for."""
        if not environment:
            return Path(sys.executable)
        if self._folder is None:
            raise Failure("no --peers folder was given")
        # Not resolved: a virtual environment's python is a link to the one it was made from.
        python = self._folder / environment / "bin" / "python"
        if not python.exists():
            if environment not in self._missing:
                self._missing[environment] = self._make(self._folder / environment)
            if self._missing[environment]:
                raise Failure(self._missing[environment])
        return python

    def _make(self, folder: Path) -> str:
        """Make an environment; what went wrong, or nothing."""
        if not self._install:
            return f"no environment {folder.name!r} in --peers, and no --install"
        say(f"making the environment {folder.name}")
        commands: list[list[str | Path]] = [
            [sys.executable, "-m", "venv", folder],
            [folder / "bin" / "pip", "install", "--quiet", *ENVIRONMENTS[folder.name]],
        ]
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                shutil.rmtree(folder, ignore_errors=True)  # half of one would look like a whole
                lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
                reasons = [line for line in lines if line.startswith("ERROR")] or lines
                return f"the environment {folder.name!r} could not be made: {reasons[-1]}"
        return ""


def say(what: str) -> None:
    """Progress, apart from the result."""
    print(what, file=sys.stderr, flush=True)


# --- measuring ----------------------------------------------------------------------------------


class Options(NamedTuple):
    repeats: int
    #: A repeat of a short run fills this time.
    seconds: float
    #: For the slowest set-up: compilation by Brian2.
    timeout: float
    #: Leave out whatever needs an environment of its own.
    no_peers: bool


@dataclass
class Result:
    """What one contender did at one workload."""

    name: str
    exact: bool = False
    updates: int = 0
    turns: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    #: Why there are no (more) turns.
    failure: str = ""

    @property
    def seconds(self) -> list[float]:
        return [turn["seconds"] for turn in self.turns]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def rate(self, kind: str) -> float | None:
        """Updates or synaptic events in a second."""
        amount = self.updates if kind == "updates" else self.turns[-1].get("events")
        return amount / self.median if amount else None


def measure(
    workload: Workload, peers: Peers, options: Options, folder: Path
) -> tuple[list[Result], Job]:
    """Run one workload, contenders taking turns; and the job, its files still in ``folder``."""
    job = {**workload.job, "threads": 1, "calls": 1_000, "seconds": options.seconds}
    job["scratch"] = str(folder)
    for name, make in workload.arrays.items():
        values = make()
        path = folder / (f"{name}.npz" if isinstance(values, dict) else f"{name}.npy")
        np.savez(path, **values) if isinstance(values, dict) else np.save(path, values)
        job[name] = str(path)
    both = any("threads" in contender.form for contender in workload.contenders)
    results = []
    running: list[tuple[Result, Process]] = []
    try:
        for index, contender in enumerate(workload.contenders):
            if contender.environment and options.no_peers:
                continue
            own = {**job, **contender.form}
            result = Result(contender.name, contender.exact, own["n"] * own["steps"])
            results.append(result)
            path = folder / f"job{index}.json"
            path.write_text(json.dumps(own))
            log = folder / f"job{index}.log"
            try:
                python = peers.python(contender.environment)
                process = Process(python, contender.script, path, log, 2 if both else 1)
            except (Failure, OSError) as failure:
                result.failure = str(failure)
                continue
            running.append((result, process))
        # All set themselves up at once; nothing is timed before the last is ready.
        for result, process in running:
            with failing(result):
                ready = process.answer(options.timeout)
                result.note, result.versions = ready["note"], ready["versions"]
        for _ in range(options.repeats):
            for result, process in running:
                if not result.failure:
                    with failing(result):
                        result.turns.append(process.turn(options.timeout))
    finally:
        for _, process in running:
            process.close()
    return results, job


@contextmanager
def failing(result: Result) -> Iterator[None]:
    """Makes a contender's :class:`Failure` part of its result."""
    try:
        yield
    except Failure as failure:
        result.failure = str(failure)


def differences(results: Sequence[Result]) -> list[str]:
    """What should be the same in all exact contenders and is not."""
    exact = [result for result in results if result.exact and result.turns]
    prints = {turn.get("fingerprint"): result.name for result in exact for turn in result.turns}
    if len(prints) > 1:
        return [f"spikes differ between {' and '.join(sorted(set(prints.values())))}"]
    if exact and not exact[0].turns[-1]["spikes"]:
        return ["nothing fired, so nothing was compared"]
    return []


def golden_differences(job: Job, ours: Sequence[Result]) -> list[str]:
    """Those of ``ours`` whose spikes are not the golden ones."""
    golden = golden_fingerprint(job)
    return [
        f"the spikes of {one.name} are not those of the golden step"
        for one in ours
        if any(turn["fingerprint"] != golden for turn in one.turns)
    ]


def golden_fingerprint(job: Job) -> int:
    """The fingerprint of the spikes that the golden step of fxlif makes of a workload's job.

    The synapses are written out here once more, as plainly as can be: a matrix, or the shifted
    sheet of spikes.
    """
    from fxlif.rule.step import initial_state, step

    sys.path.insert(0, str(SCRIPTS))
    fxlif_ = import_module("fxlif_")  # the contender's own parameters, not a copy of them
    letter, n = job["workload"], job["n"]
    if letter == "F":
        return golden_digits()
    arrays = dict(np.load(job["network"])) if "network" in job else {}
    dense = np.load(job["input"]).astype(np.int64) if "input" in job else None
    recurrent: Callable[[Array], Any] = lambda spikes: 0  # noqa: E731
    arrivals: Callable[[Array], Any] = lambda spikes: ()  # noqa: E731
    if letter == "E":
        rows = np.split(np.arange(len(arrays["targets"])), arrays["indptr"][1:-1])

        def arrivals(spikes: Array) -> list[tuple[Array, Array]]:
            come = [rows[spike] for spike in np.repeat(np.arange(n), spikes)]
            return [(arrays["targets"][row], arrays["weights"][row]) for row in come]

        neuron = fxlif_.balanced(job, arrays).population[0].neuron
    elif letter in "BG":
        matrix = np.zeros((n, n), dtype=np.int64)
        sources = np.repeat(np.arange(n), np.diff(arrays["indptr"]))
        matrix[sources, arrays["targets"]] = arrays["weights"]
        recurrent = lambda spikes: spikes @ matrix  # noqa: E731
        neuron = fxlif_.balanced(job, arrays).population[0].neuron
    elif letter == "D":
        rows, columns = job["shape"]

        def recurrent(spikes: Array) -> Array:
            framed = np.pad(spikes.reshape(rows, columns), 1)
            # The kernel is symmetric, so it does not matter which way round it is read.
            total = np.zeros(n, dtype=np.int64)
            for row, weights in enumerate(job["kernel"]):
                for column, weight in enumerate(weights):
                    part = framed[row : row + rows, column : column + columns]
                    total += weight * part.reshape(-1)
            return total

        neuron = fxlif_.sheet(job).population[0].neuron
    elif letter == "C":
        neuron = fxlif_.current_based(job)
    else:
        neuron = fxlif_.fxlif.NeuronParams(v_threshold=job["threshold"])
    state = initial_state(neuron, n)
    steps = int(job.get("compare_steps") or job["steps"])
    spikes = np.zeros((steps + 1, n), dtype=np.int64)
    for t in range(steps):
        current = arrays["drive"].astype(np.int64) if dense is None else dense[t]
        state, spikes[t + 1] = step(
            neuron, state, current + recurrent(spikes[t]), job["threshold"], 0, arrivals(spikes[t])
        )
    return zlib.crc32(np.repeat(np.arange(steps * n), spikes[1:].ravel()).tobytes())


def golden_digits() -> int:
    """The fingerprint of what the golden step makes of all images at once."""
    import fxlif
    from fxlif.digits import DESIGN
    from fxlif.rule.step import NeuronState, step

    params = fxlif.load(DESIGN)
    source = params.input
    with np.load(DESIGN.with_name(source.file)) as data:
        images = data["images"].astype(np.int64)
    states = [NeuronState(*np.zeros((4, len(images), core.n_neurons), int)) for core in params.core]
    out = []
    for t in range(source.steps):
        spikes = (t + 1) * images // source.maximum > t * images // source.maximum
        for k, core in enumerate(params.core):
            current = spikes.astype(np.int64) @ np.array(core.weights, np.int64)
            states[k], spikes = step(core.neuron, states[k], current, core.neuron.v_threshold)
        out.append(spikes)
    return zlib.crc32(np.flatnonzero(np.stack(out, axis=1)).tobytes())


# --- first call ---------------------------------------------------------------------------------

#: What is set up, and the call that is timed: with all that it imports, compiles or loads.
FIRST_CALLS = {
    "population": (
        "import numpy, fxlif; population = fxlif.LIFPopulation(10); "
        "ones = numpy.ones((10, 10), numpy.int16)",
        "population.run(ones)",
    ),
    "network": (
        "import fxlif; network = fxlif.Network(fxlif.NetworkParams("
        "population=(fxlif.Population(name='all', n=10, neuron=fxlif.NeuronParams()),), "
        "projection=(fxlif.Projection(source='all', target='all', "
        "synapses=fxlif.FixedProbability(probability=0.5, weight=5, seed=1), delay=1),)))",
        "network.run(10, currents={'all': 9})",
    ),
}


def process(
    setup: str, call: str, variables: dict[str, str], folder: Path, timeout: float
) -> tuple[float, float]:
    """Seconds of ``call`` after ``setup`` in a new Python, and of that process as a whole."""
    clock = "time.perf_counter()"
    code = f"import time; {setup}; start = {clock}; {call}; print({clock} - start)"
    start = time.perf_counter()
    try:
        # Not in the checkout, which -c would put before what is installed.
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env=variables,
            cwd=folder,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise Failure(f"no end within {timeout:.0f} s") from None
    seconds = time.perf_counter() - start
    if done.returncode:
        raise Failure(ending(done.returncode, done.stderr))
    return float(done.stdout), seconds


def first_calls(options: Options, folder: Path) -> list[Result]:
    """The first run of a small population and network in a new process, and the whole process.

    ``compiling``: with an empty cache of compiled code; ``cached``: once more with the same one.
    """
    results: dict[str, Result] = {}
    for repeat in range(options.repeats):
        for what, (setup, call) in FIRST_CALLS.items():
            variables = {**os.environ, "NUMBA_CACHE_DIR": str(folder / f"{what}{repeat}")}
            for cache in ("compiling", "cached"):
                name = f"{what}, {cache}"
                one = results.setdefault(name, Result(name))
                whole = results.setdefault(f"process: {name}", Result(f"process: {name}"))
                with failing(one):
                    taken = process(setup, call, variables, folder, options.timeout)
                    one.turns.append({"seconds": taken[0]})
                    whole.turns.append({"seconds": taken[1]})
    return list(results.values())


# --- targets ------------------------------------------------------------------------------------

Measured = dict[str, list[Result]]
#: One value for each repeat.
Figure = Callable[[Measured], list[float]]


class Target(NamedTuple):
    """A figure that must be reached; ``below``: it must not be passed; no ``must``: to be read."""

    name: str
    must: float | None
    aim: float | None
    unit: str
    figure: Figure
    below: bool = False


def results_of(measured: Measured, workload: str, start: str) -> Result:
    """The fastest contender of ``workload`` whose name starts with ``start``."""
    named = [one for one in measured.get(workload, []) if one.name.startswith(start)]
    if not named:
        raise Failure(f"{workload} was not run")
    complete = [one for one in named if one.turns and not one.failure]
    if not complete:
        raise Failure(f"{named[0].name}: {named[0].failure}")
    return min(complete, key=lambda one: one.median / one.updates if one.updates else one.median)


def faster(workload: str, base: str, subject: str = "fxlif") -> Figure:
    """How many times faster than ``base`` the subject is, update for update."""

    def figure(measured: Measured) -> list[float]:
        ours = results_of(measured, workload, subject)
        theirs = results_of(measured, workload, base)
        return ratios(ours, theirs)

    return figure


def ratios(ours: Result, theirs: Result) -> list[float]:
    """How many times the updates per second of ``theirs``, turn by turn."""
    work = ours.updates / theirs.updates
    pairs = zip(ours.seconds, theirs.seconds, strict=False)
    return [work * their / our for our, their in pairs]


def scaled(workload: str, copies: float) -> Figure:
    """G updates/s on a machine whose copy loop makes ``copies`` of them."""
    return lambda measured: [
        copies * ratio for ratio in faster(workload, COPY.name, "fxlif")(measured)
    ]


def events(workload: str) -> Figure:
    """Millions of synaptic events in a second."""

    def figure(measured: Measured) -> list[float]:
        ours = results_of(measured, workload, "fxlif")
        return [turn["events"] / turn["seconds"] / 1e6 for turn in ours.turns]

    return figure


def milliseconds(workload: str, start: str) -> Figure:
    """Of the fastest contender whose name starts like that."""
    return lambda measured: [1e3 * s for s in results_of(measured, workload, start).seconds]


def taken(name: str) -> Figure:
    """Seconds of a first call."""
    return lambda measured: results_of(measured, "first call", name).seconds


TARGETS = [
    *(
        target
        for size in ("1k", "10k", "100k")
        for target in (
            Target(f"A {size}: Brian2", 10, None, "x", faster(f"A {size}", BRIAN2)),
            Target(f"A {size}: Brian2, input array", None, None, "x", faster(f"A {size}", LOOKUP)),
            Target(f"A {size}: copy loop", 0.6, 0.9, "x", faster(f"A {size}", COPY.name)),
            # Like against like: neither asks the system for an output array in the run.
            Target(
                f"A {size}: Brian2, output preallocated",
                None,
                None,
                "x",
                faster(f"A {size}", BRIAN2, FXLIF_INTO.name),
            ),
            Target(
                f"A {size}: copy loop, both preallocated",
                None,
                None,
                "x",
                faster(f"A {size}", COPY_INTO.name, FXLIF_INTO.name),
            ),
        )
    ),
    Target("B 4k: Brian2", 2.5, 4, "x", faster("B 4k", BRIAN2)),
    Target(
        "B 4k: input array to constant form", 1.5, 1.3, "x", faster("B 4k", FXLIF_ROWS.name), True
    ),
    Target("B 4k: Brian2, input array", None, None, "x", faster("B 4k", LOOKUP, FXLIF_ROWS.name)),
    Target("C: where a copy loop makes 14 G/s", 1.5, None, " G/s", scaled("C", 14)),
    Target("C: straight numpy step", 15, None, "x", faster("C", NUMPY.name)),
    Target("D: numpy reference", 20, None, "x", faster("D", FXLIF_NUMPY.name)),
    *(Target(f"E {kind}", 100, None, " M events/s", events(f"E {kind}")) for kind in ONE_BY_ONE),
    Target("F: the digits as a batch", 10, 5, " ms", milliseconds("F", "fxlif, batch"), True),
    *(
        Target(
            f"G {joined}: 100 populations to one",
            3,
            None,
            "x",
            faster(f"G {joined}", "fxlif, 100 populations", "fxlif, 1 population"),
            True,
        )
        for joined in JOINED
    ),
    # Of 1,000 steps milliseconds are microseconds of each.
    *(
        Target(
            f"G: a call of the stepper, {parts}",
            must,
            None,
            " us",
            milliseconds(f"G {JOINED[0]}", f"fxlif stepper, {parts}"),
            True,
        )
        for parts, must in (("1 population", 15), ("100 populations", 60))
    ),
    *(
        Target(
            f"{name}: two threads",
            1.6,
            1.9,
            "x",
            faster(f"{name} threads", "fxlif, 1", "fxlif, 2"),
        )
        for name in ("A 100k", "B 40k")
    ),
    Target(
        "A 100k: two threads, output preallocated",
        1.6,
        1.9,
        "x",
        faster("A 100k threads", f"{FXLIF_INTO.name}, 1", f"{FXLIF_INTO.name}, 2"),
    ),
    *(
        Target(f"first call: {what}, {cache}", must, None, " s", taken(f"{what}, {cache}"), True)
        for what in FIRST_CALLS
        for cache, must in (("compiling", 2.0), ("cached", 0.5))
    ),
]


def judged(measured: Measured, chosen: set[str]) -> list[dict[str, Any]]:
    """One entry for each target of a workload that was chosen."""
    entries = []
    for target in TARGETS:
        if target.name[0] not in chosen and target.name[0] != "f":
            continue
        entry: dict[str, Any] = {"target": target.name, "must": target.must, "aim": target.aim}
        entry["unit"], entry["below"] = target.unit.strip(), target.below
        try:
            values = target.figure(measured)
        except Failure as failure:
            entry |= {"verdict": "not measured", "reason": str(failure)}
        else:
            middle = statistics.median(values)
            entry |= {"figure": middle, "lowest": min(values), "highest": max(values)}
            if target.must is None:
                entry["verdict"] = "for comparison"
            else:
                reached = middle <= target.must if target.below else middle >= target.must
                entry["verdict"] = "reached" if reached else "missed"
            sign = -1 if target.below else 1
            if target.aim is not None and sign * middle >= sign * target.aim:
                entry["verdict"] = "reached, and the aim"
        entries.append(entry)
    return entries


# --- the report ---------------------------------------------------------------------------------


def machine() -> dict[str, str]:
    """Where this was measured."""
    found = {
        "processor": platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        found["processor"] = next(
            line.partition(":")[2].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        pass  # not Linux, or not a PC: the line above has to do
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler:
        text = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout
        found["compiler"] = (text.splitlines() or ["unknown"])[0]
    for package in ("fxlif", "numpy", "numba", "llvmlite", "scipy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first row is its head. All columns but the first are numbers."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |"

    rule = [
        "-" * width if index == 0 else "-" * (width - 1) + ":" for index, width in enumerate(widths)
    ]
    return "\n".join([line(rows[0]), line(rule), *(line(row) for row in rows[1:])])


def number(value: float | None, digits: int = 3) -> str:
    """Three digits that count, without exponent."""
    if value is None:
        return ""
    if value == 0:
        return "0"
    places = max(0, digits - 1 - int(np.floor(np.log10(abs(value)))))
    return f"{value:,.{places}f}"


def spread(values: Sequence[float], factor: float = 1.0) -> str:
    """The lowest and the highest."""
    return f"{number(min(values) * factor)}..{number(max(values) * factor)}"


def report(workload: Workload, measured: Measured, told: set[str]) -> str:
    """The table of one workload, and who could not run and why; ``told``: forms already named."""
    results = measured[workload.name]
    head = ["", "ms", "lowest..highest"]
    head.append("G updates/s" if workload.rate == "updates" else "M events/s")
    scale = 1e-9 if workload.rate == "updates" else 1e-6
    bases = []
    for label, start in (("x Brian2", BRIAN2), ("x copy", COPY.name), ("x 1 thread", "fxlif, 1")):
        try:
            bases.append((label, results_of(measured, workload.name, start)))
        except Failure:
            continue
    head += [label for label, _ in bases] + ["spikes", "rate"]
    rows = [head]
    for one in results:
        if not one.turns:
            continue
        last = one.turns[-1]
        rate = one.rate(workload.rate)
        row = [one.name, number(one.median * 1e3), spread(one.seconds, 1e3)]
        row.append(number(rate * scale) if rate else "")
        row += [number(statistics.median(ratios(one, base))) for _, base in bases]
        fired = last.get("spikes")
        row.append("" if fired is None else f"{fired:,}")
        per_step = None if fired is None else fired / one.updates
        if workload.rate == "events" and per_step is not None:
            row.append(f"{per_step * 1e3:.2f} Hz")
        else:
            row.append("" if per_step is None else f"{per_step:.2%}")
        rows.append(row)
    text = f"### {workload.name}: {workload.title}\n"
    if len(rows) > 1:
        text += f"\n{table(rows)}\n"
    return text + forms(results, told)


def forms(results: Sequence[Result], told: set[str]) -> str:
    """What each contender did, where that is not ``told`` yet, and why one did not."""
    notes = [f"- {one.name}: {one.note}" for one in results if one.note and not one.failure]
    lines = [note for note in notes if note not in told]
    told.update(lines)
    lines += [f"- {one.name}: NOT RUN, {one.failure}" for one in results if one.failure]
    return "\n" + "\n".join(lines) + "\n" if lines else ""


def targets_report(entries: Sequence[dict[str, Any]]) -> str:
    rows = [["target", "must", "aim", "measured", "lowest..highest", "verdict"]]
    for entry in entries:
        unit = entry["unit"] if entry["unit"] == "x" else f" {entry['unit']}"
        sign = "<= " if entry["below"] else ">= "
        row = [entry["target"], "" if entry["must"] is None else f"{sign}{entry['must']:g}{unit}"]
        row.append("" if entry["aim"] is None else f"{entry['aim']:g}{unit}")
        if "figure" in entry:
            row.append(number(entry["figure"]) + unit)
            row.append(spread([entry["lowest"], entry["highest"]]))
            row.append(entry["verdict"])
        else:
            row += ["", "", "not measured"]
        rows.append(row)
    return "### Targets\n\n" + table(rows) + "\n"


def first_call_report(results: Sequence[Result]) -> str:
    rows = [["the call; the process with it", "s", "lowest..highest"]]
    rows += [[one.name, number(one.median), spread(one.seconds)] for one in results if one.turns]
    return f"### First call\n\n{table(rows)}\n{forms(results, set())}"


def head_report(found: dict[str, str], versions: dict[str, dict[str, str]], repeats: int) -> str:
    """Machine, versions, and how to read the tables."""
    lines = [f"- {name}: {value}" for name, value in found.items()]
    for name, packages in versions.items():
        listed = ", ".join(f"{package} {value}" for package, value in packages.items())
        lines.append(f"- {name}: {listed}")
    return (
        "## Speed\n\n"
        f"`python {' '.join(['tests/benchmarks/emulator.py', *public_arguments()])}`, medians of "
        f"{repeats} repeats, contenders taking turns, one thread where not said otherwise. "
        "`x Brian2` is against the fastest of its forms.\n\n" + "\n".join(lines) + "\n"
    )


def public_arguments() -> list[str]:
    """The command line without the folders, which are nobody else's."""
    words = iter(sys.argv[1:])
    shown = []
    for word in words:
        name, equals, _ = word.partition("=")
        shown.append(name + equals + "FOLDER" * bool(equals and name in ("--peers", "--out")))
        if name in ("--peers", "--out") and not equals:
            next(words, None)
            shown.append("FOLDER")
        elif equals and name not in ("--peers", "--out"):
            shown[-1] = word
    return shown


def as_json(result: Result, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": result.name}
    if result.failure:
        found["not_run"] = result.failure
    if result.turns:
        found |= {"median_s": result.median, "lowest_s": min(result.seconds)}
        found |= {"highest_s": max(result.seconds), f"{kind}_per_s": result.rate(kind)}
        found |= {"turns": result.turns, "note": result.note, "versions": result.versions}
    return found


# --- the program --------------------------------------------------------------------------------


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workloads", default="A,B,C,D,E,F,G", help="some of A,B,C,D,E,F,G")
    parser.add_argument("--repeats", type=int, help="default 5, in the short form 2")
    parser.add_argument("--peers", type=Path, help="folder of the environments")
    parser.add_argument("--install", action="store_true", help="make missing environments")
    parser.add_argument("--short", action="store_true", help="a minute, without peers")
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds for one answer")
    parser.add_argument("--out", type=Path, help="folder for emulator.md and emulator.json")
    options = parser.parse_args()
    options.workloads = [letter.strip().upper() for letter in options.workloads.split(",")]
    unknown = [letter for letter in options.workloads if letter not in "ABCDEFG"]
    if unknown:
        parser.error(f"--workloads: found {unknown[0]!r}, allowed A, B, C, D, E, F, G")
    if options.repeats is None:
        options.repeats = 2 if options.short else 5
    if options.repeats < 1:
        parser.error(f"--repeats: found {options.repeats}, allowed 1 or more")
    if options.install and options.peers is None:
        parser.error("--install: where to? Give --peers FOLDER")
    return options


def main() -> int:
    given = arguments()
    options = Options(given.repeats, 0.02 if given.short else 0.3, given.timeout, given.short)
    peers = Peers(given.peers, given.install)
    measured: Measured = {}
    parts: list[str] = []
    wrong: list[str] = []
    told: set[str] = set()
    details: dict[str, Any] = {}
    versions: dict[str, dict[str, str]] = {}
    for workload in workloads(given.workloads, given.short):
        say(f"{workload.name}: {workload.title}")
        with tempfile.TemporaryDirectory(prefix="fxlif-benchmark-") as name:
            results, job = measure(workload, peers, options, Path(name))
            problems = differences(results)
            ours = [one for one in results if "fxlif" in one.name]
            problems += [f"{one.name}: {one.failure}" for one in ours if one.failure]
            if given.short and not problems:
                problems += golden_differences(job, ours)
        wrong += [f"{workload.name}: {problem}" for problem in problems]
        measured[workload.name] = results
        parts.append(report(workload, measured, told))
        details[workload.name] = {
            "title": workload.title,
            "contenders": [as_json(one, workload.rate) for one in results],
        }
        for one in results:
            if one.versions:
                key = one.name.partition(",")[0]
                versions.setdefault(key, one.versions)
    say("first call")
    with tempfile.TemporaryDirectory(prefix="fxlif-benchmark-") as name:
        calls = first_calls(options, Path(name))
    wrong += [f"first call: {one.name}: {one.failure}" for one in calls if one.failure]
    measured["first call"] = calls
    parts.append(first_call_report(calls))
    details["first call"] = {"contenders": [as_json(one, "updates") for one in calls]}

    found = machine()
    # The short form has other sizes, so its figures are no answer to the targets.
    entries = [] if given.short else judged(measured, set(given.workloads))
    parts.append(targets_report(entries) if entries else "Short form: no target is judged.\n")
    # Those that share the driver's environment are named by it already.
    separate = {name: of for name, of in versions.items() if not of.keys() & {"numba", "scipy"}}
    text = "\n".join([head_report(found, separate, given.repeats), *parts])
    if wrong:
        text += "\n### WRONG\n\n" + "\n".join(f"- {line}" for line in wrong) + "\n"
    print(text)
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "emulator.md").write_text(text)
        everything = {"machine": found, "versions": versions, "repeats": given.repeats}
        everything |= {"workloads": details, "targets": entries, "wrong": wrong}
        (given.out / "emulator.json").write_text(json.dumps(everything, indent=1) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
