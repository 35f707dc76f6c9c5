"""A body becomes a text whatever character set is named for it."""

from __future__ import annotations

import encodings
import encodings.aliases
import pkgutil
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.contract import charset
from ansible_collections.sluice.nginx.plugins.module_utils.contract.answer import Answer
from ansible_collections.sluice.nginx.plugins.module_utils.contract.charset import decoded

_OF_PYTHON = sorted({each.name for each in pkgutil.iter_modules(encodings.__path__)} | set(encodings.aliases.aliases))
_ODD = ["utf-8\0", "utf-8\x0b", "a" * 10_000, "utf-8;charset=idna", "../utf-8", "rot13", "hex", "²", "\ud800"]


@pytest.mark.parametrize("body", [b"hello", bytes(range(256)), b"\xff\xfe", b"xn--\xff", b""])
def test_no_name_of_a_character_set_breaks_a_body(body: bytes) -> None:
    for name in [*_OF_PYTHON, *_ODD]:
        for written in (name, f'"{name}"', f"'{name}'", name.upper()):
            answer = Answer(200, (("Content-Type", f"text/html; charset={written}"),), body)
            assert answer.excerpt.isprintable(), name


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/html", "ü".encode(), "ü"),
        ("text/html; charset=UTF-8", "ü".encode(), "ü"),
        ("text/html; charset=utf8; x=y", "ü".encode(), "ü"),
        ("text/html; charset=ISO-8859-1", b"\xfc", "ü"),
        ("text/html; charset=iso_8859-15", b"\xa4", "€"),
        ("text/html; charset='windows-1252'", b"\x80", "€"),
        ("text/html; charset=KOI8-R", b"\xc1", "\u0430"),
        ("text/html; charset=Shift_JIS", "世界".encode("cp932"), "世界"),
        ("text/html; charset=EUC-JP", "世界".encode("euc-jp"), "世界"),
        ("text/html; charset=GB2312", "世界".encode("gb2312"), "世界"),
        ("text/html; charset=big5", "世界".encode("big5"), "世界"),
        ("text/html; charset=EUC-KR", "세계".encode("euc-kr"), "세계"),
        ("text/html; charset=utf-16", "a".encode("utf-16"), "\ufffd\ufffda\0"),
        ("text/html; charset=ibm866", b"\x80", "\u0410"),
        ("text/html; charset=windows-1255", b"\xff\x81", "\ufffd\ufffd"),
        ("text/html; charset=idna", b"hello", "hello"),
        ("text/html; charset=utf-7", b"+AOk-", "+AOk-"),
        ("text/html; charset=nonsense", b"\xff", "\ufffd"),
        ("text/html; charset=", b"x", "x"),
        ("text/html; charset=utf-8, text/html; charset=idna", b"x", "x"),
    ],
)
def test_pages_are_read_in_the_character_set_that_they_name(content_type: str, body: bytes, text: str) -> None:
    assert decoded(body, content_type) == text


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_what_does_not_fit_is_replaced_in_all_of_them(body: bytes) -> None:
    for name in charset._CODECS:
        assert isinstance(decoded(body, f"text/html; charset={name}"), str)


def test_nothing_takes_long_to_read_whatever_is_in_it() -> None:
    filled = [b"\xff", b"\x81", b"\x80\xff", b"\xd8\x00", b"\x1b$", b"\x00", b"\x8e\xa1"]
    for name in charset._CODECS:
        for part in filled:
            body = part * (2**20 // len(part))
            began = time.process_time()
            decoded(body, f"text/html; charset={name}")
            assert time.process_time() - began < 0.5, (name, part)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=50), st.binary(max_size=50))
def test_any_content_type_leaves_a_text(content_type: str, body: bytes) -> None:
    assert isinstance(decoded(body, content_type), str)
    assert isinstance(decoded(body, f"charset={content_type}"), str)
