"""Which needs are new, whether they are met, and what the environment around a release is made from. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..closest_match import closest_match
from .declared import Declared, is_declared
from .model import Need

__all__ = ["KnownValues", "NeedState", "Said", "answers", "new_needs", "outside", "permitted", "standing", "to_check"]

Said = Mapping[str, Mapping[str, Any]]
"""What each host answered to ``sluice.nginx.live_info``."""

_ANY_HOST = "*"
_ALIKE = 0.7
_LOOPBACK = ("127.", "::1", "localhost")


@dataclass(frozen=True)
class NeedState:
    """How it stands with a new need. ``lacking`` says for each host that lacks it what was seen there, ``silent`` are
    the hosts that have not said, ``near`` is the nearest thing that a host has.
    """

    need: Need
    declared: bool = False
    asked: bool = False
    lacking: Mapping[str, str] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    near: str = ""


def outside(needs: Iterable[Need]) -> tuple[Need, ...]:
    """The needs that the release does not meet itself, each once, by the first line that asks for it.

    An endpoint of the loopback whose port the release listens on is its own, and nobody can look for one whose host
    only a request tells (``*``).
    """
    rows = list(needs)
    ports = {need.value.partition("/")[0] for need in rows if need.kind == "port"}
    found: dict[tuple[str, str], Need] = {}
    for need in rows:
        host, _, port = need.value.rpartition(":")
        own = host.strip("[]").startswith(_LOOPBACK) and port in ports
        if need.kind != "endpoint" or not (own or host == _ANY_HOST):
            found.setdefault(need.key, need)
    return tuple(found.values())


def new_needs(candidate: Iterable[Need], live: Iterable[Need] | None) -> tuple[Need, ...]:
    """The needs of ``candidate`` that the live release has not; all of them where there is none (None).

    What the live tree brought itself and the candidate does not bring any more is new: it goes with the live tree.
    """
    known = {need.key for need in live or ()}
    return tuple(need for need in outside(candidate) if need.key not in known)


def to_check(candidate: Iterable[Need], live: Iterable[Need] | None, texts: Sequence[Declared]) -> tuple[Need, ...]:
    """The needs that each host has to meet before it is switched: the new ones that are not declared."""
    return tuple(need for need in new_needs(candidate, live) if not is_declared(need, texts))


Answers = Mapping[str, Mapping[tuple[str, ...], Mapping[str, Any]]]


def answers(said: Said | None) -> Answers | None:
    """What each host said of each need, by the need's key; nothing of a need that it was not asked for."""
    if said is None:
        return None
    return {host: {tuple(row["key"]): row for row in answer.get("needs") or ()} for host, answer in said.items()}


def standing(need: Need, texts: Sequence[Declared], said: Answers | None, hosts: Sequence[str] = ()) -> NeedState:
    """Return how it stands with a need. ``hosts`` are those that were to be asked; ``said`` is None where none was."""
    rows = {host: by_key.get(need.key) for host, by_key in (said or {}).items()}
    unmet = {host: row for host, row in rows.items() if row is not None and not row["met"]}
    silent = [host for host in {**dict.fromkeys(hosts), **rows} if rows.get(host) is None]
    return NeedState(
        need=need,
        declared=is_declared(need, texts),
        asked=any(row is not None for row in rows.values()),
        lacking={host: str(row.get("actual") or "it is not there") for host, row in unmet.items()},
        silent=() if said is None else tuple(silent),
        near=next((str(row["near"]) for row in unmet.values() if row.get("near")), ""),
    )


def permitted(
    candidate: Iterable[Need],
    live: Iterable[Need] | None,
    texts: Sequence[Declared],
    said: Said | None,
    left: Collection[tuple[str, str]] = (),
) -> tuple[Need, ...]:
    """The needs that the environment meets.

    Without a live release they are the candidate's. Else they are the live release's, and of the candidate's new ones
    those that are declared, that every host which answered has, or that are ``left`` to the preflight, by their keys,
    as no host is asked. Another one would hide a misspelling.
    """
    rows = list(candidate)
    if live is None:
        return tuple(rows)
    before = list(live)
    names: dict[tuple[str, str], tuple[str, ...]] = {}
    for need in rows:
        names[need.key] = (*names.get(need.key, ()), *need.names)
    # Of an upstream that nothing led to, the candidate says what it speaks.
    spoken = {need.key: need.purpose for need in rows if need.purpose and need.kind in ("endpoint", "socket")}
    only_rsa = {need.key for need in (*rows, *before) if need.only_rsa}
    # Nobody has said that a certificate holds a name which has another one in the live release.
    served: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for need in before:
        for name in need.names:
            served.setdefault((need.purpose, name), set()).add(need.key)
    # A certificate is made once, for the ciphers of both releases, and for the names of both.
    kept = []
    for need in before:
        more = [name for name in names.get(need.key, ()) if served.get((need.purpose, name), {need.key}) <= {need.key}]
        purpose = need.purpose or spoken.get(need.key, "")
        every = tuple(dict.fromkeys((*need.names, *more)))
        kept.append(replace(need, purpose=purpose, names=every, only_rsa=need.key in only_rsa))
    known = {need.key for need in before}
    come, by_host = [], answers(said)
    for need in rows:
        how = standing(need, texts, by_host)
        anywhere = need.kind == "endpoint" and need.value.startswith(f"{_ANY_HOST}:")
        met = how.declared or (how.asked and not how.lacking) or (said is None and need.key in left)
        if need.key not in known and (anywhere or met):
            come.append(need)
    return (*kept, *come)


class KnownValues:
    """Values that are known to be there, to find the one that was meant."""

    def __init__(self, needs: Iterable[Need]) -> None:
        self.keys = {need.key for need in needs}
        self._values: dict[str, list[str]] = {}
        self._siblings: dict[tuple[str, str], list[str]] = {}
        for kind, value in sorted(self.keys):
            self._values.setdefault(kind, []).append(value)
            self._siblings.setdefault((kind, posixpath.dirname(value)), []).append(value)

    def nearest(self, need: Need, *, beside: bool = False) -> str:
        """The value of the same kind that is most like the one of ``need``, or nothing; ``beside`` it if so wished."""
        folder = (need.kind, posixpath.dirname(need.value))
        there = self._siblings.get(folder, []) if beside else self._values.get(need.kind, [])
        return closest_match(need.value, there, _ALIKE)
