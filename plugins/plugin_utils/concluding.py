"""What the actions share that bring a run, or a part of it, to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible import constants

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Event, RunRecord
from ansible_collections.sluice.nginx.plugins.module_utils.record.summary import RunSummary
from ansible_collections.sluice.nginx.plugins.module_utils.reports.publish import publish
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction, project
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show_text, warn

__all__ = ["ConcludingAction"]

_SHOWS = "sluice.nginx.verdicts"


class ConcludingAction(ControllerAction):
    """An action after which the run's record and its reports are written."""

    def _conclude(
        self,
        record: RunRecord,
        name: str,
        text: str,
        summary: RunSummary,
        events: Sequence[Event],
        releases: Sequence[Mapping[str, Any]] = (),
        inventory: str = "",
    ) -> dict[str, Any]:
        """Write ``run.json``, the reports beside it, and ``text`` as ``name``; returns what the result has of it.

        What cannot be written is a warning: it changes nothing of what the run came to.
        """
        folder = Path(record.run.folder)
        links = [f"record: {record.path}"]
        try:
            record.write(summary, events, releases, inventory)
        except (OSError, SluiceError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            troubles = [f"{record.path} could not be written: {why}; what the run came to is not changed by that"]
        else:
            troubles = publish(folder, project())
        if (folder / "report.html").is_file():
            links.insert(0, f"report: {folder / 'report.html'}")
        for sentence in troubles:
            warn(self._display, sentence, record.door)
        shown = "\n".join([text, *links])
        if _SHOWS not in constants.CALLBACKS_ENABLED:
            # Nobody else shows it, in a repository that sets nothing.
            show_text(self._display, shown, record.door)
        try:
            return {"sluice_report": str(record.show(name, shown))}
        except OSError:
            if _SHOWS in constants.CALLBACKS_ENABLED:
                show_text(self._display, shown, record.door)
            return {}
