"""What this host serves, and in what state: the release, its drift, its watchdog, nginx's workers, certificates."""

from __future__ import annotations

import calendar
import os
import time
from contextlib import suppress
from typing import Any, Callable

from ...engine.host.nginx import find_master
from ...engine.host.processes import Worker, open_logs, workers_of
from ...engine.logs import logs_of
from ...engine.records import Pids
from ...engine.session import Fault, Session
from ...engine.state import empty
from ...engine.trees.drift import drift, sorted_drift
from ...untrusted import ReleaseId
from .certificates import Certificates
from .exposition import Metrics

__all__ = ["Looking"]

# Workers that were started within so many ticks of each other are of one reload.
_GENERATION = 100
_MOST_PIDS = 10_000
_CERTIFICATES = (".pem", ".crt", ".cer", ".cert")


class Looking:
    """Looks again and again, and remembers what is dear to find out."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._stamp: Any = None
        self._drift: list[str] = []
        self._meta: tuple[Any, dict[str, Any]] = (None, {})
        self._draining: dict[tuple[int, int], float] = {}
        self._certificates = Certificates()
        self.contract: list[dict[str, Any]] = []
        self.logs: list[str] = []
        self.pids = Pids(frozenset(), frozenset())

    def look(self, metrics: Metrics) -> list[str]:
        """Write all of it; ``contract`` and ``logs`` are then those of the live release.

        Returns what could not be looked at; the rest is told all the same.
        """
        problems: list[str] = []
        state, meta = empty(), self._meta[1]

        def tell(part: Callable[[], None]) -> None:
            try:
                part()
            except Exception as error:  # the next round may see it again
                problems.append(f"{type(error).__name__}: {error}")

        def know() -> None:
            nonlocal state, meta
            state = self._session.store.load()
            meta = self._live_meta(state["live"])
            self.contract = meta.get("contract") or []

        tell(know)
        if not problems:
            tell(lambda: self._tell_release(metrics, state))
            tell(lambda: self._tell_drift(metrics, state))
        tell(lambda: self._tell_nginx(metrics, meta))
        tell(lambda: self._tell_certificates(metrics, meta))
        return problems

    def _live_meta(self, live: ReleaseId | None) -> dict[str, Any]:
        """Read what is stored about the live release, once: it may be large."""
        if not live:
            return {}
        status = os.stat(self._session.layout.meta(live))
        stamp = (live, status.st_ino, status.st_mtime_ns)
        if self._meta[0] != stamp:
            self._meta = (stamp, self._session.store.meta(live))
        return self._meta[1]

    def _tell_release(self, metrics: Metrics, state: dict[str, Any]) -> None:
        pending, confirmed, last = state["pending"], state["confirmed"] or {}, state["last"] or {}
        live = state["live"]
        record = pending if pending and pending["release"] == live else confirmed
        if live:
            pushed = str(record.get("since") or "")
            labels = {"release": live[:12], "pushed": f"{pushed[:19]}Z" if pushed else "unknown"}
            text = "The live release, the run that brought it, and when that was."
            metrics.gauge("sluice_release_info", text, 1, **labels, run=record.get("run") or "none")
            if pushed:
                metrics.gauge("sluice_release_pushed_timestamp_seconds", "When it came.", _seconds(pushed))
        metrics.gauge("sluice_release_managed", "Whether Sluice has released anything here.", bool(live))
        metrics.gauge("sluice_release_confirmed", "Whether the live release is confirmed.", bool(live) and not pending)
        metrics.gauge("sluice_release_pending", "Whether a release is pending.", bool(pending))
        broken = bool(pending and pending.get("broken"))
        metrics.gauge("sluice_release_broken", "Whether a rollback failed, so that a person is needed.", broken)
        fired = _seconds(str(last["at"])) if last.get("by") == "watchdog" else 0
        text = "When the watchdog rolled a release back, if that was the last event; else 0."
        metrics.gauge("sluice_watchdog_fired_timestamp_seconds", text, fired)

    def _tell_drift(self, metrics: Metrics, state: dict[str, Any]) -> None:
        """Digests are made only when any file was touched since the last time, which its inode tells."""
        stamp = (self._session.layout.linked(), state["version"], _stamp(str(self._session.layout.conf)))
        if stamp != self._stamp:
            found = sorted_drift(self._session, state, drift(self._session, state))
            self._drift = [difference.path for difference in found.own]
            self._stamp = stamp
        text = "Files of the live tree that somebody changed since the release; not those that packages changed."
        metrics.gauge("sluice_drift_files", text, len(self._drift))

    def _tell_nginx(self, metrics: Metrics, meta: dict[str, Any]) -> None:
        up = "Whether one nginx runs."
        logs = logs_of(meta, "access_logs") | logs_of(meta, "error_logs")
        try:
            master = find_master(self._session)
        except Fault:
            metrics.gauge("sluice_nginx_up", up, 0)
            self.logs = sorted(logs)
            return
        metrics.gauge("sluice_nginx_up", up, 1)
        proc = self._session.system.proc
        workers = workers_of(proc, master)
        self.logs = sorted(logs | set(open_logs(proc, master.pid)))
        # Lines of those that have ended may still be unread.
        masters, known = self.pids.masters | {master.pid}, self.pids.workers | {worker.pid for worker in workers}
        if len(known) > _MOST_PIDS:
            masters, known = frozenset([master.pid]), frozenset(worker.pid for worker in workers)
        self.pids = Pids(masters, known)
        draining = [worker for worker in workers if worker.draining]
        now = time.monotonic()
        self._draining = {worker.key: self._draining.get(worker.key, now) for worker in draining}
        text = "Workers that serve, and workers of before a reload that still end what they have."
        metrics.gauge("sluice_nginx_workers", text, len(workers) - len(draining), state="serving")
        metrics.gauge("sluice_nginx_workers", text, len(draining), state="draining")
        metrics.gauge("sluice_nginx_worker_generations", "Reloads whose workers are there.", _generations(workers))
        oldest = now - min(self._draining.values(), default=now)
        metrics.gauge("sluice_nginx_draining_seconds", "For how long the oldest of them has been ending.", oldest)

    def _tell_certificates(self, metrics: Metrics, meta: dict[str, Any]) -> None:
        conf = self._session.layout.conf
        inside = [str(conf / str(row[0])) for row in meta.get("manifest") or [] if str(row[0]).endswith(_CERTIFICATES)]
        kept = [str(conf / str(path)) for path in meta.get("shared") or []]
        outside = (meta.get("facts") or {}).get("outside") or []
        for path, end in sorted(self._certificates.ends({*inside, *kept, *outside}).items()):
            text = "Until when a certificate is good that the live release names."
            metrics.gauge("sluice_certificate_expiry_timestamp_seconds", text, end, file=path)


def _seconds(at: str) -> int:
    return calendar.timegm(time.strptime(at[:19], "%Y-%m-%dT%H:%M:%S"))


def _stamp(root: str) -> list[tuple[str, int, int, int, int]]:
    """Return what changes whenever anything below ``root`` does: nobody sets the time at which an inode was changed."""
    found = []
    folders = [os.path.realpath(root)]
    while folders:
        with suppress(FileNotFoundError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                found.append((entry.path, status.st_ino, status.st_ctime_ns, status.st_size, status.st_mode))
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
    return sorted(found)


def _generations(workers: list[Worker]) -> int:
    starts = sorted(worker.started for worker in workers)
    return sum(after - before > _GENERATION for before, after in zip([-_GENERATION - 1, *starts], starts))
