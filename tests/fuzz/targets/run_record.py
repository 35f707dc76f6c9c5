"""The record of a run, which answers of hosts are a part of, and all that is made of it."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.alerts import read_alerts
from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.draft import draft
from ansible_collections.sluice.nginx.plugins.module_utils.record.index import rows
from ansible_collections.sluice.nginx.plugins.module_utils.record.model import check_record
from ansible_collections.sluice.nginx.plugins.module_utils.reports.junit import junit
from ansible_collections.sluice.nginx.plugins.module_utils.reports.page.render import report
from ansible_collections.sluice.nginx.plugins.module_utils.reports.sarif import sarif

from ..harness import scratch
from ..mutation import json_values, texts

ALLOWED = (SluiceError,)

_WHOLE = {
    "schema": 3,
    "result": "rolled back",
    "sluice": "0.1.0",
    "outcome": "x",
    "run": dict.fromkeys(("id", "folder", "who", "host", "started", "ended"), "2026-11-21T13:30:00.000Z"),
    "hosts": {"web1": {"serves": "a", "done": "b"}},
    "releases": [],
    "culprits": [],
    "failures": [],
    "warnings": [],
    "events": [],
}


def run(data: bytes) -> None:
    """Check a record, and make page, JUnit, SARIF and postmortem of it; the history reads it from its folder."""
    with scratch() as folder:
        (folder / "20261121T133000-a").mkdir()
        (folder / "20261121T133000-a/run.json").write_bytes(data)
        rows(folder)
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return
    try:
        from datetime import UTC, datetime

        read_alerts(content, datetime.now(UTC))
    except SluiceError:
        pass
    record = check_record(content)
    for make in (report, junit, sarif, draft):
        assert make(record)


def inputs() -> st.SearchStrategy[bytes]:
    """Draw records that are whole on the outside."""
    value = st.one_of(json_values(), texts())
    names = st.sampled_from(
        (
            "steps",
            "outcomes",
            "traffic",
            "problems",
            "serves",
            "live",
            "release",
            "deadline",
            "checks",
            "journal",
            "requests",
            "errors",
            "step",
            "begin",
            "paths",
            "ms",
            "seconds",
            "rolled_back",
            "failing",
            "warnings",
            "name",
            "line",
            "file",
            "what",
            "origin",
            "nginx",
        )
    )
    answer = st.recursive(
        st.dictionaries(names, value, max_size=3),
        lambda inner: st.dictionaries(names, st.one_of(inner, st.lists(inner, max_size=2), value), max_size=4),
        max_leaves=6,
    )
    phases = st.sampled_from(
        ("gate", "preflight", "activate", "checks", "bake", "confirm", "rollback", "finalize", "finalize", "status")
    )
    event = st.builds(
        lambda at, phase, host, good, said: {"at": at, "phase": phase, "host": host, "good": good, "answer": said},
        st.one_of(st.just("2026-11-21T13:30:00.000Z"), texts()),
        phases,
        st.sampled_from(("", "web1", "\x1b")),
        st.booleans(),
        answer,
    )
    verdict = st.builds(
        lambda gate, findings, evidence: {
            "gate": gate,
            "result": "fail",
            "summary": "x",
            "findings": findings,
            "evidence": evidence,
        },
        st.sampled_from(("smoke", "coverage", "behaviour", "lint")),
        st.lists(st.builds(lambda more: {"what": "x", **more}, answer), max_size=2),
        answer,
    )
    release = st.builds(
        lambda verdicts, culprits: {
            "hosts": ["web1"],
            "verdicts": verdicts,
            "synthesized": [],
            "changes": [{"file": "a", "origin": "b", "diff": "-x"}],
            "culprits": culprits,
            "release": "a" * 64,
        },
        st.lists(verdict, max_size=3),
        st.one_of(st.none(), answer),
    )
    words = st.one_of(st.just("2026-11-21T13:30:00.000Z"), texts())
    host = st.builds(
        lambda began, ended, events, counted: {
            **{"serves": "a", "done": "b", "switched": True, "began": began, "ended": ended},
            **{"events": events if began else [], "counted": counted},
        },
        st.one_of(st.just(""), words),
        words,
        st.lists(st.integers(-1, 4), min_size=2, max_size=2),
        st.integers(-1, 2),
    )
    part = st.builds(lambda text, line: {"file": text, "line": line, "old": [text], "new": []}, texts(), st.integers())
    culprit = st.builds(
        lambda text, parts, whole: {"source": text, "fails": {text: [text]}, "parts": parts, "whole": whole},
        texts(),
        st.lists(part, max_size=2),
        st.booleans(),
    )
    failure = st.builds(
        lambda text, gate, phase: {
            **{"what": text, "nginx": text, "source": text, "at": text, "host": "web1", "phase": phase},
            **gate,
        },
        words,
        st.sampled_from(({}, {"gate": "lint", "host": ""})),
        phases,
    )
    record = st.builds(
        lambda hosts, culprits, failures, events, releases, more: {
            **_WHOLE,
            **{"hosts": hosts, "culprits": culprits, "failures": failures},
            **{"events": events, "releases": releases},
            **more,
        },
        st.dictionaries(st.sampled_from(("web1", "\x1b")), host, max_size=2),
        st.lists(culprit, max_size=2),
        st.lists(failure, max_size=3),
        st.lists(event, max_size=5),
        st.lists(release, max_size=2),
        st.dictionaries(
            st.sampled_from(("emergency", "signed", "hosts", "run", "outcome", "words", "wanted")), value, max_size=2
        ),
    )
    alerts = st.builds(
        lambda at: {"data": {"result": [{"metric": {"alertstate": "firing"}, "values": [[at, "1"]]}]}}, value
    )
    return st.one_of(record.map(json.dumps), alerts.map(json.dumps), json_values().map(json.dumps)).map(str.encode)
