"""The copy that says where it has been answers as the release does, and is gone afterwards; checks are proposed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.coverage.instrument import Copy, instrument
from ansible_collections.sluice.nginx.plugins.module_utils.coverage.measure import session
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examiner
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.reports.console import findings_text
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import StageSettings
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions, Subject, Verdict
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.runner import Gate

pytestmark = pytest.mark.integration

FIXTURES = Path(__file__).resolve().parents[1] / "gates"
EVERY_WAY = FIXTURES / "coverage/pass/every_way_through_nginx"
GATES = {gate.name: gate for gate in find_gates()}


def _work(subject: Subject) -> Verdict:
    """Ask the contract of the release, of the copy, and of the release again; and of a copy that nginx refuses."""
    stage = subject.staged
    release, config = subject.examined
    rows = [to_json(check) for check in subject.contract]

    def asked() -> list[tuple[int, str]]:
        return [(each["status"], each["body_excerpt"]) for each in stage.ask("checks", rows)["outcomes"]]

    before = asked()
    with session(stage, instrument(config, release.tree)):
        during = asked()
    after = asked()
    with pytest.raises(SluiceError) as refused, session(stage, Copy({"nginx.conf": b"http {"})):
        pass
    last, link = asked(), stage.run("readlink", "/etc/nginx").output.strip().rpartition("/")[2]
    seen = {"before": before, "during": during, "after": after, "last": last, "words": str(refused.value), "link": link}
    return Verdict("pass", "", evidence=seen)


def test_the_copy_answers_as_the_release_does_and_the_release_serves_again(
    engine: docker.DockerClient, stage_settings: StageSettings, tmp_path: Path
) -> None:
    case = yaml.safe_load((EVERY_WAY / "case.yml").read_text(encoding="utf-8"))
    main = {"nginx.conf": trees.file((FIXTURES / "packaged.conf").read_bytes(), "packaged/nginx.conf")}
    laid = trees.overlay(main, trees.read_layer(EVERY_WAY / "tree", "raw"))
    contract = [dict(to_json(check)) for check in parse_contract(case["contract"], "nginx_checks")]
    release = ReleaseStore(tmp_path).add(laid, contract, [], {})
    settings = replace(stage_settings, docroots={"/srv/shop": EVERY_WAY / "docroot"})
    gates = [*(GATES[name] for name in ("spec", "parse", "syntax", "start")), Gate("compared", ("start",), _work)]
    options = GateOptions(docroots={"/srv/shop": str(EVERY_WAY / "docroot")})
    (examined,) = Examiner(engine, gates, options, settings, (), "test-coverage").examine(
        [Candidate(("web1",), release)]
    )
    said = "\n".join([*(verdict.summary for verdict in examined.verdicts), findings_text(examined.verdicts)])
    assert {verdict.result for verdict in examined.verdicts} == {"pass"}, said
    seen = examined.verdicts[-1].evidence
    assert len(seen["before"]) == len(contract) > 10
    assert seen["during"] == seen["before"]
    assert seen["after"] == seen["last"] == seen["before"]
    assert "nginx does not start from" in seen["words"]
    assert seen["link"] == release.id


def test_the_playbook_prints_checks_that_can_be_pasted(play: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/shop.conf").write_text(
        "server {\n    listen 80;\n    server_name shop.example;\n    location = /basket { return 200 empty; }\n}\n",
        encoding="utf-8",
    )
    done = play("playbooks/suggest.yml", "-i", "inventories/bare", "-e", f"nginx_tree={tmp_path}")
    assert done.code == 0, done.output
    printed = done.output[done.output.index("nginx_checks:") :].split("\nok: ")[0]
    checks = {check["get"]: check["expect"] for check in yaml.safe_load(printed)["nginx_checks"]}
    assert checks["http://shop.example/basket"] == {"status": 200, "body": "empty"}
    assert "# location = /basket, conf.d/shop.conf:4" in printed


def test_a_release_that_does_not_start_is_told_and_nothing_proposed(play: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("events { }\nhttp { server { listen 80; nonsense on; } }\n", encoding="utf-8")
    done = play("playbooks/suggest.yml", "-i", "inventories/bare", "-e", f"nginx_tree={tmp_path}")
    assert done.code == 2
    assert "staging cannot run the release, so nothing was asked" in done.output
    assert 'unknown directive "nonsense"' in done.output.replace('\\"', '"')
