"""What a message about a run may say, from its journal and summary. Pure."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...fleet.run_record import Event, Run
from ...fleet.summarize import cleared_events, gate_answer, summarize
from ...record.summary import HostSummary, RunFailure, RunSummary, emergency_text
from ...textfmt import short, source

__all__ = ["RunSoFar"]

_SITE = re.compile(r"https?://([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
_CHECK = re.compile(r"the check (?:'([^']+)'|\"([^\"]+)\") does not hold")


@dataclass(frozen=True)
class RunSoFar:
    """A run, as far as it has come: its events and their summary."""

    run: Run
    events: Sequence[Event]
    summary: RunSummary
    gated: Mapping[str, Any]

    @classmethod
    def of(cls, run: Run, events: Sequence[Event]) -> RunSoFar:
        """Read the journal of a run."""
        events = cleared_events(events)
        return cls(run, events, summarize(events), gate_answer(events))

    @property
    def result(self) -> str:
        """What it came to by now."""
        return self.summary.result

    @property
    def examined(self) -> list[Mapping[str, Any]]:
        """The releases that went through the gates."""
        return self.gated.get("releases") or []

    @property
    def serving(self) -> dict[str, str]:
        """What each host serves, or served when the gates ran."""
        gated = {host: short(row.get("live")) for row in self.examined for host in row["hosts"]}
        return {name: row.serves for name, row in self.summary.hosts.items()} or gated

    @property
    def releases(self) -> list[str]:
        """The beginnings of the ids of all releases in it."""
        wanted = [row.get("release") for row in self.examined] + [row.release for row in self.summary.hosts.values()]
        return _once(short(each) for each in wanted if each)

    @property
    def of_gates(self) -> list[RunFailure]:
        """What gates have found."""
        return [failure for failure in self.summary.failures if failure.gate]

    @property
    def gates(self) -> list[str]:
        """What each gate said that did not pass."""
        verdicts = (verdict for row in self.examined for verdict in row["verdicts"])
        return _once(f"{each['gate']}: {each['summary']}" for each in verdicts if each["result"] in _REFUSING)

    @property
    def places(self) -> list[str]:
        """Where the gates' findings are."""
        return _once(source(asdict(failure)) for failure in self.of_gates)

    @property
    def culprits(self) -> list[str]:
        """The culprit lines with their places, as a diff; and what kept the search from its end."""
        lines = []
        for culprit in self.summary.culprits:
            for part in culprit.parts:
                lines.append(source(asdict(part)))
                lines += [f"  - {line.strip()}" for line in part.old]
                lines += [f"  + {line.strip()}" for line in part.new]
            lines += [culprit.note] if culprit.note else []
        return lines

    @functools.cached_property
    def _texts(self) -> list[str]:
        return [text for each in self.summary.failures for text in (each.what, each.expected, each.actual)]

    @property
    def sites(self) -> list[str]:
        """The sites that failures name."""
        return _once(name for text in self._texts for name in _SITE.findall(text))

    @property
    def checks(self) -> list[str]:
        """The checks that failures name."""
        named = [single or double for text in self._texts for single, double in _CHECK.findall(text)]
        return _once([*(failure.check for failure in self.of_gates), *named])

    @property
    def faults(self) -> list[str]:
        """Each problem of a host once, with the phase in which it was seen first."""
        found: dict[tuple[str, str], str] = {}
        for each in self.summary.failures:
            if not each.gate:
                lead = f"{each.host}: {each.phase}: " if each.host else ""
                found.setdefault((each.host, each.sentence), f"{lead}{each.sentence}")
        return list(found.values())

    @property
    def failed(self) -> list[str]:
        """Which host failed in which phase."""
        failed = ((each.host, each.phase) for each in self.summary.failures if not each.gate)
        return _once(f"{host} failed in {phase}" if host else "the gates could not be run" for host, phase in failed)

    @property
    def drifted(self) -> dict[str, str]:
        """The hosts whose live tree is no longer their release, and how it differs."""
        return {each.host: each.actual for each in self.summary.failures if each.is_drift}

    @property
    def changing(self) -> list[str]:
        """The hosts that are to be switched."""
        return self._named(row.changing for row in self.summary.hosts.values())

    @property
    def switched(self) -> list[str]:
        """The hosts that were asked to switch."""
        return self._named(row.touched for row in self.summary.hosts.values())

    @property
    def astray(self) -> list[str]:
        """The hosts of which nobody knows what they serve."""
        return self._named(row.is_astray for row in self.summary.hosts.values())

    def _named(self, chosen: Iterable[bool]) -> list[str]:
        return [name for name, is_chosen in zip(self.summary.hosts, chosen, strict=True) if is_chosen]

    @property
    def since(self) -> str:
        """When the first thing went wrong."""
        return next((event.at for event in self.events if not event.good), self.run.started)

    @property
    def ended(self) -> str:
        """When the last event was."""
        return self.events[-1].at if self.events else self.run.started

    @property
    def served(self) -> tuple[str, str] | None:
        """From when until when anybody may have been served by a release that went back, where that was so."""
        began = [row.began for row in self.summary.tried.values()]
        return (began[0], self.ended) if began else None

    @property
    def emergency(self) -> str:
        """What the gates noted of an emergency, or nothing."""
        noted = self.gated.get("emergency")
        return emergency_text(noted) if noted else ""

    def rows(self, hosts: Iterable[str]) -> Iterable[tuple[str, HostSummary]]:
        """Yield hosts with their summaries."""
        return ((host, self.summary.hosts[host]) for host in hosts)


_REFUSING = ("fail", "inconclusive")


def _once(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))
