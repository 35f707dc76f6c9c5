"""A certificate, or one of its chain, has expired, is not yet valid, or expires soon.

``gates_certificate_days`` says how soon is too soon. Certificates are read where the tree contains them, or where
``staging_docroots`` maps their directory.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from ....config.parse import Config
from ....verdicts.model import Finding
from ...certificates import certificates_served
from ...context import LintContext
from ...findings import finding

LEVEL = "high"


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find certificates, those of their chains included, that are not valid for long enough."""
    for served in certificates_served(config, context):
        for certificate in served.chain:
            begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
            if begins > context.now:
                what = f"is not valid before {begins:%Y-%m-%d}"
            elif ends < context.now:
                what = f"expired on {ends:%Y-%m-%d}"
            elif ends < context.now + timedelta(days=context.certificate_days):
                what = f"expires on {ends:%Y-%m-%d}, in {(ends - context.now).days} days"
            else:
                continue
            yield finding(
                served.certificate,
                f"certificate {served.certificate.args[0]} {what}",
                expected=f"{context.certificate_days} days or more (gates_certificate_days)",
                fix="renew it",
            )
