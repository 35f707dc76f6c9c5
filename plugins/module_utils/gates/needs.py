"""What is needed and was not before exists on the hosts, or is declared (``nginx_needs``).

Where no host is asked, as in a pull request, a new need is listed and left to the preflight of the push, in which each
host looks for it before anything is switched. What looks like a slip fails at once: a near miss of something that
exists, and a need that shuts another one out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ..closest_match import closest_path
from ..config.parse import CONF_ROOT
from ..engine.needs.document_roots import alternatives, group_of, is_misspelt
from ..needs.comparing import KnownValues, NeedState, answers, new_needs, outside, standing
from ..needs.declared import declared
from ..needs.model import Need
from ..needs.slips import PACKAGED, Slip
from ..paste import quoted
from ..textfmt import count, listed
from ..verdicts.model import Finding, Subject, Verdict
from ..verdicts.slips import left_to_preflight, slips_of

AFTER = ("parse",)
ON: tuple[str, ...] = ()

_MOST_HOSTS = 3
_MOST_LISTED = 50
# Finding what is most like a value takes long where there are thousands of them.
_MOST_HINTS = 20
_PATHS = ("directory", "file")
_Indexes = dict[tuple[object, ...], list[dict[str, Any]]]


def run(subject: Subject) -> Verdict:
    """Fail for each new need that a host lacks, or that nobody could say anything of."""
    texts = declared(subject.options.declared)
    live = subject.live.needs if subject.live else None
    needs, new = outside(subject.needs), new_needs(subject.needs, live)
    known, said = KnownValues(live or ()), answers(subject.said)
    indexes = alternatives(need.to_json() for need in subject.needs if _is_known(need, subject, known))
    slips = slips_of(subject) if said is None else {}
    left = left_to_preflight(subject)
    found = [
        _Found(subject, how, known, indexes, slip=slips.get(how.need.key), left=how.need.key in left)
        for how in (standing(need, texts, said, subject.hosts) for need in new)
    ]
    evidence: dict[str, Any] = {"needs": [need.to_json() for need in needs], "new": [list(need.key) for need in new]}
    if live is None:
        return _first_release(subject, needs, found, evidence)
    faults = [each for each in found if each.is_lacking]
    silent = [each for each in found if each.is_unknown]
    if silent and not faults:
        hosts = sorted({host for each in silent for host in each.standing.silent})
        named = listed(hosts, _MOST_HOSTS)
        words = f"{named} could not be asked about {count(len(silent), 'new need')}: {_why(subject, hosts)}"
        return Verdict("inconclusive", words, [each.unknown() for each in _told(silent)], evidence)
    later = _told([each for each in found if each.is_left and each not in faults])
    good = f"{count(len(needs), 'need')}, all of them the live release's as well"
    if later:
        good = _left(later)
        evidence["left"] = [list(need.key) for each in later for need in (each.need, *each.also)]
    elif new:
        good = f"{count(len(new), 'need')} more than the live release has, each met or declared"
    return Verdict.of([*_findings(faults), *(each.listed() for each in later[:_MOST_LISTED])], good, **evidence)


def _left(later: Sequence[_Found]) -> str:
    needs = [f"the {each.need.kind} {each.need.value}" for each in later]
    return f"{count(len(needs), 'new need')}, left to the preflight: {listed(needs, _MOST_HOSTS)}"


def _first_release(
    subject: Subject, needs: Sequence[Need], found: Sequence[_Found], evidence: dict[str, Any]
) -> Verdict:
    """Pass, and list the needs, unless there may be a live release that nobody could tell of."""
    if subject.said and not any(answer.get("ok") for answer in subject.said.values()):
        hosts = sorted(subject.said)
        words = f"nobody can say what is live on {listed(hosts, _MOST_HOSTS)}: {_why(subject, hosts)}"
        return Verdict("inconclusive", words, evidence=evidence)
    words = f"a first release, with {count(len(needs), 'need')}{_kinds(needs)}; each host checks them in preflight"
    return Verdict("pass", words, _findings([each for each in found if each.is_lacking]), evidence)


class _Found:
    """A new need, how it stands with it, and what is said of it."""

    def __init__(
        self,
        subject: Subject,
        how: NeedState,
        known: KnownValues,
        indexes: _Indexes,
        *,
        slip: Slip | None,
        left: bool,
    ) -> None:
        self.need, self.standing = how.need, how
        self._slip, self._left = slip, left
        self.also: list[Need] = []
        self._subject, self._known, self._indexes = subject, known, indexes
        self._mapped = _mapped(how.need, subject.options.docroots)

    @property
    def is_lacking(self) -> bool:
        """Return whether it is known not to be there, or nobody was asked and it looks like a slip."""
        if self.standing.declared or self.standing.lacking:
            return not self.standing.declared
        if self.standing.asked or self.standing.silent:
            return False
        if self._mapped is not None:
            return not self._mapped.exists() and not self._is_excused
        return self._slip is not None

    @property
    def is_left(self) -> bool:
        """Return whether it is to be listed, for the preflight of each host: nobody could be asked. What is usual
        is not.
        """
        usual = self.need.kind == "directory" and self.need.value in PACKAGED
        own = _of_own_folder(self.need, self._subject)
        return self._left and not (self.standing.declared or self._mapped or usual or own)

    @property
    def _is_excused(self) -> bool:
        """Return whether another index file of its line is known, and it is not misspelt."""
        row = self.need.to_json()
        there = self._indexes.get(group_of(row), [])
        return bool(there) and not is_misspelt(row, self._near(beside=True), there)

    @property
    def is_unknown(self) -> bool:
        """Return whether a host was to be asked, and has not said."""
        return not self.standing.declared and not self.standing.lacking and bool(self.standing.silent)

    def finding(self, *, hint: bool = True) -> Finding:
        """What is to be said where it is lacking, with the nearest thing that exists as a ``hint``."""
        how, need = self.standing, self.need
        near = self._slip.near if self._slip else self._near() if hint else how.near
        meant = f"; did you mean {near}?" if near else ""
        if how.lacking:
            hosts, lack = listed(sorted(how.lacking), _MOST_HOSTS), "lacks" if len(how.lacking) == 1 else "lack"
            who = f"it is taken on {hosts}" if need.kind == "port" else f"{hosts} {lack} it"
            expected = "each host has it, or it is declared"
            seen = _told_by(how.lacking)
        elif self._mapped:
            who, expected = "staging_docroots has no such thing", f"{self._mapped} exists"
            seen = "nothing is there"
        else:
            who, expected = "the live release does not", "what exists, or a declaration"
            seen = f"{self._slip.why}; no host was asked" if self._slip else "no host was asked"
        return Finding(
            f"the release needs {need.words}, and {who}{meant}",
            file=need.file,
            line=need.line,
            expected=expected,
            actual=seen,
            fix=self._fix(near),
            # Of a first release each host is asked in preflight.
            warning=self._subject.live is None,
        )

    def listed(self) -> Finding:
        """What is to be said where it is left to the preflight."""
        need = self.need
        inside = need.kind in _PATHS and PurePosixPath(need.value).is_relative_to(CONF_ROOT)
        return Finding(
            f"{need.words} is new: each host checks it in preflight, before anything is switched",
            file=need.file,
            line=need.line,
            fix="the release does not bring it: add it, or keep it on the hosts (nginx_shared_paths)" if inside else "",
            warning=True,
        )

    def unknown(self) -> Finding:
        """What is to be said where a host did not answer."""
        need = self.need
        return Finding(
            f"nobody can say whether {listed(sorted(self.standing.silent), _MOST_HOSTS)} has {need.words}",
            file=need.file,
            line=need.line,
            fix="ask again when the hosts can be reached, or " + self._fix("").removeprefix("where it is meant, "),
        )

    def _near(self, *, beside: bool = False) -> str:
        if self.standing.near:
            return self.standing.near
        if self._mapped:
            near = closest_path(str(self._mapped))
            root = _root(self.need, self._subject.options.docroots)
            folder = str(Path(self._subject.options.docroots[root]))
            if near.startswith(folder + "/"):
                return root.rstrip("/") + near[len(folder) :]
        return self._known.nearest(self.need, beside=beside)

    def _fix(self, near: str) -> str:
        texts = ", ".join(quoted(f"{need.kind}:{need.value}") for need in (self.need, *self.also))
        other = f"write {near}, or " if near else ""
        return f"{other}where it is meant, declare it: nginx_needs: [{texts}]"


def _is_known(need: Need, subject: Subject, known: KnownValues) -> bool:
    """Return whether the controller has it where the user mapped it; elsewhere, whether the live release has the
    need.
    """
    mapped = _mapped(need, subject.options.docroots)
    if mapped is not None:
        return mapped.exists()
    return subject.live is None or need.key in known.keys


def _of_own_folder(need: Need, subject: Subject) -> bool:
    """Return whether it is an index file of a folder that the release brings, where no host could have one."""
    folder = PurePosixPath(need.value).parent
    if need.purpose != "index" or subject.release is None or not folder.is_relative_to(CONF_ROOT):
        return False
    return (subject.release.tree / folder.relative_to(CONF_ROOT)).is_dir()


def _findings(lacking: Sequence[_Found]) -> list[Finding]:
    return [each.finding(hint=place < _MOST_HINTS) for place, each in enumerate(_told(lacking))]


def _told(found: Sequence[_Found]) -> list[_Found]:
    """One finding for one fault: what follows from another need that is not met is told, and declared, with it."""
    folders = {each.need.value: each for each in found if each.need.kind == "directory"}
    hosts = {each.need.value.rpartition(":")[0]: each for each in found if each.need.kind == "endpoint"}
    told: list[_Found] = []
    for each in found:
        cause = None
        if each.need.kind == "name":
            cause = hosts.get(each.need.value)
        elif each.need.kind in _PATHS:
            above = [str(path) for path in reversed(PurePosixPath(each.need.value).parents)]
            cause = next((folders[path] for path in above if path in folders), None)
        if cause is None:
            told.append(each)
        elif each.need.kind != "name":
            # Who declares an endpoint declares its name as well.
            cause.also.append(each.need)
    return told


def _root(need: Need, docroots: Any) -> str:
    """The mapped document root that the need is in, or nothing."""
    roots = [root for root in docroots if (need.value + "/").startswith(root.rstrip("/") + "/")]
    return max(roots, key=len, default="") if need.kind in _PATHS else ""


def _mapped(need: Need, docroots: Any) -> Path | None:
    """Where the controller has what the need names, by ``staging_docroots``."""
    root = _root(need, docroots)
    return Path(docroots[root], need.value[len(root.rstrip("/")) :].lstrip("/")) if root else None


def _kinds(needs: Sequence[Need]) -> str:
    kinds = Counter(need.kind for need in needs)
    return f" ({', '.join(f'{number} {kind}' for kind, number in sorted(kinds.items()))})" if kinds else ""


def _told_by(lacking: Mapping[str, str]) -> str:
    """What was seen, each thing once, with the hosts that said so."""
    said: dict[str, list[str]] = {}
    for host, words in sorted(lacking.items()):
        said.setdefault(words, []).append(host)
    return "; ".join(f"{listed(hosts, _MOST_HOSTS)}: {words}" for words, hosts in said.items())


def _why(subject: Subject, hosts: Sequence[str]) -> str:
    for host in hosts:
        for problem in ((subject.said or {}).get(host) or {}).get("problems", []):
            return f"{problem.get('what')} (gates_probe: false examines without them)"
    return "it gave no answer (gates_probe: false examines without them)"
