"""The nginx that a host sends: ELF headers, and files in pieces."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import zlib

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.elf import NoElf, read_elf
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.staging.from_host.image import layer_of
from ansible_collections.sluice.nginx.plugins.module_utils.staging.from_host.received import (
    KeptFiles,
    fetch,
    read_host_nginx,
)
from tests.unit.elf_files import elf

from ..harness import scratch

ALLOWED = (SluiceError,)
_LOADER = "/lib64/ld-linux-x86-64.so.2"


def run(data: bytes) -> None:
    """Take it for a binary, for a part of one, and for the words of ``nginx -V``; nothing appears beside the cache."""
    with contextlib.suppress(NoElf):
        read_elf(lambda offset, size: data[offset : offset + size], len(data))
    said = data.decode("utf-8", "replace")
    row = {"kind": "binary", "name": "nginx", "path": "/usr/sbin/nginx", "size": len(data)}
    rows = [{**row, "sha256": hashlib.sha256(data).hexdigest()}]
    usual = {"os_release": said, "machine": "x86_64", "lacks": [said], "files": rows}
    part = {"sha256": rows[0]["sha256"], "offset": 0, "data": base64.b64encode(zlib.compress(data)).decode()}
    with scratch() as folder:
        kept = KeptFiles(folder / "cache")
        with contextlib.suppress(SluiceError):
            read_host_nginx("web1", {**usual, "said": said, "parts": []})
        with contextlib.suppress(SluiceError):
            kept.take(
                read_host_nginx("web1", {**usual, "said": "nginx version: nginx/1.26.3", "parts": []}),
                [{**part, "data": said}],
            )
        answer = {**usual, "said": f"nginx version: nginx/1.26.3\nconfigure arguments: {said}", "parts": [part]}
        with contextlib.suppress(SluiceError):
            layer_of(fetch("web1", lambda _: answer, kept, lambda _: None), kept, "/usr/sbin/nginx")
        assert {path.name for path in folder.iterdir()} == {"cache"}
        assert {path.name for path in (folder / "cache").iterdir()} == {"nginx-files"}
        assert {path.name for path in (folder / "cache/nginx-files").iterdir()} <= {str(rows[0]["sha256"])}


def inputs() -> st.SearchStrategy[bytes]:
    """Draw ELF files, damaged ones, and arguments of configure."""

    def damaged(data: bytes, at: int, stray: bytes) -> bytes:
        at %= len(data)
        return data[:at] + stray + data[at + len(stray) :]

    files = st.sampled_from([elf(["libc.so.6"], loader=_LOADER, paths="$ORIGIN"), elf(soname="libz.so.1"), elf()])
    options = st.sampled_from(["prefix", "modules-path", "conf-path", "user", "http-proxy-temp-path", "pid-path"])
    values = st.sampled_from(["/", "//", "..", "/etc", "/opt/../..", "a b", "\x1b[1m", "x" * 5000, "/srv/nginx", ""])
    words = st.lists(st.builds("--{}={}".format, options, values), max_size=4).map(" ".join).map(str.encode)
    return st.one_of(
        files,
        st.builds(damaged, files, st.integers(0, 400), st.binary(min_size=1, max_size=9)),
        words,
        st.binary(max_size=80),
    )
