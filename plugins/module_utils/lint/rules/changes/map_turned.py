"""A map or geo that was turned round against the live release: two of its values were exchanged, everything became the
same, or a switch changed what it says by default.

``geo $editor { default 1; }`` makes an editor of everybody, and no request that was right before is wrong now.
"""

from __future__ import annotations

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import Context
from ...scopes import Scope, altered

LEVEL = "high"

_SWITCH = frozenset({"", "0", "1", "on", "off", "yes", "no", "true", "false"})


def _rows(scope: Scope) -> dict[str, str]:
    """Map each key of a map or geo to its value; there the name of a directive is the key."""
    rows = scope.block.block or [] if scope.block else []
    return {row.name: row.args[0] for row in rows if len(row.args) == 1}


def _turned(old: dict[str, str], new: dict[str, str], upstreams: set[str]) -> tuple[str, str]:
    """Tell the key that shows it, and what happened; empty where nothing did."""
    # Blue and green are exchanged with every deployment, and requests show it.
    if set(new.values()) <= upstreams:
        return "", ""
    changed = [key for key in new if key in old and old[key] != new[key]]
    became: dict[tuple[str, str], list[str]] = {}
    for key in changed:
        became.setdefault((old[key], new[key]), []).append(key)
    for one in changed:
        for other in became.get((new[one], old[one]), ()):
            if one < other:
                return other if one == "default" else one, f"{one or repr('')} and {other or repr('')} were exchanged"
    if changed and len(set(new.values())) == 1 < len(set(old.values())):
        return changed[0], f"has {new[changed[0]]!r} for everything"
    if "default" in changed and new["default"] in old.values() and {old["default"], new["default"]} <= _SWITCH:
        return "default", f"says {new['default']!r} by default, which only some had"
    return "", ""


def run(config: Config, context: Context) -> list[Finding]:
    """Find maps and geos whose rows are those of the live release with turned values."""
    if context.live is None:
        return []
    upstreams = {each.args[0] for each in config.named("upstream") if each.args}
    findings = []
    for before, scope in altered(config, context.live):
        if scope.kind not in ("map", "geo") or scope.block is None:
            continue
        row_key, what = _turned(_rows(before), _rows(scope), upstreams)
        if what:
            row: Directive = next(row for row in scope.block.block or [] if row.name == row_key)
            findings.append(
                Finding(
                    f"{scope.words}: {what}",
                    file=row.file,
                    line=row.line,
                    expected=f"{row_key} {_rows(before)[row_key]}",
                    seen=f"{row_key} {_rows(scope)[row_key]}",
                    mend="put the values back to their keys",
                )
            )
    return findings
