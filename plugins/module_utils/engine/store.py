"""What the engine keeps on a host: paths, state, journal and lock."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterator, NamedTuple

from ..errors import SluiceError
from ..untrusted import ReleaseId, read_release_id
from . import state as states
from .host.processes import started_at
from .host.system import System
from .journal import Journal
from .stored import is_meta, is_state

if TYPE_CHECKING:
    from .protocol import Json

__all__ = ["HostStore", "Layout", "Locked"]

_LOCK_WAIT = 10.0
_BALLAST = 256 << 10


class Locked(SluiceError):
    """Another operation has the host; the text says whose."""


class Layout(NamedTuple):
    """Where things are: ``root`` belongs to the engine, ``conf`` is the link that nginx reads.

    What is in ``runtime`` does not outlive the machine's run. ``units`` are systemd's, and ``allowed_signers`` says who
    may sign receipts. ``own`` is the host's own engine, and ``command`` what starts it.
    """

    root: Path = Path("/var/lib/sluice")
    conf: Path = Path("/etc/nginx")
    runtime: Path = Path("/run/sluice")
    units: Path = Path("/etc/systemd/system")
    allowed_signers: Path = Path("/etc/sluice/allowed_signers")
    own: Path = Path("/usr/local/lib/sluice")
    command: Path = Path("/usr/local/sbin/sluice-engine")

    @property
    def pull(self) -> Path:
        """What looks for a release that was published."""
        return self.command.with_name("sluice-pull")

    @property
    def releases(self) -> Path:
        """Whole trees, one directory each."""
        return self.root / "releases"

    @property
    def shared(self) -> Path:
        """What outlives releases."""
        return self.root / "shared"

    @property
    def work(self) -> Path:
        """Where trees are made, closed to all others, before they are moved to their place."""
        return self.root / "work"

    @property
    def state(self) -> Path:
        """What serves, what is pending, what was accepted."""
        return self.root / "state.json"

    @property
    def journal(self) -> Path:
        """What happened, a line each."""
        return self.root / "journal.jsonl"

    def release(self, release: ReleaseId) -> Path:
        """The tree that is linked; the package manager may write through the link."""
        return self.releases / read_release_id(release)

    def bundle(self, release: ReleaseId) -> Path:
        """The pristine copy of a tree."""
        return self.root / "bundles" / f"{read_release_id(release)}.tar.gz"

    def meta(self, release: ReleaseId) -> Path:
        """Manifest, facts and contract of a release."""
        return self.root / "meta" / f"{read_release_id(release)}.json"

    @property
    def former(self) -> Path:
        """What is known of a link that ``conf`` was before Sluice came."""
        return self.root / "former.json"

    def linked(self, *, ours: bool = False) -> ReleaseId | None:
        """Return the release that the link leads to; nothing when it is a directory or leads elsewhere.

        The link of before Sluice stands for the release that was adopted through it, unless ``ours`` are asked for.
        """
        if not self.conf.is_symlink():
            return None
        target = os.readlink(self.conf)
        folder, name = os.path.split(str(Path(target)))
        if folder == str(self.releases):
            return _id_of(name)
        former = None if ours else self.read_former()
        return former[1] if former is not None and former[0] == target else None

    def read_former(self) -> tuple[str, ReleaseId] | None:
        """Return where the link of before Sluice led, and the release that was adopted through it, if there was one."""
        try:
            found = json.loads(self.former.read_bytes())
            return str(found["target"]), read_release_id(found["release"])
        except (OSError, ValueError, KeyError, TypeError, SluiceError):
            return None


def _id_of(name: str) -> ReleaseId | None:
    """Return the id that a name on the disk is, or nothing."""
    try:
        return read_release_id(name)
    except SluiceError:
        return None


class HostStore:
    """State, journal and lock of one host. ``warn`` takes what is said of damage."""

    def __init__(self, system: System, layout: Layout, warn: Callable[[str], None]) -> None:
        self._system = system
        self._layout = layout
        self._warn = warn
        self._damaged = False
        self._journal = Journal(system, layout.journal)

    def load(self) -> Json:
        """Read the state; a host without one has the empty state.

        A damaged one is told from what else is on disk, and set aside by the next ``save``. Raises ``SluiceError`` for
        one of another version.
        """
        found = self._read_state()
        if found is None:
            from .rebuild import rebuilt

            self._damaged = True
            at = self._system.now()
            found = rebuilt(self._layout.linked(), self._origins(), self._journal.events(), at)
            self._warn(
                f"{self._layout.state} was damaged; it was rebuilt from the journal and the releases on disk, "
                f"and {_short(found)}"
            )
        if found.get("schema") != states.SCHEMA:
            raise SluiceError(
                f"{self._layout.state} was written by another version (schema is {found.get('schema')}, not "
                f"{states.SCHEMA}); update the controller"
            )
        return found

    def _read_state(self) -> Json | None:
        """Read what is there: None when it is damaged, or gone from a host that was switched before."""
        try:
            found = json.loads(self._layout.state.read_bytes())
        except FileNotFoundError:
            return states.empty() if self._is_untouched() else None
        except (ValueError, OSError, RecursionError):
            return None
        if not isinstance(found, dict) or "schema" not in found:
            return None
        return found if found["schema"] != states.SCHEMA or is_state(found) else None

    def _is_untouched(self) -> bool:
        return not self._layout.journal.exists() and self._layout.linked() is None

    def _origins(self) -> dict[ReleaseId, str]:
        try:
            names = os.listdir(self._layout.releases)
        except OSError:
            return {}
        found = [identity for identity in map(_id_of, names) if identity is not None]
        return {identity: str(self.meta(identity).get("origin", "pushed")) for identity in found}

    def save(self, state: Json) -> None:
        """Write the state as a whole, unless another operation has changed it since it was read.

        Raises ``SluiceError`` then; the lock keeps that from happening.
        """
        path = self._layout.state
        there = None if self._damaged else self._read_state()
        if there is not None and there["version"] != state["version"]:
            raise SluiceError(
                f"the state of this host was changed by another operation (version {there['version']}, "
                f"not {state['version']}); nothing was done, try again"
            )
        if there is None and os.path.lexists(path):
            self._system.replace(path, path.with_name(f"{path.name}.damaged-{self._stamp()}"))
            if not self._damaged:
                self._warn(f"{path} was damaged meanwhile; it was set aside and written anew")
        self._damaged = False
        self._write({**state, "version": state["version"] + 1})
        state["version"] += 1

    def _write(self, state: Json) -> None:
        self._system.write(self._layout.state, (json.dumps(state, sort_keys=True) + "\n").encode())

    def make_room(self) -> bool:
        """Give back the space that was held for the rollback on a full disk; tells whether there was any."""
        ballast = self._layout.root / "ballast"
        there = ballast.exists()
        self._system.remove(ballast)
        return there

    def journal(self, run: Json, event: str, facts: Json) -> None:
        """Append one event."""
        self._journal.append({"at": self._system.now(), "run": run["id"], "event": event, **facts})

    def last_events(self, count: int) -> list[Json]:
        """Return the last events; damaged lines are left out."""
        return self._journal.last(count)

    def _repair_journal(self) -> None:
        damaged, aside = self._journal.repair(self._stamp())
        if damaged:
            journal = self._layout.journal
            self._warn(f"{damaged} lines of {journal} were damaged; it was set aside as {aside}, the others were kept")

    def _stamp(self) -> str:
        return self._system.now().replace(":", "").replace("-", "")

    def meta(self, release: ReleaseId) -> Json:
        """Read what is stored about a release, or nothing where that is damaged."""
        try:
            found: Json = json.loads(self._layout.meta(release).read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return found if is_meta(found) else {}

    def save_meta(self, release: ReleaseId, meta: Json) -> None:
        """Write what is to be known about a release."""
        self._system.write(self._layout.meta(release), json.dumps(meta, sort_keys=True).encode())

    @contextmanager
    def lock(self, run: Json, operation: str, *, end_hung_after: float | None = None) -> Iterator[None]:
        """Hold the host against other operations. Raises ``Locked`` after ten seconds.

        With ``end_hung_after``, in seconds, the operation that then still holds it is ended: whatever step it was at,
        the rollback begins from there.
        """
        self._make_directories()
        with self._acquired(run, end_hung_after) as file:
            holder = {**run, "operation": operation, "since": self._system.now(), "pid": os.getpid()}
            holder["started"] = started_at(self._system.proc, os.getpid())
            file.seek(0)
            file.truncate()
            file.write(json.dumps(holder))
            file.flush()
            self._prepare()
            self._repair_journal()
            yield

    @contextmanager
    def _acquired(self, run: Json, end_hung_after: float | None) -> Iterator[Any]:
        path = self._layout.root / "lock"
        until = self._system.monotonic() + (_LOCK_WAIT if end_hung_after is None else end_hung_after)
        while True:
            with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
                if _locked(file, path):
                    yield file
                    return
                holder = _holder(file.read())
            if self._system.monotonic() >= until:
                if end_hung_after is None:
                    raise Locked(_sentence(holder))
                self._end(holder, run)
                until, end_hung_after = self._system.monotonic() + _LOCK_WAIT, None
            self._system.sleep(0.05)

    def _end(self, holder: Json, run: Json) -> None:
        pid = holder.get("pid")
        if isinstance(pid, int) and pid > 1 and started_at(self._system.proc, pid) == holder.get("started"):
            self._warn(f"an operation hung and was ended: {_sentence(holder)}")
            with suppress(ProcessLookupError):
                self._system.kill(pid)
            with suppress(OSError):
                self.journal(run, "ended", {"why": f"it hung: {_sentence(holder)}"})

    def holder(self) -> str:
        """Return who holds the host now; nothing where nobody does. Waits for nothing and writes nothing."""
        try:
            with open(self._layout.root / "lock") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    return _sentence(_holder(file.read()))
        except FileNotFoundError:
            pass
        return ""

    def _make_directories(self) -> None:
        layout = self._layout
        if (layout.root / "meta").is_dir():
            return
        # Workers open htpasswd files and certificates below these two, so they can be passed through.
        for path in (layout.root, layout.releases, layout.shared):
            self._system.make_directory(path)
        for path in (layout.root / "bundles", layout.root / "meta"):
            self._system.make_directory(path, 0o700)

    def _prepare(self) -> None:
        layout = self._layout
        if not layout.state.exists() and self._is_untouched():
            # There from the first moment on, so that one that is not there later was lost.
            self._write(states.empty())
        ballast = layout.root / "ballast"
        if not ballast.exists():
            # On a full disk there is none to be had: whatever needs space will say so.
            with suppress(OSError):
                self._system.write(ballast, bytes(_BALLAST))


def _short(state: Json) -> str:
    pending, live = state["pending"], state["live"]
    if pending:
        return f"{pending['release'][:12]} is pending"
    return f"{live[:12]} is taken as confirmed" if live else "no release is live"


def _locked(file: Any, path: Path) -> bool:
    """Take the lock if it is free; a lock file that somebody removed meanwhile is none."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _holder(text: str) -> Json:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _sentence(holder: Json) -> str:
    try:
        return (
            f"{holder['who']} from {holder['from']} (run {holder['id']}, {holder['operation']} since {holder['since']})"
        )
    except KeyError:
        return "another operation"
