"""Which servers and locations answer the checks of the contract, measured by nginx itself.

It runs a copy of the release that logs where a request goes, and the release's own bytes again afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..config.derive import derive
from ..coverage.instrument import Block, Copy, instrument
from ..coverage.measure import Coverage, can_be_asked, session
from ..coverage.propose import Proposal, propose, to_yaml
from ..effects.reached import servers_asked
from ..errors import SluiceError
from ..textfmt import count
from ..verdicts.model import Finding, Subject, Verdict

AFTER = ("start",)
ON = ("stage",)

# So many blocks are told one by one; sluice.nginx.suggest has all.
_MOST_TOLD = 40
_KINDS = ("server", "location", "if", "limit_except")


def run(subject: Subject) -> Verdict:
    """Fail when the contract reaches less than it should. Checks that were derived are counted, and enforce nothing."""
    release, config = subject.examined
    copy = instrument(config, release.tree)
    unmeasured = [block.name for block in config.directives if block.name in ("stream", "mail")]
    beside = "".join(f"; {name} is not measured" for name in unmeasured)
    if not copy.blocks:
        return Verdict("pass", f"there is no server of http{beside}", evidence={"not_measured": unmeasured})
    # A stream has no blocks that requests go through.
    contract = [check for check in subject.contract if check.protocol not in ("tcp", "udp")]
    if not contract:
        return _derived(subject, copy, beside)
    with session(subject.staged, copy) as served:
        outcomes, answered = served.ask(contract)
        if not answered and not any(outcome["status"] for outcome in outcomes):
            why = next((problem for outcome in outcomes for problem in outcome["problems"]), "no answer")
            raise SluiceError(f"the copy of the release that measures coverage answers none of the checks: {why}")
        covered = Coverage(copy.blocks, answered, [check.name for check in contract])
        missed = covered.missed(*_KINDS)
        proposals = propose(served, missed[:_MOST_TOLD])
    wanted = subject.options.coverage
    low, shut = covered.share < wanted, covered.missed("server")
    findings = [_missed(block, covered, proposals, warning=not _counts(block, low)) for block in missed[:_MOST_TOLD]]
    reached = f"{_reached(covered)}{beside}"
    if low or shut:
        findings.insert(0, _summary(covered, reached, wanted))
    if len(missed) > _MOST_TOLD:
        more = f"{len(missed) - _MOST_TOLD} more blocks are not reached: sluice.nginx.suggest prints a check for each"
        findings.append(Finding(more, warning=True))
    evidence = {"files": covered.to_json(), "share": covered.share, "derived": False, "not_measured": unmeasured}
    return Verdict.of(findings, f"{_how_many(len(contract))} {reached}", **evidence)


def _derived(subject: Subject, copy: Copy, beside: str) -> Verdict:
    """Return what requests reach that the configuration suggests; a copy that does not run is no fault then."""
    _, config = subject.examined
    selection = servers_asked(subject)
    checks = [check for check in derive(config, selection) if can_be_asked(check)]
    try:
        with session(subject.staged, copy) as served:
            _, answered = served.ask(checks)
    except SluiceError as error:
        return Verdict("pass", f"no contract, and the copy that measures does not run: {error}")
    blocks = [block for block in copy.blocks if selection.takes(block.server)]
    covered = Coverage(blocks, answered, [check.name for check in checks])
    evidence = {"files": covered.to_json(), "share": covered.share, "derived": True, "sample": selection.to_json()}
    words = f"no contract; derived checks reach {_reached(covered)}{beside}, and enforce nothing"
    if selection.words:
        words += f"; {selection.words}"
    return Verdict("pass", words, evidence=evidence)


def _how_many(checks: int) -> str:
    return "1 check reaches" if checks == 1 else f"{checks} checks reach"


def _counts(block: Block, low: bool) -> bool:
    return block.kind == "server" or (low and block.kind == "location")


def _reached(covered: Coverage) -> str:
    servers, locations = covered.counted("server"), covered.counted("location")
    part = f"{sum(bool(covered.hits(block)) for block in servers)} of {count(len(servers), 'server')}"
    if not locations:
        return part
    hit = sum(bool(covered.hits(block)) for block in locations)
    return f"{hit} of {count(len(locations), 'location')} ({int(covered.share)} %) and {part}"


def _summary(covered: Coverage, reached: str, wanted: int) -> Finding:
    return Finding(
        f"the contract reaches {reached}",
        expected=f"{wanted} % of the locations (gates_coverage), and every server",
        actual=_table(covered),
        fix="write the checks below, or take out what nobody needs; sluice.nginx.suggest prints them to paste",
    )


def _table(covered: Coverage) -> str:
    """File by file what was reached, and the lines that were not."""
    counted: dict[str, list[Block]] = {block.file: [] for block in covered.blocks}
    missed: dict[str, list[Block]] = {file: [] for file in counted}
    for kind in ("server", "location"):
        for block in covered.counted(kind):
            counted[block.file].append(block)
    for block in covered.missed("server", "location"):
        missed[block.file].append(block)
    rows = []
    for file, there in counted.items():
        lines = ", ".join(_lines(block) for block in sorted(missed[file], key=lambda block: block.line))
        hit = len(there) - len(missed[file])
        rows += [f"{file} {hit} of {len(there)}" + (f", not lines {lines}" if lines else "")] if there else []
    return "; ".join(rows)


def _lines(block: Block) -> str:
    return str(block.line) if block.end_line <= block.line else f"{block.line}-{block.end_line}"


def _missed(block: Block, covered: Coverage, proposals: Mapping[int, Proposal], *, warning: bool) -> Finding:
    beside: Sequence[str] = covered.beside(block)
    proposal = proposals.get(block.number)
    return Finding(
        f"no check reaches {block.words}",
        file=block.file,
        line=block.line,
        expected="an answer out of this block",
        actual=f"only {' and '.join(beside)}, which comes before it" if beside else "",
        fix=f"a check that does:\n{to_yaml([proposal])}".rstrip() if proposal else "",
        warning=warning,
    )
