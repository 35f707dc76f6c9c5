"""One look at what is published, and the trial of a release that is new: the very requests that a controller sends.

A release that fails here is rolled back, and not tried again until something with a newer number is published.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, Sequence

from ... import receipt as receipts
from ...untrusted import printable
from ..admission import Admitted
from ..main import handle
from ..own import read_own
from ..policy import has_policy, moment_problems, policy_of
from ..session import Fault, Problem, Session, problems_of
from ..timestamps import seconds_of
from ..watchdog.heartbeat import why_overdue
from .document import MOST_DOCUMENT, Desired, Part, part_of, read_desired, read_json, read_part
from .fetching import MOST, FetchFault, open_source
from .memory import FAILED, FINAL, REFUSED, SERVES, TRIES, WAITS, PullMemory, memory_of, remember

if TYPE_CHECKING:
    from ..host.system import System
    from ..protocol import Json
    from ..store import Layout
    from .fetching import Source
    from .settings import PullSettings

__all__ = ["PullResult", "look"]

WHO = "sluice-pull"
# What did not get as far as a switch is tried again, after pauses that double; so is a trial that was cut short.
_MOST_REFUSALS, _MOST_CUT_SHORT = 10, 3
_FIRST_PAUSE, _LONGEST_PAUSE = 60, 3600
_FEW = 3


class PullResult(NamedTuple):
    """How a look ended: ``words`` for people, whether the host is where it is to be, whether its engine was replaced,
    so that the new one has to look, and what else is to be said.
    """

    words: str
    good: bool
    restart: bool = False
    warnings: Sequence[str] = ()


class _Refused(Exception):
    """The release is not tried now; the text says why."""


class _Waits(Exception):
    """It is no time for a trial yet; the text says for what."""


def look(system: System, layout: Layout, settings: PullSettings, *, again: bool = False) -> PullResult:
    """Look once at what is published, and try it where it is new; ``again`` also tries what has failed."""
    session = Session(system, layout, {"id": "pull", "who": WHO, "from": _origin(settings)}, own=True)
    try:
        looked = _PullLook(session, settings).take(again=again)
    except Exception as error:
        # Of the look, and not of the release: that is as it was.
        why = _words([problem.to_json() for problem in problems_of(error)])
        looked = PullResult(why, good=False)
        # What cannot be written down, as on a full disk, is said still.
        with suppress(OSError):
            remember(session, memory_of(session)._replace(trouble=why, looked=system.now()))
    return looked._replace(warnings=session.warnings)


class _PullLook:
    def __init__(self, session: Session, settings: PullSettings) -> None:
        self._session, self._settings = session, settings
        self._memory = memory_of(session)
        self._source: Source = open_source(settings, session.system, session.layout.root)

    def take(self, *, again: bool) -> PullResult:
        """Return how it ended. Raises ``SluiceError`` where what is published could not be had."""
        self._hold_to_trust()
        data = self._source.read(f"targets/{self._settings.name}.json", MOST_DOCUMENT)
        desired = read_desired(self._session, data, self._settings.name)
        self._memory = known = self._known(desired, again=again)
        if known.outcome in FINAL:
            if known.fleet != desired.fleet.sha256:
                # Something was in the way then, as another operation.
                self._take_trust(read_json(self._source, desired.fleet).get("trust"))
            # A trouble of before is over.
            self._note(known)
            return PullResult(_sentence(known), known.outcome == SERVES)
        # A clock that ran ahead when it was refused does not keep it out for as long.
        if 0 < known.not_before - seconds_of(self._session.system.now()) <= _LONGEST_PAUSE:
            return PullResult(_sentence(known), good=False)
        try:
            self._await(desired)
            if self._take_fleet(desired.fleet):
                return PullResult(
                    "the engine of this host was replaced by the one that is published", True, restart=True
                )
            self._try(desired)
        except _Waits as wait:
            self._note(self._memory._replace(outcome=WAITS, why=str(wait), at=self._session.system.now()))
            return PullResult(_sentence(self._memory), good=True)
        except (_Refused, FetchFault) as refused:
            self._refuse(desired, str(refused))
        return PullResult(_sentence(self._memory), self._memory.outcome == SERVES)

    def _hold_to_trust(self) -> None:
        layout = self._session.layout
        here = (layout.allowed_signers, layout.allowed_signers.with_name("inventory"), layout.command)
        lacking = [str(path) for path in here if not path.is_file()]
        if lacking:
            do = "run sluice.nginx.trust, or join.py with the fingerprint of the key that signs (docs/how-to/pull.md)"
            what = "this host takes signed releases only by pull, and cannot verify any"
            raise Fault(Problem(what, ", ".join(map(str, here)), f"without {', '.join(lacking)}", do))

    def _known(self, desired: Desired, *, again: bool) -> PullMemory:
        """Return what is known of this number; of another one nothing was tried yet."""
        known = self._memory
        if (known.number, known.release) != (desired.number, desired.release) or again:
            # Its seed, and what it took of the fleet, stay.
            known = PullMemory(seed=known.seed, fleet=known.fleet)
            known = known._replace(number=desired.number, release=desired.release)
        if known.outcome == TRIES and known.trials >= _MOST_CUT_SHORT:
            why = f"its trial was cut short {known.trials} times, as by a machine that went down"
            known = known._replace(outcome=FAILED, why=why)
        return known

    def _note(self, memory: PullMemory) -> None:
        self._memory = memory._replace(trouble="", looked=self._session.system.now())
        remember(self._session, self._memory)

    def _await(self, desired: Desired) -> None:
        """Raise ``_Waits`` where the release is not to be tried yet."""
        session = self._session
        now = seconds_of(session.system.now())
        state = session.store.load()
        pending = state["pending"]
        if pending and not why_overdue(session, pending):
            raise _Waits(f"release {pending['release'][:12]} of run {pending['run']} is pending here")
        left = seconds_of(desired.at) + round(desired.canary_minutes * 60) - now
        # A host that serves nothing of Sluice's yet joins, and nobody is there to wait for.
        if left > 0 and state["confirmed"] and not self._is_canary(desired):
            raise _Waits(f"the first {desired.canary_percent:g} % of the hosts try it for {left} s more")

    def _closed(self, described: Json) -> str:
        """Return why nothing may be changed now, by the host's policy or the receipt; nothing where it may."""
        at, receipt = self._session.system.now(), described.get("receipt")
        rules = [policy_of(self._session), *([receipt] if isinstance(receipt, dict) else [])]
        return next((problem.what for rule in rules for problem in moment_problems(rule, at)), "")

    def _is_canary(self, desired: Desired) -> bool:
        drawn = int(sha256(f"{self._memory.seed} {desired.number}".encode()).hexdigest()[:8], 16)
        return drawn / 0x100000000 * 100 < desired.canary_percent

    def _take_fleet(self, part: Part) -> bool:
        """Take who may sign and the engine, where these are other ones than before; returns whether the engine is.

        Raises ``_Refused`` where this host cannot have the engine that the release was made for.
        """
        if self._memory.fleet == part.sha256:
            return False
        found = read_json(self._source, part)
        is_told = self._take_trust(found.get("trust"))
        is_new = self._take_engine(found)
        if is_told:
            self._memory = self._memory._replace(fleet=part.sha256)
            remember(self._session, self._memory)
        return is_new

    def _take_trust(self, form: object) -> bool:
        """Take who may sign, where that is newer; returns whether there is nothing left to take, with the next look."""
        statement = form.get("statement") if isinstance(form, dict) else None
        if not isinstance(form, dict) or not isinstance(statement, dict):
            return True
        number = statement.get("number")
        if not isinstance(number, int) or number <= Admitted(self._session).read("trust")[0]:
            return True
        answer = self._ask("trust", statement=statement, signature=str(form.get("signature") or ""))
        if not answer["ok"]:
            # Those who may sign are those of before, and they decide over the release.
            self._session.warn(f"who may sign stays as it is: {_words(answer['problems'])}")
        return answer["ok"] or has_policy(self._session)

    def _take_engine(self, found: Json) -> bool:
        form, sources = found.get("engine"), found.get("sources")
        statement = form.get("statement") if isinstance(form, dict) else None
        if not isinstance(form, dict) or not isinstance(statement, dict) or not isinstance(sources, dict):
            raise FetchFault("what is published of the fleet names no engine; publish again")
        if read_own(self._session.layout).digest == statement.get("digest_of_engine"):
            return False
        data = read_part(self._source, part_of(sources, "engine", MOST))
        asked = {"statement": statement, "signature": str(form.get("signature") or "")}
        answer = self._ask("update_engine", data, **asked)
        if not answer["ok"]:
            raise _Refused(f"the release was made for another engine than this host has: {_words(answer['problems'])}")
        return True

    def _try(self, desired: Desired) -> None:
        """Try a release as one that was pushed, and note what became of it. Raises ``_Refused``."""
        session = self._session
        described = read_json(self._source, desired.description)
        form = described.get("release")
        if not isinstance(form, dict) or form.get("id") != desired.release:
            raise _Refused("what is published of the release is another one's")
        closed = self._closed(described)
        if closed and not _is_urgent(described):
            raise _Waits(closed)
        session.run["id"] = f"pull-{desired.number}-{self._memory.trials}"
        more: Json = {name: form.get(name) or {} for name in ("facts", "platform")}
        more.update(needs=described.get("needs") or [], needs_bytes=_size(described.get("needs_bytes")))
        looked = self._ask("preflight", release=desired.release, recover=True, drift=desired.drift, **more)
        if not looked["ok"]:
            raise _Refused(_words(looked["problems"]))
        if not looked["changes_needed"]:
            self._conclude(desired, SERVES, "")
            return
        bundle = b"" if looked["has_release"] else read_part(self._source, desired.bundle)
        self._take(desired)
        asked = {name: described[name] for name in ("receipt", "signature", "approvals") if described.get(name)}
        options = {"confirm_timeout": desired.confirm_timeout}
        answer = self._ask("activate", bundle, release=form, drift=desired.drift, options=options, **asked)
        if not answer["ok"] and "before" not in answer:
            # Nothing was switched, and nginx did not read a byte of it: that was no trial.
            self._memory = self._memory._replace(trials=self._memory.trials - 1)
            if self._closed(described):
                raise _Waits(_words(answer["problems"]))
            raise _Refused(_words(answer["problems"]))
        if not answer["ok"]:
            broken = "BROKEN, every rollback failed: " if answer.get("broken") else ""
            self._conclude(desired, FAILED, broken + _words(answer["problems"]))
            return
        self._bake(desired)

    def _take(self, desired: Desired) -> None:
        """Note that the release is tried, before anything is: a trial that takes the machine down counts as well."""
        session = self._session
        # A statement that leads to a trial is the newest that this host took, whatever becomes of it.
        with session.store.lock(session.run, "pull"):
            Admitted(session).write(receipts.PUBLISH, desired.number, desired.release)
        self._note(
            self._memory._replace(outcome=TRIES, why="", at=session.system.now(), trials=self._memory.trials + 1)
        )

    def _bake(self, desired: Desired) -> None:
        """Watch what serves, with a heartbeat for the watchdog in each round, and confirm it or roll it back."""
        left, part = desired.bake, desired.confirm_timeout / 3
        while True:
            seconds = min(left, part)
            baked = self._ask("bake", release=desired.release, seconds=seconds)
            left -= part
            if not baked["ok"] or left <= 0:
                break
        ended = self._ask("confirm", release=desired.release, keep=desired.keep) if baked["ok"] else baked
        if ended["ok"]:
            self._conclude(desired, SERVES, "")
            return
        back = self._ask("rollback", options={})
        broken = "" if back["ok"] else f"; the rollback failed, too: {_words(back['problems'])}"
        self._conclude(desired, FAILED, _words(ended["problems"]) + broken)

    def _conclude(self, desired: Desired, outcome: str, why: str) -> None:
        session = self._session
        with session.store.lock(session.run, "pull"):
            Admitted(session).write(receipts.PUBLISH, desired.number, desired.release)
            if outcome != SERVES:
                session.journal("pull", release=desired.release, why=why[:500])
        self._note(self._memory._replace(outcome=outcome, why=why, at=session.system.now(), not_before=0))

    def _refuse(self, desired: Desired, why: str) -> None:
        """Note that nothing was switched, and when it is tried again; in the end it is not any more."""
        attempts = self._memory.attempts + 1
        self._memory = self._memory._replace(attempts=attempts)
        if attempts >= _MOST_REFUSALS:
            self._conclude(desired, FAILED, f"it was refused {attempts} times, the last time because {why}")
            return
        at = self._session.system.now()
        not_before = seconds_of(at) + min(_FIRST_PAUSE * 2 ** (attempts - 1), _LONGEST_PAUSE)
        self._note(self._memory._replace(outcome=REFUSED, why=why, at=at, not_before=not_before))

    def _ask(self, operation: str, bundle: bytes = b"", **request: Any) -> Json:
        """Ask this host's own engine what a controller would ask it."""
        session = self._session
        asked = {"op": operation, "run": dict(session.run), **request}
        answer = handle(asked, bundle, session.system, session.layout, own=True)
        for warning in answer["warnings"]:
            session.warn(str(warning))
        return answer


def _origin(settings: PullSettings) -> str:
    """Return where releases come from, without anything that might be secret."""
    from urllib.parse import urlsplit

    parts = urlsplit(settings.source)
    return printable(f"{parts.scheme}://{parts.hostname or ''}")[:200]


def _is_urgent(described: Json) -> bool:
    """Return whether people have signed for an emergency, as which it may come at any time; the host verifies that."""
    receipt, rows = described.get("receipt"), described.get("approvals")
    kinds = [receipt.get("kind") if isinstance(receipt, dict) else ""]
    statements = [row.get("statement") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    is_approved = any(isinstance(each, dict) and each.get("emergency") for each in statements)
    return kinds == [receipts.EMERGENCY] or is_approved


def _size(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value <= 1 << 40 else 0


def _words(problems: Any) -> str:
    """Return problems in a line."""
    lines = []
    for problem in list(problems)[:_FEW]:
        parts = [problem["what"]]
        parts += [f"expected {problem['expected']}"] if problem.get("expected") else []
        parts += [f"actual {problem['actual']}"] if problem.get("actual") else []
        parts += [problem["nginx"]] if problem.get("nginx") else []
        lines.append("; ".join([*parts, *([problem["fix"]] if problem.get("fix") else [])]))
    return printable(" / ".join(lines).replace("\n", " "))[:1000]


def _sentence(memory: PullMemory) -> str:
    """Return what became of a release."""
    release = f"release {memory.release[:12]} (number {memory.number})"
    if memory.outcome == SERVES:
        return f"{release} serves, confirmed"
    if memory.outcome == FAILED:
        why = f"{release} failed and is not tried again until a newer one is published: {memory.why}"
        return f"{why}; `sluice-pull --again` tries it once more"
    if memory.outcome == WAITS:
        return f"{release} waits: {memory.why}"
    if memory.outcome == TRIES:
        return f"{release} was being tried when that was cut short, {memory.trials} of {_MOST_CUT_SHORT} times"
    return f"{release} was refused, {memory.attempts} of {_MOST_REFUSALS} times, and is tried again: {memory.why}"
