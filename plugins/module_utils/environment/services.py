"""Real programs in staging: what a user writes in ``staging_services``."""

from __future__ import annotations

from dataclasses import dataclass

from .. import values
from ..errors import InputError
from ..schema import Given, Model, key, listing, mapping, reader, table
from .model import Service, endpoint

__all__ = ["ServiceRow", "parse_services", "word"]


@reader("str")
def word(value: object, where: str) -> str:
    """Accept whatever is one value, as text."""
    if isinstance(value, (list, dict)):
        raise InputError(where, f"a {'list' if isinstance(value, list) else 'mapping'} is not text")
    return str(value)


@dataclass(frozen=True, kw_only=True)
class ServiceRow(Model):
    """One row of ``staging_services``."""

    name: str | None = key(values.words, "What it is called in messages; by default the first word of the command.")
    command: tuple[str, ...] = key(
        listing(word, empty=False),
        "The program and its arguments. It must stay in the foreground.",
        required=True,
        advice="write a list of words, as [php-fpm8.2, -F]",
    )
    user: str = key(values.words, "Whom it runs as.", default="root")
    socket: str | None = key(values.absolute_path, "The unix socket that it makes. The program then runs beside nginx.")
    address: str | None = key(
        values.words,
        "The C(name:port) that it answers at, as an upstream. The program then runs beside the stubs.",
    )
    environment: dict[str, str] = key(table(word, word), "Variables of its environment.", default={})

    def check(self, given: Given) -> None:
        """Hold the program to one place."""
        if bool(self.socket) == bool(self.address):
            raise InputError(
                given.where,
                "a service has either a socket (it runs beside nginx) or an address (it answers as an upstream)",
            )

    @property
    def service(self) -> Service:
        """What runs in staging."""
        return Service(
            name=self.name or self.command[0],
            command=self.command,
            user=self.user,
            socket=self.socket or "",
            endpoint=endpoint(self.address) if self.address else None,
            environment=self.environment,
        )


def parse_services(rows: object) -> tuple[Service, ...]:
    """Read ``staging_services``. Raises ``InputError``."""
    return tuple(each.service for each in listing(mapping(ServiceRow))(rows, "staging_services"))
