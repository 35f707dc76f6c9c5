"""The summary of a run: what became of it, of each host, what failed, and which lines are the culprit.

It is built once (``fleet/summarize.py``), stands in ``run.json``, and every report is made from it.
"""

# No lazy annotations here: msgspec reads them, and would have to guess where names come from.
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..textfmt import count, short
from .model import Result

__all__ = [
    "Culprit",
    "CulpritPart",
    "HostSummary",
    "RunFailure",
    "RunSummary",
    "Warned",
    "accepted_texts",
    "emergency_text",
]


@dataclass(frozen=True)
class HostSummary:
    """What a host ``serves`` in the end (the beginning of an id, or ?), and what was ``done``.

    ``release`` is what it was to serve, ``before`` what it served. ``changing``: these differ; ``touched``: it was
    asked to switch; ``switched``: it said that it had; ``confirmed``: it said that it keeps the release. Where it
    served the release or may have, ``began`` says since when, and ``ended`` when it served what it served before again;
    ``events`` are the numbers of these two events. ``counted`` is the event with its traffic, or -1.
    """

    serves: str
    done: str
    release: str = ""
    before: str = ""
    changing: bool = False
    touched: bool = False
    switched: bool = False
    confirmed: bool = False
    began: str = ""
    ended: str = ""
    events: list[int] = field(default_factory=list)
    counted: int = -1

    @property
    def is_astray(self) -> bool:
        """Return whether it was asked to switch, and nobody knows what it serves."""
        return self.touched and self.serves == "?"


@dataclass(frozen=True)
class CulpritPart:
    """A part of the change: the lines ``new`` at ``line`` of ``file``, which were ``old``.

    ``origin`` is the file that it was made from, ``variable`` the user's variable.
    """

    file: str = ""
    line: int = 0
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    origin: str = ""
    variable: str = ""


@dataclass(frozen=True)
class Culprit:
    """Parts of the change of ``release`` that make gates fail: all together, and no fewer.

    ``fails`` says what they make fail, by gate. ``more`` parts are not listed. ``fixes``: without them the rest of the
    change passes; None where that was not tried. ``whole``: the search for a smaller part came to its end. Without
    parts and gates only the ``note`` says something: what could not be found out. ``source`` is a path in ``run.json``.
    """

    release: str = ""
    source: str = ""
    fails: dict[str, list[str]] = field(default_factory=dict)
    parts: list[CulpritPart] = field(default_factory=list)
    more: int = 0
    fixes: bool | None = None
    whole: bool = True
    note: str = ""
    tried: int = 0
    edits: int = 0
    seconds: float = 0.0

    @property
    def remarks(self) -> list[str]:
        """How sure it is, in sentences; none where there is nothing to add."""
        if self.note:
            return [self.note]
        together = len(self.parts) + self.more
        if not self.parts:
            return ["no smaller part of the change was found that fails so"]
        said = []
        if not self.whole:
            said.append("the smallest part of the change that is known to fail so")
        elif together > 1:
            said.append(f"these {together} parts of the change are the culprits together")
        if self.fixes is False and self.whole:
            said.append("without it the rest of the change fails so as well")
        return said


@dataclass(frozen=True)
class RunFailure:
    """What went wrong in a ``gate``, on a ``host``, or in a ``phase`` of the run itself.

    It says what a finding says; ``source`` is a path in ``run.json``. ``is_summary``: a gate failed, and its findings
    do not say why.
    """

    what: str
    source: str = ""
    at: str = ""
    release: str = ""
    gate: str = ""
    host: str = ""
    phase: str = ""
    file: str = ""
    line: int = 0
    origin: str = ""
    check: str = ""
    expected: str = ""
    actual: str = ""
    nginx: str = ""
    fix: str = ""
    diff: str = ""
    is_summary: bool = False

    @property
    def where(self) -> str:
        """The gate, or the host and what it was asked."""
        if self.gate:
            return f"gate {self.gate}"
        return f"{self.host or 'the run'}, {self.phase}"

    @property
    def sentence(self) -> str:
        """All that is known of it but the place, as one line."""
        parts = [self.what, self.expected and f"expected {self.expected}", self.actual and f"actual {self.actual}"]
        parts += [self.nginx and f"nginx: {self.nginx}", self.fix]
        return "; ".join(part for part in parts if part)

    @property
    def is_drift(self) -> bool:
        """Return whether the live tree of a host is no longer its release."""
        return self.what.endswith("(drift)")


@dataclass(frozen=True)
class Warned:
    """A warning, and the hosts that gave it in a phase."""

    text: str
    phase: str
    hosts: list[str]


@dataclass(frozen=True)
class RunSummary:
    """What a run came to. Failures are in the order in which they happened, those of gates first."""

    result: Result
    outcome: str
    hosts: dict[str, HostSummary] = field(default_factory=dict)
    culprits: list[Culprit] = field(default_factory=list)
    failures: list[RunFailure] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Return whether every host is where it was to be."""
        return self.result not in ("stopped", "rolled back", "broken")

    @property
    def tried(self) -> dict[str, HostSummary]:
        """The hosts that served the release or may have, in the order in which they began to."""
        began = [(name, row) for name, row in self.hosts.items() if row.began]
        return dict(sorted(began, key=lambda each: each[1].began))

    def of_hosts(self) -> list[RunFailure]:
        """What failed on hosts."""
        return [failure for failure in self.failures if failure.host]

    def switched_well(self) -> dict[str, int]:
        """The hosts that switched and failed in nothing, with the numbers of the events."""
        failed = {failure.host for failure in self.of_hosts()}
        rows = ((name, row) for name, row in self.hosts.items() if row.switched and name not in failed)
        return {name: row.events[0] for name, row in rows if row.events}

    def to_json(self) -> dict[str, Any]:
        """The summary as plain data; its keys stand in ``run.json``."""
        return asdict(self)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "RunSummary":
        """Return the summary in a record that was read."""
        # Here, as most of a run writes records, and reads none.
        import msgspec

        return msgspec.convert({name: record.get(name, []) for name in cls.__dataclass_fields__}, cls)


def emergency_text(emergency: Mapping[str, Any]) -> str:
    """Return one loud line of what the gates noted of an emergency."""
    failed = "; ".join(f"release {short(release)}: {', '.join(gates)}" for release, gates in emergency["gates"].items())
    if not failed:
        return f"EMERGENCY, and every gate passed without it, because: {emergency['reason']}"
    return f"EMERGENCY: gates that failed do not stop this run ({failed}), because: {emergency['reason']}"


def accepted_texts(releases: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return one loud line for each word by which findings of ``releases`` are let pass, as the record has them."""
    found: dict[str, Counter[str]] = {}
    for release in releases:
        for verdict in release["verdicts"]:
            for finding in verdict["findings"]:
                if finding.get("accepted"):
                    found.setdefault(str(finding["accepted"]), Counter())[str(verdict["gate"])] += 1
    return [
        f"ACCEPTED {by} ({count(gates.total(), 'finding')}: {', '.join(f'{n} of {gate}' for gate, n in gates.items())})"
        for by, gates in found.items()
    ]
