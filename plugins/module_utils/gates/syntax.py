"""``nginx -t`` in staging exits 0 on these bytes, and prints no warning that it has not for the live release.

Where staging's nginx cannot know a directive (a commercial build, another version, a module that nobody packages), the
gate is inconclusive.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ..closest_match import closest_match
from ..config.parse import CONF_ROOT, Config, Directive
from ..environment.directives import fix_by_platform, known_elsewhere
from ..environment.production import loaders
from ..packages import analyzer
from ..textfmt import count
from ..verdicts.model import Finding, Subject, Verdict

AFTER = ("parse",)

# Where nginx is built to log to stderr, as Debian's is, its words look like a line of a log.
_LINE = re.compile(
    r"^(?:nginx:|[\d/]+ [\d:]+) \[(?P<level>\w+)\] (?:\d+#\d+: )?(?P<what>.*?)(?: in (?P<file>/\S+?):(?P<line>\d+))?$"
)
_CHATTER = ("test is successful", "syntax is ok", "test failed")
# What a container is allowed says nothing about the host; its preflight looks at the limits there.
_OF_THE_CONTAINER = re.compile(r"worker_connections exceed open file resource limit")
_UNKNOWN = re.compile(r'unknown directive "(?P<name>[^"]+)"')
# Parameters of known directives that only other versions or builds take.
_PARAMETER = re.compile(
    r'invalid parameter "(?P<name>quic|http3|resolve|service=[^"]*|slow_start=[^"]*|drain|route=.*)"'
)
_PARAMETERS = {
    "quic": "nginx takes it since 1.25.0",
    "http3": "no version of nginx takes it there: it is `listen 443 quic` and `http3 on`",
    "resolve": "nginx takes it since 1.27.3, and NGINX Plus",
}
_MISMATCH = re.compile(
    r'(?:SSL_CTX_use_PrivateKey|cannot load certificate key).*?"(?P<path>/[^"]+)".*key values mismatch'
)
_UNIT = re.compile(r'"(?:daemon|master_process)" directive is duplicate')
_UNIT_FIX = (
    "take the line out: nginx's unit says the same by -g, as it does for the live release; or give the unit a drop-in"
)
_DECIDE = "or say in gates_waivers why the gate counts as passed: {syntax: REASON}"


def findings_of(output: str, *, allow_warnings: bool) -> list[Finding]:
    """Turn what ``nginx -t`` printed into findings, with file and line where nginx names them."""
    found = []
    for line in output.splitlines():
        match = _LINE.match(line.strip())
        if match is None:
            if line.strip() and not any(word in line for word in _CHATTER):
                found.append(Finding(line.strip(), nginx=line.strip(), warning=True))
            continue
        path = (match["file"] or "").removeprefix(f"{CONF_ROOT}/")
        allowed = allow_warnings or _OF_THE_CONTAINER.search(match["what"]) is not None
        mild = match["level"] in ("notice", "info", "debug") or (match["level"] == "warn" and allowed)
        fix = "fix it, or set gates_allow_warnings: true" if match["level"] == "warn" else _meant(match["what"])
        found.append(
            Finding(match["what"], file=path, line=int(match["line"] or 0), nginx=line.strip(), fix=fix, warning=mild)
        )
    return found


def _meant(what: str) -> str:
    """Return the directive that a misspelt one was meant to be, or say who says the same already."""
    if _UNIT.search(what):
        return _UNIT_FIX
    unknown = _UNKNOWN.search(what)
    near = closest_match(unknown["name"], analyzer.DIRECTIVES) if unknown else ""
    return f"did you mean {near}?" if near else ""


def _hidden(findings: list[Finding], synthesized: tuple[str, ...]) -> str:
    """Return why staging cannot tell, when what stopped nginx is something that only another nginx knows."""
    for finding in findings:
        unknown, parameter = _UNKNOWN.search(finding.what), _PARAMETER.search(finding.what)
        mismatch = _MISMATCH.search(finding.what)
        if unknown and known_elsewhere(unknown["name"])[0]:
            return f"staging's nginx does not know {unknown['name']}: {known_elsewhere(unknown['name'])[0]}"
        if parameter:
            name = parameter["name"].partition("=")[0]
            why = _PARAMETERS.get(name, "only NGINX Plus takes it")
            fix = f"; {fix_by_platform((1, 25, 0))}" if name == "quic" else ""
            return f"staging's nginx does not take {name}: {why}{fix}"
        if mismatch and any(f"the file {mismatch['path']} (key)" in words for words in synthesized):
            return (
                f"the release brings a certificate without its key {mismatch['path']}, and staging cannot make that; "
                "map the file by staging_docroots"
            )
    return ""


def _unknown_here(config: Config, findings: list[Finding]) -> list[Finding]:
    """The directives that only another nginx knows, all of them, since nginx itself stops at the first."""
    stopped = {match["name"] for finding in findings for match in [_UNKNOWN.search(finding.what)] if match}
    first = next(iter(stopped), "")
    kind = known_elsewhere(first)[0]
    found = []
    for directive in config.walk():
        who, fix = known_elsewhere(directive.name)
        if who and (directive.name in stopped or who == kind):
            found.append(
                Finding(
                    f"staging cannot tell what {directive.name} does: {who}",
                    file=directive.file,
                    line=directive.line,
                    fix=f"{fix}, {_DECIDE}" if fix else _DECIDE.removeprefix("or "),
                )
            )
    return found


def _unloaded(subject: Subject, faults: list[Finding]) -> Verdict | None:
    """Return which module is not loaded, where nginx does not know a directive that a module of the distribution knows.

    What live has as well, and this release does not load any more, is its fault. Else the hosts may have the module.
    """
    _, config = subject.examined
    unknown, fault = next(((match, each) for each in faults if (match := _UNKNOWN.search(each.what))), (None, None))
    module = subject.staged.ask("provides", [{"directive": unknown["name"]}])["module"] if unknown else ""
    if unknown is None or fault is None or not module:
        return None
    live = subject.live
    words = f"nothing in the release loads the module of {unknown['name']} ({module})"
    fix = f"load_module modules/{module}; or keep the include of the folder that its package writes to"
    lost = loaders(live.config) - loaders(config) if live and live.config.named(unknown["name"]) else set()
    if lost:
        by = f"the live release has it by {', '.join(sorted(lost))}"
        return Verdict("fail", words, [replace(fault, what=words, expected=by, fix=fix)])
    fix += f". Where the hosts have it, name its package in staging_packages, {_DECIDE}"
    return Verdict("inconclusive", words, [replace(fault, what=words, fix=fix)])


def _since_before(subject: Subject, findings: list[Finding]) -> list[Finding]:
    """Let pass what nginx says of the live release as well, or does not come to: it is no fault of the change."""
    if subject.live is None or all(finding.warning for finding in findings):
        return findings
    if subject.live_stage is None:
        return [replace(each, warning=True) if subject.is_live and _is_warning(each) else each for each in findings]
    done = subject.live_stage.ask("test")
    before = {finding.what for finding in findings_of(done["output"], allow_warnings=True)}
    # Where nginx stops at a fault, it says nothing of the lines behind it.
    unsaid = set(map(_line, subject.live.config.walk())) if done["code"] else set()
    here = {(each.file, each.line): _line(each) for each in subject.examined[1].walk()} if unsaid else {}
    return [
        replace(finding, warning=True)
        if _is_warning(finding) and (finding.what in before or here.get((finding.file, finding.line)) in unsaid)
        else finding
        for finding in findings
    ]


def _line(directive: Directive) -> tuple[str, str]:
    return directive.file, directive.text


def _is_warning(finding: Finding) -> bool:
    return "[warn]" in finding.nginx


def run(subject: Subject) -> Verdict:
    """Fail with nginx's own words, or be inconclusive where staging's nginx is not the one that they are for."""
    _, config = subject.examined
    done = subject.staged.ask("test")
    code, output = int(done["code"]), str(done["output"])
    findings = _since_before(subject, findings_of(output, allow_warnings=subject.options.allow_warnings))
    faults = [finding for finding in findings if not finding.warning]
    unloaded = _unloaded(subject, faults) if code else None
    if unloaded is not None:
        return replace(unloaded, evidence={"output": output})
    hidden = _hidden(faults, tuple(subject.staged.synthesized)) if code else ""
    if hidden:
        listed = _unknown_here(config, faults)
        more = f" ({count(len(listed), 'place')})" if len(listed) > 1 else ""
        return Verdict("inconclusive", f"{hidden}{more}", [*faults, *listed], {"output": output})
    if code and not faults:
        findings.append(Finding(f"nginx -t ended with {code}", expected="0", actual=str(code), nginx=output.strip()))
    return Verdict.of(
        findings, "nginx -t is content, without warnings" if not findings else "nginx -t is content", output=output
    )
