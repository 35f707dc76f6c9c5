"""What each rule of the gate ``lint`` finds on real changes, and how often it is right.

Both trees of each labelled transition are read and linted; nothing is staged. A rule counts once for a transition in
which it has a finding that the tree before has not. On a bad change it is *right* where it names the fault that the
note tells of (``judged.tsv`` says so: rule, repository, commit), else it is *beside* it; on a good one it is *wrong*,
unless ``judged.tsv`` says that it names a fault that nobody had noticed.

    python -m benchmarks.histories.rules --clones FOLDER --packaged FOLDER
    python -m benchmarks.histories.rules --trees FOLDER --labels FOLDER/transitions.tsv --packaged FOLDER

A third is kept apart (``data/kept.tsv``, and every third label of ``--trees``), so that sharpening a rule on what is
seen can be checked on what is not: ``--seen`` is without them, ``--kept`` is only them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.gates.lint import new_findings
from ansible_collections.sluice.nginx.plugins.module_utils.lint.audit import LEVELS, UNJUDGED
from ansible_collections.sluice.nginx.plugins.module_utils.lint.catalogue import LintFinding, find_rules
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions, Live, Subject

from .layouts import of_clones, read_layouts
from .transitions import BAD, GOOD, Transition, of_folder, read_labels

__all__ = ["RESULTS", "Found", "compare", "tally"]

RESULTS = Path(__file__).resolve().parents[1] / "results/lint_rules.json"
_DATA = Path(__file__).with_name("data")
_JUDGED = _DATA / "judged.tsv"
_KEPT_EVERY = 3


class Found(NamedTuple):
    """What a rule found in a transition, the first of its findings in words; ``named``: it was judged to be right."""

    rule: str
    level: str
    transition: Transition
    words: str
    named: bool

    @property
    def kind(self) -> str:
        """``right``, ``beside`` (another fault of a bad change than the one of the note) or ``wrong``."""
        if self.named:
            return "right"
        return "beside" if self.transition.label == BAD else "wrong"


def compare(transition: Transition, packaged: Path | None, gixy: bool = True) -> list[LintFinding]:
    """Return what the tree after a change has and the tree before has not. The trees are laid over ``packaged``."""
    with TemporaryDirectory(prefix="sluice-rules-") as folder:
        store = ReleaseStore(Path(folder))
        live, release = (_release(store, tree, packaged) for tree in (transition.live, transition.candidate))
        config, lived = parse_tree(release.tree), parse_tree(live.tree)
        origins = release.described["origins"]
        subject = Subject(
            ["web1"], GateOptions(), release=release, config=config, live=Live(live, lived, ()), origins=origins
        )
        found = new_findings(subject, gixy=gixy)
    return [each for each in found if not origins.get(each.finding.file, "").startswith("packaged/")]


def _release(store: ReleaseStore, tree: Path, packaged: Path | None) -> Release:
    layer = trees.read_layer(tree, "nginx_tree")
    base = trees.read_layer(packaged, "packaged") if packaged else None
    return store.add(trees.overlay(base, layer) if base is not None else layer, [], [], {})


def tally(found: Sequence[Found]) -> dict[str, dict[str, int]]:
    """Count for each rule in how many transitions it is right, beside the fault, and wrong."""
    counts: dict[str, Counter[str]] = {}
    for each in found:
        counts.setdefault(each.rule, Counter())[each.kind] += 1
    return {rule: {kind: counts[rule][kind] for kind in ("right", "beside", "wrong")} for rule in sorted(counts)}


def _found(transitions: Sequence[Transition], options: argparse.Namespace) -> Iterator[Found]:
    rows = (line.split("\t")[:3] for line in _JUDGED.read_text(encoding="utf-8").splitlines() if line[:1] != "#")
    judged = {tuple(row) for row in rows}
    packaged, gixy = itertools.repeat(options.packaged), itertools.repeat(options.gixy)
    with ProcessPoolExecutor(options.jobs) as pool:
        for transition, findings in zip(transitions, pool.map(compare, transitions, packaged, gixy), strict=True):
            gravest: dict[str, LintFinding] = {}
            for each in findings:
                if each.rule not in gravest or _weight(each) > _weight(gravest[each.rule]):
                    gravest[each.rule] = each
            for rule, each in sorted(gravest.items()):
                if rule != UNJUDGED:
                    words = f"{each.finding.place} {each.finding.what} ({each.finding.actual})"
                    named = (rule, transition.repository, transition.commit) in judged
                    yield Found(rule, each.when_new, transition, words, named)


def _weight(found: LintFinding) -> int:
    return LEVELS.index(found.when_new)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.histories.rules",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--clones", type=Path, help="a folder with clones named OWNER+NAME")
    parser.add_argument("--trees", type=Path, help="a folder with REPOSITORY/COMMIT/{live,cand}; needs --labels")
    parser.add_argument("--labels", type=Path, help="what is known of the commits in --trees")
    parser.add_argument("--packaged", type=Path, help="the packaged /etc/nginx that the trees are laid over")
    parser.add_argument("--gixy", action="store_true", help="gixy-ng's rules as well, which take most of the time")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (2)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--save", action="store_true", help=f"write the counts to {RESULTS.name}, for docs/lint")
    which.add_argument("--seen", action="store_true", help="without what is kept apart")
    which.add_argument("--kept", action="store_true", help="only what is kept apart")
    return parser.parse_args()


def _parts(options: argparse.Namespace, work: Path) -> dict[str, list[Transition]]:
    """Return the transitions that are seen, and those that are kept apart, as far as they are asked for."""
    labels = read_labels(options.labels) if options.trees and options.labels else []
    parts = {}
    for part, file in (("seen", "transitions.tsv"), ("kept", "kept.tsv")):
        if (options.seen or options.kept) and not getattr(options, part):
            continue
        ours = [each for number, each in enumerate(labels, 1) if (number % _KEPT_EVERY == 0) == (part == "kept")]
        parts[part] = list(of_folder(options.trees, [each for each in ours if each.label != "skip"]))
        if options.clones:
            theirs = [each for each in read_labels(_DATA / file) if each.label != "skip"]
            parts[part] += of_clones(options.clones, theirs, read_layouts(_DATA / "layouts.yml"), work / part)
    return parts


def _print(part: str, transitions: Sequence[Transition], found: Sequence[Found]) -> None:
    for each in found:
        name = f"{each.transition.label} {each.transition.name}"
        print(f"{each.kind} {each.rule} ({each.level}) {name}: {each.words[:300]} [{each.transition.note}]")
    print(f"\n{part:36} right beside wrong")
    for rule, row in tally(found).items():
        print(f"{rule:36} {row['right']:5} {row['beside']:6} {row['wrong']:5}")
    stopped = {(each.transition.label, each.transition.name) for each in found if each.level == "high"}
    for label in sorted({each.label for each in transitions}):
        every = sum(each.label == label for each in transitions)
        print(f"{label}: {sum(one == label for one, _ in stopped)} of {every} have a new finding of level high")


def main() -> int:
    """Print what each rule found, and its counts."""
    options = _arguments()
    counts: dict[str, dict[str, dict[str, int]]] = {}
    totals: dict[str, dict[str, int]] = {}
    try:
        with TemporaryDirectory(prefix="sluice-transitions-") as work:
            for part, transitions in _parts(options, Path(work)).items():
                found = list(_found(transitions, options))
                _print(part, transitions, found)
                totals[part] = dict(Counter(BAD if each.label == BAD else GOOD for each in transitions))
                for rule, row in tally(found).items():
                    counts.setdefault(rule, {})[part] = row
    except (SluiceError, OSError) as error:
        print(f"histories: {error}", file=sys.stderr)
        return 2
    if options.save:
        data = {"transitions": totals, "rules": counts, "tried": sorted(find_rules())}
        RESULTS.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
