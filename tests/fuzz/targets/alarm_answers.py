"""What Prometheus and Alertmanager answer to an alarm of a run."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils import web_answers
from ansible_collections.sluice.nginx.plugins.module_utils.alarms import asking
from ansible_collections.sluice.nginx.plugins.module_utils.alarms.judging import before, during
from ansible_collections.sluice.nginx.plugins.module_utils.alarms.model import read_alarms

from ..mutation import json_values, texts

ALLOWED = ()
_ROWS = read_alarms([{"prometheus": "http://p.example", "query": "up == 0"}, {"alertmanager": "http://a.example"}], "")


def run(data: bytes) -> None:
    """Give one answer to both; what is none is trouble, and never an exception."""

    class Answer(io.BytesIO):
        status = 200

    with mock.patch.object(web_answers, "open_url", side_effect=lambda *_, **__: Answer(data)):
        looks = [asking._look(row, Path()) for row in _ROWS]
    for look in looks:
        assert not (look.trouble and look.burning)
    json.dumps([before(looks), during(looks, (), {"web1"}, ("web1", "web2"), last=True)])


def inputs() -> st.SearchStrategy[bytes]:
    """Draw answers with odd values in them."""
    labels: Any = st.dictionaries(st.sampled_from(("host", "__name__", "a")), st.one_of(texts(), json_values()))
    series = st.fixed_dictionaries({"metric": labels, "value": st.one_of(st.just([1, "1"]), json_values())})
    result = st.one_of(st.lists(series, max_size=3), json_values())
    kind = st.sampled_from(("vector", "matrix", "scalar", ""))
    vector = st.fixed_dictionaries({"data": st.fixed_dictionaries({"resultType": kind, "result": result})})
    alerts = st.lists(st.fixed_dictionaries({"labels": labels, "annotations": st.one_of(labels, json_values())}))
    plain = st.one_of(vector, alerts, json_values()).map(lambda found: json.dumps(found).encode("utf-8", "replace"))
    return st.one_of(plain, texts().map(lambda text: text.encode("utf-8", "replace")))
