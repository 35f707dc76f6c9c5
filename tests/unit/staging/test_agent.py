"""What an agent says over its line: whatever that is, it is an answer or a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.answers import read_agent_answer
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.staging import agent
from tests.unit.hostile import json_values


def _frames(*parts: bytes, channel: int = 1) -> bytes:
    return b"".join(bytes([channel, 0, 0, 0]) + len(part).to_bytes(4, "big") + part for part in parts)


class _Line:
    """A container whose process has said ``said``, and ends."""

    def __init__(self, said: bytes) -> None:
        self._said = said
        self._sock = self

    def attach_socket(self, params: object) -> _Line:
        return self

    def settimeout(self, seconds: float) -> None:
        """It is there at once."""

    def makefile(self, mode: str) -> _Line:
        return self

    def sendall(self, data: bytes) -> None:
        """Nobody reads it."""

    def read(self, size: int) -> bytes:
        data, self._said = self._said[:size], self._said[size:]
        return data


def _asked(*parts: bytes) -> dict[str, Any]:
    container: Any = _Line(_frames(*parts))
    return agent.Agent(container).ask("start", {})


def test_an_answer_comes_in_parts() -> None:
    assert _asked(b'{"co', b'de": 0}', b"\n") == {"code": 0}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"error": "no disk"}', "staging cannot start: no disk"),
        (b"5", "staging cannot start: its agent's answer is malformed: expected an object"),
        (b"nonsense", "staging cannot start: its agent's answer is malformed: Expecting value"),
        (b"\xff\xfe{}", "its agent's answer is malformed"),
        (b'{"code": NaN}', "its agent's answer is malformed: NaN is no number"),
        (b'{"code": ' + b"9" * 5000 + b"}", "its agent's answer is malformed"),
        (b"[" * 200_000, "its agent's answer is malformed: maximum recursion depth"),
    ],
    ids=["error", "number", "nonsense", "not UTF-8", "NaN", "huge", "deep"],
)
def test_what_is_no_answer_is_a_sentence(line: bytes, words: str) -> None:
    with pytest.raises(SluiceError) as caught:
        _asked(line, b"\n")
    assert words in str(caught.value)


def test_an_agent_that_never_ends_its_line_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "_MOST_BYTES", 1 << 20)
    with pytest.raises(SluiceError, match="staging's agent says more than 1 MiB at once"):
        _asked(*[b"x" * (64 << 10)] * 32)


def test_one_that_ends_says_its_last_words() -> None:
    container: Any = _Line(_frames(b"Traceback\nValueError: no\n", channel=2))
    with pytest.raises(SluiceError, match="staging cannot start: the agent ended: ValueError: no"):
        agent.Agent(container).ask("start", {})


def _lines() -> Iterator[st.SearchStrategy[bytes]]:
    yield st.binary(max_size=100)
    yield json_values().map(lambda value: json.dumps(value).encode())


@settings(deadline=None)
@given(st.one_of(*_lines()))
def test_whatever_an_agent_says_it_is_an_answer_or_a_sentence(line: bytes) -> None:
    try:
        assert isinstance(read_agent_answer("start", line), dict)
    except SluiceError as error:
        assert str(error)  # noqa: PT017
