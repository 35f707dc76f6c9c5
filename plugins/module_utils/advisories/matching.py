"""Which published vulnerabilities an nginx has by its version, and which of them concern a tree.

Distributions fix them without another number. What a host's package says of itself decides first: the CVEs in its own
changelog, then its version against Debian's. Where neither is known, the number of nginx decides, and that is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import zip_longest
from typing import Any, NamedTuple

from ..config.parse import Config, Directive
from ..untrusted import whole_number
from .catalog import Advisory

__all__ = ["Concern", "Installed", "concerned", "is_newer", "is_vulnerable", "read_installed"]

_CVE = re.compile(r"CVE-\d{4}-\d{4,7}")
_NONE = ""


class Concern(NamedTuple):
    """A vulnerability of an nginx that a tree is concerned by, and the directive that it is by; none for every tree."""

    advisory: Advisory
    directive: Directive | None

    @property
    def words(self) -> str:
        """``CVE-2021-23017 (medium): an answer of DNS … by `resolver 10.0.0.2` in nginx.conf:7; fixed in 1.21.0``."""
        by = f", by `{self.directive.text}` in {self.directive.file}:{self.directive.line}" if self.directive else ""
        known = f" (known by {self.advisory.known_by})" if self.advisory.known_by else ""
        fixed = " and ".join(reversed(self.advisory.fixed))
        return f"{self.advisory.cve} ({self.advisory.severity}): {self.advisory.what}{by}; fixed in {fixed}{known}"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        place = {"file": self.directive.file, "line": self.directive.line} if self.directive else {}
        advisory = self.advisory
        return {
            "cve": advisory.cve,
            "severity": advisory.severity,
            "what": advisory.what,
            "fixed": list(advisory.fixed),
            "link": advisory.link,
            **place,
        }


@dataclass(frozen=True)
class Installed:
    """The nginx of a host: the version of nginx that it stands on, its package, the CVEs that the package's changelog
    names, and its platform, as ``debian-12``. ``flavour`` is what it calls itself.
    """

    version: str
    flavour: str = "nginx"
    package: str = ""
    fixed: frozenset[str] = frozenset()
    platform: str = ""

    def has_fixed(self, advisory: Advisory) -> bool:
        """Return whether the package is known to have the fix, whatever nginx's number is."""
        if advisory.cve in self.fixed:
            # One whose first fix was not whole is named by the package that completed it.
            return not self._is_older(advisory)
        return bool(self.package) and self._is_known(advisory) and not self._is_older(advisory)

    def _is_known(self, advisory: Advisory) -> bool:
        return self.platform in advisory.debian and "deb" in self.package

    def _is_older(self, advisory: Advisory) -> bool:
        return self._is_known(advisory) and is_newer(advisory.debian[self.platform], self.package)

    @property
    def is_exact(self) -> bool:
        """Return whether more than nginx's number is known."""
        return bool(self.fixed) or "deb" in self.package


def read_installed(answer: Mapping[str, Any], platform: str) -> Installed | None:
    """Return what a host's answer to a probe tells of its nginx; none where it tells nothing."""
    facts, package = answer.get("facts") or {}, answer.get("package") or {}
    version = str(package.get("core") or facts.get("nginx_version") or "")
    if not _numbers(version):
        return None
    cves = frozenset(each for each in package.get("fixed") or () if _CVE.fullmatch(each))
    flavour = str(package.get("flavour") or "nginx")
    return Installed(version, flavour, str(package.get("version") or ""), cves, platform)


def is_vulnerable(advisory: Advisory, version: str) -> bool:
    """Return whether nginx of a version has a vulnerability by its number.

    A branch that was fixed is fixed from that version on, though a range of others goes over it: 1.16.1 is within
    1.9.5-1.17.2, and fixed.
    """
    found = _numbers(version)
    ranges = [each.split("-") for each in advisory.vulnerable]
    if not found or not any(_numbers(first) <= found <= _numbers(last) for first, last in ranges):
        return False
    return not any(_numbers(each)[:2] == found[:2] and found >= _numbers(each) for each in advisory.fixed)


def concerned(config: Config, installed: Installed, advisories: Iterable[Advisory]) -> tuple[list[Concern], int]:
    """Return the vulnerabilities of an nginx that concern a tree, and how many that do its package has fixed."""
    found, fixed = [], 0
    names = sorted({directive.name for directive in config.walk()})
    for advisory in advisories:
        if not is_vulnerable(advisory, installed.version):
            continue
        by = [_first(config, names, group) for group in advisory.concerns]
        if None in by:
            continue
        if installed.has_fixed(advisory):
            fixed += 1
        else:
            found.append(Concern(advisory, by[0] if by else None))
    return found, fixed


def _first(config: Config, names: Sequence[str], patterns: Sequence[str]) -> Directive | None:
    return next((each for pattern in patterns for each in _fitting(config, names, pattern)), None)


def _fitting(config: Config, names: Sequence[str], pattern: str) -> Iterator[Directive]:
    """Yield the directives that fit a pattern as ``listen quic``: that name, and an argument for each further word."""
    name, *words = pattern.split()
    wanted = [each for each in names if fnmatchcase(each, name)]
    for directive in config.named(*wanted) if wanted else ():
        if all(any(fnmatchcase(argument, word) for argument in directive.args) for word in words):
            yield directive


def _numbers(version: str) -> tuple[int, ...]:
    parts = [whole_number(each) for each in version.split(".")[:3]]
    return tuple(each or 0 for each in parts) if parts and None not in parts else ()


def is_newer(first: str, second: str) -> bool:
    """Return whether a version of Debian's packages is newer than another one, as dpkg orders them."""
    for one, other in zip_longest(re.findall(r"\d+|\D+", first), re.findall(r"\d+|\D+", second), fillvalue=_NONE):
        if one == other:
            continue
        numbers = whole_number(one or "0"), whole_number(other or "0")
        if None not in numbers and numbers[0] != numbers[1]:
            return (numbers[0] or 0) > (numbers[1] or 0)
        if None in numbers:
            return _order(one) > _order(other)
    return False


def _order(text: str) -> list[int]:
    """Return how dpkg orders letters: a tilde before the end, the end before letters, letters before all others."""
    return [-1 if each == "~" else ord(each) if each.isalpha() else ord(each) + 256 for each in text] + [0]
