"""What a configuration says of renewals: certificates of clients, and where challenges are answered."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator

from ..config.facts import listeners, server_names
from ..config.match import choose_location, choose_server
from ..config.parse import Config, Directive
from .model import CHALLENGES, Renewal

__all__ = [
    "PROBED",
    "address_of",
    "addresses",
    "certificates",
    "client_of",
    "is_literal",
    "read_from",
]

PROBED = f"{CHALLENGES}/sluice"
# Where clients keep what nginx reads, and which client that is.
_OF_CLIENT = (
    (re.compile(r"^/etc/letsencrypt/live/"), "certbot"),
    (re.compile(r"/dehydrated/certs/"), "dehydrated"),
    (re.compile(r"/\.?lego/"), "lego"),
    (re.compile(r"/\.?acme(?:\.sh)?/"), "acme.sh"),
)
_NAME = re.compile(r"(?!_$)[a-z0-9_-]+(?:\.[a-z0-9_-]+)+")
_ANY = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "::1"}


def is_literal(name: str) -> bool:
    """Return whether a server name is one that a certificate by http-01 can have: no wildcard, no regex, more than
    a word.
    """
    return _NAME.fullmatch(name.lower()) is not None


def client_of(path: str) -> str:
    """Return which client keeps a certificate at a path; nothing where none is known that does."""
    return next((client for pattern, client in _OF_CLIENT if pattern.search(path)), "")


def certificates(config: Config) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield each certificate that is read by an absolute path: the path, its key's, and the names of its servers."""
    found: dict[str, tuple[str, dict[str, None]]] = {}
    outer = {id(server): block for block in config.named("http") for server in block.children("server")}
    for server in config.servers():
        scopes = [server, *([outer[id(server)]] if id(server) in outer else [])]
        for scope in scopes:
            chains, keys = scope.children("ssl_certificate"), scope.children("ssl_certificate_key")
            for number, chain in enumerate(chains):
                path = chain.args[0] if chain.args else ""
                if path.startswith("/") and "$" not in path:
                    beside = keys[number].args[0] if number < len(keys) and keys[number].args else ""
                    names = found.setdefault(path, (beside, {}))[1]
                    names.update(dict.fromkeys(name for name in server_names(server) if is_literal(name)))
            if chains:
                break
    for path, (beside, of_servers) in found.items():
        yield path, beside, tuple(of_servers)


def read_from(config: Config) -> Iterator[tuple[Renewal, str]]:
    """Yield what the configuration tells of each certificate of a client; with why it tells too little, if it does.

    Only a location that is there for challenges tells by which webroot a client works: any document root could.
    """
    for path, key, names in certificates(config):
        client = client_of(path)
        if not client or not names:
            continue
        folders: dict[str, list[str]] = {}
        for name in names:
            folders.setdefault(_answered_from(config, name), []).append(name)
        for folder, those in folders.items():
            renewal = Renewal(tuple(those), client, "webroot", folder, path, key, source="the configuration")
            yield renewal, "" if folder else "no location is there for its challenges"


def _is_for_challenges(location: Directive) -> bool:
    return bool(location.args) and "well-known" in location.args[-1].replace("\\", "")


def _answered_from(config: Config, name: str) -> str:
    """Return the folder that a location for challenges answers from on port 80; nothing where there is no such one."""
    server = choose_server(config, name, 80)
    if server is None:
        return ""
    # One that is there for challenges and never asked says all the same what was meant.
    found = [choose_location(server, PROBED), *server.children("location")]
    location = next((each for each in found if each is not None and _is_for_challenges(each)), None)
    if location is None:
        return ""
    if location.children("alias"):
        alias, path = location.value("alias"), location.args[-1]
        if "$" in alias or not path.startswith("/"):
            return ""
        return posixpath.normpath(alias.rstrip("/") + "/" + CHALLENGES[len(path.rstrip("/")) :].lstrip("/"))
    http = next((block for block in config.named("http") if server in block.children("server")), None)
    root = next((scope.value("root") for scope in (location, server, http) if scope and scope.children("root")), "")
    return "" if not root.startswith("/") or "$" in root else root.rstrip("/") + CHALLENGES


def address_of(config: Config, name: str, port: int) -> str:
    """Return the address at which staging reaches the server that answers for a name; nothing where none listens."""
    server = choose_server(config, name, port)
    found = [each for each in listeners(server) if each.port == port] if server is not None else []
    return _ANY.get(found[0].address, found[0].address.strip("[]")) if found else ""


def addresses(config: Config, names: Collection[str]) -> dict[str, dict[str, str]]:
    """Map ``names``, and the other literal names that redirects may lead to, to their addresses by port."""
    wanted = {*names, *(name for server in config.servers() for name in server_names(server) if is_literal(name))}
    found = {}
    for name in sorted(wanted):
        by_port = {str(port): address for port in (80, 443) for address in [address_of(config, name, port)] if address}
        found[name] = by_port
    return found
