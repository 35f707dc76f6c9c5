"""What Prometheus tells of alerts: which fired, from when until when, and which of them belong together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from itertools import pairwise
from statistics import median
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode

from ..errors import SluiceError
from ..web_answers import MALFORMED, in_time, opened, read_json

__all__ = ["Alert", "ask_prometheus", "incidents", "read_alerts"]

# Of each step, and of the whole: a server may send a byte now and then.
_TIMEOUT, _WHOLE = 10.0, 120.0
# A sample each few seconds, of days.
_MOST_BYTES = 256 << 20
# Alerts with less than this between them belong together.
_APART = timedelta(minutes=5)
# What is not seen for so many of its intervals, is over; where the interval is not known, it is this.
_MISSED, _INTERVAL = 2.5, timedelta(seconds=60)
# The labels by which people tell alerts apart.
_TOLD = ("site", "host", "check")
_MOST_CHECKS = 3


@dataclass(frozen=True)
class Alert:
    """An alert: when its condition was first true (``began``), when it ``fired``, and when it was seen last. ``over``
    says that it is so no more.
    """

    name: str
    labels: Mapping[str, str]
    began: datetime
    fired: datetime
    last: datetime
    over: bool

    @property
    def what(self) -> str:
        """The alert with its labels, as a person names it."""
        told = [f"{key} {self.labels[key]}" for key in _TOLD if self.labels.get(key)]
        return f"{self.name} ({', '.join(told)})" if told else self.name


def ask_prometheus(url: str, start: datetime, end: datetime) -> list[Alert]:
    """Ask for the alerts between two times. Raises ``SluiceError``, with a sentence, when there is no answer."""
    query = f"ALERTS[{max(1, round((end - start).total_seconds()))}s]"
    wanted = urlencode({"query": query, "time": f"{end.timestamp():.3f}"})
    asked = f"{url.rstrip('/')}/api/v1/query?{wanted}"
    if not url.startswith(("http://", "https://")):
        raise SluiceError(f"monitor_prometheus_url: {url!r} is no address; give http://HOST:9090")
    try:
        content = in_time(_WHOLE, lambda: _content(asked))
    except HTTPError as error:
        raise SluiceError(f"Prometheus at {url} refused the question: {error.code} {error.reason}") from error
    except (URLError, OSError, HTTPException, *MALFORMED) as error:
        why = getattr(error, "reason", None) or error
        raise SluiceError(f"Prometheus at {url} does not answer ({why}); see monitor_prometheus_url") from error
    return read_alerts(content, end)


def _content(asked: str) -> Any:
    with opened(asked, {}, _TIMEOUT) as answer:
        return read_json(answer, _MOST_BYTES)


def read_alerts(content: Any, at: datetime) -> list[Alert]:
    """Read an answer of Prometheus's, asked ``at`` a time, to ``ALERTS[…]``, oldest alert first. Those that differ in
    nothing but the check are one.

    Raises ``SluiceError`` for what is none.
    """
    series: dict[tuple[tuple[str, str], ...], list[tuple[datetime, bool]]] = {}
    try:
        for row in content["data"]["result"]:
            labels = {str(key): str(value) for key, value in row["metric"].items()}
            firing = labels["alertstate"] == "firing"
            key = tuple(sorted((name, value) for name, value in labels.items() if name != "alertstate"))
            samples = [(datetime.fromtimestamp(float(value[0]), UTC), firing) for value in row["values"]]
            series.setdefault(key, []).extend(samples)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, OSError) as error:
        raise SluiceError(f"the answer is not one of Prometheus: {str(content)[:200]}") from error
    found: dict[tuple[str, ...], list[Alert]] = {}
    for key, samples in series.items():
        labels = dict(key)
        for alert in _alerts(labels.get("alertname", "?"), labels, sorted(samples), at):
            alike = (alert.name, *(labels.get(name, "") for name in _TOLD if name != "check"))
            found.setdefault(alike, []).append(alert)
    alerts = [_one(together) for alike in found.values() for together in incidents(alike)]
    return sorted(alerts, key=lambda alert: (alert.began, alert.what))


def _one(alerts: Sequence[Alert]) -> Alert:
    """Make one alert of those of several checks, which are mostly of one fault."""
    checks = sorted({alert.labels["check"] for alert in alerts if "check" in alert.labels})
    more = f" and {len(checks) - _MOST_CHECKS} more" if len(checks) > _MOST_CHECKS else ""
    return replace(
        alerts[0],
        labels={**alerts[0].labels, "check": "; ".join(checks[:_MOST_CHECKS]) + more},
        began=min(alert.began for alert in alerts),
        fired=min(alert.fired for alert in alerts),
        last=max(alert.last for alert in alerts),
        over=all(alert.over for alert in alerts),
    )


def _alerts(
    name: str, labels: Mapping[str, str], samples: Sequence[tuple[datetime, bool]], at: datetime
) -> Iterator[Alert]:
    gaps = [(later[0] - one[0]).total_seconds() for one, later in pairwise(samples)]
    interval = timedelta(seconds=median(gaps)) if gaps else _INTERVAL
    for group in _together(samples):
        fired = next((when for when, firing in group if firing), None)
        if fired is None:
            continue
        last = max(when for when, firing in group if firing)
        began = group[0][0]
        yield Alert(name, labels, began, fired, last, at - last > _MISSED * interval)


def _together(samples: Sequence[tuple[datetime, bool]]) -> list[list[tuple[datetime, bool]]]:
    groups: list[list[tuple[datetime, bool]]] = []
    for sample in samples:
        if groups and sample[0] - groups[-1][-1][0] <= _APART:
            groups[-1].append(sample)
        else:
            groups.append([sample])
    return groups


def incidents(alerts: Sequence[Alert]) -> list[list[Alert]]:
    """Put together what was at the same time, or nearly so; oldest first."""
    found: list[list[Alert]] = []
    last = datetime.min.replace(tzinfo=UTC)
    for alert in sorted(alerts, key=lambda each: each.began):
        if found and alert.began - last <= _APART:
            found[-1].append(alert)
            last = max(last, alert.last)
        else:
            found.append([alert])
            last = alert.last
    return found
