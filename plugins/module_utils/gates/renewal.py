"""Certificates go on renewing themselves: an authority in staging issues one to the client that the hosts have.

The client works beside nginx as on a host: it puts its tokens into its webroot, the authority (Pebble) asks nginx for
them, and the client's hook reloads nginx. Live is the yardstick: what fails there as well is no finding of this change.
Nothing is done, and nothing installed, where no certificate of the release belongs to a client of ACME.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..behaviour.attribution import own_lines
from ..config.derive import DerivedRequest, doors
from ..config.match import trace
from ..config.parse import Config
from ..effects.known_change import change_of
from ..errors import SluiceError
from ..renewal.configured import PROBED
from ..renewal.knowing import KnownRenewals, known_renewals
from ..renewal.model import read_renewal
from ..renewal.trying import CHALLENGE, RenewalFault, RenewalTrial, packages_for, try_renewals
from ..staging.extended import extended_image
from ..textfmt import count, listed
from ..verdicts.model import Finding, Live, Subject, Verdict

AFTER = ("start",)
# It has a stage of its own.
ON: tuple[str, ...] = ()

_MOST_NAMES = 3
_MOST_ASKED = 100
_LEADING = ("return", "rewrite", "error_page", "try_files")
_INSTALL_FIX = (
    "let the controller's Docker reach the distribution's packages, or say in gates_waivers why this may ship"
)


def run(subject: Subject) -> Verdict:
    """Fail for each renewal that works with the live release, and would fail with this one."""
    release, config = subject.examined
    live = subject.live.config if subject.live else None
    known = known_renewals(config, live, read_renewal(list(subject.options.renewal)), subject.said)
    notes = [Finding(words, warning=True) for words in known.left]
    if not known.renewals:
        return Verdict.of(notes, _NONE)
    if subject.live is not None and subject.live.release.id == release.id:
        return Verdict("pass", "nothing changes")
    if subject.live is not None and not _is_reached(subject, subject.live, known):
        return Verdict.of(notes, f"the change reaches no challenge and no certificate of {_renewed(known)}")
    try:
        packages = packages_for(known.renewals)
        # nginx's container has the client, and the judge the authority; where nginx is a host's own, these are two.
        images = [
            extended_image(subject.staged.client, each, packages)
            for each in (subject.staged.image, subject.staged.around)
        ]
    except SluiceError as error:
        return Verdict(
            "inconclusive", f"staging cannot have the client: {error}", [Finding(str(error), fix=_INSTALL_FIX)]
        )
    with subject.staged.beside("renewal", *images) as stage:
        tried = try_renewals(stage, config, known.renewals)
    before = _in_live(subject, known, images, tried.faults) if tried.faults else set()
    faults = [finding for fault in tried.faults for finding in _findings(fault, config, before)]
    unhooked = [_unhooked(name) for name in tried.unhooked]
    return Verdict.of([*faults, *unhooked, *notes], _good(tried), **_evidence(known, tried))


def _is_reached(subject: Subject, live: Live, known: KnownRenewals) -> bool:
    """Return whether the change may do anything to a renewal: to the answer to a challenge, to one anywhere where the
    first leads on, or to a certificate. certbot's plugin reads the whole configuration.
    """
    change = change_of(subject, live)
    if subject.options.strict or not change.is_local or any(each.method == "nginx" for each in known.renewals):
        return True
    if any(each.name.startswith("ssl_certificate") for each in change.changed):
        return True
    names = {name for each in known.renewals for name in each.names}
    both = (live.config, subject.examined[1])
    if any(change.reaches(DerivedRequest("GET", "http", name, 80, PROBED)) for name in names):
        return True
    if not any(_leads_on(config, name) for config in both for name in names):
        return False
    every = (door for config in both for server in config.servers() for door in doors(server, names=_MOST_ASKED))
    return any(change.reaches(door.ask(PROBED)) for door in every)


def _leads_on(config: Config, host: str) -> bool:
    """Return whether the challenge of a host may be answered by another server, or by another place."""
    blocks = [met for met in trace(config, host, 80, PROBED).met if met.block is not None]
    own = (line.name for block in blocks for line in own_lines(block))
    return any(name in _LEADING or name.endswith("_pass") for name in own)


def _renewed(known: KnownRenewals) -> str:
    return listed(tuple(name for each in known.renewals for name in each.names), _MOST_NAMES)


_NONE = "no certificate of this release is renewed by a client that is known; gates_renewal can name one"


def _in_live(
    subject: Subject, known: KnownRenewals, images: Sequence[str], faults: Sequence[RenewalFault]
) -> set[tuple[str, str]]:
    """Return which of ``faults`` the live release has as well: no change is the cause for those."""
    if subject.live is None or subject.live_fault:
        return set()
    with subject.staged_live.beside("renewal", *images) as stage:
        alone = all(fault.step == CHALLENGE for fault in faults)
        tried = try_renewals(stage, subject.live.config, known.renewals, challenges_alone=alone)
    return {fault.same(name) for fault in tried.faults for name in fault.names}


def _findings(fault: RenewalFault, config: Config, before: set[tuple[str, str]]) -> Iterator[Finding]:
    """One finding for what is new, and a warning for what the live release fails as well."""
    new = tuple(name for name in fault.names if fault.same(name) not in before)
    old = tuple(name for name in fault.names if fault.same(name) in before)
    if new:
        yield _finding(replace(fault, names=new), config)
    if old:
        found = _finding(replace(fault, names=old), config)
        yield replace(found, what=f"{found.what} (in the live release as well)", warning=True)


def _finding(fault: RenewalFault, config: Config) -> Finding:
    names, renewal = listed(fault.names, _MOST_NAMES), fault.renewal
    way = trace(config, fault.names[0], 80, PROBED)
    place = way.last
    if fault.step == CHALLENGE:
        where = f"http://{fault.names[0]}{PROBED.rpartition('/')[0]}/TOKEN"
        via = f", by {' → '.join(fault.ways)}" if len(fault.ways) > 1 else ""
        seen = " ← ".join(f"{met.file}:{met.line} {met.text}" for met in reversed(way.met))
        return Finding(
            f"the challenge of {names} is not answered, so the certificate is not renewed: {fault.why}{via}",
            file=place.file if place else "",
            line=place.line if place else 0,
            expected=f"GET {where} answers with the file that {renewal.client} puts into {renewal.folder} "
            f"(told by {renewal.source})",
            actual=f"{fault.why}; the request met {seen or 'no server that listens on port 80'}",
            fix=_fix(fault),
        )
    told = f"told by {renewal.source}"
    return Finding(
        f"the certificate of {names} would not be renewed: {fault.why}",
        file=place.file if place else "",
        line=place.line if place else 0,
        expected=f"a certificate, and nginx shows it ({told})",
        actual=fault.words or fault.why,
        fix=f"let {renewal.client} and the configuration agree again, or declare how it is renewed (gates_renewal)",
    )


def _fix(fault: RenewalFault) -> str:
    webroot = fault.renewal.folder.removesuffix("/.well-known/acme-challenge")
    way = "root " + webroot if webroot != fault.renewal.folder else f"alias {fault.renewal.folder}/"
    return (
        f"in the server of {fault.names[0]} on port 80: `location ^~ /.well-known/acme-challenge/ {{ {way}; }}`, with "
        "redirects in a location of their own (a `return` of the server comes before every location); where the client "
        "has another webroot, say so in gates_renewal"
    )


def _unhooked(name: str) -> Finding:
    return Finding(
        f"nobody knows what reloads nginx after a renewal of {name}, so that was not tried",
        fix='give the client a hook, as --deploy-hook "systemctl reload nginx", or name it in gates_renewal',
        warning=True,
    )


def _good(tried: RenewalTrial) -> str:
    parts = [f"{count(tried.answered, 'challenge')} answered"]
    parts += [f"a certificate issued to {listed(tried.issued, _MOST_NAMES)}"] if tried.issued else []
    parts += [f"shown after `{hook}`" for hook in dict.fromkeys(tried.reloaded)]
    return ", ".join(parts)


def _evidence(known: KnownRenewals, tried: RenewalTrial) -> dict[str, Sequence[object]]:
    rows = [
        {"names": list(each.names), "client": each.client, "method": each.method, "folder": each.folder}
        | {"hook": each.hook, "source": each.source}
        for each in known.renewals
    ]
    return {"renewals": rows, "issued": list(tried.issued), "left": list(known.left)}
