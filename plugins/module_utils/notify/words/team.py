"""What the team reads: what happened, what is affected, since when, what is being done, and where the record is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ...door.door import Door
from ...fleet.report import short
from ...words import count
from ..model import Message
from ..post.outbox import clock
from .facts import Facts
from .inert import inert

__all__ = ["drift_seen", "for_team", "names"]

_MOST_NAMES, _MOST_LINES, _LONGEST = 10, 5, 400
_MOST_BLAMED = 20

_Section = tuple[str, Sequence[str]]
_Said = tuple[str, str, list[_Section]]
"""The kind, the title, and the sections between what is said of every run."""


def for_team(event: str, facts: Facts, link: str) -> Message:
    """Write the message about ``event``; ``link`` leads to the record."""
    kind, title, sections = _WORDS[event](facts)
    emergency = [("Mind", [facts.emergency])] if facts.emergency else []
    run = f"{facts.run.id}, started by {facts.run.who} on {facts.run.host} at {clock(facts.run.started)}"
    told = _inert([*sections, *emergency])
    return Message(event, "team", kind, inert(title), _body([*told, ("Record", [link]), *_inert([("Run", [run])])]))


def drift_seen(drifted: Mapping[str, Mapping[str, Any]], at: str) -> Message:
    """Write of drift that was found by looking, outside of any run."""
    drifted = Door().data(drifted)
    what = [f"{host}: {names(answer['drift'])}" for host, answer in drifted.items()]
    serves = {short(answer.get("live")) for answer in drifted.values()}
    sections: list[_Section] = [
        ("What happened", ["files below /etc/nginx were changed on the host since they were deployed", *what]),
        ("Affected", [f"{_hosts(tuple(drifted))}, of release {names(sorted(serves))}"]),
        ("Seen", [f"at {clock(at)}, by playbooks/status.yml, which shows the difference"]),
        ("What is being done", [_DRIFT]),
    ]
    return Message("drift", "team", "warning", inert(_drifted(tuple(drifted))), _body(_inert(sections)))


_DRIFT = (
    "nothing yet: bring the change into the deployed tree, or deploy with -e rollout_drift=adopt (keeps a copy to go "
    "back to) or -e rollout_drift=discard"
)


def _inert(sections: Sequence[_Section]) -> list[_Section]:
    return [(name, [inert(line) for line in lines]) for name, lines in sections]


def _started(facts: Facts) -> _Said:
    gates = "the gates are passed, " if facts.examined and not facts.gates else ""
    return (
        "info",
        f"{_release(facts)} {_is(facts)} being rolled out to {count(len(facts.changing), 'host')}",
        [
            ("What happens", [f"{gates}every host was looked at, and the first wave begins"]),
            ("Affected", [_hosts(facts.changing), *_serving(facts, facts.changing, "until now")]),
            ("Since", [clock(facts.ended)]),
            (
                "What is being done",
                ["wave by wave, hosts are switched, asked their checks, and watched; a message follows"],
            ),
        ],
    )


def _confirmed(facts: Facts) -> _Said:
    return (
        "success",
        f"{_release(facts)} {_is(facts)} confirmed on {count(len(facts.switched), 'host')}",
        [
            ("What happened", [facts.outcome]),
            ("Affected", [_hosts(facts.switched)]),
            ("Since", [clock(facts.ended)]),
            ("What is being done", ["nothing more; each host serves the release, and every check held on it"]),
        ],
    )


def _stopped(facts: Facts) -> _Said:
    mend = "nothing was changed on any host; mend what is named, and deploy again"
    meant = f"no host; it was for {names(sorted(facts.hosts))}" if facts.hosts else "no host"
    untouched = _affected(facts, meant)
    if not facts.gates:
        return (
            "warning",
            f"{_release(facts)} {_was(facts)} not rolled out: {_first(facts)}; no host was touched",
            [*_what(facts), *untouched, ("What is being done", [mend])],
        )
    refusing = list(dict.fromkeys(line.split(":", 1)[0] for line in facts.gates))
    gates = f"the gate {refusing[0]}" if len(refusing) == 1 else f"the gates {names(refusing)}"
    return (
        "warning",
        f"{_release(facts)} {_was(facts)} stopped by {gates}; no host was touched",
        [
            ("What happened", _few(facts.gates)),
            *([("Where", _few(facts.places))] if facts.places else []),
            *_guilty(facts),
            *untouched,
            ("What is being done", [mend]),
        ],
    )


def _rolled_back(facts: Facts) -> _Said:
    where = f" on {_hosts(facts.switched)}" if facts.switched else ""
    return (
        "failure",
        f"{_release(facts)} {_was(facts)} rolled back{where}: {_first(facts)}",
        [
            *_what(facts),
            *_guilty(facts),
            *_affected(facts, _hosts(facts.switched)),
            (
                "What is being done",
                ["every host serves what it served before, proved and asked its checks", *_done(facts)],
            ),
        ],
    )


def _broken(facts: Facts) -> _Said:
    astray = facts.astray or facts.switched
    needs = "needs" if len(astray) == 1 else "need"
    return (
        "failure",
        f"{_hosts(astray)} {needs} you: neither confirmed on {_release(facts, first=False)} nor back",
        [
            *_what(facts),
            *_guilty(facts),
            *_affected(facts, _hosts(astray)),
            (
                "What is being done",
                [*_done(facts), "look there with playbooks/status.yml; playbooks/rollback.yml tries again"],
            ),
        ],
    )


def _drift(facts: Facts) -> _Said:
    hosts = tuple(facts.drifted)
    after = "the run was stopped, and no host was touched" if facts.result == "stopped" else facts.outcome
    return (
        "warning",
        _drifted(hosts),
        [
            (
                "What happened",
                ["files below /etc/nginx were changed on the host since they were deployed", *_pairs(facts.drifted)],
            ),
            ("Affected", [_hosts(hosts), *_serving(facts, hosts, "with these changes")]),
            ("Seen", [f"at {clock(facts.since)}, by the look at every host before the first wave"]),
            ("What is being done", [f"{after}; {_DRIFT.removeprefix('nothing yet: ')}"]),
        ],
    )


_WORDS: dict[str, Callable[[Facts], _Said]] = {
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


def _release(facts: Facts, *, first: bool = True) -> str:
    if not facts.releases:
        return "A release" if first else "the release"
    word = "release" if len(facts.releases) == 1 else "releases"
    return f"{word.capitalize() if first else word} {names(facts.releases)}"


def _is(facts: Facts) -> str:
    return "is" if len(facts.releases) < 2 else "are"


def _was(facts: Facts) -> str:
    return "was" if len(facts.releases) < 2 else "were"


def _first(facts: Facts) -> str:
    more = f" (and {len(facts.failed) - 1} more)" if len(facts.failed) > 1 else ""
    return (facts.failed[0] if facts.failed else facts.outcome) + more


def _what(facts: Facts) -> list[_Section]:
    return [("What happened", _few(facts.faults) or [facts.outcome])]


def _affected(facts: Facts, hosts: str) -> list[_Section]:
    lines = [hosts]
    lines += [f"sites: {names(facts.sites)}"] if facts.sites else []
    lines += [f"checks: {names(facts.checks)}"] if facts.checks else []
    return [("Affected", lines), ("Since", [clock(facts.since)])]


def _guilty(facts: Facts) -> list[_Section]:
    return [("Guilty", _few(facts.blame, _MOST_BLAMED))] if facts.blame else []


def _serving(facts: Facts, hosts: Iterable[str], when: str) -> list[str]:
    served = dict.fromkeys(facts.hosts[host]["serves"] for host in hosts if host in facts.hosts)
    return [f"{when}: {names(list(served))}"] if served else []


def _done(facts: Facts) -> list[str]:
    return _few([f"{host}: {row['done']}" for host, row in facts.hosts.items() if host in facts.switched], _MOST_NAMES)


def _pairs(rows: Mapping[str, str]) -> list[str]:
    return _few([f"{name}: {value}" for name, value in rows.items()])


def _hosts(hosts: Sequence[str]) -> str:
    return names(hosts) or "no host"


def names(values: Sequence[str]) -> str:
    """``a, b and 3 more``, at most ten."""
    shown = list(map(str, values[:_MOST_NAMES]))
    if len(values) > _MOST_NAMES:
        return f"{', '.join(shown)} and {len(values) - _MOST_NAMES} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def _few(lines: Sequence[str], most: int = _MOST_LINES) -> list[str]:
    more = [f"… and {len(lines) - most} more, in the record"] if len(lines) > most else []
    return [line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…" for line in lines[:most]] + more


def _body(sections: Sequence[_Section]) -> str:
    """A section with one line stands in it; with several they follow."""
    parts = []
    for name, lines in sections:
        parts.append(
            f"{name}: {lines[0]}" if len(lines) == 1 else "\n".join([f"{name}:", *(f"  {line}" for line in lines)])
        )
    return "\n".join(parts)
