"""What is secret: which files of a tree, and what of a line. One code for hosts and for the controller.

A file is secret by what is in it (keys, passwords), by the directive that names it, or by its own name. Of all others
``redact_line`` says what may be shown.
"""

from __future__ import annotations

import os
from typing import Any, Iterable, Mapping, NamedTuple

from .redaction import REDACTED, redact_line, redactions, secret_includes
from .untrusted import has_in_order

__all__ = [
    "KEY_DIRECTIVES",
    "NOT_SHOWN",
    "PASSWORD_DIRECTIVES",
    "REDACTED",
    "Named",
    "closed_paths",
    "find_named",
    "has_secret_name",
    "is_secret_content",
    "named_by",
    "named_secret",
    "redact_line",
    "redactions",
    "resolve_named",
    "secret_paths",
    "secret_rows",
]

NOT_SHOWN = ", and not shown: it is a key, a certificate, a list of passwords, or not readable for others"

# What the master reads as root, and what workers read as their own user; `proxy_` and the like may stand in front.
KEY_DIRECTIVES = (
    *("ssl_certificate_key", "ssl_password_file", "ssl_session_ticket_key"),
    *("quic_host_key", "account_key", "license_token"),
)
PASSWORD_DIRECTIVES = ("auth_basic_user_file", "auth_jwt_key_file", "auth_digest_user_file", "auth_gss_keytab")
# A certificate is of no use without its key, so both stay on the host.
_CERTIFICATES = ("ssl_certificate",)

_CONTENT = (
    # PEM of every kind, OpenSSH, SSH2 and PGP; also where a JSON document holds it.
    rb"(?:BEGIN|END) [A-Z0-9 ]{0,40}(?:PRIVATE|SECRET) KEY",
    rb"PuTTY-User-Key-File-|AGE-(?:SECRET-KEY|PLUGIN-\w+)-1|\$ANSIBLE_VAULT;|^Private-key-format:",
    rb"untrusted comment:.*secret key",
    # Rows of htpasswd, htdigest and pgpass, as nginx, crypt(3), openssl and directories write them.
    rb"^[^:#\r\n][^:\r\n]*:(?:\$[\w-]{1,24}\$|\{[A-Za-z0-9.-]{2,24}\})[^\s:]+(?::.*)?\r?$",
    rb"^[^\s:#]+:(?:_[./0-9A-Za-z]{19}|[./0-9A-Za-z]{13})(?::.*)?\r?$",
    rb"^[^:#\r\n]+:[^:\r\n]+:[0-9a-f]{32}\r?$",
    rb"^[^\s:#]+:(?:\d+|\*):[^\s:]+:[^\s:]+:[^\r\n]+$",
    # What JSON, cloud services, WireGuard and netrc call theirs.
    rb"\"(?:private_key|client_secret)\"\s*:|^[ \t]*(?:PrivateKey|PresharedKey|aws_secret_access_key)\s*=",
    rb"^[ \t]*(?:machine\s+\S+|default)\s[^#]*\bpassword\s+\S",
)
# Of keys as JSON, what public ones do not have.
_JSON_KEY = (b'"kty"', rb"\"(?:d|k|p|q|dp|dq|qi)\"\s*:\s*\"")
_NAME = (
    r"(?:^|/)(?:[^/]+\.(?:key|p12|pfx|jks|ppk|keytab|htpasswd)|\.?(?:htpasswd|pgpass|netrc)"
    r"|id_(?:rsa|dsa|ecdsa|ed25519))$"
)
_MAIN, _INCLUDE = "nginx.conf", "include"
_JAVA = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")
# The identifiers of PKCS#5 and PKCS#12, with which an encrypted key begins.
_ENCRYPTED = (b"\x2a\x86\x48\x86\xf7\x0d\x01\x05", b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c")
_TICKET_KEYS = (48, 80)
# What stands for more names than one: variables, and the patterns of `include`.
_ANY_NAME = frozenset("$*?[")
_compiled: dict[str, Any] = {}


def _patterns() -> dict[str, Any]:
    if not _compiled:
        import re

        content = re.compile(b"|".join(b"(?:%s)" % each for each in _CONTENT), re.MULTILINE)
        # All at once: another thread that finds one of them takes all for there.
        _compiled.update({"content": content, "name": re.compile(_NAME), "json": re.compile(_JSON_KEY[1])})
    return _compiled


def is_secret_content(data: bytes) -> bool:
    """Return whether a file with this content is a key, a list of passwords, or holds one."""
    if _is_binary_key(data) or (_JSON_KEY[0] in data and _patterns()["json"].search(data)):
        return True
    # UTF-16 is read as what it spells.
    return bool(_patterns()["content"].search(data.replace(b"\0", b"") if b"\0" in data else data))


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


def has_secret_name(path: str) -> bool:
    """Return whether a file is called as keys and lists of passwords are, as ``shop.key`` and ``.htpasswd``."""
    return bool(_patterns()["name"].search(path))


def secret_paths(contents: Mapping[str, bytes], conf: str, links: Mapping[str, str] | None = None) -> set[str]:
    """Return which files of a tree that nginx reads at ``conf`` are secret, by content, directive or name."""
    told = {name for name, data in contents.items() if is_secret_content(data) or has_secret_name(name)}
    return told | named_secret(contents, conf, links)


def secret_rows(contents: Mapping[str, bytes], conf: str, links: Mapping[str, str] | None = None) -> set[str]:
    """Return the files of a tree that are included as rows of a ``map`` or the like whose rows are secret."""
    texts = [data.decode("utf-8", "replace") for data in contents.values() if b"include" in data and b"\0" not in data]
    named = [Named("include", value) for text in texts for value in secret_includes(text)]
    return resolve_named(named, contents, conf, links) if named else set()


def named_secret(contents: Mapping[str, bytes], conf: str, links: Mapping[str, str] | None = None) -> set[str]:
    """Return the files of a tree that directives name as keys, certificates or lists of passwords.

    ``contents`` are the files by their paths below ``conf``, ``links`` the links with what they lead to.
    """
    return named_by((*KEY_DIRECTIVES, *PASSWORD_DIRECTIVES, *_CERTIFICATES), contents, conf, links)


class Named(NamedTuple):
    """The file that a directive names: what the configuration says, as a path or a pattern of paths."""

    directive: str
    value: str

    @property
    def is_pattern(self) -> bool:
        """Return whether it stands for more files than one: it has variables, or is a pattern of ``include``."""
        return not _ANY_NAME.isdisjoint(self.value)


def named_by(
    directives: Iterable[str], contents: Mapping[str, bytes], conf: str, links: Mapping[str, str] | None = None
) -> set[str]:
    """Return the files that ``directives`` name, or those whose names end so; a variable stands for any text."""
    named = [each for data in contents.values() for each in find_named(directives, data)]
    return resolve_named(named, contents, conf, links)


def find_named(directives: Iterable[str], data: bytes) -> list[Named]:
    """Return what the directives of a file name. What is no text has none."""
    import re

    if b"\0" in data:
        return []
    # What nginx lets stand between a directive and its value.
    pattern = re.compile(
        rf"({'|'.join(directives)})(?:\s+(?:\#[^\n]*\n\s*)*)"
        r"(?:\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|((?:\\.|\$\{|[^\s;{\"'\\])+))"
    )
    text = data.decode("utf-8", "replace")
    return [
        Named(match[1], re.sub(r"\\(.)", r"\1", match[2] or match[3] or match[4] or ""))
        for match in pattern.finditer(text)
    ]


def resolve_named(
    named: Iterable[Named], contents: Mapping[str, bytes], conf: str, links: Mapping[str, str] | None = None
) -> set[str]:
    """Return which files of a tree these names are, links of the tree followed."""
    found: set[str] = set()
    read: set[str] = set()
    for value, is_include in {(each.value, each.directive == _INCLUDE) for each in named}:
        candidates, is_any = _candidates(value, contents, conf, links or {})
        if is_any and not is_include:
            # Nobody's key is what nginx reads as its configuration, which is looked for once.
            read = read or {_MAIN, *named_by((_INCLUDE,), contents, conf, links)}
            candidates = candidates - read
        found |= {end for name in candidates for end in [_end_of(name, conf, links or {})] if end in contents}
    return found


def closed_paths(modes: Mapping[str, int], like: str | None = None) -> set[str]:
    """Return the files that fewer may read than the rest of their tree, whatever is in them.

    ``modes`` are the permissions of files and of folders (``conf.d/``). What the rest is says the file ``like``, or
    most of the files: a whole tree that others may not read was made under such a umask, or on a host where all of
    ``/etc`` is closed, and then that says nothing of any one file. A file in a closed folder is as closed as that.
    """
    readers = {path: _readers(path, modes) for path in modes if not path.endswith("/")}
    if not readers:
        return set()
    if like is not None:
        usual = readers[like]
    else:
        usual = 0
        for bit in (0o040, 0o004):
            if 2 * sum(bool(found & bit) for found in readers.values()) > len(readers):
                usual |= bit
    wanted = 0o004 if usual & 0o004 else usual
    return {path for path, found in readers.items() if wanted & ~found}


def _readers(path: str, modes: Mapping[str, int]) -> int:
    """Return which of group (040) and others (004) can read a file, those who may not enter its folders left out."""
    found = modes[path] & 0o044
    above = os.path.dirname(path)
    while above:
        # Who may not enter cannot read.
        found &= (modes.get(f"{above}/", 0o755) & 0o011) << 2
        above = os.path.dirname(above)
    return found


def _candidates(
    value: str, contents: Mapping[str, bytes], conf: str, links: Mapping[str, str]
) -> tuple[set[str], bool]:
    """Return the names of a tree that a value may stand for, and whether it may be any."""
    path = os.path.relpath(os.path.normpath(os.path.join(conf, value)), conf)
    if _ANY_NAME.isdisjoint(path):
        return {path}, False
    import re

    parts = re.split(r"\$\{\w*\}|\$\w+|\[[^]]{1,255}\]|[*?]", path)
    found = {name for name in (*contents, *links) if has_in_order(name, parts)}
    return found, not any(part.strip("/") for part in parts)


def _end_of(path: str, conf: str, links: Mapping[str, str]) -> str:
    """Follow the links of a tree, of files and of folders, as long as they stay in it."""
    for _ in range(40 if links else 0):
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
