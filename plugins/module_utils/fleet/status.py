"""What hosts say of themselves outside of a run: a table, and the story of each host in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..textfmt import indented, sentence, short, table

__all__ = ["status_text", "tell", "words_of"]

_LAST = 10
_MOST_PATHS = 3

Event = Mapping[str, Any]


def status_text(answers: Mapping[str, Mapping[str, Any]]) -> str:
    """The table of ``sluice.nginx.status``, what each host serves, since when and from whom, and what is wrong with it;
    under it the story of each host.
    """
    rows = [(host, *_row(answer)) for host, answer in answers.items()]
    parts = [table(("host", "serves", "state", "since", "condition"), rows)]
    for host, answer in answers.items():
        lines = _details(answer)
        parts += ["\n".join([host, *lines])] if lines else []
    return "\n\n".join(parts)


def _row(answer: Mapping[str, Any]) -> tuple[str, str, str, str]:
    confirmed = answer.get("confirmed") or {}
    nginx = answer.get("nginx") or {}
    troubles = [sentence(problem) for problem in answer.get("problems", [])]
    troubles += [f"drift: {', '.join(map(str, answer['drift'][:3]))}"] if answer.get("drift") else []
    troubles += [_by_packages(answer["package_drift"])] if answer.get("package_drift") else []
    well = f"nginx {nginx.get('version', '?')}, {nginx.get('workers', '?')} workers"
    return short(answer.get("live")), _state(answer), str(confirmed.get("since") or "-"), "; ".join(troubles) or well


def _by_packages(found: Mapping[str, str]) -> str:
    """Return which packages changed which files: that stops no deployment."""
    paths = sorted(found)
    more = f" and {len(paths) - _MOST_PATHS} more" if len(paths) > _MOST_PATHS else ""
    return f"package drift ({', '.join(sorted(set(found.values())))}): {', '.join(paths[:_MOST_PATHS])}{more}"


def _state(answer: Mapping[str, Any]) -> str:
    if answer.get("unreachable_host"):
        return "unknown"
    confirmed, pending = answer.get("confirmed") or {}, answer.get("pending")
    if not pending:
        if confirmed.get("run") and not answer.get("live"):
            return f"/etc/nginx no longer leads to {short(confirmed.get('release'))}"
        managed = confirmed.get("release") == answer.get("live") and answer.get("live")
        return "confirmed" if managed else "not managed yet"
    if pending.get("broken"):
        return f"BROKEN during the rollback from {short(pending.get('release'))}"
    due = (answer.get("watchdog") or {}).get("due_in")
    watchdog = "" if due is None else f", watchdog in {due:.0f} s" if due > 0 else ", watchdog at work"
    return f"pending {short(pending.get('release'))} of run {pending.get('run')}{watchdog}"


def _details(answer: Mapping[str, Any]) -> list[str]:
    lines = [f"  fault: {fault}" for fault in (answer.get("pending") or {}).get("broken") or []]
    lines += [f"  warning: {warning}" for warning in answer.get("warnings") or []]
    lines += _pulls(answer.get("pull") or {})
    last = answer.get("last")
    if last:
        outcome = last["outcome"].replace("_", " ")
        lines.append(f"  last activation: release {short(last['release'])}, {outcome} by {last['by']} at {last['at']}")
    if answer.get("drift_diff"):
        lines += [
            "  drift, as it is against as it was deployed:",
            *indented(answer["drift_diff"]),
        ]
    return lines + [f"  {line}" for line in tell(answer.get("journal") or [])]


def _pulls(known: Mapping[str, Any]) -> list[str]:
    """Return where a host that pulls looks, and what became of what was published for it."""
    if not known:
        return []
    words = [f"  pulls what is published for {known['name']} at {known['source']}"]
    if known.get("outcome"):
        why = f": {known['why']}" if known.get("why") else ""
        what = f"release {short(known.get('release'))} (number {known.get('number')}) {known['outcome']}"
        words.append(f"  pull: {what} since {known.get('at') or '?'}{why}")
    if known.get("trouble"):
        words.append(f"  pull: the look at {known.get('looked') or '?'} came to nothing: {known['trouble']}")
    return words


def tell(journal: Sequence[Event]) -> list[str]:
    """Return a host's journal: a line for each event that matters, the last ten."""
    told = []
    for event in journal:
        words = words_of(event)
        if words:
            # Milliseconds matter to machines, which read JSON.
            at = f"{str(event['at'])[:19]}Z" if event.get("at") else "?"
            told.append(f"{at}  run {event.get('run') or '?'}: {words}")
    return told[-_LAST:]


def words_of(event: Event) -> str:
    """Return one event of a host's journal as text; nothing for a step of what others tell."""
    words = _WORDS.get((str(event.get("event")), str(event.get("mark") or "")))
    return words(event) if words is not None else ""


def _trial(event: Event) -> str:
    return (
        f"{event.get('who') or 'somebody'} from {event.get('from') or 'somewhere'} put {_release(event)} pending, "
        f"in place of {short(event.get('before'))}"
    )


def _release(event: Event) -> str:
    return f"release {short(event.get('release'))}"


# Steps are left out; what they came to is told by these.
_WORDS: dict[tuple[str, str], Callable[[Event], str]] = {
    ("adopted", ""): lambda event: f"what it served was adopted as {_release(event)}",
    ("adopt drift", "end"): lambda event: "its drift was adopted as a release",
    ("discard drift", "end"): lambda event: "its drift was discarded",
    ("emergency", ""): lambda event: f"EMERGENCY, because: {event.get('reason')}",
    ("pending", ""): _trial,
    ("activate", "end"): lambda event: f"{_release(event)} serves",
    ("failed", ""): lambda event: f"{_release(event)} failed: {event.get('why')}",
    ("not switched", ""): lambda event: f"nothing was switched; {_release(event)} serves on",
    ("confirm", "end"): lambda event: f"{_release(event)} was confirmed",
    ("watchdog", ""): lambda event: (
        f"its watchdog takes {_release(event)} of run {event.get('of')} back: {event.get('why')}"
    ),
    ("boot", ""): lambda event: (
        f"{_release(event)} was pending when it started, and is rolled back: {event.get('why')}"
    ),
    ("rollback failed", ""): lambda event: (
        f"the rollback to {_release(event)} failed ({event.get('means') or 'reload'}): {event.get('why')}"
    ),
    ("pull", ""): lambda event: f"pull: {_release(event) if event.get('release') else 'the timer'}: {event.get('why')}",
    ("ended", ""): lambda event: f"an operation was ended: {event.get('why')}",
    ("rolled_back", ""): lambda event: f"{_release(event)} serves again, by {event.get('by')} ({event.get('means')})",
}
