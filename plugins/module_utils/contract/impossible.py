"""What no answer could fulfil: such a check is the user's slip, and would be held against the release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InputError
from .protocols import HTTP

if TYPE_CHECKING:
    from .model import Check, Expect

__all__ = ["refuse_impossible"]


# Thousands of checks expect the same few.
_STATUSES: dict[tuple[str, ...], list[int]] = {}


def _statuses(expect: Expect) -> list[int]:
    if expect.status not in _STATUSES:
        _STATUSES[expect.status] = [status for status in range(100, 600) if expect.allows(status)]
    return _STATUSES[expect.status]


def refuse_impossible(check: Check) -> None:
    """Raise ``InputError`` for what no answer could fulfil."""
    expect, path = check.expect, f"{check.source}.expect"
    if check.protocol not in HTTP:
        _refuse_unspoken(check)
        return
    if check.protocol == "h3" and check.scheme != "https":
        raise InputError(check.source, f"{check.url} is not encrypted, and HTTP/3 always is; use https://")
    statuses = _statuses(expect)
    wanted = ", ".join(expect.status)
    if check.method == "HEAD" and check.body is not None:
        raise InputError(f"{check.source}.body", "a HEAD request sends no body; use post, put or patch")
    if check.follow and expect.location is not None:
        raise InputError(f"{path}.location", "`follow` goes on where a Location is; keep one of the two")
    if check.follow and all(300 <= status < 400 for status in statuses):
        raise InputError(f"{path}.status", f"{wanted} is never the end when redirects are followed; drop `follow`")
    if expect.location is not None and not any(status == 201 or 300 <= status < 400 for status in statuses):
        raise InputError(f"{path}.location", f"an answer of status {wanted} has no Location; use 3xx or 201")
    if expect.location is not None and any(name.lower() == "location" for name, _ in expect.headers):
        raise InputError(f"{path}.headers", "Location stands in `expect.location` too; keep that one")
    if expect.body is not None and check.method == "HEAD":
        raise InputError(f"{path}.body", "the answer to a HEAD request has no body; use get")
    if expect.body is not None and all(status < 200 or status in (204, 304) for status in statuses):
        raise InputError(f"{path}.body", f"an answer of status {wanted} has no body")


def _refuse_unspoken(check: Check) -> None:
    """Refuse what no answer of gRPC or WebSocket could fulfil."""
    expect, path = check.expect, f"{check.source}.expect"
    if check.service is not None and not check.is_health_check:
        raise InputError(f"{check.source}.service", "is for health checks; the URL names another method: drop one")
    if check.service is not None and check.send_hex is not None:
        raise InputError(f"{check.source}.send_hex", "is the message, which `service` makes; keep one of the two")
    if expect.health is not None and not check.is_health_check:
        raise InputError(f"{path}.health", "is of health checks; the URL names another method: look at reply_hex")
    if (
        check.protocol == "grpc"
        and "OK" not in expect.grpc_status
        and (expect.health or expect.reply or expect.reply_hex)
    ):
        raise InputError(f"{path}.grpc_status", f"a call that ends with {expect.grpc_status[0]} has no message; use OK")
    if expect.subprotocol is not None and expect.subprotocol != check.subprotocol:
        raise InputError(f"{path}.subprotocol", "a server chooses of what is offered; write the same `subprotocol`")
    if check.protocol == "websocket" and (check.send or check.send_hex) and "101" not in expect.status:
        raise InputError(f"{path}.status", "nothing is sent after another status than 101; drop `send`")
