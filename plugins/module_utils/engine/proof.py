"""The proof that a reload took: a decision over samples of nginx's processes and logs.

Exit codes and signals prove nothing, so what workers do is looked at: workers of the new configuration, and only
they, serve, and go on for half a second: old workers answer beside the new ones for a while, and new ones may die as
soon as they start.
"""

from __future__ import annotations

from typing import Iterable, NamedTuple

from .host.processes import Worker

__all__ = ["Proof", "ProofState", "Sample"]

WINDOW = 0.5


class Sample(NamedTuple):
    """What was seen at one moment, in seconds of the monotonic clock;

    ``lines`` are the severe lines logged since the last sample.
    """

    at: float
    master_alive: bool
    workers: tuple[Worker, ...]
    lines: tuple[str, ...] = ()


class ProofState(NamedTuple):
    """``waiting``, ``finalized`` (only new workers serve, not yet for long enough), ``proved`` or ``failed``."""

    state: str
    why: str = ""
    nginx: str = ""


class Proof:
    """Judges one reload. ``before`` are the workers of before it, ``expected`` the numbers of new ones that are right
    (none: any).
    """

    def __init__(self, before: Iterable[Worker], expected: frozenset[int], window: float = WINDOW) -> None:
        self._old = {worker.key for worker in before}
        self._new: set[tuple[int, int]] = set()
        self._expected = expected
        self._window = window
        self._finalized_at: float | None = None
        self._last = Sample(0.0, True, ())
        self.first_at: float | None = None

    @property
    def old(self) -> list[tuple[int, int]]:
        """The workers of the old configuration, as pid and start."""
        return sorted(self._old)

    @property
    def new(self) -> list[tuple[int, int]]:
        """The workers of the new configuration, as pid and start."""
        return sorted(self._new)

    @property
    def ending(self) -> list[Worker]:
        """The workers of the old configuration that were there in the last sample."""
        return [worker for worker in self._last.workers if worker.key in self._old]

    def feed(self, sample: Sample) -> ProofState:
        """Take the next sample and judge."""
        self._last = sample
        if not sample.master_alive:
            return ProofState("failed", "nginx's master process has ended", "\n".join(sample.lines))
        if sample.lines:
            return ProofState("failed", "nginx reports a fault since the reload", "\n".join(sample.lines))
        # New workers that drain belong to a reload by somebody else meanwhile; its workers are then the ones to judge.
        draining = {worker.key for worker in sample.workers if worker.draining}
        self._old |= draining
        if self._new & draining:
            self._new -= draining
            self._finalized_at = None
        present = {worker.key for worker in sample.workers}
        lost = self._new - present
        if lost:
            return ProofState(
                "failed", f"{_count(len(lost), 'worker')} of the new configuration died right after the reload"
            )
        self._new |= present - self._old
        if self._new and self.first_at is None:
            self.first_at = sample.at
        if self.missing():
            self._finalized_at = None
            return ProofState("waiting")
        if self._finalized_at is None:
            self._finalized_at = sample.at
        return ProofState("proved" if sample.at - self._finalized_at >= self._window else "finalized")

    def missing(self) -> str:
        """Return what the proof still lacks; nothing when it has finalized."""
        serving = [worker for worker in self._last.workers if worker.key in self._old and not worker.draining]
        if not self._new:
            return "no worker of the new configuration has started"
        if self._expected and len(self._new) not in self._expected:
            wanted = " or ".join(str(number) for number in sorted(self._expected))
            return f"{_count(len(self._new), 'worker')} of the new configuration run, {wanted} are expected"
        if serving:
            return f"{_count(len(serving), 'worker')} of the old configuration still take connections"
        return ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
