"""gixy-ng's rules, asked of a tree.

gixy follows absolute includes on the machine that runs it. It also reads the dump that ``nginx -T`` prints, and a
dump of the tree is easily made, so it gets that: it then sees the files of the release and no others.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from gixy.core.config import Config as GixyConfig
from gixy.core.exceptions import InvalidConfiguration
from gixy.core.manager import Manager

from ..config.parse import CONF_ROOT, Config
from ..errors import SluiceError

__all__ = ["LEVELS", "Issue", "audit"]

LEVELS = ("unspecified", "low", "medium", "high")

# gixy keeps the context that it examines in a global.
_ONE_AT_A_TIME = threading.Lock()


class Issue(NamedTuple):
    """One finding of gixy; ``level`` is one of ``LEVELS``."""

    rule: str
    level: str
    what: str
    why: str
    file: str
    line: int


def _dump(root: Path, files: Iterable[str]) -> tuple[str, dict[str, int]]:
    text, first, lines = "", {}, 0
    for name in files:
        content = (root / name).read_text(encoding="utf-8", errors="replace")
        part = f"# configuration file {CONF_ROOT}/{name}:\n" + content + ("" if content.endswith("\n") else "\n")
        first[name] = lines + 1
        lines += part.count("\n")
        text += part
    return text, first


def audit(root: Path, config: Config) -> list[Issue]:
    """Ask gixy about the files of ``config`` below ``root``. Raises ``SluiceError`` when gixy cannot read them."""
    text, first = _dump(root, config.files)
    with _ONE_AT_A_TIME, tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as dump:
        dump.write(text)
        dump.flush()
        manager = Manager(GixyConfig(allow_includes=True))
        try:
            with Path(dump.name).open("rb") as stream:
                manager.audit(dump.name, stream)
        except InvalidConfiguration as error:
            raise SluiceError(f"gixy cannot read the configuration: {error}") from error
        return sorted(_issues(manager, first, dump.name, config.files[0]))


def _issues(manager: Manager, first: dict[str, int], dump: str, main: str) -> Iterable[Issue]:
    for plugin in manager.results:
        for issue in plugin.issues:
            level = str(issue.severity or plugin.severity).lower()
            place = issue.directives[0] if issue.directives else None
            name = str(place.file or "").removeprefix(f"{CONF_ROOT}/") if place else ""
            name = main if name == dump else name
            line = int(place.line or 0) - first.get(name, 0) if place else 0
            yield Issue(plugin.name, level, str(issue.summary or plugin.summary), str(issue.reason or ""), name, line)
