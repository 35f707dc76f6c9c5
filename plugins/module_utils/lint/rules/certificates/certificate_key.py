"""A certificate with the key of another one, or a chain in the wrong order: nginx does not start with it."""

from __future__ import annotations

from ....config.parse import Config
from ....verdicts.model import Finding
from ...certificates import certificates_served, fits
from ...context import Context

LEVEL = "high"


def run(config: Config, context: Context) -> list[Finding]:
    """Find keys that do not belong to the certificate that they stand beside."""
    findings = []
    for served in certificates_served(config, context):
        if served.key is None or served.key_directive is None or fits(served.chain[0], served.key):
            continue
        certificate, key = served.certificate.args[0], served.key_directive.args[0]
        chained = any(fits(each, served.key) for each in served.chain[1:])
        findings.append(
            Finding(
                f"the key {key} does not belong to the certificate {certificate}"
                + (": the file begins with another one of its chain" if chained else ""),
                file=served.key_directive.file,
                line=served.key_directive.line,
                expected="the key that the certificate was made with",
                seen=f"ssl_certificate {certificate}, ssl_certificate_key {key}",
                mend="put the server's own certificate first" if chained else "name the files that belong together",
            )
        )
    return findings
