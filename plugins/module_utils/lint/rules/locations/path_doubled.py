"""A folder ends with the path of its location, and nginx appends that path to it: each file is looked for one folder
too deep.

``location /downloads/ { root /srv/site/downloads; }`` looks for ``/downloads/a.zip`` at
``/srv/site/downloads/downloads/a.zip``. It is the same for ``~ ^/downloads/``, and where ``SCRIPT_FILENAME`` names the
folder before the path. Locations that look for files by another path pass: with a ``rewrite``, with a ``try_files``
without ``$uri``, or for a program that is told its script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....config.samples import samples
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import blocks, location_kind

LEVEL = "medium"
NEW = "high"

# What each path begins with that an expression matches.
_FOLDER = re.compile(r"\^(?P<path>(?:/[\w-]+)+)(?=/|\$|\(/|$)")
_BY_ROOT = re.compile(r"\$\{?(?:document_root|realpath_root)\}?\$\{?(?:fastcgi_script_name|uri|document_uri)\b")
_MOST = 50
_SCRIPT = re.compile(r"^(?P<folder>/[^$]*)\$\{?(?:fastcgi_script_name|uri|document_uri)\}?$")


def _begins(location: Directive) -> str:
    """Return the path, without the last slash, that each path of a location begins with; empty where none is known."""
    modifier, pattern = location_kind(location)
    if not modifier.startswith("~"):
        return pattern.rstrip("/") if pattern.startswith("/") else ""
    folder = _FOLDER.match(pattern)
    paths = samples(location, _MOST) if folder else []
    return folder["path"] if folder and paths and all(each.startswith(folder["path"]) for each in paths) else ""


def _asks_by_path(location: Directive) -> bool:
    """Return whether the files that a location serves are those of the request's path."""
    own = location.block or []
    inner = [each for block in own if block.name == "if" for each in block.block or ()]
    if any(each.name in ("rewrite", "return") for each in (*own, *inner)):
        return False
    tried = [arg for each in location.children("try_files") for arg in each.args]
    if tried and not any("uri" in arg for arg in tried):
        return False
    if not any(each.name.endswith("_pass") for each in own):
        return True
    return any(_BY_ROOT.search(arg) for each in location.children("fastcgi_param") for arg in each.args)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find roots of locations, and paths of scripts, that have the path of the location twice."""
    for _, block in blocks(config, "location"):
        pattern, path = location_kind(block)[1], _begins(block)
        if not path:
            continue
        for root in block.children("root") if _asks_by_path(block) else ():
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
