"""Files that nobody meant, or that somebody meant to be bad: each is a sentence with file and line, and soon."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config import parse
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, parse_tree


def read(tmp_path: Path, files: dict[str, bytes | str]) -> Config:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return parse_tree(tmp_path)


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("events {}\nhttp {\n  server {\n    location {\n    }\n  }\n}\n", 4, "location has 0 arguments"),
        ("events {}\nhttp { server {\n if () { return 403; } } }\n", 3, "if has 0 arguments"),
        ("events {}\nhttp {\n};\n", 3, 'unexpected ";"'),
        ("events {}\n{ a; }\nhttp {}\n", 2, 'unexpected "{"'),
        ("events {};\nhttp { server { location; } }\n", 1, 'unexpected ";"'),
        ("{}{#'\n;}}", 1, 'unexpected "{"'),
        ("events {}\nhttp {\n  root /srv", 3, 'unexpected end of file, expecting "}"'),
        ("user a;\nroot", 2, "root"),
        (b"\xef\xbb\xbfevents {}\n", 1, "begins with a byte order mark"),
        (b"events {}\n\0", 0, "is binary"),
        (
            "events {}\nhttp {\n" + "location / {\n" * 900 + "}" * 901,
            102,
            "more than 100 blocks are open here",
        ),
        ("events {}\n" + "a {\n" * 5000 + "}" * 5000, 102, "more than 100 blocks"),
    ],
)
def test_a_slip_is_told_with_its_line(tmp_path: Path, content: bytes | str, line: int, words: str) -> None:
    found = read(tmp_path, {"nginx.conf": content}).problems
    assert words in found[0].what
    assert (found[0].file, found[0].line) == ("nginx.conf", line)


def test_a_directive_that_is_not_whole_is_left_out(tmp_path: Path) -> None:
    config = read(tmp_path, {"nginx.conf": "http { server { location { root /a; } root; listen 80; } }"})
    assert [each.name for each in config.walk()] == ["http", "server", "listen"]
    assert len(config.problems) == 2


@pytest.mark.parametrize("content", ["", "\n", "# nothing", b"\xff\xfe", "\r\r\r"])
def test_next_to_nothing_is_no_crash(tmp_path: Path, content: bytes | str) -> None:
    assert read(tmp_path, {"nginx.conf": content}).files == ["nginx.conf"]


def test_a_carriage_return_ends_no_comment_as_nginx_has_it(tmp_path: Path) -> None:
    config = read(tmp_path, {"nginx.conf": "user a;\r# why\rdaemon off;\npid /x;\r\n"})
    assert [each.name for each in config.walk()] == ["user", "pid"]


@pytest.mark.parametrize("word", ["a" * 4096, "é" * 2048, '"' + "a" * 5000 + '"', "~" + "(a|" * 40_000])
def test_a_word_that_nginx_cannot_read_is_told(tmp_path: Path, word: str) -> None:
    """Patterns of rules took minutes for one of them."""
    config = read(tmp_path, {"nginx.conf": f"events {{}}\nhttp {{\n  root {word};\n  {word} b;\n}}\n"})
    assert [each.name for each in config.walk()] == ["events", "http"]
    assert [each.line for each in config.problems] == [3, 4]
    assert all("nginx reads none of 4,096 bytes or more" in each.what for each in config.problems)
    assert all(len(each.what) < 200 for each in config.problems)


def test_the_longest_word_and_a_block_of_lua_are_read(tmp_path: Path) -> None:
    lua = "content_by_lua_block { " + "local a = 1\n" * 1000 + " }"
    config = read(tmp_path, {"nginx.conf": f"events {{}}\nhttp {{ root {'a' * 4095}; server {{ {lua} }} }}\n"})
    assert config.problems == []
    assert [each.name for each in config.walk()] == ["events", "http", "root", "server", "content_by_lua_block"]


@pytest.mark.parametrize("last", ["set_real_ip_from 10.0.0.1;", ""])
def test_includes_that_double_end_with_file_and_line(
    tmp_path: Path, last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parse, "_MOST_DIRECTIVES", 100_000)
    files: dict[str, bytes | str] = {f"{number}.conf": f"\ninclude {number + 1}.conf;\n" * 2 for number in range(40)}
    began = time.process_time()
    config = read(tmp_path, {"nginx.conf": "http { include 0.conf; }", **files, "40.conf": last})
    assert time.process_time() - began < 60
    (problem,) = config.problems
    assert "more than 100,000 directives" in problem.what
    assert (problem.file.endswith(".conf"), problem.line > 0) == (True, True)


def test_includes_that_go_too_deep_are_told(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {f"{number}.conf": f"include {number + 1}.conf;" for number in range(150)}
    config = read(tmp_path, {"nginx.conf": "include 0.conf;", **files, "150.conf": ""})
    assert [problem.what for problem in config.problems] == [
        "100 blocks and includes are around include; expected fewer"
    ]
