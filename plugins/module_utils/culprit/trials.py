"""Trials: what a gate says of a tree between the live release and the candidate. The gate itself is asked.

Gates that need the stage alone are tried on both stages side by side: they have the same environment, so the one of the
live release serves as well.
"""

from __future__ import annotations

import contextlib
import queue
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

from ..behaviour.exchange import caches
from ..config.parse import Config, Texts, parse_tree
from ..contract.model import Check
from ..errors import SluiceError
from ..needs.reading import needs_of
from ..verdicts.model import Live, Subject, Verdict
from ..verdicts.runner import Gate
from ..verdicts.watching import UNWATCHED, Watcher
from .change import TreeChange
from .failures import all_respects
from .search import OutOfTime, Told
from .trial_folder import TrialFolder

__all__ = ["Trials"]

# Gates that have nginx not running yet.
_COLD = ("syntax", "start")
# Of these, what is said about the live release is not what the search is for.
_ALONE = ("syntax",)


class Trials:
    """Tries sets of edits, each once for each gate. Use it as a context, so that what it makes goes with it.

    ``verdicts`` are what the gates said of the whole change, ``until`` is a time of ``time.monotonic``.
    """

    def __init__(
        self,
        subject: Subject,
        live: Live,
        change: TreeChange,
        gates: Sequence[Gate],
        verdicts: Sequence[Verdict],
        until: float,
        watcher: Watcher = UNWATCHED,
    ) -> None:
        self.tried = 0
        self._watcher = watcher
        self._ended = False
        self._subject = subject
        self._live = live
        self._change = change
        self._gates = {gate.name: gate for gate in gates}
        self._contract = _contract_of(subject, verdicts)
        self._focus = {verdict.gate: verdict.focus for verdict in verdicts}
        self._texts: Texts = {}
        self._until = until
        self._told: dict[tuple[str, frozenset[int]], Told] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="sluice-culprit-"))
        stages = [subject.stage, subject.live_stage]
        self._places = [TrialFolder(self._folder / str(n), live, change, stage) for n, stage in enumerate(stages)]
        self._free: queue.SimpleQueue[TrialFolder] = queue.SimpleQueue()
        for place in self._places:
            self._free.put(place)
        self._pool = ThreadPoolExecutor(len(self._places), thread_name_prefix="culprits")

    def __enter__(self) -> Trials:
        return self

    def __exit__(self, *_: object) -> None:
        # One that goes on ends with its container, and nobody waits for it.
        self._ended = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._clean()

    def at_once(self, name: str) -> int:
        """How many sets are tried side by side for a gate."""
        gate = self._gates[name]
        alone = name in _ALONE or gate.on == ("stage",)
        # A gate without a stage is Python alone, of which one thread runs at a time.
        return len(self._places) if alone and self._subject.live_stage is not None else 1

    def note(self, gate: str, edits: frozenset[int], told: Told) -> None:
        """Take over what is known already."""
        self._told[gate, edits] = told

    def ask(self, gate: str, sets: Sequence[frozenset[int]]) -> list[Told]:
        """In which respects the gate fails with each set of edits; in none where it could not be asked.

        Raises ``OutOfTime``.
        """
        new = [each for each in dict.fromkeys(sets) if (gate, each) not in self._told]
        width = self.at_once(gate)
        for start in range(0, len(new), width):
            self._ask(gate, new[start : start + width])
        return [self._told[gate, each] for each in sets]

    def _ask(self, gate: str, sets: Sequence[frozenset[int]]) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise OutOfTime
        running = {self._pool.submit(self._try, self._gates[gate], each): each for each in sets}
        ended = wait(running, left)
        for done in ended.done:
            self._told[gate, running[done]] = done.result()
            self.tried += 1
        self._watcher.tried(gate, self.tried)
        if ended.not_done:
            raise OutOfTime

    def _try(self, gate: Gate, edits: frozenset[int]) -> Told:
        with self._place() as place:
            try:
                verdict = replace(gate.run(self._mixed(gate, edits, place)), gate=gate.name)
            except Exception:  # what cannot be examined fails in another way, whatever it is
                return frozenset()
            return all_respects(verdict)

    @contextlib.contextmanager
    def _place(self) -> Iterator[TrialFolder]:
        place = self._free.get()
        try:
            yield place
        finally:
            self._free.put(place)
            self._clean()

    def _clean(self) -> None:
        """Remove what was made when nothing writes there any more."""
        if self._ended and self._free.qsize() == len(self._places):
            shutil.rmtree(self._folder, ignore_errors=True)

    def _mixed(self, gate: Gate, edits: frozenset[int], place: TrialFolder) -> Subject:
        """The subject as the gate would meet it, were the mixed tree the candidate. Raises ``SluiceError``."""
        if gate.on and self.at_once(gate.name) == 1:
            # It has both stages for itself, and nothing else runs.
            place = self._places[0]
        release = place.release(edits)
        config = parse_tree(release.tree, prefix=self._live.config.prefix, texts=self._texts)
        subject = replace(self._subject, release=release, config=config, focus=self._focus[gate.name])
        if not gate.on:
            return replace(subject, needs=needs_of(config, release.paths))
        if config.problems:
            raise SluiceError(config.problems[0].what)
        beside = None if self.at_once(gate.name) > 1 else self._places[1]
        self._put(gate, edits, config, place, beside)
        contract = self._contract if gate.name == "smoke" else subject.contract
        return replace(subject, contract=contract, stage=place.stage, live_stage=beside.stage if beside else None)

    def _put(
        self, gate: Gate, edits: frozenset[int], config: Config, place: TrialFolder, beside: TrialFolder | None
    ) -> None:
        """Put the tree on its stage; ``beside`` is that of the live release, and has the tree to reload into."""
        kept = sorted(caches(config) | caches(self._live.config))
        if beside is not None:
            beside.lay(edits)
            if beside.back():
                beside.serve(kept)
        place.become(edits, cold=gate.name in _COLD)
        if gate.name not in _COLD and self._is_after(gate, "start"):
            place.serve(kept)

    def _is_after(self, gate: Gate, name: str) -> bool:
        return name in gate.after or any(self._is_after(self._gates[each], name) for each in gate.after)


def _contract_of(subject: Subject, verdicts: Sequence[Verdict]) -> list[Check]:
    """The checks that failed, and one for each other host, since redirects are followed to hosts of the contract."""
    sources = {finding.check for verdict in verdicts if verdict.gate == "smoke" for finding in verdict.findings}
    failed = [check for check in subject.contract if check.source in sources]
    others = {check.host: check for check in reversed(subject.contract)}
    return failed + [check for host, check in others.items() if host not in {each.host for each in failed}]
