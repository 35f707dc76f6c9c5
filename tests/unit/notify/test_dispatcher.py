"""What is taken in at each step, what is kept, and what the person who runs it reads; the sender is played here."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Event, Run
from ansible_collections.sluice.nginx.plugins.module_utils.notify import dispatcher as dispatching
from ansible_collections.sluice.nginx.plugins.module_utils.notify.delivery import outbox
from ansible_collections.sluice.nginx.plugins.module_utils.notify.delivery.outbox import Kept, of_run, read, rewrite
from ansible_collections.sluice.nginx.plugins.module_utils.notify.delivery.sender import Post
from ansible_collections.sluice.nginx.plugins.module_utils.notify.dispatcher import Dispatcher, NotifySettings
from ansible_collections.sluice.nginx.plugins.module_utils.notify.model import EVENTS, Delivery

from . import stories
from .servers import SECRET

TEAM = [f"mailtos://ada:{SECRET}@mail.example", f"slack://{SECRET}/b/c"]
CUSTOMERS = [f"jsons://{SECRET}@status.example"]

Write = Callable[[list[Event]], None]
Journal = Callable[..., list[Event]]


class Office:
    """A dispatcher whose sender does as ``why`` says for a channel: "" is sent, a text is why not; another channel
    hangs.
    """

    def __init__(self, run: Run, why: dict[str, str], **more: Any) -> None:
        self.run = run
        self.why = why
        self.said: list[str] = []
        self.posts: list[Post] = []
        self.wait_at_most: list[float] = []
        self._options = {
            "team": TEAM,
            "customers": CUSTOMERS,
            "events": list(EVENTS),
            "service": "the shop",
            "record_url": "https://ci.example/{run}/",
            "timeout": 30.0,
            "wait": 0.0,
            **more,
        }
        self.state = Path(run.folder).parents[1]

    @property
    def dispatcher(self) -> Dispatcher:
        return Dispatcher(NotifySettings.read(self._options), self.state, self.said.append)

    def hand_over(
        self, orders: Sequence[Post], timeout: float, report: Path | None = None, wait_at_most: float = 0
    ) -> bool:
        self.posts += orders
        self.wait_at_most.append(wait_at_most)
        for post in orders:
            for letter in post.letters:
                if post.channel in self.why:
                    why = self.why[post.channel]
                    (now,) = [each for each in read(letter.path.parent) if each.path == letter.path]
                    told = now.notice.with_delivery(Delivery(post.channel, "failed" if why else "sent", why))
                    rewrite(Kept(letter.path, told))
        return all(post.channel in self.why for post in orders)

    def files(self) -> list[str]:
        return sorted(path.name for path in of_run(self.run.folder).glob("*.json"))

    def sent(self) -> list[str]:
        return [f"{post.channel}: {letter.notice.message.event}" for post in self.posts for letter in post.letters]


@pytest.fixture
def office(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Office]:
    def made(why: dict[str, str] | None = None, **more: Any) -> Office:
        all_take = dict.fromkeys(("mailtos #1", "slack #2", "jsons #1"), "")
        found = Office(run, all_take if why is None else why, **more)
        monkeypatch.setattr(dispatching, "hand_over", found.hand_over)
        return found

    return made


def test_a_message_is_kept_for_each_audience_and_sent_on_each_of_its_channels(
    office: Callable[..., Office], run: Run, journal: Journal, written: Write
) -> None:
    at_work = office()
    written(journal(*stories.WENT_BACK))
    at_work.dispatcher.after_step("finalize", run)
    assert at_work.files() == ["rolled_back-customers.json", "rolled_back-team.json"]
    assert at_work.sent() == ["mailtos #1: rolled_back", "slack #2: rolled_back", "jsons #1: rolled_back"]
    assert at_work.said == []
    kept = json.loads((of_run(run.folder) / "rolled_back-team.json").read_text())
    assert f"https://ci.example/{run.id}/" in kept["message"]["body"]
    assert [(row["channel"], row["state"]) for row in kept["deliveries"]] == [
        ("mailtos #1", "sent"),
        ("slack #2", "sent"),
    ]


def test_an_event_is_told_once_in_a_run(
    office: Callable[..., Office], run: Run, journal: Journal, written: Write
) -> None:
    at_work = office()
    written(journal(stories.REFUSED))
    at_work.dispatcher.after_step("gates", run)
    at_work.dispatcher.after_step("gates", run)
    assert at_work.sent() == ["mailtos #1: stopped", "slack #2: stopped"]


def test_only_chosen_events_and_audiences_that_are_there_are_told(
    office: Callable[..., Office], run: Run, journal: Journal, written: Write
) -> None:
    written(journal(*stories.WENT_BACK))
    quiet = office(events=["broken"])
    quiet.dispatcher.after_step("finalize", run)
    nobody = office(customers=[])
    nobody.dispatcher.after_step("finalize", run)
    assert (quiet.sent(), nobody.files()) == ([], ["rolled_back-team.json"])


def test_what_could_not_be_sent_is_said_at_the_end_and_by_the_next_run(
    office: Callable[..., Office], run: Run, journal: Journal, written: Write
) -> None:
    at_work = office({"mailtos #1": "no connection to it", "slack #2": ""})
    written(journal(stories.REFUSED))
    at_work.dispatcher.after_step("gates", run)
    assert at_work.said == [
        "team: mailtos #1: the message stopped could not be sent: no connection to it; it is kept, and "
        "sluice.nginx.notify sends it again"
    ]
    at_work.said.clear()
    at_work.dispatcher.begin(run)
    assert at_work.said == [
        "1 message of earlier runs could not be sent (team: mailtos #1); sluice.nginx.notify sends what is kept"
    ]


def test_a_channel_that_hangs_since_the_beginning_is_said_at_the_end(
    office: Callable[..., Office], run: Run, journal: Journal, written: Write
) -> None:
    at_work = office({"slack #2": "", "jsons #1": ""})
    written(journal(stories.PASSED, *stories.LOOKED))
    at_work.dispatcher.after_step("waves", run)
    assert at_work.said == []
    written(journal(*stories.WENT_BACK)[3:])
    at_work.dispatcher.after_step("finalize", run)
    # What was handed over just now may well arrive.
    assert at_work.said == ["team: mailtos #1 has not taken 1 message yet; the next run says what became of it"]


@pytest.mark.parametrize(
    ("step", "rows", "waited"),
    [
        ("finalize", stories.WENT_BACK, 7.0),
        ("gates", [stories.REFUSED], 7.0),
        ("gates", [stories.PASSED], 0.0),
        ("waves", [stories.PASSED, *stories.LOOKED], 0.0),
    ],
)
def test_only_the_end_of_a_run_waits_and_only_where_that_is_asked(
    office: Callable[..., Office],
    run: Run,
    journal: Journal,
    written: Write,
    step: str,
    rows: list[stories.Row],
    waited: float,
) -> None:
    written(journal(*rows))
    at_work = office(wait=7.0)
    at_work.dispatcher.after_step(step, run)
    assert at_work.wait_at_most == [waited]


def test_what_is_wrong_with_a_channel_itself_is_said(
    office: Callable[..., Office], run: Run, journal: Journal, written: Write
) -> None:
    at_work = office()
    at_work.dispatcher.begin(run)
    assert [(post.audience, post.channel, post.letters) for post in at_work.posts] == [
        ("team", "mailtos #1", []),
        ("team", "slack #2", []),
        ("customers", "jsons #1", []),
    ]
    (of_run(run.folder) / ".channels").write_text('{"team: slack #2": "Apprise does not take this URL"}')
    written(journal(stories.PASSED))
    at_work.dispatcher.after_step("gates", run)
    assert at_work.said == ["team: slack #2: Apprise does not take this URL; messages for it are kept"]


def test_notices_that_cannot_be_kept_are_sent_all_the_same(
    office: Callable[..., Office], run: Run, journal: Journal, written: Write
) -> None:
    at_work = office({})
    of_run(run.folder).write_text("no folder")
    written(journal(stories.REFUSED))
    at_work.dispatcher.begin(run)
    at_work.dispatcher.after_step("gates", run)
    assert at_work.sent() == ["mailtos #1: stopped", "slack #2: stopped"]
    assert at_work.said == [
        f"{of_run(run.folder)} cannot be written (File exists): the message stopped for team is sent, but what becomes "
        "of it will not be known"
    ]


def test_customers_hear_of_the_end_of_a_disruption_once_its_hosts_are_well(
    office: Callable[..., Office], run: Run, journal: Journal, written: Write
) -> None:
    at_work = office()
    others = [(f"other-{row[0]}" if row[0] else "", *row[1:]) for row in stories.CONFIRMED]
    for rows in (stories.LOST, others, stories.CONFIRMED, stories.CONFIRMED):
        (Path(run.folder) / "journal.jsonl").write_text("")
        written(journal(*rows))
        at_work.dispatcher.after_step("finalize", run)
        told = [line for line in at_work.sent() if line.startswith("jsons")]
        assert told == ["jsons #1: broken", "jsons #1: resolved"][: 2 if rows is stories.CONFIRMED else 1]


def test_drift_that_a_look_finds_is_told_once_a_day(
    office: Callable[..., Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work = office()
    said = {"web1": {"live": "a" * 64, "drift": ["nginx.conf"]}, "web2": {"live": "a" * 64, "drift": []}}
    for day in ("21", "21", "22"):
        monkeypatch.setattr(dispatching, "now", lambda later=0.0, day=day: f"2026-11-{day}T14:00:00.000Z")
        at_work.dispatcher.after_look(said)
    at_work.dispatcher.after_look({**said, "web2": {"live": "a" * 64, "drift": ["nginx.conf"]}})
    assert at_work.sent().count("slack #2: drift") == 3


def test_what_a_look_found_a_month_ago_is_forgotten(office: Callable[..., Office]) -> None:
    at_work = office()
    drifted = {"web1": {"live": "a" * 64, "drift": ["nginx.conf"]}}
    at_work.dispatcher.after_look(drifted)
    (old,) = (at_work.state / "notices").glob("*.json")
    os.utime(old, (0, 0))
    at_work.dispatcher.after_look({"web1": {"live": "b" * 64, "drift": ["nginx.conf"]}})
    (new,) = (at_work.state / "notices").glob("*.json")
    assert new != old


def _failed(office: Callable[..., Office], run: Run, journal: Journal, written: Write, **more: Any) -> Office:
    at_work = office({"mailtos #1": "no connection to it", "slack #2": ""}, **more)
    written(journal(stories.REFUSED))
    at_work.dispatcher.after_step("gates", run)
    at_work.said.clear()
    at_work.posts.clear()
    return at_work


def test_what_is_kept_is_sent_again_on_the_channel_that_failed(
    office: Callable[..., Office], run: Run, journal: Journal, written: Write
) -> None:
    at_work = _failed(office, run, journal, written)
    at_work.why["mailtos #1"] = ""
    assert at_work.dispatcher.send_kept() == (1, 0)
    assert at_work.sent() == ["mailtos #1: stopped"]
    assert at_work.dispatcher.kept() == []
    assert at_work.dispatcher.send_kept() == (0, 0)


def test_what_fails_again_stays_kept_and_is_said(
    office: Callable[..., Office], run: Run, journal: Journal, written: Write
) -> None:
    at_work = _failed(office, run, journal, written)
    assert at_work.dispatcher.send_kept() == (0, 1)
    path = of_run(run.folder) / "stopped-team.json"
    assert at_work.said == [
        f"team: mailtos #1: the message stopped could not be sent: no connection to it; it stays kept in {path}"
    ]


def test_a_channel_that_is_no_more_is_said(
    office: Callable[..., Office], run: Run, journal: Journal, written: Write
) -> None:
    _failed(office, run, journal, written)
    other = office({}, team=[TEAM[1]])
    assert other.dispatcher.send_kept() == (0, 1)
    path = of_run(run.folder) / "stopped-team.json"
    assert other.said == [
        "team: mailtos #1: the message stopped could not be sent: notify_team has no mailtos #1 any more; it stays "
        f"kept in {path}"
    ]


def test_a_sender_that_was_killed_is_known_by_its_silence(
    office: Callable[..., Office], run: Run, journal: Journal, written: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work = office({})
    with monkeypatch.context() as past:
        past.setattr(outbox, "now", lambda later=0.0: "2026-11-20T14:00:00.000Z")
        written(journal(stories.REFUSED))
        at_work.dispatcher.after_step("gates", run)
    (kept,) = at_work.dispatcher.kept()
    assert [(row.channel, row.state, row.why) for row in kept.open("2026-11-21T14:00:00.000Z")] == [
        ("mailtos #1", "failed", "its sender ended before it was told"),
        ("slack #2", "failed", "its sender ended before it was told"),
    ]


def test_two_do_not_send_what_is_kept_at_once(
    office: Callable[..., Office], run: Run, journal: Journal, written: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work = _failed(office, run, journal, written)

    def meanwhile(*args: Any, **more: Any) -> bool:
        with pytest.raises(SluiceError, match="another process sends what is kept; wait for it"):
            at_work.dispatcher.send_kept()
        return True

    monkeypatch.setattr(dispatching, "hand_over", meanwhile)
    at_work.dispatcher.send_kept()


def test_notices_that_are_damaged_are_passed_over(office: Callable[..., Office], run: Run) -> None:
    folder = of_run(run.folder)
    folder.mkdir()
    nobody = {"event": "stopped", "audience": "nobody", "kind": "info", "title": "", "body": ""}
    damaged = ["", "{", "[]", "null", '{"message": 1}', json.dumps({"message": nobody, "at": "", "until": ""})]
    for number, text in enumerate(damaged):
        (folder / f"{number}.json").write_text(text)
    assert office().dispatcher.kept() == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeout": 0.0}, "notify_timeout: 0 is no time to wait; give seconds from 1 to 600"),
        ({"timeout": float("nan")}, "notify_timeout: nan is no time to wait; give seconds from 1 to 600"),
        ({"wait": 601.0}, "notify_wait: 601 is no time to wait; give seconds from 0 to 600"),
        (
            {"customers": "x"},
            "notify_customers: a text is not a list; give a list of Apprise URLs, such as [mailtos://…]",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(
    office: Callable[..., Office], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError) as refused:
        _ = office(**options).dispatcher
    assert str(refused.value) == words


def test_no_file_has_any_secret(office: Callable[..., Office], run: Run, journal: Journal, written: Write) -> None:
    at_work = _failed(office, run, journal, written)
    at_work.dispatcher.begin(run)
    at_work.dispatcher.send_kept()
    files = [path for path in at_work.state.rglob("*") if path.is_file()]
    assert len(files) > 2
    assert [path for path in files if SECRET in path.read_text()] == []
    assert SECRET not in "".join(at_work.said)
