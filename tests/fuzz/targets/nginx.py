"""A main file, read by everything that reads configurations on the controller before nginx is asked."""

from __future__ import annotations

import contextlib
import itertools

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.changes import changes
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.static_changes import judge_static_change
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.suggest import requests_of
from ansible_collections.sluice.nginx.plugins.module_utils.config.derive import derive, plain
from ansible_collections.sluice.nginx.plugins.module_utils.config.facts import facts
from ansible_collections.sluice.nginx.plugins.module_utils.config.match import trace
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.coverage.instrument import instrument
from ansible_collections.sluice.nginx.plugins.module_utils.coverage.propose import propose
from ansible_collections.sluice.nginx.plugins.module_utils.environment.synthesis import synthesise
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.lint.acceptance import complaints, read_acceptances
from ansible_collections.sluice.nginx.plugins.module_utils.lint.catalogue import run_rules
from ansible_collections.sluice.nginx.plugins.module_utils.lint.context import LintContext
from ansible_collections.sluice.nginx.plugins.module_utils.needs.comparing import outside, permitted
from ansible_collections.sluice.nginx.plugins.module_utils.needs.reading import needs_of

from ..harness import SEEDS as FOLDER
from ..harness import scratch
from ..mutation import any_of
from ..nginx_text import TOKENS, configurations

_MOST = 300
_LIVE = b"""events {}
http {
  upstream app { server a:80; server b:80 backup; }
  map $uri $to { default 0; /a 1; ~^/b 2; }
  server {
    listen 80 default_server; server_name shop.example; root /srv;
    location / { proxy_pass http://app; add_header X-Frame-Options deny; allow 10.0.0.0/8; deny all; }
    location ~ /\\. { deny all; }
    location = /a { return 301 /b; }
  }
}
"""


class _Nobody:
    """Stands for the session of a stage: takes checks and answers none."""

    def ask(self, checks: list[object]) -> tuple[list[object], list[object]]:
        return [{} for _ in checks], []


def run(data: bytes) -> None:
    """Read a configuration as gates and description do, alone and beside a live one."""
    with scratch() as folder:
        for name, content in (("live", _LIVE), ("tree", data)):
            (folder / name).mkdir()
            (folder / name / "nginx.conf").write_bytes(content)
        tree = folder / "tree"
        live, config = parse_tree(folder / "live"), parse_tree(tree)
        assert all(problem.what and problem.file for problem in config.problems)
        facts(config)
        needs = needs_of(config, ())
        outside(needs)
        # A live tree may be one that nginx took and that is not understood here.
        for old, new in ((live, config), (config, live)):
            for change in changes(old, new):
                judge_static_change(change)
            list(run_rules(new, LintContext(live=old)))
        read = read_acceptances(tree, config.files)
        list(complaints(read, (), ()))
        for request in itertools.islice(plain(config), _MOST):
            trace(config, request.host, request.port, request.path)
        derive(config)
        for request in itertools.islice(requests_of(config, frozenset(map(id, config.walk()))), _MOST):
            assert request.words
        if config.problems:
            return
        with contextlib.suppress(SluiceError):
            synthesise(permitted(needs, needs_of(live, ()), (), None), {}, ())
        copy = instrument(config, tree)
        propose(_Nobody(), copy.blocks)  # type: ignore[arg-type]


def inputs() -> st.SearchStrategy[bytes]:
    """Draw configurations."""
    seeds = [path.read_bytes() for path in sorted((FOLDER / "nginx").glob("*"))]
    return any_of(seeds, TOKENS, configurations(), configurations())
