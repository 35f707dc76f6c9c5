"""The alert rules of the role, with the thresholds of a user."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..errors import InputError

__all__ = ["Thresholds", "duration", "render"]

# In the rule file: "… > 5  # monitor_error_share" or "…[60s]…  # monitor_interval x 4, at least 60s".
_LINE = re.compile(
    r"^(?P<rule>.*)(?P<comment>  # monitor_(?P<name>\w+)(?: x (?P<times>\d+))?(?:, at least (?P<least>\d+)s)?)$",
    re.MULTILINE,
)
_RUNBOOK = re.compile(r"^( +runbook_url: )docs/alerts/(\w+\.md)\n", re.MULTILINE)
_ADDRESS = re.compile(r"[\w./][^\s{}\"'#]*")


class Thresholds(NamedTuple):
    """``interval`` is in seconds, ``error_share`` in percent of the requests; the others name their unit.

    The defaults are the values of the rule file.
    """

    interval: float = 5
    error_share: float = 5
    certificate_days: float = 14
    drain_minutes: float = 10


def render(rules: str, thresholds: Thresholds, runbooks: str) -> str:
    """Return the text of a rule file with other thresholds, and with ``runbooks`` as the place of the alerts' pages.

    Without ``runbooks`` the alerts have no link. Raises ``InputError`` if it is no address, and ``ValueError`` if a
    line does not have its default exactly once.
    """
    if runbooks and not _ADDRESS.fullmatch(runbooks):
        raise InputError("monitor_runbook_url", f"{runbooks!r} is no address; write it as https://wiki.example/alerts")
    place = f"{runbooks.rstrip('/')}/"
    rules = _RUNBOOK.sub(lambda line: f"{line[1]}{place}{line[2]}\n" if runbooks else "", rules)
    return _LINE.sub(lambda line: _with(line, thresholds), rules)


def duration(seconds: float) -> str:
    """Return a duration as Prometheus reads it: it knows no fractions."""
    return f"{seconds:.0f}s" if seconds == round(seconds) else f"{seconds * 1000:.0f}ms"


def _with(line: re.Match[str], thresholds: Thresholds) -> str:
    before, after = (_value(line, each) for each in (Thresholds(), thresholds))
    text, count = re.subn(rf"(?<![\w.]){re.escape(before)}(?![\w.])", after, line["rule"])
    if count != 1:
        raise ValueError(f"{line[0].strip()!r} has its default {before} {count} times, not once")
    return text + line["comment"]


def _value(line: re.Match[str], thresholds: Thresholds) -> str:
    value = max(getattr(thresholds, line["name"]) * int(line["times"] or 1), float(line["least"] or 0))
    return duration(value) if line["name"] == "interval" else f"{value:g}"
