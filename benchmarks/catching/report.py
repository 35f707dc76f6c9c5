"""What was caught: the targets, the tables and the plot, from outcomes alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from ..reporting import Target
from .corpus import HARMLESS, IMPROVEMENT, KINDS, MUTATION
from .outcome import Outcome

__all__ = ["document", "plot", "targets"]

_ALL_GATES, _ALONE, _FALSE = 97.0, 90.0, 1.0
_COLUMNS: tuple[tuple[str, Callable[[Outcome], bool]], ...] = (
    ("nginx -t", lambda each: each.plain),
    ("behaviour and lint, no contract", lambda each: each.caught_alone),
    ("all gates", lambda each: each.caught),
)
_COLOURS = ("#b9b9b9", "#6b9bd1", "#2f6f4f")


def _faults(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return [each for each in outcomes if each.kind in KINDS]


def _of(outcomes: Iterable[Outcome], kind: str) -> list[Outcome]:
    return [each for each in outcomes if each.kind == kind]


def _share(found: int, of: int) -> float:
    return 100.0 * found / of if of else 0.0


def targets(outcomes: Sequence[Outcome]) -> list[Target]:
    """Hold the figures of faults made by hand to what is promised. Nothing examined is nothing caught."""
    faults, harmless = _faults(outcomes), _of(outcomes, HARMLESS)
    caught, alone = sum(each.caught for each in faults), sum(each.caught_alone for each in faults)
    plain, alarms = sum(each.plain for each in faults), sum(each.caught for each in harmless)
    good = _of(outcomes, "good")
    return [
        Target(
            _share(caught, len(faults)) >= _ALL_GATES,
            f"all gates catch {caught} of {len(faults)} faults ({_share(caught, len(faults)):.1f} %), "
            f"{_ALL_GATES:.0f} % are wanted; nginx -t alone refuses {plain} ({_share(plain, len(faults)):.1f} %)",
        ),
        Target(
            _share(alone, len(faults)) >= _ALONE,
            f"behaviour and lint catch {alone} of {len(faults)} without any contract "
            f"({_share(alone, len(faults)):.1f} %), {_ALONE:.0f} % are wanted",
        ),
        Target(
            bool(harmless) and _share(alarms, len(harmless)) <= _FALSE,
            f"{alarms} of {len(harmless)} harmless edits are stopped "
            f"({_share(alarms, len(harmless)):.1f} %), at most {_FALSE:.0f} % may be",
        ),
        Target(
            bool(good) and not any(each.caught for each in good),
            f"{sum(not each.caught for each in good)} of {len(good)} good configurations pass every gate",
        ),
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _counted(name: str, outcomes: Sequence[Outcome]) -> list[str]:
    cells = [(sum(map(tells, outcomes)), len(outcomes)) for _, tells in _COLUMNS]
    return [name, str(len(outcomes)), *(f"{found} ({_share(found, of):.0f} %)" for found, of in cells)]


def _by_group(groups: Mapping[str, Sequence[Outcome]], word: str) -> str:
    rows = [_counted(name, group) for name, group in groups.items() if group]
    return _table([word, "faults", *(name for name, _ in _COLUMNS)], rows)


def _by_gate(outcomes: Sequence[Outcome]) -> str:
    first = Counter(each.caught_by[0] for each in outcomes if each.caught_by)
    any_of = Counter(gate for each in outcomes for gate in each.caught_by)
    only = Counter(each.caught_by[0] for each in outcomes if len(each.caught_by) == 1)
    gates = list(dict.fromkeys(gate for each in outcomes for gate in each.gates))
    rows = [[gate, str(first[gate]), str(any_of[gate]), str(only[gate])] for gate in gates if any_of[gate]]
    return _table(["gate", "is the first to catch", "catches", "is the only one to catch"], rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _listed(outcomes: Iterable[Outcome], reasons: Mapping[str, str]) -> str:
    rows = [[each.name, each.kind, _cell(each.what), _cell(reasons.get(each.name, ""))] for each in outcomes]
    return _table(["change", "kind", "what was done", "why"], rows) if rows else "None."


def _each(outcomes: Sequence[Outcome]) -> str:
    rows = [
        [
            each.name.partition("/")[2],
            each.kind,
            _cell(each.what),
            "refused" if each.plain else "content",
            ", ".join(each.caught_by) or (", ".join(f"{gate} unsure" for gate in each.unsure) or "**missed**"),
            ", ".join(gate for gate, result in each.alone.items() if result != "pass") or "-",
        ]
        for each in outcomes
    ]
    return _table(["fault", "kind", "what was done", "nginx -t", "gates that fail it, in order", "no contract"], rows)


def document(outcomes: Sequence[Outcome], reasons: Mapping[str, str]) -> str:
    """Write the part of the documentation that is made from figures."""
    faults, mutants, harmless = _faults(outcomes), _of(outcomes, MUTATION), _of(outcomes, HARMLESS)
    better = _of(outcomes, IMPROVEMENT)
    cases = sorted({each.case for each in outcomes})
    by_kind = {kind: _of(faults, kind) for kind in KINDS}
    by_case = {case: [each for each in faults if each.case == case] for case in cases}
    missed = [each for each in faults if not each.caught]
    alone = [each for each in faults if each.caught and not each.caught_alone]
    parts = [
        "\n".join(f"- {'met' if target.met else '**missed**'}: {target.text}" for target in targets(outcomes)),
        "![The share of faults that is caught, by kind](catch-rate.svg)",
        "## By kind",
        _by_group({**by_kind, "all": faults, "mutations": mutants}, "kind"),
        "## By configuration",
        _by_group(by_case, "configuration"),
        "## By gate",
        _by_gate([*faults, *mutants]),
        "## Missed by every gate",
        _listed(missed, reasons),
        "## Missed without a contract",
        _listed(alone, reasons),
        "## Mutations that every gate missed",
        _listed([each for each in mutants if not each.caught], reasons),
        "## Harmless edits that were stopped",
        _listed([each for each in harmless if each.caught], reasons),
        "## Improvements that were stopped",
        f"{sum(not each.caught for each in better)} of {len(better)} pass every gate with the contract as it was.",
        _listed([each for each in better if each.caught], reasons),
        "## Every fault",
        *(part for case in cases for part in (f"### {case}", _each([*by_case[case], *_in(mutants, case)]))),
    ]
    return "\n\n".join(parts) + "\n"


def _in(outcomes: Iterable[Outcome], case: str) -> list[Outcome]:
    return [each for each in outcomes if each.case == case]


def plot(outcomes: Sequence[Outcome]) -> str:
    """Draw the shares by kind, as SVG."""
    groups = [(kind, _of(outcomes, kind)) for kind in (*KINDS, MUTATION)]
    groups = [("all faults", _faults(outcomes)), *(group for group in groups if group[1])]
    left, width, bar, gap, top = 130, 460, 9, 12, 34
    row = len(_COLUMNS) * bar + gap
    height = top + row * len(groups) + 8
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 60} {height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{left + width + 60}" height="{height}" fill="#ffffff"/>',
    ]
    at = float(left)
    for (name, _), colour in zip(_COLUMNS, _COLOURS, strict=True):
        drawn.append(f'<rect x="{at:.0f}" y="8" width="10" height="10" fill="{colour}"/>')
        drawn.append(f'<text x="{at + 15:.0f}" y="17">{name}</text>')
        at += 45 + 6.2 * len(name)
    for number, (kind, group) in enumerate(groups):
        y = top + number * row
        drawn.append(f'<text x="{left - 8}" y="{y + 18}" text-anchor="end">{kind} ({len(group)})</text>')
        for column, ((_, tells), colour) in enumerate(zip(_COLUMNS, _COLOURS, strict=True)):
            share = _share(sum(map(tells, group)), len(group))
            drawn.append(
                f'<rect x="{left}" y="{y + column * bar}" width="{share * width / 100:.1f}" height="{bar - 1}" '
                f'fill="{colour}"/>'
            )
            drawn.append(
                f'<text x="{left + share * width / 100 + 4:.1f}" y="{y + column * bar + 8}" font-size="8">'
                f"{share:.0f} %</text>"
            )
    return "\n".join([*drawn, "</svg>"]) + "\n"
