"""Would Sluice have let us work last year?

The last changes of a folder in a git repository, or transitions that lie in a folder, are taken through the gates one
by one: the tree before is live, the tree after is the candidate, there is no contract and no host. Labels (a file with
repository, commit, ``good``, ``bad``, ``cosmetic`` or ``skip``, and a note, separated by tabs) are needed for the three
figures only: of the good ones stopped, of the bad ones stopped, how many stops were right.

    python -m benchmarks.histories --repository ../infra --folder files/nginx --last 50
    python -m benchmarks.histories --trees FOLDER --labels FOLDER/transitions.tsv
    python -m benchmarks.histories --clones FOLDER --labels benchmarks/histories/data/transitions.tsv
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.staging.connection import connect

from ..reporting import attempt
from ..stages import sandbox_platform
from .figures import lines
from .layouts import of_clones, read_layouts
from .replay import Outcome, replay
from .transitions import Label, Transition, of_folder, of_repository, read_labels

__all__ = ["main"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.histories",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--repository", type=Path, help="a git repository")
    where.add_argument("--trees", type=Path, help="a folder with REPOSITORY/COMMIT/{live,cand}; needs --labels")
    where.add_argument(
        "--clones", type=Path, help="a folder with clones named OWNER+NAME; needs --labels with layouts.yml beside them"
    )
    parser.add_argument("--folder", default="", help="where the configuration lies in the repository")
    parser.add_argument("--last", type=int, default=20, metavar="N", help="how many commits (20)")
    parser.add_argument("--labels", type=Path, help="what is known of the commits")
    parser.add_argument("--only", default="", metavar="TEXT", help="those whose repository or commit begins so")
    parser.add_argument("--sample", type=int, default=1, metavar="N", help="one in N (1)")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (2)")
    parser.add_argument("--out", type=Path, help="write what became of each, a JSON line each")
    return parser.parse_args()


def _chosen(options: argparse.Namespace, work: Path) -> list[Transition]:
    labels = read_labels(options.labels) if options.labels else []
    if not options.repository and not labels:
        raise SluiceError("--trees and --clones need --labels, which says what there is")
    if options.repository:
        every = of_repository(options.repository, options.folder, options.last, labels, work)
        found = [each for each in every if each.label != "skip" and _wanted(each, options.only)]
        return found[:: options.sample]
    wanted = [each for each in labels if each.label != "skip" and _wanted(each, options.only)][:: options.sample]
    if options.trees:
        return list(of_folder(options.trees, wanted))
    return list(of_clones(options.clones, wanted, read_layouts(options.labels.parent / "layouts.yml"), work))


def _wanted(each: Label | Transition, only: str) -> bool:
    return each.repository.startswith(only) or each.commit.startswith(only)


def _said(outcome: Outcome) -> str:
    judged = {True: "WRONG ", False: "right "}[outcome.wrong] if outcome.label else ""
    verdict = f"stopped by {', '.join(outcome.stopped_by)}" if outcome.stopped else "passed"
    label = f"{outcome.label} " if outcome.label else ""
    return f"{judged}{label}{outcome.repository} {outcome.commit} {verdict} ({outcome.note}; {outcome.seconds:.0f} s)"


def main() -> int:
    """Replay, and print what was stopped and the figures."""
    options = _arguments()
    outcomes: list[Outcome] = []

    def work() -> int:
        client = connect()
        with TemporaryDirectory(prefix="sluice-transitions-") as work:
            transitions = _chosen(options, Path(work))
            for outcome in replay(transitions, options.jobs, client, sandbox_platform(client)):
                outcomes.append(outcome)
                print(_said(outcome), flush=True)
                for finding in outcome.findings:
                    print(f"    {finding['gate']}: {finding['place']} {finding['what']}"[:300], flush=True)
        return 0

    code = attempt("histories", work, "its stages are removed")
    if code:
        return code
    if options.out:
        rows = [json.dumps(outcome.to_json()) for outcome in outcomes]
        options.out.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    for line in lines(outcomes):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
