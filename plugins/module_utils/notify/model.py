"""The words of a notice: what happened (an event), who hears of it (an audience), and by which way (a channel)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["AUDIENCES", "EVENTS", "Audience", "Delivery", "Message", "Notice"]

Audience = Literal["team", "customers"]
AUDIENCES: tuple[Audience, ...] = ("team", "customers")

EVENTS = ("started", "confirmed", "stopped", "rolled_back", "broken", "drift", "resolved")
"""What there are messages about; ``resolved`` is for customers alone."""

State = Literal["waiting", "sent", "failed"]


@dataclass(frozen=True)
class Message:
    """A text for an audience. ``kind`` is one of Apprise's: info, success, warning, failure."""

    event: str
    audience: Audience
    kind: str
    title: str
    body: str


@dataclass(frozen=True)
class Delivery:
    """What became of a message on a channel, which goes by the scheme of its URL and its number in the list."""

    channel: str
    state: State = "waiting"
    why: str = ""
    at: str = ""


@dataclass(frozen=True)
class Notice:
    """A message as it is kept: written at ``at``; its sender has ended by ``until`` (both ISO-8601 in UTC).

    There is no URL in it.
    """

    message: Message
    at: str
    until: str
    deliveries: tuple[Delivery, ...] = ()

    def with_delivery(self, delivery: Delivery) -> Notice:
        """The notice with what became of it on one channel."""
        rows = (delivery if each.channel == delivery.channel else each for each in self.deliveries)
        return replace(self, deliveries=tuple(rows))
