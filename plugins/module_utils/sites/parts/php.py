"""PHP behind FastCGI."""

from __future__ import annotations

from dataclasses import dataclass

from ... import values
from ...schema import Model, key, reader, table
from .paths import Path, location_path

__all__ = ["Php", "php"]

_server = values.address(port_needed=True)


@dataclass(frozen=True, kw_only=True)
class Php(Model):
    """The address of php-fpm, and which requests it gets."""

    server: str = key(_server, "The address of php-fpm, C(unix:/path) or C(host:port).", required=True)
    front_controller: str | None = key(
        values.uri, "The script that answers whatever is no file. Without it only scripts that exist are run."
    )
    path: Path = key(location_path, "Which requests are scripts.", default=r"~ \.php$")
    timeout: str | None = key(values.time, "How long a script may take.")
    params: dict[str, str] = key(
        table(values.variable, values.number_or_text), "Parameters of the application, name to value.", default={}
    )


@reader("raw", Php)
def php(value: object, where: str) -> Php:
    """Read the address, or the mapping that says more. Raises ``InputError``."""
    return Php.read({"server": _server(value, where)} if isinstance(value, str) else value, where)
