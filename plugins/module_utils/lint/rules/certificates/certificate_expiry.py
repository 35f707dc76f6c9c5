"""A certificate that is over, soon over, or not yet valid. ``gates_certificate_days`` says how soon is too soon."""

from __future__ import annotations

from datetime import timedelta

from ....config.parse import Config
from ....verdicts.model import Finding
from ...certificates import certificates_served
from ...context import Context

LEVEL = "high"


def run(config: Config, context: Context) -> list[Finding]:
    """Find certificates, those of their chains included, that are not valid for long enough."""
    findings = []
    for served in certificates_served(config, context):
        path = served.certificate.args[0]
        for certificate in served.chain:
            begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
            if begins > context.now:
                what = f"the certificate {path} is not valid before {begins:%Y-%m-%d}"
            elif ends < context.now:
                what = f"the certificate {path} has been over since {ends:%Y-%m-%d}"
            elif ends < context.now + timedelta(days=context.certificate_days):
                what = f"the certificate {path} is over on {ends:%Y-%m-%d}, in {(ends - context.now).days} days"
            else:
                continue
            findings.append(
                Finding(
                    what,
                    file=served.certificate.file,
                    line=served.certificate.line,
                    expected=f"{context.certificate_days} days or more (gates_certificate_days)",
                    seen=f"ssl_certificate {path}",
                    mend="have it renewed",
                )
            )
    return findings
