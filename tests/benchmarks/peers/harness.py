"""What all contenders share: one process that sets up once and then runs whenever it is told to.

The driver (``emulator.py``) starts ``python PEER.py JOB.json`` and talks to it by lines: the peer
prints one JSON object when it is ready, then for each line that it reads runs the workload and
prints a JSON object with the times. So the driver can let contenders take turns, and an idle one
costs nothing. Nothing but the standard library here: it runs in every peer's own environment.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
import traceback
import zlib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

Job = dict[str, Any]


class Run(NamedTuple):
    """One run of the workload: the time of the simulation alone, and what it produced."""

    seconds: float
    #: Counts what was produced: ``spikes``, ``events`` (synaptic ones that were delivered) and
    #: ``fingerprint``, where the contender can. Called after the clock, and not for every run.
    outcome: Callable[[], dict[str, int]]


class Ready(NamedTuple):
    """A contender that has been set up."""

    run: Callable[[], Run]
    #: What the contender's form of the workload is, in a few words.
    note: str = ""


def versions(*packages: str) -> dict[str, str]:
    """Versions of Python and of the installed ones among ``packages``."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """(seconds, result) of one call."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def fingerprint(flat: Any) -> int:
    """Equal for equal spikes: of step * n + neuron of every spike, ascending, as int64 array."""
    return zlib.crc32(flat.tobytes())


def turn(run: Callable[[], Run], job: Job) -> dict[str, Any]:
    """One repeat: short runs are run again until they fill ``seconds``; the median counts.

    A workload of a tenth of a millisecond could not be told from noise by a single call.
    """
    spent: list[float] = []
    last = None
    while not spent or (sum(spent) < job["seconds"] and len(spent) < job["calls"]):
        last = None  # the result of the call before is freed first, as in a user's program
        last = run()
        spent.append(last.seconds)
    assert last is not None
    return {"seconds": statistics.median(spent), "calls": len(spent), **last.outcome()}


def serve(prepare: Callable[[Job], Ready], *packages: str) -> None:
    """The peer's main program; ``packages`` are the ones whose versions the report names."""
    # Whatever a simulator prints goes to the log: the driver reads nothing but our lines.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)

        def answer(what: dict[str, Any]) -> None:
            print(json.dumps(what), file=answers, flush=True)

        try:
            with open(sys.argv[1]) as file:
                job = json.load(file)
            ready = prepare(job)
            ready.run()  # first touches of memory, caches and lazy imports are not measured
            answer({"versions": versions(*packages), "note": ready.note})
            for _ in sys.stdin:
                answer(turn(ready.run, job))
        except Exception as error:  # to the driver a line, to the log all of it
            traceback.print_exc()
            first = (str(error).strip() or "no message").splitlines()[0]
            answer({"error": f"{type(error).__name__}: {first}"})
            sys.exit(1)
