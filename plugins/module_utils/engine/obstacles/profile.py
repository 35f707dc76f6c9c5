"""What a profile of AppArmor keeps from nginx that a switch, and its rollback, cannot do without."""

from __future__ import annotations

import os

from ..host.confined import may_read, profile_of
from ..host.processes import Master
from ..session import Problem, Session

__all__ = ["profile_problems"]

_LOCAL = "a file below /etc/apparmor.d/local"


def profile_problems(session: Session, master: Master) -> list[Problem]:
    """Return what the profile of nginx forbids, before nginx finds that out.

    After a first switch the release from before is in Sluice's folder as well: nginx could read neither.
    """
    profile = profile_of(session.system.proc, master.pid, master.exe)
    if not profile:
        return []
    layout = session.layout
    problems = []
    if may_read(profile, os.path.join(os.path.realpath(layout.releases), "0" * 64, "nginx.conf")) is False:
        problems.append(
            Problem(
                f"AppArmor does not let nginx read {layout.root}, where releases are",
                "a profile that lets it read them",
                f"the profile {profile} does not",
                f"add `{os.path.realpath(layout.root)}/{{releases,shared}}/** r,` to it, in {_LOCAL}, and load the "
                "profile again with apparmor_parser -r",
            )
        )
    try:
        os.kill(master.pid, 0)
    except PermissionError:
        problems.append(
            Problem(
                "AppArmor does not let anybody send nginx a signal, so nobody could reload it",
                "a profile that lets it receive signals",
                f"the profile {profile} does not",
                f"add `signal (receive) peer=unconfined,` to it, in {_LOCAL}, and load the profile again with "
                "apparmor_parser -r",
            )
        )
    except OSError:
        # It has gone meanwhile, which others say.
        pass
    return problems
