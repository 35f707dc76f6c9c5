"""Writes the figures of replayed histories into docs/catch-rate.md.

    python -m benchmarks.histories.document

Each file of ``benchmarks/results/histories`` is one history, as ``--out`` of the replay writes it; ``titles.yml`` there
says what each is, and ``reasons.yml`` why a change that is told wrongly is: by repository and commit. ``again.jsonl``
has what became of changes that were run once more, after something was fixed: each history has a second row with these.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.change_kinds import KINDS

from ..reporting import attempt, fill
from ..stages import PROJECT
from .figures import precision, share
from .replay import Outcome
from .transitions import BAD, GOOD

__all__ = ["document", "kind_of", "main"]

RESULTS = PROJECT / "benchmarks/results/histories"
_RULE = re.compile(r"\[(\w+)\]$")
# What comes first holds: a redirect that still leads to a page says that it worked.
_SAID = (
    "takes it from",
    "still leads to it",
    "it leads to no answer",
    "it looks like a slip",
    "no edited line is about this request",
    "no edited line names it",
    *(kind.why for kind in KINDS.values()),
    "what protected is gone",
    "it is open to every address",
    "is kept for everybody",
    "falls back to nginx's default",
    "nginx does not start again",
)
_NO_REASON = "not looked at"


def document(
    histories: Mapping[str, Sequence[Outcome]], reasons: Mapping[str, str], again: Sequence[Outcome] = ()
) -> str:
    """Return the tables as Markdown: the figures of each history by its title, which findings stopped how many, then
    what was told wrongly, and why.

    A history of which changes were run ``again`` has a row with their later outcomes as well.
    """
    head = ["history", "good stopped", "bad stopped", "precision of a stop", "median"]
    rows = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    later = {(each.repository, each.commit): each for each in again}
    for title, outcomes in histories.items():
        rows.append(_figures(title, outcomes))
        anew = [later.get((each.repository, each.commit), each) for each in outcomes]
        number = sum(one is not other for one, other in zip(anew, outcomes, strict=True))
        if number:
            rows.append(_figures(f"the same, with the later outcomes of {number} that were run again", anew))
    every = [outcome for outcomes in histories.values() for outcome in outcomes]
    return "\n".join([*rows, "", *_by_kind(every), *_wrong(every, reasons), ""])


def _by_kind(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield a table of the kinds of findings that stopped changes: how many bad ones, and how many good ones."""
    right, wrong = (
        Counter(kind for each in outcomes if each.label == label for kind in {*map(kind_of, each.findings)})
        for label in (BAD, GOOD)
    )
    if not right and not wrong:
        return
    yield from ("### What stopped them at the first look", "")
    yield from ("| gate | finding | bad changes | good changes |", "| --- | --- | --- | --- |")
    for gate, words in sorted({*right, *wrong}, key=lambda kind: (-right[kind] - wrong[kind], kind)):
        yield f"| {gate} | {words} | {right[gate, words]} | {wrong[gate, words]} |"
    yield ""


def kind_of(finding: Mapping[str, str]) -> tuple[str, str]:
    """Return the gate and the kind of a finding: a rule of ``lint``, what ``behaviour`` says of an answer."""
    gate, what = finding["gate"], finding["what"]
    rule = _RULE.search(what) if gate == "lint" else None
    if rule:
        return gate, f"`{rule[1]}`"
    return gate, next((words for words in _SAID if words in what), "") if gate == "behaviour" else ""


def _figures(title: str, outcomes: Sequence[Outcome]) -> str:
    figures = [_share(*share(outcomes, GOOD)), _share(*share(outcomes, BAD)), _share(*precision(outcomes))]
    return f"| {title} | {' | '.join(figures)} | {median(outcome.seconds for outcome in outcomes):.0f} s |"


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.0%})" if whole else "none"


def _wrong(outcomes: Sequence[Outcome], reasons: Mapping[str, str]) -> Iterator[str]:
    for label, title in ((GOOD, "Good changes that were stopped"), (BAD, "Bad changes that passed")):
        wrong = [outcome for outcome in outcomes if outcome.label == label and outcome.wrong]
        if not wrong:
            continue
        yield from (f"### {title}", "", "| change | what it was | gates | why |", "| --- | --- | --- | --- |")
        for each in sorted(wrong, key=lambda one: (one.repository, one.commit)):
            why = reasons.get(f"{each.repository} {each.commit}", _NO_REASON)
            gates = ", ".join(each.stopped_by) or "none"
            yield f"| {each.repository} {each.commit} | {_cell(each.note)} | {gates} | {_cell(why)} |"
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _read(path: Path) -> list[Outcome]:
    return [Outcome(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def main() -> int:
    """Write the page."""
    titles = yaml.safe_load((RESULTS / "titles.yml").read_text(encoding="utf-8"))
    reasons = yaml.safe_load((RESULTS / "reasons.yml").read_text(encoding="utf-8")) or {}
    again = _read(RESULTS / "again.jsonl")
    histories = {title: _read(RESULTS / f"{name}.jsonl") for name, title in titles.items()}

    def work() -> int:
        fill(PROJECT / "docs/catch-rate.md", "real changes", document(histories, reasons, again))
        return 0

    return attempt("document", work, "the page is as it was")


if __name__ == "__main__":
    sys.exit(main())
