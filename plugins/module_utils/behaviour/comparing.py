"""Live and candidate beside each other: what differs, grouped by what it is and by the lines behind it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..config.derive import DerivedRequest
from ..config.match import Trace
from ..config.parse import Directive
from ..contract.showing import shown_header
from ..untrusted import whole_number
from .attribution import Attribution
from .change_kinds import KINDS, FieldDifference, Kind, differences
from .changes import DirectiveChange
from .fields import UNHEARD, Fields, varying
from .judgement import Judgement
from .judging import Judge
from .response_overrides import is_granted
from .stated import is_of_gone_server

__all__ = ["ChangeRow", "Compared", "blocks_of", "compare", "grouped"]

_EXAMPLES = 3
_MOST = 3
_REFUSES = ("deny", "internal", "auth_basic", "auth_request", "limit_except", "ssl_verify_client", "valid_referers")
_KEEPING_OUT = (*_REFUSES, "allow", "satisfy")
_OWN_TEXT = ("return", "sub_filter", "add_before_body", "add_after_body", "ssi")
_SINGLE = ("status", "tls", "headers")
_HUNG_UP = "the connection was closed"
# Who asks an upstream for failures gets these soon, without that it is asked; other requests show what is broken.
_SHUNNED = ("502", "504")
_ABSENT = ("404", "410")
_CLOSED = ("401", "403", "405")
# Whatever upstream it is.
_NEEDED = ("host", "upgrade", "connection", "authorization", "script_filename")
# What is told from the lines alone.
_TEXT = Kind("directive", "effect", "changed")
_GRAVITY = {kind: number for number, kind in enumerate(KINDS.values())}


@dataclass(frozen=True)
class Compared:
    """One request whose answer differs in one field. ``met`` are the candidate's blocks that answer it."""

    request: DerivedRequest
    difference: FieldDifference
    causes: tuple[DirectiveChange, ...]
    met: tuple[Directive, ...]
    judgement: Judgement

    @property
    def fails(self) -> bool:
        """Return whether it fails where nobody has accepted it."""
        return self.judgement.fails

    @property
    def kind(self) -> Kind:
        """What kind of change it is."""
        return KINDS[self.difference.kind]

    @property
    def generic(self) -> str:
        """The field without the number of the upstream's request."""
        return " ".join(word for word in self.difference.field.split(" ") if whole_number(word) is None)

    @property
    def group(self) -> tuple[Any, ...]:
        """What makes differences of many requests the same one."""
        told = (self.difference.before, self.difference.after)
        single = not self.causes or self.kind.what in _SINGLE
        return (self.difference.kind, self.generic, tuple(map(id, self.causes)), told if single else (), self.judgement)


@dataclass
class ChangeRow:
    """The same change over many requests. ``reason`` says by what it is accepted, "" where it is not."""

    kind: Kind
    what: str
    before: str
    after: str
    judgement: Judgement
    reason: str = ""
    causes: tuple[DirectiveChange, ...] = ()
    place: tuple[str, int] = ("", 0)
    count: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def fails(self) -> bool:
        """Return whether it fails where nobody has accepted it."""
        return self.judgement.fails

    def to_json(self) -> dict[str, Any]:
        """The row as plain data, for the record."""
        return {
            "what": self.what,
            "sort": self.judgement.sort,
            "why": self.judgement.why,
            "before": self.before,
            "after": self.after,
            "fails": self.fails and not self.reason,
            "accepted": self.reason,
            "requests": self.count,
            "examples": self.examples,
            "causes": [change.words for change in self.causes],
            "place": f"{self.place[0]}:{self.place[1]}",
        }


def compare(
    requests: Sequence[DerivedRequest],
    answers: Sequence[tuple[Fields, Fields, Fields]],
    attribution: Attribution,
    judge: Judge,
) -> Iterator[Compared]:
    """Yield what differs between live (asked twice) and candidate (third); what varies by itself is left out."""
    failing = {
        (place, first["status"])
        for request, (first, _, _) in zip(requests, answers, strict=True)
        if first["status"][:1] == "5" and not request.late
        for place in [_place_of(attribution.way(request, False))]
    }
    for request, (first, second, candidate) in zip(requests, answers, strict=True):
        if UNHEARD in first or UNHEARD in candidate:
            continue
        for difference in differences(first, candidate, varying(first, second)):
            causes = tuple(attribution.of(request, difference.field))
            ways = attribution.way(request, False), attribution.way(request, True)
            kind = _sharpened(request, difference, ways, causes)
            # An upstream fails because the request asks it to; that it is asked at all is the difference.
            if kind == "broken" and is_granted(request, candidate["status"], ways[1].met):
                kind = "place"
            judged = judge.judge(request, difference._replace(kind=kind), causes, ways)
            place = _place_of(ways[1]) if difference.field == "status" else ()
            if place and (place, difference.after) in failing:
                judged = judged._replace(sort="shown", why="the place fails so in the live release")
            if difference.kind == "broken" and request.late and candidate["status"] in _SHUNNED:
                judged = judged._replace(sort="shown", why="nginx shuns an upstream that had to fail before")
            came = judged.sort != "regression" and _came(ways[1], causes)
            came = came or (kind == "withheld" and _is_of_another(difference, first, candidate, ways[1], causes))
            if judged.fails and (attribution.is_new(request) or came):
                judged = judged._replace(sort="intended")
            yield Compared(request, difference._replace(kind=kind), causes[:_MOST], tuple(ways[1].met), judged)


def _sharpened(
    request: DerivedRequest, difference: FieldDifference, ways: tuple[Trace, Trace], causes: Iterable[DirectiveChange]
) -> str:
    """What the lines tell beyond the answers: a refusal that was meant, a text that the configuration holds itself."""
    kind = difference.kind
    # A late request is answered with a failure because it asks its upstream for one.
    if kind == "broken" and request.late and difference.before in _CLOSED:
        return "access"
    if kind == "access" and difference.before == "405" and not any(map(_limits, ways[0].met)):
        return "answers"
    gone = [change.old for change in causes if change.old and not change.new]
    # A folder without an index is not listed; nobody is kept out by that.
    if kind == "access" and difference.before == "403" and request.path.endswith("/") and not request.source:
        edited = [line for change in causes for line in (change.old, change.new) if line]
        if ways[0].met and not any(map(_keeps_out, [*ways[0].met, *edited])):
            return "answers"
    # Another server answers for what was not there: nothing of the one that is gone is let in.
    if kind == "answers" and difference.before in _ABSENT and is_of_gone_server(ways[0], causes):
        return kind
    turned_away = difference.before.isdigit() or difference.before.startswith(_HUNG_UP)
    if kind == "answers" and turned_away and difference.before[0] != "5" and any(map(_refuses, [*ways[0].met, *gone])):
        return "access"
    if kind == "document" and any(change.name in _OWN_TEXT for change in causes) and ways[1].last is not None:
        return "text"
    return kind


def _limits(met: Directive) -> bool:
    """Return whether methods are refused on purpose: files and redirects refuse a POST by themselves."""
    return any(inner.name == "limit_except" for inner in met.block or [])


def _came(way: Trace, causes: Iterable[DirectiveChange]) -> bool:
    """Return whether a location for a path of its own answers that is new: what the default answered before was no
    promise.
    """
    found = [met for met in way.met if met.name == "location"]
    return any(
        change.old is None and change.new is block and not block.args[0].startswith("~")
        for change in causes
        for block in found
    )


def _place_of(way: Trace) -> tuple[str, ...]:
    """Return the server and the location in which a way ends, with what stands there, the same in both releases.

    A location that asks an upstream may have another path: the upstream is the same. Empty where a way ends elsewhere,
    or goes on.
    """
    if len(way.met) != len(("server", "location")) or way.met[1].name != "location":
        return ()
    server, location = way.met
    lines = list(location.walk())
    if any(line.name.endswith("_pass") for line in lines):
        del lines[0]
    return (*(each.text for each in server.children("server_name")), *(line.text for line in lines))


def _is_of_another(
    difference: FieldDifference, before: Fields, after: Fields, way: Trace, causes: Iterable[DirectiveChange]
) -> bool:
    """Return whether a new location asks another upstream, so that what the one before was told is no promise."""
    name = difference.field.rpartition(" ")[2].lower()
    new = {id(change.new) for change in causes if change.old is None and change.new is not None}
    moved = before.get("upstream 0 address") != after.get("upstream 0 address")
    return moved and name not in _NEEDED and any(id(met) in new for met in way.met if met.name == "location")


def _refuses(met: Directive) -> bool:
    if met.name == "return":
        return met.args[0][:1] == "4"
    if met.name == "if":
        return any(map(_refuses, met.block or []))
    return met.name == "location" and any(inner.name in _REFUSES for inner in met.block or [])


def _keeps_out(met: Directive) -> bool:
    """Return whether a line, or what stands in a block, keeps somebody out, or asks an upstream that may."""
    lines = [met, *(met.block or [])]
    refuses = any(_refuses(line) for line in lines if line is met or line.name == "if")
    return refuses or any(line.name in _KEEPING_OUT or line.name.endswith("_pass") for line in lines)


def grouped(
    compared: Iterable[Compared],
    changed: Sequence[DirectiveChange],
    accept: Mapping[int, str],
    reasons: Callable[[Compared], str],
    judge: Judge,
) -> list[ChangeRow]:
    """Group what differs into rows, those that fail first, and add the changes that no request shows.

    ``reasons(compared)`` tells by what a difference is accepted; ``accept`` does so for changes, by identity.
    """
    rows: dict[tuple[Any, ...], ChangeRow] = {}
    # For each change whether it alone explains what failed.
    behind: dict[int, bool] = {}
    for one in compared:
        reason = reasons(one)
        for change in one.causes:
            behind[id(change)] = behind.get(id(change), False) or (one.fails and len(one.causes) == 1)
        told = (_shown(one, one.difference.before), _shown(one, one.difference.after))
        key = (*one.group, reason)
        row = rows.get(key)
        if row is None:
            row = rows[key] = ChangeRow(one.kind, one.generic, *told, one.judgement, reason, one.causes, _place(one))
        row.count += 1
        if len(row.examples) < _EXAMPLES and one.request.words not in row.examples:
            row.examples.append(one.request.words)
    found = [*rows.values(), *_static_changes(changed, behind, accept, judge)]
    last = len(KINDS)
    return sorted(found, key=lambda row: (bool(row.reason), not row.fails, _GRAVITY.get(row.kind, last), -row.count))


def _shown(one: Compared, value: str) -> str:
    """What a person is shown of a field: the values of most headers, and of what is passed on, are nobody's affair."""
    part, _, name = one.generic.rpartition(" ")
    is_header = part in ("header", "upstream header", "upstream param")
    return shown_header(name.removeprefix("HTTP_").replace("_", "-"), value, answered=True) if is_header else value


def _static_changes(
    changed: Sequence[DirectiveChange], behind: Mapping[int, bool], accept: Mapping[int, str], judge: Judge
) -> Iterator[ChangeRow]:
    for change in changed:
        if behind.get(id(change)):
            continue
        judged = judge.judge_text(change)
        if judged.fails or id(change) not in behind:
            old, new = (" ".join(part.args) if part else "" for part in (change.old, change.new))
            yield ChangeRow(_TEXT, change.name, old, new, judged, accept.get(id(change), ""), (change,), change.place)


def _place(one: Compared) -> tuple[str, int]:
    if one.causes:
        return one.causes[0].place
    return (one.met[-1].file, one.met[-1].line) if one.met else ("", 0)


def blocks_of(met: Collection[Directive]) -> tuple[int, ...]:
    """The server and the locations among the directives met: two requests with the same are answered alike."""
    return tuple(id(block) for block in met if block.name in ("server", "location"))
