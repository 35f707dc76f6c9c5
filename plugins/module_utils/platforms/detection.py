"""Which platform a host is, of what it says: os-release, ``nginx -V`` of the running binary, its service manager.

What is described nowhere gets a sentence that says what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..nginx_build import BuiltAs, read_build
from ..untrusted import whole_number
from .catalog import DISTRIBUTION, families, origins, platform_named, releases, service_managers
from .model import DistributionRelease, Family, PackagedNginx, Platform

__all__ = ["Detected", "detect", "detected_of_answer", "named_by_os_release", "os_words", "source_of"]

_ASSIGNED = re.compile(r"^(ID|VERSION_ID)=[\"']?([^\"'\n]*)[\"']?$", re.MULTILINE)


class Detected(NamedTuple):
    """What a host is. ``platform`` is none where something is described nowhere, and ``missing`` says what that is."""

    platform: Platform | None
    missing: tuple[str, ...]
    words: str


def named_by_os_release(text: str) -> str:
    """Return the release that an os-release names, as ``debian-12``; empty where none is described."""
    values = dict(_ASSIGNED.findall(text))
    found = _release_of(values.get("ID", ""), values.get("VERSION_ID", ""))
    return found[2].name if found else ""


def os_words(text: str) -> str:
    """Return the distribution that an os-release names, and its version, as ``rocky 9`` for all of its point releases;
    empty where it names none.
    """
    values = dict(_ASSIGNED.findall(text))
    identity, version = values.get("ID", ""), values.get("VERSION_ID", "")
    found = _release_of(identity, version)
    return f"{identity} {found[2].version if found else version}".strip() if identity else ""


def _release_of(identity: str, version: str) -> tuple[str, Family, DistributionRelease] | None:
    """Find the release of a distribution's ID and version: its point releases are one, as 9.4 is of 9."""
    fitting = [
        (name, family, release)
        for name, family in families().items()
        if identity in family.ids
        for release in family.releases
        if identity in (release.ids or family.ids) and f"{version}.".startswith(f"{release.version}.")
    ]
    return max(fitting, key=lambda row: len(row[2].version), default=None)


def source_of(family: str, built: BuiltAs) -> str:
    """Return the source of an nginx on a family: the one whose build looks for the same files; empty for none.

    nginx.org's two branches are built alike, and tell themselves apart by an odd second number of the version.
    """
    own = families()[family].nginx
    if own is not None and _is_built_as(built, own):
        return DISTRIBUTION
    for origin in origins().values():
        for channel in origin.channels if family in origin.families else ():
            if _is_built_as(built, platform_named(_any_release(family), channel).nginx):
                return _branch(list(origin.channels), built.core)
    return ""


def _any_release(family: str) -> str:
    return next(name for name, (of, _) in releases().items() if of == family)


def _branch(channels: list[str], version: str) -> str:
    """Return the channel of a version: an odd second number is the mainline's."""
    parts = version.split(".")
    odd = len(parts) > 1 and (whole_number(parts[1]) or 0) % 2 == 1
    return next((name for name in channels if name.endswith("mainline") == odd), channels[0])


def _is_built_as(built: BuiltAs, known: PackagedNginx) -> bool:
    return (
        built.flavour == known.flavour
        and built.prefix.rstrip("/") == known.prefix.rstrip("/")
        and built.path("conf-path") == known.configuration
    )


def detect(os_release: str, said: str, manager: str = "") -> Detected:
    """Return what a host is by the text of its os-release, what ``nginx -V`` said, and its service manager."""
    values = dict(_ASSIGNED.findall(os_release))
    identity, version = values.get("ID", ""), values.get("VERSION_ID", "")
    return _detect(identity, version, read_build(said), manager)


def detected_of_answer(answer: Mapping[str, Any]) -> Detected:
    """Return what a host is by its answer to a preflight."""
    platform, nginx = answer.get("platform") or {}, answer.get("nginx") or {}
    identity, _, version = str(platform.get("os") or "").partition(" ")
    built = None
    if nginx.get("flavour"):
        options = {"prefix": str(nginx.get("prefix")), "conf-path": str(nginx.get("configuration"))}
        number = str(nginx.get("version"))
        built = BuiltAs(str(nginx["flavour"]), number, number, options, ())
    return _detect(identity, version, built, str(platform.get("service_manager") or ""))


def _detect(identity: str, version: str, built: BuiltAs | None, manager: str) -> Detected:
    found = _release_of(identity, version)
    missing = []
    platform = None
    title = f"{identity or 'an unknown distribution'} {version}".strip()
    if found is None:
        missing.append(_no_release(identity, version))
    else:
        family_name, family, release = found
        title = release.name
        if manager and manager not in (*family.service_managers, "none"):
            known = " or ".join(_title(each) for each in family.service_managers)
            missing.append(f"{title} is described with {known}, and this one has {_title(manager)}")
        if built is not None:
            source = source_of(family_name, built)
            if source:
                platform = platform_named(release.name, source)
            else:
                missing.append(_no_source(title, built))
    server = f"{built.flavour} {built.version}" if built else "no nginx that runs"
    origin = f" of {'the ' if platform.origin is None else ''}{platform.source}" if platform else ""
    started = f", started by {_title(manager)}" if manager and manager != "none" else ""
    return Detected(platform if not missing else None, tuple(missing), f"{title} with {server}{origin}{started}")


def _title(manager: str) -> str:
    known = service_managers()
    return known[manager].title if manager in known else manager


def _no_release(identity: str, version: str) -> str:
    family = next((each for each in families().values() if identity in each.ids), None)
    fix = "what is staged for it is near it at best: set staging_platform to the nearest"
    if family is not None:
        known = ", ".join(each.version for each in family.releases if identity in (each.ids or family.ids))
        return f"{family.title} {version or 'without a version'} is not described, only {known}; {fix}"
    known = _listed(each.title for each in families().values())
    return (
        f"no platform describes {identity or 'a host without os-release'} {version}".rstrip() + f"; {known} are; {fix}"
    )


def _no_source(title: str, built: BuiltAs) -> str:
    return (
        f"no source of nginx on {title} is described that is called {built.flavour} and has the prefix {built.prefix} "
        f"and {built.path('conf-path')}; somebody built it; staging runs it where staging_from_host names a host"
    )


def _listed(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
