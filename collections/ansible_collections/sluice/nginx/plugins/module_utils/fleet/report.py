"""What became of a run: its outcome in a sentence, and a table with a line for each host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ..verdicts.table import table
from ..words import count
from .ask import sentence
from .decide import Story, stories
from .record import Event

__all__ = ["Conclusion", "conclude", "status_table"]


class Conclusion(NamedTuple):
    """``good`` tells whether every host is where it was to be; ``text`` is for people."""

    good: bool
    outcome: str
    text: str
    hosts: dict[str, dict[str, Any]]


def _short(identity: object) -> str:
    return str(identity)[:12] if identity else "-"


def _last(story: Story) -> tuple[str, str]:
    """Tell what a host serves now, as far as is known, and what was done."""
    before, wanted = (
        story.said("activate", "before") or story.said("preflight", "live"),
        story.said("preflight", "release"),
    )
    unreachable = [event for event in story.events.values() if event.answer.get("unreachable_host")]
    final = story.events.get("mend") or story.events.get("settle")
    if final is None:
        activated = story.events.get("activate")
        if activated is not None:
            return "?", "was switched, and the run ended before it was settled"
        if unreachable:
            return "?", "could not be reached; nothing was changed on it"
        if not story.needs_change and "preflight" in story.events and story.events["preflight"].good:
            return _short(wanted), "serves it already; nothing to do"
        return _short(before), "was not touched"
    operation = final.answer.get("operation")
    if final.answer.get("unreachable_host"):
        return "?", f"could not be reached to {operation}; look at it with playbooks/status.yml"
    if not final.good:
        return "?", f"BROKEN: to {operation} failed" if final.answer.get("broken") else f"to {operation} failed"
    if operation == "confirm":
        return _short(wanted), f"switched from {_short(before)}, confirmed"
    how = "took itself back" if story.said("activate", "reverted") else "taken back"
    return _short(before), f"{how}; the release before serves again, proved"


def conclude(events: Iterable[Event], *, check_mode: bool) -> Conclusion:
    """Judge a run by its journal."""
    so_far = list(events)
    by_host = stories(so_far)
    bad = [event for event in so_far if not event.good and event.host]
    hosts = {name: dict(zip(("serves", "done"), _last(story), strict=True)) for name, story in sorted(by_host.items())}
    if check_mode:
        for name, story in by_host.items():
            if story.needs_change:
                hosts[name]["done"] = f"would be switched to {_short(story.said('preflight', 'release'))}"
    text = table(
        ("host", "serves", "what was done"), [(name, row["serves"], row["done"]) for name, row in hosts.items()]
    )
    faults = [
        f"{event.host}: {event.phase}: {line}"
        for event in bad
        for line in map(sentence, event.answer.get("problems", []))
    ]
    warnings = [
        f"{event.host}: {event.phase}: {line}"
        for event in so_far
        if event.host
        for line in event.answer.get("warnings", [])
    ]
    parts = [text]
    parts += ["what failed\n" + "\n".join(faults)] if faults else []
    parts += ["warnings\n" + "\n".join(warnings)] if warnings else []
    return Conclusion(not bad, _outcome(bad, by_host, check_mode=check_mode), "\n\n".join(parts), hosts)


def _outcome(bad: Sequence[Event], by_host: dict[str, Story], *, check_mode: bool) -> str:
    changed = sum(story.needs_change for story in by_host.values())
    if bad:
        first = bad[0]
        problems = first.answer.get("problems") or [{}]
        what = str(problems[0].get("what")) + (f", and {len(problems) - 1} more" if len(problems) > 1 else "")
        return f"{first.host} failed in {first.phase} ({what}); {_after(list(by_host.values()))}"
    if check_mode:
        return f"{changed} of {count(len(by_host), 'host')} would be switched"
    return (
        f"{count(changed, 'host')} switched and confirmed"
        if changed
        else f"nothing to do on {count(len(by_host), 'host')}"
    )


def _after(told: Sequence[Story]) -> str:
    """Say what became of the hosts that had been switched when another one failed."""
    switched = [story for story in told if story.switched]
    left = [story.host for story in switched if not _is_back(story)]
    if left:
        return f"NOT taken back: {', '.join(left)}; look there with playbooks/status.yml"
    return f"the {len(switched)} switched before it were taken back" if switched else "no other host was switched"


def _is_back(story: Story) -> bool:
    final = story.events.get("mend") or story.events.get("settle")
    return final is not None and final.good and final.answer.get("operation") == "revert"


def status_table(answers: dict[str, dict[str, Any]]) -> str:
    """The table of ``status.yml``: what each host serves, since when, from whom, and what is wrong with it."""
    rows = []
    for host, answer in answers.items():
        confirmed = answer.get("confirmed") or {}
        pending = answer.get("pending") or {}
        nginx = answer.get("nginx") or {}
        if pending:
            condition = f"pending {_short(pending.get('release'))} of run {pending.get('run')}"
        else:
            condition = (
                "confirmed"
                if confirmed.get("release") == answer.get("live") and answer.get("live")
                else "not managed yet"
            )
        troubles = [sentence(problem) for problem in answer.get("problems", [])]
        troubles += [f"drift: {', '.join(map(str, answer['drift'][:3]))}"] if answer.get("drift") else []
        state = (
            "; ".join(troubles)
            if troubles
            else f"nginx {nginx.get('version', '?')}, {nginx.get('workers', '?')} workers"
        )
        rows.append((host, _short(answer.get("live")), condition, str(confirmed.get("since") or "-"), state))
    return table(("host", "serves", "state", "since", "condition"), rows)
