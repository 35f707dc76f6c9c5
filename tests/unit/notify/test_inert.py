"""Text of others in messages calls nobody and hides no address, whatever the service makes of its signs."""

from __future__ import annotations

import html
import json
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
import requests
from apprise import Apprise, AppriseAsset, NotifyFormat

from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Event, Run
from ansible_collections.sluice.nginx.plugins.module_utils.notify.channels import Channel
from ansible_collections.sluice.nginx.plugins.module_utils.notify.delivery.spawn import hand_over, posts
from ansible_collections.sluice.nginx.plugins.module_utils.notify.messages.inert import BREAK, inert
from ansible_collections.sluice.nginx.plugins.module_utils.notify.messages.run_so_far import RunSoFar
from ansible_collections.sluice.nginx.plugins.module_utils.notify.messages.team import drift_seen, for_team
from ansible_collections.sluice.nginx.plugins.module_utils.notify.model import Message

from .servers import Receiver
from .test_sender import kept

SIGNS = "@everyone @here @room @U123 <!channel> <@U123> <#C1> <http://evil.example|look> [look](http://evil.example)"
ODD = f"{SIGNS}\x1b[2J\r\nBcc: all@shop.example\u202e"


def test_signs_are_broken_and_stay_readable() -> None:
    told = inert(SIGNS)
    assert told.replace(BREAK, "") == SIGNS
    for sign in ("@everyone", "@here", "@room", "<!channel", "<@U", "<#C", "<http", "](http"):
        assert sign not in told
    assert inert("web1 failed in activate; 5 < 6, a@") == "web1 failed in activate; 5 < 6, a@"


@pytest.fixture
def message(run: Run, journal: Callable[..., list[Event]]) -> Message:
    problem = {"what": ODD, "nginx": ODD, "actual": ODD}
    events = journal(("web1", "preflight", ODD, {"problems": [problem]}))
    events = [Event(each.at, each.phase, each.host, False, {**each.answer, "problems": [problem]}) for each in events]
    return for_team(
        "stopped", RunSoFar.of(Run(run.id, run.folder, ODD, ODD, run.started), events), "https://ci.example/@a"
    )


def test_a_message_is_made_of_inert_text_and_its_link_leads_to_the_record(message: Message) -> None:
    text = f"{message.title}\n{message.body}".replace("https://ci.example/@a", "")
    for sign in ("@everyone", "<!channel", "](http", "\x1b", "\r", "\u202e"):
        assert sign not in text
    assert "Record: https://ci.example/@a" in message.body
    assert "\n" not in message.title
    drift = drift_seen({ODD: {"drift": [ODD], "live": "a" * 64}}, "2026-01-02T03:04:05.000Z")
    assert "@everyone" not in f"{drift.title}{drift.body}"


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "tgram://123456789:abcdefg_hijklmnop/12315544/",
        "mmost://mm.example/abcdefghij1234567890123456",
        "rocket://abc/def@localhost/#c",
    ],
)
def test_what_services_are_sent_calls_nobody(url: str, message: Message) -> None:
    sent: list[str] = []

    def take(*_: object, **given: Any) -> Any:
        data = given.get("data") or given.get("json") or ""
        sent.append(data.decode() if isinstance(data, bytes) else data if isinstance(data, str) else json.dumps(data))
        answer = {"ok": True, "channel": "C1", "ts": "1"}
        return SimpleNamespace(status_code=200, content=json.dumps(answer).encode(), text="ok", headers={}, json=dict)

    with mock.patch.object(requests, "post", take), mock.patch.object(requests, "request", take):
        channel = Apprise(asset=AppriseAsset(app_id="Sluice", storage_mode="memory"))
        assert channel.add(url)
        channel.notify(body=message.body, title=message.title, body_format=NotifyFormat.TEXT)
    assert sent
    for payload in sent:
        text = payload if payload[:1] != "{" else json.dumps(json.loads(payload), ensure_ascii=False)
        text = html.unescape(urllib.parse.unquote_plus(text))
        for sign in ("@everyone", "@here", "@room", "<!channel", "<@U123", "](http", "<http://evil"):
            assert sign not in text


def test_a_mail_has_one_subject_whatever_was_kept(tmp_path: Path, receiver: Receiver) -> None:
    """Also of a notice that an older Sluice has kept."""
    raw = Message("stopped", "team", "warning", "It stopped\r\nBcc: all@shop.example\x1b[2J", "one\ntwo\x1b[2J\u202e")
    way = Channel("mailto #1", receiver.mail_url())
    letter = kept(tmp_path, raw, way)
    assert hand_over(posts([letter], {"team": [way]}), 20.0, wait_at_most=30.0)
    (mailed,) = receiver.wait(1)
    assert mailed["subject"] == "It stopped\\r\\nBcc: all@shop.example\\x1b[2J"
    assert mailed["to"] == "team@shop.example"
    assert "two\\x1b[2J\\u202e" in mailed["body"]
    assert "\x1b" not in mailed["body"]
