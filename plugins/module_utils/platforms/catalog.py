"""Reads the descriptions of platforms. They are part of the collection, so a fault in one is a fault of ours."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from ..closest_match import closest_match
from ..errors import InputError, SluiceError
from ..packages import yaml
from ..schema import Given, Model, keys
from .model import DistributionRelease, Family, Manager, Origin, PackagedNginx, Platform, ServiceManager

__all__ = [
    "DISTRIBUTION",
    "FOLDER",
    "USUAL",
    "families",
    "layouts",
    "managers",
    "origins",
    "platform_named",
    "releases",
    "service_managers",
    "sources",
    "usual",
    "versions",
]

FOLDER = Path(__file__).parent
DISTRIBUTION = "distribution"
"""The source of an nginx that the distribution packages itself."""

USUAL = "debian-12"
"""The platform that is staged where nothing says which."""

M = TypeVar("M", bound=Model)


def _loaded(path: Path) -> Any:
    # libyaml takes a tenth of the time of the reader in Python, which each roll-out would wait for.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)


def _read(folder: str, model: type[M]) -> dict[str, M]:
    """Read each file of a folder, by its name."""
    found = {}
    for path in sorted((FOLDER / folder).glob("*.yml")):
        found[path.stem] = model.read(_loaded(path), f"{folder}/{path.name}")
    return found


@functools.cache
def families() -> Mapping[str, Family]:
    """Return the families of distributions, each with an nginx of its own."""
    found = _read("families", Family)
    for name, family in found.items():
        nginx = family.nginx or (found[family.nginx_as].nginx if family.nginx_as in found else None)
        if nginx is None:
            raise SluiceError(f"families/{name}.yml: neither nginx nor nginx_as says what its nginx is")
        found[name] = dataclasses.replace(family, nginx=nginx)
    return found


@functools.cache
def origins() -> Mapping[str, Origin]:
    """Return who packages nginx beside the distributions, by the name of the file."""
    return _read("sources", Origin)


@functools.cache
def managers() -> Mapping[str, Manager]:
    """Return the package managers."""
    return _read("managers", Manager)


@functools.cache
def service_managers() -> Mapping[str, ServiceManager]:
    """Return what starts services on hosts."""
    path = FOLDER / "service_managers.yml"
    rows = _loaded(path)
    return {name: ServiceManager.read(row, f"{path.name}: {name}") for name, row in rows.items()}


def sources() -> list[str]:
    """List the sources of nginx, the distribution first."""
    return [DISTRIBUTION, *(name for origin in origins().values() for name in origin.channels)]


def releases() -> dict[str, tuple[str, DistributionRelease]]:
    """Return each release by its name, with the name of its family."""
    return {each.name: (name, each) for name, family in families().items() for each in family.releases}


def platform_named(name: str, source: str = DISTRIBUTION) -> Platform:
    """Return the platform of a release, with the nginx of ``source``. Raises ``InputError`` where there is none."""
    known = releases()
    if name not in known:
        near = closest_match(name, known)
        hint = f"did you mean {near!r}?" if near else f"use auto, {', '.join(known)}"
        raise InputError("staging_platform", f"{name!r} is not a platform; {hint}")
    family_name, release = known[name]
    family = families()[family_name]
    manager = managers()[family.packages_by]
    if source == DISTRIBUTION:
        if family.nginx is None:
            raise InputError("staging_nginx", f"{family_name} has no nginx of its own; use {', '.join(sources())}")
        return Platform(family_name, family, release, source, family.nginx, manager)
    origin = next((each for each in origins().values() if source in each.channels), None)
    if origin is None:
        raise InputError("staging_nginx", f"{source!r} is no source of nginx; use {', '.join(sources())}")
    if family_name not in origin.families:
        raise InputError("staging_nginx", f"{origin.title} has no packages for {name}; use {DISTRIBUTION}")
    return Platform(family_name, family, release, source, _on(origin, family_name), manager, origin)


def _on(origin: Origin, family: str) -> PackagedNginx:
    known = keys(PackagedNginx)
    given = Given(origin.otherwise.get(family, {}), f"{origin.source}: otherwise.{family}", known)
    return dataclasses.replace(origin.nginx, **{name: given.get(known[name]) for name in known if name in given})


def usual() -> PackagedNginx:
    """Return the nginx that is meant where no platform is known, as for a tree that a person shows."""
    return platform_named(USUAL).nginx


def layouts() -> list[PackagedNginx]:
    """Return each nginx that is described, those of the distributions first."""
    own = [family.nginx for family in families().values() if family.nginx]
    return own + [_on(origin, family) for origin in origins().values() for family in ("", *origin.otherwise)]


def versions() -> dict[str, tuple[int, ...]]:
    """Return the version of nginx that each release packages, where that never changes, the oldest first."""
    found = {
        release.name: tuple(int(part) for part in release.nginx.split("."))
        for _, release in releases().values()
        if release.nginx
    }
    return dict(sorted(found.items(), key=lambda row: row[1]))
