"""What runs, people and package managers do to a host, in one line each."""

from __future__ import annotations

from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils import receipt as receipts
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import read_tree, release_id

from .host import SimulatedHost
from .releases import release

__all__ = ["DEADLINE", "confirm", "deploy", "leave", "push", "recover", "rewrite", "rollback"]

DEADLINE = 30.0
"""Seconds after which the watchdog rolls back what a run has pending."""

_AT = "2026-03-01T00:00:00.000Z"


def push(
    host: SimulatedHost, run: str, name: str, behaviour: str = "fine", drift: str = "refuse", **more: Any
) -> dict[str, Any]:
    """Put a pending release; ``more`` is what else the request says."""
    pushed = release(name, behaviour)
    return host.ask_engine(
        "activate",
        run,
        pushed.bundle,
        release=pushed.form,
        receipt=receipts.issue(pushed.id, run, _AT, 24 * 365, dict.fromkeys(receipts.GATES, "pass")),
        drift=drift,
        **more,
        options={"check_timeout": 5, "test_timeout": 10, "confirm_timeout": DEADLINE},
    )


def confirm(host: SimulatedHost, run: str, name: str, keep: int = 5) -> dict[str, Any]:
    """Accept what a run has pending."""
    return host.ask_engine("confirm", run, release=release(name).id, keep=keep)


def rollback(host: SimulatedHost, run: str, of: str = "") -> dict[str, Any]:
    """Roll back what a run did."""
    return host.ask_engine("rollback", run, of=of)


def deploy(host: SimulatedHost, *names: str, keep: int = 5) -> None:
    """Bring releases to a host, one after the other, each confirmed by a run of its own name."""
    for name in names:
        for answer in (push(host, f"run {name}", name), confirm(host, f"run {name}", name, keep)):
            assert answer["ok"], answer["problems"]
    host.clock.pass_(5.0)


def recover(host: SimulatedHost) -> dict[str, Any]:
    """Look at a host before a deployment: that alone rolls back what nobody sees to any more."""
    return host.ask_engine("preflight", "next", release=release("next").id, recover=True, drift="adopt")


def leave(host: SimulatedHost, **request: Any) -> dict[str, Any]:
    """Take Sluice off a host."""
    return host.ask_engine("leave", "leave", **request)


def rewrite(host: SimulatedHost, text: str = "gzip on;\n") -> None:
    """Let the package manager write through the link, and its scripts reload nginx."""
    (host.layout.conf / "conf.d/packaged.conf").write_text(text)
    host.rewritten.add(release_id(read_tree(host.layout.conf.resolve())))
    if host.nginx.master is not None:
        host.nginx.reload(host.nginx.master.pid)
    host.clock.pass_(5.0)
