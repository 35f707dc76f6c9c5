"""The processes that talk to visitors run as root.

``user root``, a group that is as powerful (``docker``, ``disk``, …), or ``master_process off``. A fault in a worker,
or a wrong ``root``, then exposes the whole machine.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "high"
ACCEPTED_BY_TREE = False

# Members of these groups can become root.
_AS_ROOT = {"root", "toor", "docker", "disk", "shadow", "sudo", "wheel", "kmem", "lxd", "incus", "libvirt"}


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find a user or group of the workers that is root, and a configuration without workers."""
    for directive in config.directives:
        if directive.name == "user" and not _AS_ROOT.isdisjoint(directive.args):
            yield finding(
                directive,
                "worker processes, which talk to visitors, run as root",
                expected="a user of their own, as www-data or nginx",
                fix="name the user of the distribution's package",
            )
        elif directive.name == "master_process" and [each.lower() for each in directive.args[:1]] == ["off"]:
            yield finding(
                directive,
                "the master process, which is root, talks to visitors itself",
                expected="master_process on",
                fix="remove the line",
            )
