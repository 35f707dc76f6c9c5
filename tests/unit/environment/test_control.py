"""How the judge talks to the stubs through a network where a release may answer in their place."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.environment.inside.stubs import control


@contextmanager
def _answering(monkeypatch: pytest.MonkeyPatch, answer: object, key: str, *, again: bytes = b"") -> Iterator[list[str]]:
    heard: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(control, "CONTROL_PORT", server.getsockname()[1])

        def serve() -> None:
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as lines:
                try:
                    nonce, what, _ = control.asked(lines.readline(), key)
                except ValueError as error:
                    heard.append(str(error))
                    connection.sendall(json.dumps(answer).encode())
                    return
                heard.append(what)
                connection.sendall(again or control.answered(answer, nonce, key))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield heard
        thread.join(5)


def test_who_has_the_key_is_heard_and_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with _answering(monkeypatch, [1], "secret") as heard:
        assert control.ask("127.0.0.1", "since", 0, "secret") == [1]
    assert heard == ["since"]


@pytest.mark.parametrize("key", ["", "other"])
def test_nobody_else_answers_for_the_stubs_nor_asks_them(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    with (
        _answering(monkeypatch, [], key) as heard,
        pytest.raises(RuntimeError, match=r"what answers at 127\.0\.0\.1 is not the stubs"),
    ):
        control.ask("127.0.0.1", "since", 0, "secret")
    assert heard == ["the question is not the judge's"]


def test_an_answer_to_another_question_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = control.answered([], "0" * 32, "secret")
    with (
        _answering(monkeypatch, [], "secret", again=earlier),
        pytest.raises(RuntimeError, match="is not the stubs"),
    ):
        control.ask("127.0.0.1", "since", 0, "secret")


@pytest.mark.parametrize("answer", [b"", b"[]", b" []", b"x" * 70 + b" []", b"\xff " + b"[]"])
def test_what_is_no_answer_is_refused(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    with (
        _answering(monkeypatch, [], "secret", again=answer or b" "),
        pytest.raises(RuntimeError, match="is not the stubs"),
    ):
        control.ask("127.0.0.1", "mark", key="secret")
