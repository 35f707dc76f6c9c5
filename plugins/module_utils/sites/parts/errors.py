"""Pages for errors, and the maintenance mode."""

from __future__ import annotations

from dataclasses import dataclass

from ... import values
from ...schema import Model, key, listing, reader

__all__ = ["ErrorPage", "Maintenance", "maintenance"]


@dataclass(frozen=True, kw_only=True)
class ErrorPage(Model):
    """The page for some statuses."""

    codes: tuple[int, ...] = key(listing(values.status, empty=False), "Statuses.", required=True)
    page: str = key(
        values.matching(r"/\S+|@[\w-]+", "a page; use /path or the @name of a route"),
        "A path of the site, or the C(@name) of a route.",
        required=True,
    )
    root: str | None = key(values.absolute_path, "The directory of the page; the site's unless given.")


@dataclass(frozen=True, kw_only=True)
class Maintenance(Model):
    """503 for everyone, but for some networks."""

    enabled: bool = key(values.flag, "V(false) keeps the settings for the next time.", default=True)
    retry_after: int = key(values.integer(1, 31_536_000), "The header C(Retry-After), in seconds.", default=3600)
    page: str | None = key(values.uri, "The page; one line of text unless given.")
    root: str | None = key(values.absolute_path, "The directory of the page; the site's unless given.")
    allow: tuple[str, ...] = key(listing(values.network), "Addresses and networks that see the site.", absent=())


@reader("raw", Maintenance)
def maintenance(value: object, where: str) -> Maintenance | None:
    """Read the maintenance mode; ``None`` when it is off. Raises ``InputError``."""
    if isinstance(value, bool):
        value = {"enabled": value}
    found = Maintenance.read(value, where)
    return found if found.enabled else None
