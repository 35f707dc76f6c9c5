"""nginx loads native code that no package provides, and runs it as root, even during ``nginx -t``.

``load_module /etc/nginx/x.so``, ``env LD_PRELOAD=…``, and a key or ``ssl_engine`` that loads an engine. Links of the
release are followed. Another file of the same name is another finding.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator

from ....config.parse import CONF_ROOT, Config, Directive
from ....errors import SluiceError
from ....tree_reader import read_inside
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "high"
ACCEPTED_BY_TREE = False

# Where packages put modules. A folder of that name in the tree itself is none of them.
_PACKAGED = (
    *("/usr/lib/", "/usr/lib64/", "/usr/libexec/", "/usr/share/nginx/modules/", "/usr/share/angie/modules/"),
    *("/usr/local/lib/", "/usr/local/libexec/", "/usr/local/nginx/modules/", "/usr/local/openresty/"),
    *(f"{CONF_ROOT}/modules/", "/opt/nginx/", "/var/lib/nginx/modules/"),
)
_LOADS = ("LD_", "OPENSSL_", "PERL5", "PERLLIB", "LUA_", "PYTHON", "GCONV_PATH", "GLIBC_TUNABLES", "NGINX=")


# Their keys may come from an engine, which is loaded for that.
_KEYS = tuple(f"{kind}ssl_certificate_key" for kind in ("", "proxy_", "grpc_", "uwsgi_"))


def _is_foreign(directive: Directive, context: LintContext) -> bool:
    if not directive.args:
        return False
    if directive.name == "env":
        return directive.args[0].upper().startswith(_LOADS)
    if directive.name == "ssl_engine":
        return "/" in directive.args[0] or directive.args[0] == "dynamic"
    if directive.name != "load_module":
        engine, _, rest = directive.args[0].partition(":")
        return engine == "engine" and ("/" in rest.partition(":")[0] or rest.startswith("dynamic"))
    return _own(directive, context) != "" or not context.real(directive.args[0]).startswith(_PACKAGED)


def _own(directive: Directive, context: LintContext) -> str:
    """Return the file of the release that is loaded, with its digest; empty when it is no file of the release."""
    path = context.real(directive.args[0])
    if path not in context.brings:
        return ""
    try:
        content = read_inside(context.tree, posixpath.relpath(path, CONF_ROOT)) if context.tree else b""
    except (SluiceError, OSError):
        content = b""
    return f"{path} of the release, SHA-256 {hashlib.sha256(content).hexdigest()[:16]}"


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find modules that no package provides, and variables of the environment that load code."""
    for directive in config.named("load_module", "env", "ssl_engine", *_KEYS):
        if _is_foreign(directive, context):
            yield finding(
                directive,
                f"{directive.name} {directive.args[0]} loads code that no package of the hosts provides",
                expected="a module of a package, as modules/ngx_stream_module.so",
                actual=", ".join(filter(None, [directive.text, _own(directive, context)])),
                fix="install the module's package on the hosts, and name it in staging_packages",
            )
