"""Labels of SELinux on a host: Sluice's own folder is labelled as ``/etc/nginx`` is, now and after each relabelling."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Callable, Iterator

from .host.confined import APPARMOR
from .host.denials import denials_since
from .host.system import SELINUX, Ran
from .session import Problem, Session
from .timestamps import seconds_of

__all__ = ["denial_problems", "forget_labels", "kept_labels", "prepare_labels"]

# semanage builds the policy anew.
_SEMANAGE_SECONDS = 300.0
_CONFIG = Path("/etc/selinux/config")
_MOST_NAMED = 10
_LARGEST = 1 << 20
# What `nginx -t` makes where it is not there: the pid file, logs, and folders for bodies and caches.
_MADE = re.compile(
    r"(?:^|[;{}])\s*(?:pid|lock_file|error_log|access_log|[a-z_]+_(?:temp|cache)_path)\s+([^\s;]+)", re.MULTILINE
)


def prepare_labels(session: Session) -> None:
    """Label Sluice's folder as ``/etc/nginx``, once: what is made in it later gets the label of its folder.

    Where the tools are there, the policy is told that both are the same, so a relabelling of the machine changes
    nothing. What cannot be done is warned of: whether nginx can read its tree is proved by the reload.
    """
    if not os.path.exists(SELINUX):
        return
    from .host.labels import is_labelled

    system, layout = session.system, session.layout
    if not is_labelled(layout.root, layout.conf):
        with session.step("label"):
            trees = [layout.root, layout.shared, *_trees(layout.releases)]
            faults = [fault for fault in (system.label(tree, layout.conf) for tree in trees) if fault]
        if faults:
            session.warn(f"{layout.root} could not get the labels of {layout.conf}: {faults[0]}")
    if not _is_equivalent(session):
        done = system.run(["semanage", "fcontext", "-a", "-e", str(layout.conf), str(layout.root)], _SEMANAGE_SECONDS)
        if done.rc not in (0, 127):
            session.warn(f"SELinux could not be told that {layout.root} is as {layout.conf}: {_last(done)}")


def forget_labels(session: Session) -> None:
    """Let the policy no longer know Sluice's folder."""
    if os.path.exists(SELINUX) and _is_equivalent(session):
        layout = session.layout
        argv = ["semanage", "fcontext", "-d", "-e", str(layout.conf), str(layout.root)]
        done = session.system.run(argv, _SEMANAGE_SECONDS)
        if done.rc:
            session.warn(f"SELinux still takes {layout.root} for {layout.conf}; run `{' '.join(argv)}`: {_last(done)}")


def _last(done: Ran) -> str:
    return done.output.strip()[-300:]


def _trees(releases: Path) -> list[Path]:
    return sorted(releases.iterdir()) if releases.is_dir() else []


def _is_equivalent(session: Session) -> bool:
    """Return whether the policy has Sluice's folder as ``/etc/nginx``, in the file that semanage writes."""
    try:
        kind = re.findall(r"^SELINUXTYPE=(\S+)", _CONFIG.read_text(), re.MULTILINE)[-1]
        rows = (_CONFIG.parent / kind / "contexts/files/file_contexts.subs").read_text().splitlines()
    except (OSError, IndexError):
        return False
    return [str(session.layout.root), str(session.layout.conf)] in [row.split() for row in rows]


@contextmanager
def kept_labels(session: Session, pid: int | None, tree: Path, others: Callable[[], list[str]]) -> Iterator[None]:
    """Give what ``nginx -t`` makes in a ``with`` the labels that nginx itself would have made it with.

    The test runs in Sluice's context, so a pid file of its making is one that nginx may not write. ``tree`` is the
    configuration that is tested, ``pid`` nginx's master where one runs, and ``others`` returns paths that it was built
    with.
    """
    if not os.path.exists(SELINUX):
        yield
        return
    from .host.labels import label_as_made

    paths = [path for path in sorted({*_named(tree), *others()}) if not os.path.lexists(path)]
    try:
        yield
    finally:
        for path in paths:
            if os.path.lexists(path):
                with suppress(OSError):
                    # Of what is made at run time the policy seldom knows the path.
                    session.system.label(path, Path(path))
                    if pid is not None:
                        label_as_made(Path(path), pid)


def _named(tree: Path) -> set[str]:
    found: set[str] = set()
    for folder, _, names in os.walk(tree):
        for name in names:
            path = os.path.join(folder, name)
            with suppress(OSError):
                if os.path.isfile(path) and os.path.getsize(path) <= _LARGEST:
                    with open(path, errors="replace") as file:
                        found.update(_MADE.findall(file.read()))
    return {os.path.realpath(path) for path in found if path.startswith("/")}


def denial_problems(session: Session, since: str) -> list[Problem]:
    """Return what SELinux or AppArmor forbade nginx since a time, ISO-8601 in UTC; nothing without either."""
    if not os.path.exists(SELINUX) and not APPARMOR.is_dir():
        return []
    try:
        denials = denials_since(seconds_of(since))
    except Exception as error:
        session.warn(f"what the kernel forbade nginx could not be read: {type(error).__name__}: {error}")
        return []
    return [
        Problem(denial.words(), "nginx may do what the release needs", fix=denial.fix())
        for denial in denials[:_MOST_NAMED]
    ]
