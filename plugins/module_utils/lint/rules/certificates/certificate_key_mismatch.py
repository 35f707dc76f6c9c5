"""A private key does not belong to its certificate, or the chain is in the wrong order.

nginx does not start with such a pair, so the next restart or boot fails. The files are read where the tree contains
them, or where ``staging_docroots`` maps their directory.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...certificates import certificates_served, fits
from ...context import LintContext
from ...findings import finding

LEVEL = "high"


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find keys that do not belong to the certificate that is configured with them."""
    for served in certificates_served(config, context):
        if served.key is None or served.key_directive is None or fits(served.chain[0], served.key):
            continue
        certificate, key = served.certificate.args[0], served.key_directive.args[0]
        chained = any(fits(each, served.key) for each in served.chain[1:])
        yield finding(
            served.key_directive,
            f"private key {key} does not belong to certificate {certificate}"
            + (": the file begins with another certificate of its chain" if chained else ""),
            expected="the key that the certificate was made with",
            actual=f"ssl_certificate {certificate}, ssl_certificate_key {key}",
            fix="put the server's own certificate first" if chained else "name the files that belong together",
        )
