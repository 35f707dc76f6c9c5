"""Drift: where the live tree is no longer its release."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Iterable, Mapping, NamedTuple, Sequence

from ...manifest import ManifestEntry, PathDifference, compare, entries_from_json, read_tree, why_odd
from ...untrusted import printable
from ..session import Problem, Session

if TYPE_CHECKING:
    from ..protocol import Json

__all__ = [
    "NOT_LINKED",
    "Drift",
    "difference_text",
    "drift",
    "drift_problem",
    "is_ours",
    "odd_problems",
    "sorted_drift",
]

NOT_LINKED = "."
_MOST_FILES, _MOST_TEXT = 20, 64 << 10
# What certbot's nginx plugin writes behind each line of its own.
_CERTBOT = b"# managed by Certbot"
_MOST_BYTES = 1 << 20
_MOST_FAULT = 300


class Drift(NamedTuple):
    """Drift by who made it: ``own`` is somebody's edit, ``package`` are paths with the package that changed them.

    ``shared`` are shared paths in whose place something replaced the link, ``certbot`` those of ``own`` that certbot's
    nginx plugin has edited.
    """

    own: list[PathDifference]
    package: Mapping[str, str]
    shared: Sequence[str]
    certbot: Sequence[str]

    def stops(self, policy: str) -> bool:
        """Return whether a deployment stops for it. ``policy`` is refuse, adopt-package, adopt or discard."""
        return (bool(self.own) and policy not in ("adopt", "discard")) or (bool(self.package) and policy == "refuse")


def drift(session: Session, state: Json) -> list[PathDifference]:
    """List where the live tree is no longer its release. The path ``.`` stands for the link itself.

    A host that Sluice never switched has no drift.
    """
    live = state["live"]
    if live is None or not is_ours(session, state):
        return []
    found = [] if session.layout.linked() == _expected_link(state) else [PathDifference(NOT_LINKED, "changed")]
    tree = session.layout.conf
    if not tree.is_dir():
        return found or [PathDifference(NOT_LINKED, "removed")]
    manifest = entries_from_json(session.store.meta(live).get("manifest", []))
    return found + compare(manifest, read_tree(tree.resolve(), odd=True))


def odd_problems(session: Session) -> list[Problem]:
    """Return what of ``/etc/nginx`` cannot be adopted, since no release can hold it, by its path there."""
    conf = session.layout.conf
    problems = []
    for path, why in _odd(session):
        problems.append(
            Problem(
                f"{conf}/{path} cannot be adopted on this host: {why}",
                "files, directories and links, with names in UTF-8 and without control characters",
                fix=f"remove it or move it out of {conf}, and deploy again",
            )
        )
    return problems


def _odd(session: Session) -> list[tuple[str, str]]:
    entries = read_tree(session.layout.conf.resolve(), odd=True)
    found = [(printable(entry.path), why_odd(entry)) for entry in entries]
    return [(path, why.partition(";")[0]) for path, why in found if why][:_MOST_FILES]


def sorted_drift(session: Session, state: Json, differences: Iterable[PathDifference]) -> Drift:
    """Sort differences by who made them. The packages of the host are read only where there is something to sort."""
    found = list(differences)
    if not found or not state["live"]:
        return Drift(found, {}, [], [])
    from ..packages import find_packages, package_drift

    manifest = entries_from_json(session.store.meta(state["live"]).get("manifest", []))
    shared = _replaced(session, manifest, found)
    left = [each for each in found if not any(_is_at(each.path, path) for path in shared)]
    package: Mapping[str, str] = {}
    if left and not any(each.path == NOT_LINKED for each in left):
        conf = session.layout.conf
        packages = find_packages(conf.parents[1])
        package = package_drift(left, manifest, conf, packages)
        if packages and packages.fault():
            why = printable(packages.fault()[:_MOST_FAULT])
            session.warn(f"{packages.name} cannot say what packages have changed, which so counts as an edit: {why}")
    own = [each for each in left if each.path not in package]
    return Drift(own, package, shared, [each.path for each in own if _is_certbots(session, each)])


def _is_at(path: str, shared: str) -> bool:
    return path == shared or path.startswith(f"{shared}/")


def _replaced(session: Session, manifest: Iterable[ManifestEntry], differences: Iterable[PathDifference]) -> list[str]:
    """List the shared paths where a file or a folder is now in place of the link, as `sed -i` leaves one.

    A file that RPM put there, and the link beside it as ``.rpmsave``, is the package's: what is shared stays.
    """
    changed = {each.path for each in differences if each.what == "changed"}
    ours = {
        entry.path
        for entry in manifest
        if entry.kind == "link" and entry.value == str(session.layout.shared / entry.path)
    }
    places = {path: session.layout.conf / path for path in changed & ours}
    return sorted(
        path
        for path, place in places.items()
        if not place.is_symlink()
        and (place.is_file() or place.is_dir())
        and not place.with_name(f"{place.name}.rpmsave").is_symlink()
    )


def _is_certbots(session: Session, difference: PathDifference) -> bool:
    place = session.layout.conf / difference.path
    if difference.what == "removed" or place.is_symlink() or not place.is_file():
        return False
    try:
        with open(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return _CERTBOT in file.read(_MOST_BYTES)
    except OSError:
        return False


def is_ours(session: Session, state: Json) -> bool:
    """Return whether Sluice has ever switched this host; else what ``/etc/nginx`` holds is to be adopted."""
    if session.layout.linked(ours=True) is not None:
        return True
    return any((record.get("confirmed") or {}).get("run") for record in state["releases"].values())


def _expected_link(state: Json) -> str | None:
    pending = state["pending"]
    if pending and pending["phase"] not in ("intent", "rolling_back"):
        return str(pending["release"])
    live: str | None = state["live"]
    return live


def drift_problem(session: Session, state: Json, found: Drift) -> Problem:
    """Return which paths are not as the release left them, at most twenty, and how their texts differ."""
    odd = dict(_odd(session)) if state["live"] else {}
    differences = [*found.own, *(PathDifference(path, f"by {whose}") for path, whose in sorted(found.package.items()))]
    paths = [(printable(path), what) for path, what in differences[:_MOST_FILES] if path != NOT_LINKED]
    listed = [f"{path} ({what}{': ' + odd[path] if path in odd else ''})" for path, what in paths]
    if any(path == NOT_LINKED for path, _ in differences):
        listed.insert(0, f"/etc/nginx no longer leads to the live release ({_instead(session)})")
    more = f" and {len(differences) - _MOST_FILES} more" if len(differences) > _MOST_FILES else ""
    return Problem(
        "the live tree was changed on the host since it was deployed (drift)" if found.own else _BY_PACKAGES,
        "the files of the live release",
        ", ".join(listed) + more,
        _of_certbot(found.certbot) if found.certbot else _DO if found.own else _DO_PACKAGES,
        diff=difference_text(session, state, found.own or differences),
    )


_DO = (
    "adopt it (-e rollout_drift=adopt keeps a copy as a release to go back to) or discard it "
    "(-e rollout_drift=discard), or bring the change into the deployed tree"
)
_BY_PACKAGES = "packages of the host have changed the live tree since it was deployed (package drift)"
_DO_PACKAGES = "-e rollout_drift=adopt-package keeps a copy as a release to go back to, and goes on"


def _of_certbot(paths: Sequence[str]) -> str:
    """Return how to go on after certbot's nginx plugin: what would be lost, and the exact words for either way."""
    names = ", ".join(paths)
    return (
        f"certbot's nginx plugin has edited {names}. To keep HTTPS, write its lines (`# managed by Certbot`) into the "
        "deployed tree, with `location ^~ /.well-known/acme-challenge/ { root /var/www/acme; }` on port 80 (typed "
        "sites: tls and acme), deploy once with -e rollout_drift=adopt, and let certbot leave the configuration alone "
        "from now on: `certbot certonly --webroot -w /var/www/acme -d NAME --cert-name NAME`. "
        "-e rollout_drift=discard takes its lines away, and HTTPS with them"
    )


def _instead(session: Session) -> str:
    """Return what is in the link's place, and who usually puts it there."""
    conf = session.layout.conf
    if conf.is_symlink():
        return f"it is a link to {printable(os.readlink(conf))}"
    if conf.is_dir():
        return "it is a directory again, as a purge of the package or a configuration management leaves it"
    return "it is gone, as after a purge of the package" if not conf.exists() else "it is no directory"


def difference_text(session: Session, state: Json, differences: Iterable[PathDifference]) -> str:
    """Return a unified diff from the release to the live tree, of the first twenty files, at most 64 KiB.

    What is secret on either side is not in it.
    """
    paths = [each.path for each in differences if each.path != NOT_LINKED][:_MOST_FILES]
    if not paths or not state["live"]:
        return ""
    from .disclosure import differences as compared
    from .disclosure import read_pristine, read_side

    live = read_side(session.layout.conf.resolve())
    if live is None:
        return "(not shown: the live tree is too large to tell what is secret in it)"
    before = read_pristine(session, state)
    lines = compared(before, live, session.layout.conf, paths, ("release", "live"))
    text = "\n".join(lines)
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}\n(and more)"
