"""nginx's own ACME module keeps its account and certificates where the next deployment forgets them.

Without a `state_path` of its own the module of nginx.org writes below its prefix, which is `/etc/nginx`: inside the
release, and the next release has none of it. Each deployment then asks for new certificates, until the authority's
limits are reached. With `off` it keeps nothing, and a restart while the authority cannot be reached is an outage.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ....config.parse import CONF_ROOT, Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "high"

_EXPECTED = "a state_path that outlives releases"


def _state_of(issuer: Directive) -> str:
    """Return where an issuer keeps its state, as it is written; the module's own default is below its prefix."""
    return issuer.value("state_path", f"acme_{issuer.args[0] if issuer.args else ''}")


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find issuers whose state is off, or inside the release; a shared path is a link that leads out of it."""
    for issuer in config.named("acme_issuer"):
        name, state = " ".join(issuer.args), _state_of(issuer)
        at = next(iter(issuer.children("state_path")), issuer)
        fix = f"write `state_path /var/cache/nginx/acme-{name};`, or name the folder in nginx_shared_paths"
        if state == "off":
            what = f"acme_issuer {name} keeps no state: a restart while its authority cannot be reached is an outage"
            yield finding(at, what, expected=_EXPECTED, actual=at.text, fix=fix)
            continue
        path = context.real(state)
        if path.startswith(f"{CONF_ROOT}/"):
            what = f"the state of acme_issuer {name} is at {posixpath.normpath(path)}, and each deployment forgets it"
            yield finding(at, what, expected=_EXPECTED, actual=at.text, fix=fix)
