"""What a change does, grouped by edit, for the page and for the text that a pull request shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..textfmt import count, cut

__all__ = ["Doing", "Done", "EditDone", "doing", "doing_text"]

_LONG = 300
_MOST_EDITS = 20
_MOST_ROWS = 6
_NO_EDIT = "no edit is known that explains it"


class Done(NamedTuple):
    """A set of requests: which, what is done before and after, and how sure that is."""

    where: str
    paths: str
    before: str
    after: str
    when: str
    cases: list[str]
    sure: str
    share: str


class EditDone(NamedTuple):
    """An edit and what it does; ``more`` are not shown."""

    edit: str
    rows: list[Done]
    more: int


class Doing(NamedTuple):
    """All edits; ``notes`` say what is not in them."""

    edits: list[EditDone]
    notes: list[str]

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to show."""
        return not self.edits and not self.notes


def doing(verdicts: Iterable[Mapping[str, Any]]) -> Doing:
    """Read the effects that the gate behaviour found; whatever else stands there is left out."""
    found: Any = None
    for verdict in verdicts:
        if verdict.get("gate") == "behaviour":
            found = verdict["evidence"].get("effects")
    if not isinstance(found, Mapping):
        return Doing([], [])
    rows = found.get("rows")
    groups: dict[str, list[Done]] = {}
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping):
            groups.setdefault("; ".join(_texts(row, "edits")) or _NO_EDIT, []).append(_done(row))
    edits = [
        EditDone(cut(edit, _LONG), each[:_MOST_ROWS], max(len(each) - _MOST_ROWS, 0)) for edit, each in groups.items()
    ]
    notes = [f"not worked out: {cut(each, _LONG)}" for each in _texts(found, "unread")]
    more = found.get("more")
    left = (more if isinstance(more, int) else 0) + sum(len(each.rows) + each.more for each in edits[_MOST_EDITS:])
    notes += [f"{count(left, 'more effect')} in run.json"] if left else []
    return Doing(edits[:_MOST_EDITS], notes)


def _texts(row: Mapping[str, Any], name: str) -> list[str]:
    found = row.get(name)
    return [str(each) for each in found] if isinstance(found, list) else []


def _done(row: Mapping[str, Any]) -> Done:
    def text(name: str) -> str:
        return cut(str(row.get(name) or ""), _LONG)

    because, requests = text("because"), row.get("requests")
    share = f"{requests} of {count(_number(row.get('asked')), 'request')} of the log" if requests is not None else ""
    return Done(
        text("where"),
        text("paths"),
        text("before"),
        text("after"),
        text("when"),
        [cut(each, _LONG) for each in _texts(row, "cases")],
        f"sampled: {because}" if because else "exact",
        share,
    )


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def doing_text(verdicts: Iterable[Mapping[str, Any]]) -> str:
    """Return what a change does as text; nothing where nobody has worked it out."""
    found = doing(verdicts)
    if found.is_empty:
        return ""
    lines = ["what this change does"]
    for edit in found.edits:
        lines.append(f"  {edit.edit}")
        for row in edit.rows:
            where = f"{row.where}: {row.paths}" + (f" (when {row.when})" if row.when else "")
            lines += [f"    {where}", f"      before  {row.before}", f"      after   {row.after}"]
            lines += [f"      when    {each}" for each in row.cases]
            lines += [f"      {', '.join(each for each in (row.sure, row.share) if each)}"]
        lines += [f"    and {count(edit.more, 'more effect')}"] if edit.more else []
    return "\n".join([*lines, *(f"  {note}" for note in found.notes)])
