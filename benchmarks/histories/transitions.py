"""The transitions of a configuration's history: the tree before a commit and the tree after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

from .git import Git

__all__ = ["BAD", "COSMETIC", "GOOD", "Label", "Transition", "of_folder", "of_repository", "read_labels"]

GOOD, BAD, COSMETIC = "good", "bad", "cosmetic"
_KNOWN = (GOOD, BAD, COSMETIC, "skip")


class Label(NamedTuple):
    """What is known of a commit: ``good``, ``bad``, ``cosmetic`` or ``skip``, and why, in a few words."""

    repository: str
    commit: str
    label: str
    note: str


@dataclass(frozen=True)
class Transition:
    """One change: two folders that are laid over the packaged ``/etc/nginx``. ``label`` is "" where nobody judged."""

    repository: str
    commit: str
    label: str
    note: str
    live: Path
    candidate: Path

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return f"{self.repository} {self.commit}"


def read_labels(path: Path) -> list[Label]:
    """Read ``repository, commit, label, note``, separated by tabs. Raises ``SluiceError`` for a line that is not so."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != len(Label._fields) or fields[2] not in _KNOWN:
            expected = "expected: repository, commit, one of " + ", ".join(_KNOWN) + ", note; separated by tabs"
            raise SluiceError(f"{path}:{number} is no label: {line[:80]!r}; {expected}")
        found.append(Label(*fields))
    return found


def of_folder(folder: Path, labels: Sequence[Label]) -> Iterator[Transition]:
    """Yield the labelled transitions whose trees are ``FOLDER/REPOSITORY/COMMIT/{live,cand}``."""
    for each in labels:
        trees = folder / each.repository / each.commit
        if not (trees / "live").is_dir() or not (trees / "cand").is_dir():
            raise SluiceError(f"{trees} has no trees; expected the folders live and cand")
        yield Transition(*each, trees / "live", trees / "cand")


def of_repository(
    repository: Path, inside: str, commits: int, labels: Sequence[Label], work: Path
) -> Iterator[Transition]:
    """Yield the last ``commits`` changes of the folder ``inside`` of a git repository, the oldest first.

    The trees are written below ``work``. A label's commit may be shortened. Raises ``SluiceError`` where git fails.
    """
    if commits < 1:
        raise SluiceError(f"--last {commits}: expected a number of commits, 1 or more")
    git = Git(repository)
    prefix = git.run("rev-parse", "--show-prefix").decode().strip()
    folder = str(PurePosixPath(prefix, inside or "."))
    listed = git.run("log", "--no-merges", "--format=%H %P", f"--max-count={commits}", "--", f":/{folder}").decode()
    for line in reversed(listed.splitlines()):
        commit, *parents = line.split()
        known = next((each for each in labels if commit.startswith(each.commit)), None)
        short = known.commit if known else commit[:8]
        trees = work / short
        if not parents or not git.extract(parents[0], folder, trees / "live"):
            continue
        if not git.extract(commit, folder, trees / "cand"):
            continue
        said = git.run("log", "-1", "--format=%s", commit).decode("utf-8", "replace").strip()
        yield Transition(
            repository.resolve().name.removesuffix(".git"),
            short,
            known.label if known else "",
            known.note if known else said,
            trees / "live",
            trees / "cand",
        )
