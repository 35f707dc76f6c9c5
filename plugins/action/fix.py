"""Applies the fixes of what a run found to the user's files, after the gates have examined the releases with them."""

from __future__ import annotations

import difflib
import stat
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.action.gates import ActionModule as Gates
from ansible_collections.sluice.nginx.plugins.module_utils.accepted.judging import Accepted
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fixes.sources import Patch, Proposed, patched, patches_of
from ansible_collections.sluice.nginx.plugins.module_utils.fixes.verifying import FoundFault, Judged, fixable, judge
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import visitor
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate
from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.finding import find_run
from ansible_collections.sluice.nginx.plugins.module_utils.record.model import read_record
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.redactor import Redactor
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.releases import door_of
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.reports.progress import GatesProgress
from ansible_collections.sluice.nginx.plugins.module_utils.storage import write_bytes
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import count, excerpt
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Edit
from ansible_collections.sluice.nginx.plugins.plugin_utils.accepting import accepted_file
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import project
from ansible_collections.sluice.nginx.plugins.plugin_utils.live import LiveLine
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show, show_text

_Proposal = tuple[Candidate, Proposed]
# Fixes that spoil each other are tried one by one, each of which takes as long as the gates do.
_MOST_ALONE = 8


class ActionModule(Gates):
    """Asks the gates as ``sluice.nginx.gates`` does; no host is touched, and no receipt written."""

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Make the fixes that heal; in check mode only show them."""
        options = {**options, "culprits": False, "culprit_seconds": 1.0, "emergency": ""}
        folder = find_run(self._state() / "runs", options["run"])
        record = Redactor().data(read_record(folder))
        self._options = options
        self._before = {row["release"]: row["verdicts"] for row in record["releases"] if row["release"]}
        candidates = [each for each in self._candidates(options) if each.release and each.release.id in self._before]
        if not candidates:
            raise SluiceError(
                f"the files have changed since run {folder.name}, or other hosts are meant: none of its releases is "
                "what they give now; run sluice.nginx.gate, and then this one for that run"
            )
        self._door = door_of(each for one in candidates for each in (one.release, one.live))
        proposals = [
            (each, Proposed(fault, tuple(_edit(row) for row in finding["edits"])))
            for each in candidates
            if each.release
            for fault, finding in fixable(self._before[each.release.id])
        ]
        _, beyond = self._patches(proposals)
        good, judged = self._verified([each for each in proposals if self._reaches(each)])
        patches, _ = self._patches(good)
        return self._told(patches, judged, beyond, self._left(candidates))

    def _patches(self, proposals: Iterable[_Proposal]) -> tuple[dict[str, Patch], list[str]]:
        return patches_of([(each.release, fix) for each, fix in proposals if each.release], project())

    def _reaches(self, proposal: _Proposal) -> bool:
        return bool(self._patches([proposal])[0])

    def _left(self, candidates: Sequence[Candidate]) -> list[str]:
        """What the run found and no program can fix."""
        found = [judge([], self._before[each.release.id]).left for each in candidates if each.release]
        return list(dict.fromkeys(line for lines in found for line in lines))

    def _verified(self, proposals: list[_Proposal]) -> tuple[list[_Proposal], list[Judged]]:
        """Return the fixes that heal what they are for and spoil nothing, and what the gates say with them."""
        if not proposals:
            return [], []
        judged = self._asked(proposals)
        if not any(each.caused for each in judged):
            return _healing(proposals, judged), judged
        # One of them spoils something.
        alone = [each for each in _by_fix(proposals)[:_MOST_ALONE] if self._is_good(each)]
        good = [proposal for each in alone for proposal in each]
        if not good:
            return [], []
        judged = self._asked(good)
        return (good, judged) if not any(each.caused for each in judged) else ([], [])

    def _is_good(self, proposals: list[_Proposal]) -> bool:
        judged = self._asked(proposals)
        return not any(each.caused for each in judged) and bool(_healing(proposals, judged))

    def _asked(self, proposals: Sequence[_Proposal]) -> list[Judged]:
        """Have the gates examine the releases with these fixes."""
        patches, _ = self._patches(proposals)
        file = accepted_file(self._options["accepted_file"])
        accepted = Accepted(file.read(), file.shown, self._door)
        changed = list({each.release.id: each for each, _ in proposals if each.release}.values())
        show(self._display, f"the gates examine {count(len(changed), 'release')} with the fixes")
        with (
            tempfile.TemporaryDirectory(dir=self._state(), prefix="fixes-") as folder,
            LiveLine(self._display, door=self._door) as live,
        ):
            store = ReleaseStore(Path(folder))
            candidates = [self._with(each, patches, store) for each in changed]
            progress = GatesProgress(live, self._door, len(candidates))
            live.now = progress.now
            run = visitor("fix").id
            examined = self._examiner(self._options, run, accepted, progress.of).examine(candidates)
        pairs = zip(changed, examined, strict=True)
        return [
            judge(self._before[was.release.id], [each.to_json() for each in is_now.through(self._door).verdicts])
            for was, is_now in pairs
            if was.release
        ]

    @staticmethod
    def _with(candidate: Candidate, patches: Mapping[str, Patch], store: ReleaseStore) -> Candidate:
        if candidate.release is None:
            raise SluiceError("there is no release to fix")
        described = candidate.release.described
        tree = patched(candidate.release, patches)
        release = store.add(tree, described["contract"], described["shared"], described["platform"])
        return replace(candidate, release=release)

    def _told(
        self, patches: Mapping[str, Patch], judged: Sequence[Judged], beyond: Sequence[str], before: Sequence[str]
    ) -> dict[str, Any]:
        """Write the files, show what is done, and return the result."""
        would = self._task.check_mode
        for patch in patches.values():
            if not would:
                mode = stat.S_IMODE(patch.path.stat().st_mode)
                write_bytes(patch.path, patch.after, mode=mode)
            for edit in patch.edits.values():
                verb = "would write" if would else "writes"
                text = "; ".join(line.strip() for line in edit.new)
                show(self._display, f"{patch.origin}:{edit.line}: {verb} {text}", self._door, color="green")
        left = list(dict.fromkeys(line for each in judged for line in each.left)) if judged else list(before)
        if not patches:
            show(self._display, "no finding has a fix that a program can make and the gates let pass")
        if beyond:
            lines = ["out of reach, since these files are not yours, or are made by a template:", *_listed(beyond)]
            show_text(self._display, "\n".join(lines), self._door)
        if left:
            show_text(self._display, "\n".join(["left for a person:", *_listed(left)]), self._door)
        elif patches:
            again = "run it again without --check to write them" if would else "look at them, and commit them"
            show(self._display, f"every gate passes with the fixes; {again}")
        result = {"changed": bool(patches), "files": list(patches), "left": [*beyond, *left]}
        return {**result, "diff": [self._diff(each) for each in patches.values()]} if self._task.diff else result

    def _diff(self, patch: Patch) -> dict[str, str]:
        before, after = (data.decode("utf-8", "replace").splitlines() for data in (patch.before, patch.after))
        lines = difflib.unified_diff(before, after, patch.origin, patch.origin, lineterm="")
        return {"prepared": self._door.diff("\n".join(lines))}


def _edit(row: Mapping[str, Any]) -> Edit:
    return Edit(str(row["file"]), int(row["line"]), str(row["old"]), tuple(row["new"]))


def _healing(proposals: Sequence[_Proposal], judged: Sequence[Judged]) -> list[_Proposal]:
    """Those whose finding is gone from some release that had it."""
    healed: set[FoundFault] = set().union(*(each.healed for each in judged))
    return [each for each in proposals if each[1].fault in healed]


def _by_fix(proposals: Sequence[_Proposal]) -> list[list[_Proposal]]:
    """The same fix of several releases counts as one."""
    found: dict[tuple[Edit, ...], list[_Proposal]] = {}
    for each in proposals:
        found.setdefault(each[1].edits, []).append(each)
    return list(found.values())


def _listed(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in excerpt(lines, 20)]
