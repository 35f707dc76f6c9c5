"""Joins nginx's network, which the judge is in, and the stubs', and gives nginx's network its addresses.

Only the judge may do that: it belongs to the network of the one and to the processes of the other container, so that
neither sees the other's files, and what runs beside nginx cannot turn requests of the judge away.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .common import LINK, ip, wait_for
from .create import add_address
from .link import add_pair
from .stubs import await_all, open_more

__all__ = ["address", "await_stubs", "join"]

_CARRIER = Path(f"/sys/class/net/{LINK}/carrier")


def join(plan: dict[str, Any]) -> dict[str, Any]:
    """Make the link, whose other end is put into the network of process 1, the stubs', and wait until it is up."""
    add_pair(LINK, 1)
    ip(f"link set {LINK} up")
    for wanted in plan["local"]:
        add_address(wanted)
    wait_for("the link to the stubs", _is_up)
    networks = [plan["stub_network"], *plan["routed"]]
    ip(
        f"address add {plan['nginx']}/30 dev {LINK}",
        f"address add {plan['nginx6']}/64 dev {LINK} nodad",
        *(f"route add {network} via {plan['stub6' if ':' in network else 'stub']}" for network in networks),
    )
    return {}


def _is_up() -> bool:
    try:
        return _CARRIER.read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False


def address(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Give nginx's network each ``address``; tells which ones it had not got."""
    return {"added": [row["address"] for row in rows if add_address(row["address"])]}


def await_stubs(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Wait until the stubs answer, and open more of them; tells which stay ``shut``, and why."""
    return {"shut": [*await_all(plan), *open_more(plan, rows)]}
