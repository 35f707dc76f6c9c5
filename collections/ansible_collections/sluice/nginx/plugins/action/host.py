"""One phase of a roll-out on one host: one round trip, or none when the run's journal says that nothing is to do."""

from __future__ import annotations

import difflib
import getpass
import socket
from typing import Any, ClassVar

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.ask import Terms, build, sentence
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.decide import decide, left_to_bake, stories
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.record import Record, Run, now
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, Store
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import read_run, state
from ansible_collections.sluice.nginx.plugins.plugin_utils.engine import EngineAction, failure

_READS_ONLY = ("preflight", "show", "status")


class ActionModule(EngineAction):
    """Asks the engine on a host.

    A host that fails does not fail the task: the journal notes it, and the run is settled by that.
    """

    SPEC: ClassVar[dict[str, Any]] = {
        "phase": {
            "type": "str",
            "required": True,
            "choices": ["preflight", "activate", "bake", "settle", "mend", "status", "unlock"],
        },
        "run": {"type": "dict"},
        "releases": {"type": "dict", "default": {}},
        "needs": {"type": "dict", "default": {}},
        "stored": {"type": "str", "default": ""},
        "wave": {"type": "list", "elements": "str"},
        "bake": {"type": "float", "default": 3},
        "keep": {"type": "int", "default": 5},
        "drift": {"type": "str", "default": "refuse", "choices": ["refuse", "adopt", "discard"]},
        "emergency": {"type": "str", "default": ""},
        "guard_deadline": {"type": "float", "default": 120},
    }
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Decide from the journal, ask the host, and note what it answered."""
        result = super().run(tmp, task_vars)
        _, options = self.validate_argument_spec(argument_spec=self.SPEC)
        self._vars = task_vars or {}
        self._host = str(self._vars["inventory_hostname"])
        phase = options["phase"]
        if phase in ("status", "unlock"):
            self._run = Run(phase, "", getpass.getuser(), socket.gethostname(), now())
            return {**result, **self._alone(phase, options)}
        self._run = read_run(options["run"])
        self._record = Record(self._run)
        events = list(self._record.events())
        decision = decide(phase, self._host, events, options["wave"])
        if not decision.operation:
            return {**result, "changed": False, "skipped": True, "skip_reason": decision.why, "msg": decision.why}
        if self._task.check_mode and decision.operation not in _READS_ONLY:
            return {**result, "changed": True, "msg": f"would {decision.operation}; this is check mode"}
        story = stories(events).get(self._host)
        has_release = bool(story and story.said("preflight", "has_release"))
        if story and story.said("preflight", "release"):
            options["releases"] = {self._host: story.said("preflight", "release")}
        if decision.operation == "bake":
            # Asked while other hosts are switched, it only looks and does not wait.
            options["bake"] = left_to_bake(events, options["bake"], now()) if phase == "bake" else 0.0
            phase = "bake"
        answer = {"operation": decision.operation, **self._asked(decision.operation, options, has_release=has_release)}
        if decision.operation == "activate":
            # What a host that cannot be reached any more will do by itself is known by this.
            answer["guard_deadline"] = options["guard_deadline"]
        return {**result, **self._noted(phase, answer)}

    def _alone(self, phase: str, options: dict[str, Any]) -> dict[str, Any]:
        """What is asked outside of a run: how the host is, and to take back what a run that died has left pending."""
        answer = self._asked("status", options)
        if phase == "status":
            return {"changed": False, "answer": answer}
        pending = answer.get("pending")
        said = list(answer.get("warnings", []))
        if not pending:
            unknown = "pending" not in answer
            words = _words(answer) if unknown else ""
            return {"changed": False, "answer": answer, "failed": unknown, "msg": words, "sluice_words": said}
        who = f"{pending.get('who') or 'somebody'} from {pending.get('from') or 'somewhere'}"
        held = f"release {pending['release'][:12]} of run {pending['run']} ({who})"
        if self._task.check_mode:
            return {"changed": True, "sluice_words": [f"would take back {held}"]}
        reverted = self._asked("revert", {**options, "of": pending["run"]})
        said += reverted.get("warnings", [])
        result = {"changed": bool(reverted.get("changed")), "answer": reverted, "failed": not reverted["ok"]}
        if not reverted["ok"]:
            return {**result, "msg": f"{held} could not be taken back: {_words(reverted)}", "sluice_words": said}
        if reverted.get("reverted"):
            serves = str(reverted.get("release") or pending["before"])[:12]
            return {**result, "sluice_words": [f"{held} is taken back; {serves} serves again, proved", *said]}
        return {**result, "sluice_words": [str(reverted.get("note", "nothing to take back")), *said]}

    def _asked(self, operation: str, options: dict[str, Any], *, has_release: bool = False) -> dict[str, Any]:
        """Ask, and turn whatever goes wrong into an answer with a problem."""
        try:
            terms = self._terms(operation, options)
        except SluiceError as error:
            return failure(str(error))
        return self._patiently(
            terms.bake + terms.patience,
            lambda: self._answered(operation, options, terms, has_release=has_release),
        )

    def _terms(self, operation: str, options: dict[str, Any]) -> Terms:
        return Terms(
            bake=options["bake"] if operation == "bake" else 0.0,
            keep=options["keep"],
            drift=options["drift"],
            emergency=options["emergency"],
            guard_deadline=options["guard_deadline"],
            want_tree=bool(self._task.diff),
            looking=self._task.check_mode,
        )

    def _answered(self, operation: str, options: dict[str, Any], terms: Terms, *, has_release: bool) -> dict[str, Any]:
        identity, release = self._wanted(operation, options)
        question = build(
            operation,
            self._run,
            identity,
            release,
            terms,
            has_release=has_release,
            of=options.get("of"),
            needs=options["needs"].get(identity, []),
        )
        answer = self._engine(question.request, question.bundle)
        # A host that went back tells itself where it is; the others are told.
        return {"release": identity, **answer} if operation != "status" else answer

    def _wanted(self, operation: str, options: dict[str, Any]) -> tuple[str, Release | None]:
        """Tell the release that the host is to get: one of the store, or one that the host itself has stored."""
        if operation not in ("preflight", "activate"):
            return str(options["releases"].get(self._host, "")), None
        if options["stored"]:
            if self._host in options["releases"]:
                return str(options["releases"][self._host]), None
            shown = self._engine({"op": "show", "run": self._run.asking(), "release": options["stored"]})
            if not shown["ok"]:
                raise SluiceError("; ".join(sentence(problem) for problem in shown["problems"]))
            return str(shown["release"]), None
        if self._host not in options["releases"]:
            raise SluiceError("the gates made no release for this host; run deploy.yml, which begins with the gates")
        release = Store(state() / "releases").get(str(options["releases"][self._host]))
        return release.id, release

    def _noted(self, phase: str, answer: dict[str, Any]) -> dict[str, Any]:
        """Write the answer to the journal, and make the task's result of it."""
        tree = answer.pop("tree", None)
        good = bool(answer.get("ok"))
        self._record.note(phase, self._host, good=good, answer=answer)
        problems = [sentence(problem) for problem in answer.get("problems", [])]
        result: dict[str, Any] = {"changed": bool(answer.get("changed")), "answer": answer}
        if problems:
            result["sluice_problems"] = [f"{phase}: {problem}" for problem in problems]
        if phase == "preflight" and good:
            result["changed"] = bool(answer.get("changes_needed")) and self._task.check_mode
            result["diff"] = self._difference(tree, str(answer["release"])) if tree is not None else []
        return result

    def _difference(self, before: dict[str, str], identity: str) -> list[dict[str, str]]:
        """Compare the host's live tree with the release, file by file."""
        store = Store(state() / "releases")
        if not (store.root / identity / "release.json").is_file():
            return []
        root = store.get(identity).tree
        after = {
            path.relative_to(root).as_posix(): path.read_text(errors="replace")
            for path in sorted(root.rglob("*"))
            # The host tells of no links either.
            if path.is_file() and not path.is_symlink()
        }
        found = []
        for path in sorted(before.keys() | after.keys()):
            old, new = before.get(path, ""), after.get(path, "")
            if old != new:
                lines = difflib.unified_diff(
                    old.splitlines(), new.splitlines(), f"live/{path}", f"release/{path}", lineterm=""
                )
                found.append({"prepared": "\n".join(lines) + "\n"})
        return found


def _words(answer: dict[str, Any]) -> str:
    return "; ".join(sentence(problem) for problem in answer.get("problems", []))
