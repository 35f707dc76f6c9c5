"""Archives: the live tree that a host sends, on the controller, and the bundle of a release, on a host."""

from __future__ import annotations

import contextlib
import gzip
import io
import tarfile
from pathlib import Path

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Fault
from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees.bundle import unpack
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import ManifestEntry
from ansible_collections.sluice.nginx.plugins.module_utils.release.live_trees import keep_live
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import read_release_id

from ..harness import scratch

ALLOWED = (SluiceError,)


def run(data: bytes) -> None:
    """Unpack on both sides, as it is and compressed; nothing appears beside the folders that are meant."""
    for packed in (data, gzip.compress(data)):
        with scratch() as folder:
            state = folder / "state"
            state.mkdir()
            with contextlib.suppress(SluiceError):
                keep_live(state, read_release_id("a" * 64), packed, [])
            manifest = [
                ManifestEntry("a", "file", 0o644, "0" * 64),
                ManifestEntry("d", "dir", 0o755, ""),
                ManifestEntry("l", "link", 0o777, ".."),
            ]
            with contextlib.suppress(Fault):
                unpack(packed, Path(str(folder / "host")), manifest)
            assert {path.name for path in folder.iterdir()} <= {"state", "host"}
            assert {path.name for path in state.iterdir()} <= {"live"}


@st.composite
def _archives(draw: st.DrawFn) -> bytes:
    buffer = io.BytesIO()
    form = draw(st.sampled_from((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)))
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for _ in range(draw(st.integers(0, 5))):
            names = (
                "a",
                "a/b",
                "../x",
                "/etc/x",
                "d",
                "d/a",
                "l",
                "l/x",
                ".",
                "",
                "a//b",
                "a/./b",
                "é",
                "\udcff",
                "a\nb",
                "n" * 200,
                "d/../../x",
            )
            member = tarfile.TarInfo(draw(st.sampled_from(names)))
            member.type = draw(
                st.sampled_from(
                    (
                        tarfile.REGTYPE,
                        tarfile.SYMTYPE,
                        tarfile.DIRTYPE,
                        tarfile.LNKTYPE,
                        tarfile.FIFOTYPE,
                        tarfile.CHRTYPE,
                    )
                )
            )
            member.linkname = draw(st.sampled_from(("", "..", "/etc", "a", "../../x", "l", "\udcff")))
            member.mode = draw(st.sampled_from((0o644, 0, 0o4777, 0o1777)))
            content = draw(st.binary(max_size=20)) if member.type == tarfile.REGTYPE else b""
            member.size = len(content)
            try:
                archive.addfile(member, io.BytesIO(content))
            except (ValueError, UnicodeError):
                continue
    return buffer.getvalue()


def inputs() -> st.SearchStrategy[bytes]:
    """Draw archives with members that lead elsewhere, and damaged ones."""

    def damaged(data: bytes, at: int, stray: bytes) -> bytes:
        at %= len(data) or 1
        return data[:at] + stray + data[at + len(stray) :]

    return st.one_of(
        _archives(),
        st.builds(damaged, _archives(), st.integers(0, 3000), st.binary(min_size=1, max_size=12)),
        st.binary(max_size=100),
    )
