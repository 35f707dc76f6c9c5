"""``findings.sarif``: each finding that has a place, at the file that the user wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from ..record.summary import Culprit, RunSummary
from ..redactor.redactor import cleared
from ..textfmt import details

__all__ = ["sarif"]

_RULE = re.compile(r"\[([\w-]+)\]$")
_MOST_RESULTS = 5000
"""As many as code hosts take of one run."""


def sarif(record: Mapping[str, Any], project: Path | None = None) -> str:
    """Return the findings of a run in SARIF 2.1.0, whose files are named relative to ``project``."""
    record = cleared(record)
    # A record is in PROJECT/.sluice/runs/RUN, unless sluice_state_dir is elsewhere.
    root = PurePosixPath(project or Path(record["run"]["folder"]).parent.parent.parent)
    results: dict[str, dict[str, Any]] = {}
    found = (result for release in record["releases"] for result in _results(release, root))
    for result in (*found, *_culprits(RunSummary.of(record).culprits, root)):
        # Releases of one run have most of their findings in common.
        results.setdefault(json.dumps(result, sort_keys=True), result)
    told = list(results.values())[:_MOST_RESULTS]
    rules = [_rule(rule) for rule in dict.fromkeys(str(result["ruleId"]) for result in told)]
    run = {
        "tool": {"driver": {"name": "Sluice", "version": record["sluice"], "rules": rules}},
        "automationDetails": {"id": "sluice/"},
        "columnKind": "unicodeCodePoints",
        "results": told,
    }
    return f"{json.dumps({'version': '2.1.0', 'runs': [run]}, indent=1, ensure_ascii=False)}\n"


def _rule(rule: str) -> dict[str, Any]:
    gate, _, name = rule.partition("/")
    if gate != "lint" or not name:
        return {"id": rule}
    # Only runs with such findings need the rules.
    from ..lint.documentation import describe_rule

    return {"id": rule, **describe_rule(name)}


def _results(release: Mapping[str, Any], project: PurePosixPath) -> Iterator[dict[str, Any]]:
    for verdict in release["verdicts"]:
        for found in verdict["findings"]:
            if found.get("file"):
                yield _result(verdict["gate"], found, project)


def _culprits(culprits: Sequence[Culprit], project: PurePosixPath) -> Iterator[dict[str, Any]]:
    for culprit in culprits:
        for part in culprit.parts:
            variable = f" (variable {part.variable})" if part.variable else ""
            words = f"this part of the change makes a gate fail: {', '.join(culprit.fails)}{variable}"
            yield _at("culprit", "error", words, asdict(part), project)


def _result(gate: str, found: Mapping[str, Any], project: PurePosixPath) -> dict[str, Any]:
    lines = [str(found["what"]), *(f"{name}: {text}" for name, text in details(found))]
    rule = _RULE.search(str(found["what"]))
    level = "warning" if found.get("warning") else "error"
    result = _at(f"{gate}/{rule[1]}" if rule else gate, level, "\n".join(lines), found, project)
    if fixes := _fixes(found, project):
        result["fixes"] = fixes
    if found.get("accepted"):
        # Beside the code, in accepted.yml.
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": str(found["accepted"])}]
    return result


def _at(rule: str, level: str, words: str, place: Mapping[str, Any], project: PurePosixPath) -> dict[str, Any]:
    file, line, origin = str(place["file"]), int(place.get("line") or 0), str(place.get("origin") or "")
    # A line of what a template made is not a line of the template.
    is_template = origin.endswith(".j2")
    location: dict[str, Any] = {"artifactLocation": _artifact(origin or file, project)}
    if line > 0 and not is_template:
        location["region"] = {"startLine": line}
    if origin and (is_template or not origin.endswith(file)):
        words += f"\nas rendered: {file}:{line}" if line else f"\nas rendered: {file}"
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": _without_links(words)},
        "locations": [{"physicalLocation": location}],
    }


def _fixes(found: Mapping[str, Any], project: PurePosixPath) -> list[dict[str, Any]]:
    """The fix of a finding; nothing where its file was made by a template, whose lines are others."""
    origin = str(found.get("origin") or "")
    edits = [each for each in found.get("edits") or () if each["file"] == found["file"]]
    if not edits or not origin or origin.endswith(".j2") or origin.startswith("packaged/"):
        return []
    replacements = [
        {
            "deletedRegion": {"startLine": each["line"], "startColumn": 1, "endColumn": len(each["old"]) + 1},
            "insertedContent": {"text": "\n".join(each["new"])},
        }
        for each in edits
    ]
    change = {"artifactLocation": _artifact(origin, project), "replacements": replacements}
    words = "; ".join(line.strip() for each in edits for line in each["new"])
    return [{"description": {"text": _without_links(f"write {words}")}, "artifactChanges": [change]}]


def _without_links(text: str) -> str:
    """Return a message without links: viewers take ``[a](b)`` for one, as which a regular expression is mangled, and
    whoever wrote the text of a header leads readers where they want.
    """
    return text.replace("](", "]\u200b(")


def _artifact(path: str, project: PurePosixPath) -> dict[str, str]:
    given = PurePosixPath(path)
    if given.is_absolute() and not given.is_relative_to(project):
        return {"uri": Path(path).as_uri()}
    relative = given.relative_to(project) if given.is_absolute() else given
    return {"uri": quote(str(relative), errors="backslashreplace"), "uriBaseId": "%SRCROOT%"}
