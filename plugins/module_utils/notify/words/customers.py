"""What customers read: what they may have noticed, when, and that it is seen to. Nothing of the inside."""

from __future__ import annotations

from calendar import month_name
from datetime import datetime

from ..model import Message
from .facts import Facts

__all__ = ["for_customers"]

_SORRY = "sorry for the trouble, and are looking into how it came to this. There is nothing that you need to do."


def for_customers(event: str, facts: Facts, service: str, open_since: str) -> Message:
    """Write the message about ``event``: rolled_back, broken or resolved.

    ``service`` is what customers call it, and ``open_since`` is when the disruption began that is resolved.
    """
    began, ended = facts.served or (facts.since, facts.ended)
    name = _begin(service)
    if event == "rolled_back":
        return _message(
            event,
            "info",
            f"{name}: a short disruption is over",
            f"{_begin(_span(began, ended))}, some requests to {service} may have failed or been answered wrongly. The "
            "cause was a change that we were making. We have taken it back, and everything works as before. We are "
            f"{_SORRY}",
        )
    if event == "broken":
        return _message(
            event,
            "failure",
            f"{name}: disruption",
            f"Since {_moment(began)}, some requests to {service} may fail or be answered wrongly. The cause is a "
            "change that we were making. We are working on it, and will tell you here when everything works again.",
        )
    return _message(
        event,
        "success",
        f"{name}: the disruption is over",
        f"{name} works again as it should. The disruption was {_span(open_since, facts.ended)}. We are {_SORRY}",
    )


def _message(event: str, kind: str, title: str, body: str) -> Message:
    return Message(event, "customers", kind, title, body)


def _span(began: str, ended: str) -> str:
    """From one minute to another: seconds tell customers nothing."""
    if began[:16] == ended[:16]:
        return f"at {_moment(began)}"
    if began[:10] == ended[:10]:
        return f"between {began[11:16]} and {_moment(ended)}"
    return f"between {_moment(began)} and {_moment(ended)}"


def _moment(at: str) -> str:
    """``15:11 UTC on 21 November 2026``."""
    then = datetime.fromisoformat(at)
    return f"{then:%H:%M} UTC on {then.day} {month_name[then.month]} {then.year}"


def _begin(text: str) -> str:
    return text[:1].upper() + text[1:]
