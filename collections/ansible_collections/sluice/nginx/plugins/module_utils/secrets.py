"""What is secret: which files of a tree, and what of a line. One code for hosts and for the controller.

A file is secret by what is in it (keys, passwords), by the directive that names it, or by its own name. Of all others
``redact_line`` says what may be shown.
"""

from __future__ import annotations

import os

from .lean import TYPE_CHECKING
from .redaction import REDACTED, redact_line, redactions

if TYPE_CHECKING:
    from typing import Any, Iterable, Mapping

__all__ = [
    "KEY_DIRECTIVES",
    "NOT_SHOWN",
    "PASSWORD_DIRECTIVES",
    "REDACTED",
    "is_secret_content",
    "named_by",
    "named_secret",
    "redact_line",
    "redactions",
    "secret_paths",
]

NOT_SHOWN = "changed, and not shown: it is a key, a certificate, a list of passwords, or not readable for others"

# What the master reads as root, and what workers read as their own user.
KEY_DIRECTIVES = (
    *(r"\w*ssl_certificate_key", r"\w*ssl_password_file", "ssl_session_ticket_key"),
    *("quic_host_key", "account_key", "license_token"),
)
PASSWORD_DIRECTIVES = ("auth_basic_user_file", "auth_jwt_key_file", "auth_digest_user_file", r"auth_gss_keytab")
# A certificate is of no use without its key, so both stay on the host.
_CERTIFICATES = (r"\w*ssl_certificate",)

_CONTENT = (
    # PEM of every kind, OpenSSH, SSH2 and PGP; also where a JSON document holds it.
    rb"(?:BEGIN|END) [A-Z0-9 ]*(?:PRIVATE|SECRET) KEY",
    rb"PuTTY-User-Key-File-|AGE-(?:SECRET-KEY|PLUGIN-\w+)-1|\$ANSIBLE_VAULT;|^Private-key-format:",
    rb"untrusted comment:.*secret key",
    # Rows of htpasswd, htdigest and pgpass, as nginx, crypt(3), openssl and directories write them.
    rb"^[^:#\r\n][^:\r\n]*:(?:\$[\w-]{1,24}\$|\{[A-Za-z0-9.-]{2,24}\})[^\s:]+(?::.*)?\r?$",
    rb"^[^\s:#]+:(?:_[./0-9A-Za-z]{19}|[./0-9A-Za-z]{13})(?::.*)?\r?$",
    rb"^[^:#\r\n]+:[^:\r\n]+:[0-9a-f]{32}\r?$",
    rb"^[^\s:#]+:(?:\d+|\*):[^\s:]+:[^\s:]+:[^\r\n]+$",
    # Keys as JSON, and what cloud services, WireGuard and netrc call theirs.
    rb"\"kty\"\s*:(?=[^}]*\"(?:d|k|p|q|dp|dq|qi)\"\s*:\s*\")|\"(?:d|k)\"\s*:\s*\"(?=[^}]*\"kty\"\s*:)",
    rb"\"(?:private_key|client_secret)\"\s*:|^\s*(?:PrivateKey|PresharedKey|aws_secret_access_key)\s*=",
    rb"^\s*(?:machine\s+\S+|default)\s[^#]*\bpassword\s+\S",
)
_NAME = (
    r"(?:^|/)(?:[^/]+\.(?:key|p12|pfx|jks|ppk|keytab|htpasswd)|\.?(?:htpasswd|pgpass|netrc)"
    r"|id_(?:rsa|dsa|ecdsa|ed25519))$"
)
_JAVA = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")
# The identifiers of PKCS#5 and PKCS#12, with which an encrypted key begins.
_ENCRYPTED = (b"\x2a\x86\x48\x86\xf7\x0d\x01\x05", b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c")
_TICKET_KEYS = (48, 80)
_compiled: dict[str, Any] = {}


def is_secret_content(data: bytes) -> bool:
    """Return whether a file with this content is a key, a list of passwords, or holds one."""
    if not _compiled:
        import re

        _compiled["content"] = re.compile(b"|".join(b"(?:%s)" % each for each in _CONTENT), re.MULTILINE)
        _compiled["name"] = re.compile(_NAME)
    if _is_binary_key(data):
        return True
    # UTF-16 is read as what it spells.
    return bool(_compiled["content"].search(data.replace(b"\0", b"") if b"\0" in data else data))


def _is_binary_key(data: bytes) -> bool:
    if data[:4] in _JAVA:
        return True
    if len(data) in _TICKET_KEYS and not _is_text(data):
        return True
    inside = _inside_sequence(data)
    # A version comes first in keys and PKCS#12; in certificates, requests and lists of revoked ones it does not.
    if inside[:2] == b"\x02\x01" and inside[2:3] in (b"\x00", b"\x01", b"\x03"):
        return True
    algorithm = _inside_sequence(inside)
    return algorithm[:1] == b"\x06" and algorithm[2:10] in _ENCRYPTED


def _inside_sequence(data: bytes) -> bytes:
    """Return what follows the head of a sequence of DER or BER; nothing where there is none."""
    if data[:1] != b"\x30" or len(data) < 8:
        return b""
    more = data[1] & 0x7F if data[1] & 0x80 else 0
    return data[2 + more : 34 + more] if more <= 4 else b""


def _is_text(data: bytes) -> bool:
    try:
        return data.decode().replace("\n", "").replace("\r", "").replace("\t", "").isprintable()
    except UnicodeDecodeError:
        return False


def secret_paths(contents: Mapping[str, bytes], conf: str, links: Mapping[str, str] | None = None) -> set[str]:
    """Return which files of a tree that nginx reads at ``conf`` are secret, by content, directive or name."""
    told = {name for name, data in contents.items() if is_secret_content(data) or _compiled["name"].search(name)}
    return told | named_secret(contents, conf, links)


def named_secret(contents: Mapping[str, bytes], conf: str, links: Mapping[str, str] | None = None) -> set[str]:
    """Return the files of a tree that directives name as keys, certificates or lists of passwords.

    ``contents`` are the files by their paths below ``conf``, ``links`` the links with what they lead to.
    """
    return named_by((*KEY_DIRECTIVES, *PASSWORD_DIRECTIVES, *_CERTIFICATES), contents, conf, links)


def named_by(
    directives: Iterable[str], contents: Mapping[str, bytes], conf: str, links: Mapping[str, str] | None = None
) -> set[str]:
    """Return the files that directives name whose names match one of ``directives``; a variable stands for any text."""
    import re

    # What nginx lets stand between a directive and its value.
    pattern = re.compile(
        rf"\b(?:{'|'.join(directives)})(?:\s+(?:\#[^\n]*\n\s*)*)"
        r"(?:\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|((?:\\.|\$\{|[^\s;{\"'\\])+))"
    )
    named: set[str] = set()
    for data in contents.values():
        if b"\0" not in data:
            for match in pattern.finditer(data.decode("utf-8", "replace")):
                value = re.sub(r"\\(.)", r"\1", match[1] or match[2] or match[3] or "")
                named |= _files(value, contents, conf, links or {})
    return named


def _files(value: str, contents: Mapping[str, bytes], conf: str, links: Mapping[str, str]) -> set[str]:
    path = os.path.relpath(os.path.normpath(os.path.join(conf, value)), conf)
    if "$" in path:
        import re

        parts = [re.escape(part) for part in re.split(r"\$\{\w*\}|\$\w+", path)]
        fits = re.compile(".*".join(parts)).fullmatch
        candidates = {name for name in (*contents, *links) if fits(name)}
    else:
        candidates = {path}
    return {end for name in candidates for end in [_end_of(name, conf, links)] if end in contents}


def _end_of(path: str, conf: str, links: Mapping[str, str]) -> str:
    """Follow the links of a tree, of files and of folders, as long as they stay in it."""
    for _ in range(40):
        parts = path.split("/")
        for length in range(1, len(parts) + 1):
            above = "/".join(parts[:length])
            if above in links:
                target = os.path.join(conf, os.path.dirname(above), links[above], *parts[length:])
                path = os.path.relpath(os.path.normpath(target), conf)
                break
        else:
            return path
    return path
