"""Makes the world in nginx's container, by the plan: addresses, routes, names, users, directories, files, services."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .common import HOME, LINK, ip, start_service, wait_for
from .completing import complete
from .making import add_address, add_group, add_user, has_room, make_directory, make_file, places
from .modules import spare
from .stand_ins import await_all, open_more, start_beside

__all__ = ["prepare"]

_CONF = "/etc/nginx"
_ANY_NAME = "*"
_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_PREFIX = "/usr/share/nginx"


def _network(plan: dict[str, Any]) -> None:
    for address in plan["local"]:
        add_address(address)
    wait_for("the link to the stand-ins", lambda: os.path.exists(f"/sys/class/net/{LINK}"))
    networks = [plan["stand_in_network"], *plan["routed"]]
    ip(
        f"address add {plan['nginx']}/30 dev {LINK}",
        f"link set {LINK} up",
        f"address add {plan['nginx6']}/64 dev {LINK} nodad",
        *(f"route add {network} via {plan['stand_in6' if ':' in network else 'stand_in']}" for network in networks),
    )
    rows = [f"{address} {name}\n" for name, address in plan["names"].items() if name != _ANY_NAME]
    with open("/etc/hosts", "a", encoding="utf-8") as hosts:
        hosts.writelines(rows)


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
    for word in plan["modules"]:
        found = spare(word)
        for place in places(plan, os.path.join(_PREFIX, word)) if found else ():
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
    """Make the world, and complete it by what nginx says it lacks; tells in words what was made, and what learned."""
    _trust(plan)
    shutil.rmtree(_CONF, ignore_errors=True)
    os.symlink(plan["tree"], _CONF)
    # Only now, since what outlives releases is reached by links of the release; its own bytes stay as they are.
    made = list(_make(plan))
    # Last, since the other end of the link takes its time.
    _network(plan)
    for service in plan["services"]:
        if service["socket"]:
            start_service(service)
    start_beside(plan)
    found = complete(plan)
    shut = [*await_all(plan), *open_more(plan, found["ends"])]
    return {"made": made, "shut": shut, "learned": found["learned"]}
