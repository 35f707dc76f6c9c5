"""What of a configuration can be asked for from outside at all; the rest is not held against a contract."""

from __future__ import annotations

from collections.abc import Iterator

from ..config.facts import Listen, listeners, server_names
from ..config.parse import Config, Directive

__all__ = ["locked_locations", "locked_servers"]

_SILENT = "it hangs up without an answer, which no check can expect"


def locked_servers(config: Config) -> dict[int, str]:
    """Return why no check can be answered by a server, by ``id`` of the directive."""
    verified = any(each.name == "ssl_verify_client" and each.args[:1] == ["on"] for each in config.http())
    first: dict[tuple[str, int, str], Directive] = {}
    default: dict[tuple[str, int], Directive] = {}
    for server in config.servers():
        for address, port, _, is_default in listeners(server):
            default.setdefault((address, port), server)
            if is_default:
                default[address, port] = server
            for name in server_names(server):
                first.setdefault((address, port, name), server)
    locked = {}
    for server in config.servers():
        shut = [_shut(server, listen, options, verified) for listen, options in _listeners(server)]
        if server.value("ssl_reject_handshake") == "on":
            locked[id(server)] = "it refuses every TLS handshake"
        elif _hangs_up(server):
            locked[id(server)] = _SILENT
        elif all(shut):
            locked[id(server)] = shut[0]
        elif not any(
            default[address, port] is server
            or any(first[address, port, name] is server for name in server_names(server))
            for address, port, _, _ in listeners(server)
        ):
            locked[id(server)] = "another server has its names"
    return locked


def _hangs_up(block: Directive) -> bool:
    """Return whether a block closes every connection without an answer, which no check can expect."""
    returned = block.children("return")
    if returned:
        return returned[0].args[:1] == ["444"]
    locations = block.children("location") if block.name == "server" else []
    return bool(locations) and all(_hangs_up(location) for location in locations)


def _listeners(server: Directive) -> list[tuple[Listen, set[str]]]:
    options = [set(each.args[1:]) for each in server.children("listen") if each.args] or [set()]
    return list(zip(listeners(server), options, strict=True))


def _shut(server: Directive, listen: Listen, options: set[str], verified: bool) -> str:
    """Why a check cannot ask at a listener; nothing where it can."""
    if listen.address.startswith("unix:"):
        return "it listens on a unix socket only"
    if "quic" in options:
        return "it speaks HTTP/3 only"
    if "proxy_protocol" in options:
        return "it wants a PROXY header, which a check does not send"
    if "http2" in options and not listen.tls:
        return "it speaks HTTP/2 without TLS, which a check does not"
    verify = server.value("ssl_verify_client")
    if listen.tls and (verify == "on" or (verified and not verify)):
        return "it wants a certificate of the client, which a check does not have"
    return ""


def locked_locations(server: Directive, why: str) -> dict[int, str]:
    """Return why locations of a server cannot be asked for, by ``id``. ``why`` is that of the server."""
    if not why and server.children("return"):
        why = "the server returns before it looks for a location"
    return dict(_locked(server, why))


def _locked(block: Directive, why: str) -> Iterator[tuple[int, str]]:
    for location in block.children("location"):
        own = why
        if not own and location.args and location.args[-1].startswith("@"):
            own = "it is named, so only nginx itself goes there"
        elif not own and location.children("internal"):
            own = "it is internal"
        elif not own and _hangs_up(location):
            own = _SILENT
        if own:
            yield id(location), own
        yield from _locked(location, own)
