"""What would have told it earlier: checks and settings, as YAML to add, each from something that was seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ..contract.showing import HIDDEN
from ..paste import inert_url, to_yaml
from ..record.summary import RunSummary
from .impact import Counted, failing
from .markdown import block, code, fact, identity, plain, recorded, to_add
from .page import bounded

__all__ = ["ActionItem", "asked_of", "checks_for", "measures"]

_MOST = 5
_METHODS = ("get", "head", "post", "put", "delete", "patch", "options")
_ASKED = re.compile(r"([A-Z]+) (https?://\S+)$")
_HOST = "THE-NAME-OF-THE-SITE"

_Row = Mapping[str, Any]
_Places = set[tuple[str, int]]


class ActionItem(NamedTuple):
    """``words`` and ``source`` are Markdown; ``yaml`` may be empty."""

    words: str
    source: str
    yaml: str = ""


def measures(record: Mapping[str, Any], hosts: Sequence[Counted]) -> list[str]:
    """The paragraphs of what is known; what is to be done about it is for people to add."""
    summary = RunSummary.of(record)
    found = [*_of_gates(record, summary), *_of_order(record, summary), *checks_for(failing(hosts), asked_of(record))]
    told = []
    for each in dict.fromkeys(found):
        told.append(fact(each.words, each.source))
        told += [block(each.yaml, "yaml")] if each.yaml else []
    told.append(to_add("what else is done, who does it, and until when."))
    return told


def checks_for(requests: Sequence[tuple[str, int]], asked: Sequence[str]) -> Iterator[ActionItem]:
    """A check for each request that failed and that no check makes. ``asked`` are the requests of the checks, as ``GET
    http://shop.example/cart``.
    """
    made = [(words[0], urlsplit(words[1])) for words in (each.split(" ", 1) for each in asked) if len(words) == 2]
    sites = list(dict.fromkeys(f"{url.scheme}://{url.netloc}" for _, url in made))
    site = sites[0] if len(sites) == 1 else f"http://{_HOST}"
    missing = [
        (method, path)
        for method, _, path in (request.partition(" ") for request, _ in requests)
        if method.lower() in _METHODS
        and path.startswith("/")
        and (method, path) not in {(one, url.path) for one, url in made}
    ]
    for method, path in missing[:_MOST]:
        what = f"{method} {path}"
        check = _check(f"{method} {inert_url(path)}", method, inert_url(f"{site}{path}"), {"status": 200})
        words = (
            f"No check asks {code(what)}, which got 5xx; this one does. The site and the answer are for a person to say"
        )
        yield ActionItem(words, "access logs of the hosts, and the checks that were made there", _listed([check]))
    if missing:
        words = (
            "The requests of production can be asked of a release in staging, before any host gets it: with a copy of a"
            " host's access log"
        )
        yield ActionItem(words, "access logs of the hosts", "gates_replay_log: PATH-OF-THE-COPY\n")


def _of_order(record: Mapping[str, Any], summary: RunSummary) -> Iterator[ActionItem]:
    """A host alone that fails after others were switched."""
    failures = summary.of_hosts()
    if len({each.host for each in failures}) != 1 or failures[0].phase != "activate":
        return
    number = next((n for n, event in enumerate(record["events"]) if event["host"] and not event["good"]), 0)
    before = [name for name, switched in summary.switched_well().items() if switched < number]
    if before:
        words = (
            f"Only {plain(failures[0].host)} failed, when {bounded(before)} had been switched; as the first host of the"
            " inventory it would have been the only one that was"
        )
        yield ActionItem(words, recorded(failures[0].source))


def asked_of(record: Mapping[str, Any]) -> list[str]:
    """The requests of the checks that hosts were asked."""
    outcomes = (check for event in record["events"] for check in event["answer"].get("checks") or [])
    return list(dict.fromkeys(str(outcome.get("request")) for outcome in outcomes))


def _of_gates(record: Mapping[str, Any], summary: RunSummary) -> Iterator[ActionItem]:
    stopped = record["result"] == "stopped"
    for number, row in enumerate(record["releases"]):
        verdicts = {verdict["gate"]: (place, verdict) for place, verdict in enumerate(row["verdicts"])}
        failed = [name for name, (_, verdict) in verdicts.items() if verdict["result"] == "fail"]
        if failed:
            when = "before any host had it" if stopped else "and was not heeded"
            words = f"{_first(failed)} found it in release {identity(row['release'])}, {when}"
            yield ActionItem(words, recorded(f"releases[{number}].verdicts"))
        places = _places(summary, str(row["release"] or ""))
        for name, find in _FINDERS.items():
            # What a release would have to do is not asked of one that does not do it.
            if name in verdicts and not (name == "coverage" and stopped):
                place, verdict = verdicts[name]
                source = recorded(f"releases[{number}].verdicts[{place}]")
                for measure in find(verdict, row, failed, places):
                    yield measure._replace(source=source)
        if failed and stopped:
            words = "As the job of a pull request the same gates find it before anybody deploys: `sluice.nginx.gate`"
            yield ActionItem(words, "`docs/ci.md`")


def _first(failed: Sequence[str]) -> str:
    return f"The gate{'s' if len(failed) > 1 else ''} {', '.join(map(plain, failed))}"


def _places(summary: RunSummary, release: str) -> set[tuple[str, int]]:
    """The places that are known to be the culprit, or to have failed a gate, as file and line."""
    parts = [part for each in summary.culprits if each.release == release for part in each.parts]
    places = [(part.file, part.line) for part in parts]
    places += [(each.file, each.line) for each in summary.failures if each.gate and each.release == release]
    return {place for place in places if place[1]}


def _unheard(verdict: _Row, row: _Row, failed: Sequence[str], places: _Places) -> Iterator[ActionItem]:
    """What lint saw at the place of the culprit, and was not to fail for."""
    if "lint" in failed:
        return
    for finding in verdict["findings"]:
        place = (str(finding.get("file")), int(finding.get("line") or 0))
        if place in places and finding.get("warning") and "accepted:" not in finding["what"]:
            at = code(f"{place[0]}:{place[1]}")
            words = f"Lint saw {plain(finding['what'])} at {at}, and was not to fail for it; at a lower level it does"
            yield ActionItem(words, "", "gates_lint_level: low\n")
            return


def _unchecked(verdict: _Row, row: _Row, failed: Sequence[str], places: _Places) -> Iterator[ActionItem]:
    """Requests that the new release answers otherwise, and no check of the contract noticed."""
    if "smoke" in failed:
        return
    checks = []
    for change in verdict["evidence"].get("changes") or []:
        asked = _ASKED.search(str((change.get("examples") or [""])[0]))
        status = re.search(r"\b([1-5]\d\d)\b", str(change.get("before")))
        if change.get("fails") and asked and status:
            method, url = asked[1], inert_url(asked[2])
            if HIDDEN not in asked[2]:
                name = f"{method} {urlsplit(url).path or '/'} is answered"
                checks.append(_check(name, method, url, {"status": int(status[1])}))
    if checks:
        words = "No check of the contract asks what changed; these do, with what the release before answered"
        yield ActionItem(words, "", _listed(checks[:_MOST]))


def _derived(verdict: _Row, row: _Row, failed: Sequence[str], places: _Places) -> Iterator[ActionItem]:
    if verdict["evidence"].get("derived"):
        words = (
            "There is no contract, so nothing but a 5xx or a loop could be noticed; `sluice.nginx.suggest` prints one"
        )
        yield ActionItem(words, "")


def _unreached(verdict: _Row, row: _Row, failed: Sequence[str], places: _Places) -> Iterator[ActionItem]:
    """Blocks of changed files that no check reaches, with the checks that coverage proposes."""
    files = {str(change["file"]) for change in row.get("changes") or []}
    proposals = []
    for finding in verdict["findings"]:
        _, marked, proposal = str(finding.get("fix") or "").partition("a check that does:\n")
        if marked and finding.get("file") in files:
            proposals.append(proposal.rstrip())
    if proposals:
        indented = "\n".join(f"  {line}" for proposal in proposals[:_MOST] for line in proposal.splitlines())
        words = "No check reaches these blocks of the files that were changed; these do"
        yield ActionItem(words, "", f"nginx_checks:\n{indented}\n")


_FINDERS: dict[str, Callable[[_Row, _Row, Sequence[str], _Places], Iterator[ActionItem]]] = {
    "lint": _unheard,
    "behaviour": _unchecked,
    "smoke": _derived,
    "coverage": _unreached,
}


def _check(name: str, method: str, url: str, expect: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, method.lower(): url, "expect": dict(expect)}


def _listed(checks: Sequence[Mapping[str, Any]]) -> str:
    return to_yaml({"nginx_checks": [dict(check) for check in checks]})
