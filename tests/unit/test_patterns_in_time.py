"""Patterns that look through text of others take time that grows with its length, and not with the square of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.coverage.scan import scan
from ansible_collections.sluice.nginx.plugins.module_utils.fixes import mechanical
from ansible_collections.sluice.nginx.plugins.module_utils.gates import verify
from ansible_collections.sluice.nginx.plugins.module_utils.lint.acceptance import read_acceptances
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.redactor import Redactor

# Letters. What grows with the square of it takes minutes.
LENGTH = 200_000


def _of_length(piece: str) -> str:
    return piece * (LENGTH // len(piece) + 1)


def _scan(text: str) -> None:
    scan("content_by_lua_block {" + text)


def _redact(text: str) -> None:
    Redactor().line("header a: " + text)


@pytest.mark.parametrize(
    ("look", "piece"),
    [
        (_redact, "x-token"),
        (_redact, "x-key-key"),
        (_redact, "x-"),
        (_scan, "[["),
        (_scan, "--[["),
        (_scan, "[=["),
        (mechanical._COMMENT.search, " "),
        (mechanical._COMMENT.search, " #\n"),
        (verify._COUNT.search, "1"),
    ],
)
def test_a_long_text_is_looked_through_in_time(look: Callable[[str], object], piece: str) -> None:
    began = time.process_time()
    look(_of_length(piece))
    assert time.process_time() - began < 4


@pytest.mark.parametrize("reason", [" " * LENGTH + "a", ": " * LENGTH, "#" * LENGTH])
def test_a_comment_without_an_end_accepts_nothing(tmp_path: Path, reason: str) -> None:
    (tmp_path / "nginx.conf").write_text(f"# sluice: accept a_rule: {reason}\nevents {{}}\n", encoding="utf-8")
    began = time.process_time()
    assert read_acceptances(tmp_path, ["nginx.conf"]) == []
    assert time.process_time() - began < 4
