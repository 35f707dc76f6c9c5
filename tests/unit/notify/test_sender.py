"""The process that sends, with real servers: some take a message, some refuse it, some never say a word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.notify.channels import Channel
from ansible_collections.sluice.nginx.plugins.module_utils.notify.delivery import outbox
from ansible_collections.sluice.nginx.plugins.module_utils.notify.delivery.outbox import Kept, put, read
from ansible_collections.sluice.nginx.plugins.module_utils.notify.delivery.sender import Order
from ansible_collections.sluice.nginx.plugins.module_utils.notify.delivery.spawn import hand_over, posts
from ansible_collections.sluice.nginx.plugins.module_utils.notify.model import Audience, Message

from .servers import SECRET, TIMEOUT, Receiver, refusing

PROJECT = Path(__file__).resolve().parents[3]
SENDER = "ansible_collections.sluice.nginx.plugins.module_utils.notify.delivery.sender"


def message(event: str = "stopped", audience: Audience = "team") -> Message:
    return Message(
        event, audience, "warning", f"It {event}: “web1” is é", "What happened: <b>*x*</b> & _y_\nnginx.conf:3"
    )


def kept(folder: Path, made: Message, *channels: Channel, timeout: float = TIMEOUT) -> Kept:
    found = put(folder, made, [each.name for each in channels], timeout)
    assert found is not None
    return found


def send(folder: Path, *channels: Channel, timeout: float = TIMEOUT) -> dict[str, tuple[str, str]]:
    """Send a message on channels, and tell for each the state of its delivery and why."""
    letter = kept(folder, message(), *channels, timeout=timeout)
    assert hand_over(posts([letter], {"team": channels}), timeout, wait_at_most=TIMEOUT)
    (told,) = read(folder)
    return {row.channel: (row.state, row.why) for row in told.notice.deliveries}


def test_a_post_and_a_mail_arrive_as_they_were_written(tmp_path: Path, receiver: Receiver) -> None:
    ways = [Channel("json #1", receiver.post_url()), Channel("mailto #2", receiver.mail_url())]
    assert send(tmp_path, *ways) == {"json #1": ("sent", ""), "mailto #2": ("sent", "")}
    posted, mailed = sorted(receiver.wait(2), key=lambda each: each["kind"])
    assert (posted["path"], posted["subject"]) == ("/team", message().title)
    assert json.loads(posted["body"])["message"] == message().body
    assert (mailed["to"], mailed["subject"]) == ("team@shop.example", message().title)
    assert "nginx.conf:3" in mailed["body"]
    assert "*x*" in mailed["body"]


def test_a_channel_that_hangs_is_given_up_and_the_others_do_not_wait(
    tmp_path: Path, receiver: Receiver, hanging: int
) -> None:
    ways = [
        Channel("mailto #1", f"mailto://user:{SECRET}@127.0.0.1:{hanging}/?to=team@shop.example&from=a@shop.example"),
        Channel("json #2", receiver.post_url()),
        # Longer than what it is given, so that it is ended and does not end itself.
        Channel("json #3", f"json://user:{SECRET}@127.0.0.1:{hanging}/?rto=300"),
    ]
    assert send(tmp_path, *ways, timeout=5.0) == {
        "mailto #1": ("failed", "no answer within 5 s"),
        "json #2": ("sent", ""),
        "json #3": ("failed", "no answer within 5 s"),
    }


@pytest.mark.parametrize(
    ("name", "url", "why"),
    [
        ("json #1", "json://user:{secret}@127.0.0.1:{refusing}/", "no connection to it"),
        (
            "mailto #1",
            "mailto://127.0.0.1:{refusing}/?to=a@b.example&from=c@d.example&pass={secret}",
            "no connection to it",
        ),
        ("json #1", "json://user:{secret}@127.0.0.1:{http}/?method=PATCH", "it answered with the status 501"),
        (
            "smoke #1",
            "smoke://{secret}",
            "Apprise knows no scheme 'smoke'; `apprise --details` lists those that it knows",
        ),
        (
            "slack #1",
            "slack://{secret}",
            "Apprise does not take this URL: a part is missing or wrong; see its page on this scheme",
        ),
    ],
)
def test_why_a_channel_did_not_take_it(tmp_path: Path, receiver: Receiver, name: str, url: str, why: str) -> None:
    whole = url.format(secret=SECRET, refusing=refusing(), http=receiver.http)
    assert send(tmp_path, Channel(name, whole)) == {name: ("failed", why)}
    assert [path for path in tmp_path.rglob("*") if SECRET in path.read_text()] == []


def test_messages_of_a_channel_keep_their_order(tmp_path: Path, receiver: Receiver) -> None:
    way = Channel("json #1", receiver.post_url())
    letters = [kept(tmp_path, message(event), way) for event in ("drift", "started", "confirmed")]
    assert hand_over(posts(letters, {"team": [way]}), TIMEOUT, wait_at_most=TIMEOUT)
    assert [each["subject"][:5] for each in receiver.wait(3)] == ["It dr", "It st", "It co"]


def test_what_comes_late_says_so(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    way = Channel("json #1", receiver.post_url())
    with monkeypatch.context() as past:
        past.setattr(outbox, "now", lambda later=0.0: "2026-11-20T14:00:00.000Z")
        letter = kept(tmp_path, message(), way)
    assert hand_over(posts([letter], {"team": [way]}), TIMEOUT, wait_at_most=TIMEOUT)
    (came,) = receiver.wait(1)
    assert json.loads(came["body"])["message"].startswith(
        "Sent late: this is of 2026-11-20 14:00:00 UTC.\n\nWhat happened:"
    )


def test_where_its_notice_cannot_be_written_a_message_is_sent_all_the_same(tmp_path: Path, receiver: Receiver) -> None:
    way = Channel("json #1", receiver.post_url())
    letter = kept(tmp_path / "notices", message(), way)
    letter.path.unlink()
    letter.path.parent.rmdir()
    assert hand_over(posts([letter], {"team": [way]}), TIMEOUT, wait_at_most=TIMEOUT)
    assert len(receiver.wait(1)) == 1
    assert not letter.path.exists()


def test_without_apprise_it_is_said_and_the_message_stays(tmp_path: Path) -> None:
    (tmp_path / "without").mkdir()
    (tmp_path / "without/apprise.py").write_text("raise ImportError('there is none')\n")
    way = Channel("json #1", f"json://user:{SECRET}@127.0.0.1/")
    letter = kept(tmp_path / "notices", message(), way)
    report = tmp_path / "report"
    done = subprocess.run(
        [sys.executable, "-m", SENDER],
        input=Order(posts([letter], {"team": [way]}), TIMEOUT, str(report)).to_bytes(),
        env={**os.environ, "PYTHONPATH": f"{tmp_path / 'without'}:{PROJECT / '.cache/collections'}"},
        capture_output=True,
        check=False,
    )
    why = "the Python package apprise is not installed on the controller: run `make setup`, or pip install apprise"
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
    (told,) = read(letter.path.parent)
    assert [(row.state, row.why) for row in told.notice.deliveries] == [("failed", why)]
    assert json.loads(report.read_text()) == {"team: json #1": why}


def test_a_check_of_the_channels_sends_nothing(tmp_path: Path, receiver: Receiver) -> None:
    ways = [Channel("json #1", receiver.post_url()), Channel("slack #2", f"slack://{SECRET}")]
    report = tmp_path / "report"
    assert hand_over(posts([], {"team": ways}, check=True), TIMEOUT, report=report, wait_at_most=TIMEOUT)
    assert list(json.loads(report.read_text())) == ["team: slack #2"]
    assert receiver.messages() == []
