"""The tree parses; every include that is not a pattern exists; nothing in the tree is unreachable (a warning)."""

from __future__ import annotations

from pathlib import PurePosixPath

from ..config.parse import Config
from ..platforms.catalog import layouts
from ..textfmt import count
from ..tree_reader import paths_inside
from ..verdicts.model import Finding, Subject, Verdict

AFTER = ("spec",)
ON: tuple[str, ...] = ()

# A line that many include is wrong for each of them.
_MOST_FINDINGS = 200
# Where nginx looks for configuration; other files of the tree (parameters, maps of characters) wait to be included.
# A folder called modules holds modules as well, as links.
_OF_MODULES = "modules"


def _loaded_folders() -> set[str]:
    patterns = [pattern for each in layouts() for pattern in (*each.includes, each.enabled_modules)]
    return {PurePosixPath(each).parts[0] for each in patterns if each and not each.startswith("/")} - {_OF_MODULES}


def _unreachable(paths: list[str], config: Config) -> list[str]:
    read = set(config.files) | {outside.file for outside in config.outside}
    folders = _loaded_folders()
    return [path for path in paths if PurePosixPath(path).parts[0] in folders and path not in read]


def run(subject: Subject) -> Verdict:
    """Fail for each file that cannot be read as nginx configuration."""
    release, config = subject.examined
    findings = [
        Finding(problem.what, file=problem.file, line=problem.line, expected="configuration that nginx can read")
        for problem in config.problems[:_MOST_FINDINGS]
    ]
    more = len(config.problems) - len(findings)
    if more:
        findings.append(Finding(f"and {count(more, 'problem')} more of this configuration"))
    files = paths_inside(release.tree)
    findings += [
        Finding(f"{path} is in the release, and nothing includes it", file=path, warning=True)
        for path in _unreachable(files, config)
    ]
    directives = sum(1 for _ in config.walk())
    return Verdict.of(
        findings,
        ", ".join(
            [
                count(len(config.files), "file"),
                count(directives, "directive"),
                count(len(config.servers()), "server"),
            ]
        ),
        files=config.files,
    )
