"""What is published of the nginx of hosts and concerns their trees, and whether the rehearsed one has it, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..advisories.catalog import catalog
from ..advisories.matching import Concern, Installed, concerned, is_vulnerable, read_installed
from ..config.parse import Config
from ..textfmt import listed

__all__ = ["PublishedFaults", "published"]

_MOST_HOSTS = 8
# These number their versions by themselves, so nginx's own list does not tell which of them have what.
_BY_THEMSELVES = ("freenginx",)


class PublishedFaults(NamedTuple):
    """What is published of the nginx of some hosts: what concerns their tree, how much more of it their package has
    ``fixed``, and what of it nginx of the version that is rehearsed has by its number as well (``left``).
    """

    hosts: tuple[str, ...]
    installed: Installed
    concerns: tuple[Concern, ...]
    fixed: int
    left: tuple[str, ...]
    other: str

    @property
    def lines(self) -> list[str]:
        """Return it for people, a line each."""
        own = self.installed
        package = f", package {own.package}" if own.package else ""
        head = f"{listed(self.hosts, _MOST_HOSTS)}: {own.flavour} on nginx {own.version}{package}"
        if own.flavour == "nginx":
            head = f"{listed(self.hosts, _MOST_HOSTS)}: nginx {own.version}{package}"
        if own.flavour in _BY_THEMSELVES:
            return [f"{head}: {own.flavour} has versions and a list of its own; nothing was compared"]
        known = "vulnerability concerns" if len(self.concerns) == 1 else "vulnerabilities concern"
        more = f"; the package has fixed {self.fixed} more" if self.fixed else ""
        found = [f"{head}: {len(self.concerns) or 'no'} published {known} this tree{more}"]
        found += [f"  {each.words}" for each in sorted(self.concerns, key=_by_severity)]
        if self.concerns and not own.is_exact:
            found.append("  of these hosts nginx's number alone is known; a distribution may have fixed some of it")
        elif self.concerns and own.flavour != "nginx":
            found.append(f"  {own.flavour} fixes some of it without another number of nginx; see its own list")
        if self.concerns:
            found.append(f"  by its number nginx {self.other} has {len(self.left) or 'none'} of these")
        return found

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "hosts": list(self.hosts),
            "flavour": self.installed.flavour,
            "version": self.installed.version,
            "package": self.installed.package,
            "exact": self.installed.is_exact,
            "concerns": [each.to_json() for each in self.concerns],
            "fixed_by_package": self.fixed,
            "left_by_number": list(self.left),
        }


def published(
    config: Config, hosts: Sequence[str], said: Mapping[str, Mapping[str, Any]], staged: Installed, other: str
) -> list[PublishedFaults]:
    """Return what is published of the nginx of each of ``hosts`` that concerns their tree, those that are alike as one.

    Hosts that were not asked, as ``said`` has no answer of theirs, count as what is ``staged`` for them. ``other`` is
    the version that is rehearsed.
    """
    by_nginx: dict[Installed, list[str]] = {}
    for host in hosts:
        answer = said.get(host) or {}
        system = str((answer.get("facts") or {}).get("os") or "").replace(" ", "-")
        by_nginx.setdefault(read_installed(answer, system) or staged, []).append(host)
    rows = []
    for installed, names in by_nginx.items():
        known = () if installed.flavour in _BY_THEMSELVES else catalog().advisories
        found, fixed = concerned(config, installed, known)
        left = tuple(each.advisory.cve for each in found if is_vulnerable(each.advisory, other))
        rows.append(PublishedFaults(tuple(names), installed, tuple(found), fixed, left, other))
    return rows


def _by_severity(concern: Concern) -> int:
    return ("major", "medium", "unknown", "low").index(concern.advisory.severity)
