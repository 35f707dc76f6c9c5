"""Renewals, tried in staging: a token for each name, and a whole issuance by each client in each manner."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ..config.parse import Config
from ..errors import SluiceError
from .configured import address_of, addresses
from .model import CHALLENGES, Renewal

__all__ = [
    "CHALLENGE",
    "PACKAGES",
    "RenewalFault",
    "RenewalStage",
    "RenewalTrial",
    "client_in_staging",
    "packages_for",
    "try_renewals",
]

PACKAGES: Mapping[str, Sequence[str]] = {
    "certbot": ("certbot",),
    "dehydrated": ("dehydrated",),
    "lego": ("lego",),
}
"""The clients that distributions have, and their packages."""
CHALLENGE = "challenge"
"""The first step of a renewal; issuance and reload come after it."""
_AUTHORITY = "pebble"
_PLUGIN = "python3-certbot-nginx"
# An issuance is for a few names: their challenges have all been asked for by then.
_MOST_NAMES = 3
_LAST_LINES = 4
_SELF = (" * ", "- - -", "If you like", "Ask for help")


class RenewalStage(Protocol):
    """The stage that renewals are tried on."""

    def start(self) -> dict[str, Any]:
        """Start nginx."""

    def nginx(self, what: str, about: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        """Ask the agent in nginx's container."""

    def judge(self, what: str, about: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        """Ask the judge."""


@dataclass(frozen=True)
class RenewalFault:
    """What would fail at the next renewal: the ``step`` (challenge, issuance, reload), whose, and how it was seen.

    ``ways`` are the URLs that led to the answer.
    """

    step: str
    names: tuple[str, ...]
    why: str
    renewal: Renewal
    ways: tuple[str, ...] = ()
    words: str = ""

    def same(self, name: str) -> tuple[str, str]:
        """What the fault is known by, for one of its names."""
        return (self.step, name)


@dataclass(frozen=True)
class RenewalTrial:
    """What was tried, in words, and what fails."""

    faults: Sequence[RenewalFault] = ()
    answered: int = 0
    issued: Sequence[str] = field(default_factory=tuple)
    reloaded: Sequence[str] = field(default_factory=tuple)
    unhooked: Sequence[str] = field(default_factory=tuple)


def client_in_staging(renewal: Renewal) -> str:
    """Return the client that stands in for one that no distribution has: one that can put tokens at the same place."""
    if renewal.client in PACKAGES and (renewal.client == "dehydrated" or renewal.folder.endswith(CHALLENGES)):
        return renewal.client
    if renewal.method == "nginx":
        return "certbot"
    return "certbot" if renewal.folder.endswith(CHALLENGES) else "dehydrated"


def packages_for(renewals: Sequence[Renewal]) -> list[str]:
    """Return the packages that staging needs: the authority, and the clients."""
    clients = {package for each in renewals for package in PACKAGES[client_in_staging(each)]}
    plugin = {_PLUGIN} if any(each.method == "nginx" for each in renewals) else set()
    return sorted({_AUTHORITY, *clients, *plugin})


def try_renewals(
    stage: RenewalStage, config: Config, renewals: Sequence[Renewal], *, challenges_alone: bool = False
) -> RenewalTrial:
    """Ask for a token of each name as an authority does, then have each client issue in each manner, hook included,
    unless ``challenges_alone`` are of interest.

    Raises ``SluiceError`` where staging cannot try it.
    """
    started = stage.start()
    if started["code"] or not started["workers"]:
        raise SluiceError(f"nginx does not start beside the client: {started['words']}")
    where = addresses(config, {name.lower() for each in renewals for name in each.names})
    faults, answered = _challenges(stage, renewals, where)
    wrong = {name for fault in faults for name in fault.names}
    issued, reloaded, unhooked = [], [], []
    manners = [] if challenges_alone else _manners(renewals, wrong)
    url = stage.judge("authority", [{"addresses": where}])["url"] if manners else ""
    for renewal in manners:
        fault, words = _issue(stage, renewal, url)
        faults += [fault] if fault else []
        issued += [] if fault and fault.step == "issuance" else [words]
        if fault is None and renewal.hook:
            found = _reloads(stage, config, renewal)
            faults += [found] if found else []
            reloaded += [] if found else [renewal.hook]
        elif fault is None and renewal.method != "nginx":
            unhooked.append(renewal.names[0])
    return RenewalTrial(faults, answered, issued, reloaded, unhooked)


def _challenges(
    stage: RenewalStage, renewals: Sequence[Renewal], where: Mapping[str, Mapping[str, str]]
) -> tuple[list[RenewalFault], int]:
    """Ask for a token of each name that a client has by webroot; return what fails, and how many did not."""
    token, content = secrets.token_hex(8), secrets.token_hex(16)
    by_webroot = [each for each in renewals if each.method == "webroot"]
    folders = sorted({each.folder for each in by_webroot})
    rows = [{"folder": folder, "token": token, "content": content} for folder in folders]
    problems = stage.nginx("tokens", rows)["problems"] if rows else []
    if failed := [problem for problem in problems if problem]:
        raise SluiceError(f"staging cannot put a token where the client does: {failed[0]}")
    asked = [(each, name.lower()) for each in by_webroot for name in each.names]
    wanted = [{"name": name, "path": f"{CHALLENGES}/{token}", "content": content} for _, name in asked]
    answers = stage.judge("challenged", [{"addresses": where}, *wanted])["answers"] if wanted else []
    faults: dict[tuple[object, ...], RenewalFault] = {}
    for (renewal, name), answer in zip(asked, answers, strict=True):
        if answer["wrong"]:
            ways = tuple(each.replace(token, "TOKEN") for each in answer["chain"])
            why = str(answer["wrong"])
            # One finding for one place: names of a server differ in their URLs only.
            alike = (renewal.folder, why, tuple(way.replace(name, "") for way in ways))
            before = faults.get(alike)
            names = (*(before.names if before else ()), name)
            faults[alike] = RenewalFault(CHALLENGE, names, why, renewal, before.ways if before else ways)
    return list(faults.values()), len(answers) - sum(bool(answer["wrong"]) for answer in answers)


def _manners(renewals: Sequence[Renewal], wrong: set[str]) -> list[Renewal]:
    """One renewal for each manner: client, folder and hook. Names whose challenge fails already are left out."""
    found: dict[tuple[str, ...], Renewal] = {}
    for each in renewals:
        names = tuple(name.lower() for name in each.names if name.lower() not in _left_out(each, wrong))
        if names:
            manner = (client_in_staging(each), each.method, each.folder, each.hook)
            found.setdefault(manner, replace(each, names=names[:_MOST_NAMES]))
    return list(found.values())


def _left_out(renewal: Renewal, wrong: set[str]) -> set[str]:
    """The names that no issuance is tried for."""
    return wrong if renewal.method == "webroot" else set()


def _issue(stage: RenewalStage, renewal: Renewal, url: str) -> tuple[RenewalFault | None, str]:
    """Have the client get a certificate; return what fails, else what was done in words."""
    client = client_in_staging(renewal)
    before = stage.judge("issued")["count"]
    asked = {
        "client": client,
        "method": renewal.method,
        "names": list(renewal.names),
        "folder": renewal.folder,
        "certificate": renewal.certificate,
        "key": renewal.key,
        "hook": renewal.hook or ":",
        "url": url,
    }
    done = stage.nginx("renew", [asked])
    after = stage.judge("issued")
    if after["count"] <= before:
        why = f"{client} got no certificate"
        words = "; ".join(filter(None, [_last(done["words"]), after["words"]]))
        return RenewalFault("issuance", renewal.names, why, renewal, words=words), ""
    stands_in = f" in place of {renewal.client}" if client != renewal.client else ""
    how = f"{client}{stands_in} ({renewal.method})"
    if renewal.hook and done["hook"].strip() != "ended with 0":
        why = f"`{renewal.hook}` {done['hook'].strip() or 'was not run'}"
        return RenewalFault("reload", renewal.names, why, renewal, words=_last(done["hook_words"])), how
    return None, how


def _last(words: str) -> str:
    """The last lines of what a client said; what certbot says about itself at its end is none of them."""
    lines = [line for line in words.splitlines() if line.strip() and not line.startswith(_SELF)]
    return "\n".join(lines[-_LAST_LINES:])


def _reloads(stage: RenewalStage, config: Config, renewal: Renewal) -> RenewalFault | None:
    """Look whether nginx shows the new certificate after the hook, for names that it shows that file for."""
    at = {name: address_of(config, name, 443) for name in renewal.names if renewal.certificate}
    rows = [{"name": name, "address": address} for name, address in at.items() if address]
    shown = stage.judge("served", rows)["shown"] if rows else []
    old = tuple(row["name"] for row, new in zip(rows, shown, strict=True) if not new)
    why = f"nginx goes on with the old certificate after `{renewal.hook}`"
    return RenewalFault("reload", old, why, renewal) if old else None
