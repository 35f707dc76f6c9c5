"""Rehearses rollbacks on one host, with a release that changes nothing but a file that nginx never reads."""

from __future__ import annotations

import dataclasses
import functools
import secrets
import time
from collections.abc import Callable
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.drills import (
    CHECK,
    REBOOT,
    WATCHDOG,
    Drill,
    DrillStep,
    drill_request,
    judge_check,
    judge_watchdog,
    make_release,
    why_unfit,
    write_drill,
)
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import Question, RolloutOptions, build
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Run, visitor
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.signing import Signer, read_inventory
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.redactor import Redactor
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore, remove_release
from ansible_collections.sluice.nginx.plugins.module_utils.storage import path_of
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import duration, now, sentences
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import read_release_id
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import project
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import Answer, FleetAction, HostRequest
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show

# Seconds. A watchdog rolls back within these after its time has come, or the drill has failed.
_BACK = 60.0
_LOOK = 0.5
# A watchdog that acts after this long cannot be what brings a host back that was started anew.
_FAR = 3600.0


class ActionModule(FleetAction):
    """Asks one host, and leaves it as it was, whatever happens."""

    def work_on(self, hosts: list[str], options: dict[str, Any]) -> dict[str, Any]:
        """Return the steps of the drill; fails where one did not go as it should. Raises ``SluiceError``."""
        if len(hosts) != 1:
            raise SluiceError(f"a drill is on one host, and this play has {len(hosts)}; name it with --limit HOST")
        self._options, (self._host,) = options, hosts
        self._door = Redactor()
        stamp = now().replace("-", "").replace(":", "").split(".")[0]
        self._run = dataclasses.replace(visitor("drill"), id=f"{stamp}-{secrets.token_hex(2)}")
        inventory = read_inventory(options["inventory"])
        key = path_of(project(), options["signing_key"]) if options["signing_key"] else None
        signer = Signer(key, inventory) if key else None
        live = self._fit()
        names = [CHECK, WATCHDOG, *([REBOOT] if options["reboot"] else [])]
        if self._task.check_mode:
            return {"changed": False, "host": self._host, "would": names}
        store = ReleaseStore(self._state() / "drills" / "releases")
        steps: list[DrillStep] = []
        try:
            for name, step in self._steps(store, live, inventory, signer):
                if name in names:
                    self._show(f"drill on {self._host}: {name}")
                    steps.append(step())
                    self._show(_line(self._host, steps[-1]))
                    if not steps[-1].ok:
                        break
        finally:
            self._leave(store)
        drill = Drill(self._run.id, now(), self._run.who, inventory, self._host, live.id, steps)
        path = write_drill(self._state() / "drills", drill)
        result = {"changed": False, "host": self._host, "steps": drill.to_json()["steps"], "record": str(path)}
        bad = next((step for step in steps if not step.ok), None)
        return {**result, "failed": True, "msg": self._door.line(_line(self._host, bad))} if bad else result

    def _steps(
        self, store: ReleaseStore, live: Release, inventory: str, signer: Signer | None
    ) -> list[tuple[str, Callable[[], DrillStep]]]:
        def activate(seconds: float, *, failing: bool) -> Answer:
            release = make_release(store, live, self._run.id, failing=failing)
            request = drill_request(release, self._run, seconds, inventory, signer)
            return self._ask(Question(request, release.bundle))

        return [
            (CHECK, functools.partial(self._check, activate, live)),
            (WATCHDOG, functools.partial(self._watchdog, activate, live)),
            (REBOOT, functools.partial(self._reboot, activate, live)),
        ]

    def _check(self, activate: Callable[..., Answer], live: Release) -> DrillStep:
        """A release whose check fails: the host itself rolls it back, at once."""
        answer = activate(_FAR, failing=True)
        return judge_check(answer, self._status(), live.id)

    def _watchdog(self, activate: Callable[..., Answer], live: Release) -> DrillStep:
        """A release for which no heartbeat comes: the watchdog rolls it back."""
        deadline = float(self._options["confirm_timeout"])
        if fault := _not_serving(activate(deadline, failing=False)):
            return DrillStep(WATCHDOG, False, fault)
        began = time.monotonic()
        status = self._wait(deadline + _BACK)
        return judge_watchdog(WATCHDOG, status, live.id, self._run.id, time.monotonic() - began)

    def _reboot(self, activate: Callable[..., Answer], live: Release) -> DrillStep:
        """A machine that is started anew while a release is pending comes up with the one before."""
        if fault := _not_serving(activate(_FAR, failing=False)):
            return DrillStep(REBOOT, False, fault)
        began = time.monotonic()
        # The connection ends with the machine, so this answers nothing.
        self._low_level_execute_command(self._options["reboot_command"])
        status = self._wait(float(self._options["reboot_timeout"]))
        return judge_watchdog(REBOOT, status, live.id, self._run.id, time.monotonic() - began)

    def _fit(self) -> Release:
        """Return what the host serves. Raises ``SluiceError`` where the host is in no state for a drill."""
        status = self._status()
        if not status.get("ok"):
            raise SluiceError(f"{self._host}: {sentences(status)}")
        if why := why_unfit(status):
            raise SluiceError(f"{self._host}: {why}")
        try:
            return ReleaseStore(self._state() / "releases").get(read_release_id(status["live"]))
        except SluiceError as error:
            raise SluiceError(
                f"{self._host}: a drill needs the release that the host serves; {error}, or deploy from here once"
            ) from error

    def _wait(self, seconds: float) -> Answer:
        """Return what the host says of itself once it has nothing pending, or when the time is up."""
        until = time.monotonic() + seconds
        while True:
            status = self._status()
            if (status.get("ok") and not status.get("pending")) or time.monotonic() > until:
                return status
            time.sleep(_LOOK)

    def _status(self) -> Answer:
        """Ask as somebody else: what the run of a release asks is a heartbeat."""
        return self._ask(build("status", visitor("drill-look"), "", None, RolloutOptions()))

    def _ask(self, question: Question) -> Answer:
        ((_, answer),) = self._answers({self._host: HostRequest(question, RolloutOptions().timeout + _BACK)})
        return answer

    def _leave(self, store: ReleaseStore) -> None:
        """Roll back whatever is still pending of the drill, and remove its releases from the controller."""
        status = self._status()
        pending = status.get("pending") or {}
        if pending.get("run") == self._run.id:
            run: Run = visitor("drill-end")
            answer = self._ask(build("rollback", run, "", None, RolloutOptions(), of=self._run.id))
            if not answer.get("ok"):
                self._show(f"{self._host}: the drill's release could not be rolled back: {sentences(answer)}")
        for folder in store.root.glob("*"):
            remove_release(folder, store.root)

    def _show(self, line: str) -> None:
        show(self._display, line, self._door)


def _not_serving(answer: Answer) -> str:
    return "" if answer.get("ok") else f"the release could not be activated: {sentences(answer)}"


def _line(host: str, step: DrillStep) -> str:
    took = "" if step.seconds is None else f", back after {duration(0.0, step.seconds)}"
    return f"{host}: {step.name}: {'as it should: ' if step.ok else 'FAILED: '}{step.words}{took}"
