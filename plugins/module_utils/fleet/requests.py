"""What a host is asked in each phase: the request for its engine, and the bundle. Pure: no host is asked here."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import remote
from ..errors import InputError, SluiceError
from ..gating.receipts import Receipt, read_receipt
from ..release.store import Release
from .policy import read_approvals
from .run_record import Run

__all__ = ["LEAST_DEADLINE", "Question", "RolloutOptions", "build", "hold_to", "reason_of", "sent_of", "size_of"]

_OF_ONE_RELEASE = ("preflight", "activate", "confirm")
_OTHER_NAMES = ("live", "previous")
_NOT_ITSELF = "see who answers there in place of the engine"

LEAST_DEADLINE = 5.0
"""Seconds. A watchdog with less would roll back what a busy network delays."""
_LONGEST_DEADLINE = 86400.0


@dataclass(frozen=True)
class Question:
    """A request and, for a release that the host lacks, its bundle. Hosts that are asked the same share one."""

    request: dict[str, Any]
    bundle: bytes = b""

    @functools.cached_property
    def payload(self) -> bytes:
        """What is sent."""
        return remote.payload(self.request, self.bundle, engine=False)

    @functools.cached_property
    def first_payload(self) -> bytes:
        """What is sent to a host that has not got this engine yet."""
        return remote.payload(self.request, self.bundle, engine=True)


def reason_of(emergency: str) -> str:
    """Return the reason of an emergency, or nothing when there is none. Raises ``InputError`` for one that is blank."""
    if emergency and not emergency.strip():
        raise InputError(
            "rollout_emergency", "the reason is blank; say in a few words why the gates are overridden, or leave it out"
        )
    return emergency.strip()


@dataclass(frozen=True)
class RolloutOptions:
    """What the user sets: ``confirm_timeout`` in seconds, ``keep`` in releases, ``drift`` is refuse,
    adopt-package, adopt or discard,
    ``emergency`` the reason for which gates are overridden. ``looking`` is check mode.

    Raises ``InputError`` for what cannot be.
    """

    keep: int = 5
    drift: str = "adopt-package"
    emergency: str = ""
    confirm_timeout: float = 120.0
    want_tree: bool = False
    looking: bool = False

    def __post_init__(self) -> None:
        reason_of(self.emergency)
        if self.confirm_timeout < LEAST_DEADLINE:
            raise InputError(
                "rollout_confirm_timeout",
                f"{self.confirm_timeout:g} s is too short: a run gives hosts a heartbeat between its requests, and "
                f"needs {LEAST_DEADLINE:g} s or more for that",
            )
        if not self.confirm_timeout <= _LONGEST_DEADLINE:
            raise InputError(
                "rollout_confirm_timeout",
                f"{self.confirm_timeout:g} s is no time for a watchdog; give seconds up to {_LONGEST_DEADLINE:.0f}",
            )

    @property
    def timeout(self) -> float:
        """Seconds after which a host that does not answer has failed.

        The other hosts pending are not asked anything meanwhile, and their watchdogs must not lose timeout first.
        """
        return max(60.0, self.confirm_timeout * 2 / 3)


def _preflight(release: Release | None, terms: RolloutOptions, needs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    asked: dict[str, Any] = {"want_tree": terms.want_tree, "drift": terms.drift, "recover": not terms.looking}
    if release is None:
        return asked
    described = _described(release, ("platform", "facts"))
    return {**asked, **described, "needs_bytes": size_of(release), "needs": list(needs)}


def build(
    operation: str,
    run: Run,
    identity: str,
    release: Release | None,
    terms: RolloutOptions,
    *,
    has_release: bool = False,
    of: str | None = None,
    needs: Sequence[Mapping[str, Any]] = (),
    stored: str = "",
    bake: float = 0.0,
    permission: Receipt | None = None,
    decision: Mapping[str, Any] | None = None,
) -> Question:
    """Make the question for ``operation``.

    ``release`` is None when the host itself has stored all of it (a rollback), and ``stored`` is how it is named there;
    ``of`` is the run that is rolled back, where it is not the one that asks; ``needs`` are what the host must have for
    the release; ``bake`` is for how long it is watched, in seconds; ``permission`` is the signed one to go back to a
    release that is stored; ``decision`` is where the host asks how a roll-out of several slices ends. Raises
    ``SluiceError`` where the gates' receipt does not allow it.
    """
    request: dict[str, Any] = {"op": operation, "run": run.asking(), "release": identity}
    if operation == "preflight":
        request.update(_preflight(release, terms, needs), **({} if release or identity else {"stored": stored}))
    elif operation == "activate":
        request.update(drift=terms.drift, emergency=reason_of(terms.emergency), seconds=bake)
        request["options"] = {"confirm_timeout": terms.confirm_timeout}
        if decision:
            request["decision"] = dict(decision)
        if release is not None:
            request.update(_shipped(release, terms))
            return Question(request, b"" if has_release else release.bundle)
        request.update(release={"id": identity}, stored=True, **_signed(permission))
    elif operation == "bake":
        request["seconds"] = bake
    elif operation == "confirm":
        request["keep"] = terms.keep
    elif operation == "rollback" and of:
        request["of"] = of
    return Question(request)


def _shipped(release: Release, terms: RolloutOptions) -> dict[str, Any]:
    """Return what a host is to know of a release that it gets, and why it may take it."""
    described = sent_of(release)
    approvals = read_approvals(release)
    more = {"approvals": approvals} if approvals else {}
    return {"release": described, **_signed(_receipt(release, terms)), **more}


def sent_of(release: Release) -> dict[str, Any]:
    """Return what a host gets of a release beside its bundle. Raises ``SluiceError`` for one that is damaged."""
    return _described(release, ("id", "manifest", "shared", "facts", "contract", "platform"))


def _signed(receipt: Receipt | None) -> dict[str, Any]:
    return {} if receipt is None else {"receipt": receipt.content, "signature": receipt.signature}


def hold_to(operation: str, identity: str | None, stored: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Return a host's answer; in its place a failure where it names another release than the one that it was asked for.

    That is ``identity``, or None where the host is to find what the user named as ``stored``: then any release will do
    whose id begins so, for the host has all of it, and gets nothing.
    """
    named = answer.get("release")
    if operation not in _OF_ONE_RELEASE or not answer.get("ok") or named is None:
        return answer
    expected = identity if identity is not None else "" if stored in _OTHER_NAMES else stored
    if str(named).startswith(expected):
        return answer
    what = f"the host answers for release {str(named)[:12]}, and was asked for {expected[:12]}; it is not to be trusted"
    return {**answer, "ok": False, "release": expected, "problems": [{"what": what, "fix": _NOT_ITSELF}]}


def _receipt(release: Release, terms: RolloutOptions) -> Receipt | None:
    """The receipt that is sent: none in an emergency where none is good. Only a host that verifies no signature then
    takes the release, for the reason alone.
    """
    emergency = bool(reason_of(terms.emergency))
    try:
        return read_receipt(release, emergency=emergency)
    except SluiceError:
        if emergency:
            return None
        raise


def _described(release: Release, wanted: Sequence[str]) -> dict[str, Any]:
    described = release.described
    lacking = [name for name in wanted if name not in described]
    if lacking:
        raise SluiceError(
            f"the description of release {release.id[:12]} lacks {lacking[0]}; run the gates again, which write it"
        )
    return {name: described[name] for name in wanted}


def size_of(release: Release) -> int:
    """Return how many bytes its unpacked files have."""
    return sum(path.lstat().st_size for path in release.tree.rglob("*") if path.is_file())
