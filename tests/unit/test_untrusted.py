"""The readers of what others have written."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import (
    has_controls,
    has_in_order,
    is_inside,
    printable,
    read_name,
    read_release_id,
    whole_number,
)

ID = "0123456789abcdef" * 4


def test_a_release_id_is_64_hexadecimal_digits() -> None:
    assert read_release_id(ID) == ID


@pytest.mark.parametrize(
    "value",
    [
        *("", "..", "../../../home/.ssh", f"../{ID}", f"{ID}\n", f"{ID}/..", ID[:-1], f"{ID}0", ID.upper(), "g" * 64),
        *("\u0660" * 64, "\0" * 64, "*" * 64, None, 7, [ID], {"id": ID}, ID.encode(), True, "x" * 100_000),
    ],
)
def test_anything_else_is_no_release_id(value: object) -> None:
    with pytest.raises(SluiceError, match="64 hexadecimal digits") as caught:
        read_release_id(value)
    assert len(str(caught.value)) < 300
    assert not has_controls(str(caught.value))


@pytest.mark.parametrize("value", ["web", "a", "0", "web-2", "a" * 31])
def test_a_name(value: str) -> None:
    assert read_name(value, "sandbox_name") == value


@pytest.mark.parametrize(
    "value", ["", ".", "..", "-a", "a/b", "runs\n", "Web", "a_b", "a" * 32, "ä", "²", None, 5, ["web"], "~", "a b", "*"]
)
def test_what_is_no_name_is_refused_with_its_variable(value: object) -> None:
    with pytest.raises(SluiceError, match=r"^sandbox_name: .* is no name; use 1 to 31"):
        read_name(value, "sandbox_name")


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_a_whole_number(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize(
    "text", ["", "²", "\u0663", "1²", "-1", "+1", " 1", "1.0", "1_0", "9" * 19, "9" * 5000, "\uff10"]
)
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    assert whole_number(text) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Übersicht → 日本", "Übersicht → 日本"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\r\nb", r"a\r\nb"),
        ("\u202egnp", r"\u202egnp"),
        ("\u2028", r"\u2028"),
        ("\x9b31m", r"\x9b31m"),
        ("\udcff", r"\udcff"),
        ("a\u200bb", r"a\u200bb"),
        ("\0", r"\x00"),
        ("ok\u3164", r"ok\u3164"),
        ("\u115f\u1160\uffa0", r"\u115f\u1160\uffa0"),
        ("a\u2800b\u034fc", r"a\u2800b\u034fc"),
        ("a\U000e0100", r"a\U000e0100"),
        ("a\ufe00", r"a\ufe00"),
        # As people write them.
        ("⚠\ufe0f ☎\ufe0e", "⚠\ufe0f ☎\ufe0e"),
        ("한글 ⠁ é e\u0301", "한글 ⠁ é e\u0301"),
    ],
)
def test_what_nobody_sees_is_written_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert has_controls(text) == (text != shown)


def test_a_text_of_several_lines_keeps_them() -> None:
    assert printable("a\n\tb\x07", keep="\n\t") == "a\n\tb\\x07"


def test_inside_is_below_with_links_resolved(tmp_path: Path) -> None:
    root, outside = tmp_path / "store", tmp_path / "other"
    root.mkdir()
    outside.mkdir()
    (root / "link").symlink_to(outside)
    assert is_inside(root / "a" / "b", root)
    for path in (root, root / "..", root / "../other", root / "link" / "x", outside, tmp_path / "store-2"):
        assert not is_inside(path, root)


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("a", "a", True),
        ("a", "ab", False),
        ("*", "", True),
        ("*", "anything", True),
        ("a*", "ab", True),
        ("*a", "ba", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("ab*bc", "abc", False),
        ("*.conf", "a.conf", True),
        ("*a*b*c*", "xaxbxcx", True),
        ("*a*b*c*", "xaxcxbx", False),
        ("a**b", "ab", True),
        ("", "", True),
        ("", "a", False),
        ("[::1]:*", "[::1]:80", True),
    ],
)
def test_a_text_has_the_parts_of_a_pattern_in_order(pattern: str, text: str, fits: bool) -> None:
    assert has_in_order(text, pattern.split("*")) == fits


def test_many_stars_take_no_time() -> None:
    began = time.process_time()
    assert not has_in_order("a" * 200, ("a*" * 40 + "b").split("*"))
    assert time.process_time() - began < 1
