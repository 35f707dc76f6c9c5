"""How counts, lists, places, ids, durations, moments and tables are written, in every text that people read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = [
    "clock",
    "count",
    "cut",
    "date",
    "date_time",
    "details",
    "duration",
    "excerpt",
    "first_of",
    "indented",
    "listed",
    "moment",
    "now",
    "place",
    "seconds",
    "sentence",
    "sentences",
    "short",
    "source",
    "table",
]

_ID_LETTERS = 12
# Thirty thousand years.
_MOST_SECONDS = 1e12


def count(number: int, noun: str) -> str:
    """Return ``1 host``, ``2 hosts``, ``1,234 hosts``."""
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Sequence[str], most: int = 8, last: str = ", ") -> str:
    """Return ``a, b and 3 more``; ``last`` stands before the last name where none is left out."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    return last.join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def first_of(texts: Sequence[str]) -> str:
    """Return the first text, ``(and 2 more)`` behind it; texts must not be empty."""
    return texts[0] + (f" (and {len(texts) - 1:,} more)" if len(texts) > 1 else "")


def cut(text: str, most: int) -> str:
    """Return at most ``most`` letters, the last of which says that there are more."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def excerpt(lines: Sequence[str], most: int = 40, where: str = "") -> list[str]:
    """Return the first lines, and one that says how many are left out; ``where`` says where they are."""
    more = [f"… and {count(len(lines) - most, 'more line')}{where}"] if len(lines) > most else []
    return [*lines[:most], *more]


def indented(text: object) -> list[str]:
    """Return the first forty lines of a text, as they stand below a heading."""
    return [f"    {line}" for line in excerpt(str(text or "").splitlines())]


def short(identity: object) -> str:
    """Return the beginning of a release's id, or a dash."""
    return str(identity)[:_ID_LETTERS] if identity else "-"


def place(row: Mapping[str, Any]) -> str:
    """Return ``file:line``, as far as they are known."""
    file = str(row.get("file") or "")
    return f"{file}:{row['line']}" if file and row.get("line") else file


def source(row: Mapping[str, Any]) -> str:
    """Return ``file:line (origin, variable)``, as far as they are known."""
    made = ", ".join(str(row[name]) for name in ("origin", "variable") if row.get(name))
    return f"{place(row)} ({made})" if made else place(row)


def details(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a finding has beside its first sentence, in the order in which it is read."""
    names = ("accepted", "check", "expected", "actual", "nginx", "fix")
    return [(name, str(row[name])) for name in names if row.get(name)]


def sentence(problem: Mapping[str, Any]) -> str:
    """Return a host's problem as one line: what, expected, actual, nginx's own words, and what to do."""
    parts = [str(problem.get("what", "unknown problem"))]
    parts += [f"{name} {problem[name]}" for name in ("expected", "actual") if problem.get(name)]
    parts += [f"nginx: {problem['nginx']}"] if problem.get("nginx") else []
    parts += [str(problem["fix"])] if problem.get("fix") else []
    return "; ".join(parts)


def sentences(answer: Mapping[str, Any]) -> str:
    """Return all problems of a host's answer in one line."""
    return "; ".join(sentence(problem) for problem in answer.get("problems", []))


def now(later: float = 0.0) -> str:
    """Return this moment, or one that is ``later`` by as many seconds: ISO-8601 in UTC with milliseconds."""
    then = datetime.now(UTC) + timedelta(seconds=later)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(value: object) -> datetime | None:
    """Return the time that ISO-8601 says, in UTC where it says no zone. None for what is no time."""
    try:
        found = datetime.fromisoformat(str(value))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def seconds(value: object) -> float | None:
    """Return a moment as seconds since the epoch; None for what is no moment."""
    at = moment(value)
    return at.timestamp() if at else None


def clock(value: object) -> str:
    """Return ``15:11:28 UTC``."""
    at = moment(value)
    return f"{at:%H:%M:%S} UTC" if at else "at an unknown time"


def date(value: object) -> str:
    """Return ``21 November 2026``."""
    at = moment(value)
    return f"{at.day} {at:%B %Y}" if at else "an unknown day"


def date_time(value: object) -> str:
    """Return ``2026-01-02 03:04:05 UTC``, or what stands there in the place of a moment."""
    at = moment(value)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else str(value)


def duration(began: object, ended: object) -> str:
    """Return ``0.4 s``, ``12 s``, ``2 min 5 s`` or ``11 h 16 min`` between two moments, or two numbers of seconds."""
    first, last = (each if isinstance(each, float | int) else seconds(each) for each in (began, ended))
    # A record may say any number, and NaN is within no bounds.
    if first is None or last is None or not all(-_MOST_SECONDS < each < _MOST_SECONDS for each in (first, last)):
        return "an unknown time"
    length = max(0.0, last - first)
    if length < 10:
        return f"{length:.1f} s"
    minutes, rest = divmod(round(length), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (0 if hours else rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows in columns; the last column is not padded."""
    rows = list(rows)
    widths = [max(len(row[n]) for row in [heads, *rows]) for n in range(len(heads))]
    cells = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in [heads, *rows])
    lines = ["  ".join(row).rstrip() for row in cells]
    rule = "  ".join(["-" * width for width in widths[:-1]] + ["-" * len(heads[-1])])
    return "\n".join([lines[0], rule, *lines[1:]])
