"""Workers as root: a fault in a worker, or in what it is told to serve, then has the whole machine."""

from __future__ import annotations

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import Context

LEVEL = "high"
ACCEPTED_BY_TREE = False

# Whoever is in these groups is root whenever he likes.
_AS_ROOT = {"root", "toor", "docker", "disk", "shadow", "sudo", "wheel", "kmem", "lxd", "incus", "libvirt"}


def run(config: Config, context: Context) -> list[Finding]:
    """Find a user or group of the workers that is root, and a configuration without workers of their own."""
    findings = [
        Finding(
            "the workers, which talk to visitors, run as root",
            file=directive.file,
            line=directive.line,
            expected="a user of their own, as www-data or nginx",
            seen=" ".join([directive.name, *directive.args]),
            mend="name the user of the distribution's package",
        )
        for directive in config.directives
        if directive.name == "user" and not _AS_ROOT.isdisjoint(directive.args)
    ]
    return findings + [
        Finding(
            "the master, which is root, talks to visitors itself",
            file=directive.file,
            line=directive.line,
            expected="master_process on",
            seen="master_process off",
            mend="remove the line",
        )
        for directive in config.directives
        if directive.name == "master_process" and [each.lower() for each in directive.args[:1]] == ["off"]
    ]
