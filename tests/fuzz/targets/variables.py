"""Variables as users write them: sites, acceptances of changes, declared needs, waves."""

from __future__ import annotations

import contextlib
import json

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.waivers import read_accept
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.policy import read_policy
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.waves import Inventory, read_waves, waves
from ansible_collections.sluice.nginx.plugins.module_utils.needs.declared import declared
from ansible_collections.sluice.nginx.plugins.module_utils.record.lived import read_demand
from ansible_collections.sluice.nginx.plugins.module_utils.sites.model import parse_sites
from ansible_collections.sluice.nginx.plugins.module_utils.sites.plan import plan

from ..mutation import json_values, texts

_HOSTS = [str(number) for number in range(10)]
_GROUPS = {"all": _HOSTS, "web": _HOSTS[:3]}


def run(data: bytes) -> None:
    """Read one structure as each of the variables."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    rows = value if isinstance(value, list) else [value]
    for read in (
        lambda: parse_sites(value),
        lambda: plan({"nginx_sites": value, "nginx_version": "1.22.1"}),
        lambda: read_accept([row for row in rows if isinstance(row, dict)]),
        lambda: declared([row for row in rows if isinstance(row, str)]),
        lambda: read_policy(value),
        lambda: read_demand("gates_soaked", value if isinstance(value, dict) else {}),
        lambda: waves(read_waves(value, _GROUPS), _HOSTS, Inventory(_GROUPS, lambda host, name: host)),
    ):
        with contextlib.suppress(SluiceError):
            read()


def inputs() -> st.SearchStrategy[bytes]:
    """Draw sites with odd values in them."""
    value = st.one_of(
        json_values(),
        texts(),
        st.sampled_from(
            (
                "/",
                "~ (",
                "~ (a+)+$",
                "unix:/x",
                "http://[",
                "a:²",
                "1m",
                "²m",
                "10%",
                "²%",
                "301",
                "a.example",
                "*.a",
                "~^a",
            )
        ),
    )
    part = st.sampled_from(
        (
            "path",
            "proxy",
            "return",
            "to",
            "from",
            "expires",
            "root",
            "name",
            "servers",
            "status",
            "keepalive",
            "certificate",
            "key",
            "listen",
            "rate",
            "proxy_path",
            "headers",
            "get",
            "expect",
            "zone",
            "burst",
            "hsts",
            "port",
        )
    )
    inner = st.dictionaries(part, value, max_size=4)
    names = st.sampled_from(
        (
            "server_names",
            "root",
            "php",
            "upstreams",
            "redirects",
            "routes",
            "tls",
            "headers",
            "limits",
            "checks",
            "listen",
            "error_pages",
            "max_body",
            "index",
            "http2",
            "access_log",
            "raw",
            "default",
        )
    )
    site = st.builds(
        lambda more: {"name": "a", "server_names": ["a.example"], "root": "/srv", **more},
        st.dictionaries(names, st.one_of(value, inner, st.lists(st.one_of(inner, value), max_size=3)), max_size=5),
    )
    accepted = st.dictionaries(st.sampled_from(("request", "what", "reason", "x")), value, max_size=4)
    return (
        st.one_of(st.lists(st.one_of(site, accepted, value), max_size=3), json_values()).map(json.dumps).map(str.encode)
    )
