"""Native code from elsewhere than the packages: nginx runs it as root, at ``nginx -t`` already.

``env LD_PRELOAD=…`` and its kin bring code as well, with the next start or upgrade of the binary.
"""

from __future__ import annotations

import posixpath

from ....config.parse import CONF_ROOT, Config, Directive
from ....verdicts.model import Finding
from ...context import Context

LEVEL = "high"
ACCEPTED_BY_TREE = False

# Where packages put modules. A folder of that name in the tree itself is none of them.
_PACKAGED = (
    *("/usr/lib/", "/usr/lib64/", "/usr/libexec/", "/usr/share/nginx/modules/", "/usr/share/angie/modules/"),
    *("/usr/local/lib/", "/usr/local/libexec/", "/usr/local/nginx/modules/", "/usr/local/openresty/"),
    *(f"{CONF_ROOT}/modules/", "/opt/nginx/", "/var/lib/nginx/modules/"),
)
_LOADS = ("LD_", "OPENSSL_", "PERL5", "PERLLIB", "LUA_", "PYTHON", "GCONV_PATH", "GLIBC_TUNABLES", "NGINX=")


def _is_foreign(directive: Directive, context: Context) -> bool:
    if not directive.args:
        return False
    if directive.name == "env":
        return directive.args[0].upper().startswith(_LOADS)
    if directive.name == "ssl_engine":
        return "/" in directive.args[0] or directive.args[0] == "dynamic"
    path = posixpath.normpath(posixpath.join(CONF_ROOT, directive.args[0]))
    return path in context.brings or not path.startswith(_PACKAGED)


def run(config: Config, context: Context) -> list[Finding]:
    """Find modules that no package brings, and variables of the environment that load code."""
    return [
        Finding(
            f"{directive.name} {directive.args[0]} loads code that no package of the hosts brings",
            file=directive.file,
            line=directive.line,
            expected="a module of a package, as modules/ngx_stream_module.so",
            seen=" ".join([directive.name, *directive.args]),
            mend="install the module's package on the hosts, and name it in staging_packages",
        )
        for directive in config.named("load_module", "env", "ssl_engine")
        if _is_foreign(directive, context)
    ]
