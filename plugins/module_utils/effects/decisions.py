"""What a configuration does with a request, evened out so that two configurations can be compared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..behaviour.units import normal
from ..config.parse import Directive

__all__ = ["INHERITED", "Decision", "Decisions", "HandedOn", "Settings", "canonical", "heeds"]

Settings = frozenset[tuple[str, tuple[tuple[str, ...], ...]]]
"""Names of directives, each with the arguments of all that are in force."""

INHERITED: tuple[tuple[str, ...], ...] = (("inherited",),)
"""In place of a setting that differs around all of a server, and is taken over as it is there."""

# Where the order of equals decides.
_ORDERED = ("rewrite", "return", "allow", "deny", "if", "try_files", "break", "set", "location", "server")
_OF_UPSTREAMS = ("proxy_", "fastcgi_", "uwsgi_", "scgi_", "grpc_", "memcached_")
_OF_FILES = ("root", "alias", "index", "autoindex", "try_files", "dav_", "sendfile", "open_file_cache", "types")
# Their rows are no directives, and may be thousands.
_TABLES = ("map", "geo", "split_clients", "types")
# nginx returns before it comes to these.
_BEFORE_CONTENT = ("auth_", "limit_req", "limit_conn", "limit_rate", "allow", "deny", "satisfy", "client_max_body_size")


class HandedOn(NamedTuple):
    """Where a request is handed on to: what the location says, the settings in force there, the variables in both."""

    says: tuple[object, ...] = ()
    settings: Settings = frozenset()
    reads: frozenset[str] = frozenset()

    def inherits(self, name: str) -> bool:
        """Return whether a setting that differs around all of a server is taken over, there or where it leads to."""
        further = (each for each in self.says if isinstance(each, HandedOn))
        return (name, INHERITED) in self.settings or any(each.inherits(name) for each in further)


class Decision:
    """A value: equal ones are one object, made by ``Decisions``.

    ``what`` is in words; ``place`` are the lines that decide, as they are written, and ``doubts`` say why it may differ
    from what is in words. ``behind`` is what the words leave out, as what a fallback does. ``handling`` is equal where
    all but the place is.
    """

    __slots__ = ("behind", "doubts", "handling", "kind", "place", "settings", "what")

    def __init__(
        self,
        kind: str,
        what: str,
        behind: tuple[object, ...],
        settings: Settings,
        place: tuple[str, ...],
        doubts: tuple[str, ...],
        handling: int,
    ) -> None:
        self.kind = kind
        self.what = what
        self.behind = behind
        self.settings = settings
        self.place = place
        self.doubts = doubts
        self.handling = handling

    def setting(self, name: str) -> tuple[tuple[str, ...], ...]:
        """Return the arguments of a setting; none where it is not in force."""
        return dict(self.settings).get(name, ())

    def inherits(self, name: str) -> bool:
        """Return whether a setting that differs around all of a server is taken over, also where it is handed on to."""
        behind = (each for each in self.behind if isinstance(each, HandedOn))
        return self.setting(name) == INHERITED or any(each.inherits(name) for each in behind)

    def __repr__(self) -> str:
        return f"<{self.what}; {', '.join(self.place)}>"


class Decisions:
    """All decisions of a comparison."""

    def __init__(self) -> None:
        self._known: dict[object, Decision] = {}
        self._handling: dict[object, int] = {}
        self._worded: dict[tuple[Decision, str], Decision] = {}
        self._heeded: dict[tuple[str, Settings], Settings] = {}

    def make(
        self,
        kind: str,
        what: str,
        settings: Settings = frozenset(),
        place: tuple[str, ...] = (),
        doubts: Iterable[str] = (),
        behind: tuple[object, ...] = (),
    ) -> Decision:
        """Return a decision; of its settings only those matter that its kind heeds."""
        heeded = self._heeded.get((kind, settings))
        if heeded is None:
            heeded = frozenset(each for each in settings if heeds(kind, each[0]))
            self._heeded[kind, settings] = heeded
        doubtful = tuple(dict.fromkeys(doubts))
        handled = (kind, what, behind, heeded)
        handling = self._handling.setdefault(handled, len(self._handling))
        key = (handling, place, doubtful)
        if key not in self._known:
            self._known[key] = Decision(kind, what, behind, heeded, place, doubtful, handling)
        return self._known[key]

    def worded(self, plain: Decision, what: str) -> Decision:
        """Return a decision in other words."""
        key = (plain, what)
        if key not in self._worded:
            self._worded[key] = self.make(plain.kind, what, plain.settings, plain.place, plain.doubts, plain.behind)
        return self._worded[key]


def heeds(kind: str, setting: str) -> bool:
    """Return whether what is done of a kind heeds a setting."""
    if kind == "nothing":
        return False
    if kind in ("redirect", "status"):
        return not setting.startswith((*_OF_UPSTREAMS, *_OF_FILES, *_BEFORE_CONTENT))
    if kind == "files":
        return not setting.startswith(_OF_UPSTREAMS)
    if kind in ("proxy", "fastcgi", "uwsgi", "scgi", "grpc", "memcached"):
        others = tuple(each for each in _OF_UPSTREAMS if each != f"{kind}_")
        return not setting.startswith((*others, *_OF_FILES))
    return True


def canonical(block: Directive) -> tuple[object, ...]:
    """Return what a block says: without files and lines, values with units evened out, in order where that decides."""
    head = (block.name, normal(block.name, block.args))
    if block.block is None:
        return head
    if block.name in _TABLES:
        return (*head, tuple((each.name, *each.args) for each in block.block))
    inner = [(each.name, canonical(each)) for each in block.block]
    ordered = tuple(what for name, what in inner if name in _ORDERED)
    return (*head, ordered, tuple(sorted(repr(what) for name, what in inner if name not in _ORDERED)))
