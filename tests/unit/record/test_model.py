from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.record import Record, open_run
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.report import conclude
from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.draft import draft
from ansible_collections.sluice.nginx.plugins.module_utils.record.model import (
    RESULTS,
    SCHEMA,
    VERSION,
    check_record,
    read_record,
)
from tests.unit.hostile import spoiled
from tests.unit.record.samples import NEW, OLD, SAMPLES, confirmed, release, traffic, written


def test_the_version_in_records_is_the_collections(project: Path) -> None:
    galaxy = yaml.safe_load((project / "galaxy.yml").read_text())
    assert galaxy["version"] == VERSION


def test_the_schema_knows_the_results_and_the_version(published: jsonschema.Draft202012Validator) -> None:
    assert isinstance(published.schema, dict)
    known = published.schema["properties"]
    assert known["result"]["enum"] == list(RESULTS)
    assert known["schema"] == {"const": SCHEMA}


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "hostile"])
def test_samples_are_what_the_schema_says(name: str, published: jsonschema.Draft202012Validator) -> None:
    published.validate(SAMPLES[name]())


def test_what_a_run_writes_is_what_the_schema_says(tmp_path: Path, published: jsonschema.Draft202012Validator) -> None:
    record = Record(open_run(tmp_path))
    noted = {"releases": [release(["web1"])], "signed": False, "emergency": None}
    record.note("gate", "", good=True, answer=noted)
    record.write("passed", "every gate passed for 1 release")
    published.validate(read_record(Path(record.run.folder)))
    asked = {"asked": record.run.started, "release": NEW, "live": OLD, "changes_needed": True}
    record.note("preflight", "web1", good=True, answer=asked)
    record.note("activate", "web1", good=True, answer={"release": NEW, "before": OLD, "traffic": traffic(4)})
    record.note("settle", "web1", good=True, answer={"operation": "confirm"})
    told = conclude(record.events(), check_mode=False)
    record.write(told.result, told.outcome, told.hosts)
    read = read_record(Path(record.run.folder))
    published.validate(read)
    assert (read["result"], read["releases"], read["signed"]) == ("confirmed", noted["releases"], False)


def _without(*path: str | int) -> Callable[[dict[str, Any]], None]:
    def spoil(record: dict[str, Any]) -> None:
        holder: Any = record
        for name in path[:-1]:
            holder = holder[name]
        del holder[path[-1]]

    return spoil


def _with(value: Any, *path: str | int) -> Callable[[dict[str, Any]], None]:
    def spoil(record: dict[str, Any]) -> None:
        holder: Any = record
        for name in path[:-1]:
            holder = holder[name]
        holder[path[-1]] = value

    return spoil


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_without("run"), "the record.run is missing; expected an object"),
        (_with(1, "schema"), "the record has the schema 1, and this Sluice reads 2"),
        (_with("fine", "result"), "the result 'fine' is none of passed, stopped, confirmed"),
        (_with(None, "outcome"), "the record.outcome is None; expected a text"),
        (_without("run", "ended"), "run.ended is missing; expected a text"),
        (_with("web1", "hosts", "web1"), "hosts.web1 is no object"),
        (_without("hosts", "web1", "done"), "hosts.web1.done is missing; expected a text"),
        (_with({}, "releases"), "the record.releases is {}; expected a list"),
        (_without("releases", 0, "changes"), "releases[0].changes is missing; expected a list"),
        (_with(3, "releases", 0, "changes", 0, "diff"), "releases[0].changes[0].diff is 3; expected a text"),
        (_without("releases", 0, "verdicts", 0, "gate"), "releases[0].verdicts[0].gate is missing; expected a text"),
        (_with([1], "releases", 0, "verdicts", 2, "findings"), "releases[0].verdicts[2].findings[0] is no object"),
        (_with("yes", "events", 1, "good"), "events[1].good is 'yes'; expected true or false"),
        (_with([], "events", 1, "answer"), "events[1].answer is []; expected an object"),
        (_with([], "result"), "the result [] is none of passed"),
        (_with({"a": 1}, "schema"), "the record has the schema {'a': 1}, and this Sluice reads 2"),
        (_with([[]], "releases", 0, "hosts"), "the record has a part of another type: Expected `str`, got `array`"),
        (
            _with([5], "events", 1, "answer", "problems"),
            "the record has a part of another type: Expected `obj",
        ),
        (
            _with({"start": 5}, "events", 1, "answer", "traffic"),
            "the record has a part of another type: Expected `str`",
        ),
    ],
)
def test_what_the_reader_refuses_the_schema_refuses_too(
    spoil: Callable[[dict[str, Any]], None], words: str, published: jsonschema.Draft202012Validator
) -> None:
    made = confirmed()
    assert check_record(made) is made
    spoil(made)
    assert not published.is_valid(made)
    with pytest.raises(SluiceError) as caught:
        check_record(made)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "has no run.json: the run is under way, or ended before it could say anything"),
        (b'{"schema": 2, "half', "is damaged: Unterminated string"),
        (b"\xff\xfe", "is damaged: 'utf-8' codec"),
        (b"[]", "this is no record of a run"),
    ],
)
def test_a_record_that_cannot_be_read_is_told_in_a_sentence(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(SluiceError, match=r"run\.json") as caught:
        read_record(tmp_path)
    assert words in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_whatever_is_in_a_record_it_is_read_or_refused(name: str, data: st.DataObject) -> None:
    made = data.draw(spoiled(SAMPLES[name]()))
    try:
        read = check_record(made)
    except SluiceError:
        return
    # What is read can be told of: a draft says what it can.
    draft(read)


@pytest.mark.parametrize("content", [b"[" * 200_000, b'{"schema": ' + b"9" * 5000 + b"}", b'{"schema": ' + b"[" * 900])
def test_a_record_without_end_is_told_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(SluiceError, match=r"run\.json is damaged"):
        read_record(tmp_path)


def test_a_sample_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = confirmed()
    assert read_record(written(made, tmp_path)) == json.loads(json.dumps(made))
