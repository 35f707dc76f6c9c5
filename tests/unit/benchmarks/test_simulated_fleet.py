"""Simulated hosts answer as the real engine does, and what a roll-out on them took is told and judged."""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader

from ansible_collections.sluice.nginx.plugins.module_utils import remote
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import Question, RolloutOptions, build
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import visitor
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release
from ansible_collections.sluice.nginx.plugins.module_utils.reply_schemas import NEEDED
from benchmarks.racing.measuring import Cost
from benchmarks.simulated_fleet import __main__ as benchmark
from benchmarks.simulated_fleet.figures import Rollout, document, growth, targets
from benchmarks.simulated_fleet.hosts import SimulatedHosts, read_payload
from benchmarks.simulated_fleet.latencies import Latencies
from benchmarks.simulated_fleet.releases import made_release
from benchmarks.simulated_fleet.running import Fleet, Slice, Traffic, names_of
from benchmarks.simulated_fleet.server import serve

PLUGINS = Path(benchmark.__file__).with_name("connection")
RUN, TERMS = visitor("20260101T000000Z-0001"), RolloutOptions()


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return made_release(tmp_path_factory.mktemp("releases"), 1)


@pytest.fixture
def hosts(tmp_path: Path) -> SimulatedHosts:
    return SimulatedHosts(tmp_path, failing=frozenset(["bad"]))


def questions(release: Release, last: str = "confirm") -> list[Question]:
    """What a host is asked in a roll-out, as the action asks it."""
    return [
        build("preflight", RUN, release.id, release, TERMS),
        build("activate", RUN, release.id, release, TERMS, bake=1.0),
        build("bake", RUN, release.id, None, TERMS, bake=2.0),
        build(last, RUN, release.id if last == "confirm" else "", None, TERMS),
    ]


def asked(hosts: SimulatedHosts, name: str, question: Question) -> dict[str, Any]:
    """Ask a host, and read its answer as the controller does."""
    state = hosts.ask(name, question.payload, 0.0)
    return remote.answer(state.answer.decode(), "", 0, question.request["op"])


class TestHosts:
    @pytest.mark.parametrize("last", ["confirm", "rollback"])
    def test_the_controller_reads_all_that_a_host_answers(
        self, hosts: SimulatedHosts, release: Release, last: str
    ) -> None:
        for question in questions(release, last):
            operation = question.request["op"]
            answer = asked(hosts, "web1", question)
            assert answer["ok"], answer["problems"]
            assert set(NEEDED[operation]) <= answer.keys()
            marked = hosts.ask("web2", question.payload, 0.0).answer.decode().partition("\n")[2]
            sent = json.loads(marked[marked.index("{") :])
            assert sent.keys() == answer.keys(), "a key that the controller drops"
        assert set(hosts.counted(0.0)["serving"].values()) == {2}

    def test_a_confirmed_release_serves(self, hosts: SimulatedHosts, release: Release) -> None:
        for question in questions(release):
            asked(hosts, "web1", question)
        assert hosts.counted(0.0)["serving"] == {f"{release.id} confirmed": 1}

    def test_ten_checks_are_asked_of_each(self, hosts: SimulatedHosts, release: Release) -> None:
        asked(hosts, "web1", questions(release)[0])
        answer = asked(hosts, "web1", questions(release)[1])
        assert [row["ok"] for row in answer["checks"]] == [True] * 10

    def test_hosts_that_are_asked_the_same_cost_the_engine_once(self, hosts: SimulatedHosts, release: Release) -> None:
        for name in ("web1", "web2", "web3"):
            for question in questions(release):
                asked(hosts, name, question)
        assert hosts.computed == 4
        assert hosts.operations == {"preflight": 3, "activate": 3, "bake": 3, "confirm": 3}

    def test_a_host_answers_by_what_it_was_asked_before(self, hosts: SimulatedHosts, release: Release) -> None:
        preflight, activate, bake, confirm = questions(release)
        for question in (preflight, activate, bake):
            asked(hosts, "web1", question)
        asked(hosts, "web2", preflight)
        refused = asked(hosts, "web2", confirm)
        assert "cannot be confirmed on this host" in refused["problems"][0]["what"]
        # The host that went on first took the engine's files along; the other one's are made anew.
        assert asked(hosts, "web1", confirm)["ok"]
        assert asked(hosts, "web2", activate)["ok"]

    def test_where_a_release_fails_its_checks_the_host_goes_back(self, hosts: SimulatedHosts, release: Release) -> None:
        preflight, activate, bake, _ = questions(release)
        asked(hosts, "bad", preflight)
        asked(hosts, "bad", activate)
        problems = asked(hosts, "bad", bake)["problems"]
        assert "does not hold on this host: expected status 200, got 500" in problems[0]["what"]
        assert asked(hosts, "bad", questions(release, "rollback")[3])["rolled_back"] is True

    def test_the_watchdog_of_a_host_that_hears_nothing_rolls_it_back(
        self, hosts: SimulatedHosts, release: Release
    ) -> None:
        for question in questions(release)[:2]:
            asked(hosts, "web1", question)
        assert hosts.counted(TERMS.confirm_timeout - 1)["serving"] == {f"{release.id} pending": 1}
        counted = hosts.counted(TERMS.confirm_timeout + 1)
        assert counted["serving"] == {f"{counted['before']} confirmed": 1}

    def test_another_engine_is_not_known_here(self, hosts: SimulatedHosts, release: Release) -> None:
        payload = questions(release)[0].payload
        with pytest.raises(SluiceError, match="the engine ffffffffffff is asked, and the hosts have"):
            hosts.ask("web1", b"f" * 64 + payload[64:], 0.0)

    @pytest.mark.parametrize(
        ("payload", "words"),
        [(b"", "no payload"), (b"d keep 1 2\n", "no payload"), (b"d keep 0 9 0\n{}", "ended early")],
    )
    def test_what_is_no_payload_is_refused(self, payload: bytes, words: str) -> None:
        with pytest.raises(SluiceError, match=words):
            read_payload(payload)


class TestConnection:
    @pytest.fixture
    def socket(self, tmp_path: Path, hosts: SimulatedHosts) -> Iterator[Path]:
        """A server that answers at once."""
        latencies = Latencies({name: [0.0] for name in ("preflight", "activate", "bake", "confirm", "rollback")})
        with tempfile.TemporaryDirectory() as short:
            path, loop = Path(short, "hosts.socket"), asyncio.new_event_loop()
            task = loop.create_task(serve(path, hosts, latencies))
            thread = threading.Thread(target=lambda: loop.run_until_complete(asyncio.wait([task])))
            thread.start()
            while not path.exists():
                assert thread.is_alive()
            yield path
            loop.call_soon_threadsafe(task.cancel)
            thread.join(10)
            loop.close()

    @staticmethod
    def _connection(socket: Path) -> Any:
        connection_loader.add_directory(str(PLUGINS))
        made = connection_loader.get("simulated", PlayContext(), "/dev/null")
        made.set_options(var_options={"inventory_hostname": "web1"}, direct={"socket": str(socket)})
        return made

    def test_ansible_asks_a_host(self, socket: Path, release: Release) -> None:
        preflight = questions(release)[0]
        rc, out, _ = self._connection(socket).exec_command("python3 …", in_data=preflight.payload)
        assert remote.answer(out.decode(), "", rc, "preflight")["changes_needed"] is True

    def test_a_host_that_knows_no_answer_cannot_be_reached(self, socket: Path) -> None:
        with pytest.raises(AnsibleConnectionFailure, match="web1 closed the connection"):
            self._connection(socket).exec_command("python3 …", in_data=b"nonsense")


class TestLatencies:
    def test_a_host_draws_the_same_again(self) -> None:
        latencies = Latencies({"bake": [0.1, 0.2, 0.3, 0.4]})
        drawn = [latencies.draw("web1", number, "bake") for number in range(50)]
        assert drawn == [latencies.draw("web1", number, "bake") for number in range(50)]
        assert set(drawn) == {0.1, 0.2, 0.3, 0.4}

    def test_all_that_a_roll_out_asks_was_measured(self) -> None:
        assert {"preflight", "activate", "bake", "confirm", "rollback"} <= Latencies.read().medians().keys()

    def test_what_was_not_measured_is_said(self) -> None:
        with pytest.raises(SluiceError, match="how long dance takes was not measured"):
            Latencies({"bake": [0.1]}).draw("web1", 1, "dance")


class TestRollouts:
    def test_each_host_is_in_one_slice(self, tmp_path: Path) -> None:
        fleet = Fleet(tmp_path / "fleet", 10, 3)
        parts = fleet.parts()
        assert [len(names) for names in parts.values()] == [4, 3, 3]
        assert [name for names in parts.values() for name in names] == names_of(10)

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("1000x20", (1000, 20, False, False)),
            ("40x2f", (40, 2, True, False)),
            ("40x2c", (40, 2, False, True)),
        ],
    )
    def test_a_roll_out_is_named_in_a_word(self, text: str, wanted: tuple[int, int, bool, bool]) -> None:
        assert benchmark.Wanted.read(text) == wanted

    @pytest.mark.parametrize("text", ["", "10", "2x40", "0x0"])
    def test_what_is_no_roll_out_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="is no roll-out"):
            benchmark.Wanted.read(text)


def rollout(hosts: int, cpu: float, slices: int = 2, memory: float = 80.0) -> Rollout:
    """A roll-out of which each slice took as much."""
    each = [Slice(n, hosts // slices, Cost(10.0, cpu, 60.0, memory), decided=n == 2) for n in range(1, slices + 1)]
    traffic = Traffic(hosts * 10, hosts * 10, 1000, 1000, 20.0, 0.1)
    return Rollout(hosts, each, 10.0 * hosts / 100, {"preflight": hosts}, {"x confirmed": hosts}, traffic)


class TestFigures:
    def test_growth_is_beside_that_of_hosts(self) -> None:
        assert growth(2.0, 20.0, 10) == 1.0

    def test_a_linear_fleet_meets_the_targets(self) -> None:
        judged = targets([rollout(100, 3), rollout(1000, 12), rollout(10000, 102)])
        assert all(target.met for target in judged), judged
        assert "each host more takes 20.0 ms" in " ".join(target.text for target in judged)

    def test_hosts_that_cost_more_the_more_there_are_miss_one(self) -> None:
        judged = targets([rollout(100, 3), rollout(1000, 12), rollout(10000, 202)])
        assert [target.met for target in judged] == [True, True, True, False, True, True, True]

    def test_a_coordinator_of_a_gibibyte_misses_one(self) -> None:
        judged = targets([rollout(100, 3), rollout(10000, 30, memory=1100.0)])
        assert [target.text for target in judged if not target.met] == [
            "10,000 hosts, 2 slices: the coordinator takes 1100 MiB, less than 1,024 are wanted"
        ]

    def test_one_controller_is_not_compared_with_slices(self) -> None:
        assert len(targets([rollout(1000, 20, slices=1), rollout(100, 3)])) == 2

    def test_the_table_has_a_row_for_each(self) -> None:
        one = rollout(100, 3, slices=1)
        text = document([one, rollout(1000, 12)], targets([one]))
        assert (
            "| 100 hosts, one controller | 10 s | 3 s | 3.0 s | - | 80 MiB | 100 | 2,000, 0.0 MB | 0.1 s, 20 MiB |"
            in text
        )
        assert "| 1,000 hosts, 2 slices | 100 s | 24 s | 12.0 s | 12.0 s |" in text
