"""Why it happened, as far as it is recorded: the culprits, what gates and hosts found, and the change itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from ..record.summary import Culprit, CulpritPart, RunFailure, RunSummary
from ..textfmt import count, place
from .markdown import block, code, fact, identity, plain, recorded, to_add
from .page import bounded

__all__ = ["cause_in_a_line", "causes"]

_MOST = 10
_MOST_CHANGES, _MOST_RELEASES = 5, 3


def cause_in_a_line(record: Mapping[str, Any]) -> tuple[str, str]:
    """Return the first thing that is known of the cause, and where that stands, both in Markdown."""
    summary = RunSummary.of(record)
    for culprit in summary.culprits:
        if culprit.parts:
            part, number = culprit.parts[0], len(culprit.parts) + culprit.more - 1
            is_one = len(part.old) == len(part.new) == 1
            turned = f", {code(part.new[0])} instead of {code(part.old[0])}" if is_one else ""
            more = f" and {count(number, 'other place')}" if number else ""
            return f"{_place(part)}{turned}{more} makes {_gates(culprit.fails)} fail", recorded(culprit.source)
    for each in summary.failures:
        said = f": {code(each.nginx)}" if each.nginx and not each.gate else ""
        return f"{plain(each.where)}: {plain(each.what)}{said}", recorded(each.source)
    return plain(summary.outcome), recorded("outcome")


def causes(record: Mapping[str, Any]) -> list[str]:
    """Return the paragraphs: culprits where they were searched for, else all that failed, and the change where hosts
    had it.
    """
    summary = RunSummary.of(record)
    paragraphs = [paragraph for culprit in summary.culprits[:_MOST] for paragraph in _culprit(culprit)]
    paragraphs += _found([failure for failure in summary.failures if failure.gate], each_place=not paragraphs)
    paragraphs += _on_hosts(summary, record)
    if summary.result == "stopped":
        return [*paragraphs, to_add("how this change came about.")]
    paragraphs += _changed(record)
    paragraphs.append(
        to_add("how this change came about, and why neither people nor gates saw it before it was deployed.")
    )
    return paragraphs


def _place(part: CulpritPart) -> str:
    made = [code(text) for text in (part.origin, part.variable) if text]
    return code(place(asdict(part))) + (f" (from {', '.join(made)})" if made else "")


def _gates(names: Iterable[str]) -> str:
    listed = [plain(name) for name in names if name]
    return f"the gate{'s' if len(listed) > 1 else ''} {', '.join(listed)}" if listed else "a gate"


def _culprit(culprit: Culprit) -> list[str]:
    """Parts that are the culprit together."""
    if culprit.note:
        return [fact(f"The search for the culprit: {plain(culprit.note)}", recorded(culprit.source))]
    if not culprit.parts:
        return []
    this = "this change makes" if len(culprit.parts) == 1 else f"these {len(culprit.parts)} changes together make"
    sure = "" if culprit.whole else "; the search for a smaller part did not come to its end"
    words = f"Release {identity(culprit.release)}: {this} {_gates(culprit.fails)} fail, found by"
    paragraphs = [fact(f"{words} {count(culprit.tried, 'trial')}{sure}", recorded(culprit.source))]
    for part in culprit.parts[:_MOST]:
        lines = [*(f"- {line}" for line in part.old), *(f"+ {line}" for line in part.new)]
        paragraphs += [f"{_place(part)}:", block("\n".join(lines), "diff")]
    hidden = len(culprit.parts) - _MOST + culprit.more
    return [*paragraphs, *([f"- … and {count(hidden, 'other place')}"] if hidden > 0 else [])]


def _found(failures: Sequence[RunFailure], *, each_place: bool) -> list[str]:
    """The first finding of each gate, or of each place in it; the others follow from it, mostly."""
    first: dict[tuple[str, str], RunFailure] = {}
    for each in failures:
        first.setdefault((each.source, place(asdict(each)) if each_place else ""), each)
    paragraphs = []
    for each in list(first.values())[:_MOST]:
        made = f" (from {code(each.origin)})" if each.origin else ""
        at = f", at {code(place(asdict(each)))}{made}" if each.file else ""
        paragraphs.append(fact(f"Gate {plain(each.gate)}: {plain(each.what)}{at}", recorded(each.source)))
        beside = [("expected", each.expected), ("actual", each.actual), ("nginx", each.nginx)]
        lines = [f"{name:<9} {text}" for name, text in beside if text]
        paragraphs += [block("\n".join(lines))] if lines else []
    more = len(failures) - min(len(first), _MOST)
    return [*paragraphs, f"- … and {count(more, 'more finding')}; `gates.txt` has all"] if more else paragraphs


def _on_hosts(summary: RunSummary, record: Mapping[str, Any]) -> list[str]:
    """What failed on hosts, each thing once, and where the same release did well."""
    alike: dict[tuple[str, str], list[RunFailure]] = {}
    for each in summary.of_hosts():
        alike.setdefault((replace(each, nginx="").sentence, each.nginx), []).append(each)
    paragraphs = []
    for (words, nginx), found in list(alike.items())[:_MOST]:
        where = "; ".join(dict.fromkeys(plain(each.where) for each in found[:_MOST]))
        paragraphs.append(fact(f"{where}: {plain(words)}", recorded(found[0].source)))
        paragraphs += [block(nginx)] if nginx else []
        paragraphs += [block(found[0].diff.rstrip("\n"), "diff")] if found[0].diff else []
    events = record["events"]
    well = {name: n for name, n in summary.switched_well().items() if events[n]["answer"].get("checks")}
    if paragraphs and well:
        words = f"On {bounded(list(well))} the same release served, and all its checks passed"
        source = recorded(f"events[{next(iter(well.values()))}]")
        paragraphs.append(fact(words, f"{source}{', …' if len(well) > 1 else ''}"))
    return paragraphs


def _changed(record: Mapping[str, Any]) -> list[str]:
    """What hosts were given. The files of the first releases are shown: those of the others are mostly alike."""
    paragraphs = []
    changed = [(number, row) for number, row in enumerate(record["releases"]) if row.get("changes")]
    for number, row in changed[:_MOST_RELEASES]:
        changes = row["changes"]
        passed = " passed every gate and" if row.get("passed") else ""
        words = f"Release {identity(row['release'])}{passed} changes {count(len(changes), 'file')}:"
        paragraphs.append(fact(words, recorded(f"releases[{number}].changes")))
        paragraphs += [block(change["diff"], "diff") for change in changes[:_MOST_CHANGES]]
        if len(changes) > _MOST_CHANGES:
            paragraphs.append(f"- … and {count(len(changes) - _MOST_CHANGES, 'more file')}")
    if len(changed) > _MOST_RELEASES:
        paragraphs.append(
            f"- … and {count(len(changed) - _MOST_RELEASES, 'more release')}; `run.json` has their changes"
        )
    return paragraphs
