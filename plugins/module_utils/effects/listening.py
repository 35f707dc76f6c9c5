"""Which server answers for which name on which listener, in both configurations: pairs of servers to compare."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..config.facts import Listen, listeners, server_names
from ..config.match import Port
from ..config.parse import Config, Directive
from ..config.samples import matching
from ..contract.url import is_host

__all__ = ["Listener", "Meeting", "meetings"]

_EVERYWHERE = ("*", "0.0.0.0")
_OTHER = "any-other-name.invalid"


class Listener(NamedTuple):
    """An address and a port, ``*`` for every address, and whether TLS is spoken there."""

    address: str
    port: int
    tls: bool

    @property
    def scheme(self) -> str:
        """The scheme of URLs."""
        return "https" if self.tls else "http"


class Meeting(NamedTuple):
    """What a client comes to by a name on a listener: a server of each side, None where nothing listens.

    ``name`` is as the configuration writes it, "" for all that it does not name; ``host`` is a name to ask for.
    ``was_tls``: TLS is spoken there in live.
    """

    listener: Listener
    name: str
    host: str
    live: Directive | None
    candidate: Directive | None
    was_tls: bool


class _Ports:
    """The servers of a configuration by address and port."""

    def __init__(self, config: Config) -> None:
        self.ports: dict[tuple[str, int], Port] = {}
        self.tls: dict[tuple[str, int], bool] = {}
        self.names: dict[tuple[str, int], dict[str, None]] = {}
        for server in config.servers():
            names = dict.fromkeys(server_names(server))
            for listen in listeners(server):
                key = _key(listen)
                self.ports.setdefault(key, Port()).add(server, default=listen.default)
                self.tls[key] = self.tls.get(key, False) or listen.tls
                self.names.setdefault(key, {}).update(names)

    def answers(self, key: tuple[str, int], host: str) -> Directive | None:
        """Return the server that answers; an address that nothing is bound to is that of every address."""
        port = self.ports.get(key)
        if port is None and not key[0].startswith("unix:"):
            port = self.ports.get(("*", key[1])) if not key[0].startswith("[") else self.ports.get(("[::]", key[1]))
        return (port.named(host) or port.default or port.first) if port is not None else None


def _key(listen: Listen) -> tuple[str, int]:
    return ("*" if listen.address in _EVERYWHERE else listen.address), listen.port


def meetings(live: Config, candidate: Config) -> Iterator[Meeting]:
    """Yield each name on each listener of either configuration, with the servers that answer for it."""
    before, after = _Ports(live), _Ports(candidate)
    for key in sorted({*before.ports, *after.ports}, key=lambda each: (each[1], each[0])):
        names = {**before.names.get(key, {}), **after.names.get(key, {})}
        tls = (after if key in after.ports else before).tls[key]
        listener = Listener(*key, tls)
        asked: dict[str, str] = {}
        for name in names:
            for host in _hosts(name):
                asked.setdefault(host, name)
        asked[_OTHER] = ""
        for host, name in asked.items():
            yield Meeting(
                listener, name, host, before.answers(key, host), after.answers(key, host), before.tls.get(key, tls)
            )


def _hosts(name: str) -> Iterable[str]:
    """Yield names to ask for; what is only a wildcard's or a regex's stands for all of these."""
    if name.startswith("~"):
        return [text.lower() for text in matching(name[1:], ignore_case=True) if is_host(text)][:1]
    host = name.lower().replace("*", "any")
    if host.startswith("."):
        return [host[1:], f"any{host}"]
    return [host] if host and host != "_" and is_host(host) else []
