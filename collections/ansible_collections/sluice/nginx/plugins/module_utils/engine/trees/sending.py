"""The live tree as the controller may have it: without what is secret."""

from __future__ import annotations

import io
import os
import re

from ...lean import NamedTuple, Path

__all__ = ["MOST_BYTES", "Sent", "pack_without_secrets", "secret_paths"]

MOST_BYTES = 16 << 20
"""Of the files of a tree together."""
# A certificate is of no use without its key, so both stay.
_NAMES_SECRET = re.compile(
    r"\b(?:\w*ssl_certificate|\w*ssl_certificate_key|\w*ssl_password_file|ssl_session_ticket_key"
    r"|auth_basic_user_file|auth_jwt_key_file)\s+[\"']?([^\s;\"']+)"
)
# Lines as `htpasswd`, `openssl passwd` and crypt(3) write them.
_PASSWORD = re.compile(
    rb"^[^\s:#]+:(?:\$(?:apr1|1|2[abxy]?|5|6|7|y)\$\S+|\{(?:S?SHA|PLAIN|SSHA\d*)\}\S+|[./0-9A-Za-z]{13})(?::.*)?\r?$",
    re.MULTILINE,
)


class Sent(NamedTuple):
    """A tree as tar.gz, or None where it is larger than is sent; ``withheld`` are paths, and ``size`` is in bytes."""

    data: bytes | None
    withheld: list[str]
    size: int


def pack_without_secrets(tree: Path, conf: Path) -> Sent:
    """Pack the tree that nginx reads at ``conf``.

    Left out are keys, with the certificates that they are for, and password files: by what is in them, and by the
    directives that name them. Links are packed as links, and nothing that they lead to.
    """
    import tarfile

    paths = sorted(Path(folder) / name for folder, folders, files in os.walk(tree) for name in folders + files)
    files = [path for path in paths if path.is_file() and not path.is_symlink()]
    size = sum(path.stat().st_size for path in files)
    if size > MOST_BYTES:
        return Sent(None, [], size)
    contents = {path.relative_to(tree).as_posix(): path.read_bytes() for path in files}
    withheld = sorted(secret_paths(contents, str(conf)))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=6, format=tarfile.PAX_FORMAT) as archive:
        for path in paths:
            name = path.relative_to(tree).as_posix()
            if name not in withheld:
                archive.add(path, name, recursive=False)
    return Sent(buffer.getvalue(), withheld, size)


def secret_paths(contents: dict[str, bytes], conf: str) -> set[str]:
    """Tell which files of a tree that nginx reads at ``conf`` are keys, certificates or password files."""
    named = set()
    for data in contents.values():
        if b"\0" not in data:
            for value in _NAMES_SECRET.findall(data.decode("utf-8", "replace")):
                path = os.path.normpath(os.path.join(conf, value))
                named.add(os.path.relpath(path, conf))
    telling = {name for name, data in contents.items() if b"PRIVATE KEY-----" in data or _PASSWORD.search(data)}
    return telling | (named & contents.keys())
