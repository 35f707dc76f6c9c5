"""Makes one thing of the environment, where it is not there yet: a file, a directory, a user, an address."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .common import run

__all__ = [
    "add_address",
    "add_group",
    "add_user",
    "has_room",
    "make_directory",
    "make_file",
    "places",
    "remove_address",
]

_CONF = "/etc/nginx"


def places(plan: dict[str, Any], path: str) -> Iterator[str]:
    """Return where a path is, links followed: one below ``/etc/nginx`` is in each tree, since any may be served."""
    if not path.startswith(f"{_CONF}/"):
        yield os.path.realpath(path)
        return
    for tree in plan["trees"]:
        yield os.path.realpath(tree + path[len(_CONF) :])


def make_file(plan: dict[str, Any], path: str, content: str, mode: int = 0o644) -> bool:
    """Write a file where there is none; tells whether it made one."""
    made = False
    for place in places(plan, path):
        if not os.path.lexists(place) and has_room(place):
            Path(place).write_text(content, encoding="latin-1", newline="")
            os.chmod(place, mode)
            made = True
    return made


def has_room(place: str) -> bool:
    """Make the directory of a file; a file on the way is the release's own affair."""
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        return False
    return True


def make_directory(plan: dict[str, Any], path: str, owner: str) -> bool:
    """Make a directory where there is none; tells whether it made one."""
    made = False
    for place in places(plan, path):
        if not os.path.lexists(place) and has_room(place):
            os.mkdir(place)
            made = True
            if _is_known(owner):
                shutil.chown(place, owner, owner if _is_group(owner) else None)
    return made


def _is_known(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _is_group(group: str) -> bool:
    try:
        grp.getgrnam(group)
    except KeyError:
        return False
    return True


def add_user(user: str) -> bool:
    """Add a system user where there is none, in a group of its name; tells whether it did."""
    if _is_known(user):
        return False
    group = ["-g", user] if _is_group(user) else ["-U"]
    run("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", *group, "--badname", user)
    return True


def add_group(group: str) -> bool:
    """Add a group where there is none; tells whether it did."""
    if _is_group(group):
        return False
    run("groupadd", "--system", group)
    return True


def add_address(address: str) -> bool:
    """Give this container an address; tells whether it had not got it."""
    words = ["ip", "address", "add", address, "dev", "lo", *(["nodad"] if ":" in address else [])]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode == 0


def remove_address(address: str) -> None:
    """Take an address away that was given."""
    run("ip", "address", "del", f"{address}/{128 if ':' in address else 32}", "dev", "lo")
