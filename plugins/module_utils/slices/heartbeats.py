"""Heartbeats of slices in a store: each gives its own, and sees for how long those of the others have been the same."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from ..coordination.model import CoordinationStore, StoreFault
from ..textfmt import now
from ..untrusted import whole_number

__all__ = ["Heartbeats"]

# Seconds.
_LOOK = 5.0


class Heartbeats:
    """Those below ``folder``. ``number`` is this slice's own, 0 before it has a place; ``fresh`` is how old, in
    seconds, one may be of a slice that is at work.

    ``seen`` is what steps before saw: the revision of each, and when it was first seen, by the monotonic clock of this
    machine.
    """

    def __init__(
        self,
        open_store: Callable[[], CoordinationStore],
        folder: str,
        run: str,
        number: int,
        seen: Mapping[str, tuple[int, float]],
        fresh: float,
    ) -> None:
        self.seen = dict(seen)
        self._open, self._folder, self._run, self._number, self._fresh = open_store, folder, run, number, fresh
        self._looked = float("-inf")

    def begin(self, number: int, store: CoordinationStore) -> None:
        """Give the first one, of the slice that has taken a place. Raises ``StoreFault``."""
        self._number = number
        self._give(store, {})

    def silences(self, store: CoordinationStore, *, is_urgent: bool) -> dict[int, float]:
        """Return for how many seconds the heartbeat of each other slice has been the same, as this machine sees it.

        Each slice reads those of all others, so it looks about as often as one gives them, unless it ``is_urgent``.
        Raises ``StoreFault``.
        """
        at = time.monotonic()
        if is_urgent or at - self._looked >= min(_LOOK, self._fresh / 8):
            self._look(store, at)
        return {int(name): at - since for name, (_, since) in self.seen.items()}

    def _look(self, store: CoordinationStore, at: float) -> None:
        for entry in store.entries(self._folder):
            name = entry.key.rpartition("/")[2]
            # Whoever writes to the store may have other keys there.
            if whole_number(name) in (None, self._number):
                continue
            revision, since = self.seen.get(name, (0, 0.0))
            # The clock of before may be that of another boot.
            if revision != entry.revision or since > at:
                # What is seen for the first time may be old, and counts as fresh only once it has changed.
                since = at if revision else at - self._fresh - 0.001
                self.seen[name] = (entry.revision, since)
        self._looked = at

    @contextmanager
    def given(self) -> Iterator[None]:
        """Give heartbeats meanwhile, from when this slice has a place."""
        ended = threading.Event()
        thread = threading.Thread(target=self._give_on, args=(ended,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(2)

    def _give_on(self, ended: threading.Event) -> None:
        # A connection of its own: the step's is at work.
        store = self._open()
        state: dict[str, int] = {}
        while True:
            # A store that does not answer is the step's to report; the others see that nothing comes.
            with suppress(StoreFault):
                if self._number:
                    self._give(store, state)
            if ended.wait(max(0.5, min(10.0, self._fresh / 4))):
                store.close()
                return

    def _give(self, store: CoordinationStore, state: dict[str, int]) -> None:
        key, value = f"{self._folder}/{self._number}", json.dumps({"at": now(), "run": self._run}).encode()
        if "revision" not in state:
            found = store.get(key)
            state["revision"] = found.revision if found else 0
        revision = store.compare_and_set(key, value, state.pop("revision"))
        if revision:
            state["revision"] = revision
