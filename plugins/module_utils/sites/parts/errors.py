"""Pages for errors, and the maintenance mode."""

from __future__ import annotations

from dataclasses import dataclass

from ..reading import values
from ..reading.fields import Fields, listing

__all__ = ["ERROR_PAGE_KEYS", "MAINTENANCE_KEYS", "ErrorPage", "Maintenance", "read_error_page", "read_maintenance"]

ERROR_PAGE_KEYS = ("codes", "page", "root")
MAINTENANCE_KEYS = ("enabled", "retry_after", "page", "root", "allow")

_ONE_HOUR = 3600


@dataclass(frozen=True)
class ErrorPage:
    """The page for some statuses; ``page`` is a path of the site, or ``@name`` of a route."""

    codes: tuple[int, ...]
    page: str
    source: str
    root: str | None = None


@dataclass(frozen=True)
class Maintenance:
    """503 for everyone but the networks in ``allow``; ``retry_after`` in seconds."""

    source: str
    retry_after: int = _ONE_HOUR
    page: str | None = None
    root: str | None = None
    allow: tuple[str, ...] = ()


def read_error_page(value: object, where: str) -> ErrorPage:
    """Read one error page. Raises ``InputError``."""
    fields = Fields(value, where, ERROR_PAGE_KEYS)
    return ErrorPage(
        codes=fields.need("codes", listing(values.status, empty=False)),
        page=fields.need("page", values.matching(r"/\S+|@[\w-]+", "a page; use /path or the @name of a route")),
        source=where,
        root=fields.get("root", values.absolute_path, None),
    )


def read_maintenance(value: object, where: str) -> Maintenance | None:
    """Read the maintenance mode; ``None`` when it is off. Raises ``InputError``."""
    if isinstance(value, bool):
        return Maintenance(where) if value else None
    fields = Fields(value, where, MAINTENANCE_KEYS)
    maintenance = Maintenance(
        source=where,
        retry_after=fields.get("retry_after", values.integer(1, 31_536_000), _ONE_HOUR),
        page=fields.get("page", values.uri, None),
        root=fields.get("root", values.absolute_path, None),
        allow=fields.get("allow", listing(values.network), ()),
    )
    return maintenance if fields.get("enabled", values.flag, True) else None
