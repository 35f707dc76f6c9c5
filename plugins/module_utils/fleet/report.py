"""What became of a run: its outcome in a sentence, and a table with a line for each host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ..door.door import Door
from ..record.model import Result
from ..verdicts.table import table
from ..words import count
from .ask import sentence
from .decide import Story, stories
from .record import Event

__all__ = ["Conclusion", "bounded", "conclude", "emergency_words", "short"]

_MOST_LINES = 40
_MOST_HOSTS = 5


class Conclusion(NamedTuple):
    """``good`` tells whether every host is where it was to be; ``text`` is for people. ``emergency`` is what the gates
    noted of one, or None.
    """

    good: bool
    result: Result
    outcome: str
    text: str
    hosts: dict[str, dict[str, Any]]
    emergency: dict[str, Any] | None = None


def short(identity: object) -> str:
    """The beginning of an id, or a dash."""
    return str(identity)[:12] if identity else "-"


def bounded(text: object) -> list[str]:
    """The lines of a diff, indented, at most forty."""
    lines = str(text or "").splitlines()
    more = [f"    … and {count(len(lines) - _MOST_LINES, 'line')} more"] if len(lines) > _MOST_LINES else []
    return [f"    {line}" for line in lines[:_MOST_LINES]] + more


def emergency_words(emergency: Mapping[str, Any]) -> str:
    """One loud line of what the gates noted of an emergency."""
    failed = "; ".join(f"release {short(release)}: {', '.join(gates)}" for release, gates in emergency["gates"].items())
    if not failed:
        return f"EMERGENCY, and every gate passed without it, because: {emergency['reason']}"
    return f"EMERGENCY: gates that failed do not stop this run ({failed}), because: {emergency['reason']}"


def _last(story: Story) -> tuple[str, str]:
    """Tell what a host serves now, as far as is known, and what was done."""
    before = story.said("activate", "before") or story.said("preflight", "live")
    wanted = story.said("preflight", "release")
    final = story.events.get("mend") or story.events.get("settle")
    if final is None:
        return _unsettled(story, before, wanted)
    if final.answer.get("unreachable_host"):
        return "?", _out_of_reach(story, str(final.answer.get("operation")))
    if final.answer.get("broken"):
        return "?", "BROKEN: every way back failed; see playbooks/status.yml, and mend it there"
    if final.answer.get("operation") == "confirm":
        return (
            (short(wanted), f"switched from {short(before)}, confirmed") if final.good else ("?", "to confirm failed")
        )
    return _went_back(story, final, before)


def _unsettled(story: Story, before: object, wanted: object) -> tuple[str, str]:
    activated = story.events.get("activate")
    if activated is not None:
        return "?", f"was switched, and the run ended before it was settled; {_guard(story)}"
    if any(event.answer.get("unreachable_host") for event in story.events.values()):
        return "?", "could not be reached; nothing was changed on it"
    if not story.needs_change and "preflight" in story.events and story.events["preflight"].good:
        return short(wanted), "serves it already; nothing to do"
    return short(before), "was not touched"


def _guard(story: Story) -> str:
    deadline = story.said("activate", "guard_deadline")
    return "its guard takes it back" + (f" within {float(str(deadline)):g} s" if deadline else "")


def _out_of_reach(story: Story, operation: str) -> str:
    settled = story.events["settle"]
    if operation == "revert" and settled.answer.get("operation") == "confirm":
        if settled.good:
            return "confirmed, and could not be reached to revert; look at it with playbooks/status.yml"
        return f"could not be reached; either it has confirmed, or {_guard(story)}; see playbooks/status.yml"
    if not story.switched:
        return f"could not be reached; if it has switched, {_guard(story)}"
    return f"could not be reached to {operation}; {_guard(story)}"


def _went_back(story: Story, final: Event, before: object) -> tuple[str, str]:
    answer = final.answer
    reverted, serves = answer.get("reverted", final.good), short(answer.get("release") or before)
    if reverted is False:
        return "?", "to revert failed"
    if answer.get("means") == "older release":
        return serves, f"the release before could not serve again; went to an older release, {serves}, proved"
    by_guard = "reverted by guard" in str(answer.get("note", ""))
    if reverted is None and not by_guard and story.said("activate", "reverted") is None and not story.switched:
        return serves, "was not switched"
    how = "taken back"
    if by_guard:
        how = "took itself back by the guard"
    elif story.said("activate", "reverted"):
        how = "took itself back"
    if not final.good:
        return serves, f"{how}, but something is wrong with the release before"
    return serves, f"{how}; the release before serves again, proved"


def conclude(events: Iterable[Event], *, check_mode: bool) -> Conclusion:
    """Judge a run by its journal."""
    so_far = [replace(event, answer=Door().data(event.answer)) for event in events]
    by_host = stories(so_far)
    bad = [event for event in so_far if not event.good and event.host]
    hosts = {name: dict(zip(("serves", "done"), _last(story), strict=True)) for name, story in sorted(by_host.items())}
    if check_mode:
        for name, story in by_host.items():
            if story.needs_change:
                hosts[name]["done"] = f"would be switched to {short(story.said('preflight', 'release'))}"
    emergency = next((event.answer["emergency"] for event in so_far if event.answer.get("emergency")), None)
    parts = [emergency_words(emergency)] if emergency else []
    parts.append(
        table(("host", "serves", "what was done"), [(name, row["serves"], row["done"]) for name, row in hosts.items()])
    )
    faults = _faults(bad)
    parts += ["what failed\n" + "\n".join(faults)] if faults else []
    warnings = _warnings(so_far)
    parts += ["warnings\n" + "\n".join(warnings)] if warnings else []
    outcome = _outcome(bad, by_host, check_mode=check_mode)
    result = _result(bad, by_host.values(), check_mode=check_mode)
    return Conclusion(not bad, result, outcome, "\n\n".join(parts), hosts, emergency)


def _result(bad: Sequence[Event], told: Iterable[Story], *, check_mode: bool) -> Result:
    touched = [story for story in told if story.touched]
    if not touched:
        if bad:
            return "stopped"
        return "predicted" if check_mode else "unchanged"
    if all(_is_confirmed(story) for story in touched) and not bad:
        return "confirmed"
    return "rolled back" if all(_is_back(story) for story in touched) else "broken"


def _is_confirmed(story: Story) -> bool:
    settled = story.events.get("settle")
    return settled is not None and settled.good and settled.answer.get("operation") == "confirm"


def _faults(bad: Sequence[Event]) -> list[str]:
    return [
        line
        for event in bad
        for problem in event.answer.get("problems", [])
        for line in (f"{event.host}: {event.phase}: {sentence(problem)}", *bounded(problem.get("diff")))
    ]


def _warnings(events: Sequence[Event]) -> list[str]:
    """Each warning once, with the hosts that gave it."""
    hosts: dict[str, dict[str, None]] = {}
    for event in events:
        for line in event.answer.get("warnings", []) if event.host else ():
            hosts.setdefault(f"{event.phase}: {line}", {})[event.host] = None
    return [f"{_some(list(names))}: {line}" for line, names in hosts.items()]


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_HOSTS
    return ", ".join(names[:_MOST_HOSTS]) + (f" and {more} more" if more > 0 else "")


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
    left = [story for story in told if story.touched and not _is_back(story)]
    guarded = [story.host for story in left if _is_guarded(story)]
    ahead = [story.host for story in left if story.host not in guarded]
    switched = sum(story.switched for story in told if story not in left)
    parts = [f"NOT taken back: {', '.join(ahead)}; look there with playbooks/status.yml"] if ahead else []
    parts += [f"out of reach, and left to the guard: {', '.join(guarded)}"] if guarded else []
    if switched and not ahead:
        parts.insert(0, f"the {switched} switched before it were taken back")
    return "; ".join(parts) or "no other host was switched"


def _is_guarded(story: Story) -> bool:
    """Whether a host was lost while its release was on trial, so that its guard sees to it."""
    final = story.events.get("mend") or story.events.get("settle") or story.events["activate"]
    return bool(final.answer.get("unreachable_host")) and not _is_confirmed(story)


def _is_back(story: Story) -> bool:
    final = story.events.get("mend") or story.events.get("settle")
    if final is not None:
        return final.answer.get("operation") == "revert" and final.answer.get("reverted", final.good) is not False
    activated = story.events["activate"]
    return not activated.good and not activated.answer.get("unreachable_host") and not activated.answer.get("broken")
