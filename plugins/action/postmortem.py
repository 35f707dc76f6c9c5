"""Drafts the postmortem of a run, of a window of time, or of each incident that alerts tell of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import Question, RolloutOptions
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import visitor
from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.alerts import Alert, ask_prometheus, incidents
from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.draft import draft, unknown_traffic
from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.drafts import keep
from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.finding import find_run, runs_around
from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.time_range import Window, draft_window
from ansible_collections.sluice.nginx.plugins.module_utils.record.model import FAILED, RESULTS, read_record
from ansible_collections.sluice.nginx.plugins.module_utils.storage import make_folder
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import moment, sentences
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import Answer, FleetAction, HostRequest
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show


class ActionModule(FleetAction):
    """Reads the records of the controller, and asks Prometheus and the hosts for what these do not have."""

    def work_on(self, hosts: list[str], options: dict[str, Any]) -> dict[str, Any]:
        """Write what is asked for; tells the files."""
        self._there = [host for host in options["hosts"] if host in hosts]
        self._runs, self._url = self._state() / "runs", options["prometheus_url"]
        given = [name for name in ("run", "start", "alerts") if options[name]]
        if len(given) > 1 or (options["end"] and given != ["start"]):
            raise InputError(
                "postmortem", "what is it to be of? Give one: run=ID, or from=TIME and to=TIME, or alerts=true"
            )
        if options["alerts"]:
            paths = self._of_alerts(options["hours"])
        elif options["start"]:
            paths = [self._of_window(_time("from", options["start"]), _time("to", options["end"] or "now"))]
        else:
            paths = [self._of_run(options["run"] or "last")]
        for path in paths:
            show(self._display, f"postmortem: {path}")
        return {"changed": False, "paths": [str(path) for path in paths]}

    def _of_run(self, wanted: str) -> Path:
        folder = find_run(self._runs, wanted)
        record = read_record(folder)
        if record["result"] not in FAILED:
            raise SluiceError(
                f"run {folder.name} has no postmortem: it was {RESULTS[record['result']]}; for what came after it, give"
                " a time: from=… to=…"
            )
        missing = {host: window for host, window in unknown_traffic(record).items() if host in self._there}
        asked = {host: answer["traffic"] for host, answer in self._asked(missing).items() if answer.get("traffic")}
        return _kept(folder / "postmortem.md", draft(record, asked))

    def _of_window(self, start: datetime, end: datetime) -> Path:
        if start >= end:
            raise InputError("postmortem", f"from {start:%Y-%m-%dT%H:%M:%SZ} is not before to {end:%Y-%m-%dT%H:%M:%SZ}")
        alerts: list[Alert] = []
        notes = []
        try:
            if self._url:
                alerts = ask_prometheus(self._url, start, end)
            else:
                notes.append("which alerts fired, since monitor_prometheus_url is not set")
        except SluiceError as error:
            notes.append(f"which alerts fired: {error}")
        return self._draft(start, end, f"{start:%Y%m%dT%H%M%S}-to-{end:%Y%m%dT%H%M%S}", alerts, notes)

    def _of_alerts(self, hours: float) -> list[Path]:
        if not self._url:
            raise InputError("monitor_prometheus_url", "it is not set, and alerts are asked of Prometheus there")
        end = datetime.now(UTC)
        paths = []
        for together in incidents(ask_prometheus(self._url, end - timedelta(hours=hours), end)):
            first = together[0]
            if all(alert.over for alert in together):
                name = f"{first.began:%Y%m%dT%H%M%S}-{first.name}"
                paths.append(self._draft(first.began, max(alert.last for alert in together), name, together, []))
            else:
                show(self._display, f"{first.what} is not over; it has a postmortem when it is")
        return paths

    def _draft(self, start: datetime, end: datetime, name: str, alerts: list[Alert], notes: list[str]) -> Path:
        runs, troubles = runs_around(self._runs, start, end, self._there)
        window = (start.isoformat(), end.isoformat())
        hosts = self._asked(dict.fromkeys(self._there, window))
        silent = [f"what {host} did: {sentences(answer)}" for host, answer in hosts.items() if "traffic" not in answer]
        text = draft_window(Window(start, end, alerts, hosts, runs, [*notes, *troubles, *silent]))
        folder = self._state() / "postmortems"
        safe = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)
        return _kept(folder / f"{safe}.md", text)

    def _asked(self, windows: dict[str, tuple[str, str]]) -> dict[str, Answer]:
        """Ask hosts for their requests and events, each in a window of its own."""
        run, timeout = visitor("postmortem").asking(), RolloutOptions().timeout
        questions = {
            window: Question({"op": "traffic", "run": run, "start": _utc(window[0]), "end": _utc(window[1])})
            for window in windows.values()
        }
        askings = {host: HostRequest(questions[window], timeout) for host, window in windows.items()}
        said = dict(self._answers(askings))
        return {host: said[host] for host in windows}


def _time(name: str, text: str) -> datetime:
    found = datetime.now(UTC) if text == "now" else moment(text)
    if found is None:
        raise InputError(name, f"{text!r} is no time; write 2026-11-21T15:00 (UTC), or with a zone, or now")
    return found


def _utc(text: str) -> str:
    found = moment(text)
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z") if found else text


def _kept(path: Path, text: str) -> Path:
    try:
        make_folder(path.parent)
        return keep(path, text)
    except OSError as error:
        raise SluiceError(
            f"{path} cannot be written: {error.strerror}; give this user the folder {path.parent}"
        ) from error
