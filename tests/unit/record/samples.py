"""Records to make reports of: of each result, of a large fleet, and one that tries to break out of every report."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Event
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.summarize import summarize
from ansible_collections.sluice.nginx.plugins.module_utils.record.model import SCHEMA, VERSION
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding, Verdict

__all__ = [
    "HOSTILE",
    "NEW",
    "OLD",
    "SAMPLES",
    "accepted",
    "confirmed",
    "hostile",
    "large",
    "rolled_back",
    "stopped",
    "summed",
    "written",
]

OLD, NEW = "a" * 64, "b" * 64
HOSTILE = (
    "</pre></td><script>document.title='taken'</script><img src=x onerror=alert(1)>\x00\x1b[31m\udcff]]>{{ 7*7 }}\"'"
)
_GATES = ("spec", "parse", "lint", "needs", "syntax", "start", "smoke", "reload", "coverage", "behaviour", "verify")
_DIFF = (
    "--- live/sites-enabled/shop.conf\n+++ release/sites-enabled/shop.conf\n@@ -1,4 +1,4 @@\n server {\n"
    "-    fastcgi_param SCRIPT_FILENAME $document_root/index.php;\n"
    "+    fastcgi_param SCRIPT_FILENAME $document_root/index.phpp;\n     return 200;\n }\n"
)
_BLOCKS = [
    {"kind": "server", "line": 1, "end_line": 20, "hits": 3, "words": "server", "checks": ["the shop is open"]},
    {"kind": "location", "line": 4, "end_line": 8, "hits": 3, "words": "location /", "checks": ["the shop is open"]},
    {"kind": "location", "line": 10, "end_line": 12, "hits": 0, "words": "location /50x.html", "checks": []},
]
FINDING = Finding(
    "the shop is open: expected status 200, got 404",
    file="sites-enabled/shop.conf",
    line=2,
    origin="files/nginx/sites-enabled/shop.conf",
    check="nginx_sites[0].checks[0]",
    expected="GET http://shop.example/ as nginx_sites[0].checks[0] says",
    actual="404",
    nginx='2026/01/02 03:04:05 [error] 7#7: *1 FastCGI sent in stderr: "Primary script unknown"',
    fix="fix the line, or the check",
)
_ASKED = {"request": "GET http://shop.example/", "source": "nginx_sites[0].checks[0]", "chain": [], "body_excerpt": ""}


def _at(second: float) -> str:
    return f"2026-01-02T03:{4 + int(second // 60):02}:{second % 60:06.3f}Z"


def verdicts(failing: str = "") -> list[dict[str, Any]]:
    """Verdicts of all gates; where one fails, those after it are not run."""
    found = [Verdict("pass", f"{name} is content", gate=name, seconds=0.25) for name in _GATES]
    outcome = {"name": "the shop is open", "ok": True, "status": 200, "ms": 7.5, "problems": [], **_ASKED}
    smoke = _GATES.index("smoke")
    found[smoke] = replace(found[smoke], evidence={"outcomes": [outcome], "errors": [], "derived": False})
    coverage = _GATES.index("coverage")
    found[coverage] = replace(
        found[coverage], evidence={"derived": False, "files": {"sites-enabled/shop.conf": _BLOCKS}}
    )
    warning = Finding("server_tokens is on [version_disclosure]", file="nginx.conf", line=9, warning=True)
    found[2] = replace(found[2], findings=[warning], evidence={"level": "high"})
    if failing:
        number = _GATES.index(failing)
        bad = {**outcome, "ok": False, "status": 404, "problems": [{"what": "expected status 200, got 404"}]}
        found[number] = replace(
            found[number], result="fail", summary=FINDING.what, findings=[FINDING], evidence={"outcomes": [bad]}
        )
        for later in range(number + 1, len(found)):
            found[later] = Verdict("not run", f"not run: {failing} failed", gate=_GATES[later])
    return list(json.loads(json.dumps([verdict.to_json() for verdict in found])))


def release(hosts: list[str], failing: str = "", identity: str = NEW) -> dict[str, Any]:
    """What the gates said of a release."""
    return {
        "release": identity,
        "hosts": hosts,
        "passed": not failing,
        "synthesized": ["the name app leads to a stub"],
        "verdicts": verdicts(failing),
        "live": OLD,
        "changes": [{"file": "sites-enabled/shop.conf", "origin": FINDING.origin, "diff": _DIFF}],
        "culprits": None,
    }


def culprits() -> dict[str, Any]:
    """Whose line it is."""
    old = ["    fastcgi_param SCRIPT_FILENAME $document_root/index.php;"]
    new = ["    fastcgi_param SCRIPT_FILENAME $document_root/index.phpp;"]
    part = {"file": FINDING.file, "line": 2, "old": old, "new": new, "origin": FINDING.origin, "variable": ""}
    sets = [{"fails": {"smoke": [FINDING.what]}, "parts": [part], "more": 0, "fixes": True, "whole": True}]
    return {"sets": sets, "tried": 9, "edits": 50, "seconds": 2.25, "whole": True, "note": ""}


def traffic(begin: float, errors: int = 0) -> dict[str, Any]:
    """What a host counted."""
    start = _at(begin).replace(".000Z", "Z")
    failing = [{"request": "GET /cart", "count": errors}] if errors else []
    requests = [40, 42, 44, 41, 39, 43]
    return {
        "start": start,
        "step": 2,
        "requests": requests,
        "errors": [0, 0, 0, errors, 0, 0],
        "ms": [8.5, 9.0, None, 8.0, 9.5, 8.5],
        "failing": failing,
    }


def event(second: float, phase: str, host: str, *, good: bool = True, **answer: Any) -> dict[str, Any]:
    """A line of the journal, for which was asked a second before."""
    asked = {"asked": _at(max(0.0, second - 1))} if host else {}
    return {
        "at": _at(second),
        "phase": phase,
        "host": host,
        "good": good,
        "answer": {"problems": [], **asked, **answer},
    }


def _way(host: str, begin: float, end: str, second: float) -> list[dict[str, Any]]:
    steps = [{"name": "install", "ms": 20}, {"name": "prove", "ms": 640}, {"name": "check", "ms": 40}]
    events = [
        event(1, "preflight", host, release=NEW, live=OLD, changes_needed=True),
        event(begin, "activate", host, release=NEW, before=OLD, steps=steps, confirm_timeout=120.0),
        event(begin + 1, "bake", host, operation="bake", traffic=traffic(begin - 4)),
        event(begin + 3, "bake", host, operation="bake", traffic=traffic(begin - 4)),
    ]
    if end == "fails":
        why = {"what": "build 42 was expected, and build 41 is there", "nginx": FINDING.nginx, "fix": "see the host"}
        events[2:] = [event(begin + 1, "bake", host, good=False, problems=[why], traffic=traffic(begin - 4, errors=7))]
        end = "rollback"
    events.append(
        event(second, "finalize", host, operation=end, rolled_back=True, warnings=["too little traffic to judge"])
    )
    return events


def record(result: str, outcome: str, **more: Any) -> dict[str, Any]:
    """A record with the parts that all have."""
    run = {"id": "20260102T030400-1f2e", "folder": "/srv/project/.sluice/runs/20260102T030400-1f2e"}
    run |= {"who": "deploy", "host": "controller", "started": _at(0), "ended": _at(30)}
    made = {
        "schema": SCHEMA,
        "sluice": VERSION,
        "run": run,
        "result": result,
        "outcome": outcome,
        "signed": True,
        "emergency": None,
        "hosts": {},
        "releases": [],
        "events": [],
        **more,
    }
    return summed(made)


def summed(made: dict[str, Any]) -> dict[str, Any]:
    """Return a record with the summary of its releases and events, as a run writes it."""
    told = summarize([Event(**row) for row in made["events"]], made["releases"]).to_json()
    told = {name: told[name] for name in ("hosts", "culprits", "failures", "warnings")}
    last = ("releases", "culprits", "failures", "warnings", "events")
    whole = {**made, **told}
    return {name: whole[name] for name in [*(name for name in whole if name not in last), *last]}


def _ordered(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted([event(0, "gate", "", signed=True, emergency=None), *events], key=lambda row: str(row["at"]))


def confirmed() -> dict[str, Any]:
    """Three hosts in two waves, all confirmed."""
    hosts = ["web1", "web2", "web3"]
    events = [row for n, host in enumerate(hosts) for row in _way(host, 4 if n == 0 else 9, "confirm", 15)]
    words = "3 hosts switched and confirmed"
    return record("confirmed", words, releases=[release(hosts)], events=_ordered(events))


def stopped() -> dict[str, Any]:
    """The gate smoke stops it, and the line is known."""
    culprit = {**release(["web1", "web2", "web3"], "smoke"), "culprits": culprits()}
    words = f"stopped by the gate smoke ({FINDING.what}); no host was touched"
    return record("stopped", words, releases=[culprit], events=_ordered([]), signed=False)


def accepted() -> dict[str, Any]:
    """What the gate smoke finds is let pass by a person."""
    row = release(["web1"])
    found = replace(FINDING, warning=True, accepted="by ada: the shop moves on Monday")
    row["verdicts"][6]["findings"] = [{**asdict(found), "edits": []}]
    return record("passed", "every gate passed for 1 release", releases=[row], events=_ordered([]))


def rolled_back() -> dict[str, Any]:
    """The last host fails in its bake, and all go back."""
    hosts = ["web1", "web2", "web3"]
    events = [row for host in hosts[:2] for row in _way(host, 4, "rollback", 12)] + _way("web3", 9, "fails", 12)
    words = (
        "web3 failed in bake (build 42 was expected, and build 41 is there); the 2 switched before it were rolled back"
    )
    return record("rolled back", words, releases=[release(hosts)], events=_ordered(events))


def rollback() -> dict[str, Any]:
    """A rollback by hand: no gate was asked."""
    made = confirmed()
    made["releases"] = [{**release(list(made["hosts"])), "passed": None, "verdicts": [], "synthesized": []}]
    return summed({**made, "signed": None, "events": made["events"][1:]})


def large(hosts: int = 100, variants: int = 50) -> dict[str, Any]:
    """A fleet with many variants, a huge change and logs without end."""
    names = [f"web{n:03}.eu-central.shop.example" for n in range(hosts)]
    lines = "".join(f"+    add_header X-Line-{n} {'x' * 60};\n" for n in range(2000))
    releases = []
    for n in range(variants):
        made = release(names[n::variants], identity=f"{n:064x}")
        made["changes"] += [
            {"file": f"conf.d/large-{n}.conf", "origin": "", "diff": f"--- a\n+++ b\n@@ -0 +1 @@\n{lines}"}
        ]
        made["verdicts"][4]["evidence"] = {"output": "a long word of nginx\n" * 5000}
        smoke = made["verdicts"][6]["evidence"]
        smoke["outcomes"] = [{**smoke["outcomes"][0], "name": f"page {page} is there"} for page in range(60)]
        releases.append(made)
    events = [row for n, host in enumerate(names) for row in _way(host, 4 + n % 12, "confirm", 28)]
    words = f"{hosts} hosts switched and confirmed"
    return record("confirmed", words, releases=releases, events=_ordered(events))


def hostile() -> dict[str, Any]:
    """Every text that a log, a configuration or a host can bring tries to break out."""
    made = rolled_back()
    culprit = {**release(["web1", "web2", "web3"], "smoke"), "culprits": culprits()}
    made["releases"] = [culprit]
    made["events"][-1]["good"] = False
    made["events"][-1]["answer"]["problems"] = [{"what": "x", "nginx": "x", "fix": "x"}]
    made["emergency"] = {"reason": "x", "gates": {NEW: ["smoke"]}}
    made = summed(made)
    kept = {"at", "phase", "result", "id", "started", "ended", "start", "asked", "release", "live", "gate", "operation"}

    def spoil(value: Any, name: str) -> Any:
        if isinstance(value, dict):
            return {key: spoil(each, str(key)) for key, each in value.items()}
        if isinstance(value, list):
            return [spoil(each, name) for each in value]
        return f"{value}{HOSTILE}" if isinstance(value, str) and name not in kept else value

    spoiled = spoil(made, "")
    spoiled["hosts"] = {f"{host}{HOSTILE}": row for host, row in spoiled["hosts"].items()}
    return dict(spoiled)


def real(name: str) -> Callable[[], dict[str, Any]]:
    """A record of a run in the sandbox, with the last three checks of each answer."""
    path = Path(__file__).with_name("real") / f"{name}.json"
    return lambda: dict(json.loads(path.read_text(encoding="utf-8")))


SAMPLES: dict[str, Callable[[], dict[str, Any]]] = {
    "confirmed": confirmed,
    "stopped": stopped,
    "rolled back": rolled_back,
    "rollback": rollback,
    "shwitter": real("shwitter_redirect"),
    "one host differs": real("one_host_differs"),
    "large": large,
    "hostile": hostile,
    "passed": lambda: record(
        "passed", "every gate passed for 1 release", releases=[release(["web1"])], events=_ordered([])
    ),
    "accepted": accepted,
    "nothing": lambda: record("stopped", "Docker cannot be reached", signed=None),
}


def written(made: dict[str, Any], folder: Path) -> Path:
    """Write a record as a run does; tells its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
    (folder / "run.json").write_text(text, encoding="utf-8", errors="backslashreplace")
    rows = (json.dumps(row) + "\n" for row in made["events"])
    (folder / "journal.jsonl").write_text("".join(rows), encoding="utf-8")
    return folder
