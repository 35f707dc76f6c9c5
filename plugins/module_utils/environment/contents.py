"""What a file that nginx asks for has to hold, so that nginx is content with it."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping

from .authority import Authority

__all__ = ["content_of", "geo_database", "page"]

# The group ffdhe2048 of RFC 7919.
DH_PARAMETERS = """\
-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""
_STYLESHEET = """\
<?xml version="1.0"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:template match="/"><xsl:copy-of select="."/></xsl:template>
</xsl:stylesheet>
"""
_TICKET_BYTES = 80
_COMMENT = "# made by staging\n"
_EDITIONS = {"geoip_country": 1, "geoip_city": 2, "geoip_org": 5}
_ENDS_OF_METADATA = "\xab\xcd\xefMaxMind.com"


def _text(value: str) -> str:
    return chr(0x40 | len(value)) + value


def _number(value: int, kind: int, size: int) -> str:
    """A number of MaxMind's format; kinds above 7 are written in a second byte."""
    head = chr(kind << 5 | size) if kind <= 7 else chr(size) + chr(kind - 7)
    return head + value.to_bytes(size, "big").decode("latin-1")


def geo_database(name: str) -> str:
    """Make a database in MaxMind's format that knows no address. ``name`` is its type, as ``GeoLite2-Country``."""
    rows = {
        "binary_format_major_version": _number(2, 5, 2),
        "binary_format_minor_version": _number(0, 5, 2),
        "build_epoch": _number(1_700_000_000, 9, 8),
        "database_type": _text(name[:28]),
        "description": "\xe0",
        "ip_version": _number(6, 5, 2),
        "languages": "\x00\x04",
        "node_count": _number(1, 6, 4),
        "record_size": _number(24, 5, 2),
    }
    metadata = chr(0xE0 | len(rows)) + "".join(_text(key) + value for key, value in rows.items())
    # One node whose two branches lead to "not found", which is the number of nodes; then the separator of 16 bytes.
    return "\x00\x00\x01" * 2 + "\x00" * 16 + _ENDS_OF_METADATA + metadata


def _old_geo_database(purpose: str) -> str:
    """Make a database of the format before: a tree of one node, then what kind it is and how large the tree is."""
    return "\x01\x00\x00" * 2 + "\xff\xff\xff" + chr(_EDITIONS[purpose]) + "\x01\x00\x00"


def page(path: str) -> str:
    """Make a page that says which one it is."""
    name = posixpath.splitext(path)[1].lower()
    if name in (".html", ".htm", ".xhtml", ""):
        return f"<!doctype html>\n<title>{path}</title>\n<p>{path} of staging</p>\n"
    if name == ".php":
        return f"<?php echo '{path} of staging', PHP_EOL;\n"
    if name == ".json":
        return f'{{"staging": "{path}"}}\n'
    if name in (".js", ".css"):
        return f"/* {path} of staging */\n"
    return f"{path} of staging\n"


_FIXED: Mapping[str, str] = {
    "dhparam": DH_PARAMETERS,
    "htpasswd": "staging:{PLAIN}staging\n",
    "passwords": "staging\n",
    "ticket": ("staging " * _TICKET_BYTES)[:_TICKET_BYTES],
    "xslt": _STYLESHEET,
    "dtd": "",
    "script": "export default {};\n",
    "lua": "-- made by staging\n",
    "perl": "1;\n",
    "include": _COMMENT,
}
_SIGNED: Mapping[str, Callable[[Authority], str]] = {
    "ca": lambda authority: authority.certificate,
    "crl": lambda authority: authority.revocations(),
    "ocsp": lambda authority: authority.stapled().decode("latin-1"),
}


def content_of(path: str, purpose: str, authority: Authority) -> str:
    """Make the content of a file, with one byte in each character (Latin-1); certificates and keys apart."""
    if purpose in _SIGNED:
        return _SIGNED[purpose](authority)
    if purpose in _EDITIONS:
        return _old_geo_database(purpose)
    if purpose == "mmdb":
        return geo_database(posixpath.splitext(posixpath.basename(path))[0])
    if purpose in ("page", "index"):
        return page(path)
    return _FIXED.get(purpose, "")
