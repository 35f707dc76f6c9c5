"""Each gate has releases that it must fail and releases that it must pass: ``tests/gates/GATE/fail|pass/CASE``.

``case.yml`` says what is around the tree beside it (and beside the tree ``live``, where something serves already):
``contract``, ``docroots``, ``options`` of the gates, ``said`` by hosts, ``verify``, ``settings``
(variables that are wrong before there is a tree), the ``words`` that a person must read, ``faults`` (words of findings
of which each would fail by itself), and ``warnings``. Those with ``thorough`` are left to `make faults`: they are of a
kind of which another case is tried always.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examiner, Later, subject_of
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.render import contract_of
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.reports.console import findings_text
from ansible_collections.sluice.nginx.plugins.module_utils.sites.plan import plan
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import StageSettings
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.runner import Gate, run_gates

FIXTURES = Path(__file__).resolve().parents[1] / "gates"
CASES = sorted(path.parent for path in FIXTURES.glob("*/*/*/case.yml"))
GATES = {gate.name: gate for gate in find_gates()}


def _with_forerunners(name: str) -> list[Gate]:
    wanted = {name}
    for gate in reversed(GATES.values()):
        wanted |= set(gate.after) if gate.name in wanted else set()
    return [gate for gate in GATES.values() if gate.name in wanted]


def _case(folder: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((folder / "case.yml").read_text(encoding="utf-8")))


def _marks(folder: Path) -> list[pytest.MarkDecorator]:
    stage = [pytest.mark.integration] if _on_a_stage(folder) else []
    return [*stage, pytest.mark.thorough] if _case(folder).get("thorough") else stage


def _on_a_stage(folder: Path) -> bool:
    return any(gate.name == "syntax" for gate in _with_forerunners(folder.parts[-3]))


def _problems(settings: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        contract_of(settings)
        plan({"nginx_version": "1.22.1", **settings})
    except SluiceError as error:
        return (str(error),)
    return ()


def _release(folder: Path, case: Mapping[str, Any], store: Path, part: str = "tree") -> Release:
    main = trees.file((FIXTURES / "packaged.conf").read_bytes(), "packaged/nginx.conf")
    packaged = {"nginx.conf": main} if case.get("packaged", True) else {}
    contract = [dict(to_json(check)) for check in parse_contract(case.get("contract", []), "nginx_checks")]
    laid = trees.overlay(packaged, trees.read_layer(folder / part, "raw"))
    return ReleaseStore(store).add(laid, contract, [], {})


def _options(folder: Path, case: Mapping[str, Any]) -> GateOptions:
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in case.get("options", {}).items()
    }
    given["docroots"] = {path: str(folder / name) for path, name in case.get("docroots", {}).items()}
    given["verify"] = tuple(str(folder / name) for name in case.get("verify", []))
    return GateOptions(**given)


@pytest.fixture(scope="module")
def later(engine: docker.DockerClient) -> Iterator[Later]:
    """Remove stages while the next case is examined; what went wrong in that is raised in the end."""
    removed: list[Future[None]] = []
    with ThreadPoolExecutor(1) as pool:
        yield lambda remove: removed.append(pool.submit(remove))
    for each in removed:
        each.result()


@pytest.mark.parametrize(
    "folder",
    [
        pytest.param(
            folder,
            id=folder.relative_to(FIXTURES).as_posix(),
            marks=_marks(folder),
        )
        for folder in CASES
    ],
)
def test_a_gate_fails_what_is_bad_and_passes_what_is_good(
    folder: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    name, result, _ = folder.parts[-3:]
    case = _case(folder)
    problems = _problems(case.get("settings", {}))
    release = None if problems or "settings" in case else _release(folder, case, tmp_path)
    gates, options = _with_forerunners(name), _options(folder, case)
    live = _release(folder, case, tmp_path, "live") if (folder / "live").is_dir() else None
    candidate = Candidate(("web1",), release, problems, live, case.get("said"))
    if _on_a_stage(folder):
        client: docker.DockerClient = request.getfixturevalue("engine")
        settings: StageSettings = request.getfixturevalue("stage_settings")
        settings = replace(settings, docroots={path: Path(where) for path, where in options.docroots.items()})
        # Cases may have one release, and workers share them.
        examiner = Examiner(client, gates, options, settings, (), f"gates-{CASES.index(folder)}")
        (examined,) = examiner.examine([candidate], request.getfixturevalue("later"))
        verdicts = list(examined.verdicts)
    else:
        verdicts = run_gates(gates, subject_of(candidate, options))
    said = "\n".join([*(verdict.summary for verdict in reversed(verdicts)), findings_text(verdicts)])
    assert {each.gate: each.result for each in verdicts} == {gate.name: "pass" for gate in gates} | {name: result}, said
    for words in case.get("words", []):
        assert words in said
    faults = [str(finding) for finding in verdicts[-1].findings if not finding.warning]
    for together in case.get("faults", []):
        assert any(all(words in fault for words in together) for fault in faults), (together, said)
    warnings = [finding.what for finding in verdicts[-1].findings if finding.warning]
    for words in case.get("warnings", []):
        assert any(words in warning for warning in warnings), warnings


@pytest.mark.parametrize("gate", GATES)
def test_a_gate_has_both_kinds_of_fixtures(gate: str) -> None:
    always = [folder for folder in CASES if folder.parts[-3] == gate and not _case(folder).get("thorough")]
    assert {folder.parts[-2] for folder in always} == {"fail", "pass"}


def test_no_fixture_is_for_a_gate_that_is_gone() -> None:
    assert {folder.parts[-3] for folder in CASES} == GATES.keys()
    assert all(words for folder in CASES if folder.parts[-2] == "fail" for words in [_case(folder).get("words")])


def test_upstreams_that_behaviour_makes_fail_are_well_again_for_the_other_gates(
    tmp_path: Path, engine: docker.DockerClient, stage_settings: StageSettings
) -> None:
    """One worker meets all failures, so nginx shuns each server of the upstream for ten seconds after them."""
    site = (
        "worker_processes 1; events {{}} http {{ upstream app {{ server app-1:8080; server app-2:8080; }}"
        " server {{ listen 80; server_name shop.example;"
        " location / {{ add_header X-Shop {}; proxy_pass http://app; }} }} }}"
    )
    contract = [{"get": "http://shop.example/", "expect": {"status": 200, "upstream": {"path": "/"}}}]
    checks = [dict(to_json(check)) for check in parse_contract(contract, "nginx_checks")]
    live, candidate = (
        ReleaseStore(tmp_path).add({"nginx.conf": trees.file(site.format(shop).encode(), "nginx.conf")}, checks, [], {})
        for shop in ("old", "new")
    )
    examiner = Examiner(engine, find_gates(), GateOptions(), stage_settings, (), "gates")
    (examined,) = examiner.examine([Candidate(("web1",), candidate, live=live)])
    said = {verdict.gate: verdict.result for verdict in examined.verdicts}
    assert set(said.values()) == {"pass"}, findings_text(examined.verdicts)
