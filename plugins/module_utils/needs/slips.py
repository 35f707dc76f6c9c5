"""Which of the new needs look like a slip: near misses of what exists, and needs that shut another one out. Pure.

Where no host can be asked, only these stop a release early. Whatever else is new is left to the preflight, in which
each host looks for it before anything is switched.
"""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import PurePosixPath
from typing import NamedTuple

from ..config.parse import CONF_ROOT, Config, Directive
from ..platforms.catalog import layouts
from .comparing import new_needs
from .model import Need
from .parts.endpoints import is_address
from .reading import needs_by_line
from .spelling import Spellings, cut_short, digits_swapped, of_another_environment, port_slip, words_of

__all__ = ["PACKAGED", "ReleaseNeeds", "Slip", "find_slips", "without_slips"]

PACKAGED = frozenset(
    (
        *("/var/cache/nginx", "/var/lib/nginx", "/var/log/nginx", "/usr/share/nginx", "/usr/share/nginx/html"),
        *("/run", "/run/nginx", "/var/run", "/var/log", "/var/cache", "/tmp", "/var/tmp", "/etc/ssl/certs"),
    )
)
"""Directories that nginx's package or the system brings on every host."""

_ACCOUNTS = ("daemon", "http", "root")
_PATHS = ("directory", "file", "socket")
# Ports of endpoints for which the configuration may have named none, as where it means an upstream of its own.
_UNSAID_PORTS = frozenset({"0", "80", "443", "3031", "4000", "9000", "11211"})
_LOOPBACK = ("127.", "::1", "localhost")

# Comparing each line with each other one is for files in which a person changed a part.
_MOST_PAIRS = 4_000_000


@dataclass(frozen=True)
class ReleaseNeeds:
    """A release as its needs are compared: ``paths`` are the absolute paths of the files that it brings."""

    needs: Sequence[Need]
    config: Config | None = None
    paths: Collection[str] = field(default_factory=frozenset)


class Slip(NamedTuple):
    """What a need looks like (``near``, empty for nothing of its kind), and why that is a slip, in words."""

    near: str
    why: str


def find_slips(candidate: ReleaseNeeds, live: ReleaseNeeds) -> dict[tuple[str, str], Slip]:
    """Return the new needs that look like a slip, by their keys."""
    new = new_needs(candidate.needs, live.needs)
    if not new:
        return {}
    search = _Search(candidate, live, new)
    return {need.key: slip for need in new for slip in [search.slip(need)] if slip is not None}


def without_slips(needs: Iterable[Need], slips: Collection[tuple[str, str]]) -> Iterator[Need]:
    """Yield the needs that are no slip, and follow from none: what is below a misspelt directory would make it."""
    folders = {value for kind, value in slips if kind == "directory"}
    hosts = {_host(value) for kind, value in slips if kind == "endpoint"}
    rows = list(needs)
    well = {_host(need.value) for need in rows if need.kind == "endpoint" and need.key not in slips}
    for need in rows:
        below = need.kind in _PATHS and any(str(each) in folders for each in PurePosixPath(need.value).parents)
        named = need.kind == "name" and need.value in hosts - well
        if need.key not in slips and not below and not named:
            yield need


class _Search:
    def __init__(self, candidate: ReleaseNeeds, live: ReleaseNeeds, new: Iterable[Need]) -> None:
        self._candidate, self._live = candidate, live
        self._before = _replaced(candidate, live, new)
        self._kept = {need.key for need in candidate.needs}
        self._known: dict[str, set[str]] = {}
        for need in live.needs:
            self._known.setdefault(need.kind, set()).add(need.value)
        before, now = (set(_named(side.config, "upstream")) for side in (live, candidate))
        self._gone = before - now
        served = {name for side in (candidate, live) for name in _named(side.config, "server_name")}
        hosts = {_host(value) for value in self._known.get("endpoint", ())}
        self._hosts = Spellings({*before, *now, *served, *hosts, *self._known.get("name", ())})
        self._ports = {(_host(value), _port(value)) for value in self._known.get("endpoint", ())}
        self._spellings: dict[str, Spellings] = {}
        self._spoken = {word for values in self._known.values() for value in values for word in words_of(value)}
        self._spoken |= {word for name in served for word in words_of(name)}

    def slip(self, need: Need) -> Slip | None:
        """Return what is wrong with a new need, or None."""
        if need.kind == "directory" and need.value in PACKAGED:
            return None
        if need.kind in _PATHS and need.value in self._live.paths:
            return Slip("", "the live release brings it, and this one does not")
        return (
            self._shut_out(need)
            or self._of_kind(need)
            or next((slip for old in self._before.get(_line(need), ()) for slip in _edited(need, old, self)), None)
        )

    @property
    def spoken(self) -> Collection[str]:
        """The words of all that the live release needs and serves."""
        return self._spoken

    def still_brought(self, path: str) -> bool:
        """Return whether the candidate brings a file itself."""
        return path in self._candidate.paths

    def neighbour(self, need: Need, old: Need) -> str:
        """Return the endpoint whose port an edited line gives to a host that was asked elsewhere; else nothing.

        Who goes to TLS, or to the usual port of HTTP, has no port in mind.
        """
        host, port = _host(need.value), _port(need.value)
        stays = need.kind == "endpoint" and host == _host(old.value) and need.purpose == old.purpose
        if not stays or host.startswith(_LOOPBACK) or port in ("80", "443") or old.key in self._kept:
            return ""
        return next((f"{name}:{each}" for name, each in sorted(self._ports) if each == port and name != host), "")

    def _of_kind(self, need: Need) -> Slip | None:
        if need.kind in ("endpoint", "name"):
            return self._of_host(need)
        if need.kind == "port":
            return self._of_port(need)
        if need.kind == "address":
            return None
        near = self._spelt(need.kind).misspelt(need.value)
        return Slip(near, "it is misspelt") if near else None

    def _of_host(self, need: Need) -> Slip | None:
        host, port = (_host(need.value), _port(need.value)) if need.kind == "endpoint" else (need.value, "0")
        if is_address(host):
            return None
        near = self._hosts.misspelt(host)
        if near:
            known = [f"{near}:{each}" for name, each in sorted(self._ports) if name == near]
            shown = near if need.kind == "name" or not known else f"{near}:{port}"
            return Slip(shown, "it is misspelt")
        if host in self._gone and "." not in host and port in _UNSAID_PORTS:
            return Slip("", f"an upstream of that name is not there any more, so {host} is asked of the resolver")
        if need.kind == "endpoint":
            close = next((each for name, each in sorted(self._ports) if name == host and port_slip(port, each)), "")
            return Slip(need.value[: -len(port)] + close, "a digit of its port is wrong") if close else None
        return None

    def _of_port(self, need: Need) -> Slip | None:
        number, _, protocol = need.value.partition("/")
        same = sorted(each.partition("/")[0] for each in self._known.get("port", ()) if each.endswith(f"/{protocol}"))
        close = next((each for each in same if port_slip(number, each)), "")
        return Slip(f"{close}/{protocol}", "a digit is wrong") if close else None

    def _shut_out(self, need: Need) -> Slip | None:
        """A listener where another program listens already, by what both releases go on asking there."""
        if need.kind != "port" or not need.value.endswith("/tcp"):
            return None
        # Every address of IPv6 is no address of its own.
        bound = [each for each in self._candidate.needs if each.kind == "address" and each.value != "::"]
        if any(_line(each) == _line(need) for each in bound):
            return None
        number = need.value.partition("/")[0]
        for other in self._live.needs:
            here = (
                other.kind == "endpoint" and _host(other.value).startswith(_LOOPBACK) and _port(other.value) == number
            )
            if here and any(each.key == other.key for each in self._candidate.needs):
                return Slip("", f"another program listens there: {other.value} is asked, as before ({_place(other)})")
        return None

    def _spelt(self, kind: str) -> Spellings:
        """What is known of a kind; of files, also those that the releases bring."""
        if kind not in self._spellings:
            known = set(self._known.get(kind, ()))
            if kind == "file":
                known |= {*self._live.paths, *self._candidate.paths}
            elif kind == "directory":
                known |= PACKAGED
            elif kind in ("user", "group"):
                known |= {*_ACCOUNTS, *(each.user for each in layouts())}
            self._spellings[kind] = Spellings(known)
        return self._spellings[kind]


def _edited(need: Need, old: Need, search: _Search) -> Iterator[Slip]:
    """What is wrong with a need whose line asked for ``old`` before."""
    if old.kind != need.kind or old.key == need.key:
        return
    environment = of_another_environment(need.value, old.value, search.spoken)
    if environment:
        yield Slip(old.value, f"nothing else of this release is of {environment}")
    elif need.kind in ("address", "endpoint", "port") and digits_swapped(need.value, old.value):
        yield Slip(old.value, "two digits changed places")
    elif other := search.neighbour(need, old):
        yield Slip(old.value, f"its port is that of {other}")
    elif need.kind == "port" and old.value == need.value.replace("/tcp", "/udp"):
        yield Slip(old.value, "the word udp is lost")
    elif need.kind in _PATHS and cut_short(need.value, old.value):
        yield Slip(old.value, "it is cut short")
    elif _moved_away(need, old) and search.still_brought(old.value):
        yield Slip(old.value, "the release brings it there")


def _moved_away(need: Need, old: Need) -> bool:
    """Return whether a file of the tree is looked for in another folder of the tree."""
    inside = PurePosixPath(need.value).is_relative_to(CONF_ROOT)
    return need.kind == "file" and inside and posixpath.basename(need.value) == posixpath.basename(old.value)


def _replaced(
    candidate: ReleaseNeeds, live: ReleaseNeeds, new: Iterable[Need]
) -> dict[tuple[str, int, str], list[Need]]:
    """Return what the lines of the new needs needed before, by file, line and directive.

    Of a line that was not edited, as one that takes its value from a map, that is what nothing needs any more.
    """
    if live.config is None or candidate.config is None or not live.needs:
        return {}
    wanted, kept = {_line(need) for need in new}, {need.key for need in candidate.needs}
    paired = [
        (old, one) for old, one in _pairs(live.config, candidate.config) if (one.file, one.line, one.name) in wanted
    ]
    before = needs_by_line(live.config) if paired else {}
    found: dict[tuple[str, int, str], list[Need]] = {}
    for old, one in paired:
        there = before.get((old.file, old.line, old.name), [])
        gone = [need for need in there if old.args != one.args or need.key not in kept]
        found.setdefault((one.file, one.line, one.name), []).extend(gone)
    return found


def _pairs(live: Config, candidate: Config) -> Iterator[tuple[Directive, Directive]]:
    """Pair the lines of a file: those that are the same, and those that became others of their name, in their order."""
    before, after = _by_file(live), _by_file(candidate)
    for file, new in after.items():
        old = before.get(file, [])
        same = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a.text != b.text), None)
        start = min(len(old), len(new)) if same is None else same
        yield from zip(old[:start], new[:start], strict=True)
        old, new = old[start:], new[start:]
        if not old or len(old) * len(new) > _MOST_PAIRS:
            continue
        texts = [each.text for each in old], [each.text for each in new]
        for kind, first, last, begin, end in SequenceMatcher(None, *texts, autojunk=False).get_opcodes():
            if kind == "equal":
                yield from zip(old[first:last], new[begin:end], strict=True)
            elif kind == "replace":
                yield from _of_one_name(old[first:last], new[begin:end])


def _of_one_name(old: Sequence[Directive], new: Sequence[Directive]) -> Iterator[tuple[Directive, Directive]]:
    by_name: dict[str, deque[Directive]] = {}
    for each in old:
        by_name.setdefault(each.name, deque()).append(each)
    for each in new:
        if by_name.get(each.name):
            yield by_name[each.name].popleft(), each


def _by_file(config: Config) -> dict[str, list[Directive]]:
    found: dict[str, list[Directive]] = {}
    for each in config.walk():
        found.setdefault(each.file, []).append(each)
    return found


def _named(config: Config | None, directive: str) -> Iterator[str]:
    for each in config.named(directive) if config else ():
        yield from (word for word in each.args if word and not set(word) & set("~*$"))


def _line(need: Need) -> tuple[str, int, str]:
    return need.file, need.line, need.directive


def _place(need: Need) -> str:
    return f"{need.file}:{need.line}" if need.file else need.directive


def _host(endpoint: str) -> str:
    return endpoint.rpartition(":")[0].strip("[]")


def _port(endpoint: str) -> str:
    return endpoint.rpartition(":")[2]
