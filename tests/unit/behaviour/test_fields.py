from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.attribution import Attribution
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.comparing import compare
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.fields import UNHEARD, fields_of
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.judging import Judge
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.pools import Pools
from ansible_collections.sluice.nginx.plugins.module_utils.config.derive import DerivedRequest
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config

ASKED = DerivedRequest("GET", "http", "s", 80, "/", headers=(("X-Sluice-Answer", "{}"),), late=1)


def _records(*names: str) -> list[dict[str, Any]]:
    return [{"address": "10.0.0.1:80", "headers": dict.fromkeys(names, "1")}]


@pytest.mark.parametrize(
    ("request_", "records", "unheard"),
    [
        (ASKED, _records("host", "x-sluice-answer"), False),
        (ASKED, _records("host", "X-SLUICE-ANSWER"), False),
        (ASKED, [*_records("x-sluice-answer"), *_records()], False),
        (ASKED, _records("host"), True),
        # nginx answered by itself.
        (ASKED, [], False),
        (ASKED._replace(headers=()), _records("host"), False),
    ],
)
def test_an_upstream_that_was_not_told_how_to_answer_is_known(
    conf: Callable[[str], Config], request_: DerivedRequest, records: Sequence[Any], unheard: bool
) -> None:
    config = conf("http { server { listen 80; } }")
    answer = {"status": 200, "headers": [], "upstream": records}
    found = fields_of(request_, answer, (), Pools(config, config, {}), candidate=True)
    assert (UNHEARD in found) is unheard


def test_answers_of_which_one_was_not_asked_for_are_not_compared(conf: Callable[[str], Config]) -> None:
    config = conf("http { server { listen 80; } }")
    heard = {"status": "200", "header set-cookie": "a=1"}
    found = (heard, heard, {"status": "200", UNHEARD: "headers of the client are not passed on"})
    explained = Attribution(config, config, []), Judge(config, config, [])
    assert list(compare([ASKED], [found], *explained)) == []
    assert list(compare([ASKED], [(heard, heard, {"status": "200"})], *explained))
