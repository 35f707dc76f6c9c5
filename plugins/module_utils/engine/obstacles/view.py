"""What nginx's own service sees: systemd can show it other files than the host has, or none."""

from __future__ import annotations

import os
from pathlib import Path

from ..host.processes import Master, standing_of
from ..session import Problem, Session

__all__ = ["view_problems"]


def view_problems(session: Session, master: Master) -> list[Problem]:
    """Return which places of the switch nginx sees otherwise than the engine does, before it finds that out by itself.

    A place that is bound onto itself, as by ``ReadOnlyPaths=/etc/nginx``, is the same place: nginx only reads it.
    """
    standing = standing_of(session.system.proc, master.pid)
    if standing is None or not standing.mounts:
        return []
    layout = session.layout
    root = f"{session.system.proc}/{master.pid}/root"
    releases = layout.releases
    while not releases.exists():
        releases = releases.parent
    problems = []
    if _differs(root, releases):
        problems.append(
            Problem(
                f"nginx's service does not see {layout.root}, where releases are: its unit hides it or has another one",
                "the same folder that the host has",
                f"another {releases} in the mount namespace of process {master.pid} (InaccessiblePaths=, "
                "TemporaryFileSystem= and the like)",
                f"make that folder, add BindReadOnlyPaths={layout.root} to nginx's unit, and restart it",
            )
        )
    if _differs(root, layout.conf.parent) or _differs(root, layout.conf):
        problems.append(
            Problem(
                f"nginx's service has another {layout.conf} than the host, so it would not see a switch",
                "the same directory that the host has",
                f"another one in the mount namespace of process {master.pid} (BindPaths=, BindReadOnlyPaths= and the "
                "like)",
                f"take that out of the unit, put its files at {layout.conf}, and restart nginx",
            )
        )
    return problems


def _differs(root: str, place: Path) -> bool:
    """Return whether a place is another one below ``root``. Links are followed here: there they would lead out of
    it.
    """
    real = os.path.realpath(place)
    try:
        return not os.path.samestat(os.stat(real), os.stat(root + real))
    except OSError:
        return True
