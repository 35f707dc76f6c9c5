"""What confines nginx on this host beside its user: SELinux or AppArmor, and whether that only complains."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

__all__ = ["confined_by"]

_ENFORCE = Path("/sys/fs/selinux/enforce")
_MODES = {"enforce": "enforcing", "complain": "complaining"}


def confined_by(proc: Path, pid: int, enforce: Path = _ENFORCE) -> str:
    """Return ``SELinux, enforcing``, ``AppArmor, complaining`` and the like of a process; empty where nothing does."""
    with suppress(OSError):
        return f"SELinux, {'enforcing' if enforce.read_text().strip() == '1' else 'permissive'}"
    with suppress(OSError):
        # As "nginx (enforce)", or "unconfined".
        mode = (proc / str(pid) / "attr/current").read_text(errors="replace").strip("\0\n ").rpartition("(")[2]
        if mode.rstrip(")") in _MODES:
            return f"AppArmor, {_MODES[mode.rstrip(')')]}"
    return ""
