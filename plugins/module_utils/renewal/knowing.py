"""What is known of renewals: as declared, as the hosts have it, as the live configuration tells, in that order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..config.parse import Config
from ..textfmt import listed
from .configured import certificates, client_of, is_literal, read_from
from .model import Renewal

__all__ = ["KnownRenewals", "known_renewals"]

_MOST_HOSTS = 3


@dataclass(frozen=True)
class KnownRenewals:
    """The renewals that can be tried in staging, and in words what of them was ``left`` out, and why."""

    renewals: Sequence[Renewal] = ()
    left: Sequence[str] = field(default_factory=tuple)


def known_renewals(
    config: Config,
    live: Config | None,
    declared: Sequence[Renewal],
    said: Mapping[str, Mapping[str, Any]] | None,
) -> KnownRenewals:
    """Return what is known of the renewals of a release. ``said`` is what each host answered when it was probed.

    A configuration is asked last: the live one, since the candidate may be wrong; the candidate where nothing is live.
    """
    sides = [each for each in (live, config) if each is not None]
    files = {path: (key, names) for each in sides for path, key, names in certificates(each)}
    found = [_completed(each, files) for each in (*declared, *_of_hosts(said or {}, files))]
    covered = {name for each in found for name in each.names}
    left = [f"{_named(each)}: renewed by {each.client} with {each.method}" for each in found if not _is_tried(each)]
    for renewal, why in read_from(live or config):
        names = tuple(name for name in renewal.names if name not in covered)
        if names and why:
            left.append(f"{_named(replace(renewal, names=names))}: {why}; gates_renewal can say how it is renewed")
        elif names:
            found.append(_completed(replace(renewal, names=names), files))
    return KnownRenewals(tuple(each for each in found if _is_tried(each)), tuple(dict.fromkeys(left)))


def _is_tried(renewal: Renewal) -> bool:
    return renewal.method == "nginx" or (renewal.method == "webroot" and bool(renewal.folder))


def _named(renewal: Renewal) -> str:
    return listed(renewal.names, _MOST_HOSTS)


def _completed(renewal: Renewal, files: Mapping[str, tuple[str, tuple[str, ...]]]) -> Renewal:
    """Add the key that the release reads beside the certificate, and the certificate of its first name."""
    path = renewal.certificate
    if not path:
        path = next((path for path, (_, names) in files.items() if client_of(path) and renewal.names[0] in names), "")
    return replace(renewal, certificate=path, key=files[path][0] if path in files else "")


def _of_hosts(said: Mapping[str, Mapping[str, Any]], files: Mapping[str, tuple[str, tuple[str, ...]]]) -> list[Renewal]:
    """Return the renewals that hosts have, each once; the names of a certificate are those of its servers as well."""
    found: dict[tuple[object, ...], Renewal] = {}
    for host, answer in sorted(said.items()):
        for row in answer.get("renewals") or ():
            path = str(row["certificate"])
            by_folder: dict[str, dict[str, None]] = {}
            for name, folder in row["folders"].items():
                by_folder.setdefault(str(folder), {})[name] = None
            usual = next(iter(by_folder), "")
            for name in files.get(path, ("", ()))[1]:
                if not any(name in names for names in by_folder.values()):
                    by_folder.setdefault(usual, {})[name] = None
            for folder, names in by_folder.items():
                literal = tuple(name for name in names if is_literal(name))
                if literal:
                    one = Renewal(
                        literal, row["client"], row["method"], folder, path, "", row["hook"], f"the host {host}"
                    )
                    found.setdefault((one.names, one.client, one.method, one.folder, one.hook), one)
    return list(found.values())
