"""``junit.xml``: each gate a case, each check that a gate asked a case, and each host a case."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from ..record.summary import RunSummary
from ..redactor.redactor import cleared
from ..textfmt import details, listed, place

__all__ = ["junit"]

# XML 1.0 has no way to say these, not even escaped.
_IMPOSSIBLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MOST = 8000
_TAGS = {"fail": "failure", "inconclusive": "error", "not run": "skipped"}


def junit(record: Mapping[str, Any]) -> str:
    """The verdicts and the hosts of a run, as test runners report."""
    record = cleared(record)
    root = ElementTree.Element("testsuites", name=_text(f"sluice {record['run']['id']}"))
    for release in record["releases"]:
        if release["verdicts"]:
            _gates(root, release)
    summary = RunSummary.of(record)
    if summary.hosts:
        _hosts(root, summary)
    _count(root)
    ElementTree.indent(root, " ")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _gates(root: ElementTree.Element, release: Mapping[str, Any]) -> None:
    identity = str(release.get("release") or "none")[:12]
    named = listed([str(host) for host in release["hosts"]], 5)
    suite = ElementTree.SubElement(root, "testsuite", name=_text(f"release {identity} for {named}"))
    for verdict in release["verdicts"]:
        gate = str(verdict["gate"])
        case = _case(suite, f"{identity}.gates", gate, float(verdict.get("seconds") or 0))
        tag = _TAGS.get(str(verdict["result"]))
        if tag is not None:
            findings = [_finding(found) for found in verdict["findings"] if not found.get("warning")]
            _outcome(case, tag, str(verdict["summary"]), "\n\n".join(findings))
        for asked in verdict["evidence"].get("outcomes") or []:
            if isinstance(asked, dict):
                _check(suite, f"{identity}.{gate}", asked)


def _check(suite: ElementTree.Element, where: str, asked: Mapping[str, Any]) -> None:
    ms = asked.get("ms")
    case = _case(suite, where, str(asked.get("name")), float(ms) / 1000 if isinstance(ms, int | float) else 0.0)
    if not asked.get("ok"):
        problems = asked.get("problems") or []
        words = [str(each.get("what", each)) if isinstance(each, dict) else str(each) for each in problems]
        _outcome(
            case, "failure", words[0] if words else "the check failed", "\n".join([str(asked.get("request")), *words])
        )


def _hosts(root: ElementTree.Element, summary: RunSummary) -> None:
    suite = ElementTree.SubElement(root, "testsuite", name="roll-out")
    faults: dict[str, list[str]] = {}
    for each in summary.of_hosts():
        faults.setdefault(each.host, []).append(f"{each.phase}: {each.sentence}")
    for host, row in summary.hosts.items():
        case = _case(suite, "hosts", host, 0.0)
        if host in faults:
            _outcome(case, "failure", faults[host][0], "\n".join([*faults[host], row.done]))


def _finding(found: Mapping[str, Any]) -> str:
    lines = [str(found["what"]), place(found) and f"at {place(found)}"]
    lines += [f"from {found['origin']}" if found.get("origin") else ""]
    return "\n".join([*filter(None, lines), *(f"{name}: {text}" for name, text in details(found))])


def _case(suite: ElementTree.Element, where: str, name: str, seconds: float) -> ElementTree.Element:
    given = {"classname": _text(where), "name": _text(name), "time": f"{seconds:.3f}"}
    return ElementTree.SubElement(suite, "testcase", given)


def _outcome(case: ElementTree.Element, tag: str, message: str, text: str) -> None:
    given = {"message": _text(message)}
    if tag != "skipped":
        given["type"] = tag
    ElementTree.SubElement(case, tag, given).text = _text(text) or None


def _text(text: str) -> str:
    bounded = text if len(text) <= _MOST else f"{text[:_MOST]}… (run.json has all of it)"
    return _IMPOSSIBLE.sub("\N{REPLACEMENT CHARACTER}", bounded)


def _count(root: ElementTree.Element) -> None:
    total = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for suite in root:
        found = {
            "tests": len(suite),
            "failures": len(suite.findall("testcase/failure")),
            "errors": len(suite.findall("testcase/error")),
            "skipped": len(suite.findall("testcase/skipped")),
        }
        suite.attrib.update({name: str(number) for name, number in found.items()})
        suite.set("time", f"{sum(float(case.get('time', 0)) for case in suite):.3f}")
        total = {name: number + found[name] for name, number in total.items()}
    # The whole has no number of cases that were skipped.
    root.attrib.update({name: str(number) for name, number in total.items() if name != "skipped"})
