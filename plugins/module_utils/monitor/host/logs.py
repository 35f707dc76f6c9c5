"""Counters out of nginx's logs: requests, 5xx, and the lines that say why a reload failed."""

from __future__ import annotations

from typing import Iterable

from ...engine.logs import OWN, Limit, copied, mark, share, since
from ...engine.records import SEVERE, LogLines, Pids, Records
from .exposition import Metrics

__all__ = ["Logs"]

_LEVELS = ("emerg", "alert", "crit")
# A round must not wait for a log that is written faster than it can be read: in bytes, and in seconds.
_MOST, _LONGEST = 64 << 20, 2.0


class Logs:
    """Follows logs from the moment on at which each is first seen."""

    def __init__(self) -> None:
        self._marks: dict[str, list[int]] = {}
        self._records: dict[str, Records] = {}
        self._requests = self._failed = 0
        self._own, self._unproven, self._visitors = (dict.fromkeys(_LEVELS, 0) for _ in range(3))

    def read(self, paths: Iterable[str], pids: Pids) -> None:
        """Count what was logged since the last time. Lines about requests of monitors and checks are left out."""
        limit = Limit(_MOST, _LONGEST)
        self.look(pids)
        for path in paths:
            if path not in self._marks:
                marks = mark([path])[0]
                self._marks.update(marks)
                # Which log is of which kind is seen by its lines.
                self._records.update({path: Records(copied({path: at})) for path, at in marks.items()})
            elif path in self._records and self._records[path].are_other:
                # In an error log a visitor can write the lines of any request.
                counted = share(since(path, self._marks[path], limit), OWN)
                self._requests += counted.requests
                self._failed += counted.failed

    def look(self, pids: Pids) -> bool:
        """Count nginx's own words. The more often, the surer it is which lines are: see ``records``.

        Returns whether an error log had anything new.
        """
        limit, size = Limit(_MOST, _LONGEST), 0
        for records in self._records.values():
            found = records.read(pids, limit)
            self._count(found)
            size += found.size
        return size > 0

    def _count(self, found: LogLines) -> None:
        for counts, new in (
            (self._own, found.levels),
            (self._unproven, found.unproven_levels),
            (self._visitors, found.visitor_levels),
        ):
            for level in SEVERE:
                counts[level] += new.get(level, 0)

    def tell(self, metrics: Metrics) -> None:
        """Tell the counters."""
        metrics.counter("sluice_http_requests_total", "Requests in the access logs.", self._requests)
        metrics.counter("sluice_http_errors_total", "Requests answered with 5xx in the access logs.", self._failed)
        for name, text, counts in (
            ("severe", "Lines in which nginx itself says that it could not do what it was told.", self._own),
            ("unproven", "Lines of that form that nginx or a visitor may have written.", self._unproven),
            ("visitor", "Lines at these levels about connections, which visitors can bring about.", self._visitors),
        ):
            for level, count in counts.items():
                metrics.counter(f"sluice_nginx_{name}_lines_total", text, count, level=level)
