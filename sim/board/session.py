"""A run of a board beside the golden network: every event that comes out is compared."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...batch.labelled import Labelled
from ...host.device import ANSWER_SECONDS, Device, Link
from ...layout import HardwareNetwork
from ...network import events as event_files
from ...network.events import TICK
from ...network.writes import Write, changes_of
from ...params.network import NetworkParams
from ...params.protocol import AnyCores
from ...progress import SILENT, Progress
from ..bench.agents import RESET_MARK
from ..bench.golden import GoldenStream
from ..bench.outcome import answer
from ..report.findings import Check, Findings
from ..stimulus.random import random_events
from ..verify import read_input
from .states import StateReader

Ints = npt.NDArray[np.int64]
#: Steps of random events where neither the design nor the user brings any.
DEFAULT_STEPS = 1000
#: Steps that are sent and compared at once.
AT_ONCE = 100


def segments_of(
    design: AnyCores,
    folder: Path,
    *,
    given: Ints | None = None,
    steps: int | None = None,
    seed: int = 1,
) -> tuple[list[Ints], Labelled | None]:
    """The events to send, a reset before each of the arrays: ``given`` ones, those of the design's
    file in ``folder``, or random ones; and its labelled samples, if these are all sent."""
    bits = design.in_address_bits
    if given is not None:
        return [event_files.check(given, design.n_inputs)], None
    payloads, labelled = (None, None)
    if steps is None and isinstance(design, NetworkParams | HardwareNetwork):
        payloads, labelled = read_input(design, folder)
    if payloads is None:
        drawn: list[int] = []
        wanted = DEFAULT_STEPS if steps is None else steps
        source = random_events(design, seed)
        while wanted > 0:
            some = [event for event in islice(source, 256) if event != RESET_MARK]
            drawn += some
            wanted -= sum(event >> bits for event in some)
        stream = event_files.unpack(np.array(drawn), bits)
        ends = np.flatnonzero(stream == TICK)[: DEFAULT_STEPS if steps is None else steps]
        stream = stream[: ends[-1] + 1]
        return [stream[stream < design.n_inputs]], None
    words = np.array(payloads, dtype=np.int64)
    marks = np.flatnonzero(words == RESET_MARK)
    parts = [part[part != RESET_MARK] for part in np.split(words, marks)]
    return [event_files.unpack(part, bits) for part in parts if len(part)], labelled


def blocks(events: Ints, steps: int = AT_ONCE, before: Iterable[int] = ()) -> list[Ints]:
    """The same events, so many whole steps at a time, and no others with those ``before`` some
    steps; what stands behind the last TICK is left out."""
    ends = np.flatnonzero(events == TICK)
    firsts = {*range(0, len(ends) + 1, steps), *before}
    cuts = [int(ends[step - 1]) + 1 for step in sorted(firsts) if 0 < step <= len(ends)]
    parts = np.split(events[: ends[-1] + 1] if len(ends) else events[:0], cuts)
    return [part for part in parts if len(part)]


def run_board(
    design: AnyCores, link: Link, segments: list[Ints], *, name: str,
    labelled: Labelled | None = None, seconds: float = ANSWER_SECONDS,
    states: int | None = None, writes: Sequence[Write] = (), progress: Progress = SILENT,
) -> tuple[Findings, Ints]:  # fmt: skip
    """What a board behind ``link`` makes of ``segments``, a reset before each: findings, some steps
    compared with the golden network at a time, and all events that came out. ``seconds``: that an
    answer may take. ``states``: the states of what is readable are compared every so many steps,
    and at the end of a segment. ``writes``: what is written on both sides before steps, of all
    segments together, in the golden network's names.

    Raises:
        FxlifError: a write that is none; nobody answers, it is another design, or the line is gone.
    """
    reader = StateReader(design)
    at_once = states or AT_ONCE
    # What stands behind the last TICK belongs to no step.
    segments = [np.concatenate([*blocks(segment), segment[:0]]) for segment in segments]
    golden = GoldenStream(design)
    every = sum(int(np.count_nonzero(segment == TICK)) for segment in segments)
    changes_of(golden.network, writes, every)
    by_step: dict[int, list[Write]] = {}
    for write in writes:
        by_step.setdefault(write.step, []).append(write)
    device = Device(link, design, seconds=seconds)
    started = time.monotonic()
    wrong: list[str] = []
    wrong_states: list[str] = []
    totals: dict[str, int] = {}
    came: list[Ints] = []
    counts = []
    steps = 0
    for segment in segments:
        device.stop()
        device.reset()
        golden.reset()
        device.start()
        sent_here: list[Ints] = []
        for block in blocks(segment, at_once, [step - steps for step in by_step]):
            if rows := by_step.get(steps):
                _write(rows, device, golden)
            found = np.concatenate([*device.stream(block), np.empty(0, dtype=np.int64)])
            expected = golden.stream(block)
            if not np.array_equal(found, expected) and not wrong:
                wrong.append(_first(found, expected, steps))
            sent_here.append(found)
            steps += int(np.count_nonzero(block == TICK))
            if reader and not wrong_states:
                wrong_states += reader.differences(device, golden, steps)
                device.start()
            progress("steps", steps, every)
        device.stop()
        here = np.concatenate([*sent_here, np.empty(0, dtype=np.int64)])
        came.append(here)
        counts.append(np.bincount(here[here != TICK], minlength=design.n_outputs))
        for key, value in device.counters().items():
            totals[key] = totals.get(key, 0) + value
        if wrong or wrong_states:
            break
    took = time.monotonic() - started
    out = np.concatenate([*came, np.empty(0, dtype=np.int64)])
    spikes = int(np.count_nonzero(out != TICK))
    checks = [
        answer("events out equal those of the golden network", wrong,
               f"{spikes:,} events in {steps:,} steps"),
        answer("some event came out", [] if spikes else ["none did"], f"{spikes:,}"),
        _taken(totals, segments, whole=not (wrong or wrong_states)),
    ]  # fmt: skip
    if reader:
        checks.append(answer("states equal those of the golden network", wrong_states,
                             f"{reader.compared:,} values read between steps"))  # fmt: skip
    figures: dict[str, int | float | str] = {"steps": steps, **totals}
    if writes:
        figures["parameters written"] = sum(len(rows) for at, rows in by_step.items() if at < steps)
    figures["requests sent again"] = device.repeated
    figures["steps per second"] = round(steps / took) if took else 0
    if labelled is not None and not wrong:
        accuracy = 100 * labelled.right(np.array(counts)) / len(labelled.labels)
        figures["accuracy, hardware"] = f"{accuracy:.2f} %"
    findings = Findings(
        command="board run", design=name, digest=design.digest(), checks=tuple(checks),
        figures=figures,
    )  # fmt: skip
    return findings, out


def _write(rows: list[Write], device: Device, golden: GoldenStream) -> None:
    """Write the same to a board and to its golden network."""
    device.rest()
    device.load(row[1:] for row in rows)
    for row in rows:
        golden.network.write(*row[1:])
    device.start()


def _first(found: Ints, expected: Ints, steps: int) -> str:
    """Where two streams part."""
    length = min(len(found), len(expected))
    at = int(np.argmax(np.append(found[:length] != expected[:length], True)))
    step = steps + int(np.count_nonzero(expected[:at] == TICK))

    def shown(events: Ints) -> str:
        if at >= len(events):
            return "nothing"
        return "TICK" if events[at] == TICK else f"a spike of {events[at]}"

    return f"step {step}: {shown(expected)} expected, {shown(found)} came"


def _taken(totals: dict[str, int], segments: list[Ints], *, whole: bool) -> Check:
    """Whether the counters on the board say that all events went in."""
    name = "the board's counters agree with what was sent"
    if not whole:
        return Check(name=name, outcome="not_applicable", detail="the run was broken off")
    sent = sum(int(np.count_nonzero(segment != TICK)) for segment in segments)
    ticks = sum(int(np.count_nonzero(segment == TICK)) for segment in segments)
    found = {"events_in": sent, "steps_in": ticks, "steps_out": ticks}
    wrong = [f"{key}: {totals.get(key, 0):,}, not {value:,}" for key, value in found.items()
             if totals.get(key, 0) != value]  # fmt: skip
    return answer(name, wrong, f"{sent:,} events and {ticks:,} steps in")
