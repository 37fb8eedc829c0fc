"""Whether the run of a bench passed: why not, as checks, and what it counted."""

from __future__ import annotations

from ..report.findings import Check
from ..tools.simulators import Results
from .scoreboard import Counts, Report

SILENT_RUN = "no neuron ever fired: such a run agrees with everything"
#: So many neurons that never fired are named.
NAMED = 8
COMPARED = "every output and state in every cycle"
#: The same of a core whose map says which outputs it shows.
MAPPED = "every mapped output in every cycle"
FIRED = "neurons of every core fired"
NO_REPORT = "the bench left no report"


def failure_reasons(results: Results, report: Report | None) -> list[str]:
    """Why a run does not count as passed, a line each; none if it does.

    An empty run, one that compared nothing and one in which no neuron of some core fired did not
    pass.
    """
    reasons = _of_run(results, report)
    if report is None:
        return reasons
    return [*reasons, *_of_spikes(report), *_of_cycles(report)]


def fired(counts: Counts, *, cut: bool = False, every: bool = True) -> Check:
    """Whether some neuron of ``every`` core fired, else of any; a run that was ``cut`` short need
    not say."""
    if cut:
        return Check(name=FIRED, outcome="not_applicable", detail="a difference cut the run short")
    if not every:
        reasons = [] if counts.spikes else [SILENT_RUN]
        return answer("some neuron fired", reasons, f"{counts.spikes:,} spikes")
    return answer(FIRED, _of_spikes(counts), f"{counts.spikes:,} spikes")


def _of_run(results: Results, report: Report | None) -> list[str]:
    reasons = []
    ran = results.passed + results.failed + results.skipped
    if ran != 1:
        reasons.append(f"{ran} benches ran, 1 expected {results.message}".rstrip())
    # A bench fails for what its report says, which is told on its own.
    if results.failed and not (report and (report.mismatches or report.problems)):
        reasons.append(f"the bench failed: {results.message.partition(chr(10))[0]}")
    if results.skipped:
        reasons.append("the bench was skipped")
    if report is None:
        reasons.append(NO_REPORT)
    elif report.cycles == 0:
        reasons.append("no cycle was checked")
    return reasons


def _of_spikes(counts: Counts) -> list[str]:
    if not counts.spikes:
        return [SILENT_RUN]
    return [f"no neuron of core {k} ever fired: a longer run, another input, or a core that cannot"
            for k, spikes in enumerate(counts.fired) if not any(spikes)]  # fmt: skip


def never_fired(counts: Counts) -> dict[str, str]:
    """A row for people: which neurons of which cores did not fire; none if all did."""
    told = []
    for k, core in enumerate(counts.fired):
        silent = [neuron for neuron, spikes in enumerate(core) if not spikes]
        if silent:
            some = ", ".join(map(str, silent[:NAMED])) + ", ..." * (len(silent) > NAMED)
            told.append(f"{len(silent)} of {len(core)} of core {k} ({some})")
    return {"never fired": "; ".join(told)} if told else {}


def _of_cycles(report: Report) -> list[str]:
    reasons = []
    if report.unchecked_cycles:
        reasons.append(f"nothing was compared in {report.unchecked_cycles} cycles")
    if report.mismatches:
        where = f", the first in {report.first.where}" if report.first else ""
        reasons.append(f"{report.mismatches:,} mismatches{where}")
    return reasons


def answer(name: str, reasons: list[str], shown: str, seconds: float = 0.0) -> Check:
    """A check that passed, and shows ``shown``, if there are no ``reasons`` against it."""
    return Check(
        name=name, outcome="failed" if reasons else "passed", seconds=seconds,
        detail="; ".join(reasons) or shown,
    )  # fmt: skip


def checks_of(results: Results, report: Report | None, *, neuron: bool) -> list[Check]:
    """The questions that one run answers; all passed if and only if :func:`failure_reasons` finds
    none. ``neuron``: the design is a single neuron, which has no events."""
    ran = answer("the bench ran, once and to its end", _of_run(results, report), "")
    names = (COMPARED, "events out equal those of the golden network", FIRED)
    if report is None:
        return [ran, *(Check(name=name, outcome="unknown", detail=NO_REPORT) for name in names)]
    wrong = _of_cycles(report)
    shown = f"{report.cycles:,} cycles, {report.comparisons:,} comparisons"
    cycles = answer(names[0], wrong, shown, report.seconds)
    golden = [f"{report.golden_mismatches:,} mismatches"] if report.golden_mismatches else []
    stream = answer(names[1], golden, f"{report.events_out:,} events")
    if neuron:
        why = "a single neuron has no events"
        stream = Check(name=names[1], outcome="not_applicable", detail=why)
    return [ran, cycles, stream, fired(report)]


def figures(report: Report, simulator: str) -> dict[str, int | float | str]:
    """What a run counted, in the order in which it is shown."""
    rate = report.cycles / report.seconds if report.seconds else 0.0
    return {
        "simulator": simulator, "cycles checked": report.cycles, **report.figures,
        **never_fired(report), "mismatches": report.mismatches, "cycles per second": round(rate),
    }  # fmt: skip
