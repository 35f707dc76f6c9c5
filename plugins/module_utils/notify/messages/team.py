"""What the team reads: what happened, what is affected, since when, what is being done, and where the record is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ...redactor.redactor import Redactor
from ...textfmt import count, cut, date_time, excerpt, first_of, listed, short
from ..model import Message
from .inert import inert
from .run_so_far import RunSoFar

__all__ = ["drift_seen", "for_team", "names"]

_MOST_NAMES, _MOST_LINES, _LONGEST = 10, 5, 400
_MOST_OF_CULPRITS = 20

_Section = tuple[str, Sequence[str]]
_Said = tuple[str, str, list[_Section]]
"""The kind, the title, and the sections between what is said of every run."""


def for_team(event: str, run: RunSoFar, link: str) -> Message:
    """Write the message about ``event``; ``link`` leads to the record."""
    kind, title, sections = _WORDS[event](run)
    emergency = [("Emergency", [run.emergency])] if run.emergency else []
    started = f"{run.run.id}, started by {run.run.who} on {run.run.host} at {date_time(run.run.started)}"
    told = _inert([*sections, *emergency])
    return Message(event, "team", kind, inert(title), _body([*told, ("Record", [link]), *_inert([("Run", [started])])]))


def drift_seen(drifted: Mapping[str, Mapping[str, Any]], at: str) -> Message:
    """Write of drift that was found by looking, outside of any run."""
    drifted = Redactor().data(drifted)
    what = [f"{host}: {names(answer['drift'])}" for host, answer in drifted.items()]
    serves = {short(answer.get("live")) for answer in drifted.values()}
    sections: list[_Section] = [
        ("What happened", ["files below /etc/nginx were changed on the host since the last deployment", *what]),
        ("Affected", [f"{_hosts(tuple(drifted))}, of release {names(sorted(serves))}"]),
        ("Seen", [f"at {date_time(at)}, by sluice.nginx.status, which shows the difference"]),
        ("What is being done", [_DRIFT]),
    ]
    return Message("drift", "team", "warning", inert(_drifted(tuple(drifted))), _body(_inert(sections)))


_DRIFT = (
    "nothing yet: bring the change into the deployed tree, or deploy with -e rollout_drift=adopt (keeps a copy to roll "
    "back to) or -e rollout_drift=discard"
)


def _inert(sections: Sequence[_Section]) -> list[_Section]:
    return [(name, [inert(line) for line in lines]) for name, lines in sections]


def _started(run: RunSoFar) -> _Said:
    gates = "all gates passed, " if run.examined and not run.gates else ""
    return (
        "info",
        f"{_release(run)} {_is(run)} being rolled out to {count(len(run.changing), 'host')}",
        [
            ("What happens", [f"{gates}every host passed preflight, and the first wave begins"]),
            ("Affected", [_hosts(run.changing), *_serving(run, run.changing, "until now")]),
            ("Since", [date_time(run.ended)]),
            (
                "What is being done",
                ["hosts are switched wave by wave, checked and watched; another message follows"],
            ),
        ],
    )


def _confirmed(run: RunSoFar) -> _Said:
    return (
        "success",
        f"{_release(run)} {_is(run)} confirmed on {count(len(run.switched), 'host')}",
        [
            ("What happened", [run.summary.outcome]),
            ("Affected", [_hosts(run.switched)]),
            ("Since", [date_time(run.ended)]),
            ("What is being done", ["nothing more; every host serves the release, and all its checks pass"]),
        ],
    )


def _stopped(run: RunSoFar) -> _Said:
    fix = "no host was changed; fix what is named above, and deploy again"
    meant = f"no host; it was for {names(sorted(run.serving))}" if run.serving else "no host"
    untouched = _affected(run, meant)
    if not run.gates:
        return (
            "warning",
            f"{_release(run)} {_was(run)} not rolled out: {_first(run)}; no host was touched",
            [*_what(run), *untouched, ("What is being done", [fix])],
        )
    refusing = list(dict.fromkeys(line.split(":", 1)[0] for line in run.gates))
    gates = f"the gate {refusing[0]}" if len(refusing) == 1 else f"the gates {names(refusing)}"
    return (
        "warning",
        f"{_release(run)} {_was(run)} stopped by {gates}; no host was touched",
        [
            ("What happened", _few(run.gates)),
            *([("Where", _few(run.places))] if run.places else []),
            *_culprit(run),
            *untouched,
            ("What is being done", [fix]),
        ],
    )


def _rolled_back(run: RunSoFar) -> _Said:
    where = f" on {_hosts(run.switched)}" if run.switched else ""
    return (
        "failure",
        f"{_release(run)} {_was(run)} rolled back{where}: {_first(run)}",
        [
            *_what(run),
            *_culprit(run),
            *_affected(run, _hosts(run.switched)),
            (
                "What is being done",
                ["every host serves what it served before, and its checks pass", *_done(run)],
            ),
        ],
    )


def _broken(run: RunSoFar) -> _Said:
    astray = run.astray or run.switched
    needs = "needs" if len(astray) == 1 else "need"
    return (
        "failure",
        f"{_hosts(astray)} {needs} manual intervention: neither confirmed on {_release(run, first=False)} nor rolled "
        "back",
        [
            *_what(run),
            *_culprit(run),
            *_affected(run, _hosts(astray)),
            (
                "What is being done",
                [*_done(run), "inspect with sluice.nginx.status; sluice.nginx.rollback tries again"],
            ),
        ],
    )


def _drift(run: RunSoFar) -> _Said:
    hosts = list(run.drifted)
    after = "the run was stopped, and no host was touched" if run.result == "stopped" else run.summary.outcome
    return (
        "warning",
        _drifted(hosts),
        [
            (
                "What happened",
                ["files below /etc/nginx were changed on the host since the last deployment", *_pairs(run.drifted)],
            ),
            ("Affected", [_hosts(hosts), *_serving(run, hosts, "with these changes")]),
            ("Seen", [f"at {date_time(run.since)}, by the preflight of every host before the first wave"]),
            ("What is being done", [f"{after}; {_DRIFT.removeprefix('nothing yet: ')}"]),
        ],
    )


_WORDS: dict[str, Callable[[RunSoFar], _Said]] = {
    "started": _started,
    "confirmed": _confirmed,
    "stopped": _stopped,
    "rolled_back": _rolled_back,
    "broken": _broken,
    "drift": _drift,
}


def _drifted(hosts: Sequence[str]) -> str:
    serve = "serves" if len(hosts) == 1 else "serve"
    return f"{_hosts(hosts)} no longer {serve} what was deployed (drift)"


def _release(run: RunSoFar, *, first: bool = True) -> str:
    if not run.releases:
        return "A release" if first else "the release"
    word = "release" if len(run.releases) == 1 else "releases"
    return f"{word.capitalize() if first else word} {names(run.releases)}"


def _is(run: RunSoFar) -> str:
    return "is" if len(run.releases) < 2 else "are"


def _was(run: RunSoFar) -> str:
    return "was" if len(run.releases) < 2 else "were"


def _first(run: RunSoFar) -> str:
    return first_of(run.failed or [run.summary.outcome])


def _what(run: RunSoFar) -> list[_Section]:
    return [("What happened", _few(run.faults) or [run.summary.outcome])]


def _affected(run: RunSoFar, hosts: str) -> list[_Section]:
    lines = [hosts]
    lines += [f"sites: {names(run.sites)}"] if run.sites else []
    lines += [f"checks: {names(run.checks)}"] if run.checks else []
    return [("Affected", lines), ("Since", [date_time(run.since)])]


def _culprit(run: RunSoFar) -> list[_Section]:
    return [("Culprit", _few(run.culprits, _MOST_OF_CULPRITS))] if run.culprits else []


def _serving(run: RunSoFar, hosts: Iterable[str], when: str) -> list[str]:
    served = dict.fromkeys(run.serving[host] for host in hosts if host in run.serving)
    return [f"{when}: {names(list(served))}"] if served else []


def _done(run: RunSoFar) -> list[str]:
    return _few([f"{host}: {row.done}" for host, row in run.rows(run.switched)], _MOST_NAMES)


def _pairs(rows: Mapping[str, str]) -> list[str]:
    return _few([f"{name}: {value}" for name, value in rows.items()])


def _hosts(hosts: Sequence[str]) -> str:
    return names(hosts) or "no host"


def names(values: Sequence[str]) -> str:
    """Return ``a, b and 3 more``, at most ten."""
    return listed([*map(str, values)], _MOST_NAMES, " and ")


def _few(lines: Sequence[str], most: int = _MOST_LINES) -> list[str]:
    return excerpt([cut(line, _LONGEST) for line in lines], most, ", in the record")


def _body(sections: Sequence[_Section]) -> str:
    """A section with one line stands in it; with several they follow."""
    parts = []
    for name, lines in sections:
        parts.append(
            f"{name}: {lines[0]}" if len(lines) == 1 else "\n".join([f"{name}:", *(f"  {line}" for line in lines)])
        )
    return "\n".join(parts)
