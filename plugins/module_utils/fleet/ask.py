"""What a host is asked in each phase: the request for its engine, and the bundle. Pure: no host is asked here."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import remote
from ..errors import InputError, SluiceError
from ..release.store import Release
from ..verdicts.receipts import Receipt, read_receipt
from .record import Run

__all__ = ["LEAST_DEADLINE", "Question", "Terms", "build", "hold_to", "reason_of", "sentence"]

_OF_ONE_RELEASE = ("preflight", "activate", "confirm")
_OTHER_NAMES = ("live", "previous")
_NOT_ITSELF = "see who answers there in place of the engine"

LEAST_DEADLINE = 5.0
"""Seconds. A guard with less would take back what a busy network delays."""
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
class Terms:
    """What the user sets: ``guard_deadline`` in seconds, ``keep`` in releases, ``drift`` is refuse, adopt or discard,
    ``emergency`` the reason for which gates are overridden. ``looking`` is check mode.

    Raises ``InputError`` for what cannot be.
    """

    keep: int = 5
    drift: str = "refuse"
    emergency: str = ""
    guard_deadline: float = 120.0
    want_tree: bool = False
    looking: bool = False

    def __post_init__(self) -> None:
        reason_of(self.emergency)
        if self.guard_deadline < LEAST_DEADLINE:
            raise InputError(
                "rollout_guard_deadline",
                f"{self.guard_deadline:g} s is too short: a run gives hosts a sign of life between its requests, and "
                f"needs {LEAST_DEADLINE:g} s or more for that",
            )
        if not self.guard_deadline <= _LONGEST_DEADLINE:
            raise InputError(
                "rollout_guard_deadline",
                f"{self.guard_deadline:g} s is no time for a guard; give seconds up to {_LONGEST_DEADLINE:.0f}",
            )

    @property
    def patience(self) -> float:
        """Seconds after which a host that does not answer has failed.

        The other hosts on trial are not asked anything meanwhile, and their guards must not lose patience first.
        """
        return max(60.0, self.guard_deadline * 2 / 3)


def build(
    operation: str,
    run: Run,
    identity: str,
    release: Release | None,
    terms: Terms,
    *,
    has_release: bool = False,
    of: str | None = None,
    needs: Sequence[Mapping[str, Any]] = (),
    stored: str = "",
    bake: float = 0.0,
    permission: Receipt | None = None,
) -> Question:
    """Make the question for ``operation``.

    ``release`` is None when the host itself has stored all of it (a rollback), and ``stored`` is how it is named there;
    ``of`` is the run that is taken back, where it is not the one that asks; ``needs`` are what the host must have for
    the release; ``bake`` is for how long it is watched, in seconds; ``permission`` is the signed one to go back to a
    release that is stored. Raises ``SluiceError`` where the gates' receipt
    does not allow it.
    """
    request: dict[str, Any] = {"op": operation, "run": run.asking(), "release": identity}
    if operation == "preflight":
        request.update(want_tree=terms.want_tree, drift=terms.drift, recover=not terms.looking)
        if release is not None:
            described = _described(release, ("platform", "facts"))
            request.update(**described, needs_bytes=_size(release.tree))
            request["needs"] = list(needs)
        elif not identity:
            request["stored"] = stored
    elif operation == "activate":
        request.update(drift=terms.drift, emergency=reason_of(terms.emergency), seconds=bake)
        request["options"] = {"guard_deadline": terms.guard_deadline}
        if release is None:
            request.update(release={"id": identity}, stored=True)
            if permission is not None:
                request.update(receipt=permission.content, signature=permission.signature)
            return Question(request)
        wanted = ("id", "manifest", "kept", "facts", "contract", "platform")
        request["release"] = _described(release, wanted)
        receipt = _receipt(release, terms)
        if receipt is not None:
            request.update(receipt=receipt.content, signature=receipt.signature)
        return Question(request, b"" if has_release else release.bundle)
    elif operation == "bake":
        request["seconds"] = bake
    elif operation == "confirm":
        request["keep"] = terms.keep
    elif operation == "revert" and of:
        request["of"] = of
    return Question(request)


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
    return {**answer, "ok": False, "release": expected, "problems": [{"what": what, "do": _NOT_ITSELF}]}


def _receipt(release: Release, terms: Terms) -> Receipt | None:
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


def _size(tree: Path) -> int:
    return sum(path.lstat().st_size for path in tree.rglob("*") if path.is_file())


def sentence(problem: Mapping[str, Any]) -> str:
    """Put a host's problem into one line: what, expected, seen, nginx's own words, and what to do."""
    parts = [str(problem.get("what", "unknown problem"))]
    parts += [f"{name} {problem[name]}" for name in ("expected", "seen") if problem.get(name)]
    parts += [f"nginx: {problem['nginx']}"] if problem.get("nginx") else []
    parts += [str(problem["do"])] if problem.get("do") else []
    return "; ".join(parts)
