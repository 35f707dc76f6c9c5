"""``nginx -t`` in staging exits 0 on these bytes, and prints no warning."""

from __future__ import annotations

import re

from ..config.parse import CONF_ROOT
from ..verdicts.model import Finding, Subject, Verdict

AFTER = ("parse",)

# Where nginx is built to log to stderr, as Debian's is, its words look like a line of a log.
_LINE = re.compile(
    r"^(?:nginx:|[\d/]+ [\d:]+) \[(?P<level>\w+)\] (?:\d+#\d+: )?(?P<what>.*?)(?: in (?P<file>/\S+?):(?P<line>\d+))?$"
)
_CHATTER = ("test is successful", "syntax is ok", "test failed")


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
        mild = match["level"] in ("notice", "info", "debug") or (match["level"] == "warn" and allow_warnings)
        mend = "mend it, or set gates_allow_warnings: true" if match["level"] == "warn" else ""
        found.append(
            Finding(match["what"], file=path, line=int(match["line"] or 0), nginx=line.strip(), mend=mend, warning=mild)
        )
    return found


def run(subject: Subject) -> Verdict:
    """Fail with nginx's own words."""
    done = subject.staged.run("nginx", "-t")
    findings = findings_of(done.output, allow_warnings=subject.options.allow_warnings)
    if done.code and not any(not finding.warning for finding in findings):
        findings.append(
            Finding(f"nginx -t ended with {done.code}", expected="0", seen=str(done.code), nginx=done.output.strip())
        )
    return Verdict.of(
        findings, "nginx -t is content, without warnings" if not findings else "nginx -t is content", output=done.output
    )
