"""Checks as modules and targets of the blackbox exporter."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.files import MonitorSettings, contents
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.probes import MonitoredHost, Probing, Public, probing


def _probing(
    *rows: dict[str, Any], address: str = "192.0.2.1", public: Public | None = None, unsafe: bool = False
) -> Probing:
    contract = tuple(to_json(check) for check in parse_contract(rows, "nginx_checks", site="shop"))
    return probing([MonitoredHost("web1", address, "web1", contract)], unsafe=unsafe, public=public, timeout=4.5)


def _http(**row: Any) -> dict[str, Any]:
    (module,) = _probing({"get": "http://shop.example/", **row}).modules.values()
    assert (module["prober"], module["timeout"]) == ("http", "4.5s")
    return dict(module["http"])


def test_a_request_is_that_of_the_contract() -> None:
    http = _http(get="https://shop.example:8443/x?y=1", headers={"X-A": "b"})
    assert http["method"] == "GET"
    assert http["headers"] == {"Host": "shop.example:8443", "User-Agent": "sluice", "X-A": "b"}
    assert http["tls_config"] == {"server_name": "shop.example", "insecure_skip_verify": True}
    assert http["follow_redirects"] is False
    assert "body" not in http


def test_a_header_of_the_user_wins() -> None:
    assert _http(headers={"host": "other.example", "user-agent": "x"})["headers"] == {
        "host": "other.example",
        "user-agent": "x",
    }


@pytest.mark.parametrize(
    ("status", "codes"),
    [(200, [200]), ([200, 404], [200, 404]), ("4xx", list(range(400, 500))), (None, list(range(200, 300)))],
)
def test_statuses_are_spelt_out(status: Any, codes: list[int]) -> None:
    assert _http(expect={} if status is None else {"status": status})["valid_status_codes"] == codes


@pytest.mark.parametrize(
    ("expect", "key", "value"),
    [
        ({"body": "a.b (c)"}, "fail_if_body_not_matches_regexp", [r"a\.b\ \(c\)"]),
        ({"body": "/^a.b/"}, "fail_if_body_not_matches_regexp", ["^a.b"]),
        ({"headers": {"X-A": "a.b"}}, "fail_if_header_not_matches", [{"header": "X-A", "regexp": r"^a\.b$"}]),
        ({"headers": {"X-A": "/a|b/"}}, "fail_if_header_not_matches", [{"header": "X-A", "regexp": "a|b"}]),
        (
            {"headers": {"X-A": None}},
            "fail_if_header_matches",
            [{"header": "X-A", "regexp": ".*", "allow_missing": True}],
        ),
    ],
)
def test_expectations_are_patterns(expect: dict[str, Any], key: str, value: Any) -> None:
    assert _http(expect=expect)[key] == value


@pytest.mark.parametrize(
    ("expected", "seen", "holds"),
    [
        ("/new?a=1", "/new?a=1", True),
        ("/new?a=1", "http://shop.example/new?a=1", True),
        ("/new?a=1", "http://shop.example/newer?a=1", False),
        ("/new?a=1", "https://shop.example/new?a=1", False),
        ("/new?a=1", "/newXa=1", False),
        ("http://shop.example/new", "/new", True),
        ("https://shop.example/new", "https://shop.example/new", True),
        ("https://shop.example/new", "/new", False),
        (r"/^\/orders\/\d+$/", "/orders/12", True),
        (r"/^\/orders\/\d+$/", "/orders/x", False),
    ],
)
def test_a_location_is_held_as_the_gates_hold_it(expected: str, seen: str, holds: bool) -> None:
    (wanted,) = _http(expect={"location": expected})["fail_if_header_not_matches"]
    assert wanted["header"] == "Location"
    assert bool(re.search(wanted["regexp"], seen)) is holds


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("192.0.2.1", "http://192.0.2.1:80/x"),
        ("web1.example", "http://web1.example:80/x"),
        ("::2", "http://[::2]:80/x"),
    ],
)
def test_a_target_is_the_host_and_its_label_the_check(address: str, where: str) -> None:
    made = _probing({"get": "http://shop.example/x", "name": "the page"}, address=address)
    (target,) = made.hosts
    assert target["targets"] == [where]
    labels = target["labels"]
    assert (labels["host"], labels["site"], labels["check"]) == ("web1", "shop", "the page")
    assert labels["__param_module"] == f"shop_the_page_{labels['check_id']}"
    assert labels["__param_module"] in made.modules


def test_no_label_has_what_is_secret_of_a_url() -> None:
    made = _probing({"get": "http://shop.example/x?token=S3CR3T-1&page=2"})
    (target,) = made.hosts
    assert "S3CR3T-1" in target["targets"][0]
    assert "S3CR3T-1" not in str(target["labels"])
    assert target["labels"]["instance"] == "http://192.0.2.1:80/x?token=…&page=2"
    # Prometheus would put the whole of it there.
    rules = yaml.safe_load(contents([], made, MonitorSettings(""))["prometheus.yml"])["scrape_configs"]
    assert "instance" not in {each.get("target_label") for job in rules for each in job.get("relabel_configs", ())}


def test_what_changes_things_is_left_out_and_counted() -> None:
    rows: list[dict[str, Any]] = [
        {"get": "http://shop.example/"},
        {"post": "http://shop.example/a", "body": "x"},
        {"delete": "http://shop.example/b"},
    ]
    made = _probing(*rows)
    assert len(made.hosts) == 1
    assert made.said == [
        "2 checks are not monitored, because asking changes things (DELETE, POST); "
        "monitor_unsafe=true monitors them too"
    ]
    wanted = _probing(*rows, unsafe=True)
    assert len(wanted.hosts) == 3
    assert wanted.said == []
    assert {module["http"].get("body") for module in wanted.modules.values()} == {None, "x"}


def test_what_the_hosts_ask_is_said() -> None:
    made = _probing({"get": "http://shop.example/", "follow": True})
    assert made.modules == {}
    assert made.said == ["1 check is asked by the hosts themselves: it follows redirects on one host"]


@pytest.mark.parametrize(
    ("address", "where"),
    [("", ["https://shop.example/", "https://shop.example/old"]), ("192.0.2.9", ["https://192.0.2.9:443/"])],
)
def test_visitors_come_by_the_name_or_the_address_and_trust_authorities(address: str, where: list[str]) -> None:
    rows: list[dict[str, Any]] = [
        {"get": "https://shop.example/"},
        {"get": "https://shop.example/old", "follow": True},
        {"get": "https://shop.example/in", "connect": "127.0.0.1"},
    ]
    made = _probing(*rows, public=Public(address))
    assert [target["targets"][0] for target in made.public] == where
    module = made.modules[made.public[0]["labels"]["__param_module"]]
    assert module["http"]["tls_config"]["insecure_skip_verify"] is False
    assert "host" not in made.public[0]["labels"]
