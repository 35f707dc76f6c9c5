"""Whether a release that nginx refuses in staging is itself the cause, or may be refused for what staging lacks."""

from __future__ import annotations

import re

from ..environment.directives import known_elsewhere

__all__ = ["own_fault"]

_EMERG = re.compile(r"\[emerg\] (?:\d+#\d+: )?(?P<what>.*?) in /etc/nginx/(?P<place>\S+?:\d+)$", re.MULTILINE)
# Errors of the system, and what only the machine, another version or another build has.
_OF_STAGING = re.compile(
    r"\(\d+: |host not found|no resolver|getpwnam|getgrnam|cannot load|SSL_|BIO_|PEM_|dlopen|module \"|protocol options"
    r'|invalid parameter "(?:quic|http3|resolve|service=|slow_start=|drain|route=)|could not allocate'
)
# nginx says so once it has read all, without a place: of names that a table does not take, and of what nobody defines.
_WHOLE = re.compile(
    r"\[emerg\] (?:\d+#\d+: )?(?P<what>could not build \w+, you should increase [^\n]*|"
    # Those of other versions and modules are known elsewhere.
    r"unknown \"(?!ssl_|geoip|brotli|upstream_|proxy_|http[23]|quic|jwt_|realip_)\w+\" variable|"
    r"zero size shared memory zone \"[^\"]*\")$",
    re.MULTILINE,
)
# Only an include is opened at a line; a tree that serves has all that it includes of itself.
_INCLUDES = re.compile(r'^open\(\) "/etc/nginx/[^"]+" failed \(2: ')
_UNKNOWN = re.compile(r'unknown directive "(?P<name>[^"]+)"')


def own_fault(output: str) -> str:
    """Return nginx's words and their place where the text of a release is at fault; nothing where that is not sure."""
    whole = _WHOLE.search(output)
    if whole:
        return whole["what"]
    found = _EMERG.search(output)
    if found is None or (_OF_STAGING.search(found["what"]) and not _INCLUDES.search(found["what"])):
        return ""
    unknown = _UNKNOWN.search(found["what"])
    if unknown and known_elsewhere(unknown["name"])[0]:
        return ""
    return f"{found['what']} ({found['place']})"
