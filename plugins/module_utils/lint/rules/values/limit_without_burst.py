"""A limit of few requests a second for each address has no ``burst``, and holds for whole pages.

A browser asks for a page and then for its style sheets, scripts and pictures at once. With ``rate=3r/s`` nginx lets one
request through each third of a second and refuses all others with 503, so pages arrive without half of their parts, and
offices behind one address are locked out. A limit for one place, as a form, is meant so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import blocks, location_kind

LEVEL = "medium"
NEW = "high"

_RATE = re.compile(r"rate=([0-9]{1,9})r/([sm])")
_ADDRESSES = ("$binary_remote_addr", "$remote_addr", "$realip_remote_addr")
# A browser asks for so many parts of a page at once, or more.
_ENOUGH = 20


def _slow_zones(config: Config) -> dict[str, str]:
    """Map the zones for addresses that let a page's parts through one by one to their rate."""
    found = {}
    for zone in config.named("limit_req_zone"):
        words = " ".join(zone.args)
        rate, name = _RATE.search(words), re.search(r"zone=([^:\s]+)", words)
        slow = rate is not None and (rate[2] == "m" or int(rate[1]) < _ENOUGH)
        if rate and name and slow and zone.args[:1] and zone.args[0] in _ADDRESSES:
            found[name[1]] = rate[0].removeprefix("rate=")
    return found


def _is_wide(around: Directive | None) -> bool:
    """Return whether a limit holds for whole pages: for all servers, a server, or the place for everything."""
    return around is None or around.name in ("http", "server") or location_kind(around) in (("", "/"), ("^~", "/"))


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find limits for whole pages that leave no room for their parts."""
    zones = _slow_zones(config)
    for _, block in blocks(config, "http", "server", "location"):
        for limit in block.children("limit_req"):
            zone = next((word.removeprefix("zone=") for word in limit.args if word.startswith("zone=")), "")
            has_burst = any(word.startswith("burst=") for word in limit.args)
            if zone in zones and not has_burst and _is_wide(block) and "return" not in _names(block):
                yield finding(
                    limit,
                    f"{zones[zone]} for each address and no burst: the parts of a page are refused",
                    expected=f"{limit.text} burst=20 nodelay, or more, by what a page needs",
                    fix="write burst=NUMBER nodelay, or limit single places only",
                )


def _names(block: Directive) -> set[str]:
    return {each.name for each in block.block or []}
