"""What is worked out is what nginx does: requests at random find no change outside of the sets that are reported."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.changes import changes
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.exchange import caches
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.pools import Pools
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.side_by_side import NOT_ASKED, Beside
from ansible_collections.sluice.nginx.plugins.module_utils.config.derive import DerivedRequest, Entrance, askable, doors
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config
from ansible_collections.sluice.nginx.plugins.module_utils.config.samples import near_misses, samples
from ansible_collections.sluice.nginx.plugins.module_utils.effects.effects import effects
from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examiner
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.reports.console import findings_text
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import StageSettings
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding, GateOptions, Subject, Verdict
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.runner import Gate

from .servers_at_random import ECHO, draw, targets

_REQUESTS = 2000
_SERVERS = 60

# A shop whose parts move: locations, regexes in order, a map of old addresses, rewrites.
_SHOP = """
upstream app {{ server app-1:3000; server app-2:3000; }}
upstream cart {{ server cart:3000; }}
map $request_uri $moved {{ default ""; ~^/old/(.*)$ /new; /sale /offers; {rows} }}
server {{
  listen 80; server_name shop.example www.shop.example; add_header X-Frame-Options DENY;
  if ($moved) {{ return 302 https://shop.example$moved; }}
  rewrite ^/blog/(.*)$ /news/$1 last;
  rewrite ^/feed/?$ https://shop.example/news.xml permanent;
  location / {{ proxy_pass http://app; }}
  location = /ping {{ return 200 pong; }}
  location /news/ {{ proxy_pass http://app/articles/; location ~ \\.json$ {{ return 200 json; }} }}
  location ~ ^/(en|de)/cart(/|$) {{ proxy_pass http://cart; }}
  {more}
  location ~* \\.(png|jpe?g)$ {{ return 404; }}
}}
server {{ listen 80 default_server; return 444; }}
"""
# What sets out to do one thing, and what does another one on the way.
_CHANGES = {
    "a prefix takes what a regex had": {"more": "location ^~ /de/ { return 301 https://shop.example/en/; }"},
    "a regex is asked first": {"more": "location ~ ^/en { return 200 english; }"},
    "rows of a map": {"rows": "~^/s /search; /feed /rss;"},
    "a rewrite's target": {"more": "location /news/archive { return 410; }"},
    "a header replaces others": {"more": "location /de { add_header X-Lang de; proxy_pass http://app; }"},
}

_ALWAYS = {"a prefix takes what a regex had", "rows of a map"}


def _release(store: Path, rows: str = "", more: str = "") -> Release:
    text = "events {}\nhttp {" + _SHOP.format(rows=rows, more=more) + "}\n"
    return ReleaseStore(store).add({"nginx.conf": trees.file(text.encode(), "nginx.conf")}, [], [], {})


def _written(store: Path, servers: list[str]) -> Release:
    sizes = "variables_hash_max_size 8192; variables_hash_bucket_size 128;"
    text = "\n".join(["events {}", "http {", sizes, ECHO, *servers, "}\n"])
    return ReleaseStore(store).add({"nginx.conf": trees.file(text.encode(), "nginx.conf")}, [], [], {})


def _at_random(configs: tuple[Config, Config]) -> Iterator[DerivedRequest]:
    """Yield requests around the locations of both configurations."""
    chance = random.Random(1)
    ways: list[tuple[Entrance, list[str]]] = []
    for config in configs:
        for server in config.servers():
            paths = [path for each in askable(server) for path in samples(each)]
            paths += [miss for each in askable(server) for path in samples(each, 1) for miss in near_misses(each, path)]
            ways += [
                (door, ["/", "/old/x", "/sale", "/blog/a", "/feed", "/s", *paths]) for door in doors(server, names=2)
            ]
    while True:
        door, paths = chance.choice(ways)
        path = chance.choice(paths) + "".join(chance.choice("/abeds.x-") for _ in range(chance.randrange(5)))
        if "//" not in path and "/." not in path:
            yield door.ask(path + chance.choice(["", "", "?a=1"]))


def _gate_of(at_random: Callable[[tuple[Config, Config]], Iterator[DerivedRequest]], number: int) -> Gate:
    """Return a gate that asks both so many requests; a finding is each change that is in no set."""

    def run(subject: Subject) -> Verdict:
        release, config = subject.examined
        assert subject.live is not None
        live = subject.live.config
        found = effects(live, config, changes(live, config), seconds=30)
        requests = list(itertools.islice(_each_once(at_random((live, config))), number))
        beside = Beside(
            subject.staged_live,
            subject.staged,
            Pools(live, config, subject.staged.environment.names),
            (release.id, subject.live.release.id),
            sorted(caches(config) | caches(live)),
        )
        inside = asked = 0
        findings = []
        for request, (first, second, third) in zip(requests, beside.answers(requests), strict=True):
            if NOT_ASKED in (first["status"], second["status"], third["status"]):
                continue
            asked += 1
            changed = [name for name in first if first[name] == second.get(name) and first[name] != third.get(name)]
            inside += bool(changed)
            if changed and not found.covers(request):
                findings.append(Finding(f"{request.words}: {changed[0]} {first[changed[0]]} → {third.get(changed[0])}"))
        beside.restore()
        told = {"inside": inside, "asked": asked, "exact": found.is_exact, "unread": found.unread}
        return Verdict.of(findings, "no change outside", **told)

    return Gate("effects", ("start",), run)


def _each_once(requests: Iterator[DerivedRequest]) -> Iterator[DerivedRequest]:
    seen = set()
    for request in requests:
        if request not in seen:
            seen.add(request)
            yield request


def _examined(
    gate: Gate, live: Release, candidate: Release, engine: docker.DockerClient, made: StageSettings
) -> Verdict:
    gates = [each for each in find_gates() if each.name in ("spec", "parse", "needs", "syntax", "start")]
    examiner = Examiner(engine, [*gates, gate], GateOptions(), made, (), "gates")
    (examined,) = examiner.examine([Candidate(("web1",), candidate, live=live)])
    verdict = next(each for each in examined.verdicts if each.gate == "effects")
    assert verdict.result == "pass", f"{verdict.summary}\n{findings_text(examined.verdicts)}"
    return verdict


@pytest.mark.integration
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(change, id=name, marks=[] if name in _ALWAYS else pytest.mark.thorough)
        for name, change in _CHANGES.items()
    ],
)
def test_no_request_is_answered_otherwise_outside_of_the_sets(
    change: dict[str, str], tmp_path: Path, engine: docker.DockerClient, stage_settings: StageSettings
) -> None:
    live, candidate = _release(tmp_path), _release(tmp_path, **change)
    verdict = _examined(_gate_of(_at_random, _REQUESTS), live, candidate, engine, stage_settings)
    assert verdict.evidence["exact"]
    assert verdict.evidence["asked"] > _REQUESTS / 2
    assert verdict.evidence["inside"] > 0


@pytest.mark.integration
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.thorough) for seed in range(2, 22))])
def test_servers_at_random_answer_otherwise_in_the_sets_alone(
    seed: int, tmp_path: Path, engine: docker.DockerClient, stage_settings: StageSettings
) -> None:
    drawn = draw(seed, _SERVERS)

    def requests(configs: tuple[Config, Config]) -> Iterator[DerivedRequest]:
        chance = random.Random(seed)
        for target in targets(chance):
            headers = chance.choice(((), (), (("X", "z"),), (("X", "y"),)))
            name, method = f"s{chance.randrange(_SERVERS)}.example", chance.choice(("GET", "GET", "GET", "POST"))
            yield DerivedRequest(method, "http", name, 80, target, headers)

    releases = [
        _written(tmp_path, texts) for texts in ([each.before for each in drawn], [each.after for each in drawn])
    ]
    verdict = _examined(_gate_of(requests, _REQUESTS), releases[0], releases[1], engine, stage_settings)
    assert verdict.evidence["unread"] == []
    assert verdict.evidence["asked"] > _REQUESTS / 2
    assert verdict.evidence["inside"] > _SERVERS
