"""The parts of the controller's work that need no container, each measured for a configuration of a given size."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.attribution import Attribution
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.changes import changes
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.comparing import compare, grouped
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.fields import Fields, fields_of
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.judging import Judge
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.plan import planned
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.pools import Pools
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.side_by_side import Three
from ansible_collections.sluice.nginx.plugins.module_utils.config.derive import DerivedRequest, derive
from ansible_collections.sluice.nginx.plugins.module_utils.config.facts import facts
from ansible_collections.sluice.nginx.plugins.module_utils.config.match import trace
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import from_json
from ansible_collections.sluice.nginx.plugins.module_utils.coverage.instrument import instrument
from ansible_collections.sluice.nginx.plugins.module_utils.coverage.measure import Answered, Coverage
from ansible_collections.sluice.nginx.plugins.module_utils.environment.model import Environment
from ansible_collections.sluice.nginx.plugins.module_utils.environment.synthesis import synthesise
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import RunRecord, open_run
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.summarize import summarize
from ansible_collections.sluice.nginx.plugins.module_utils.gates import needs as needs_gate
from ansible_collections.sluice.nginx.plugins.module_utils.gates import parse as parse_gate
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examined
from ansible_collections.sluice.nginx.plugins.module_utils.gating.receipts import write_receipt
from ansible_collections.sluice.nginx.plugins.module_utils.lint.audit import audit
from ansible_collections.sluice.nginx.plugins.module_utils.lint.catalogue import run_rules
from ansible_collections.sluice.nginx.plugins.module_utils.lint.context import LintContext
from ansible_collections.sluice.nginx.plugins.module_utils.needs.comparing import permitted
from ansible_collections.sluice.nginx.plugins.module_utils.needs.reading import needs_of
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.render import Rendered, render
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.reports.console import gates_text
from ansible_collections.sluice.nginx.plugins.module_utils.reports.publish import publish
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions, Live, Subject, Verdict

from . import shapes

__all__ = ["FORMS", "GIXY", "measure"]

FORMS = ("typed", "raw", "lines")
GIXY = "lint: gixy"

_TEMPLATES = Path(__file__).resolve().parents[2] / "roles/nginx/templates"
_REQUESTS = 2500
_VERSION = "1.22.1"
# Of a stub; the candidate's differ for every hundredth request.
_SEEN = {"address": "198.19.0.1:8080", "method": "GET", "path": "/api/", "headers": {"host": "shop.example"}}
_ANSWER: dict[str, Any] = {
    "status": 200,
    "headers": [["content-type", "application/json"], ["server", "nginx"]],
    "text": '{"stub": "shop"}',
    "size": 20,
    "digest": "",
    "upstream": [_SEEN],
}
_OTHERWISE: dict[str, Any] = {**_ANSWER, "upstream": [{**_SEEN, "path": "/v2/"}]}
T = TypeVar("T")


class _Clock:
    """Takes the processor time of parts, in seconds: others work on the machine, too."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def take(self, part: str, work: Callable[[], T]) -> T:
        before = time.process_time()
        found = work()
        self.seconds[part] = time.process_time() - before
        return found


def measure(form: str, servers: int, *, with_gixy: bool) -> dict[str, Any]:
    """Measure every part; tells the seconds of each by name, and the peak of the memory in bytes.

    ``form`` is one of ``FORMS``; of ``lines`` the size is that of one map. Raises ``SluiceError``.
    """
    clock = _Clock()
    with tempfile.TemporaryDirectory(prefix="sluice-size-") as folder:
        _Sized(clock, form, servers, Path(folder)).measure(with_gixy=with_gixy)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": clock.seconds, "peak_bytes": peak}


class _Sized:
    def __init__(self, clock: _Clock, form: str, servers: int, folder: Path) -> None:
        self.clock, self.folder = clock, folder
        self._form, self._servers = form, servers
        self.store = ReleaseStore(folder / "releases")

    def measure(self, *, with_gixy: bool) -> None:
        take = self.clock.take
        rendered = take("rendering", lambda: self._rendered(changed=True))
        take("hashing", lambda: ReleaseStore.identify(rendered.tree))
        take("bundle", lambda: trees.bundle(rendered.tree))
        release = take("putting into the store", lambda: self._stored(rendered))
        live_release = self._stored(self._rendered(changed=False))
        config = take("parsing", lambda: parse_tree(release.tree))
        live_config = parse_tree(live_release.tree)
        take("facts", lambda: facts(config))
        needs = take("needs", lambda: needs_of(config, release.paths))
        live = Live(live_release, live_config, needs_of(live_config, live_release.paths))
        environment = take("environment", lambda: synthesise(permitted(needs, live.needs, (), None), {}, ()))
        described = release.described
        subject = Subject(
            hosts=["web1"],
            options=GateOptions(),
            release=release,
            config=config,
            contract=[from_json(row) for row in described["contract"]],
            origins=described["origins"],
            needs=needs,
            live=live,
        )
        verdicts = [
            take("gate parse", lambda: parse_gate.run(subject)),
            take("gate needs", lambda: needs_gate.run(subject)),
        ]
        take("lint: own rules", lambda: list(run_rules(config, LintContext(live=live_config))))
        if with_gixy:
            take(GIXY, lambda: audit(release.tree, config))
        verdicts += [self._covered(config, release), self._compared(subject, config, live, environment)]
        self._told(Candidate(("web1",), release, live=live_release), verdicts)

    def _rendered(self, *, changed: bool) -> Rendered:
        packaged = {
            "nginx.conf": trees.file(b"events {}\n", "packaged/nginx.conf"),
            "mime.types": trees.file(b"types { text/html html; }\n", "packaged/mime.types"),
        }
        if self._form == "typed":
            settings = {"nginx_version": _VERSION, "nginx_sites": shapes.typed(self._servers, changed=changed)}
            return render(settings, packaged, _TEMPLATES, _never, {}, self.folder)
        made = shapes.raw if self._form == "raw" else shapes.plain
        layer = {path: trees.file(text.encode(), path) for path, text in made(self._servers, changed=changed).items()}
        return Rendered(trees.overlay(packaged, layer), (), ())

    def _stored(self, rendered: Rendered) -> Release:
        return self.store.add(rendered.tree, rendered.contract_json(), [], {"nginx_version": _VERSION})

    def _covered(self, config: Config, release: Release) -> Verdict:
        take = self.clock.take
        copy = take("coverage: copy", lambda: instrument(config, release.tree))
        checks = take("derived checks", lambda: derive(config))
        answered = [
            Answered(number, "GET", "/", "200", "", (block.number,)) for number, block in enumerate(copy.blocks[::2])
        ]
        names = [f"check {number}" for number in range(len(answered))]
        covered = take("coverage: what is reached", lambda: Coverage(copy.blocks, answered, names).to_json())
        take("ways of requests", lambda: [trace(config, check.host, check.port, check.target) for check in checks])
        return Verdict("pass", "measured", evidence={"files": covered})

    def _compared(self, subject: Subject, config: Config, live: Live, environment: Environment) -> Verdict:
        take = self.clock.take
        changed = take("behaviour: changes", lambda: changes(live.config, config))
        requests, left_out = take(
            "behaviour: requests",
            lambda: planned(live.config, config, changed, subject.contract, [], _REQUESTS),
        )
        pools = Pools(live.config, config, environment.names)

        def compared() -> list[Any]:
            answers = [_answers(request, number, pools) for number, request in enumerate(requests)]
            judge = Judge(live.config, config, changed)
            found = compare(requests, answers, Attribution(live.config, config, changed), judge)
            return grouped(found, changed, {}, lambda one: "", judge)

        rows = take("behaviour: comparing", compared)
        return Verdict("pass", f"{left_out} left out", evidence={"changes": [row.to_json() for row in rows]})

    def _told(self, candidate: Candidate, verdicts: list[Verdict]) -> None:
        """Receipt, table and record, as the gates write them in the end."""

        def told() -> None:
            run = open_run(self.folder / "runs")
            passed = [replace(verdict, result="pass") for verdict in verdicts]
            examined = Examined(candidate, passed)
            record = RunRecord(run)
            record.note("gate", "", good=True, answer={"releases": [examined.to_json()]})
            events = list(record.events())
            record.write(summarize(events), events)
            publish(Path(run.folder))
            record.show("gates", gates_text([examined]))
            write_receipt(examined, run.id)

        self.clock.take("receipt, table and record", told)


def _never(text: str, values: Any) -> str:
    raise SluiceError("a typed site has no template of a user")


def _answers(request: DerivedRequest, number: int, pools: Pools) -> Three:
    def fields(answer: dict[str, Any], *, candidate: bool) -> Fields:
        return fields_of(request, answer, ("1" * 64, "2" * 64), pools, candidate)

    third = fields(_ANSWER if number % 100 else _OTHERWISE, candidate=True)
    return fields(_ANSWER, candidate=False), fields(_ANSWER, candidate=False), third
