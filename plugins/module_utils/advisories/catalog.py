"""Reads what was published. It is part of the collection, so a fault in it is a fault of ours."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import values
from ..packages import yaml
from ..schema import Model, key, listing, mapping, one_of, table

__all__ = ["Advisory", "AdvisorySource", "Catalog", "catalog"]

_FILE = Path(__file__).parent / "nginx.yml"
_VERSION = r"\d+\.\d+\.\d+"

_cve = values.matching(r"CVE-\d{4}-\d{4,}", "a number as CVE-2021-23017")
_version = values.matching(_VERSION, "a version as 1.30.1")
_range = values.matching(f"{_VERSION}-{_VERSION}", "two versions, as 1.25.0-1.25.5")
_day = values.matching(r"\d{4}-\d\d-\d\d", "a day as 2026-07-22")
_pattern = values.matching(r"\S+( \S+)*", "the name of a directive and patterns of its arguments")
_package = values.matching(r"\S+-\S+", "a version of a package, as 1.22.1-9+deb12u4")


@dataclass(frozen=True, kw_only=True)
class AdvisorySource(Model):
    """Where it was published, and the day that it is known of."""

    what: str = key(values.text, "What it is.", required=True)
    link: str = key(values.text, "Its address.", absent="")
    as_of: str = key(_day, "The day that it was read of.", required=True)


@dataclass(frozen=True, kw_only=True)
class Advisory(Model):
    """One vulnerability. A tree is concerned that has a directive of each list of ``concerns``."""

    cve: str = key(_cve, "Its number.", required=True)
    severity: str = key(one_of("low", "medium", "major", "unknown"), "As nginx has it.", required=True)
    what: str = key(values.text, "What somebody can do by it.", required=True)
    vulnerable: tuple[str, ...] = key(listing(_range), "Ranges of versions, both ends included.", required=True)
    fixed: tuple[str, ...] = key(listing(_version), "The first version of a branch that is fixed.", required=True)
    concerns: tuple[tuple[str, ...], ...] = key(listing(listing(_pattern)), "Directives of each kind.", default=[])
    debian: dict[str, str] = key(table(values.name, _package), "Debian's package that has the fix.", default={})
    link: str = key(values.text, "Where it is told.", absent="")
    known_by: str = key(values.text, "Who tells of it, where nginx's own list does not yet.", absent="")


@dataclass(frozen=True, kw_only=True)
class Catalog(Model):
    """All of them, and where they are from."""

    sources: tuple[AdvisorySource, ...] = key(listing(mapping(AdvisorySource)), "Where they are from.", required=True)
    advisories: tuple[Advisory, ...] = key(listing(mapping(Advisory)), "They themselves.", required=True)

    @property
    def as_of(self) -> str:
        """The day that the list of nginx itself was read of."""
        return self.sources[0].as_of


@functools.cache
def catalog() -> Catalog:
    """Return what is known of nginx."""
    loaded: Mapping[str, Any] = yaml.load(_FILE.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    return Catalog.read(loaded, _FILE.name)
