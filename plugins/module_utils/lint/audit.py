"""gixy-ng's rules, run on a tree.

gixy follows absolute includes on the machine that runs it. It also reads the dump that ``nginx -T`` prints, and a
dump of the tree is easily made, so it gets that: it then sees the files of the release and no others.
"""

from __future__ import annotations

import functools
import logging
import re
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..config.parse import CONF_ROOT, Config
from ..packages import gixy
from ..tree_reader import read_inside
from .gixy_at_size import at_size

__all__ = ["ADVICE", "LEVELS", "UNJUDGED", "Issue", "audit", "gixy_rules"]

UNJUDGED = "gixy"
"""The rule of the one issue that says that gixy cannot read the configuration; it stops nothing."""

LEVELS = ("unspecified", "low", "medium", "high")

# Rules of gixy that advise: half of the configurations that serve well have such findings, and most changes that bring
# one are good.
ADVICE = frozenset(
    {
        *("if_is_evil", "missing_resolver", "nginx_cves", "quic_bpf_reuseport", "regex_redos", "resolver_external"),
        *("ssl_ecdh_curve", "version_disclosure", "weak_ssl_tls"),
    }
)
_ADVISED = "medium"

# A header or a request ends with a line feed, and a dot in a regex matches none.
_NO_LINE_FEED = re.compile(r'can contain "\\r"')

# What it cannot follow is not in the tree; the gate `parse` has reported it. A regex that it cannot read is no finding,
# and it would say so in a line of its own, without a place.
logging.getLogger("gixy").setLevel(logging.CRITICAL + 1)

_MOST_WORDS = 500

# gixy keeps the context that it examines in a global.
_ONE_AT_A_TIME = threading.Lock()


class Issue(NamedTuple):
    """One finding of gixy, at a directive of the name ``directive``; ``level`` is one of ``LEVELS``."""

    rule: str
    level: str
    what: str
    why: str
    file: str
    line: int
    directive: str = ""


def _dump(root: Path, files: Iterable[str]) -> tuple[str, dict[str, int]]:
    parts, first, lines = [], {}, 0
    for name in files:
        content = read_inside(root, name).decode("utf-8", "replace")
        part = f"# configuration file {CONF_ROOT}/{name}:\n" + content + ("" if content.endswith("\n") else "\n")
        first[name] = lines + 1
        lines += part.count("\n")
        parts.append(part)
    return "".join(parts), first


def gixy_rules() -> frozenset[str]:
    """Return the names of gixy's rules."""
    manager = gixy.core.plugins_manager.PluginsManager(config=gixy.core.config.Config())
    return frozenset(str(plugin.name) for plugin in manager.plugins)


def audit(root: Path, config: Config) -> list[Issue]:
    """Return gixy's issues with the files of ``config`` below ``root``; one, ``UNJUDGED``, for what it cannot read."""
    text, first = _dump(root, config.files)
    return list(_audited(text, tuple(first.items()), config.files[0]))


# The live release of many variants is one.
@functools.lru_cache(maxsize=4)
def _audited(text: str, first: tuple[tuple[str, int], ...], main: str) -> tuple[Issue, ...]:
    with _ONE_AT_A_TIME, tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as dump:
        dump.write(text)
        dump.flush()
        manager = gixy.core.manager.Manager(gixy.core.config.Config(allow_includes=True))
        try:
            with Path(dump.name).open("rb") as stream, at_size():
                manager.audit(dump.name, stream)
        except gixy.core.exceptions.InvalidConfiguration as error:
            return (_unjudged(str(error), main),)
        except Exception as error:  # its rules are made for what nginx accepts, and nginx has not been asked yet
            return (_unjudged(f"{type(error).__name__}: {error}", main),)
        return tuple(sorted(_issues(manager, dict(first), dump.name, main)))


def _unjudged(words: str, main: str) -> Issue:
    what = "gixy-ng cannot read this configuration, so its rules did not run"
    return Issue(UNJUDGED, LEVELS[0], what, words[:_MOST_WORDS].replace("\n", " "), main, 0)


def _issues(manager: gixy.core.manager.Manager, first: dict[str, int], dump: str, main: str) -> Iterable[Issue]:
    for plugin in manager.results:
        for issue in plugin.issues:
            level = str(issue.severity or plugin.severity).lower()
            place = issue.directives[0] if issue.directives else None
            name = str(place.file or "").removeprefix(f"{CONF_ROOT}/") if place else ""
            name = main if name == dump else name
            line = int(place.line or 0) - first.get(name, 0) if place else 0
            what, why = str(issue.summary or plugin.summary), str(issue.reason or "")
            if level == "high" and _is_advice(plugin.name, why):
                level = _ADVISED
            yield Issue(plugin.name, level, what, why, name, line, str(place.name) if place else "")


def _is_advice(rule: str, why: str) -> bool:
    return rule in ADVICE or (rule == "http_splitting" and _NO_LINE_FEED.search(why) is not None)
