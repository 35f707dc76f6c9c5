"""The alert rules: thresholds and links of a user, and a promtool test for each alert."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.rules import Thresholds, duration, render

PROJECT = Path(__file__).resolve().parents[3]
FOLDER = PROJECT / "roles/monitor/files/rules"
RULES = (FOLDER / "sluice.rules.yml").read_text(encoding="utf-8")
(GROUP,) = yaml.safe_load(RULES)["groups"]
TESTS = {path.name.removesuffix(".test.yml"): path for path in FOLDER.glob("*.test.yml")}


def _changed(**thresholds: float) -> list[str]:
    """Return the lines that a threshold changes, without their comments."""
    rendered = render(RULES, Thresholds(**thresholds), "docs/alerts").splitlines()
    pairs = zip(RULES.splitlines(), rendered, strict=True)
    return [line.partition("  # ")[0].strip() for default, line in pairs if line != default]


def test_the_rule_file_has_the_defaults() -> None:
    assert render(RULES, Thresholds(), "docs/alerts") == RULES
    defaults = yaml.safe_load((PROJECT / "roles/monitor/defaults/main.yml").read_text(encoding="utf-8"))
    assert {name: defaults[f"monitor_{name}"] for name in Thresholds._fields} == Thresholds()._asdict()
    assert defaults["monitor_runbook_url"] == "docs/alerts"


@pytest.mark.parametrize(
    ("threshold", "ends"),
    [
        ({"interval": 15}, ["interval: 15s", *["for: 30s"] * 6]),
        ({"interval": 30}, ["interval: 30s", *["for: 60s"] * 6, "[120s]) == 0"]),
        ({"error_share": 2.5}, ["rate(sluice_http_requests_total[1m]) * 100 > 2.5"] * 2),
        ({"certificate_days": 30}, [") / 86400 < 30"] * 2),
        ({"drain_minutes": 2}, ["sluice_nginx_draining_seconds / 60 > 2"]),
    ],
)
def test_a_threshold_changes_its_lines_and_no_other(threshold: dict[str, float], ends: list[str]) -> None:
    changed = _changed(**threshold)
    assert [end for line, end in zip(changed, ends, strict=True) if not line.endswith(end)] == []


def test_a_line_without_its_default_is_refused() -> None:
    with pytest.raises(ValueError, match="has its default 10s 0 times, not once"):
        render("for: 20s  # monitor_interval x 2", Thresholds(), "")


@pytest.mark.parametrize(("seconds", "text"), [(5, "5s"), (2.5, "2500ms"), (60.0, "60s")])
def test_a_duration_has_no_fraction(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("runbooks", "link"),
    [
        ("docs/alerts", "docs/alerts/SluiceDrift.md"),
        ("https://wiki.example/nginx/", "https://wiki.example/nginx/SluiceDrift.md"),
        ("", None),
    ],
)
def test_every_alert_links_to_its_page(runbooks: str, link: str | None) -> None:
    (group,) = yaml.safe_load(render(RULES, Thresholds(), runbooks))["groups"]
    links = {rule["alert"]: rule["annotations"].get("runbook_url") for rule in group["rules"]}
    assert links["SluiceDrift"] == link
    assert {name: link and link.replace("SluiceDrift", name) for name in links} == links


@pytest.mark.parametrize("runbooks", ["https://wiki.example/a b", "{{ x }}", "a: b\n", "#alerts", "'x'"])
def test_a_link_that_would_break_the_file_is_refused(runbooks: str) -> None:
    with pytest.raises(InputError, match=r"monitor_runbook_url: .* is no address; write it as https://"):
        render(RULES, Thresholds(), runbooks)


@pytest.mark.parametrize("rule", GROUP["rules"], ids=lambda rule: str(rule["alert"]))
def test_an_alert_has_a_case_that_fires_and_one_that_does_not(rule: dict[str, Any]) -> None:
    cases = [
        case
        for test in yaml.safe_load(TESTS[rule["alert"]].read_text(encoding="utf-8"))["tests"]
        for case in test["alert_rule_test"]
    ]
    assert {case["alertname"] for case in cases} == {rule["alert"]}
    assert {bool(case.get("exp_alerts")) for case in cases} == {True, False}


def test_no_test_is_of_an_alert_that_does_not_exist() -> None:
    assert sorted(TESTS) == sorted(rule["alert"] for rule in GROUP["rules"])
