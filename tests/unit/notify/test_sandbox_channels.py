"""The channels of a sandbox lead to its own receiver."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.filter import notify, sandbox

from .servers import Receiver


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the fleet ``mine`` is written down."""
    monkeypatch.setattr(sandbox, "state_folder", lambda: tmp_path)
    (tmp_path / "fleets/mine").mkdir(parents=True)
    return tmp_path / "fleets/mine/fleet.json"


def test_each_audience_has_a_post_and_a_mail(fleet: Path) -> None:
    fleet.write_text(json.dumps({"mon1": {"ports": {"ssh": 1, "receiver": 8081, "smtp": 2526}}}))
    assert notify.sandbox_channels("mine", "customers") == [
        "json://127.0.0.1:8081/customers",
        "mailto://127.0.0.1:2526/?from=sluice@sandbox.example&to=customers@sandbox.example&mode=insecure&format=text",
    ]


def test_a_fleet_without_a_receiver_has_no_channels_and_says_so(
    fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.write_text(json.dumps({"web1": {"ports": {"ssh": 1}}}))
    assert notify.sandbox_channels("mine", "team") == []
    said = " ".join(capsys.readouterr().err.split())
    assert "the sandbox mine has no mon1, so nobody is told; sluice.nginx.sandbox makes it" in said


def test_where_there_is_no_fleet_nothing_is_said(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert notify.sandbox_channels("other", "team") == []
    assert capsys.readouterr().err == ""


def test_the_receiver_takes_what_is_no_json_and_no_title(receiver: Receiver) -> None:
    import urllib.request

    for body in (b"\xff plain", b"[1]", b'{"subject": "S"}'):
        urllib.request.urlopen(f"http://127.0.0.1:{receiver.http}/alerts", data=body, timeout=60).close()
    assert [(each["path"], each["subject"]) for each in receiver.wait(3)] == [
        ("/alerts", ""),
        ("/alerts", ""),
        ("/alerts", "S"),
    ]
