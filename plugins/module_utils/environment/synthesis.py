"""Turns needs into the environment that meets them: what has to be around nginx so that a release's bytes run
unchanged.
"""

from __future__ import annotations

import ipaddress
import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from ..needs.model import Need
from ..needs.parts.endpoints import is_address
from .authority import Authority
from .contents import content_of, page
from .model import ANY_NAME, Endpoint, Environment, File, Service, endpoint

__all__ = ["STUB_NETWORK", "synthesise"]

# It is no interface's: staging has IPv6.
_EVERY_IPV6 = "::"
# Set aside for tests of network devices (RFC 2544), so no production address is in it.
STUB_NETWORK = ipaddress.ip_network("198.19.0.0/16")

_KEY_MODE = 0o600
_OF_NGINX = ("cache", "temp")


def synthesise(needs: Collection[Need], docroots: Mapping[str, str], services: tuple[Service, ...]) -> Environment:
    """Make the environment that meets ``needs``.

    ``docroots`` maps paths on the host to files of the user, below which nothing is synthesized; ``services`` are the
    real programs of the user.
    """
    return _Synthesis(needs, docroots, services).environment()


_LAST_PORT = 65535


class _Synthesis:
    def __init__(self, needs: Collection[Need], docroots: Mapping[str, str], services: tuple[Service, ...]) -> None:
        self.needs = [need for need in needs if not _mapped(need, docroots)]
        self.services = services
        self.authority = Authority()
        self.ports = {need.value for need in self._of("port")}
        self.listened = {need.value for need in self._of("name") if need.purpose == "listen"}
        self.real = {service.endpoint for service in services if service.endpoint}
        self.sockets = {service.socket for service in services if service.socket}

    def _of(self, *kinds: str) -> list[Need]:
        return [need for need in self.needs if need.kind in kinds]

    def environment(self) -> Environment:
        # What no port can have is for `nginx -t` to say: nothing could listen there.
        ends = [end for end in map(_end, self._of("endpoint")) if end.port <= _LAST_PORT]
        wanted = {need.value for need in self._of("name")} | {end.host for end in [*ends, *self.real]}
        addresses = STUB_NETWORK.hosts()
        hosts = sorted(host for host in wanted if not is_address(host) and not _is_this(host))
        names = {host: str(next(addresses)) for host in hosts}
        local = {need.value for need in self._of("address") if need.value != _EVERY_IPV6}
        here = local | self.listened
        local_ends = [end for end in ends if _is_this(end.host) or end.host in here]
        beside = {*local_ends, *self.real}
        far = {end.host for end in [*ends, *self.real] if is_address(end.host) and not _is_this(end.host)}
        return Environment(
            names=names,
            routed=tuple(sorted(far - local)),
            local=tuple(sorted(local | {names[name] for name in self.listened if name in names})),
            directories=self._directories(),
            files=tuple(self._files()),
            users=tuple(need.value for need in self._of("user")),
            groups=tuple(need.value for need in self._of("group")),
            modules=tuple(need.purpose or need.value for need in self._of("module")),
            services=self.services,
            stubs=tuple(end for end in ends if end not in beside),
            local_stubs=(
                *(end for end in local_ends if not self._is_nginx(end) and end not in self.real),
                *(
                    Endpoint("", 0, need.purpose or "http", need.value)
                    for need in self._of("socket")
                    if need.value not in self.sockets
                ),
            ),
            ca=(self.authority.certificate, self.authority.key),
            spare=self.authority.issue(self._certified(names, far)),
            synthesized=tuple(self._words(names)),
        )

    def _is_nginx(self, end: Endpoint) -> bool:
        """Return whether the release itself listens there: then nginx proxies to itself, as in production."""
        return f"{end.port}/{'udp' if end.protocol in ('udp', 'dns', 'syslog') else 'tcp'}" in self.ports

    def _certified(self, names: Mapping[str, str], far: Collection[str]) -> list[str]:
        """The names that the spare certificate is for: whatever nginx may ask an upstream's certificate for."""
        asked = dict.fromkeys(name for need in self._of("endpoint") for name in need.names)
        rows = dict.fromkeys([*names, *asked, *sorted(far), "localhost", "*.staging.invalid"])
        return [name for name in rows if name != ANY_NAME]

    def _directories(self) -> dict[str, str]:
        user = next((need.value for need in self._of("user")), "root")
        return {need.value: user if need.purpose in _OF_NGINX else "root" for need in self._of("directory")}

    def _files(self) -> Iterator[File]:
        wanted = self._of("file")
        keys = {need.value: need for need in wanted if need.purpose == "key"}
        done: set[str] = set()
        # One key may be beside two certificates: the release before had the one without its chain.
        made: dict[str, str] = {}
        with_rsa = {need.beside for need in wanted if need.purpose == "certificate" and need.beside and _is_rsa(need)}
        for need in wanted:
            if need.purpose == "certificate":
                rsa, known = _is_rsa(need) or need.beside in with_rsa, made.get(need.beside, "")
                chain, key = self.authority.issue(_names(need), need.value, with_rsa=rsa, key=known)
                if need.beside:
                    made[need.beside] = key
                if need.beside in (need.value, ""):
                    yield File(need.value, chain + key, _said(need), _KEY_MODE)
                else:
                    yield File(need.value, chain, _said(need))
                if need.beside in keys and need.beside not in done:
                    yield File(need.beside, key, _said(keys[need.beside]), _KEY_MODE)
                done |= {need.value, need.beside}
        for need in wanted:
            if need.value not in done:
                content = (
                    self.authority.issue(_names(need))[1]
                    if need.purpose == "key"
                    else content_of(need.value, need.purpose, self.authority)
                )
                yield File(need.value, content, _said(need))
        yield from self._default_indexes()

    def _default_indexes(self) -> Iterator[File]:
        """The page that nginx looks for in a document root where the release names none."""
        indexed = {posixpath.dirname(need.value) for need in self._of("file") if need.purpose == "index"}
        for need in self._of("directory"):
            if need.purpose == "root" and need.directive == "root" and need.value not in indexed:
                path = posixpath.join(need.value, "index.html")
                yield File(path, page(path), f"the file {path} (index){_at(need)}")

    def _words(self, names: Mapping[str, str]) -> Iterator[str]:
        real = {end.host for end in self.real}
        for need in self._of("name"):
            if need.value in names and need.value not in real:
                target = "nginx" if need.value in self.listened else "a stub"
                yield f"the name {need.value} leads to {target}{_at(need)}"
        for need in self._of("endpoint", "socket"):
            if need.kind == "socket" and need.value in self.sockets:
                continue
            end = _end(need) if need.kind == "endpoint" else None
            if end is None or (end not in self.real and not (_is_this(end.host) and self._is_nginx(end))):
                where = need.value.replace("*", "any name", 1)
                yield f"a stub answers at {where} ({need.purpose or 'http'}){_at(need)}"
        for need in self._of("address"):
            if need.value == _EVERY_IPV6:
                continue
            yield f"the address {need.value} is staging's{_at(need)}"


def _names(need: Need) -> Sequence[str]:
    return need.names or ["localhost"]


def _end(need: Need) -> Endpoint:
    found = endpoint(need.value)
    return Endpoint(found.host, found.port, need.purpose or "http")


def _said(need: Need) -> str:
    return f"{need.words}{_at(need)}"


def _at(need: Need) -> str:
    return f", for {need.file}:{need.line}" if need.file else ""


def _is_rsa(need: Need) -> bool:
    """Return whether a path or its server's ciphers say that a key is an RSA one; an elliptic one serves everybody
    else.
    """
    return need.only_rsa or "rsa" in PurePosixPath(need.value).name.lower()


def _is_this(host: str) -> bool:
    """Return whether a host is this machine, whatever it is called."""
    if host in ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"):
        return True
    return is_address(host) and (ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified)


def _mapped(need: Need, docroots: Mapping[str, str]) -> bool:
    return need.kind in ("file", "directory") and any(
        PurePosixPath(need.value).is_relative_to(known) for known in docroots
    )
