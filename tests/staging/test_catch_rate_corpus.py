"""A quick selection of the corpus through the real gates: what is good passes, a fault is caught, an edit is harmless.

All of it is the benchmark's (``python -m benchmarks.catch_rate``).
"""

from __future__ import annotations

from pathlib import Path

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import PlatformImage
from benchmarks.catch_rate import quick_selection
from benchmarks.catching.corpus import KINDS, names, read
from benchmarks.catching.trial import Bench

_ALWAYS = ("api_gateway", "redirect_maps")
SELECTED = quick_selection([read(name) for name in names()])


@pytest.mark.integration
@pytest.mark.parametrize(
    "number",
    [
        pytest.param(number, id=each.name, marks=[] if each.case.name in _ALWAYS else pytest.mark.thorough)
        for number, each in enumerate(SELECTED)
    ],
)
def test_a_change_is_stopped_when_it_is_a_fault_and_passes_when_it_is_none(
    number: int, engine: docker.DockerClient, platform: PlatformImage, tmp_path: Path
) -> None:
    case, change = SELECTED[number]
    outcome = Bench(engine, platform, tmp_path, "corpus").examine(case, change, number)
    assert outcome.caught == (outcome.kind in KINDS), outcome.words
    assert not outcome.unsure, outcome.words
    assert set(outcome.alone) == {"behaviour", "lint"}
    if outcome.kind in KINDS:
        assert not outcome.plain, "nginx -t alone sees this one: choose a fault that it does not see"
        assert outcome.caught_alone
