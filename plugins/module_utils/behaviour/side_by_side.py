"""Two stages that are asked the same, side by side: the live release twice, the candidate once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ..config.derive import DerivedRequest
from ..contract.model import Check, to_json
from ..staging.stage import Stage
from .attribution import Attribution
from .changes import DirectiveChange
from .comparing import Compared, blocks_of, compare
from .exchange import Exchange, ask
from .fields import Fields, fields_of
from .judging import Judge
from .plan import request_of
from .pools import Pools

__all__ = ["NOT_ASKED", "Beside", "Three"]

Three = tuple[Fields, Fields, Fields]

NOT_ASKED = "not asked"
_SAMPLE = 5
_MOST_AGAIN = 400
_FEW = 12
# More checks than a person writes are those of many servers.
_MOST_CHECKS = 200


@dataclass(frozen=True)
class Beside:
    """The stages of the live release and of the candidate, and what makes their answers comparable.

    ``apart`` are requests that are asked from an address each. ``is_large`` says that nginx takes long to start from
    them, so that only what fails is asked again.
    """

    live: Stage
    candidate: Stage
    pools: Pools
    releases: tuple[str, str]
    caches: Collection[str]
    apart: Collection[DerivedRequest] = field(default=(), kw_only=True)
    is_large: bool = field(default=False, kw_only=True)

    def answers(self, requests: Sequence[DerivedRequest], *, once: bool = False) -> list[Three]:
        """Ask everything from a fresh start. Raises ``SluiceError`` when nginx does not start.

        The live release is asked a second time where the candidate answers otherwise: that may be chance. Not so if
        ``once``, where it is known what chance does.
        """
        before, after = self._both(requests)
        places = {_place(requests[n]) for n in range(len(requests)) if before[n] != after[n] and not once}
        # What caches hold comes from other requests for the same place.
        numbers = [n for n, request in enumerate(requests) if _place(request) in places]
        again = list(before)
        if numbers:
            second = self._ask(self.live, [requests[n] for n in numbers])
            for n, answer in zip(numbers, second.answers, strict=True):
                again[n] = self._flat(requests[n], answer, False)
        return list(zip(before, again, after, strict=True))

    def _both(self, requests: Sequence[DerivedRequest]) -> tuple[list[Fields], list[Fields]]:
        """Ask both at once, from a fresh start; return what live answers, and what the candidate does."""
        with ThreadPoolExecutor(2) as pool:
            live = pool.submit(self._ask, self.live, requests)
            candidate = self._ask(self.candidate, requests)
            first = live.result()
        before = [self._flat(request, one, False) for request, one in zip(requests, first.answers, strict=True)]
        after = [self._flat(request, one, True) for request, one in zip(requests, candidate.answers, strict=True)]
        return before, after

    def _ask(self, stage: Stage, requests: Sequence[DerivedRequest]) -> Exchange:
        return ask(stage, requests, fresh=True, caches=self.caches, apart=self.apart)

    def _flat(self, request: DerivedRequest, answer: Any, candidate: bool) -> Fields:
        return fields_of(request, answer, self.releases, self.pools, candidate)

    def confirmed(
        self,
        compared: Sequence[Compared],
        requests: Sequence[DerivedRequest],
        explained: tuple[Attribution, Judge],
        accepted: Callable[[Compared], object],
        foretold: Callable[[DerivedRequest], bool] = lambda request: False,
    ) -> list[Compared]:
        """Ask twice for some of each failing change, and leave out what does not come both times: that was chance.

        Requests for the same paths are asked with them, since caches remember. Where there are few changes, those that
        fail nothing are asked for as well, unless the releases are large, or it was ``foretold`` that a request is
        answered otherwise. What is ``accepted`` was to come, and is not asked for.
        """
        groups: dict[object, list[Compared]] = {}
        few = not self.is_large and len({one.group for one in compared}) <= _FEW
        for one in compared:
            if (one.fails or (few and not foretold(one.request))) and not accepted(one):
                groups.setdefault(one.group, []).append(one)
        chosen = [one for group in groups.values() for one in group[:_SAMPLE]][:_MOST_AGAIN]
        tried = {one.group for one in chosen}
        if chosen:
            places = {_place(one.request) for one in chosen}
            subset = [request for request in requests if _place(request) in places]
            (first, after), (second, later) = self._both(subset), self._both(subset)
            for side in (after, later):
                answers = list(zip(first, second, side, strict=True))
                again = {(one.request, one.difference) for one in compare(subset, answers, *explained)}
                chosen = [one for one in chosen if (one.request, one.difference) in again]
        real = {one.group for one in chosen}
        return [one for one in compared if one.group in real or one.group not in tried or accepted(one)]

    @staticmethod
    def failing(compared: Sequence[Compared], requests: Sequence[DerivedRequest]) -> list[DerivedRequest]:
        """Return requests that show each failing change, with those for the same places."""
        groups: dict[object, list[Compared]] = {}
        for one in compared:
            if one.fails:
                groups.setdefault(one.group, []).append(one)
        places = {_place(one.request) for group in groups.values() for one in group[:_SAMPLE]}
        return [request for request in requests if _place(request) in places]

    def restore(self) -> None:
        """Leave nothing behind for who asks next: caches remember, and an upstream that failed on demand is shunned."""
        wanted = [{"caches": list(self.caches)}]
        with ThreadPoolExecutor(2) as pool:
            live = pool.submit(self.live.ask, "serve", wanted)
            self.candidate.ask("serve", wanted)
            live.result()

    def meant(
        self,
        contract: Sequence[Check],
        attribution: Attribution,
        compared: Sequence[Compared],
        changed: Sequence[DirectiveChange],
    ) -> dict[int, str]:
        """The blocks of the candidate that a check speaks for: it holds here and not on the live release.

        Of a large contract only checks for blocks of which something is ``compared`` or ``changed`` are asked.
        """
        if len(contract) > _MOST_CHECKS:
            wanted = {block for one in compared for block in blocks_of(one.met)[-1:]}
            wanted |= {id(part) for change in changed for part in (change.new, change.blocks[1]) if part is not None}
            contract = [check for check in contract if wanted.intersection(_blocks(check, attribution)[-1:])]
        if not contract:
            return {}
        self.restore()
        rows = [to_json(check) for check in contract]
        with ThreadPoolExecutor(2) as pool:
            before = pool.submit(self.live.ask, "checks", rows)
            after = self.candidate.ask("checks", rows)["outcomes"]
        found = {}
        for check, old, new in zip(contract, before.result()["outcomes"], after, strict=True):
            blocks = _blocks(check, attribution)
            if new["ok"] and not old["ok"] and blocks:
                found[blocks[-1]] = check.name
        return found


def _blocks(check: Check, attribution: Attribution) -> tuple[int, ...]:
    return blocks_of(attribution.way(request_of(check), True).met)


def _place(request: DerivedRequest) -> tuple[str, str]:
    return request.host, request.path
