"""The form of a platform's description. Each file below ``platforms/`` is read by it, and a fault names its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from .. import values
from ..schema import Model, key, listing, mapping, one_of, table

__all__ = [
    "TESTED",
    "DistributionRelease",
    "Family",
    "Manager",
    "Origin",
    "PackagedNginx",
    "Platform",
    "Repository",
    "ServiceManager",
]

TESTED = {
    "here": "run here",
    "layout": "layout run here, built from Debian's copy of nginx's sources",
    "image": "image built where a registry answers",
    "description": "by description only",
}
"""How far a platform is tested, as the table in ``docs/platforms.md`` says it."""

_word = values.matching(r"\S+", "one word")
_inside = values.matching(r"[^/\s]\S*", "a path inside nginx's own directory; do not begin it with '/'")
_version = values.matching(r"\d+(\.\d+)*", "a version; use 12 or 24.04")


@dataclass(frozen=True, kw_only=True)
class PackagedNginx(Model):
    """An nginx as its packages bring it. ``enabled_modules`` are the files that load modules, as a pattern; relative to
    the tree, unless they are beside it. ``sites`` is where a typed site goes. Packages make and remove what is in
    ``made_by_packages``.
    """

    flavour: str = key(_word, "What it calls itself in C(nginx -V).", required=True)
    packages: tuple[str, ...] = key(listing(_word), "Its packages.", default=[])
    modules_are: str = key(values.text, "The packages of its modules, as a pattern.", absent="")
    binary: str = key(values.absolute_path, "Its binary.", required=True)
    service: str = key(_word, "The service that it is started as.", required=True)
    user: str = key(_word, "The user of the workers.", required=True)
    group: str = key(_word, "Their group, where it is not called as the user.", absent="")
    prefix: str = key(values.absolute_path, "What relative paths of files are relative to.", required=True)
    configuration: str = key(values.absolute_path, "The file that it reads.", required=True)
    modules: str = key(values.absolute_path, "The folder of its dynamic modules.", required=True)
    enabled_modules: str = key(values.text, "The files that load modules.", absent="")
    logs: str = key(values.absolute_path, "The folder of its logs.", required=True)
    pid: str = key(values.absolute_path, "The pid file of its packaged configuration.", required=True)
    sites: str = key(_inside, "The file of a typed site.", required=True)
    includes: tuple[str, ...] = key(listing(_inside), "What the packaged C(http) block includes.", default=[])
    made_by_packages: tuple[str, ...] = key(listing(_inside), "Folders that packages fill.", default=[])
    default_site: tuple[str, ...] = key(listing(_inside), "The packaged default site.", default=[])

    @property
    def folder(self) -> str:
        """The directory of the configuration."""
        return str(PurePosixPath(self.configuration).parent)


@dataclass(frozen=True, kw_only=True)
class DistributionRelease(Model):
    """A release of a distribution. ``nginx`` is the version of its package where that never changes."""

    name: str = key(values.name, "What C(staging_platform) calls it.", required=True)
    version: str = key(_version, "C(VERSION_ID) of its os-release, or the beginning of it.", required=True)
    codename: str = key(_word, "What its package manager calls it.", absent="")
    image: str = key(_word, "Its image in a registry.", required=True)
    nginx: str = key(_version, "The version of its nginx.", absent="")
    ids: tuple[str, ...] = key(listing(_word), "C(ID) of its os-release, where the family has several.", default=[])
    tested: str = key(one_of(*TESTED), "How far it is tested.", required=True)


@dataclass(frozen=True, kw_only=True)
class Family(Model):
    """Distributions that are made alike. ``nginx_as`` names the family whose nginx is packaged in the same manner."""

    title: str = key(values.text, "Its name for people.", required=True)
    ids: tuple[str, ...] = key(listing(_word), "C(ID) of os-release.", required=True)
    packages_by: str = key(_word, "Its package manager.", required=True)
    service_managers: tuple[str, ...] = key(listing(_word), "What starts its services.", required=True)
    confined_by: str = key(values.text, "SELinux, AppArmor or nothing.", absent="")
    keyring: str = key(values.absolute_path, "The keys that sign its archive.", absent="")
    components: tuple[str, ...] = key(listing(_word), "The parts of its archive.", default=[])
    nginx: PackagedNginx | None = key(mapping(PackagedNginx), "Its own nginx.")
    nginx_as: str = key(values.text, "The family whose nginx it has.", absent="")
    releases: tuple[DistributionRelease, ...] = key(
        listing(mapping(DistributionRelease)), "Its releases.", required=True
    )


@dataclass(frozen=True, kw_only=True)
class Repository(Model):
    """Where a package manager finds a source's packages."""

    signed_by: str = key(_word, "The key that signs them.", required=True)
    address: str = key(values.text, "What the package manager reads.", required=True)


@dataclass(frozen=True, kw_only=True)
class Origin(Model):
    """Who packages nginx beside the distributions. ``otherwise`` says what is otherwise on a family."""

    title: str = key(values.text, "Its name for people.", required=True)
    channels: dict[str, str] = key(
        table(values.name, values.text), "The names of the source, each with a part of its address.", required=True
    )
    families: tuple[str, ...] = key(listing(_word), "The families that it has packages for.", required=True)
    nginx: PackagedNginx = key(mapping(PackagedNginx), "Its nginx.", required=True)
    otherwise: dict[str, dict[str, str]] = key(
        table(_word, table(_word, values.text)), "What is otherwise on a family.", default={}
    )
    repositories: dict[str, Repository] = key(
        table(_word, mapping(Repository)), "Its repository, by package manager.", default={}
    )
    distributions: dict[str, str] = key(
        table(_word, _word), "What its addresses call a family, where that is not its name.", default={}
    )
    tested: str = key(one_of(*TESTED), "How far it is tested.", required=True)


@dataclass(frozen=True, kw_only=True)
class Manager(Model):
    """A package manager: commands of a shell, with ``{words}`` for what differs."""

    package: str = key(values.text, "What the name of a package looks like.", required=True)
    always: tuple[str, ...] = key(listing(_word), "What staging needs beside nginx.", required=True)
    before: str = key(values.text, "What is done before anything is installed.", required=True)
    refresh: str = key(values.text, "How the lists of packages are fetched.", required=True)
    install: str = key(values.text, "How packages are installed, before their names.", required=True)
    pinned: str = key(values.text, "A package in one version.", required=True)
    listed: str = key(values.text, "How the packages of a pattern are listed.", required=True)
    repository: str = key(values.text, "How a source's repository is added.", required=True)
    clean: str = key(values.text, "What is done at the end.", required=True)


@dataclass(frozen=True, kw_only=True)
class ServiceManager(Model):
    """What starts services: commands as lists of words, with ``{name}`` and ``{place}`` of the service."""

    title: str = key(values.text, "Its name for people.", required=True)
    start: tuple[tuple[str, ...], ...] = key(listing(listing(values.text)), "How a service is started.", default=[])
    restart: tuple[tuple[str, ...], ...] = key(listing(listing(values.text)), "How it is restarted.", default=[])
    status: str = key(values.text, "What tells a person how it is.", required=True)


class Platform(NamedTuple):
    """A release of a distribution with the nginx of one source: all that anything else may know of it."""

    family_name: str
    family: Family
    release: DistributionRelease
    source: str
    nginx: PackagedNginx
    manager: Manager
    origin: Origin | None = None

    @property
    def name(self) -> str:
        """``debian-12``, or ``debian-12+openresty``."""
        return self.release.name + ("" if self.origin is None else f"+{self.source}")

    @property
    def distribution(self) -> str:
        """What addresses of repositories call the family."""
        known: Mapping[str, Any] = self.origin.distributions if self.origin else {}
        return str(known.get(self.family_name, self.family_name))
