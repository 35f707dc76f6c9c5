"""Take the record of the last run to where a CI server looks for it.

``record.py [FOLDER]`` copies it to FOLDER (``record``), with the findings as a code quality report for GitLab beside
it. On GitHub it goes into the job's summary, and with ``ANNOTATE=true`` each finding becomes an annotation.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

RUNS = Path(".sluice/runs")
# GitHub refuses a summary of more than 1 MiB; each part stays far below it.
MOST_CHARACTERS = 200_000
SEVERITIES = {"error": "critical", "warning": "minor", "note": "info"}


class Found(NamedTuple):
    """A finding with its place; ``level`` is SARIF's."""

    rule: str
    level: str
    text: str
    path: str
    line: int


def findings(sarif: dict[str, Any]) -> list[Found]:
    """Read the findings of a SARIF log that have a place in the repository."""
    found = []
    for run in sarif.get("runs", []):
        for result in run.get("results", []):
            for location in result.get("locations", [])[:1]:
                place = location.get("physicalLocation", {})
                path = place.get("artifactLocation", {}).get("uri", "")
                line = place.get("region", {}).get("startLine", 1)
                text = result["message"]["text"]
                found.append(Found(result.get("ruleId", "sluice"), result.get("level", "warning"), text, path, line))
    return [each for each in found if each.path]


def code_quality(found: list[Found]) -> list[dict[str, Any]]:
    """Give the findings in the form that GitLab shows in a merge request."""
    return [
        {
            "check_name": each.rule,
            "description": each.text,
            # Without the line, so that a finding that only moved is the same one.
            "fingerprint": hashlib.sha256("\0".join((each.rule, each.path, each.text)).encode()).hexdigest(),
            "severity": SEVERITIES.get(each.level, "minor"),
            "location": {"path": each.path, "lines": {"begin": each.line}},
        }
        for each in found
    ]


def annotation(found: Found) -> str:
    """Give the line of output that GitHub shows at the finding's place."""
    kind = {"error": "error", "warning": "warning"}.get(found.level, "notice")
    place = f"file={_property(found.path)},line={found.line},title={_property(found.rule)}"
    return f"::{kind} {place}::{_escaped(found.text)}"


def _escaped(text: str) -> str:
    return _visible(text, "\r\n").replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def _visible(text: str, keep: str = "") -> str:
    """Write what no person sees, and a terminal or a page may obey, as escapes; ``keep`` stay."""
    escaped = ((each, each.encode("unicode_escape", "backslashreplace").decode("ascii")) for each in text)
    return "".join(each if each.isprintable() or each in keep else escape for each, escape in escaped)


def _inline(text: str) -> str:
    """Give text of others as one line of Markdown that marks nothing and calls nobody."""
    line = " ".join(_visible(text.replace("\n", " ")).split())
    return re.sub(r"([\\`*_\[\]<>|&~#!$])", r"\\\1", line).replace("@", "@\u200b")


def _fenced(text: str) -> str:
    """Give text of others as a block that nothing in it can end."""
    shown = _visible(text.strip(), "\n\t")
    fence = "`" * max(4, 1 + max(map(len, re.findall("`+", shown)), default=0))
    return f"{fence}text\n{shown}\n{fence}"


def summary(record: Path) -> str:
    """Give the outcome, the tables and the draft of the postmortem as Markdown."""
    texts = [_text(record / name).strip() for name in ("gates.txt", "fleet.txt")]
    tables = [_fenced(text) for text in texts if text]
    # Text of others is escaped in the draft, too; a file of this name may be anything by now.
    draft = _visible(_text(record / "postmortem.md"), "\n\t")
    outcome, offer = _outcome(record)
    return "\n\n".join([f"### {_inline(outcome)}", *_offered(offer, record), *tables, draft]).strip() + "\n"


def _offered(offer: str, record: Path) -> list[str]:
    """Give the command that accepts what the run found, for a clone into which the record is brought."""
    if not offer:
        return []
    words = (
        f"If all of this is meant: bring the artifact of this job into your clone, as `{record}/`, say why in this "
        "command, and push the file that it writes to this branch. Whoever approves that file approves what was found."
    )
    return [words, _fenced(re.sub(r"\brun=\S+", f"run={record}", offer))]


def _outcome(record: Path) -> tuple[str, str]:
    """Read what the run came to, and what it offers. The record may be longer than what is read of other files."""
    try:
        content = json.loads((record / "run.json").read_text(encoding="utf-8"))
        return str(content["outcome"]), str(content.get("offer") or "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "the run has not come to its end", ""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")[:MOST_CHARACTERS] if path.is_file() else ""


def _tracked() -> list[str]:
    """List what came with the repository where records are; none where git is missing, or this is no clone."""
    if shutil.which("git") is None:
        return []
    argv = ["git", "ls-files", "-z", "--", str(RUNS.parent)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return [name for name in done.stdout.split("\0") if name]


def main(folder: Path) -> None:
    """Take the record to ``folder``, and say it to the service. Exits with a sentence when there is none."""
    if tracked := _tracked():
        sys.exit(f"{_visible(tracked[0])} is in the repository, so nobody knows which record a run made: remove it")
    runs = sorted(path for path in RUNS.glob("*") if path.is_dir())
    if not runs:
        sys.exit(f"no run has left a record below {RUNS}: it ended before the gates began, so see the steps before")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(runs[-1], folder)
    sarif = folder / "findings.sarif"
    found = findings(json.loads(sarif.read_text(encoding="utf-8")) if sarif.is_file() else {})
    (folder / "codequality.json").write_text(json.dumps(code_quality(found), indent=1) + "\n", encoding="utf-8")
    if os.environ.get("ANNOTATE") == "true":
        print("\n".join(map(annotation, found)))
    if os.environ.get("GITHUB_STEP_SUMMARY"):
        with open(os.environ["GITHUB_STEP_SUMMARY"], "a", encoding="utf-8") as stream:
            stream.write(summary(folder))
    print(f"the record of {runs[-1].name} is in {folder}/, with {len(found)} findings that have a place")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "record"))
