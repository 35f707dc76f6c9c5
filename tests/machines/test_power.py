"""A power cut just before each flush of a deployment: what it leaves on the disk is enough for the boot, or needs none.

``power_cuts.py`` boots what is left, and takes minutes for each; this looks at all of them.
"""

from __future__ import annotations

import collections
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machines.disk import Disk
from tests.machines.host import Host
from tests.machines.left import judge_left
from tests.machines.machine import Machine
from tests.machines.power_cuts import Scenes, made_scenes

pytestmark = [pytest.mark.integration, pytest.mark.thorough]

# Each how many flushes one is looked at; and with which losses.
_EACH = int(os.environ.get("POWER_CUTS_EACH", "1"))
_SEED = int(os.environ.get("POWER_CUTS_SEED", "1"))


@pytest.fixture(scope="module")
def scenes() -> Iterator[Scenes]:
    with tempfile.TemporaryDirectory(prefix="scenes-") as name, made_scenes(Path(name)) as made:
        yield made


@pytest.mark.parametrize("scene", ["first", "later"])
def test_a_cut_before_each_flush_leaves_a_whole_release(scenes: Scenes, scene: str) -> None:
    image = scenes.images[scene]
    with tempfile.TemporaryDirectory(prefix="left-") as name:
        folder = Path(name)
        disk = Disk(image.disk)
        disk.serve(folder / "nbd")
        machine = Machine(image, folder / "machine", drive=f"nbd+unix:///?socket={folder / 'nbd'}")
        try:
            machine.start(resume=True)
            machine.wait()
            disk.note_cuts(random.Random(_SEED))
            Host(machine).push(scenes.one if scene == "first" else scenes.two, "r1", confirm=True)
            left = disk.noted_cuts()[::_EACH]
        finally:
            machine.kill()
            disk.close()
        seen: collections.Counter[str] = collections.Counter()
        faults = []
        for number, blocks in enumerate(left):
            phase, found = judge_left(image.disk, blocks, folder / "looked-at")
            seen[phase] += 1
            faults += [f"before flush {number * _EACH + 1} ({phase}): {fault}" for fault in found]
    print(f"{scene}: {len(left)} cuts: {dict(seen)}")
    assert faults == []
    # A test that never saw a trial would prove nothing of it.
    assert {"intent", "switched", "serving"} <= set(seen), seen
