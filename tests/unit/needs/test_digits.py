"""``str.isdigit`` holds for digits that ``int`` refuses, and ``int`` refuses thousands of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.changes import changes
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.static_changes import judge_static_change
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.suggest import requests_of
from ansible_collections.sluice.nginx.plugins.module_utils.config.derive import plain
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.environment.images import parse_images
from ansible_collections.sluice.nginx.plugins.module_utils.environment.model import endpoint
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.waves import read_waves
from ansible_collections.sluice.nginx.plugins.module_utils.lint.catalogue import run_rules
from ansible_collections.sluice.nginx.plugins.module_utils.lint.context import LintContext
from ansible_collections.sluice.nginx.plugins.module_utils.needs.reading import needs_of

ODD = ["²", "٣", "①", "9" * 5000, "-1", "1_0", "8000-99999999999999", ""]


@pytest.mark.parametrize("number", ODD)
def test_a_configuration_with_odd_numbers_is_read(tmp_path: Path, number: str) -> None:
    text = f"""
events {{}}
http {{
  limit_req_zone $x zone=a:{number}m rate={number}r/s;
  split_clients $x $y {{ '{number}%' a; '{number}.{number}%' b; * c; }}
  server {{
    listen '{number}';
    listen 127.0.0.1:{number}1;
    client_max_body_size '{number}m';
    error_page '{number}' /x;
    return '{number}' 'http://a:{number}/';
    location / {{ proxy_pass http://app:{number}/; proxy_read_timeout '{number}s'; }}
  }}
}}
stream {{ server {{ listen '{number}'; proxy_pass a:{number}; }} }}
"""
    (tmp_path / "nginx.conf").write_text(text)
    (tmp_path / "live").mkdir()
    (tmp_path / "live/nginx.conf").write_text(text.replace(number, "7") if number else text)
    config, live = parse_tree(tmp_path), parse_tree(tmp_path / "live")
    needs_of(config, ())
    plain(config)
    list(requests_of(config, frozenset()))
    list(run_rules(config, LintContext(live=live)))
    for change in changes(live, config):
        judge_static_change(change)


@pytest.mark.parametrize("number", ["²", "٣", "9" * 5000])
def test_variables_with_odd_numbers_are_refused_in_words(number: str) -> None:
    with pytest.raises(InputError, match="no size of a wave"):
        read_waves([number], {})
    with pytest.raises(InputError, match="this is no upstream"):
        parse_images({f"app:{number}": "x"})
    assert endpoint(f"app:{number}").port == 80
