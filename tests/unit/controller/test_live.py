"""Where a terminal is, one line says what runs and goes away; elsewhere lines stay, and nothing controls a screen."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.redactor.redactor import Redactor
from ansible_collections.sluice.nginx.plugins.plugin_utils import live
from ansible_collections.sluice.nginx.plugins.plugin_utils.live import LiveLine, is_live

WIDTH = 40
SILENCING = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION", "AWX_ISOLATED_DATA_DIR", "JOB_ID")


class Screen:
    """What Ansible's display was given: texts, and whether each is for the screen alone."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, bool]] = []

    def display(self, text: str, color: str | None = None, screen_only: bool = False, newline: bool = True) -> None:
        self.shown.append((text + ("\n" if newline else ""), screen_only))

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.shown)


@pytest.fixture
def no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SILENCING:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def terminal(no_service: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of forty columns; a real one is in tests/integration/test_terminal.py."""
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((WIDTH, 24)))


def test_a_terminal_is_one_until_something_keeps_what_is_printed(
    terminal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_live()
    for name in SILENCING:
        monkeypatch.setenv(name, "1")
        assert not is_live(), name
        monkeypatch.delenv(name)
    monkeypatch.setenv("TERM", "dumb")
    assert not is_live()


def test_a_pipe_is_no_terminal(no_service: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "get_terminal_size", _no_terminal)
    assert not is_live()


def _no_terminal(_: int) -> Any:
    raise OSError


def _wait_for(screen: Screen, words: str) -> None:
    until = time.monotonic() + 20
    while words not in screen.text and time.monotonic() < until:
        time.sleep(0.01)
    assert words in screen.text


def test_the_line_of_what_runs_fits_makes_room_and_goes_away(terminal: None) -> None:
    screen = Screen()
    with LiveLine(screen, lambda: f"smoke \x1b[2J\n{'x' * 60} S3CR3T-1", Redactor({"S3CR3T-1"})) as shown:
        _wait_for(screen, "smoke")
        shown.line("syntax pass", "good")
    drawn = [text for text, only in screen.shown if only]
    assert drawn[0].endswith("\x1b[K\r")
    line = drawn[0].removesuffix("\x1b[K\r")
    assert len(line) == WIDTH - 1
    assert line.endswith("…")
    assert "\x1b" not in line
    assert "\n" not in line
    assert drawn[1] == "\x1b[K\r"
    assert screen.shown[screen.shown.index(("syntax pass\n", False)) - 1][0] == "\x1b[K\r", "nothing of it is left"
    assert screen.shown[-1][0] in ("\x1b[K\r", "syntax pass\n")


def test_without_a_terminal_a_long_silence_is_broken_by_a_line(
    no_service: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(live, "_SAID_SECONDS", 0.3)
    screen = Screen()
    with LiveLine(screen, lambda: "  smoke (12 requests) · 15 s") as shown:
        _wait_for(screen, "smoke")
        shown.goes_on("fetching the image")
        shown.text("a\nb")
    assert screen.shown[0] == ("  smoke (12 requests) · 15 s …\n", False)
    assert "fetching the image\n" in screen.text
    assert "a\nb\n" in screen.text
    assert not {"\x1b", "\r"} & set(screen.text)


def test_what_is_quick_says_nothing_of_itself(no_service: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    screen = Screen()
    with LiveLine(screen, lambda: "smoke"):
        pass
    assert screen.shown == []
