"""The whole watch in the sandbox: a site is broken by hand, people are told; it is fixed, they are told; and a
deployment is nobody's alert.

The tests run in the order of this file, on one fleet.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.files import MonitorSettings, contents
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.probes import MonitoredHost, Public, probing
from ansible_collections.sluice.nginx.plugins.module_utils.monitor.rules import Thresholds
from tests.commands import PUSH
from tests.integration.passed import passed, platform_of
from tests.integration.sandboxes import sandbox

pytestmark = pytest.mark.integration

RULES = Path(__file__).resolve().parents[3] / "roles/monitor/files/rules/sluice.rules.yml"
ALERTS = [rule["alert"] for rule in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"][0]["rules"]]

_WANTED = 30.0
_TIMEOUT = 180.0


class Watch:
    """A sandbox of its own, and what is asked of it."""

    name = "test-monitor"
    hosts = ("web1", "web2", "app1", "mon1")

    def __init__(self, project: Path, play: Callable[..., Any], engine: docker.DockerClient) -> None:
        self._project, self._play, self._engine = project, play, engine

    def play(self, playbook: str, *arguments: str) -> Any:
        limit = ["--limit", ",".join([*self.hosts, "localhost"])]
        # As it is where hosts are reached by names: the sandbox's own settings leave the exporters open.
        scrapers = json.dumps({"monitor_scrapers": [self.watcher]})
        return self._play(playbook, *limit, "-e", scrapers, *arguments, SLUICE_SANDBOX=self.name)

    @property
    def watcher(self) -> str:
        """The address that the monitoring host asks from."""
        (network,) = self.container("mon1").attrs["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])

    def listens(self, port: int) -> str:
        """Where the monitoring host listens at a port."""
        return self.run("mon1", f"ss -Hltn 'sport = :{port}'").split()[3]

    def push(self, line: str, **terms: Any) -> Any:
        """Bring the sandbox's own sites and a line to both hosts; no gate is asked."""
        playbook = self._project / ".sluice/fleets" / self.name / "push.yml"
        playbook.write_text(PUSH.format(project=self._project))
        made = passed(self._project, platform_of(self._project, self._engine), {"nginx_http_lines": [line]})
        return self.play(
            str(playbook), "-e", json.dumps({"rollout_releases": dict.fromkeys(("web1", "web2"), made.id), **terms})
        )

    def fleet(self, host: str) -> dict[str, Any]:
        known = json.loads((self._project / ".sluice/fleets" / self.name / "fleet.json").read_text(encoding="utf-8"))
        return dict(known[host])

    def run(self, host: str, command: str) -> str:
        code, output = self.container(host).exec_run(["sh", "-c", command])
        assert code == 0, output.decode()
        return str(output.decode())

    def container(self, host: str) -> Any:
        return self._engine.containers.get(self.fleet(host)["container"])

    def put(self, host: str, folder: str, files: dict[str, bytes]) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name, data in files.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(data), 0o644
                archive.addfile(entry, io.BytesIO(data))
        self.run(host, f"rm -rf {folder}; mkdir -p {folder}")
        self.container(host).put_archive(folder, packed.getvalue())

    def get(self, service: str, path: str) -> Any:
        url = f"http://127.0.0.1:{self.fleet('mon1')['ports'][service]}{path}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)

    def query(self, expression: str) -> list[dict[str, Any]]:
        quoted = urllib.parse.quote(expression)
        return list(self.get("prometheus", f"/api/v1/query?query={quoted}")["data"]["result"])

    def alerts(self, status: str) -> list[dict[str, Any]]:
        """Alerts that have come to the receiver with this status, firing or resolved, oldest first."""
        posts = [
            json.loads(each["body"]) for each in self.get("receiver", "/messages") if each.get("path") == "/alerts"
        ]
        return [alert for post in posts for alert in post["alerts"] if alert["status"] == status]

    def forget(self) -> None:
        """Empty the receiver."""
        url = f"http://127.0.0.1:{self.fleet('mon1')['ports']['receiver']}/messages"
        with urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=10):
            pass

    def silences(self) -> list[dict[str, Any]]:
        return list(self.get("alertmanager", "/api/v2/silences"))


def _until(found: Callable[[], Any], what: str) -> Any:
    """Wait for a condition, as long as a slow machine may need."""
    until = time.monotonic() + _TIMEOUT
    while time.monotonic() < until:
        if value := found():
            return value
        time.sleep(0.2)
    raise AssertionError(f"{what} did not come within {_TIMEOUT:g} s")


@pytest.fixture(scope="module")
def watch(project: Path, play: Callable[..., Any], engine: docker.DockerClient) -> Iterator[Watch]:
    made = Watch(project, play, engine)
    with sandbox(project, engine, made.name, made.hosts):
        for done in (made.push("# the first one"), made.play("playbooks/monitor.yml")):
            assert done.code == 0, done.output
        yield made


def test_nobody_but_the_monitoring_host_may_ask_what_asks_for_no_password(watch: Watch) -> None:
    show = "systemctl show prometheus-node-exporter -p IPAddressAllow -p IPAddressDeny"
    told = dict(line.split("=") for line in watch.run("web1", show).splitlines())
    assert set(told["IPAddressAllow"].split()) == {"127.0.0.0/8", "::1/128", f"{watch.watcher}/32"}
    assert set(told["IPAddressDeny"].split()) == {"0.0.0.0/0", "::/0"}
    # Those who look at the sandbox are on its machine.
    assert [watch.listens(port) for port in (9090, 9093)] in (["0.0.0.0:9090", "0.0.0.0:9093"], ["*:9090", "*:9093"])


@pytest.mark.thorough
def test_nobody_else_reaches_the_monitors_as_they_are_without_settings(watch: Watch) -> None:
    closed = watch.play("playbooks/monitor.yml", "-e", "monitor_listen=127.0.0.1")
    assert closed.code == 0, closed.output
    heard = [watch.listens(port) for port in (9090, 9093)]
    again = watch.play("playbooks/monitor.yml")
    assert again.code == 0, again.output
    assert heard == ["127.0.0.1:9090", "127.0.0.1:9093"]


def test_it_is_said_what_is_not_asked_from_outside(watch: Watch) -> None:
    done = watch.play("playbooks/monitor.yml", "--check", "--diff")
    assert done.code == 0, done.output
    assert "4 checks are not monitored, because asking changes things (POST); monitor_unsafe=true" in done.output
    assert "3 checks are asked by the hosts themselves: it follows redirects on one host" in done.output
    assert re.findall(r"changed=(\d+)", done.output) == ["0"] * 3, done.output


def test_every_check_of_every_host_is_asked_and_holds(watch: Watch) -> None:
    def all_hold() -> bool:
        wanted = {(each["metric"]["host"], each["metric"]["check_id"]) for each in watch.query("sluice_check_info")}
        nobody = watch.query('sluice_check_info{by="nobody"}')
        wanted -= {(each["metric"]["host"], each["metric"]["check_id"]) for each in nobody}
        holding = watch.query("probe_success == 1 or sluice_check_success == 1")
        return (
            len(wanted) == 48 and {(each["metric"]["host"], each["metric"]["check_id"]) for each in holding} == wanted
        )

    _until(all_hold, "an answer of each check on each host")


def test_hosts_tell_what_they_serve(watch: Watch) -> None:
    told = _until(lambda: len(found := watch.query("sluice_release_info")) == 2 and found, "both hosts")
    assert {each["metric"]["host"] for each in told} == {"web1", "web2"}
    assert len({each["metric"]["release"] for each in told}) == 1
    assert {each["value"][1] for each in watch.query("nginx_up")} == {"1"}


@pytest.fixture
def broken(watch: Watch) -> Iterator[float]:
    """A site that somebody breaks by hand on web1, when nothing else fires: when that was, of the monotonic clock."""
    # What a deployment has raised on a slow machine must be over: its group of alerts would wait for its interval.
    _until(lambda: not watch.query('ALERTS{alertstate="firing"}'), "quiet")
    watch.forget()
    began = time.monotonic()
    watch.run("web1", "mv /srv/cedi-mart/public/index.php /srv/cedi-mart/public/index.phpp")
    try:
        yield began
    finally:
        # The test has fixed it, unless it failed.
        watch.run("web1", "cd /srv/cedi-mart/public; [ ! -e index.phpp ] || mv index.phpp index.php")
        watch.run("web2", "sed -i '/# by hand/d' /etc/nginx/nginx.conf")


def test_what_is_broken_by_hand_is_told_of_within_half_a_minute_and_no_deployment_comes_on_top(
    watch: Watch, broken: float
) -> None:
    release = watch.query('sluice_release_info{host="web1"}')[0]["metric"]

    told = _until(lambda: [each for each in watch.alerts("firing") if "check" in each["annotations"]], "the alert")
    took = time.monotonic() - broken
    print(f"the alert came {took:.1f} s after the site was broken")
    words = told[0]["annotations"]
    assert told[0]["labels"]["alertname"] == "SluiceCheckFails"
    assert (words["host"], words["release"], words["pushed"]) == ("web1", release["release"], release["pushed"])
    assert words["summary"] == f'Check "{words["check"]}" fails on web1'
    assert f"web1 serves release {release['release']}, pushed {release['pushed']} by run " in words["description"]
    assert {each["annotations"].get("host") for each in told} == {"web1"}
    assert took < _WANTED

    before = watch.run("web1", "readlink /etc/nginx")
    done = watch.push("# on fire", rollout_alarms=["monitor"])
    assert done.code == 2
    assert "the run failed in alarms (monitor burns already: {alertname=SluiceCheckFails" in done.output, done.output
    assert watch.run("web1", "readlink /etc/nginx") == before

    # The other host is changed by hand meanwhile; both are told to be over at once.
    watch.run("web2", "echo '# by hand' >> /etc/nginx/nginx.conf")
    drift = _until(lambda: [a for a in watch.alerts("firing") if a["labels"]["alertname"] == "SluiceDrift"], "drift")
    assert drift[0]["annotations"]["summary"] == "Files on web2 differ from its release (1)"

    watch.run("web2", "sed -i '/# by hand/d' /etc/nginx/nginx.conf")
    watch.run("web1", "mv /srv/cedi-mart/public/index.phpp /srv/cedi-mart/public/index.php")
    over = _until(lambda: [each for each in watch.alerts("resolved") if "check" in each["annotations"]], "the end")
    assert over[0]["annotations"]["host"] == "web1"
    _until(lambda: [a for a in watch.alerts("resolved") if a["labels"]["alertname"] == "SluiceDrift"], "drift's end")


def test_a_deployment_raises_no_alert_and_ends_its_silence(watch: Watch) -> None:
    _until(lambda: not watch.query('ALERTS{alertstate="firing"}'), "quiet")
    watch.forget()
    before = {each["id"] for each in watch.silences()}
    done = watch.push("# another release")
    assert done.code == 0, done.output
    (silence,) = [each for each in watch.silences() if each["id"] not in before]
    assert {matcher["name"]: matcher["value"] for matcher in silence["matchers"]} == {
        "alertname": "SluiceReleaseDiffers|SluiceReleasePending",
        "host": "web1|web2",
    }
    assert re.search(r"run \d{8}T\d{6}-[0-9a-f]{4} of .+ from ", silence["comment"])
    _until(lambda: not [each for each in watch.silences() if each["status"]["state"] == "active"], "the silence's end")
    assert [each["labels"]["alertname"] for each in watch.alerts("firing")] == []


@pytest.mark.thorough
def test_an_alarm_that_begins_on_a_switched_host_rolls_back(watch: Watch) -> None:
    """Real Prometheus says of the canary that its release is pending, which stands for any series about a host."""
    before = [watch.run(host, "readlink /etc/nginx") for host in ("web1", "web2")]
    query = {"prometheus": "{{ monitor_prometheus_url }}", "query": "sluice_release_pending == 1", "name": "pending"}
    wanted = {"rollout_bake": 40, "rollout_waves": [1, 1], "rollout_alarms": ["monitor", query]}
    done = watch.push("# pending", **wanted)
    assert done.code == 2
    assert "the run failed in alarms (pending has begun to burn: {host=web1" in done.output, done.output
    assert re.search(r"^web1 .*rolled back; the release before serves again, proved$", done.output, re.MULTILINE)
    assert re.search(r"^web2 .*was not touched$", done.output, re.MULTILINE)
    assert [watch.run(host, "readlink /etc/nginx") for host in ("web1", "web2")] == before


def test_an_alertmanager_that_is_gone_is_said_and_costs_the_deployment_nothing(watch: Watch) -> None:
    watch.run("mon1", "systemctl stop prometheus-alertmanager")
    done = watch.push("# a third one")
    watch.run("mon1", "systemctl start prometheus-alertmanager")
    assert done.code == 0, done.output
    assert done.output.count("nothing is silenced, because Alertmanager at http://127.0.0.1:") == 1, done.output


def test_files_alone_are_written_for_a_prometheus_that_is_there(watch: Watch, tmp_path: Path) -> None:
    done = watch.play("playbooks/monitor.yml", "-e", f"monitor_install=false monitor_files={tmp_path}/files")
    assert done.code == 0, done.output
    files = sorted(
        str(path.relative_to(tmp_path / "files")) for path in (tmp_path / "files").rglob("*") if path.is_file()
    )
    assert files == [
        "alertmanager.yml",
        "blackbox.yml",
        "metrics.pyz",
        "prometheus.yml",
        "rules/sluice.yml",
        "targets/hosts.json",
        "targets/nginx.json",
        "targets/probes.json",
        "targets/public.json",
    ]
    assert f"9 of the files in {tmp_path}/files are new" in done.output


def test_without_a_monitoring_host_there_is_a_sentence(watch: Watch, tmp_path: Path, project: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"web": {"hosts": {"web1": {"nginx_tree": str(tmp_path)}}}}))
    variables = yaml.safe_load((project / "inventories/sandbox/group_vars/all.yml").read_text(encoding="utf-8"))
    # The image of the sandbox is there; this play needs none of its own.
    image = {name: variables[name] for name in ("staging_platform", "staging_packages")}
    settings = json.dumps({**image, "monitor_group": "watchers"})
    done = watch.play("playbooks/monitor.yml", "-i", str(inventory), "-e", settings)
    assert done.code != 0
    assert "the inventory has no host in the group 'watchers' (monitor_group); add a monitoring host" in done.output


ODD = [
    {"get": "http://a.example/", "name": "quotes", "expect": {"body": 'he said: "a.b*c" & {x}'}},
    {"get": "http://a.example/é", "name": "not ASCII", "expect": {"body": "2 Laternen für 3 €"}},
    {
        "get": "https://a.example:8443/x?y=z",
        "name": "a pattern",
        "expect": {"headers": {"X-A": "/^a|b$/", "X-B": None}},
    },
    {"get": "http://a.example/old", "name": "away", "expect": {"location": "https://b.example/new?a=1"}},
    {"head": "http://[::1]/", "name": "six", "connect": "[2001:db8::1]:80"},
    {"get": "http://a.example/slow", "name": "bounded", "expect": {"max_ms": 200}},
    {"post": "http://a.example/", "name": "sent", "body": {"a": "1"}, "headers": {"Authorization": "Basic x"}},
]


def test_what_is_written_for_odd_checks_is_taken_by_the_real_programs(watch: Watch) -> None:
    rows = tuple(to_json(check) for check in parse_contract(ODD, "nginx_checks", site="a site"))
    hosts = [MonitoredHost("web1", "192.0.2.1", "web1", rows), MonitoredHost("web2", "2001:db8::2", "web1", rows)]
    made = probing(hosts, unsafe=True, public=Public(), timeout=4.5)
    receiver = {"name": "x", "webhook_configs": [{"url": "http://127.0.0.1:1/"}]}
    settings = MonitorSettings(
        RULES.read_text(encoding="utf-8"),
        "https://wiki.example/nginx?page=alerts&x=",
        Thresholds(interval=2.5, error_share=0.1, certificate_days=0.5, drain_minutes=0.25),
        [receiver],
        [{"receiver": "x", "matchers": ['severity="info"']}],
    )
    files = contents(hosts, made, settings)
    watch.put("mon1", "/tmp/odd", files)
    for command in (
        "promtool check config /tmp/odd/prometheus.yml",
        "promtool check rules /tmp/odd/rules/sluice.yml",
        "amtool check-config /tmp/odd/alertmanager.yml",
        "prometheus-blackbox-exporter --config.check --config.file=/tmp/odd/blackbox.yml",
    ):
        watch.run("mon1", command)


@pytest.fixture(scope="module")
def promtool_output(watch: Watch) -> str:
    """The output of ``promtool test rules`` for the tests of all alerts."""
    watch.put("mon1", "/tmp/rules", {path.name: path.read_bytes() for path in RULES.parent.iterdir()})
    return watch.run("mon1", "promtool test rules /tmp/rules/*.test.yml 2>&1 || true")


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_fires_exactly_when_its_test_expects_it(promtool_output: str, alert: str) -> None:
    _, found, rest = promtool_output.partition(f"Unit Testing:  /tmp/rules/{alert}.test.yml\n")
    result = rest.partition("Unit Testing:")[0].strip()
    assert (bool(found), result) == (True, "SUCCESS"), promtool_output
