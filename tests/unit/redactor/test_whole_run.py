"""A run into which everybody has put secrets and control characters: none of what comes out of it has any."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.action import fleet_info, gates, notify, rollout, run_end
from ansible_collections.sluice.nginx.plugins.callback.verdicts import CallbackModule
from ansible_collections.sluice.nginx.plugins.module_utils.config.derive import DerivedRequest
from ansible_collections.sluice.nginx.plugins.module_utils.contract.answer import Answer, judge, judge_upstream
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.culprit.model import CulpritPlace, Culprits, CulpritSet
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import RunRecord, open_run
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examined
from ansible_collections.sluice.nginx.plugins.module_utils.notify.messages.run_so_far import RunSoFar
from ansible_collections.sluice.nginx.plugins.module_utils.notify.messages.team import drift_seen, for_team
from ansible_collections.sluice.nginx.plugins.module_utils.notify.model import EVENTS
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.reports.history import history
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding, Verdict
from ansible_collections.sluice.nginx.plugins.plugin_utils import emergency

CI = Path(__file__).resolve().parents[3] / "examples/repository/ci/record.py"
# A terminal is cleared and named, a line begins that a service takes for its own, and text runs backwards.
ODD = "\x1b[2J\x1b]0;taken\x07\r\n::error file=deploy.yml::forged\n##[error]forged \u202eevil"
REASON = f"why {ODD}"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIS3CR3T{}\n-----END PRIVATE KEY-----\n"


def canary(name: str) -> str:
    """A secret that says where it was put in."""
    return f"S3CR3T-{name}-x7Qp"


def _contract() -> list[dict[str, Any]]:
    rows = [
        {
            "post": f"https://shop.example/admin?api_token={canary('QUERY')}&id=42",
            "headers": {
                "Authorization": f"Bearer {canary('BEARER')}",
                "X-Tenant": canary("HEADER"),
                "Cookie": f"lang=en; sid={canary('COOKIE')}",
            },
            "body": {"user": "ada", "password": canary("FORM")},
            "expect": {
                "status": 303,
                "location": f"/done?code={canary('LOCATION')}",
                "headers": {"X-Reply": canary("EXPECTED")},
                "upstream": {"headers": {"X-Api-Key": canary("UPSTREAM")}},
            },
        },
        {"name": f"odd {ODD}", "post": "http://shop.example/json", "body": json.dumps({"note": canary("BODY")})},
    ]
    return [to_json(check) for check in parse_contract(rows, "nginx_checks")]


def _conf(side: str) -> str:
    return f"""map $http_x_api_key $client {{
    default "";
    "{canary(side + "MAP")}" acme;
}}
server {{
    listen 8080;
    location /a {{ secure_link $arg_md5; secure_link_md5 "$secure_link_expires$uri {canary(side + "LINK")}"; }}
    location /b {{ if ($http_x_token != "{canary(side + "IF")}") {{ return 403; }} return 200 "b"; }}
    location /c {{ return 301 http://x.example/?sig={canary(side + "SIG")}; }}
    location /d {{ set $backend_token "{canary(side + "SET")}"; proxy_pass http://b; }}
    location /e {{ proxy_set_header Authorization "Bearer {canary(side + "PROXY")}"; proxy_pass http://b; }}
}}
"""


def _problems() -> list[str]:
    """What a judge says of answers to the first check."""
    check = parse_contract([_first()], "nginx_checks")[0]
    answer = Answer(
        302,
        (("Location", f"/wrong?code={canary('SEENLOCATION')}{ODD}"), ("X-Reply", f"{canary('SEENHEADER')}{ODD}")),
    )
    upstream = check.expect.upstream
    assert upstream is not None
    seen: Any = {"method": "POST", "path": "/", "headers": {"x-api-key": canary("SEENUPSTREAM")}, "address": "b:80"}
    return [*judge(check.expect, answer, check.url, 1.0), *judge_upstream(upstream, [seen])]


def _first() -> dict[str, Any]:
    shipped = _contract()[0]
    request = shipped["request"]
    return {"post": request["url"], "headers": request["headers"], "expect": shipped["expect"]}


LINE = (
    f'2026/01/02 03:04:05 [error] 7#7: *1 open() "/srv/{ODD}" failed, client: 192.0.2.7, request: '
    f'"GET /admin?api_token={canary("LOGQUERY")} HTTP/1.1", referrer: "https://u:{canary("USERINFO")}@x.example/"'
)


def _verdicts() -> list[Verdict]:
    request = DerivedRequest(
        "GET", "http", "shop.example", 80, f"/a?api_token={canary('ASKED')}", (("X-Token", canary("ASKEDHEADER")),)
    )
    told = "; ".join(_problems())
    finding = Finding(
        f"{_contract()[0]['name']}: {told}",
        file=f"conf.d/{ODD}.conf",
        line=3,
        origin=f"files/nginx/{ODD}.conf",
        check=f"check {ODD}",
        expected=f"{request.words}, {canary('NEWMAP')}",
        actual=f"conf.d/site.conf:3 set $backend_token {canary('NEWSET')} ← {canary('OLDLINK')}{ODD}",
        nginx=LINE,
        fix=f"a check that does:\n- get: http://shop.example/\n  headers: {{X-Token: {canary('NEWIF')}}}",
    )
    outcome = {
        "name": _contract()[0]["name"],
        "request": f"POST https://shop.example/admin?api_token={canary('QUERY')}",
        "problems": _problems(),
        "chain": [f"https://shop.example/?code={canary('CHAIN')}", "https://shop.example/b"],
        "status": 302,
        "ms": 1.0,
        "ok": False,
        "body_excerpt": f"Hello {canary('BODY')}",
    }
    change = {"what": "upstream header x-token", "before": "…", "examples": [request.words], "causes": [LINE]}
    return [
        Verdict("fail", f"{told} and much more of {canary('NEWPROXY')}", [finding], {"outcomes": [outcome]}, "smoke"),
        Verdict("fail", f"odd {ODD}", [finding], {"changes": [change], "output": LINE}, "behaviour"),
    ]


def _find_culprits() -> Culprits:
    place = CulpritPlace(
        "conf.d/site.conf", 3, (f'"{canary("OLDMAP")}" acme;',), (f'"{canary("NEWMAP")}" acme;',), ODD, "x"
    )
    return Culprits((CulpritSet({"smoke": _problems()}, (place,), True, True),), 3, 1.0, 2, f"odd {ODD}")


def _hostile(operation: str) -> dict[str, Any]:
    """What a host says that has been taken over, or has an old engine."""
    diff = (
        f"--- live/ssl/{ODD}.key\n+++ release/ssl/shop.key\n@@ -1,3 +1,3 @@\n"
        + "".join(f"-{line}\n" for line in KEY.format("OLDKEY").splitlines())
        + "".join(f"+{line}\n" for line in KEY.format("NEWKEY").splitlines())
        + f'--- a/site.conf\n+++ b/site.conf\n@@ -1 +1 @@\n-set $api_token "{canary("DRIFT")}";\n'
        + f"+auth ada:$apr1$abcdefgh${'h' * 22}\n"
    )
    problem = {
        "what": f"the check 'x' does not hold on this host: {'; '.join(_problems())}{ODD}",
        "actual": f"api_key: {canary('SEEN')}; Authorization: Bearer {canary('SEENBEARER')}",
        "nginx": LINE,
        "fix": KEY.format("DOKEY"),
        "diff": diff,
    }
    return {
        "ok": False,
        "problems": [problem],
        "warnings": [f"warned {ODD} Cookie: sid={canary('WARNED')}"],
        "steps": [{"name": f"step {ODD}", "ms": 1}],
        "drift": [f"site{ODD}.conf"],
        "drift_diff": diff,
        "rolled_back": True if operation == "activate" else None,
        ODD: f"a key {ODD}",
        "traffic": {
            "start": "2026-01-02T03:04:00Z",
            "step": 5,
            "began": "2026-01-02T03:04:01Z",
            "requests": [1, 2],
            "errors": [0, 2],
            "ms": [None, None],
            "failing": [{"request": f"GET /x?token={canary('TRAFFIC')}{ODD}", "count": 2}],
            "unread": 0,
        },
    }


class Screen:
    """What a person sees."""

    verbosity = 0

    def __init__(self) -> None:
        self.lines: list[str] = []

    def display(self, text: str, color: str | None = None) -> None:
        self.lines.append(text)

    warning = banner = display


class Whole:
    """A run from its gates to its messages; ``said`` has all that came out of it, by what it is."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOGNAME", f"ada{ODD}")
        monkeypatch.setattr(emergency, "load_extra_vars", lambda loader: {emergency.NAME: REASON})
        self.root, self.screen = root, Screen()
        for module in (run_end, rollout, gates, notify):
            monkeypatch.setattr(module.ActionModule, "_state", lambda _: root / ".sluice")
        (root / ".sluice").mkdir(mode=0o700)
        self.store = ReleaseStore(root / ".sluice/releases")
        self.live, self.release = self._made("OLD"), self._made("NEW")
        self.run = open_run(root / ".sluice/runs")
        self.folder = Path(self.run.folder)
        self.said: dict[str, str] = {}

    def _made(self, side: str) -> Release:
        layer = {"conf.d/site.conf": trees.file(_conf(side).encode(), "files/nginx/conf.d/site.conf")}
        layer["ssl/shop.key"] = trees.file(KEY.format(side).encode(), "files/nginx/ssl/shop.key")
        return self.store.add(trees.overlay(layer), _contract(), [], {"os": "debian 12"})

    def _action(self, kind: Any) -> Any:
        action = kind.__new__(kind)
        action._display, action._loader = self.screen, None
        action._templar = SimpleNamespace(template=lambda value: value)
        action._task = SimpleNamespace(check_mode=False, diff=True, _role=None)
        action._variables_of_task = {}
        return action

    def gates(self) -> None:
        candidate = Candidate(("web1",), self.release, live=self.live)
        examined = [Examined(candidate, _verdicts(), [f"synthesized {ODD}"], (), _find_culprits())]
        action = self._action(gates.ActionModule)
        made = SimpleNamespace(examine=lambda candidates, later: examined)
        action._examiner = lambda options, run, accepted, watch: made
        action._candidates = lambda _: [candidate]
        options = {name: spec.get("default") for name, spec in gates.ActionModule.argument_spec().items()}
        releases = [{"id": self.release.id, "hosts": ["web1"]}]
        given = {"run": self.run.to_json(), "releases": releases, "staging": {}, "deploy": True}
        given["emergency"] = REASON
        result = action.work({**options, **given}, {})
        assert examined[0].verdicts[0].findings[0].expected.endswith(canary("NEWMAP")), "it is compared as it is"
        self._printed(result)

    def hosts(self) -> None:
        for step in ("preflight", "wave", "finalize"):
            action = self._action(rollout.ActionModule)
            action._answers = self._play
            action._variables = lambda host: {}
            action._variables_of_task = {"groups": {"web": ["web1"]}}
            options = {name: spec.get("default") for name, spec in rollout.ActionModule.argument_spec().items()}
            given = {"run": self.run.to_json(), "releases": {"web1": self.release.id}, "emergency": REASON}
            result = action.work_on(["web1"], {**options, **given, "step": step, "wave": ["web1"]})
            self.said[f"diff of {step}"] = "".join(each["prepared"] for each in result.get("diff", []))

    def _play(self, askings: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        for host, each in askings.items():
            operation = each.question.request["op"]
            if operation == "preflight":
                tree = {"conf.d/site.conf": _conf("OLD"), "ssl/shop.key": KEY.format("HOSTKEY")}
                good = {"release": self.release.id, "live": self.live.id, "changes_needed": True, "tree": tree}
                good["has_release"] = False
                yield host, {**_hostile(operation), **good, "ok": True, "problems": []}
            else:
                yield host, _hostile(operation)

    def end(self) -> None:
        given = {"run": self.run.to_json(), "inventory": "production"}
        self._printed(self._action(run_end.ActionModule).work(given, {}))
        for path in self.folder.iterdir():
            self.said[path.name] = path.read_bytes().decode() if path.is_file() else ""
        self.said["history"] = history(self.folder.parent)
        facts = RunSoFar.of(self.run, list(RunRecord(self.run).events()))
        messages = [for_team(event, facts, "https://ci.example/record") for event in EVENTS if event != "resolved"]
        messages.append(drift_seen({f"web1{ODD}": _hostile("status")}, "2026-01-02T03:04:05.000Z"))
        for message in messages:
            self.said[f"message {message.event}"] = f"{message.title}\n{message.body}"

    def _printed(self, result: dict[str, Any]) -> None:
        callback: Any = CallbackModule.__new__(CallbackModule)
        callback._display, callback._reports = self.screen, []
        host = SimpleNamespace(get_name=lambda: "localhost")
        callback.v2_runner_on_ok(SimpleNamespace(_result=result, _host=host))
        callback.v2_playbook_on_stats(None)
        self.said[f"result {len(self.said)}"] = json.dumps({**result, "needs": ""}, ensure_ascii=False)

    def look(self) -> None:
        for form in ("table", "json"):
            action = self._action(fleet_info.ActionModule)
            action._answers = lambda askings: ((host, _hostile("status")) for host in askings)
            result = action.work_on(["web1"], {"format": form})
            self.said[f"status {form}"] = json.dumps(result, ensure_ascii=False)

    def told(self) -> None:
        """What the service of CI is told, and the words about channels."""
        environment = {"PATH": os.environ["PATH"], "ANNOTATE": "true", "GITHUB_STEP_SUMMARY": str(self.root / "sum.md")}
        done = subprocess.run(
            [sys.executable, CI], cwd=self.root, env=environment, capture_output=True, text=True, check=True
        )
        self.said["annotations"], self.said["summary"] = done.stdout, (self.root / "sum.md").read_text()
        action = self._action(notify.ActionModule)
        action._known = set()
        url = f"slack://{canary('CHANNEL')}/B/{canary('CHANNELTOKEN')}"
        options = {name: spec.get("default") for name, spec in notify.ActionModule.argument_spec().items()}
        action.work({**options, "step": "look", "team": [url, 5], "said": {}}, {})
        action._say(f"a library says that {url} is no address, nor {canary('CHANNELTOKEN')}{ODD}")
        self.said["terminal"] = "\n".join(self.screen.lines)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("CI", "GITHUB_ACTIONS", "TF_BUILD"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        run = Whole(tmp_path_factory.mktemp("project"), monkeypatch)
        for step in (run.gates, run.hosts, run.end, run.look, run.told):
            step()
        yield run


OUTPUTS = (
    *("gates.txt", "fleet.txt", "journal.jsonl", "run.json", "report.html", "junit.xml", "findings.sarif"),
    *("postmortem.md", "history", "message stopped", "message rolled_back", "message broken", "message drift"),
    *("status table", "status json", "annotations", "summary", "terminal", "diff of preflight"),
)


@pytest.mark.parametrize("name", OUTPUTS)
def test_nothing_secret_and_no_control_character_comes_out(whole: Whole, name: str) -> None:
    text = whole.said[name]
    assert text, "this output is there"
    found = sorted(set(re.findall(r"S3CR3T[\w-]*", text)))
    assert found == [], [text[max(0, text.index(each) - 80) : text.index(each) + 60] for each in found]
    assert "hhhhhhhh" not in text, "a row of a list of passwords"
    odd = {letter for letter in text if not letter.isprintable() and letter not in "\n\t\u200b"}
    assert odd == set()
    lines = text.split("\n")
    assert not [line for line in lines if line.lstrip().startswith(("::error file=deploy", "##[error]"))]


def test_every_other_text_of_the_run_is_as_clean(whole: Whole) -> None:
    for name, text in whole.said.items():
        assert "S3CR3T" not in text, name
        assert "\x1b" not in text, name


def test_what_a_reader_needs_is_still_there(whole: Whole) -> None:
    told = whole.said["gates.txt"]
    for words in (
        "POST https://shop.example/admin?api_token=…&id=42",
        "expected status 303, got 302",
        "expected Location /done?code=…, got /wrong?code=…",
        "expected header X-Reply: …, got another value",
        "at the upstream: expected header X-Api-Key: …, got another value",
        "GET http://shop.example/a?api_token=… (X-Token: …)",
        "conf.d/\\x1b[2J",
        "culprit (",
    ):
        assert words in told
    change = json.loads(whole.said["run.json"])["releases"][0]["changes"]
    diffs = {each["file"]: each["diff"] for each in change}
    assert "acme;" in diffs["conf.d/site.conf"]
    assert "secure_link_md5" in diffs["conf.d/site.conf"]
    assert "not shown" in diffs["ssl/shop.key"]
    assert "web1 failed in activate" in whole.said["fleet.txt"]


def test_a_report_is_printed_with_the_commands_of_the_service_off(whole: Whole) -> None:
    lines = whole.screen.lines
    begins = [number for number, line in enumerate(lines) if line.startswith("::stop-commands::")]
    assert len(begins) >= 3, "the gates, the hosts, and what sluice.nginx.status shows"
    for number in begins:
        token = lines[number].removeprefix("::stop-commands::")
        assert len(token) == 32
        assert lines[number + 2] == f"::{token}::"
        assert token not in lines[number + 1]
    others = [
        line for line in lines if not line.startswith("::stop-commands::") and not re.fullmatch("::\\w{32}::", line)
    ]
    assert not [row for line in others for row in line.split("\n") if row.lstrip().startswith("::")]


def test_all_of_it_is_its_users_alone(whole: Whole) -> None:
    for path in (whole.root / ".sluice").rglob("*"):
        if "tree" in path.relative_to(whole.root).parts or path.is_symlink():
            continue
        assert path.stat().st_mode & 0o077 == 0, path
