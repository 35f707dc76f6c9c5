"""Where a release has lived, and for how long: which hosts of which inventory served it, confirmed. Pure but for
reading the heads of records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import InputError, SluiceError
from ..textfmt import count, date_time, duration, now, seconds, short
from ..untrusted import printable
from .index import heads

__all__ = ["Demand", "Lived", "Soaking", "Stay", "lived", "promoted", "read_demand", "serving", "stays", "summed"]

_HOUR = 3600.0
_MOST_HOURS = 24.0 * 366


@dataclass(frozen=True)
class Stay:
    """A time in which a host of an inventory served a release, confirmed. ``until`` is empty while it still does.

    ``rolled_back`` says that a run without gates ended it: somebody had the host go back.
    """

    release: str
    inventory: str
    host: str
    since: str
    until: str = ""
    rolled_back: bool = False

    def seconds(self, at: str) -> float:
        """Return how long it was, or has been by the time ``at``."""
        began, ended = seconds(self.since), seconds(self.until or at)
        return max(0.0, ended - began) if began is not None and ended is not None else 0.0


@dataclass(frozen=True)
class Lived:
    """Where a release has lived: on how many ``hosts`` of an inventory, on how many it does ``now``, since when, and
    for how many ``hours`` on the host that had it longest, without a break.
    """

    release: str
    inventory: str
    hosts: int
    now: int
    since: str
    until: str
    hours: float
    rolled_back: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    @property
    def words(self) -> str:
        """Return it as words of a sentence."""
        where = f"{duration(0.0, self.hours * _HOUR)} on {count(self.hosts, 'host')} of {self.inventory}"
        if self.rolled_back:
            return f"{where}, and was rolled back there at {date_time(self.until)}"
        return f"{where}, since {date_time(self.since)}" if self.now else f"{where}, until {date_time(self.until)}"


@dataclass(frozen=True)
class Demand:
    """What is asked of a release before it goes further: ``hours`` on ``hosts`` of an ``inventory``."""

    inventory: str
    hours: float = 24.0
    hosts: int = 1

    def fault(self, release: str, found: Iterable[Stay], at: str) -> str:
        """Return why a release has not soaked, in a sentence with what was expected and what is there; else nothing."""
        here = [stay for stay in found if (stay.release, stay.inventory) == (release, self.inventory)]
        long = {stay.host for stay in here if stay.seconds(at) >= self.hours * _HOUR}
        lived = summed(here, at)
        begin = f"release {short(release)} has not soaked on {self.inventory}"
        expected = f"expected {duration(0.0, self.hours * _HOUR)} confirmed on {count(self.hosts, 'host')}"
        if lived and lived[0].rolled_back:
            fix = f"deploy it to {self.inventory} again and let it soak there, or promote another release"
            return f"{begin}; {expected}; actual: {lived[0].words}; {fix}"
        if len(long) >= self.hosts:
            return ""
        actual = lived[0].words if lived else f"no run of these records has confirmed it on {self.inventory}"
        fix = "wait, deploy it there first, or name the controller's state where it soaked (sluice_state_dir)"
        return f"{begin}; {expected}; actual: {actual}; {fix}"


def read_demand(path: str, value: Mapping[str, Any]) -> Demand | None:
    """Return what a user demands; None where that is nothing. Raises ``InputError``, beginning with ``path``."""
    if not value:
        return None
    odd = sorted(set(value) - {"inventory", "hours", "hosts"})
    if odd:
        raise InputError(path, f"{odd[0]!r} is no key of it; its keys: inventory, hours, hosts")
    inventory = str(value.get("inventory") or "").strip()
    if not inventory:
        raise InputError(path, "it names no inventory; give the name of the one where a release has to soak")
    try:
        hours, hosts = float(str(value.get("hours", 24))), int(str(value.get("hosts", 1)))
    except ValueError as error:
        raise InputError(path, f"hours and hosts must be numbers ({error})") from error
    if not 0 <= hours < _MOST_HOURS or hosts < 1:
        words = f"give hours from 0 to {_MOST_HOURS:g}, and one host or more"
        raise InputError(path, f"{hours:g} hours on {hosts} hosts cannot be; {words}")
    return Demand(printable(inventory), hours, hosts)


def lived(runs: Path, at: str) -> list[Lived]:
    """Return where every release has lived, by the records below ``runs``; the newest first."""
    return summed(stays(heads(runs)), at)


def stays(records: Iterable[Mapping[str, Any]]) -> list[Stay]:
    """Return the stays of releases on hosts, by the heads of records; records that name no inventory say nothing."""
    here: dict[tuple[str, str], Stay] = {}
    found: list[Stay] = []
    for head in sorted(records, key=lambda each: str(each["run"]["ended"])):
        inventory, ended = str(head.get("inventory") or ""), str(head["run"]["ended"])
        if not inventory:
            continue
        for host, row in head["hosts"].items():
            known, release = here.get((inventory, host)), _serves(row)
            if release is None or (known and known.release == release):
                continue
            if known:
                # Of a run in which a gate was asked, the record says whether receipts were signed.
                went_back = head.get("signed") is None and row.get("confirmed") is True
                found.append(replace(known, until=ended, rolled_back=went_back))
                del here[inventory, host]
            if release and (row.get("confirmed") or not row.get("changing")):
                here[inventory, host] = Stay(release, inventory, host, ended)
    return [*found, *here.values()]


def _serves(row: Mapping[str, Any]) -> str | None:
    """Return what a host served at the end of a run: an id, nothing where that is not known any more, and None where
    the run says nothing of it.
    """
    wanted, before, serves = str(row.get("release") or ""), str(row.get("before") or ""), str(row.get("serves") or "")
    if row.get("confirmed"):
        return wanted
    for identity in (wanted, before):
        if identity and short(identity) == serves:
            # What is pending, or was only looked at, is not confirmed.
            return identity if identity == before or not row.get("changing") else ""
    return "" if row.get("touched") else None


def summed(found: Iterable[Stay], at: str) -> list[Lived]:
    """Sum up stays by release and inventory, at the time ``at``; the newest first."""
    grouped: dict[tuple[str, str], list[Stay]] = {}
    for stay in found:
        grouped.setdefault((stay.release, stay.inventory), []).append(stay)
    lived = [_summed(rows, at) for rows in grouped.values()]
    return sorted(lived, key=lambda each: (each.until or "~", each.since), reverse=True)


def _summed(rows: Sequence[Stay], at: str) -> Lived:
    here = [stay for stay in rows if not stay.until]
    last = max(rows, key=lambda stay: (not stay.until, stay.until))
    return Lived(
        release=last.release,
        inventory=last.inventory,
        hosts=len({stay.host for stay in rows}),
        now=len({stay.host for stay in here}),
        since=min(stay.since for stay in here or rows),
        until="" if here else last.until,
        hours=round(max(stay.seconds(at) for stay in rows) / _HOUR, 4),
        rolled_back=not here and last.rolled_back,
    )


def serving(found: Iterable[Stay], inventory: str) -> Iterator[str]:
    """Yield each release that an inventory serves, by the stays; the one that began last first."""
    here = [stay for stay in found if stay.inventory == inventory and not stay.until]
    yield from dict.fromkeys(stay.release for stay in sorted(here, key=lambda stay: stay.since, reverse=True))


def promoted(found: Sequence[Stay], inventory: str, wanted: str) -> str:
    """Return the release that goes on from an inventory: the only one that it serves, or the one whose id begins with
    ``wanted``. Raises ``SluiceError``.
    """
    known = list(dict.fromkeys(stay.release for stay in found if stay.inventory == inventory))
    here = list(serving(found, inventory))
    if not known:
        names = sorted({stay.inventory for stay in found})
        there = f"those that they know: {', '.join(names)}" if names else "they know none"
        raise SluiceError(
            f"no release has lived on an inventory called {printable(inventory)}, by the records of this controller; "
            f"{there}; see gates_inventory, which names an inventory"
        )
    if wanted:
        fitting = [release for release in known if release.startswith(wanted)]
        if len(fitting) == 1:
            return fitting[0]
        lives = ", ".join(map(short, here)) or "none"
        words = "more than one release" if fitting else "no release"
        raise SluiceError(
            f"{words} whose id begins with {printable(wanted)} has lived on {inventory}; it serves {lives}"
        )
    if len(here) == 1:
        return here[0]
    if not here:
        raise SluiceError(f"{inventory} serves no confirmed release, by the records; name one by -e release=ID")
    raise SluiceError(
        f"{inventory} serves {count(len(here), 'release')}: {', '.join(map(short, here))}; name one by -e release=ID, "
        "and the hosts that get it by --limit"
    )


@dataclass(frozen=True)
class Soaking:
    """Where the releases of a run have lived, and what of a demand an emergency has ``overridden``."""

    rows: Sequence[Lived] = ()
    overridden: tuple[str, ...] = ()

    @classmethod
    def of(cls, runs: Path, releases: Sequence[str], demand: Demand | None, reason: str) -> Soaking:
        """Return it for ``releases``, by the records below ``runs``; nothing where nothing is demanded.

        Raises ``SluiceError`` where one has not soaked as is demanded, and there is no ``reason`` of an emergency.
        """
        if demand is None:
            # Where nobody asks, no deployment waits for a thousand records to be read.
            return cls()
        at, found = now(), [stay for stay in stays(heads(runs)) if stay.release in releases]
        faults = [fault for each in releases if (fault := demand.fault(each, found, at))]
        if faults and not reason:
            raise SluiceError("; ".join(faults))
        return cls(summed(found, at), tuple(f"EMERGENCY: {fault}, because: {reason}" for fault in faults))

    def told(self, release: str) -> list[dict[str, Any]]:
        """Return where a release has lived, for its receipt and the record."""
        rows = (each.to_json() for each in self.rows if each.release == release)
        return [{name: value for name, value in row.items() if name != "release"} for row in rows]
