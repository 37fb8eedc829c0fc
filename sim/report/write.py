"""Reports for people and for CI: one HTML page and one JUnit file from all findings of a folder."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from ...errors import FxlifError
from ...files import make_folder, whole_file
from .findings import Check, Findings
from .page import page

PAGE, JUNIT = "report.html", "junit.xml"
#: What the JSON files of a report folder must be, for errors.
WRITTEN = "findings that --report wrote"
#: What XML 1.0 cannot hold, not even escaped.
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(folder: str | Path, findings: Findings) -> list[Path]:
    """Add ``findings`` to a report folder; returns ``report.html``, ``junit.xml``.

    They are kept there as ``<command>.json``, or ``<command>-<design>.json`` where the former is
    another design's, and replace those of the same command and design. Both reports are written
    anew from all the findings of the folder.

    Raises:
        FxlifError: the folder cannot be written, or holds a JSON file without findings.
    """
    folder = Path(folder)
    make_folder(folder)
    known = read(folder)
    path = folder / _file_name(findings, known)
    known[path.name] = findings
    ordered = [known[name] for name in sorted(known)]
    page_text, junit_text = page(ordered), junit(ordered)
    texts = {path: findings.to_json(), folder / PAGE: page_text, folder / JUNIT: junit_text}
    for target, text in texts.items():
        with whole_file(target) as temporary:
            # Half a surrogate pair in a detail must not cost the report.
            temporary.write_text(text, encoding="utf-8", errors="replace")
    return [folder / PAGE, folder / JUNIT]


def read(folder: Path) -> dict[str, Findings]:
    """The findings of a report folder by file name.

    Raises:
        FxlifError: a JSON file there holds no findings; to pass over it could hide a failure.
    """
    found = {}
    # Those with a dot are files that a run was writing as it was killed.
    for path in sorted(folder.glob("[!.]*.json")):
        try:
            found[path.name] = Findings.from_json(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise FxlifError(
                f"{path}: cannot be read ({error.strerror})", key=str(path), allowed=WRITTEN
            ) from None
        except (ValueError, TypeError, KeyError) as error:
            raise FxlifError.must_be(
                str(path), WRITTEN, path, found=f"something else ({error})"
            ) from None
    return found


def _file_name(findings: Findings, known: dict[str, Findings]) -> str:
    short = f"{_plain(findings.command)}.json"
    holder = known.get(short)
    if holder is None or holder.design == findings.design:
        return short
    return f"{_plain(findings.command)}-{_plain(findings.design)}.json"


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)


def junit(findings: Sequence[Findings]) -> str:
    """JUnit XML: a suite per findings, a case per check.

    A failed check is a failure, an unknown one an error, a not applicable one is skipped. Findings
    in which nothing was asked hold an error that says so: an empty suite would be green.
    """
    root = ET.Element("testsuites")
    for item in findings:
        root.append(_suite(item))
    totals = ("tests", "failures", "errors", "skipped")
    for key in totals:
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    root.set("time", f"{sum(float(suite.get('time', '0')) for suite in root):.3f}")
    ET.indent(root, " ")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(findings: Findings) -> ET.Element:
    checks = list(findings.checks)
    if all(check.outcome == "not_applicable" for check in checks):
        checks.append(Check(name="anything", outcome="unknown", detail="nothing was checked"))
    count = {
        key: sum(check.outcome == outcome for check in checks)
        for key, outcome in (("failures", "failed"), ("errors", "unknown"),
                             ("skipped", "not_applicable"))
    }  # fmt: skip
    suite = ET.Element("testsuite", name=_clean(f"{findings.command} {findings.design}"))
    suite.set("tests", str(len(checks)))
    for key, value in count.items():
        suite.set(key, str(value))
    suite.set("time", f"{sum(check.seconds for check in checks):.3f}")
    properties = ET.SubElement(suite, "properties")
    facts = {"digest": findings.digest, "replay": findings.replay}
    facts["seed"] = "" if findings.seed is None else str(findings.seed)
    facts |= {name: str(value) for name, value in findings.figures.items()}
    facts |= {f"version.{name}": text for name, text in findings.versions.items()}
    for name, text in facts.items():
        if text:
            ET.SubElement(properties, "property", name=_clean(name), value=_clean(text))
    for check in checks:
        suite.append(_case(findings, check))
    return suite


def _case(findings: Findings, check: Check) -> ET.Element:
    case = ET.Element(
        "testcase", classname=_clean(f"fxlif.{findings.command}.{findings.design}"),
        name=_clean(check.name), time=f"{check.seconds:.3f}",
    )  # fmt: skip
    detail = _clean(check.detail)
    message = detail.splitlines()[0] if detail.strip() else check.outcome
    if check.outcome == "passed":
        if detail:
            ET.SubElement(case, "system-out").text = detail
    elif check.outcome == "not_applicable":
        ET.SubElement(case, "skipped", message=message).text = detail
    else:
        tag = "failure" if check.outcome == "failed" else "error"
        text = "\n".join(part for part in (detail, _clean(findings.replay)) if part)
        ET.SubElement(case, tag, message=message, type=check.outcome).text = text
    return case


def _clean(text: str) -> str:
    return FORBIDDEN.sub("�", text)


__all__ = ["JUNIT", "PAGE", "junit", "read", "write"]
