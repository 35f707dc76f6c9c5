from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.decisions import RunState
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.hooks import hooks_of, not_ended, to_return
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Event

Make = Callable[..., Event]


def test_hooks_are_files_of_the_project(tmp_path: Path) -> None:
    for name in ("drain.yml", "return.yml"):
        (tmp_path / name).touch()
    found = hooks_of({"before_host": "drain.yml", "after_host": str(tmp_path / "return.yml")}, tmp_path)
    assert found == {"before_host": str(tmp_path / "drain.yml"), "after_host": str(tmp_path / "return.yml")}
    assert hooks_of({}, tmp_path) == {}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"before_hosts": "a"}, "rollout_hooks: unknown key 'before_hosts'; did you mean 'before_host'?"),
        ({"after_run": "away.yml"}, "rollout_hooks.after_run: there is no file"),
        ({"after_run": ["a"]}, "rollout_hooks.after_run: a list is not text"),
        ("drain.yml", "rollout_hooks: 'drain.yml' is not a mapping"),
        ({"before_host": "there.yml"}, "rollout_hooks: before_host has no after_host, so no host would be put back"),
    ],
)
def test_hooks_that_cannot_be_are_refused(tmp_path: Path, value: Any, words: str) -> None:
    (tmp_path / "there.yml").touch()
    with pytest.raises(InputError) as raised:
        hooks_of(value, tmp_path)
    assert str(raised.value).startswith(words)


def _hook(event: Make, host: str, name: str, *, good: bool = True) -> Event:
    return event(f"{host} hook{'' if good else ' FAILED'}", hook=name)


def test_a_hook_that_did_not_end_since_it_began_last_is_known(event: Make) -> None:
    begun = event("run hook", begins="after_host", hosts=["web1", "web2"])
    so_far = [_hook(event, "web1", "after_host"), _hook(event, "web2", "after_host"), begun]
    assert not_ended(so_far, "after_host", ["web1", "web2"]) == ["web1", "web2"]
    so_far += [_hook(event, "web2", "after_host", good=False), _hook(event, "web1", "before_host")]
    assert not_ended(so_far, "after_host", ["web1", "web2"]) == ["web1"]


def test_hosts_that_were_taken_out_are_returned_once_they_serve_what_they_did(event: Make) -> None:
    out = [_hook(event, host, "before_host") for host in ("web1", "web2", "web3", "web4", "web5", "web6")]
    rest = [
        # Switched, back in, and then rolled back: nobody took it out again.
        event("web1 activate"),
        _hook(event, "web1", "after_host"),
        event("web1 finalize", operation="rollback", rolled_back=True),
        # It failed to switch and was rolled back.
        event("web2 activate FAILED", rolled_back=True),
        event("web2 finalize", operation="rollback", rolled_back=None),
        # It is out, and nothing was switched.
        # It is broken, so visitors must not come to it.
        event("web4 activate FAILED", broken=True),
        event("web4 finalize FAILED", operation="rollback", rolled_back=False, broken=True),
        # Nobody knows what it serves.
        event("web5 activate FAILED", unreachable_host=True),
        # It switched, and what was to put it back failed; then it was rolled back.
        event("web6 activate"),
        _hook(event, "web6", "after_host", good=False),
        event("web6 finalize", operation="rollback", rolled_back=True),
    ]
    assert to_return([*out, *rest]) == ["web2", "web3", "web6"]


def test_what_was_rolled_back_for_its_balancer_is_not_asked_again(event: Make) -> None:
    so_far = [
        event("web1 activate"),
        event("run hook FAILED"),
        event("web1 finalize", operation="rollback", rolled_back=True),
    ]
    assert RunState(so_far).decide("finalize", "web1").operation == ""
    assert RunState(so_far[:2]).decide("finalize", "web1").operation == "rollback"
