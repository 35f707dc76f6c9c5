"""The conversation with an agent whose container may say anything: what passes for an answer, and what never does."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.staging import agent as agents
from ansible_collections.sluice.nginx.plugins.module_utils.staging.agent import Agent

Speak = Callable[[bytes], bytes]


class _Container:
    """Has the channels of a container."""

    def __init__(self, ours: socket.socket) -> None:
        self._ours = ours

    def attach_socket(self, params: object) -> socket.socket:
        return self._ours


def _frame(data: bytes, channel: int = 1) -> bytes:
    return bytes([channel, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


def _answer(question: bytes, **more: Any) -> bytes:
    token, _, _ = json.loads(question)
    return json.dumps({"token": token, "hits": {}, **more}).encode() + b"\n"


@pytest.fixture
def talk() -> Iterator[Callable[..., Agent]]:
    """An agent that answers each question with what ``speak`` makes of it; nothing ends it."""
    opened: list[socket.socket] = []

    def made(speak: Speak, **more: Any) -> Agent:
        ours, theirs = socket.socketpair()
        opened.extend((ours, theirs))

        def answer() -> None:
            for question in theirs.makefile("rb"):
                said = speak(question)
                if not said:
                    theirs.shutdown(socket.SHUT_RDWR)
                    return
                theirs.sendall(said)

        threading.Thread(target=answer, daemon=True).start()
        return Agent(_Container(ours), **more)  # type: ignore[arg-type]

    yield made
    for each in opened:
        each.close()


def test_an_answer_is_that_of_its_question(talk: Callable[..., Agent]) -> None:
    agent = talk(lambda question: _frame(b"words", 2) + _frame(_answer(question, actual=json.loads(question)[1])))
    assert agent.ask("start", []) == {"actual": "start"}
    assert agent.ask("read", []) == {"actual": "read"}


@pytest.mark.parametrize(
    "line",
    [
        b'{"outcomes": [], "hits": {}}\n',
        b'{"token": "0", "hits": {}, "outcomes": []}\n',
        b'{"token": null, "hits": {}}\n',
        b"[]\n",
        b"hello\n",
        b"[" * 100_000 + b"\n",
        b'{"code": NaN}\n',
        b'{"code": ' + b"9" * 5000 + b"}\n",
        b'{"tok',
        b"\xff\xfe\n",
        b"\n",
    ],
)
def test_what_others_say_in_its_place_is_no_answer_and_it_is_asked_no_more(
    talk: Callable[..., Agent], line: bytes
) -> None:
    agent = talk(lambda question: _frame(line) + _frame(_answer(question, ok=True)))
    for _ in range(2):
        with pytest.raises(SluiceError, match="staging cannot start: what came is not its agent's answer"):
            agent.ask("start", [])


def test_a_true_answer_without_its_counts_is_none(talk: Callable[..., Agent]) -> None:
    agent = talk(lambda question: _frame(json.dumps({"token": json.loads(question)[0]}).encode() + b"\n"))
    with pytest.raises(SluiceError, match="something else in the container spoke"):
        agent.ask("start", [])


@pytest.mark.parametrize("channel", [1, 2])
def test_a_line_without_an_end_is_cut_off(
    talk: Callable[..., Agent], monkeypatch: pytest.MonkeyPatch, channel: int
) -> None:
    monkeypatch.setattr(agents, "_MOST_ANSWER", 10_000)
    endless = _frame(b"x" * 5000, channel) * 3
    agent = talk(lambda _: endless)
    with pytest.raises(SluiceError, match="says more than 10000 bytes" if channel == 1 else "no answer within 1 s"):
        agent.ask("start", [], 1)


def test_silence_is_bounded_and_then_nobody_waits_again(talk: Callable[..., Agent]) -> None:
    agent = talk(lambda _: _frame(b"drip"))
    with pytest.raises(SluiceError, match="staging cannot start: no answer within 1 s"):
        agent.ask("start", [], 1)
    with pytest.raises(SluiceError, match="staging cannot test: no answer within 1 s"):
        agent.ask("test", [], 900)


def test_the_end_of_a_container_is_told_with_its_cause(talk: Callable[..., Agent]) -> None:
    agent = talk(lambda _: b"", why=lambda: "the container wrote 5 GiB")
    with pytest.raises(SluiceError, match="staging cannot start: the agent ended: the container wrote 5 GiB"):
        agent.ask("start", [])


def test_a_bound_that_was_reached_is_no_answer(talk: Callable[..., Agent]) -> None:
    agent = talk(
        lambda question: _frame(_answer(question, ok=True).replace(b'"hits": {}', b'"hits": {"memory": 2}')),
        reached=lambda hits: f"reached {sorted(hits)}" if hits else "",
    )
    with pytest.raises(SluiceError, match=r"staging cannot start: reached \['memory'\]"):
        agent.ask("start", [])
