"""The changes as a person reads them: a finding for each cause, the gravest change first."""

from __future__ import annotations

from collections.abc import Sequence

from ..paste import flow
from ..textfmt import count
from ..verdicts.model import Finding
from .comparing import ChangeRow

__all__ = ["findings_of", "summary"]

_MOST = 12
_MOST_AS_WELL = 6


def findings_of(rows: Sequence[ChangeRow], strict: bool) -> list[Finding]:
    """Turn rows that nobody has accepted into findings; in ``strict`` each of them fails."""
    causes: dict[tuple[object, ...], list[ChangeRow]] = {}
    for row in rows:
        if not row.reason:
            key = (row.fails, row.kind.what == "directive", *(map(id, row.causes) if row.causes else row.place))
            causes.setdefault(key, []).append(row)
    together = list(causes.values())
    findings = [_finding(first, others, strict) for first, *others in together[:_MOST]]
    left = together[_MOST:]
    if left:
        worst = any(first.fails for first, *_ in left) or strict
        findings.append(Finding(f"and {count(len(left), 'more change')}; run.json has them all", warning=not worst))
    return findings


def _finding(row: ChangeRow, others: Sequence[ChangeRow], strict: bool) -> Finding:
    behind = "; ".join(change.words for change in row.causes)
    if row.kind.what == "directive":
        what, expected, seen = f"{behind}: {row.judgement.why}", row.before, row.after
        accept = flow({"request": row.what, "what": "directive", "reason": "…"})
        fix = f"fix it, or list it in gates_accept: {accept}"
    else:
        what = f"{row.what} {_short(row.before)} → {_short(row.after)}: {row.judgement.why}"
        what += f" ({behind})" if behind else ""
        more = row.count - len(row.examples)
        seen = f"{_short(row.after)} for {', '.join(row.examples)}" + (f" and {more} more" if more else "")
        expected = f"{row.what} {_short(row.before)}, as the live release answers"
        fix = f"fix it, change a check with it, or list it in gates_accept with what: {row.kind.what}"
    also = list(dict.fromkeys(other.what for other in others if other.what != row.what))
    if also:
        seen += f"; changed as well: {', '.join(also[:_MOST_AS_WELL])}" + (" …" if len(also) > _MOST_AS_WELL else "")
    return Finding(
        what,
        file=row.place[0],
        line=row.place[1],
        expected=expected,
        actual=seen,
        fix=fix,
        warning=not (row.fails or strict),
    )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return (line if len(line) <= 80 else f"{line[:79]}…") or "nothing"


def summary(
    rows: Sequence[ChangeRow],
    asked: int,
    left_out: int,
    is_sample: bool = False,
    servers: str = "",
    held_up: int = 0,
) -> str:
    """Return a line that says how many requests were asked, left out, and answered otherwise.

    ``is_sample`` says that the change does not reach those that were left out, and ``servers`` which servers were
    asked, where not all were; ``held_up`` is how many more were left out since ``limit_req`` lets them wait.
    """
    told = [row for row in rows if row.examples]
    accepted = sum(row.count for row in told if row.reason)
    failing = sum(row.count for row in told if not row.reason and row.fails)
    meant = [row for row in told if not row.reason and row.judgement.sort == "intended"]
    shown = sum(row.count for row in told if not row.reason and row.judgement.sort == "shown")
    why = "the change does not reach them" if is_sample else "gates_behaviour_requests"
    also = [f"{left_out} or more left out ({why})"] if left_out else []
    also += [f"{held_up} left out, which limit_req lets wait"] if held_up else []
    also += [f"{count(accepted, 'difference')} accepted"] if accepted else []
    also += [f"{count(failing, 'difference')} not explained by an edit"] if failing else []
    also += [f"{count(sum(row.count for row in meant), 'difference')} that the edits set out to make"] if meant else []
    also += [f"{count(shown, 'other difference')} shown"] if shown else []
    first = f"{count(asked, 'request')} asked of both" if told else f"{count(asked, 'request')} answered as before"
    return ", ".join([first, *also]) + (f"; {servers}" if servers else "")
