"""Two slices as real runs of Ansible, with a real NATS, and the real engine on simulated hosts."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.simulated_fleet.__main__ import Wanted, rolled_out


def test_slices_on_simulated_hosts_confirm_together() -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = rolled_out(Path(folder, "fleet"), Wanted(4, 2))
    assert [(each.hosts, each.decided) for each in made.slices].count((2, True)) == 1
    # Of each slice the canary is watched on while the other host is switched.
    assert {name: number for name, number in made.asked.items() if name != "bake"} == {
        "preflight": 4,
        "activate": 4,
        "confirm": 4,
    }
    assert made.asked["bake"] >= 2
    assert made.traffic.messages_in > 4
