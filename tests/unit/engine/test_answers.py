"""What the engine answers is what the controller reads: nothing is refused, and nothing of use is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils import replies
from ansible_collections.sluice.nginx.plugins.module_utils.replies import Malformed, read_answer
from ansible_collections.sluice.nginx.plugins.module_utils.reply_schemas import FORMS
from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.releases import BEHAVIOURS, release
from tests.unit.engine.simulation.work import confirm, deploy, leave, push, rollback
from tests.unit.hostile import GOOD, json_values, spoiled

NewHost = Callable[..., SimulatedHost]
Answer = dict[str, Any]


def _dropped(before: Any, after: Any, path: str = "") -> Iterator[str]:
    if isinstance(before, dict):
        for key, value in before.items():
            if key in after:
                yield from _dropped(value, after[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"
    elif isinstance(before, (list, tuple)):
        for number, value in enumerate(before):
            yield from _dropped(value, after[number], f"{path}[]")
    else:
        assert before == after, path


def _read(operation: str, answer: Answer) -> set[str]:
    """Read an answer as it comes from a host; tells which keys are dropped."""
    return set(_dropped(answer, read_answer(operation, json.dumps(answer))))


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_whatever_becomes_of_a_trial_its_answers_are_read(new_host: NewHost, behaviour: str) -> None:
    host = new_host()
    deploy(host, "a")
    assert _read("activate", push(host, "r2", "b", behaviour, seconds=1.0)) == set()
    assert _read("bake", host.ask_engine("bake", "r2", release=release("b", behaviour).id, seconds=0)) == set()
    for run in ("r2", "r3"):
        assert _read("confirm", host.ask_engine("confirm", run, release=release("b", behaviour).id)) == set()
    assert _read("status", host.ask_engine("status", "r3")) <= {".journal[].receipt", ".pending.marks"}
    assert _read("rollback", rollback(host, "r2")) == set()
    assert _read("rollback", rollback(host, "r2")) == set()
    assert _read("leave", leave(host, looking=True)) == set()
    assert _read("leave", leave(host)) == set()


def test_the_answers_of_a_host_that_is_looked_at_are_read(new_host: NewHost) -> None:
    host = new_host()
    for _ in range(2):
        assert _read("status", host.ask_engine("status", "r1")) <= {".journal[].receipt"}
        assert _read("preflight", host.ask_engine("preflight", "r1", release="a" * 64, want_tree=True)) == set()
        assert _read("preflight", host.ask_engine("preflight", "r1", release="", stored="live")) == set()
        assert _read("probe", host.ask_engine("probe", "r1", needs=[{"kind": "port", "value": "80/tcp"}])) == set()
        window: Answer = {"start": "2026-03-01T00:00:00Z", "end": "2026-03-01T01:00:00Z"}
        assert _read("traffic", host.ask_engine("traffic", "r1", **window)) <= {".journal[].receipt"}
        assert _read("count", host.ask_engine("count", "r1", ago=60, width=60)) == set()
        assert _read("show", host.ask_engine("show", "r1", release="live")) == set()
        assert _read("dance", host.ask_engine("dance", "r1")) == set()
        (host.layout.conf / "nginx.conf").write_text("# changed\n")
        deploy(host, "a") if not host.layout.root.exists() else confirm(host, "r1", "a")


@pytest.mark.parametrize("operation", GOOD)
def test_the_samples_are_good(operation: str) -> None:
    good = GOOD[operation]
    assert read_answer(operation, json.dumps(good)) == good


# The fuzzer host_answer goes on with the same question.
@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(FORMS)), st.data())
def test_whatever_a_host_answers_is_read_or_refused(operation: str, data: st.DataObject) -> None:
    said = data.draw(json_values() | spoiled(GOOD[operation]))
    try:
        answer = read_answer(operation, json.dumps(said))
    except Malformed as error:
        words = str(error)
        if not (words.startswith(f"the host's answer to {operation} is malformed (") and words.isprintable()):
            raise
        return
    assert answer.keys() <= GOOD[operation].keys() | get_type_hints(FORMS[operation]).keys()
    assert bool(answer["problems"]) is not answer["ok"]


@pytest.mark.parametrize(
    ("operation", "text", "words"),
    [
        ("status", "[" * 200_000, "Expected `object`, got `array`"),
        ("status", '{"ok": true, "x": ' + "[" * 200_000, "it is nested too deeply"),
        ("status", '{"ok": true, "x": ' + '{"a":' * 200_000, "it is nested too deeply"),
        ("status", '{"ok": NaN}', "malformed"),
        ("status", '{"ok": true, "x": NaN}', "malformed"),
        ("activate", '{"ok": false, "problems": 5}', "Expected `array`, got `int` - at `$.problems`"),
        ("activate", '{"ok": false, "problems": [{}]}', "missing required field `what`"),
        ("activate", '{"ok": false, "problems": []}', "Expected a problem where `ok` is false"),
        ("activate", '{"ok": true, "problems": [{"what": "x"}]}', "Expected no problem where `ok` is true"),
        ("activate", '{"ok": 1}', "Expected `bool`, got `int`"),
        ("activate", '{"ok": true, "workers": [[1, 1' + "0" * 5000 + "]]}", "malformed"),
        ("activate", '{"ok": true, "workers": [[1, 1e400]]}', "malformed"),
        ("confirm", '{"ok": true}', "missing required field `release`"),
        ("confirm", '{"ok": true, "release": "../../etc"}', "Expected the id of a release"),
        ("confirm", '{"ok": true, "release": "%s\\n"}' % ("a" * 64), "Expected the id of a release"),
        ("probe", '{"ok": true, "live": "../../../home/.ssh"}', "Expected the id of a release"),
        ("status", '{"ok": true, "pending": {}}', "missing required field"),
        ("status", '{"ok": true, "releases": {"..": {}}}', "Expected the id of a release"),
        ("status", '{"ok": true, "journal": [5]}', "Expected `object`, got `int`"),
        ("bake", '{"ok": true, "problems": [], "warnings": ["%s"]}' % ("x" * (2 << 20)), "Expected `str` of length"),
        ("bake", '{"ok": true, "warnings": [' + '"",' * 100_000 + '""]}', "Expected `array` of length <= 100000"),
        ("bake", '{"ok": true, "traffic": {"start": "x"}}', "Expected `str` matching regex"),
        ("bake", "\ufeff{}", "malformed"),
        ("bake", "{} {}", "malformed"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_what_is_no_answer_is_refused_in_words(operation: str, text: str, words: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_answer(operation, text)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 600


def test_traffic_that_does_not_fit_together_is_refused() -> None:
    traffic = {**GOOD["traffic"]["traffic"], "errors": []}
    for answer in ({"ok": True, "traffic": traffic, "journal": []}, {"ok": True, "bake": {"traffic": traffic}}):
        operation = "traffic" if "journal" in answer else "activate"
        answer |= {"release": "a" * 64, "before": None} if operation == "activate" else {}
        with pytest.raises(Malformed, match="Expected as many `errors` and `ms` as `requests`"):
            read_answer(operation, json.dumps(answer))


def test_what_a_host_says_can_be_shown() -> None:
    evil = "\x1b[2J\x1b]0;taken\x07\r::error::x\u202e\u2028\x9b"
    problem = {"what": evil, "nginx": f"a\n\tb{evil}"}
    said = {"ok": False, "problems": [problem], "warnings": [evil], "drift": [evil], "drift_diff": evil}
    answer = read_answer("status", json.dumps(said))
    shown = r"\x1b[2J\x1b]0;taken\x07\r::error::x\u202e\u2028\x9b"
    assert answer["problems"] == [{"what": shown, "nginx": f"a\n\tb{shown}"}]
    assert [answer["warnings"], answer["drift"], answer["drift_diff"]] == [[shown], [shown], shown]
    tree = read_answer("preflight", json.dumps({"ok": False, "problems": [problem], "tree": {evil: evil}}))["tree"]
    assert tree == {shown: shown}


def test_names_of_the_controller_are_not_taken_from_a_host() -> None:
    said = {
        "ok": True,
        "release": "a" * 64,
        "operation": "rollback",
        "unreachable_host": True,
        "emergency": {"gates": 5},
    }
    assert read_answer("confirm", json.dumps(said)).keys() == {"ok", "changed", "problems", "warnings", "release"}


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        (r'"caf\udce9"', r"caf\udce9"),
        (r'"\ud83d\ude00 \\ud800 \uDFFF"', "😀 \\ud800 \\uDFFF"),
        ('"raw \udce9"', r"raw \udce9"),
        (
            r'"\\\\\ud800 \\\\ud800 \ud800\ud800 \ud83d\ude00\ude00 \n"',
            "\\\\\\ud800 \\\\ud800 \\ud800\\ud800 😀\\ude00 \n",
        ),
    ],
)
def test_bytes_that_are_no_text_are_shown(said: str, seen: str) -> None:
    assert read_answer("bake", f'{{"ok": true, "note": {said}}}')["note"] == seen


def test_what_is_noted_of_an_answer_is_bounded_and_files_are_not_counted() -> None:
    good = GOOD["preflight"]
    files: Answer = {"tree": {f"conf.d/{number}.conf": "x" * (1 << 20) for number in range(10)}}
    assert read_answer("preflight", json.dumps({**good, **files}))["tree"] == files["tree"]
    problems = [{"what": "token=1 " * (1 << 17)}] * 9
    bad = {"ok": False, "changed": False, "problems": problems}
    for operation in ("preflight", "activate", "status", "dance"):
        with pytest.raises(Malformed, match="beside files it has more than 8 MiB"):
            read_answer(operation, json.dumps(bad))


def test_the_first_answers_of_many_hosts_are_read_at_once() -> None:
    # In a process of its own: what goes wrong here ends one.
    program = f"""
import json, sys, threading
sys.setswitchinterval(1e-6)
from {replies.__name__} import read_answer
start, good = threading.Barrier(6), {json.dumps(json.dumps(GOOD["probe"]))}
def read():
    start.wait()
    assert read_answer("probe", good)["ok"]
threads = [threading.Thread(target=read) for _ in range(6)]
[each.start() for each in threads]
[each.join() for each in threads]
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(replies.__file__).parents[5])}
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
