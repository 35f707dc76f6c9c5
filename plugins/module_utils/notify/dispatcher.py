"""Takes messages in at each step of a run, keeps them, hands them over, and says what could not be sent."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict

from ..errors import InputError, SluiceError
from ..fleet.run_record import Run, RunRecord
from ..storage import make_folder, write_text
from ..textfmt import count, now
from .channels import Channel, read_channels, read_events
from .delivery.outbox import Kept, kept, loose, of_run, prune, put, read, rewrite
from .delivery.spawn import hand_over, posts
from .messages.events import after_look, after_step
from .messages.run_so_far import RunSoFar
from .messages.team import names
from .model import AUDIENCES, Delivery, Message, Notice

__all__ = ["Dispatcher", "NotifySettings"]

_LONGEST = 600.0
_LAST = ("gates", "finalize")


class _Opened(TypedDict):
    """The disruption that customers know of: since when, or empty where there is none, and which hosts caused it."""

    since: str
    hosts: list[str]


@dataclass(frozen=True)
class NotifySettings:
    """What the user sets. ``timeout`` is for each message on each channel, and ``wait`` how long the end of a run waits
    for its messages (seconds, both).
    """

    channels: Mapping[str, Sequence[Channel]]
    events: frozenset[str]
    service: str
    record_url: str
    timeout: float
    wait: float

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> NotifySettings:
        """Read the action's options. Raises ``InputError``, without any part of a URL."""
        return cls(
            channels={audience: read_channels(f"notify_{audience}", options[audience]) for audience in AUDIENCES},
            events=read_events("notify_events", options["events"]),
            service=str(options["service"]).strip() or "our service",
            record_url=str(options["record_url"]).strip(),
            timeout=_seconds("notify_timeout", options["timeout"], 1.0),
            wait=_seconds("notify_wait", options["wait"], 0.0),
        )

    def link(self, run: Run) -> str:
        """Where the record of a run is, for people."""
        if self.record_url:
            return self.record_url.replace("{run}", run.id)
        return f"{run.folder}/report.html on {run.host}"


def _seconds(variable: str, value: float, least: float) -> float:
    if not math.isfinite(value) or not least <= value <= _LONGEST:
        raise InputError(variable, f"{value:g} is no time to wait; give seconds from {least:g} to {_LONGEST:g}")
    return value


class Dispatcher:
    """``state`` is the folder ``.sluice``; ``say`` takes each sentence for the person who runs it."""

    def __init__(self, settings: NotifySettings, state: Path, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._state = state
        self._say = say

    def begin(self, run: Run) -> None:
        """Say what earlier runs could not send, and let the channels be checked, which nobody waits for."""
        left = self.kept()
        if left:
            channels = sorted(
                {f"{each.notice.message.audience}: {row.channel}" for each in left for row in each.open(now())}
            )
            self._say(
                f"{count(len(left), 'message')} of earlier runs could not be sent ({names(channels)}); "
                "sluice.nginx.notify sends what is kept"
            )
        with contextlib.suppress(OSError):
            make_folder(of_run(run.folder))
        hand_over(posts([], self._settings.channels, check=True), self._settings.timeout, report=_report(run))

    def after_step(self, step: str, run: Run) -> None:
        """Take in what a step gives reason for, and say what is known of the messages of this run so far.

        Raises ``OSError`` where the journal cannot be read, or no process can be started.
        """
        before = read(of_run(run.folder))
        settings, note = self._settings, loose(self._state) / ".disruption"
        facts = RunSoFar.of(run, list(RunRecord(run).events()))
        opened = _read_opened(note)
        said = after_step(
            step,
            facts,
            link=settings.link(run),
            service=settings.service,
            open_since=opened["since"] if set(opened["hosts"]) <= set(facts.serving) else "",
        )
        wanted = [each for each in said if each.event in settings.events and settings.channels[each.audience]]
        taken = list(self._take_in(wanted, of_run(run.folder)))
        wait_at_most = settings.wait if step in _LAST and taken else 0.0
        ended = hand_over(posts(taken, settings.channels), settings.timeout, wait_at_most=wait_at_most)
        self._remember(said, facts, opened, note)
        self._tell(run, before, waited=wait_at_most > 0 and not ended)

    def after_look(self, answers: Mapping[str, Mapping[str, Any]]) -> None:
        """Take in what hosts answered outside of any run; the same is told once a day."""
        folder, at = loose(self._state), now()
        prune(folder)
        told = [each for each in after_look(answers, at) if each.event in self._settings.events]
        drift = {host: [answer.get("live"), answer.get("drift")] for host, answer in answers.items()}
        digest = hashlib.sha256(json.dumps(drift, sort_keys=True, default=str).encode()).hexdigest()[:8]
        taken = list(
            self._take_in(
                [each for each in told if self._settings.channels[each.audience]], folder, f"drift-{at[:10]}-{digest}"
            )
        )
        hand_over(posts(taken, self._settings.channels), self._settings.timeout)

    def kept(self) -> list[Kept]:
        """The notices that could not be sent on every channel, oldest first."""
        at = now()
        return [each for each in kept(self._state) if each.open(at)]

    def send_kept(self) -> tuple[int, int]:
        """Send again what could not be sent, and wait for it; tells how many were sent, and how many were not.

        Raises ``SluiceError`` while another process does so.
        """
        with _alone(loose(self._state)):
            at = now()
            again = [self._reopened(each, each.open(at)) for each in self.kept()]
            orders = posts(again, self._settings.channels)
            # Letters of a channel follow each other.
            longest = max((len(post.letters) for post in orders), default=0) * self._settings.timeout
            for each in again:
                with contextlib.suppress(OSError):
                    rewrite(each)
            hand_over(orders, self._settings.timeout, wait_at_most=longest + 30.0)
            after = {each.path: each for each in kept(self._state)}
        rows = [(path, row) for path, *_ in again if path in after for row in after[path].notice.deliveries]
        return self._count(again, after) if rows else (0, 0)

    def _count(self, again: Sequence[Kept], after: Mapping[Path, Kept]) -> tuple[int, int]:
        sent = failed = 0
        for each in again:
            told = after[each.path].notice
            bad = [row for row in told.deliveries if row.state != "sent"]
            sent, failed = sent + (not bad), failed + bool(bad)
            for row in bad:
                self._say(f"{_what(told, row)}; it stays kept in {each.path}")
        return sent, failed

    def _reopened(self, each: Kept, rows: Sequence[Delivery]) -> Kept:
        audience = each.notice.message.audience
        there = {channel.name for channel in self._settings.channels[audience]}
        notice = replace(each.notice, until=now(_LONGEST))
        for row in rows:
            gone = f"notify_{audience} has no {row.channel} any more"
            notice = notice.with_delivery(Delivery(row.channel) if row.channel in there else replace(row, why=gone))
        return Kept(each.path, notice)

    def _take_in(self, messages: Sequence[Message], folder: Path, name: str = "") -> Iterator[Kept]:
        """Keep each message, unless there is one of its event already. What cannot be kept is sent all the same."""
        for message in messages:
            channels = [channel.name for channel in self._settings.channels[message.audience]]
            try:
                taken = put(folder, message, channels, self._settings.timeout, name)
            except OSError as error:
                self._say(
                    f"{folder} cannot be written ({error.strerror}): the message {message.event} for "
                    f"{message.audience} is sent, but what becomes of it will not be known"
                )
                notice = Notice(message, now(), now(), tuple(map(Delivery, channels)))
                taken = Kept(folder / f"{message.event}-{message.audience}.json", notice)
            if taken is not None:
                yield taken

    def _remember(self, said: Sequence[Message], facts: RunSoFar, opened: _Opened, note: Path) -> None:
        """Keep in mind since when customers have a disruption and by which hosts, until they are told of its end."""
        events = {each.event for each in said if each.audience == "customers"}
        with contextlib.suppress(OSError):
            if "broken" in events and self._settings.channels["customers"]:
                since = opened["since"] or (facts.served[0] if facts.served else facts.since)
                hosts = sorted({*opened["hosts"], *(facts.astray or facts.switched)})
                make_folder(note.parent)
                write_text(note, json.dumps({"since": since, "hosts": hosts}))
            elif "resolved" in events:
                note.unlink(missing_ok=True)

    def _tell(self, run: Run, before: Sequence[Kept], *, waited: bool) -> None:
        """Say what is known by now; nobody waits to know more."""
        for channel, why in sorted(_read_report(run).items()):
            self._say(f"{channel}: {why}; messages for it are kept")
        earlier = {each.path for each in before}
        late: Counter[str] = Counter()
        for each in read(of_run(run.folder)):
            for row in each.notice.deliveries:
                if row.state == "failed":
                    self._say(f"{_what(each.notice, row)}; it is kept, and sluice.nginx.notify sends it again")
                elif row.state == "waiting" and (waited or each.path in earlier):
                    late[f"{each.notice.message.audience}: {row.channel}"] += 1
        for channel, number in late.items():
            self._say(f"{channel} has not taken {count(number, 'message')} yet; the next run says what became of it")


def _what(notice: Notice, row: Delivery) -> str:
    audience, event = notice.message.audience, notice.message.event
    return f"{audience}: {row.channel}: the message {event} could not be sent: {row.why or 'not known why'}"


def _report(run: Run) -> Path:
    return of_run(run.folder) / ".channels"


def _read_report(run: Run) -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return {str(name): str(why) for name, why in json.loads(_report(run).read_text(encoding="utf-8")).items()}
    return {}


def _read_opened(note: Path) -> _Opened:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(note.read_text(encoding="utf-8"))
        return {"since": str(found["since"]), "hosts": list(map(str, found["hosts"]))}
    return {"since": "", "hosts": []}


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    make_folder(folder)
    handle = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise SluiceError("another process sends what is kept; wait for it, and run this again") from error
    finally:
        os.close(handle)
