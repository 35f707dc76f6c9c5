"""The process of the stubs: its endpoints, and the line on which others ask it for its record."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
from collections.abc import Mapping
from typing import Any

from ..common import CONTROL_PORT, HOME, LINK, ip, start_service, wait_for
from .control import BESIDE, MOST, answered, asked
from .listeners import Doors
from .request_log import RequestLog
from .tls import secured

__all__ = ["beside", "stub"]

# Each endpoint takes a file of its own until as many are of one port.
_MANY = 500
# As many files stay free for connections, where endpoints take all that a process may open.
_SPARE = 512


def stub(plan: dict[str, Any]) -> None:
    """Answer for every upstream at its address, until the container ends."""
    wait_for("the link to nginx", lambda: os.path.exists(f"/sys/class/net/{LINK}"))
    ip(
        f"address add {plan['stub']}/30 dev {LINK}",
        f"address add {plan['stub6']}/64 dev {LINK} nodad",
        f"link set {LINK} up",
        # A local route makes all addresses of a network one's own, but of IPv6 none that a listener can bind.
        *(
            f"address add {network}/128 dev lo nodad" if ":" in network else f"route add local {network} dev lo"
            for network in [plan["stub_network"], *plan["routed"]]
        ),
    )
    try:
        for service in plan["services"]:
            if service["endpoint"]:
                start_service(service)
    except RuntimeError as error:
        asyncio.run(_serve("stub", plan, [], (plan["stub"], CONTROL_PORT), str(error)))
    asyncio.run(_serve("stub", plan, plan["stubs"], (plan["stub"], CONTROL_PORT), most=_MANY))


def beside(plan: dict[str, Any]) -> None:
    """Answer for the upstreams that are beside nginx, until the container ends."""
    asyncio.run(_serve("beside", plan, plan["local_stubs"], BESIDE))


async def _serve(
    name: str,
    plan: Mapping[str, Any],
    rows: list[dict[str, Any]],
    where: str | tuple[str, int],
    fault: str = "",
    most: int = 0,
) -> None:
    """Open all, and then the line on which others ask; with a ``fault`` they are told that instead."""
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    spare = [os.open(os.devnull, os.O_RDONLY) for _ in range(_SPARE)]
    chain = HOME / f"{name}.pem"
    chain.write_text("".join(plan["spare"]), encoding="utf-8")
    record = RequestLog()
    doors = Doors(record, plan["names"], secured(chain), most)
    shut = await doors.open(rows)
    for file in spare:
        os.close(file)

    key = str(plan.get("key", ""))

    async def told(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError):
            nonce, what, about = asked(await reader.readline(), key)
            answer: object = len(record)
            if what == "open":
                answer = [] if fault else await doors.open(about)
            elif what == "shut":
                answer = shut
            elif what == "since":
                answer = record.since(about)
            writer.write(answered({"fault": fault} if fault else answer, nonce, key))
        writer.close()

    if isinstance(where, str):
        server = await asyncio.start_unix_server(told, where, limit=MOST)
    else:
        server = await asyncio.start_server(told, *where, limit=MOST)
    await server.serve_forever()
