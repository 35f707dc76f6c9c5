"""A folder ends with the path of its location, and nginx appends that path to it: each file is looked for one folder
too deep.

``location /downloads/ { root /srv/site/downloads; }`` looks for ``/downloads/a.zip`` at
``/srv/site/downloads/downloads/a.zip``. It is the same where ``SCRIPT_FILENAME`` names the folder before the path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import blocks, location_kind

LEVEL = "medium"
NEW = "high"

_SCRIPT = re.compile(r"^(?P<folder>/[^$]*)\$\{?(?:fastcgi_script_name|uri|document_uri)\}?$")


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find roots of locations, and paths of scripts, that have the path of the location twice."""
    for _, block in blocks(config, "location"):
        modifier, pattern = location_kind(block)
        path = pattern.rstrip("/")
        if modifier.startswith("~") or not path.startswith("/"):
            continue
        for root in block.children("root"):
            folder = root.args[0].rstrip("/") if root.args else ""
            if folder.endswith(path) and folder != path:
                yield finding(
                    root,
                    f"files of {pattern} are looked for in {folder}{path}",
                    expected=f"root {folder.removesuffix(path)}, to which nginx appends the path; or alias {folder}/",
                    fix=f"write root {folder.removesuffix(path)}",
                )
        for line in block.children("fastcgi_param"):
            script = _SCRIPT.match(line.args[1]) if line.args[:1] == ["SCRIPT_FILENAME"] and line.args[1:] else None
            if script is not None and script["folder"].rstrip("/").endswith(path):
                folder = script["folder"].rstrip("/")
                yield finding(
                    line,
                    f"scripts of {pattern} are looked for in {folder}{path}",
                    expected=f"{folder.removesuffix(path)} before the path, which begins with {pattern} itself",
                    fix=f"write {line.args[1].replace(script['folder'], folder.removesuffix(path), 1)}",
                )
