"""The silence of a deployment: opened for exactly what it expects, and ended with it.

Alertmanager may be gone, or hang: whatever it does costs a deployment two seconds at most, once, and never fails it.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import urllib.error
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from ..fleet.run_record import Run
from ..storage import write_text
from ..web_answers import MALFORMED, in_time, opened, read_json

__all__ = ["EXPECTED", "LONGEST", "close_silence", "open_silence"]

EXPECTED = ("SluiceReleaseDiffers", "SluiceReleasePending")
"""Alerts of every deployment: hosts of later waves serve another release, and the new one is pending."""

LONGEST = 2.0
"""Seconds that Alertmanager has for its answer."""

# So long Prometheus may still see what was before the end.
_AFTER = timedelta(seconds=30)
_FILE = "silence.json"

_T = TypeVar("_T")


def open_silence(url: str, run: Run, hosts: Sequence[str], minutes: float, longest: float = LONGEST) -> str:
    """Silence what ``run`` expects of ``hosts``, for so many minutes. Returns what a person should know, or nothing.

    The record notes the silence, so the end of the run does not ask an Alertmanager that took none.
    """
    silence = {
        "matchers": [
            {"name": "alertname", "value": "|".join(EXPECTED), "isRegex": True, "isEqual": True},
            {"name": "host", "value": "|".join(re.escape(host) for host in hosts), "isRegex": True, "isEqual": True},
        ],
        "startsAt": _at(),
        "endsAt": _at(timedelta(minutes=minutes)),
        "createdBy": "Sluice",
        "comment": f"run {run.id} of {run.who} from {run.host} is on its way",
    }
    said = _within(longest, lambda: str(_ask(url, "silences", silence)["silenceID"]))
    if not isinstance(said, str):
        return f"nothing is silenced, because Alertmanager at {_shown(url)} {said}"
    try:
        write_text(_path(run), json.dumps({**silence, "id": said}))
    except OSError as error:
        return f"the silence of this run goes on until {silence['endsAt']}, because its record cannot note it: {error}"
    return ""


def close_silence(url: str, run: Run, longest: float = LONGEST) -> str:
    """End the silence of ``run``, if it has one that goes on. Returns what a person should know, or nothing."""
    try:
        known = json.loads(_path(run).read_text(encoding="utf-8"))
        until = str(known["endsAt"])
    except (OSError, *MALFORMED):
        return ""
    said = _within(longest, lambda: _end(url, known))
    if isinstance(said, str):
        return ""
    return f"the silence of this run goes on until {until}, because Alertmanager at {_shown(url)} {said}"


class _Trouble(Exception):
    """Why there is no answer, in words."""


def _end(url: str, known: Mapping[str, Any]) -> str:
    there = _ask(url, f"silence/{known['id']}")
    if there["status"]["state"] == "expired":
        return ""
    # Alertmanager lets a silence begin when it hears of it; with another beginning it would be another silence.
    ended = {**known, "startsAt": there["startsAt"], "endsAt": _at(_AFTER)}
    return str(_ask(url, "silences", ended)["silenceID"])


def _ask(url: str, path: str, silence: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Ask Alertmanager's API, or give it a silence to make or change."""
    data = None if silence is None else json.dumps(silence).encode()
    headers = {"Content-Type": "application/json"}
    person, _, secret = _userinfo(url).partition(":")
    if person:
        pair = f"{urllib.parse.unquote(person)}:{urllib.parse.unquote(secret)}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    address = f"{_shown(url).rstrip('/')}/api/v2/{path}"
    # Of the whole there is a bound already; this one ends the thread.
    with opened(address, headers, LONGEST, data) as answer:
        found = read_json(answer)
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    return found


def _within(seconds: float, ask: Callable[[], _T]) -> _T | _Trouble:
    """Return what ``ask`` does, or why not in so many seconds."""
    try:
        return in_time(seconds, ask)
    except urllib.error.HTTPError as error:
        return _Trouble(f"answers with status {error.code}")
    except (OSError, http.client.HTTPException, *MALFORMED) as error:
        reason = getattr(error, "reason", None) or error
        late = isinstance(reason, TimeoutError)
        return _Trouble(f"did not answer within {seconds:g} s" if late else f"does not answer: {reason}")


def _userinfo(url: str) -> str:
    """Return what stands before the host, as ``name:password``, or nothing."""
    try:
        return urllib.parse.urlsplit(url).netloc.rpartition("@")[0]
    except ValueError:
        return ""


def _shown(url: str) -> str:
    """Leave out what is nobody's business."""
    userinfo = _userinfo(url)
    return url.replace(f"{userinfo}@", "", 1) if userinfo else url


def _at(later: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) + later).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _path(run: Run) -> Path:
    return Path(run.folder, _FILE)
