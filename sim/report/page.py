"""The HTML page of a report: one file, nothing outside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from .findings import Bin, Check, Findings, Outcome

#: What fxlif can check a design with; a report says which of them it knows nothing of.
COMMANDS = ("verify", "prove", "soak", "mutate")
#: Outcome → the word on its badge, and the sign that says it without colour.
WORDS: dict[Outcome, tuple[str, str]] = {
    "passed": ("passed", "✓"),
    "failed": ("failed", "✗"),
    "unknown": ("not answered", "?"),
    "not_applicable": ("not applicable", "-"),
}

STYLE = """
:root { color-scheme: light dark; --text: #1d2126; --dim: #5b6470; --line: #d9dee4;
  --back: #ffffff; --card: #f6f8fa; --passed: #1a7f37; --failed: #cf222e; --unknown: #9a6700;
  --not_applicable: #6e7781; }
@media (prefers-color-scheme: dark) { :root { --text: #e3e8ee; --dim: #98a2ae; --line: #343b44;
  --back: #14181d; --card: #1c2128; --passed: #3fb950; --failed: #ff7b72; --unknown: #d29922;
  --not_applicable: #8b949e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 62rem; color: var(--text);
  background: var(--back); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .75rem; } h2 { font-size: 1.25rem; margin: 0; }
h3 { font-size: .95rem; margin: 1.4rem 0 .4rem; } p { margin: .4rem 0; }
code, .detail { font: 13px/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.detail { white-space: pre-wrap; overflow-wrap: anywhere; color: var(--dim); }
.dim { color: var(--dim); } .number { text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
.verdict { border-left: .4rem solid; padding: .8rem 1rem; background: var(--card);
  border-radius: .3rem; margin-bottom: 1.25rem; } .verdict strong { font-size: 1.2rem; }
section { border: 1px solid var(--line); border-radius: .5rem; padding: 1.1rem 1.25rem;
  margin: 1.5rem 0; }
header { display: flex; gap: .75rem; align-items: baseline; flex-wrap: wrap; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; color: var(--dim); font-size: .82rem; }
th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th.number { text-align: right; } tr:last-child td { border-bottom: 0; }
td:last-child { padding-right: 0; }
.scroll { overflow-x: auto; } .narrow { width: auto; min-width: 20rem; }
.badge { white-space: nowrap; font-weight: 600; }
.passed { color: var(--passed); } .failed { color: var(--failed); }
.unknown { color: var(--unknown); } .not_applicable { color: var(--not_applicable); }
.bar { display: inline-block; width: 8rem; height: .6rem; border-radius: .3rem;
  background: var(--line); vertical-align: middle; overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--passed); }
.command { background: var(--card); border-radius: .3rem; padding: .5rem .75rem; display: block;
  overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--dim); margin: .5rem 0; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } section { border: 0;
  padding: 0; } tr, .verdict { break-inside: avoid; } h3 { break-after: avoid; }
  * { print-color-adjust: exact; } }
"""


def outcome_of(item: Findings) -> Outcome:
    """What may be said of findings as a whole; ``not_applicable`` where nothing was asked."""
    outcomes = {check.outcome for check in item.checks}
    order: tuple[Outcome, ...] = ("failed", "unknown", "passed")
    return next((kind for kind in order if kind in outcomes), "not_applicable")


def page(findings: Sequence[Findings]) -> str:
    """The whole page; the order of ``findings`` is kept."""
    outcomes = [outcome_of(item) for item in findings]
    bad = [kind for kind in outcomes if kind != "passed"]
    # Nothing asked is as red as a failure.
    outcome: Outcome = "unknown" if set(bad) == {"unknown"} else "failed" if bad else "passed"
    verdict = (
        f"{len(bad)} of {len(outcomes)} not green" if bad else "Everything that was asked holds"
    )
    if not findings:
        outcome, verdict = "failed", "Nothing was checked"
    checks = [check for item in findings for check in item.checks]
    line = ", ".join(
        f"{sum(check.outcome == kind for check in checks)} {word}"
        for kind, (word, _) in WORDS.items()
    )
    title = "passed" if outcome == "passed" else "not passed"
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>fxlif: {title}</title><style>{STYLE}</style></head><body>",
            "<h1>fxlif verification report</h1>",
            f'<div class="verdict {outcome}"><strong>{WORDS[outcome][1]} {verdict}</strong>'
            f'<div class="dim">checks: {line}</div></div>',
            _overview(findings),
            *(_section(k, item) for k, item in enumerate(findings)),
            "</body></html>\n",
        ]
    )


def _overview(findings: Sequence[Findings]) -> str:
    rows = [
        [
            f'<a href="#f{k}">{escape(item.command)}</a>', escape(item.design), _state(item),
            f'<span class="detail">{escape("; ".join(item.reasons[:3]))}</span>',
        ]
        for k, item in enumerate(findings)
    ]  # fmt: skip
    absent = [name for name in COMMANDS if name not in {item.command for item in findings}]
    note = f'<p class="dim">Not run: {", ".join(absent)}.</p>' if absent else ""
    return _table(["command", "design", "", "why"], rows) + note


def _state(item: Findings) -> str:
    outcome = outcome_of(item)
    return (
        _badge(outcome) if outcome != "not_applicable" else _badge("failed", "nothing was checked")
    )


def _badge(outcome: Outcome, word: str = "") -> str:
    text, sign = WORDS[outcome]
    return f'<span class="badge {outcome}">{sign} {escape(word or text)}</span>'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """Cells are HTML; a heading that begins with # is that of a column of numbers."""
    number = [' class="number"' if text.startswith("#") else "" for text in head]
    top = "".join(f"<th{c}>{escape(t.lstrip('#'))}</th>" for c, t in zip(number, head, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{c}>{t}</td>" for c, t in zip(number, row, strict=True)) + "</tr>\n"
        for row in rows
    )
    head_row = f"<thead><tr>{top}</tr></thead>" if any(text.strip("#") for text in head) else ""
    return (
        f'<div class="scroll"><table class="{kind}">{head_row}<tbody>{body}</tbody></table></div>'
    )


def _section(index: int, item: Findings) -> str:
    seed = "" if item.seed is None else f" · seed {item.seed}"
    parts = [
        f'<section id="f{index}"><header><h2>{escape(item.command)}: {escape(item.design)}</h2>'
        f"{_state(item)}</header>",
        f'<p class="dim">parameters <code>{escape(item.digest[:16])}</code>{seed}</p>',
        _checks([check for check in item.checks if check.outcome in ("passed", "failed")]),
        _not_checked([c for c in item.checks if c.outcome not in ("passed", "failed")]),
        _figures(item),
        _coverage(item.coverage),
    ]
    if item.replay:
        word = "This command repeats it" if item.passed else "This command shows it again"
        parts.append(f'<h3>{word}</h3><code class="command">{escape(item.replay)}</code>')
    versions = " · ".join(f"{escape(n)} {escape(v)}" for n, v in item.versions.items())
    parts.append(f'<h3>Versions</h3><p class="dim">{versions}</p></section>')
    return "\n".join(parts)


def _checks(checks: Sequence[Check]) -> str:
    if not checks:
        return ""
    rows = [_check(check) for check in sorted(checks, key=lambda c: c.outcome != "failed")]
    return "<h3>Checked</h3>" + _table(["", "what", "#time", "detail"], rows)


def _not_checked(checks: Sequence[Check]) -> str:
    if not checks:
        return '<h3>Not checked</h3><p class="dim">Each of these questions was answered.</p>'
    rows = [_check(check) for check in sorted(checks, key=lambda c: c.outcome != "unknown")]
    return "<h3>Not checked, and why</h3>" + _table(["", "what", "#time", "why"], rows)


def _check(check: Check) -> list[str]:
    time = f"{check.seconds:,.2f} s" if check.seconds else ""
    return [
        _badge(check.outcome), escape(check.name), time,
        f'<span class="detail">{escape(check.detail)}</span>',
    ]  # fmt: skip


def _figures(item: Findings) -> str:
    if not item.figures:
        return ""
    rows = [
        [escape(name), f"{value:,}" if isinstance(value, int) else escape(str(value))]
        for name, value in item.figures.items()
    ]
    return "<h3>Figures</h3>" + _table(["", "#"], rows, "narrow")


def _coverage(bins: Sequence[Bin]) -> str:
    """A line per group, then every bin that was not hit; those that were, folded away."""
    if not bins:
        return ""
    groups: dict[str, list[Bin]] = {}
    for one in bins:
        groups.setdefault(one.group, []).append(one)
    rows = []
    for group, members in groups.items():
        wanted = [one for one in members if one.reachable is not False]
        hit = sum(one.hit for one in wanted)
        share = 100 * hit / len(wanted) if wanted else 100
        bar = f'<span class="bar"><i style="width:{share:.0f}%"></i></span>'
        unreachable = str(len(members) - len(wanted) or "")
        rows.append([escape(group), f"{hit} of {len(wanted)}", bar, unreachable])
    reachable = [one for one in bins if one.reachable is not False]
    hit = sum(one.hit for one in reachable)
    title = f"<h3>Coverage: {hit} of {len(reachable)} reachable bins</h3>"
    parts = [title, _table(["group", "#hit", "", "#unreachable"], rows, "narrow")]
    missed = [one for one in bins if not one.hit]
    if missed:
        parts += ["<h3>Bins that were not hit</h3>", _bins(missed)]
    others = [one for one in bins if one.hit]
    if others:
        parts.append(f"<details><summary>{len(others)} bins that were hit</summary>")
        parts.append(_bins(others) + "</details>")
    return "\n".join(parts)


def _bins(bins: Sequence[Bin]) -> str:
    rows = []
    for one in bins:
        if one.hit:
            state = _badge("passed", "hit")
        elif one.reachable is False:
            state = _badge("not_applicable", "unreachable")
        elif one.waiver:
            state = _badge("not_applicable", "waived")
        else:
            state = _badge("failed" if one.reachable else "unknown", "missed")
        why = f'<span class="detail">{escape(one.waiver if one.waived else one.why)}</span>'
        count = f"{one.count:,} of {one.goal:,}"
        rows.append([escape(one.group), escape(one.name), count, state, why])
    return _table(["group", "bin", "#count", "", "why"], rows)


__all__ = ["page"]
