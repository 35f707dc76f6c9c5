"""YAML to paste, read by Ansible's own loader and templar: nothing of it is ever rendered."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.change_kinds import Kind
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.comparing import ChangeRow
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.judgement import Judgement
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.render import findings_of
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import Check, parse_contract
from ansible_collections.sluice.nginx.plugins.module_utils.coverage.measure import Answered
from ansible_collections.sluice.nginx.plugins.module_utils.coverage.propose import _proposal, to_yaml
from ansible_collections.sluice.nginx.plugins.module_utils.coverage.suggest import suggestions_text
from ansible_collections.sluice.nginx.plugins.module_utils.engine.logs import share
from ansible_collections.sluice.nginx.plugins.module_utils.engine.traffic import TrafficCounts
from ansible_collections.sluice.nginx.plugins.module_utils.paste import flow, inert_url, quoted
from ansible_collections.sluice.nginx.plugins.module_utils.paste import to_yaml as as_yaml
from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.measures import checks_for

MARK = "rendered-on-the-controller"
# Each of these would leave its mark if Ansible took it for a template.
TEMPLATES = (
    "{{ lookup('pipe','echo rendered-on-$()the-controller') }}",
    "{{lookup('pipe','echo${IFS}rendered-on-$()the-controller')}}",
    "{%set%20x=1%}{{'rendered-on-'~'the-controller'}}",
    "{% if true %}{{ 'rendered-on-' ~ 'the-controller' }}{% endif %}",
    "'{{ 'rendered-on-' ~ 'the-controller' }}'",
    '"{{ "rendered-on-" ~ "the-controller" }}"',
    "%7B{{ 'rendered-on-' ~ 'the-controller' }}",
    "a\n  pasted: {{ 'rendered-on-' ~ 'the-controller' }}",
    "{#x#}{{ 'rendered-on-' ~ 'the-controller' }}",
    "#jinja2:variable_start_string:'[[',variable_end_string:']]'\n[[ 'rendered-on-' ~ 'the-controller' ]]",
)


def rendered(text: str, tmp_path: Path) -> Any:
    """What Ansible makes of a file of variables."""
    path = tmp_path / "vars.yml"
    path.write_text(text, encoding="utf-8")
    loader = DataLoader()
    return Templar(loader=loader, variables={}).template(loader.load_from_file(str(path), trusted_as_template=True))


def test_the_templates_of_these_tests_would_be_rendered(tmp_path: Path) -> None:
    for template in (TEMPLATES[0], TEMPLATES[3]):
        path = tmp_path / "open.yml"
        path.write_text(f'a: "{template}"\n')
        assert MARK in str(rendered(path.read_text(), tmp_path))


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_request_of_a_visitor_becomes_a_check_that_is_data(template: str, tmp_path: Path) -> None:
    path = f"/{template}".split()[0]
    line = f'203.0.113.7 - - [28/Nov/2026:20:40:00 +0000] "GET {path} HTTP/1.1" 502 157 "-" "curl/8"'
    traffic = TrafficCounts(1795898300, 1795898500)
    share([line] * 5, "", traffic)
    failing = [(row["request"], row["count"]) for row in traffic.to_json("2026-11-28T20:40:00Z")["failing"]]
    made = [each for each in checks_for([*failing, (f"GET /{template}", 1)], []) if "nginx_checks" in each.yaml]
    assert made
    for measure in made:
        checks = rendered(measure.yaml, tmp_path)["nginx_checks"]
        assert MARK not in str(checks)
        url = str(checks[0]["get"])
        assert not {"{", "}", " ", "'", '"', "\n"} & set(url)
        assert parse_contract([dict(checks[0])], "nginx_checks")[0].url == url


@pytest.mark.parametrize("template", TEMPLATES)
def test_proposals_of_coverage_are_data(template: str, tmp_path: Path) -> None:
    block: Any = SimpleNamespace(words=f"location {template}", place=f"{template}.conf:3", number=1)
    target = "%20".join(template.split())
    check = Check("x", "GET", f"http://shop.example/{target}?a={target}", headers=(("Accept", template),))
    outcome = {"body_excerpt": template}
    answers = (Answered(0, "GET", "/", "200", "", ()), Answered(0, "GET", "/", "302", f"/{template}", ()))
    proposals = [_proposal(block, check, outcome, answer) for answer in answers]
    rows = rendered(to_yaml(proposals), tmp_path)
    assert len(rows) == 2, "a comment ends where its line does"
    assert set(rows[0]) == {"get", "headers", "expect"}
    assert MARK not in str(rows)
    row = {"site": template, "yaml": to_yaml(proposals)}
    evidence = {"rows": [row], "unreached": [f"location {template}"]}
    suggested: Any = [SimpleNamespace(evidence=evidence)]
    told = rendered(suggestions_text(suggested), tmp_path)
    assert set(told) == {"nginx_sites"}
    assert MARK not in str(told)


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_is_to_be_accepted_or_declared_is_data(template: str, tmp_path: Path) -> None:
    change = ChangeRow(Kind("directive", "effect", "why"), template, "", "", Judgement("slip", "why"))
    fix = findings_of([change], False)[0].fix
    accepted = rendered(f"gates_accept: [{fix.partition('gates_accept: ')[2]}]", tmp_path)["gates_accept"]
    assert accepted[0]["what"] == "directive"
    assert MARK not in str(accepted)
    for text in (f"file:{template}", "file:/a, file:/b]", "file:/a]: b"):
        needs = rendered(f"nginx_needs: [{quoted(text)}]", tmp_path)["nginx_needs"]
        assert len(needs) == 1
        assert "\n" not in quoted(text)
    assert MARK not in str(needs)
    assert MARK not in str(rendered(as_yaml({template: [{"a": template}]}), tmp_path))


def test_a_url_is_encoded_once() -> None:
    table = {
        "http://shop.example/a b?x=%7B{1}&y=50%": "http://shop.example/a%20b?x=%7B%7B1%7D&y=50%25",
        "/ü/%zz": "/%C3%BC/%25zz",
        "http://[::1]:8080/a": "http://[::1]:8080/a",
        "http://{{x}}/": "http://%7B%7Bx%7D%7D/",
        "/orders/track?id=42": "/orders/track?id=42",
    }
    assert {url: inert_url(url) for url in table} == table
    assert all(inert_url(url) == url for url in table.values())
    assert flow("a") == "a"
