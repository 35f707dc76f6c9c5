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
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import RunRecord, open_run
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.summarize import summarize
from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.draft import draft
from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.impact import Counted, impact
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
    record = RunRecord(open_run(tmp_path))
    noted = {"releases": [release(["web1"])], "signed": False, "emergency": None}
    record.note("gate", "", good=True, answer=noted)
    events = list(record.events())
    record.write(summarize(events), events)
    published.validate(read_record(Path(record.run.folder)))
    asked = {"asked": record.run.started, "release": NEW, "live": OLD, "changes_needed": True}
    record.note("preflight", "web1", good=True, answer=asked)
    record.note("activate", "web1", good=True, answer={"release": NEW, "before": OLD, "traffic": traffic(4)})
    record.note("finalize", "web1", good=True, answer={"operation": "confirm"})
    events = list(record.events())
    record.write(summarize(events), events)
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
        (_without("run"), "Object missing required field `run`"),
        (_with("fine", "result"), "Invalid enum value 'fine' - at `$.result`"),
        (_with(None, "outcome"), "Expected `str`, got `null` - at `$.outcome`"),
        (_without("run", "ended"), "Object missing required field `ended` - at `$.run`"),
        (_with("web1", "hosts", "web1"), "Expected `object`, got `str` - at `$.hosts[...]`"),
        (_without("hosts", "web1", "done"), "Object missing required field `done` - at `$.hosts[...]`"),
        (_with({}, "releases"), "Expected `array`, got `object` - at `$.releases`"),
        (_without("releases", 0, "changes"), "Object missing required field `changes` - at `$.releases[0]`"),
        (
            _with(3, "releases", 0, "changes", 0, "diff"),
            "Expected `str`, got `int` - at `$.releases[0].changes[0].diff`",
        ),
        (
            _without("releases", 0, "verdicts", 0, "gate"),
            "Object missing required field `gate` - at `$.releases[0].verdicts[0]`",
        ),
        (
            _with([1], "releases", 0, "verdicts", 2, "findings"),
            "Expected `object`, got `int` - at `$.releases[0].verdicts[2].findings[0]`",
        ),
        (_with("yes", "events", 1, "good"), "Expected `bool`, got `str` - at `$.events[1].good`"),
        (_with([], "events", 1, "answer"), "Expected `object`, got `array` - at `$.events[1].answer`"),
        (_with([], "result"), "Expected `str`, got `array` - at `$.result`"),
        (_with([[]], "releases", 0, "hosts"), "Expected `str`, got `array` - at `$.releases[0].hosts[0]`"),
        (_with([5], "events", 1, "answer", "problems"), "Expected `object`, got `int`"),
        (_with({"start": 5}, "events", 1, "answer", "traffic"), "Expected `str`, got `int`"),
        (_without("failures"), "Object missing required field `failures`"),
        (_with([{"what": 3}], "failures"), "Expected `str`, got `int` - at `$.failures[0].what`"),
        (
            _with([{"parts": [{"old": [1]}]}], "culprits"),
            "Expected `str`, got `int` - at `$.culprits[0].parts[0].old[0]`",
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
    assert str(caught.value).startswith(f"the record is not as its schema says: {words}")


@pytest.mark.parametrize("schema", [1, 2, {"a": 1}, None])
def test_a_record_of_another_version_is_not_read(schema: object) -> None:
    with pytest.raises(SluiceError, match=r"the record has the schema .*, and this Sluice reads 3"):
        check_record({**confirmed(), "schema": schema})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"events": [2, 99]}, "hosts.web1.events is [2, 99]; expected the numbers of two events, or none"),
        ({"events": []}, "hosts.web1.events is []"),
        ({"began": ""}, "hosts.web1.events is ["),
        ({"counted": 99}, "hosts.web1.counted is 99; expected the number of an event with traffic"),
        ({"counted": 0}, "hosts.web1.counted is 0"),
    ],
)
def test_a_host_names_events_that_are_there(more: dict[str, Any], words: str) -> None:
    made = confirmed()
    made["hosts"]["web1"].update(more)
    with pytest.raises(SluiceError) as caught:
        check_record(made)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "has no run.json: the run is under way, or ended before it could say anything"),
        (b'{"schema": 3, "half', "is damaged: Unterminated string"),
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


# The fuzzer run_record goes on with the same question.
@settings(max_examples=60, deadline=None)
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


def test_errors_that_are_no_texts_are_refused() -> None:
    made = confirmed()
    made["releases"] = [release(["web1"])]
    made["releases"][0]["verdicts"][0]["evidence"] = {"errors": 5}
    with pytest.raises(SluiceError, match="got `int`"):
        check_record(made)


def test_traffic_without_requests_is_no_crash() -> None:
    told = "".join(impact([Counted("web1", {}, "its log")]))
    assert "no request was made in this time" in told
