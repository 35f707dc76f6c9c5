"""Makes the environment in nginx's container, by the plan: names, users, directories, files, services."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import names, relay
from .common import HOME, start_service
from .create import add_group, add_user, has_room, make_directory, make_file, places
from .modules import own_prefix, spare, start_as_unit
from .stubs import start_beside

__all__ = ["prepare"]

_CONF = "/etc/nginx"
_ANY_NAME = "*"
_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


def _names(plan: dict[str, Any]) -> None:
    rows = [f"{address} {name}\n" for name, address in plan["names"].items() if name != _ANY_NAME]
    with open("/etc/hosts", "a", encoding="utf-8") as hosts:
        hosts.writelines(rows)
    if len(rows) > names.LEAST:
        names.answer({name: address for name, address in plan["names"].items() if name != _ANY_NAME})


def _trust(plan: dict[str, Any]) -> None:
    """Let staging's authority be trusted where the release trusts the machine's."""
    certificate, key = plan["ca"]
    (HOME / "ca.pem").write_text(certificate)
    (HOME / "ca.key").write_text(key)
    if certificate and _BUNDLE.exists():
        with _BUNDLE.open("a", encoding="utf-8") as bundle:
            bundle.write(certificate)


def _modules(plan: dict[str, Any]) -> Iterator[str]:
    """Put the modules that the release loads where it loads them from."""
    prefix = own_prefix() if plan["modules"] else ""
    for word in plan["modules"]:
        found = spare(word)
        for place in places(plan, os.path.join(prefix, word)) if found else ():
            if not os.path.lexists(place) and has_room(place):
                os.symlink(str(found), place)
                yield f"the module {os.path.basename(word)}, which the listed packages have not"


def _make(plan: dict[str, Any]) -> Iterator[str]:
    yield from (f"the group {name}" for name in plan["groups"] if add_group(name))
    yield from (f"the user {name}" for name in plan["users"] if add_user(name))
    yield from (
        f"the directory {path}" for path, owner in plan["directories"].items() if make_directory(plan, path, owner)
    )
    for row in plan["files"]:
        if make_file(plan, row["path"], row["content"], row["mode"]):
            yield row["words"]
    yield from _modules(plan)


def prepare(plan: dict[str, Any]) -> dict[str, Any]:
    """Make the environment; tells in words what was ``made``. What nginx says that it lacks comes by ``complete``."""
    _trust(plan)
    if plan["as_unit"]:
        start_as_unit()
    shutil.rmtree(_CONF, ignore_errors=True)
    os.symlink(plan["tree"], _CONF)
    # Only now, since what outlives releases is reached by links of the release; its own bytes stay as they are.
    made = list(_make(plan))
    _names(plan)
    for service in plan["services"]:
        if service["socket"]:
            start_service(service)
    start_beside(plan)
    relay.start()
    return {"made": made}
