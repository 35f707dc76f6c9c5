"""What is published for a host: a statement that names one release, signed by one who may sign for this host.

``targets/NAME.json`` is ``{statement, signature}``. The statement is ``{schema, kind, at, expires, number, inventory,
target, release, description, bundle, fleet, bake, confirm_timeout, keep, drift, canary, digest}``; ``description``,
``bundle`` and ``fleet`` name files of ``content/`` by their SHA-256 and their bytes. ``number`` only grows.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from ... import receipt as receipts
from ...errors import SluiceError
from ...untrusted import ReleaseId, read_release_id
from ..admission import Admitted, early, foreign
from ..session import Fault, Problem, Session
from ..signatures import verify
from .fetching import MOST, FetchFault

if TYPE_CHECKING:
    from ..protocol import Json
    from .fetching import Source

__all__ = ["MOST_DOCUMENT", "Desired", "Part", "part_of", "read_desired", "read_json", "read_part"]

MOST_DOCUMENT = 256 << 10
_MOST_DESCRIPTION = 64 << 20
_PUBLICATION = "publication"
_POLICIES = ("refuse", "adopt-package", "adopt", "discard")
_DAY = 86400.0


class Part(NamedTuple):
    """A file of ``content/``: the SHA-256 of its bytes, and how many there are."""

    sha256: str
    size: int
    ending: str

    @property
    def path(self) -> str:
        """Where it is published."""
        return f"content/{self.sha256}.{self.ending}"


class Desired(NamedTuple):
    """What a host is to serve, and how it is tried. ``bake`` and ``confirm_timeout`` are in seconds.

    For ``canary_minutes`` after ``at`` it is for ``canary_percent`` of the hosts alone.
    """

    number: int
    at: str
    release: ReleaseId
    description: Part
    bundle: Part
    fleet: Part
    bake: float
    confirm_timeout: float
    keep: int
    drift: str
    canary_percent: float
    canary_minutes: float


def read_desired(session: Session, data: bytes, target: str) -> Desired:
    """Return what is published, once it is proved to be for this host. Raises ``Fault``."""
    try:
        found = json.loads(data)
        statement, signature = found["statement"], found["signature"]
        if not isinstance(statement, dict) or not isinstance(signature, str):
            raise ValueError("it has no statement")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        do = "see what is at the source, and who writes there"
        raise Fault(
            Problem("what is published for this host cannot be read", actual=str(error)[:200], fix=do)
        ) from None
    signed = receipts.canonical(statement)
    # What nobody has signed says nothing, not even for whom it is.
    problems = verify(session, signed, signature, receipts.PUBLISH_NAMESPACE, _PUBLICATION)
    problems = problems or _strange(session, statement, target)
    if problems:
        raise Fault(*problems)
    try:
        desired = _read(statement)
    except (SluiceError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        do = "publish with the version of Sluice that this host has, or a newer one"
        raise Fault(
            Problem("what is published for this host has another form", actual=str(error)[:200], fix=do)
        ) from None
    older = _older(session, desired)
    if older:
        raise Fault(*older)
    return desired


def _strange(session: Session, statement: Json, target: str) -> list[Problem]:
    """Return why a signed statement is not for this host and for now."""
    if statement.get("schema") != receipts.SCHEMA or statement.get("kind") != receipts.PUBLISH:
        return [Problem("what is published is no statement about a release, or one of another version")]
    problems = foreign(session, statement, _PUBLICATION)
    if statement.get("target") != target:
        do = "name the host in the settings of pull as it was published"
        actual = repr(statement.get("target"))[:100]
        problems.append(Problem("what is published was signed for another host", repr(target), actual, do))
    late = receipts.time_faults(statement, session.system.now())
    do = "deploy again, which publishes anew"
    problems += [Problem(fault.replace("the receipt", "what is published"), fix=do) for fault in late]
    return problems + early(session, statement, _PUBLICATION)


def _read(statement: Json) -> Desired:
    canary = statement.get("canary") or {}
    drift = str(statement["drift"])
    if drift not in _POLICIES:
        raise ValueError(f"{drift[:40]!r} is no policy for drift")
    return Desired(
        int(statement["number"]),
        str(statement["at"]),
        read_release_id(statement["release"]),
        part_of(statement["description"], "json", _MOST_DESCRIPTION),
        part_of(statement["bundle"], "tar.gz", MOST),
        part_of(statement["fleet"], "json", _MOST_DESCRIPTION),
        _number(statement["bake"], 31 * _DAY),
        max(5.0, _number(statement["confirm_timeout"], _DAY)),
        int(_number(statement["keep"], 1000.0)),
        drift,
        _number(canary.get("percent", 100.0), 100.0),
        _number(canary.get("minutes", 0.0), 31 * _DAY / 60),
    )


def part_of(form: Json, ending: str, most: int) -> Part:
    """Return the file of ``content/`` that a signed form names, of at most so many bytes.

    Raises ``SluiceError``, ``KeyError`` or ``ValueError``.
    """
    # A digest has the form of an id.
    return Part(read_release_id(form["sha256"]), int(_number(form["bytes"], float(most))), ending)


def _number(value: object, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
        raise ValueError(f"{value!r} is no number from 0 to {most:g}")
    return float(value)


def _older(session: Session, desired: Desired) -> list[Problem]:
    """Return why what is published is older than what this host took: it is good for a downgrade only."""
    try:
        newest, release = Admitted(session).read(_KEPT)
    except ValueError as error:
        do = "see to the disk; then sluice.nginx.trust -e rollout_forget_receipts=true"
        return [Problem(f"what this host remembers of publications cannot be read ({error})", fix=do)]
    if desired.number > newest or (desired.number == newest and desired.release == release):
        return []
    expected = f"a number above {newest}, of release {release[:12]}"
    actual = f"{desired.number}, from {desired.at}, of release {desired.release[:12]}"
    do = "publish again; if nobody put an older file there by mistake, ask who did"
    return [Problem("what is published is older than what this host has taken", expected, actual, do)]


_KEPT = receipts.PUBLISH


def read_part(source: Source, part: Part) -> bytes:
    """Return a file of ``content/``, whole and no other one. Raises ``FetchFault``."""
    data = source.read(part.path, part.size)
    if len(data) != part.size or sha256(data).hexdigest() != part.sha256:
        raise FetchFault(
            f"{part.path} is not the file that was published: {len(data)} of {part.size} bytes came, or other ones"
        )
    return data


def read_json(source: Source, part: Part) -> Json:
    """Return a file of ``content/`` that is a mapping. Raises ``FetchFault``."""
    try:
        found: Any = json.loads(read_part(source, part))
    except (ValueError, RecursionError) as error:
        raise FetchFault(f"{part.path} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise FetchFault(f"{part.path} is no mapping")
    return found
