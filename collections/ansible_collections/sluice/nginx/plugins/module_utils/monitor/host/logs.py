"""Counters out of nginx's logs: requests, 5xx, and the lines that say why a reload failed."""

from __future__ import annotations

from ...engine.logs import OWN, mark, severe, share, since
from ...lean import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Iterable, Iterator

    from .exposition import Metrics

__all__ = ["Logs"]

_LEVELS = ("emerg", "alert", "crit")


class Logs:
    """Follows logs from the moment on at which each is first seen."""

    def __init__(self) -> None:
        self._marks: dict[str, list[int]] = {}
        self._requests = self._failed = 0
        self._severe = dict.fromkeys(_LEVELS, 0)

    def read(self, paths: Iterable[str]) -> None:
        """Count what was logged since the last time. Lines about requests of monitors and checks are left out."""
        for path in paths:
            if path not in self._marks:
                self._marks.update(mark([path])[0])
            elif path in self._marks:
                counted = share(self._without_severe(since(path, self._marks[path])), OWN)
                self._requests += counted.requests
                self._failed += counted.failed

    def _without_severe(self, lines: Iterable[str]) -> Iterator[str]:
        """Which log is of which kind is seen by its lines."""
        for line in lines:
            # Cheap, and no line of an access log begins so: it has an address, a name or a brace there.
            if line[4:5] == "/" and line[7:8] == "/":
                for level in _LEVELS:
                    if f"[{level}]" in line:
                        self._severe[level] += len(severe([line], frozenset(), frozenset([level])))
            else:
                yield line

    def tell(self, metrics: Metrics) -> None:
        """Tell the counters."""
        metrics.counter("sluice_http_requests_total", "Requests in the access logs.", self._requests)
        metrics.counter("sluice_http_errors_total", "Requests answered with 5xx in the access logs.", self._failed)
        for level, count in self._severe.items():
            text = "Lines of the error logs at the levels that say that nginx could not do what it was told."
            metrics.counter("sluice_nginx_severe_lines_total", text, count, level=level)
