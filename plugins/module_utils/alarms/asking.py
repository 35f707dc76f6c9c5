"""Asks Prometheus, Alertmanager, URLs and programs whether they burn, all at once and within bounds."""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import threading
import urllib.error
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..untrusted import printable
from ..web_answers import MALFORMED, opened, read_json
from .model import AlarmRow

__all__ = ["Burning", "Look", "ask_alarms"]

_MOST_BYTES = 8 << 20
_MOST_BURNING = 1000
_MOST_TEXT = 300


class Burning(NamedTuple):
    """Something that burns: the alarm, the labels that tell it from others, and what it says of itself."""

    alarm: str
    labels: tuple[tuple[str, str], ...]
    text: str

    @property
    def key(self) -> str:
        """What tells it from others."""
        return json.dumps([self.alarm, self.labels])


class Look(NamedTuple):
    """What an alarm answered: all that burns, or why it could not be asked."""

    row: AlarmRow
    burning: tuple[Burning, ...] = ()
    trouble: str = ""


def ask_alarms(rows: Sequence[AlarmRow], project: Path) -> list[Look]:
    """Ask all alarms, each on a thread of its own; commands run in ``project``."""
    found: list[Look | None] = [None] * len(rows)

    def work(number: int) -> None:
        found[number] = _look(rows[number], project)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(len(rows))]
    for thread in threads:
        thread.start()
    for thread, row in zip(threads, rows, strict=True):
        # The timeout of a client bounds each byte, and not the whole.
        thread.join(row.timeout + 1)
    return [look or _late(row) for look, row in zip(found, rows, strict=True)]


def _late(row: AlarmRow) -> Look:
    return Look(row, trouble=f"it did not answer within {row.timeout:g} s")


def _look(row: AlarmRow, project: Path) -> Look:
    try:
        if row.command:
            return Look(row, _of_command(row, project))
        if row.http:
            return Look(row, _of_http(row, row.http))
        rows = _of_prometheus(row) if row.prometheus else _of_alertmanager(row)
        return Look(row, tuple(rows[:_MOST_BURNING]))
    except urllib.error.HTTPError as error:
        return Look(row, trouble=f"it answers with status {error.code}: {_text(error.read(_MOST_TEXT))}")
    except (TimeoutError, subprocess.TimeoutExpired):
        return _late(row)
    except (OSError, http.client.HTTPException, *MALFORMED) as error:
        reason = getattr(error, "reason", None) or error
        return _late(row) if isinstance(reason, TimeoutError) else Look(row, trouble=f"it does not answer: {reason}")


def _of_prometheus(row: AlarmRow) -> list[Burning]:
    said = _json(row, f"{_bare(row.prometheus)}/api/v1/query?{urllib.parse.urlencode({'query': row.query})}")
    data = said["data"]
    if data["resultType"] in ("scalar", "string"):
        raise ValueError(f"the query returns a {data['resultType']}; write one that returns series, as `... > 5`")
    return [
        Burning(row.title, _labels(each["metric"]), f"{row.query} is {printable(str(each['value'][1]))[:40]}")
        for each in data["result"]
    ]


def _of_alertmanager(row: AlarmRow) -> list[Burning]:
    wanted = [("active", "true"), ("silenced", "false"), ("inhibited", "false"), ("unprocessed", "true")]
    wanted += [("filter", matcher) for matcher in row.matchers]
    said = _json(row, f"{_bare(row.alertmanager)}/api/v2/alerts?{urllib.parse.urlencode(wanted)}")
    return [
        Burning(row.title, _labels(each["labels"]), _text((each.get("annotations") or {}).get("summary") or ""))
        for each in said
    ]


def _of_http(row: AlarmRow, url: str) -> tuple[Burning, ...]:
    """Any answer but the expected one burns; so does a service that gives none, for it is what is asked about."""
    try:
        # A redirect is an answer, too.
        with opened(_bare(url), _headers(row), row.timeout, follow=False) as answer:
            status, body = answer.status, answer.read(_MOST_BYTES).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read(_MOST_BYTES).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        return (Burning(row.title, (), f"it does not answer: {printable(str(reason))[:_MOST_TEXT]}"),)
    if status != row.status:
        return (Burning(row.title, (), f"status {status}, expected {row.status}"),)
    if row.body and row.body not in body:
        return (Burning(row.title, (), f"the body has no {row.body!r}"),)
    return ()


def _of_command(row: AlarmRow, project: Path) -> tuple[Burning, ...]:
    # What it starts must not keep the output of this process.
    done = subprocess.run(
        row.command,
        cwd=project,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=row.timeout,
        check=False,
    )
    return (
        () if done.returncode == 0 else (Burning(row.title, (), f"exit code {done.returncode}: {_text(done.stdout)}"),)
    )


def _json(row: AlarmRow, address: str) -> Any:
    with opened(address, _headers(row), row.timeout) as answer:
        return read_json(answer)


def _headers(row: AlarmRow) -> dict[str, str]:
    headers = dict(row.headers)
    person, _, secret = _userinfo(row).partition(":")
    if person:
        pair = f"{urllib.parse.unquote(person)}:{urllib.parse.unquote(secret)}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return headers


def _userinfo(row: AlarmRow) -> str:
    return urllib.parse.urlsplit(row.prometheus or row.alertmanager or row.http or "").netloc.rpartition("@")[0]


def _bare(url: str | None) -> str:
    """Return a URL without name and password."""
    parts = urllib.parse.urlsplit(url or "")
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")


def _labels(found: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    rows = ((printable(str(name)), printable(str(value))) for name, value in found.items() if name != "__name__")
    return tuple(sorted(rows))


def _text(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return printable(" ".join(text.split()))[:_MOST_TEXT]
