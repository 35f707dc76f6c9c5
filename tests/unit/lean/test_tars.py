"""The small reader of tar.gz reads what tarfile reads, and refuses what is not whole."""

from __future__ import annotations

import gzip
import io
import sys
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.lean.tars import Damaged, Member, members

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
LONG = "/".join(["sites-enabled"] * 9) + "/shop.conf"
TOO_LONG = "x" * 150


def packed(rows: list[Member], form: int = tarfile.PAX_FORMAT) -> bytes:
    kinds = {
        "file": tarfile.REGTYPE,
        "link": tarfile.SYMTYPE,
        "dir": tarfile.DIRTYPE,
        "something else": tarfile.FIFOTYPE,
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for row in rows:
            info = tarfile.TarInfo(row.path)
            info.type, info.linkname, info.uid, info.gid = kinds[row.kind], row.target, row.uid, row.gid
            info.size = len(row.data)
            archive.addfile(info, io.BytesIO(row.data))
    return gzip.compress(buffer.getvalue())


ROWS = [
    Member("conf.d", "dir", "", 0, 0, b""),
    Member("conf.d/größe.conf", "file", "", 33, 4, "# €\n".encode()),
    Member("nginx.conf", "file", "", 0, 0, b"x" * 1024),
    Member("empty", "file", "", 0, 0, b""),
    Member("modules", "link", "/usr/lib/nginx/modules", 0, 0, b""),
    Member("pipe", "something else", "", 0, 0, b""),
]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("more", [[], [Member(LONG, "file", "", 1, 2, b"long")]], ids=["short", "long"])
def test_members_come_out_as_they_went_in(form: int, more: list[Member]) -> None:
    assert list(members(packed([*ROWS, *more], form))) == [*ROWS, *more]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize(
    "row",
    [Member(TOO_LONG, "file", "", 0, 0, b"long"), Member("link", "link", TOO_LONG, 0, 0, b"")],
    ids=["name", "target"],
)
def test_what_fits_no_plain_header_is_read_too(form: int, row: Member) -> None:
    assert list(members(packed([*ROWS, row], form))) == [*ROWS, row]


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0/", exclude_categories=["C"]), min_size=1, max_size=60
)
FILES = st.lists(
    st.builds(lambda name, data: Member(f"d/{name}", "file", "", 0, 0, data), NAMES, st.binary(max_size=2000)),
    max_size=5,
)


@given(FILES, st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
def test_any_files(rows: list[Member], form: int) -> None:
    assert list(members(packed(rows, form))) == rows


@pytest.mark.parametrize("cut", [0, 1, 10, 60, -1, -8])
def test_what_is_not_whole_is_refused(cut: int) -> None:
    with pytest.raises(Damaged):
        list(members(packed(ROWS)[:cut]))


@pytest.mark.parametrize("at", [0, 120, 148, 512])
def test_a_header_that_was_changed_is_refused(at: int) -> None:
    data = bytearray(gzip.decompress(packed([Member("a", "file", "", 0, 0, b"x" * 2000)])))
    data[at : at + 8] = b"\xff" * 8
    if at == 512:
        # A content that was changed is for its digest to tell.
        assert next(members(gzip.compress(bytes(data)))).data.startswith(b"\xff")
        return
    with pytest.raises(Damaged):
        list(members(gzip.compress(bytes(data))))


def test_plain_members_do_not_need_tarfile(monkeypatch: pytest.MonkeyPatch) -> None:
    data = packed(ROWS, tarfile.GNU_FORMAT)
    monkeypatch.setitem(sys.modules, "tarfile", None)
    assert list(members(data)) == ROWS
