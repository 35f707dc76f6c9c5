"""Quoting: what nginx reads back is what was given, and nothing leaves its place."""

from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.sites.printing.directives import directives, quote


def read_as_nginx(token: str) -> str:
    """Read one argument as ``ngx_conf_read_token`` does; fails when it ends before the text does."""
    quoted = token.startswith(('"', "'"))
    body = token[1:] if quoted else token
    found, index = "", 0
    while index < len(body):
        char = body[index]
        if char == "\\" and index + 1 < len(body):
            after = body[index + 1]
            found += {"t": "\t", "r": "\r", "n": "\n"}.get(after, after if after in "\\\"'" else char + after)
            index += 2
            continue
        if quoted and char == token[0]:
            assert index == len(body) - 1, f"{token!r} ends early"
            return found
        assert quoted or char not in " \t\r\n;{", f"{token!r} ends early"
        found += char
        index += 1
    assert not quoted, f"{token!r} does not end"
    return found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/srv/shop", "/srv/shop"),
        (80, "80"),
        ("", '""'),
        ("public, immutable", '"public, immutable"'),
        (r"\.php$", r"\.php$"),
        (r"^/(\d+)$", r"^/(\d+)$"),
        (r"^/\d{2}$", r'"^/\d{2}$"'),
        (r"^/(?<id>\w+)/new$", r"^/(?<id>\w+)/new$"),
        (r"a\nb", r"a\\nb"),
        ("a;b", '"a;b"'),
        ("a{b}", '"a{b}"'),
        ("#a", '"#a"'),
        ("a#b", "a#b"),
        ("it's", '"it\'s"'),
        ('say "x"', r'"say \"x\""'),
        ("a\nb", r'"a\nb"'),
        ("${x}y", '"${x}y"'),
        ("a\\", "a\\\\"),
        ("größe", '"größe"'),
    ],
)
def test_quote_prints(value: object, expected: str) -> None:
    assert quote(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "plain",
        "a b",
        "; return 200;",
        "} server { listen 81; ",
        '"; return 200; #',
        "'; return 200; #",
        '\\"; return 200; #',
        "\\\\",
        "\\\\\\",
        '\\\\"',
        "ends with \\",
        "a\\\n; b",
        "line\nbreak; and\r\n\tmore",
        r"\d\w\s\t\n\r\.\\\/\"",
        "#comment",
        "${x};",
    ],
)
def test_nginx_reads_back_what_was_given(value: str) -> None:
    assert read_as_nginx(quote(value)) == value


@pytest.mark.parametrize("value", ["\x00", "a\x1b[0m", "\x7f"])
def test_control_characters_are_refused(value: str) -> None:
    with pytest.raises(SluiceError, match="control character"):
        quote(value)


def test_directives_are_lines() -> None:
    rows = [("internal",), ("root", "/srv/a b"), ("add_header", "X", "", "always")]
    assert directives(rows) == 'internal;\nroot "/srv/a b";\nadd_header X "" always;'
