"""``probe``: what this host serves, and whether it has what a release needs. Changes nothing, and holds no lock."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

from ...manifest import read_tree, release_id, why_odd
from ...untrusted import printable
from ..host.nginx import Build, build, find_master
from ..needs.inspect import look
from ..renewals import renewals
from ..session import Fault, Problem, Session, problems_of
from ..trees.disclosure import read_pristine
from ..trees.export import MOST_BYTES, pack_without_secrets
from .preflight import operating_system

if TYPE_CHECKING:
    from ..protocol import Json, ProbeRequest

__all__ = ["probe"]

_ROOT = Path("/")


def probe(session: Session, request: ProbeRequest, bundle: bytes = b"") -> Json:
    """Look, and tell; a live tree is sent along when the controller does not have it."""
    try:
        master = find_master(session)
    except Fault:
        # The tree is there all the same. Preflight says what is wrong with nginx.
        master = None
    built = build(session, master)
    modules = list(built.modules) if built else []
    try:
        live = _live(session, request.get("known") or [])
    except Exception as error:  # what the host has can be told all the same
        live = {"live": None, "confirmed": False, "problems": problems_of(error)}
    return {
        "changed": False,
        "problems": [],
        **live,
        "renewals": renewals(_ROOT),
        "needs": [each.to_json() for each in look(session, request.get("needs") or [], modules)],
        "facts": {"nginx_version": built.version if built else None, "modules": modules, "os": operating_system()},
        **(_package(built) if built and request.get("packages") else {}),
    }


def _package(built: Build) -> Json:
    # Here, as it is asked for before an upgrade only.
    from ..patches import package_of

    return {"package": {**package_of(built.binary), "flavour": built.built.flavour, "core": built.built.core}}


def _live(session: Session, known: list[str]) -> Json:
    tree = session.layout.conf.resolve()
    if not (tree / "nginx.conf").is_file():
        return {"live": None, "confirmed": False}
    entries = read_tree(tree, odd=True)
    for entry in entries:
        why = why_odd(entry)
        if why:
            # It is drift, or the preflight says that it cannot be adopted; what nginx reads can be told all the same.
            path = f"{session.layout.conf}/{printable(entry.path)}"
            session.warn(f"{path} is left out of what is compared: {why.partition(';')[0]}")
    live = release_id(entry for entry in entries if not why_odd(entry))
    state = session.store.load()
    accepted = state["confirmed"] or {}
    answer: Json = {"live": live, "confirmed": accepted.get("release") == live}
    if live in known:
        return answer
    sent = pack_without_secrets(tree, session.layout.conf, read_pristine(session, state))
    if sent.data is None:
        problem = Problem(
            "the live tree is too large to be fetched, so the release cannot be compared with it",
            f"at most {MOST_BYTES >> 20} MiB",
            f"{sent.size >> 20} MiB",
            "take out of /etc/nginx what is no configuration",
        )
        return {**answer, "problems": [problem]}
    answer.update(tree=base64.b64encode(sent.data).decode(), withheld=sent.withheld)
    return answer
