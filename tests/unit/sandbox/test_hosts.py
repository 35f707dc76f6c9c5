"""The sandbox's fleet: its names, what is written down, and what is done to which container."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast
from unittest import mock

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.filter import sandbox
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.sandbox.hosts import (
    Fleet,
    SandboxHost,
    _create,
    _ensure_network,
    fleet_json,
    free_ports,
    remove_fleet,
    ssh_config,
)
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import Name, read_name

PORTS = {"web2": {"ssh": 2202, "http": 8002, "https": 4402}, "web1": {"ssh": 2201, "http": 8001, "https": 4401}}


def _fleet(name: Name, root: Path) -> Fleet:
    return Fleet(name, root, root / ".sluice")


def test_fleets_of_different_checkouts_and_names_do_not_meet(tmp_path: Path) -> None:
    names = [read_name(name, "sandbox_name") for name in ("sandbox", "other")]
    fleets = [_fleet(names[0], tmp_path / "a"), _fleet(names[0], tmp_path / "b"), _fleet(names[1], tmp_path / "a")]
    assert len({fleet.network for fleet in fleets}) == 3
    assert len({tuple(fleet.labels.values()) for fleet in fleets}) == 3
    assert all(fleet.labels["sluice"] == "1" for fleet in fleets)


def test_ssh_finds_each_host_in_the_same_order_always() -> None:
    text = ssh_config(PORTS, Path("/a folder/key"))
    assert text.index("Host web1\n  HostName 127.0.0.1\n  Port 2201\n") < text.index("Host web2\n")
    assert '  IdentityFile "/a folder/key"\n' in text
    assert text == ssh_config(dict(reversed(PORTS.items())), Path("/a folder/key"))


def test_programs_find_each_host() -> None:
    assert json.loads(fleet_json(PORTS, "sluice-0-sandbox"))["web1"] == {
        "container": "sluice-0-sandbox-web1",
        "ports": {"ssh": 2201, "http": 8001, "https": 4401},
        "urls": ["http://127.0.0.1:8001", "https://127.0.0.1:4401"],
    }


def test_a_monitoring_host_has_services_and_no_site() -> None:
    ports = {"mon1": {"ssh": 2203, "receiver": 8080, "prometheus": 9090, "alertmanager": 9093}}
    told = json.loads(fleet_json(ports, "sluice-0-sandbox"))["mon1"]
    assert told["ports"] == ports["mon1"]
    assert told["urls"] == []


@pytest.mark.parametrize(
    ("name", "host", "service", "url"),
    [
        ("mine", "mon1", "alertmanager", "http://127.0.0.1:9093"),
        ("mine", "mon1", "http", ""),
        ("mine", "mon2", "alertmanager", ""),
        ("other", "mon1", "alertmanager", ""),
    ],
)
def test_variables_find_a_service_or_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, host: str, service: str, url: str
) -> None:
    (tmp_path / "fleets/mine").mkdir(parents=True)
    (tmp_path / "fleets/mine/fleet.json").write_text(
        fleet_json({"mon1": {"ssh": 2203, "alertmanager": 9093}}, "sluice-0-mine")
    )
    monkeypatch.setattr(sandbox, "state_folder", lambda: tmp_path)
    assert sandbox.fleet_url(name, host, service) == url


@pytest.fixture
def nothing() -> Any:
    """A Docker without containers and networks."""
    client = mock.MagicMock()
    client.containers.list.return_value = client.networks.list.return_value = []
    return client


def test_a_sandbox_that_is_called_alike_has_another_network(tmp_path: Path, nothing: Any) -> None:
    fleet = _fleet(read_name("shop", "sandbox_name"), tmp_path)
    # Docker answers so to who asks for `shop`.
    other = mock.MagicMock()
    other.name = f"{fleet.network}-two"
    nothing.networks.list.return_value = [other]
    assert _ensure_network(nothing, fleet)
    assert nothing.networks.create.call_args.args == (fleet.network,)
    other.name = fleet.network
    assert not _ensure_network(nothing, fleet)


@pytest.mark.parametrize("name", ["", ".", "..", "../..", "a/b", "/etc", "Sandbox", "a_b", "runs\n", "x" * 32, None, 5])
def test_what_is_no_name_of_a_fleet_removes_nothing(tmp_path: Path, nothing: Any, name: Any) -> None:
    (tmp_path / ".sluice/runs/r1").mkdir(parents=True)
    (tmp_path / "deploy.yml").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SluiceError, match=r"^sandbox_name: .* is no name"):
        remove_fleet(nothing, _fleet(name, tmp_path), ["web1"])
    assert sorted(tmp_path.rglob("*")) == before
    assert sandbox.fleet_url(name, "mon1", "http") == ""


@pytest.mark.parametrize("name", ["runs", "releases", "live", "cache", "sandbox"])
def test_a_fleet_has_a_folder_beside_which_nothing_is_removed(tmp_path: Path, nothing: Any, name: str) -> None:
    fleet = _fleet(read_name(name, "sandbox_name"), tmp_path)
    (tmp_path / ".sluice" / name).mkdir(parents=True)
    assert remove_fleet(nothing, fleet, ["web1"]) is False
    fleet.folder.mkdir(parents=True)
    assert remove_fleet(nothing, fleet, ["web1"]) is True
    assert (tmp_path / ".sluice" / name).is_dir()
    assert not fleet.folder.exists()


def test_a_folder_that_leads_elsewhere_is_not_removed(tmp_path: Path, nothing: Any) -> None:
    (tmp_path / "precious").mkdir()
    fleet = _fleet(read_name("mine", "sandbox_name"), tmp_path)
    fleet.fleets.mkdir(parents=True)
    fleet.folder.symlink_to(tmp_path / "precious")
    with pytest.raises(SluiceError, match="leads out of"):
        remove_fleet(nothing, fleet, [])
    assert (tmp_path / "precious").is_dir()


@pytest.mark.parametrize("count", [0, 1, 12])
def test_free_ports_are_as_many_and_all_different(count: int) -> None:
    assert len(set(free_ports(count))) == count


class _Engine:
    """Notes what it is asked to make."""

    def __init__(self) -> None:
        self.api = self.containers = self
        self.made: dict[str, Any] = {}

    def create_endpoint_config(self, aliases: list[str]) -> list[str]:
        return aliases

    def create(self, image: str, command: list[str], **machine: Any) -> None:
        self.made = {"command": command, **machine}


def test_a_host_gets_nothing_of_the_machine(tmp_path: Path) -> None:
    engine = _Engine()
    _create(
        cast(docker.DockerClient, engine),
        _fleet(read_name("sandbox", "sandbox_name"), tmp_path),
        "web1",
        SandboxHost(),
        "image",
        {},
    )
    made = engine.made
    assert made["cgroupns"] == "private"
    assert not {"volumes", "mounts", "privileged", "devices", "pid_mode", "ipc_mode", "userns_mode"} & made.keys()
    assert made["security_opt"] == ["apparmor=unconfined"]
    assert (made["cap_add"], made["cap_drop"]) == (["SYS_ADMIN", "NET_ADMIN"], ["MKNOD"])
    assert all(address == "127.0.0.1" for address, _ in made["ports"].values())
