"""The form of a postmortem: the sections that those have from which this project comes, and their time line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ..textfmt import date, listed, moment
from .markdown import plain

__all__ = ["TimelineEntry", "bounded", "page", "time_line"]

_MOST_HOSTS = 8
_MOST_ENTRIES = 200


@dataclass(frozen=True)
class TimelineEntry:
    """Something that happened ``at`` a time (ISO-8601) on ``hosts``: in Markdown, and where that stands.

    Entries that follow each other with the same ``what`` are told as one, unless it is empty where they ``merge``.
    """

    at: str
    what: str
    source: str
    hosts: tuple[str, ...] = ()
    merge: bool = False


def page(title: str, about: str, sections: Mapping[str, Sequence[str]]) -> str:
    """Put it together; each section is a list of paragraphs, of which items follow each other without a gap."""
    parts = [f"# {title}", f"> {about}"]
    for head, paragraphs in sections.items():
        parts.append(f"## {head}")
        if paragraphs:
            parts.append(_joined(paragraphs))
    return "\n\n".join(parts) + "\n"


def _joined(paragraphs: Sequence[str]) -> str:
    text = paragraphs[0].strip("\n")
    for before, each in pairwise(paragraphs):
        together = before.startswith("- ") and each.startswith("- ") and "\n" not in before
        text += ("\n" if together else "\n\n") + each.strip("\n")
    return text


def time_line(entries: Iterable[TimelineEntry]) -> list[str]:
    """An item for each entry, oldest first, under the day that it was in UTC."""
    told = []
    today = ""
    merged = _merged(sorted(entries, key=lambda entry: entry.at))
    for entry in merged[:_MOST_ENTRIES]:
        if date(entry.at) != today:
            today = date(entry.at)
            told.append(f"**{today}**")
        at = moment(entry.at)
        clock = f"{at:%H:%M:%S}" if at else "?"
        hosts = f"{bounded(entry.hosts)}: " if entry.hosts else ""
        told.append(f"- {clock} {hosts}{entry.what} *({entry.source})*")
    if len(merged) > _MOST_ENTRIES:
        told.append(f"- … and {len(merged) - _MOST_ENTRIES} more; `run.json` has all")
    return told


def bounded(hosts: Sequence[str]) -> str:
    """Hosts by name, at most eight."""
    return listed([plain(host) for host in hosts], _MOST_HOSTS)


def _merged(entries: Sequence[TimelineEntry]) -> list[TimelineEntry]:
    found: list[TimelineEntry] = []
    for entry in entries:
        last = found[-1] if found else None
        if last is not None and entry.merge and last.merge and last.what == entry.what:
            source = last.source if last.source.endswith(", …") else f"{last.source}, …"
            found[-1] = replace(last, hosts=(*last.hosts, *entry.hosts), source=source)
        else:
            found.append(entry)
    return found
