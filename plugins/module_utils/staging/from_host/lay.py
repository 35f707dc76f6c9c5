"""Runs once, while the image with a host's nginx is made: puts its nginx where the platform's was. Needs nothing else.

Beside it are ``plan.json``, ``sbin/nginx``, ``modules``, ``libraries`` and the host's loader, ``ld.so``. nginx is
started with these libraries alone; all other programs of the image keep their own.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

HOME = "/usr/lib/sluice"
SPARE = "/usr/share/sluice/modules"
CONF = "/etc/nginx"
STARTER = "/usr/local/sbin/nginx"
# What others build upon is loaded first.
_FIRST = ("ndk_http_module.so", "ngx_stream_module.so", "ngx_mail_module.so")


def lay(plan: dict[str, Any], root: str = "") -> None:
    """Put the nginx that is described in ``plan`` into the image at ``root``. Raises ``OSError`` and ``ValueError``."""
    home = Path(root + HOME)
    _loader(plan, home, root)
    _starter(root)
    for path in plan["binaries"]:
        if path != STARTER:
            _link(Path(root + path), STARTER)
    for folder in plan["folders"]:
        Path(root + folder).mkdir(parents=True, exist_ok=True)
    _modules(plan, root)
    _configuration(plan, root)
    _user(plan["user"], plan["group"], root)


def _loader(plan: dict[str, Any], home: Path, root: str) -> None:
    """Let nginx be started by the host's loader, where the image has another one of its name."""
    own, path = home / "ld.so", plan["loader"]
    if not path:
        return
    there = Path(root + path)
    if not there.exists():
        # As musl's in an image of glibc's: nothing else asks for it.
        _link(there, f"{HOME}/ld.so")
    elif there.read_bytes() != own.read_bytes():
        name = f"{HOME}/ld.so".encode()
        if len(name) > len(path):
            raise ValueError(f"the loader {path} has a name shorter than {name.decode()}, which is to take its place")
        with open(home / "sbin/nginx", "r+b") as file:
            file.seek(plan["loader_at"])
            if file.read(len(path)) != path.encode():
                raise ValueError(f"nginx does not name its loader {path} at byte {plan['loader_at']}")
            file.seek(plan["loader_at"])
            file.write(name.ljust(len(path), b"\0"))


def _starter(root: str) -> None:
    place = Path(root + STARTER)
    if place.is_symlink() or place.exists():
        place.unlink()
    place.parent.mkdir(parents=True, exist_ok=True)
    lines = ["#!/bin/sh", f"export LD_LIBRARY_PATH={HOME}/libraries", f'exec {HOME}/sbin/nginx "$@"', ""]
    place.write_text("\n".join(lines))
    place.chmod(0o755)


def _modules(plan: dict[str, Any], root: str) -> None:
    """Have the host's modules alone: the platform's are of another build, which nginx refuses."""
    spare, own = Path(root + SPARE), Path(root + HOME, "modules")
    shutil.rmtree(spare, ignore_errors=True)
    spare.mkdir(parents=True)
    own.mkdir(exist_ok=True)
    for name in sorted(os.listdir(own)):
        (spare / name).symlink_to(f"{HOME}/modules/{name}")
        order = "10" if name in _FIRST else "50"
        (spare / f"{order}-{name[:-3]}.conf").write_text(f"load_module modules/{name};\n")
    folder = Path(root + plan["modules"])
    if folder.is_dir() and not folder.is_symlink():
        others = [name for name in os.listdir(folder) if not name.endswith(".so")]
        if others:
            raise ValueError(f"the image has {others[0]} in {plan['modules']}, where the host has modules alone")
        shutil.rmtree(folder)
    _link(folder, f"{HOME}/modules")
    for name, path in plan["elsewhere"].items():
        if Path(root + path).exists():
            raise ValueError(f"the image has a file of its own at {path}, where the host has a module")
        _link(Path(root + path), f"{HOME}/modules/{name}")


def _configuration(plan: dict[str, Any], root: str) -> None:
    """Let nginx read ``/etc/nginx``, by a link as hosts have it."""
    folder, name = os.path.split(plan["configuration"])
    place = Path(root + folder)
    if folder == CONF or os.path.realpath(place) == os.path.realpath(root + CONF):
        return
    if place.is_dir() and not place.is_symlink():
        # What a package of the image has there is of another nginx.
        if os.listdir(place) and not (place / name).exists():
            raise ValueError(f"the image has other files in {folder}, where the host has nginx's configuration")
        shutil.rmtree(place)
    _link(place, CONF)


def _link(place: Path, target: str) -> None:
    if place.is_symlink() or place.exists():
        place.unlink()
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


def _user(user: str, group: str, root: str) -> None:
    """Have the user and the group that were compiled in."""
    number = 990
    for name, path, line in (
        (group, "/etc/group", "{name}:x:{number}:\n"),
        (user, "/etc/passwd", "{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n"),
    ):
        place = Path(root + path)
        known = place.read_text().splitlines()
        if name and not any(each.startswith(f"{name}:") for each in known):
            with place.open("a") as file:
                file.write(line.format(name=name, number=number))


if __name__ == "__main__":
    try:
        lay(json.loads(Path(HOME, "plan.json").read_text()))
    except (OSError, ValueError) as error:
        sys.exit(str(error))
