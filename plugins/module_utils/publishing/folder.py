"""Writes the folder of what is published: signed statements for each host, and files named by their content.

``targets/NAME.json`` names the release of a host; ``content/`` has what it consists of, ``fleet.json`` who may sign and
the engine, and ``join.py`` lets a new host begin. Content is there before anything names it, and each file is whole.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from .. import receipt as receipts
from .. import remote
from ..engine.host.system import System
from ..engine.pull.settings import read_target
from ..engine.safe_open import read_any
from ..engine.session import Session
from ..engine.signatures import verify
from ..engine.store import Layout
from ..errors import InputError, SluiceError
from ..fleet.policy import read_approvals
from ..fleet.requests import sent_of, size_of
from ..fleet.signing import Signer, sign_trust
from ..gating.receipts import renew_receipt, sign
from ..release.store import Release, ReleaseStore
from ..storage import write_bytes
from ..textfmt import now
from ..untrusted import ReleaseId, read_release_id
from .model import PublishRow

__all__ = ["Published", "PublishedFolder", "Terms"]

# With what is left of a file where a run was killed that wrote it.
_CONTENT = re.compile(r"[0-9a-f]{64}\.(json|tar\.gz|engine)\Z|\.[0-9a-f]{64}\.", re.ASCII)
_JOIN = Path(__file__).with_name("join.py")
# Content that nothing names any more stays as long as a slow host may need, and no more of it than this.
_KEPT_SECONDS, _KEPT_FILES = 86400.0, 40
_MOST = 64 << 20

Json = dict[str, Any]


class Terms(NamedTuple):
    """How releases are tried by hosts that pull, and who may sign for them: ``signers`` is the text of that file.

    ``bake`` and ``confirm_timeout`` are in seconds. ``needs`` are those of each release.
    """

    signer: Signer
    signers: str
    policy: Mapping[str, Any]
    needs: Mapping[str, Any]
    bake: float
    confirm_timeout: float
    keep: int
    drift: str


class Published(NamedTuple):
    """For which names something new was published, and for which it was so already."""

    new: list[str]
    same: list[str]


class PublishedFolder:
    """The folder as ``rollout_publish`` names it, at ``root``. Several controllers may write at once."""

    def __init__(self, root: Path, row: PublishRow, store: ReleaseStore, terms: Terms) -> None:
        self._root, self._row, self._store, self._terms = root, row, store, terms
        self._hours = row.days * 24.0
        self._mode = 0o640

    def publish(self, wanted: Mapping[str, ReleaseId]) -> Published:
        """Publish for each name the release that it is to serve, where that is not so already.

        Raises ``SluiceError`` where a release cannot be published; then nothing new is named.
        """
        names = {read_target(name): read_release_id(release) for name, release in wanted.items()}
        try:
            with self._locked():
                return self._publish(names)
        except OSError as error:
            raise InputError(
                "rollout_publish",
                f"{error.filename or self._root} cannot be written: {error.strerror}; give it to this user",
            ) from error

    def before(self, name: str) -> ReleaseId | None:
        """Return the release that was published for a name before the one that is; None where there was none.

        Raises ``SluiceError`` where somebody else says so.
        """
        found = self._statement(name).get("before")
        if found and not self._is_signed(name):
            raise SluiceError(
                f"what is published for {name} was not signed by one of rollout_allowed_signers, so nobody knows what "
                f"it served before; see who writes to {self._root}, and deploy what it is to serve"
            )
        return read_release_id(found) if found else None

    def _publish(self, names: Mapping[str, ReleaseId]) -> Published:
        fleet = self._fleet()
        made: dict[ReleaseId, tuple[Json, Json]] = {}
        documents: dict[str, Json] = {}
        for name, release in names.items():
            known = self._statement(name)
            facts = self._facts(name, release, fleet, known)
            if release not in made:
                made[release] = self._release(self._store.get(release), known)
            described, bundle = made[release]
            facts.update(description=described, bundle=bundle)
            if not self._is_same(known, facts):
                documents[name] = self._stated(facts, known)
        for name, document in documents.items():
            self._write(self._target(name), _text(document))
        self._prune()
        return Published(sorted(documents), sorted(set(names) - set(documents)))

    def _facts(self, name: str, release: ReleaseId, fleet: Json, known: Json) -> Json:
        row, terms = self._row, self._terms
        before = known.get("before") if known.get("release") == release else known.get("release")
        facts: Json = {"target": name, "release": release, "fleet": fleet, "before": before}
        facts.update(bake=terms.bake, confirm_timeout=terms.confirm_timeout, keep=terms.keep, drift=terms.drift)
        facts["canary"] = {"percent": row.canary_percent, "minutes": row.canary_minutes}
        return facts

    def _is_same(self, known: Json, facts: Json) -> bool:
        """Return whether what is published says the same, for this inventory, and for long enough yet."""
        return (
            known.get("inventory") == self._terms.signer.inventory
            and all(known.get(name) == value for name, value in facts.items())
            and self._is_fresh(known)
        )

    def _is_fresh(self, statement: Json) -> bool:
        half = receipts.state("", now(), self._hours / 2, "")["expires"]
        return str(statement.get("expires")) > str(half)

    def _stated(self, facts: Json, known: Json) -> Json:
        signer = self._terms.signer
        statement = receipts.state(receipts.PUBLISH, now(), self._hours, signer.inventory, **facts)
        # It grows, also where a clock went back since; a stranger's number would keep hosts from all that comes later.
        if known and known["number"] >= statement["number"] and self._is_signed(known["target"]):
            statement["number"] = known["number"] + 1
        statement["digest"] = receipts.digest(statement)
        return _signed(statement, signer.key, receipts.PUBLISH_NAMESPACE)

    def _release(self, release: Release, known: Json) -> tuple[Json, Json]:
        """Write what a release consists of; returns its description and its bundle, as a statement names them."""
        terms = self._terms
        form: Json = {
            "release": sent_of(release),
            "needs": list(terms.needs.get(release.id, ())),
            "needs_bytes": size_of(release),
            "approvals": read_approvals(release),
        }
        bundle = self._content(release.bundle, "tar.gz")
        kept = self._kept(known, release, form)
        if kept is not None:
            return kept, bundle
        receipt = renew_receipt(release, self._hours, terms.signer.key)
        if receipt.content.get("inventory") != terms.signer.inventory:
            raise SluiceError(
                f"the receipt of release {release.id[:12]} is for the inventory {receipt.content.get('inventory')!r}, "
                f"and this is {terms.signer.inventory!r}; deploy it here first"
            )
        form.update(receipt=receipt.content, signature=receipt.signature)
        return self._content(_text(form), "json"), bundle

    def _kept(self, known: Json, release: Release, form: Json) -> Json | None:
        """Return the description that is published already, where it says the same, for long enough yet."""
        part = known.get("description")
        if part is None or known["release"] != release.id or not self._is_fresh(known):
            return None
        found = _read(self._root / "content" / f"{part['sha256']}.json")
        if sha256(_text(found)).hexdigest() != part["sha256"]:
            return None
        receipt = found.get("receipt")
        if not isinstance(receipt, dict) or any(found.get(name) != value for name, value in form.items()):
            return None
        return part if self._is_fresh(receipt) and receipt.get("inventory") == self._terms.signer.inventory else None

    def _fleet(self) -> Json:
        """Write what lets a host join, who may sign and the engine, unless that is there; returns how statements name
        it.
        """
        terms, pack = self._terms, remote.pack()
        join, path = _JOIN.read_bytes(), self._root / "join.py"
        if _bytes(path, len(join)) != join:
            self._write(path, join)
        sources = self._content(pack.data, "engine")
        known = _read(self._root / "fleet.json")
        if self._is_same_fleet(known, sources, pack.digest):
            return self._content(_text(known), "json")
        engine = receipts.state("engine", now(), self._hours, "", digest_of_engine=pack.digest)
        found: Json = {"engine": _signed(engine, terms.signer.key, receipts.ENGINE_NAMESPACE), "sources": sources}
        if terms.signers:
            inventory, key = terms.signer.inventory, terms.signer.key
            trust = sign_trust(inventory, terms.signers, forget=False, key=key, policy=terms.policy, hours=self._hours)
            found["trust"] = {"statement": trust.content, "signature": trust.signature}
        part = self._content(_text(found), "json")
        self._write(self._root / "fleet.json", _text(found))
        return part

    def _is_same_fleet(self, known: Json, sources: Json, digest: str) -> bool:
        terms = self._terms
        engine, trust = _stated(known.get("engine")), _stated(known.get("trust"))
        is_told = not terms.signers and not trust
        if terms.signers:
            is_told = (
                (trust.get("signers"), trust.get("inventory")) == (terms.signers, terms.signer.inventory)
                and trust.get("policy", {}) == dict(terms.policy)
                and self._is_fresh(trust)
            )
        is_engine = engine.get("digest_of_engine") == digest and self._is_fresh(engine)
        return is_told and is_engine and known.get("sources") == sources

    def _content(self, data: bytes, ending: str) -> Json:
        """Write a file that is named by its content; returns how statements name it."""
        digest = sha256(data).hexdigest()
        path = self._root / "content" / f"{digest}.{ending}"
        if _bytes(path, len(data)) != data:
            self._write(path, data)
        else:
            # It is named anew, so it is none of those that nobody needs.
            os.utime(path)
        return {"sha256": digest, "bytes": len(data)}

    def _statement(self, name: str) -> Json:
        """Return the statement that is published for a name; empty where there is none that can be read.

        Whoever may write to the folder may have written it.
        """
        statement = _statement_of(self._target(name))
        return statement if statement.get("target") == name else {}

    def _target(self, name: str) -> Path:
        return self._root / "targets" / f"{read_target(name)}.json"

    def _is_signed(self, name: str) -> bool:
        """Return whether one who may sign has signed what is published for a name; so it is where nobody is named."""
        if not self._terms.signers:
            return True
        found = _read(self._target(name))
        with tempfile.TemporaryDirectory(prefix="sluice-verify-") as folder:
            root = Path(folder)
            layout = Layout(root=root, runtime=root / "run", allowed_signers=root / "signers")
            layout.allowed_signers.write_text(self._terms.signers, encoding="utf-8")
            signed, signature = receipts.canonical(found.get("statement")), str(found.get("signature") or "")
            return not verify(Session(System(), layout, {}), signed, signature, receipts.PUBLISH_NAMESPACE)

    def _write(self, path: Path, data: bytes) -> None:
        if path.is_dir() and not path.is_symlink():
            # Nothing is renamed over a folder, which only a stranger has made.
            shutil.rmtree(path, ignore_errors=True)
        write_bytes(path, data, sync=True, mode=self._mode)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Make the folders, which files are as open as, and keep other controllers out meanwhile."""
        self._root.mkdir(mode=0o750, parents=True, exist_ok=True)
        mode = stat.S_IMODE(self._root.stat().st_mode)
        self._mode = 0o600 | (mode & 0o044)
        for name in ("content", "targets"):
            folder = self._root / name
            folder.mkdir(exist_ok=True)
            if stat.S_IMODE(folder.stat().st_mode) != mode:
                folder.chmod(mode)
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _prune(self) -> None:
        """Remove statements that have expired, and content that nothing names any more."""
        named: set[str] = set(_named(_read(self._root / "fleet.json")))
        for path in (self._root / "targets").glob("*.json"):
            statement = _statement_of(path)
            if str(statement.get("expires")) <= now():
                _remove(path)
            elif statement:
                named |= set(_named(statement))
                named |= set(_named(_read(self._root / "content" / f"{statement['fleet']['sha256']}.json")))
        others = [
            (path.lstat().st_mtime, path)
            for path in (self._root / "content").iterdir()
            if _CONTENT.match(path.name) and path.name.partition(".")[0] not in named
        ]
        oldest = time.time() - _KEPT_SECONDS
        for number, (written, path) in enumerate(sorted(others, reverse=True)):
            if number >= _KEPT_FILES or written < oldest:
                _remove(path)


def _remove(path: Path) -> None:
    """Remove a file, where it is one: whoever writes to the folder may have made others of its name."""
    with suppress(OSError):
        path.unlink()


def _bytes(path: Path, most: int) -> bytes | None:
    """Return a file of at most so many bytes; None where there is none, or something that has no end or no writer."""
    try:
        data = read_any(path, most + 1)
    except OSError:
        return None
    return data if len(data) <= most else None


def _named(form: Json) -> Iterator[str]:
    """Yield the digests of the content that a statement, or what is told of the fleet, names."""
    for value in form.values():
        if isinstance(value, dict) and "sha256" in value:
            yield str(value["sha256"])


def _stated(form: object) -> Json:
    """Return the statement in a form of ``{statement, signature}``; empty where there is none."""
    statement = form.get("statement") if isinstance(form, dict) else None
    return statement if isinstance(statement, dict) else {}


def _statement_of(path: Path) -> Json:
    """Return what was published for a name; empty where it has another form, so that it is written anew."""
    statement = _stated(_read(path))
    try:
        ids = [statement["release"], *(statement[name]["sha256"] for name in ("description", "bundle", "fleet"))]
        for each in [*ids, *filter(None, [statement["before"]])]:
            read_release_id(each)
        return statement if type(statement["number"]) is int else {}
    except (SluiceError, KeyError, TypeError):
        return {}


def _signed(statement: Json, key: Path, namespace: str) -> Json:
    return {"statement": statement, "signature": sign(receipts.canonical(statement), key, namespace)}


def _text(form: Json) -> bytes:
    return json.dumps(form, sort_keys=True, separators=(",", ":")).encode()


def _read(path: Path) -> Json:
    """Return a file that was published; empty where it is not there or is damaged, so that it is written anew."""
    data = _bytes(path, _MOST)
    try:
        found = None if data is None else json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
