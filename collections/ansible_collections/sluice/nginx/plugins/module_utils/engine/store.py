"""What the engine keeps on a host: paths, state, journal and lock."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, NamedTuple

from ..errors import SluiceError
from . import state as states
from .host.system import System

if TYPE_CHECKING:
    from .forms import Json

__all__ = ["Layout", "Locked", "Store"]

_LOCK_WAIT = 10.0


class Locked(SluiceError):
    """Another operation has the host; the text says whose."""


class Layout(NamedTuple):
    """Where things are: ``root`` belongs to the engine, ``conf`` is the link that nginx reads."""

    root: Path = Path("/var/lib/sluice")
    conf: Path = Path("/etc/nginx")

    @property
    def releases(self) -> Path:
        """Whole trees, one directory each."""
        return self.root / "releases"

    @property
    def kept(self) -> Path:
        """What outlives releases."""
        return self.root / "kept"

    def release(self, release: str) -> Path:
        """The tree that is linked; the package manager may write through the link."""
        return self.releases / release

    def bundle(self, release: str) -> Path:
        """The pristine copy of a tree."""
        return self.root / "bundles" / f"{release}.tar.gz"

    def meta(self, release: str) -> Path:
        """Manifest, facts and contract of a release."""
        return self.root / "meta" / f"{release}.json"


class Store:
    """State, journal and lock of one host."""

    def __init__(self, system: System, layout: Layout) -> None:
        self._system = system
        self._layout = layout

    def load(self) -> Json:
        """Read the state; a host without one has the empty state.

        Raises ``SluiceError`` for one that cannot be understood.
        """
        path = self._layout.root / "state.json"
        try:
            found = json.loads(path.read_bytes())
        except FileNotFoundError:
            return states.empty()
        except ValueError as error:
            raise SluiceError(
                f"{path} is damaged ({error}); restore it, or remove it to adopt what the host serves now"
            ) from error
        if not isinstance(found, dict) or found.get("schema") != states.SCHEMA:
            raise SluiceError(
                f"{path} was written by another version (schema is not {states.SCHEMA}); update the controller"
            )
        return found

    def save(self, state: Json) -> None:
        """Write the state as a whole."""
        self._system.write(
            self._layout.root / "state.json", (json.dumps(state, indent=1, sort_keys=True) + "\n").encode()
        )

    def journal(self, run: Json, event: str, facts: Json) -> None:
        """Append one event."""
        line = {"at": self._system.now(), "run": run["id"], "event": event, **facts}
        self._system.append(self._layout.root / "journal.jsonl", json.dumps(line).encode() + b"\n")

    def last_events(self, count: int) -> list[Json]:
        """Return the last events; a line that a crash cut short is left out."""
        try:
            lines = (self._layout.root / "journal.jsonl").read_bytes().splitlines()
        except OSError:
            return []
        found: list[Json] = []
        for line in lines[-count:]:
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found

    def meta(self, release: str) -> Json:
        """Read what is stored about a release, or nothing."""
        try:
            found: Json = json.loads(self._layout.meta(release).read_bytes())
        except (OSError, ValueError):
            return {}
        return found

    def save_meta(self, release: str, meta: Json) -> None:
        """Write what is to be known about a release."""
        self._system.write(self._layout.meta(release), json.dumps(meta, sort_keys=True).encode())

    @contextlib.contextmanager
    def lock(self, run: Json, operation: str) -> Iterator[None]:
        """Hold the host against other operations. Raises ``Locked`` after ten seconds."""
        self._prepare()
        path = self._layout.root / "lock"
        with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
            self._acquire(file)
            file.seek(0)
            file.truncate()
            json.dump({**run, "operation": operation, "since": self._system.now()}, file)
            file.flush()
            yield

    def _acquire(self, file: Any) -> None:
        until = self._system.monotonic() + _LOCK_WAIT
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                if self._system.monotonic() >= until:
                    raise Locked(_holder(file.read())) from None
            self._system.sleep(0.05)

    def _prepare(self) -> None:
        layout = self._layout
        if (layout.root / "meta").is_dir():
            return
        # Workers open htpasswd files and certificates below these two, so they can be passed through.
        for path in (layout.root, layout.releases, layout.kept):
            self._system.make_directory(path)
        for path in (layout.root / "bundles", layout.root / "meta"):
            self._system.make_directory(path, 0o700)


def _holder(text: str) -> str:
    try:
        holder = json.loads(text)
        return (
            f"{holder['who']} from {holder['from']} (run {holder['id']}, {holder['operation']} since {holder['since']})"
        )
    except (ValueError, KeyError, TypeError):
        return "another operation"
