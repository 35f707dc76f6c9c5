"""What the preflight finds before any host is switched: settings that differ, what hosts are, and what would change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import read_release_id
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import Answer
from ansible_collections.sluice.nginx.plugins.plugin_utils.rollout.journal import ShownJournal

__all__ = ["PreflightAnswers", "check_agreement"]

# So many hosts of a kind are named; the rest is counted.
_NAMED = 3
# Settings of the role that hosts of one run may have different values of.
_EACH_ITS_OWN = ("rollout_allowed_signers", "rollout_engine_command", "rollout_inventory")
# A value of it may have a password.
_NOT_SHOWN = "rollout_store"


def check_agreement(
    settings: Iterable[str], hosts: Sequence[str], variables: Callable[[str], Mapping[str, Any]]
) -> None:
    """Raise ``InputError`` for a setting of which hosts have different values: a run has one for all of them."""
    names = [name for name in settings if name not in _EACH_ITS_OWN]
    first, *others = hosts
    here = variables(first)
    for host in others:
        there = variables(host)
        for name in names:
            if here.get(name) != there.get(name):
                values = f"{first} has {here.get(name)!r} and {host} has {there.get(name)!r}"
                found = f"{first} and {host} have different values" if name == _NOT_SHOWN else values
                do = "set it for their group, or leave hosts out with --limit"
                raise InputError(name, f"{found}, but a run has one for all of its hosts; {do}")


class PreflightAnswers:
    """Gathers what hosts answer to the preflight, each kind and each difference once."""

    def __init__(self, journal: ShownJournal, store: ReleaseStore) -> None:
        self._journal, self._store = journal, store
        self._platforms: dict[str, dict[str, Any]] = {}
        self._diffs: dict[str, list[str]] = {}

    def add(self, host: str, answer: Answer, tree: dict[str, str] | None, digests: dict[str, str]) -> None:
        """Take what a host is and, where it showed that, its live ``tree`` with ``digests`` of what is not in it."""
        if answer.get("platform"):
            self._platforms[host] = {name: answer.get(name) for name in ("platform", "nginx")}
        if answer.get("ok") and tree is not None:
            diff = self._journal.door.diff(self._difference(tree, digests, answer["release"]))
            if diff:
                self._diffs.setdefault(diff, []).append(host)

    def show_platforms(self) -> None:
        """Show what the hosts are, and what of it is described nowhere."""
        from ansible_collections.sluice.nginx.plugins.module_utils.platforms.detection import detected_of_answer

        kinds: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for host, answer in self._platforms.items():
            found = detected_of_answer(answer)
            kinds.setdefault((found.words, found.missing), []).append(host)
        for (words, missing), hosts in sorted(kinds.items()):
            more = f" and {len(hosts) - _NAMED} more" if len(hosts) > _NAMED else ""
            named = ", ".join(sorted(hosts)[:_NAMED]) + more
            self._journal.say(f"{named}: {words}")
            for each in missing:
                self._journal.say(f"{named}: {each}", color="yellow")

    def differences(self) -> list[dict[str, str]]:
        """Return each difference, with the hosts that have it, as Ansible shows it with ``--diff``."""
        return [{"prepared": f"{', '.join(hosts)}:\n{text}"} for text, hosts in self._diffs.items()]

    def _difference(self, before: dict[str, str], digests: dict[str, str], release: object) -> str:
        """Compare a host's live tree with the release, file by file."""
        identity = read_release_id(release)
        if not (self._store.root / identity / "release.json").is_file():
            return ""
        from ansible_collections.sluice.nginx.plugins.module_utils.fleet.difference import difference

        return difference(before, digests, self._store.get(identity).tree)
