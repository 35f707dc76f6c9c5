"""``rollout_alarms``: what is asked, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .. import values
from ..errors import InputError
from ..schema import Given, Model, Reader, key, listing, one_of, reader, table

__all__ = ["MONITOR", "AlarmRow", "read_alarms"]

MONITOR = "monitor"
"""A row that stands for the critical alerts of the role ``monitor``."""

_KINDS = ("prometheus", "alertmanager", "http", "command")
_LONGEST = 60.0


@reader("str")
def _url(value: object, where: str) -> str:
    found = values.text(value, where)
    if not found.startswith(("http://", "https://")):
        raise InputError(where, f"'{found}' is no URL; begin it with http:// or https://")
    return found


@reader("float")
def _timeout(value: object, where: str) -> float:
    try:
        found = float(str(value))
    except ValueError:
        found = 0.0
    if isinstance(value, bool) or not 0 < found <= _LONGEST:
        raise InputError(where, f"{value!r} is no number of seconds up to {_LONGEST:g}")
    return found


@dataclass(frozen=True, kw_only=True)
class AlarmRow(Model):
    """One row of ``rollout_alarms``."""

    name: str | None = key(values.text, "What it is called; by default what is asked.")
    prometheus: str | None = key(_url, "The URL of a Prometheus. Each series that C(query) returns is an alarm.")
    query: str | None = key(values.words, "An expression as of an alert rule: it returns nothing while all is well.")
    alertmanager: str | None = key(
        _url, "The URL of an Alertmanager. Each alert that is active, not silenced and not inhibited is an alarm."
    )
    matchers: tuple[str, ...] = key(
        listing(values.text), 'Which alerts of it count, as C(severity="critical").', default=[]
    )
    http: str | None = key(_url, "A URL that is requested. Any other answer than the expected one is an alarm.")
    status: int = key(values.integer(100, 599), "The status that C(http) expects.", default=200)
    body: str | None = key(values.text, "A text that the body of C(http) has.")
    command: tuple[str, ...] = key(
        listing(Reader(values.text, {"type": "str"})),
        "A program and its arguments, run on the controller in the project. An exit code other than 0 is an alarm.",
        default=[],
    )
    headers: dict[str, str] = key(
        table(values.header_name, values.text), "Headers of the request, as C(Authorization).", default={}
    )
    host_label: str = key(values.text, "The label that names the host as the inventory does.", default="host")
    burning: str = key(
        one_of("refuse", "ignore"),
        "What is done where it burns already. With C(ignore) only what begins later counts.",
        default="refuse",
    )
    timeout: float = key(_timeout, "Seconds within which it answers.", default=5)

    def check(self, given: Given) -> None:
        """Hold the row to one kind."""
        kinds = [kind for kind in _KINDS if getattr(self, kind)]
        if len(kinds) != 1:
            raise InputError(given.where, f"an alarm has exactly one of {', '.join(_KINDS)}")
        if bool(self.prometheus) != bool(self.query):
            raise InputError(given.where, "prometheus and query belong together; write both")

    @property
    def title(self) -> str:
        """What it is called."""
        return self.name or self.query or self.alertmanager or self.http or " ".join(self.command)


def read_alarms(value: object, monitor: str) -> list[AlarmRow]:
    """Read ``rollout_alarms``. ``monitor`` is the URL of the Alertmanager that the row ``monitor`` means, or empty.

    Raises ``InputError``.
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InputError("rollout_alarms", f"{value!r} is not a list; write one '- ..' for each alarm")
    found = []
    for number, row in enumerate(value):
        where = f"rollout_alarms[{number}]"
        if row == MONITOR:
            if not monitor:
                raise InputError(where, "'monitor' needs monitor_alertmanager_url, which is not set")
            critical = ['severity="critical"']
            row = {"name": "monitor", "alertmanager": monitor, "matchers": critical}
        found.append(AlarmRow.read(row, where))
    return found
