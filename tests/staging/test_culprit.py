"""The culprit lines are named: the incidents of the postmortems, and changes of many edits, on real nginx."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.culprit.model import CulpritPlace, Culprits
from ansible_collections.sluice.nginx.plugins.module_utils.environment.services import parse_services
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.summarize import culprits_of
from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examined, Examiner
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.render import render
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.reports.console import culprits_text, gates_text
from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import PlatformImage
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import StageSettings
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.runner import Gate
from benchmarks.culprit import EDITS, search

pytestmark = pytest.mark.integration

# So slow is no machine; that it takes less is measured by benchmarks/culprit.py.
TIMEOUT = 600
PACKAGED = Path(__file__).resolve().parents[1] / "gates/packaged.conf"


@dataclass
class Shop:
    """The sandbox's sites: what staging needs for them, and a release for each set of variables."""

    engine: docker.DockerClient
    settings: StageSettings
    services: tuple[Any, ...]
    variables: Mapping[str, Any]
    platform: PlatformImage
    project: Path
    folder: Path

    def release(self, **changed: Any) -> Release:
        """The release of the sandbox's variables, some of them changed."""
        settings = {"nginx_version": self.platform.nginx_version, **self.variables, **changed}
        packaged = trees.read_layer(self.platform.tree, "packaged")
        templates = self.project / "roles/nginx/templates"
        made = render(settings, packaged, templates, lambda text, _: text, {}, self.project)
        return ReleaseStore(self.folder).add(made.tree, made.contract_json(), list(made.shared), {})

    def examined(self, candidate: Release, *only: str) -> Examined:
        """Take a release through gates, where the sandbox's own release is live."""
        gates = [gate for gate in find_gates() if gate.name in ("spec", "parse", *only)]
        docroots = {path: str(folder) for path, folder in self.settings.docroots.items()}
        options = GateOptions(docroots=docroots)
        examiner = Examiner(
            self.engine, gates, options, self.settings, self.services, "culprits", culprit_seconds=TIMEOUT
        )
        (examined,) = examiner.examine([Candidate(("web1",), candidate, live=self.release())])
        return examined


@pytest.fixture(scope="module")
def shop(
    engine: docker.DockerClient,
    stage_settings: StageSettings,
    platform: PlatformImage,
    project: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Shop:
    """The sandbox's sites as they serve."""
    text = (project / "inventories/sandbox/group_vars/web.yml").read_text(encoding="utf-8")
    variables = yaml.safe_load(text)
    docroots = {path: project / folder for path, folder in variables["staging_docroots"].items()}
    settings = replace(stage_settings, docroots=docroots)
    services = parse_services(variables["staging_services"])
    return Shop(engine, settings, services, variables, platform, project, tmp_path_factory.mktemp("releases"))


def culprits_of_change(examined: Examined) -> Culprits:
    """What was found; it must have been the end of the search."""
    assert examined.culprits is not None, gates_text([examined])
    assert examined.culprits.whole, gates_text([examined])
    return examined.culprits


def place_of(examined: Examined) -> CulpritPlace:
    """What is the culprit, and nothing else is."""
    found = [place for group in culprits_of_change(examined).groups for place in group.places]
    assert len(found) == 1, gates_text([examined])
    return found[0]


def test_the_typo_that_took_a_shop_down_is_named_with_its_line(shop: Shop) -> None:
    tree = "examples/incidents/cedi-mart-phpp"
    examined = shop.examined(shop.release(nginx_tree=tree), "lint", "syntax", "start", "smoke")
    place = place_of(examined)
    where = "sites-enabled/cedi-mart.conf"
    assert (place.file, place.line, place.origin, place.variable) == (where, 40, f"{tree}/{where}", "nginx_tree")
    assert ([line.strip() for line in place.old], [line.strip() for line in place.new]) == (
        [r"location ~ \.php$ {"],
        [r"location ~ \.phpp$ {"],
    )
    (group,) = culprits_of_change(examined).groups
    assert {*group.fails} == {"lint", "smoke"}
    assert group.fixes
    assert len(group.fails["smoke"]) > 5
    said = gates_text([examined])
    assert "smoke: the front page lists what is sold: expected" in said
    assert f"    {where}:40 ({tree}/{where}, nginx_tree)\n    - location ~ \\.php$ {{\n" in said


@pytest.mark.thorough
def test_the_redirect_that_meets_its_own_target_is_named(shop: Shop) -> None:
    tree = "examples/incidents/shwitter-redirect"
    examined = shop.examined(shop.release(nginx_tree=tree), "syntax", "start", "smoke")
    place = place_of(examined)
    assert (place.file, place.line) == ("sites-enabled/shwitter.conf", 43)
    assert [line.strip() for line in place.new if line.strip()] == ["rewrite /(profile|profile_list)$ /v2/$1 last;"]


def test_a_typed_route_is_named_by_its_variable(shop: Shop) -> None:
    sites = yaml.safe_load(yaml.safe_dump(shop.variables["nginx_sites"]))
    sites[1]["routes"][1]["return"] = {"code": 503, "body": "ok"}
    sites[1]["routes"][0]["timeouts"]["connect"] = "3s"
    sites[0]["gzip"] = False
    examined = shop.examined(shop.release(nginx_sites=sites), "syntax", "start", "smoke")
    place = place_of(examined)
    assert place.variable == "nginx_sites[1].routes[1]"
    assert [line.strip() for line in place.new] == ["return 503 ok;"]
    assert place.origin == "roles/nginx/templates/site.conf.j2"


@pytest.mark.parametrize("culprit", [pytest.param((31,), marks=pytest.mark.thorough), (7, 44)])
def test_of_fifty_edits_the_culprit_ones_are_found(
    engine: docker.DockerClient, stage_settings: StageSettings, tmp_path: Path, culprit: tuple[int, ...]
) -> None:
    culprits = search(engine, stage_settings, tmp_path, culprit)
    (group,) = culprits.groups
    assert culprits.edits == EDITS
    assert [place.line for place in group.places] == [number * 4 + 2 for number in culprit]
    assert group.fixes
    assert ("the culprits together" in culprits_text(culprits_of([{"culprits": culprits.to_json()}]))) == (
        len(culprit) == 2
    )


@dataclass(frozen=True)
class Case:
    """What serves, what is changed in it (the culprit first), and the gate that fails."""

    gate: str
    live: str
    changed: tuple[tuple[str, str], ...]
    culprit: tuple[tuple[str, ...], ...]
    words: str = ""


SITE = """upstream shop {
    server 127.0.0.1:8001;
}
limit_req_zone $binary_remote_addr zone=visitors:1m rate=100r/s;
server {
    listen 80;
    server_name shop.example;
    location / {
        limit_req zone=visitors burst=50;
        return 200 fine;
    }
    location /office {
        auth_basic Office;
        auth_basic_user_file users;
        return 200 office;
    }
    location /api {
        proxy_pass http://shop;
    }
}
server {
    listen 127.0.0.1:8001;
    return 200 shop;
}
"""
HARMLESS = (("return 200 fine", "return 200 good"), ("burst=50", "burst=60"))
CASES = {
    "nginx names the line that asks, and the one that is gone is the culprit": Case(
        "syntax",
        SITE,
        (("upstream shop {\n    server 127.0.0.1:8001;\n}\n", ""), *HARMLESS),
        (("- upstream shop {", "- server 127.0.0.1:8001;", "- }"),),
        "host not found in upstream",
    ),
    "a zone that a running nginx has for something else": Case(
        "reload",
        SITE,
        (("$binary_remote_addr", "$server_name"), *HARMLESS),
        (
            (
                "- limit_req_zone $binary_remote_addr zone=visitors:1m rate=100r/s;",
                "+ limit_req_zone $server_name zone=visitors:1m rate=100r/s;",
            ),
        ),
    ),
    "a password that is gone": Case(
        "behaviour",
        SITE,
        (("        auth_basic Office;\n", ""), *HARMLESS),
        (("- auth_basic Office;",),),
        "auth_basic Office removed: what protected is gone",
    ),
    "two servers with a fault each": Case(
        "smoke",
        SITE,
        (("return 200 fine", "return 503 fine"), ("location /api {", "location /apis {"), ("burst=50", "burst=60")),
        (("- return 200 fine;", "+ return 503 fine;"), ("- location /api {", "+ location /apis {")),
    ),
    "a listener that moves with the name of its server": Case(
        "smoke",
        SITE,
        (
            ("listen 80;\n    server_name shop.example;", "listen 81;\n    server_name shop.test;"),
            ("burst=50", "burst=60"),
        ),
        (("- listen 80;", "+ listen 81;"),),
    ),
}
CHECKS = [
    {"name": "the shop is open", "get": "http://shop.example/", "expect": {"status": 200}},
    {"name": "the interface answers", "get": "http://shop.example/api", "expect": {"body": "shop"}},
]


def release(folder: Path, text: str) -> Release:
    """A release with one site."""
    tree = {"nginx.conf": trees.file(PACKAGED.read_bytes(), "packaged/nginx.conf")}
    tree["conf.d/site.conf"] = trees.file(text.encode(), "files/conf.d/site.conf")
    tree["users"] = trees.file(b"ada:{PLAIN}secret\n", "files/users")
    contract = [dict(to_json(check)) for check in parse_contract(CHECKS, "nginx_checks")]
    return ReleaseStore(folder).add(trees.overlay(tree), contract, [], {})


def needed(name: str) -> list[Gate]:
    """A gate, and those that must have passed before."""
    wanted = {name}
    for gate in reversed(find_gates()):
        wanted |= set(gate.after) if gate.name in wanted else set()
    return [gate for gate in find_gates() if gate.name in wanted]


@pytest.mark.parametrize("name", CASES)
def test_each_kind_of_gate_names_the_lines(
    engine: docker.DockerClient, stage_settings: StageSettings, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    text = case.live
    for old, new in case.changed:
        assert old in text
        text = text.replace(old, new)
    candidate = Candidate(("web1",), release(tmp_path / "made", text), live=release(tmp_path / "live", case.live))
    examiner = Examiner(
        engine,
        needed(case.gate),
        GateOptions(allow_warnings=True),
        stage_settings,
        (),
        "culprits",
        culprit_seconds=TIMEOUT,
    )
    (examined,) = examiner.examine([candidate])
    said = gates_text([examined])
    culprit = culprits_of_change(examined).groups
    assert [{*group.fails} for group in culprit] == [{case.gate}] * len(case.culprit), said
    told = [
        tuple(
            [f"- {line.strip()}" for place in group.places for line in place.old]
            + [f"+ {line.strip()}" for place in group.places for line in place.new]
        )
        for group in culprit
    ]
    assert told == [*case.culprit], said
    assert case.words in said


def test_a_search_that_is_not_done_in_time_ends_and_leaves_nothing(
    engine: docker.DockerClient, stage_settings: StageSettings, tmp_path: Path
) -> None:
    culprits = search(engine, stage_settings, tmp_path, (7, 44), seconds=0.5)
    assert not culprits.whole
    assert "the search ended after 0.5 s (gates_culprit_seconds), at the gate smoke" in culprits.note
