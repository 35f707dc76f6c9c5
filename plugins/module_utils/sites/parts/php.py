"""PHP behind FastCGI."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..reading import values
from ..reading.fields import Fields, table
from .paths import Path, read_path

__all__ = ["PHP_KEYS", "Php", "read_php"]

PHP_KEYS = ("server", "front_controller", "path", "timeout", "params")

_SCRIPTS = Path("~", r"\.php$")


@dataclass(frozen=True)
class Php:
    """The address of php-fpm, and which requests it gets."""

    server: str
    source: str
    front_controller: str | None = None
    path: Path = _SCRIPTS
    timeout: str | None = None
    params: dict[str, str] = field(default_factory=dict)


def read_php(value: object, where: str) -> Php:
    """Read the address, or the mapping that says more. Raises ``InputError``."""
    server = values.address(port_needed=True)
    if isinstance(value, str):
        return Php(server(value, where), where)
    fields = Fields(value, where, PHP_KEYS)
    return Php(
        server=fields.need("server", server),
        source=where,
        front_controller=fields.get("front_controller", values.uri, None),
        path=fields.get("path", read_path, _SCRIPTS),
        timeout=fields.get("timeout", values.time, None),
        params=fields.get("params", table(values.variable, values.number_or_text), {}),
    )
