"""Tuples with names, helpers for ``with``, threads and forms of texts do what the originals do."""

from __future__ import annotations

import contextlib
import copy
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Problem
from ansible_collections.sluice.nginx.plugins.module_utils.lean import managers
from ansible_collections.sluice.nginx.plugins.module_utils.lean.texts import fits
from ansible_collections.sluice.nginx.plugins.module_utils.lean.threads import Thread
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import Entry


def test_a_tuple_has_its_fields_by_name() -> None:
    entry = Entry("a", "file", 0o644, value="x")
    assert entry == ("a", "file", 0o644, "x")
    assert (entry.path, entry.value) == ("a", "x")
    assert entry._replace(path="b")._asdict() == {"path": "b", "kind": "file", "mode": 0o644, "value": "x"}
    assert Entry._make(["a", "file", 1, "x"]) < entry
    assert repr(Entry("a", "dir", 1, "")) == "Entry(path='a', kind='dir', mode=1, value='')"
    assert Problem("what", do="this").to_json() == {"what": "what", "do": "this"}
    for twin in (copy.deepcopy(entry), pickle.loads(pickle.dumps(entry))):
        assert twin == entry
        assert type(twin) is Entry


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((), {}),
        (("a", "b", 1), {}),
        (("a", "b", 1, "c", "d"), {}),
        (("a", "b", 1, "c"), {"path": "x"}),
        (("a",), {"no": 1}),
    ],
)
def test_a_tuple_is_whole_or_not_at_all(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="Entry takes path, kind, mode, value"):
        Entry(*values, **named)


def test_what_a_tuple_does_not_have_cannot_be_replaced() -> None:
    change: dict[str, Any] = {"nothing": 1}
    with pytest.raises(ValueError, match="nothing"):
        Entry("a", "dir", 1, "")._replace(**change)


def told(manage: Any, inside: Callable[[], None], steps: Callable[[list[str]], Iterator[str]]) -> list[str]:
    said: list[str] = []
    try:
        with manage(steps)(said) as given:
            said.append(given)
            inside()
        said.append("behind")
    except BaseException as error:
        said.append(repr(error))
    return said


def plain(said: list[str]) -> Iterator[str]:
    said.append("before")
    try:
        yield "given"
    finally:
        said.append("after")


def swallowing(said: list[str]) -> Iterator[str]:
    with contextlib.suppress(ValueError, StopIteration):
        yield "given"


def turning(said: list[str]) -> Iterator[str]:
    try:
        yield "given"
    except Exception as error:
        raise KeyError("another") from error


def raising(error: BaseException) -> Callable[[], None]:
    def inside() -> None:
        raise error

    return inside


@pytest.mark.parametrize("steps", [plain, swallowing, turning])
@pytest.mark.parametrize(
    "inside",
    [
        lambda: None,
        raising(ValueError("v")),
        raising(StopIteration("s")),
        raising(KeyboardInterrupt()),
        raising(OSError()),
    ],
)
def test_a_managed_block_ends_as_it_does_with_contextlib(steps: Any, inside: Callable[[], None]) -> None:
    assert told(managers.contextmanager, inside, steps) == told(contextlib.contextmanager, inside, steps)


def test_suppressed_is_only_what_is_named() -> None:
    with managers.suppress(OSError, KeyError):
        raise FileNotFoundError
    with pytest.raises(ValueError, match="not named"), managers.suppress(OSError):
        raise ValueError("not named")


def test_a_thread_can_be_waited_for() -> None:
    may_end, done = threading.Event(), []

    def work() -> None:
        may_end.wait()
        done.append(1)

    thread = Thread(work)
    thread.start()
    thread.join(0.01)
    assert thread.is_alive()
    may_end.set()
    thread.join()
    assert (thread.is_alive(), done) == (False, [1])


@pytest.mark.parametrize(
    ("text", "holds"), [("2026-11", True), ("2026-1", False), ("2026x11", False), ("2026-1\u0663", False), ("", False)]
)
def test_a_text_fits_a_form(text: str, holds: bool) -> None:
    assert fits(text, "0000-00") is holds
