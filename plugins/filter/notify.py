"""The filter with which the sandbox's own variables find the receiver of its messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.utils.display import Display

from ansible_collections.sluice.nginx.plugins.filter.sandbox import fleet_file, fleet_url

__all__ = ["FilterModule"]

_HOST = "mon1"


def sandbox_channels(name: object, audience: str) -> list[str]:
    """Return the channels of an audience, a post and a mail; none where the sandbox has no receiver, which is said."""
    posts, mail = (fleet_url(name, _HOST, service).removeprefix("http://") for service in ("receiver", "smtp"))
    if not (posts and mail):
        if fleet_file(name).exists():
            Display().warning(
                f"notify: the sandbox {name} has no {_HOST}, so nobody is told; sluice.nginx.sandbox makes it"
            )
        return []
    people = f"from=sluice@sandbox.example&to={audience}@sandbox.example"
    return [f"json://{posts}/{audience}", f"mailto://{mail}/?{people}&mode=insecure&format=text"]


class FilterModule:
    """The filter's name in templates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its short name."""
        return {"sandbox_channels": sandbox_channels}
