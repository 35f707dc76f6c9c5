"""Tells how a host is, without Sluice's own operations. The tests send it as text, with the engine's folder.

One JSON object: what state and link say, and whether anybody is still at work. Asked for all, also what the tree holds,
what nginx answers and what the live tree says that it should, and which checks of its contract do not hold.
With a number of seconds it looks until nobody is at work and nothing is pending, for so long at most.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

ENGINE, ALL, SECONDS = sys.argv[1], "--all" in sys.argv, float(sys.argv[2])
# A host is looked at often, and what is imported here costs more than a look.
if ALL:
    import http.client

    sys.path.insert(0, ENGINE)
    if TYPE_CHECKING:
        from ansible_collections.sluice.nginx.plugins.module_utils.contract.client import run_checks
        from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import from_json
        from ansible_collections.sluice.nginx.plugins.module_utils.manifest import read_tree, release_id
    else:
        from sluice.contract.client import run_checks
        from sluice.contract.model import from_json
        from sluice.manifest import read_tree, release_id

ROOT = Path("/var/lib/sluice")
CONF = Path("/etc/nginx")


def served() -> str:
    """Return what nginx answers on the page that differs from release to release."""
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=5)
    try:
        connection.request("GET", "/", headers={"Host": "word.example"})
        return connection.getresponse().read().decode().strip()
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {type(error).__name__}"
    finally:
        connection.close()


def word() -> str:
    """Return what the live tree says that the page answers."""
    text = (CONF / "nginx.conf").read_text()
    found = re.search(r"server_name word\.example;\s*return 200 '([^']*)'", text)
    return found[1] if found else "no word"


def tree() -> str:
    """Return the id of what the live tree holds."""
    try:
        return release_id(read_tree(CONF.resolve()))
    except Exception as error:
        return f"unreadable: {error}"


def broken_checks(release: str) -> list[str]:
    """Return the checks of a release's contract that do not hold, with the reasons."""
    try:
        meta = json.loads((ROOT / "meta" / f"{release}.json").read_bytes())
    except (OSError, ValueError) as error:
        return [f"no contract: {error}"]
    outcomes = run_checks([from_json(row) for row in meta.get("contract") or []], timeout=10)
    return [f"{outcome.name}: {'; '.join(outcome.problems)}" for outcome in outcomes if not outcome.ok]


def busy() -> bool:
    """Return whether an operation holds the host."""
    with (ROOT / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def state() -> dict[str, Any]:
    """Return the state, or nothing when it cannot be read."""
    try:
        return dict(json.loads((ROOT / "state.json").read_bytes()))
    except (OSError, ValueError):
        return {}


def look() -> dict[str, Any]:
    """Return how the host is."""
    known = state()
    return {
        "pending": known.get("pending", "the state is damaged"),
        "live": known.get("live"),
        "confirmed": (known.get("confirmed") or {}).get("release"),
        "last": known.get("last") or {},
        "link": os.path.basename(os.readlink(CONF)) if CONF.is_symlink() else "",
        "busy": busy(),
    }


until = time.monotonic() + SECONDS
found = look()
while (found["pending"] is not None or found["busy"]) and time.monotonic() < until:
    time.sleep(0.2)
    found = look()
if ALL:
    found.update(tree=tree(), word=word(), served=served(), broken_checks=broken_checks(found["link"]))
sys.stdout.write(json.dumps(found))
