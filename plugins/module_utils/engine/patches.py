"""Which package nginx's binary is of, and which vulnerabilities its changelog says to be fixed.

Distributions fix them without another number of nginx, so its version tells nothing of that.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from .packages import ask, find_manager
from .safe_open import read_any

if TYPE_CHECKING:
    from .protocol import Json

__all__ = ["package_of"]

_ROOT = Path("/")
_CVE = re.compile(r"CVE-\d{4}-\d{4,7}")
_MOST_LIST = 4 << 20
_MOST_STATUS = 256 << 20
_MOST_CHANGES = 8 << 20
_MOST_CVES = 500
_GZIP = 31


def package_of(binary: str, root: Path = _ROOT) -> Json:
    """Return ``name`` and ``version`` of the package that brought a binary, and ``fixed``, the CVEs of its changelog.

    Empty where no package did, as of an nginx that somebody built.
    """
    name, version, changes = "", "", ""
    manager = find_manager(root)
    if manager == "dpkg":
        name = _of_dpkg(binary, root)
        version = _version_of_dpkg(name, root) if name else ""
        changes = _changes_of_dpkg(name, root) if name else ""
    elif manager == "rpm":
        code, line = ask("rpm", "-qf", "--qf", "%{NAME} %{VERSION}-%{RELEASE}\n", binary)
        name, _, version = line.splitlines()[0].strip().partition(" ") if code == 0 and line.strip() else ("", "", "")
        changes = ask("rpm", "-q", "--changelog", name)[1] if name else ""
    elif manager == "apk":
        # Not --quiet, which leaves the version out. Its packages have no changelog.
        code, line = ask("apk", "info", "--who-owns", binary)
        found = re.search(r" is owned by (\S+)-(\d[^\s-]*-r\d+)$", line.strip()) if code == 0 else None
        name, version = (found[1], found[2]) if found else ("", "")
    return {"name": name, "version": version, "fixed": list(dict.fromkeys(_CVE.findall(changes)))[:_MOST_CVES]}


def _of_dpkg(binary: str, root: Path) -> str:
    # Before /usr was merged with / a package has the other one of the two paths.
    paths = {binary, binary[len("/usr") :] if binary.startswith("/usr/") else f"/usr{binary}"}
    for place in sorted((root / "var/lib/dpkg/info").glob("*.list")):
        if ("nginx" in place.name or "angie" in place.name or "openresty" in place.name) and paths.intersection(
            _text(place, _MOST_LIST).splitlines()
        ):
            return place.name[: -len(".list")].partition(":")[0]
    return ""


def _version_of_dpkg(name: str, root: Path) -> str:
    text = _text(root / "var/lib/dpkg/status", _MOST_STATUS)
    start = f"\n{text}".find(f"\nPackage: {name}\n")
    end = text.find("\n\n", max(start, 0))
    found = re.search(r"^Version: (\S+)$", text[start : end if end >= 0 else len(text)], re.M) if start >= 0 else None
    return found[1] if found else ""


def _changes_of_dpkg(name: str, root: Path) -> str:
    for end in ("changelog.Debian.gz", "changelog.gz"):
        try:
            data = read_any(root / "usr/share/doc" / name / end, _MOST_CHANGES)
            return zlib.decompressobj(_GZIP).decompress(data, _MOST_CHANGES).decode("utf-8", "replace")
        except (OSError, zlib.error):
            continue
    return ""


def _text(path: Path, most: int) -> str:
    try:
        return read_any(path, most).decode("utf-8", "replace")
    except OSError:
        return ""
