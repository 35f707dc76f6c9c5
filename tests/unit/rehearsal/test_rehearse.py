"""What a rehearsal tells of two nginx: what only the other one says, and no version as a difference."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.rehearsal.rehearse import (
    RehearsedNginx,
    news_of,
    without_version,
)

OLD = RehearsedNginx("image-12", "nginx", "1.22.1", "debian 12")
NEW = RehearsedNginx("image-13", "nginx", "1.26.3", "debian 13")
FINE = "nginx: the configuration file /etc/nginx/nginx.conf syntax is ok"
SHARED = 'nginx: [warn] conflicting server name "a" on 0.0.0.0:80, ignored'
DEPRECATED = 'nginx: [warn] the "listen ... http2" directive is deprecated in /etc/nginx/conf.d/a.conf:3'
UNKNOWN = 'nginx: [emerg] unknown directive "ssl" in /etc/nginx/conf.d/a.conf:4'


class Stage:
    """What ``nginx -t`` says on a stage."""

    def __init__(self, code: int, *lines: str) -> None:
        self._said = {"code": code, "output": "\n".join(lines)}

    def ask(self, what: str) -> dict[str, Any]:
        assert what == "test"
        return self._said


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (Stage(0, FINE), Stage(0, FINE), []),
        (Stage(0, SHARED, FINE), Stage(0, SHARED, FINE), []),
        (
            Stage(0, FINE),
            Stage(0, DEPRECATED, FINE),
            [('nginx 1.26.3 of debian 13 warns: the "listen ... http2" directive is deprecated', 3, True)],
        ),
        (
            Stage(0, DEPRECATED, FINE),
            Stage(1, DEPRECATED, UNKNOWN),
            [('nginx 1.26.3 of debian 13 refuses the tree: unknown directive "ssl"', 4, False)],
        ),
        (Stage(0, FINE), Stage(127, "no such file"), [("nginx 1.26.3 of debian 13 refuses the tree", 0, False)]),
    ],
    ids=["both are content", "both warn", "only the other one warns", "the other one refuses", "odd words"],
)
def test_only_what_the_other_nginx_alone_says_is_told(before: Any, after: Any, told: list[Any]) -> None:
    found = [(each.what, each.line, each.warning) for each in news_of(before, after, NEW)]
    assert [each for each in found if "no such file" not in each[0]] == told


@pytest.mark.parametrize(
    ("before", "after", "is_same"),
    [
        ({"header server": "nginx/1.22.1"}, {"header server": "nginx/1.26.3"}, True),
        ({"body": "<center>nginx/1.22.1</center>"}, {"body": "<center>nginx/1.26.3</center>"}, True),
        ({"body": "1.22.1"}, {"body": "1.26.3"}, False),
        ({"header server": "nginx"}, {"header server": "nginx/1.26.3"}, False),
    ],
)
def test_the_version_that_nginx_tells_of_itself_is_no_difference(before: Any, after: Any, is_same: bool) -> None:
    assert (without_version(before, OLD) == without_version(after, NEW)) is is_same
