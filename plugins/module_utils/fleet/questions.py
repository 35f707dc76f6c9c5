"""What each host is asked in a step of a roll-out, by the journal so far. Pure: no host is asked here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..errors import SluiceError
from ..gating.receipts import Receipt
from ..release.store import Release, ReleaseStore
from ..untrusted import ReleaseId, read_release_id
from .decisions import RunState
from .requests import Question, RolloutOptions, build, hold_to
from .run_record import Run
from .signing import Signer, sign_rollback

__all__ = ["Questions", "Wanted"]


class Wanted(NamedTuple):
    """An operation, the release that it is about (None where the host is to find it), and whether the host has it."""

    operation: str
    identity: ReleaseId | None
    has_release: bool


class Questions:
    """Makes the questions of a step from its ``options``.

    ``signer`` returns what signs a rollback, or None. ``decision`` returns where a host asks how a roll-out of several
    slices ends, or None.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        run: Run,
        terms: RolloutOptions,
        store: ReleaseStore,
        *,
        signer: Callable[[], Signer | None],
        decision: Callable[[], Mapping[str, Any] | None],
    ) -> None:
        self.terms = terms
        self._run, self._store, self._signer, self._decision = run, store, signer, decision
        self._releases: Mapping[str, Any] = options["releases"]
        self._needs: Mapping[str, Any] = options["needs"]
        self._stored: str = options["stored"]

    def wanted(self, operation: str, host: str, course: RunState) -> Wanted:
        """Return what a host is to be asked. Hosts for which that is the same are asked the same.

        Raises ``SluiceError`` where the host has no release.
        """
        if operation == "preflight":
            return Wanted(operation, None if self._stored else self._own(host), False)
        if operation == "rollback":
            # Where it goes back to, the host knows; nothing that was noted before must keep it from that.
            return Wanted(operation, None, False)
        story = course.stories[host]
        # What the host was asked for, of which it was held to answer; else what it has stored under a name.
        identity = read_release_id(story.said("preflight", "release"))
        if operation == "activate" and not self._stored:
            identity = self._own(host)
        return Wanted(operation, identity, bool(story.said("preflight", "has_release")))

    def question(self, wanted: Wanted, bake: float) -> Question:
        """Return the question; ``bake`` is for how long the host is watched, in seconds. Raises ``SluiceError``."""
        operation, identity, has_release = wanted
        return build(
            operation,
            self._run,
            identity or "",
            self._release(operation, identity),
            self.terms,
            has_release=has_release,
            needs=self._needs.get(identity or "", []),
            stored=self._stored,
            bake=bake,
            permission=self._permission(operation, identity),
            decision=self._decision() if operation == "activate" else None,
        )

    def held(self, wanted: Wanted, answer: dict[str, Any]) -> dict[str, Any]:
        """Return a host's answer, or a failure where it is about another release than was asked for."""
        return hold_to(wanted.operation, wanted.identity, self._stored, answer)

    def _own(self, host: str) -> ReleaseId:
        """Return the release that the gates made for a host. Raises ``SluiceError`` where that is none."""
        identity = self._releases.get(host)
        if not identity:
            raise SluiceError("the gates made no release for this host; run sluice.nginx.deploy, which runs the gates")
        return read_release_id(identity)

    def _release(self, operation: str, identity: ReleaseId | None) -> Release | None:
        """Return the controller's release that the host is to get; None where it is one that the host has stored."""
        if identity is None or operation not in ("preflight", "activate") or self._stored:
            return None
        return self._store.get(identity)

    def _permission(self, operation: str, identity: ReleaseId | None) -> Receipt | None:
        """Sign that hosts may go back to a release that they have, where there is a key."""
        if identity is None or operation != "activate" or not self._stored:
            return None
        signer = self._signer()
        return sign_rollback(signer, identity, self._run.id) if signer else None
