"""A stage on real containers: what it reaches, what answers in it, and what is left of it."""

from __future__ import annotations

import contextlib
import http.server
import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.facts import facts
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.environment.images import Image, parse_images
from ansible_collections.sluice.nginx.plugins.module_utils.environment.model import Endpoint, Service
from ansible_collections.sluice.nginx.plugins.module_utils.environment.synthesis import synthesise
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.needs.reading import needs_of
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.render import KEPT_ROOT
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.staging.labels import labels
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import (
    Stage,
    StageSettings,
    owner_label,
    remove_orphans,
)

pytestmark = pytest.mark.integration

MAIN = (Path(__file__).resolve().parents[1] / "gates/packaged.conf").read_bytes()
PLAIN = "server { listen 80; server_name shop.example; location / { return 200 hello; } }"
UPSTREAMS = """
upstream app { server app.example:8001; }
server {
    listen 80;
    server_name shop.example;
    location /named/ { proxy_pass http://app/; proxy_set_header Host app.example; proxy_set_header X-Shop tea; }
    location /literal/ { proxy_pass http://10.1.2.3:8080; }
    location /real/ { proxy_pass http://real.example:9000; }
    location /socket/ { proxy_pass http://unix:/run/shop/app.sock:/; }
}
"""

# A real program, on a port or on a socket; the address that it is asked at comes last.
PROGRAM = """
import http.server, os, socketserver, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def address_string(self): return "client"
    def do_GET(self):
        body = b"the real program"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
class Socket(socketserver.UnixStreamServer):
    def server_bind(self):
        super().server_bind()
        os.chmod(self.server_address, 0o666)
where = sys.argv[1]
server = Socket(where, Answer) if "/" in where else http.server.HTTPServer(("0.0.0.0", int(where)), Answer)
server.serve_forever()
"""

# Tries addresses of this machine and beyond; nothing is sent, since connecting is enough.
REACH = """
import json, socket, subprocess, sys
found = {}
for address in sys.argv[2:]:
    route = subprocess.run(["ip", "route", "get", address], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        socket.create_connection((address, int(sys.argv[1])), timeout=1).close()
        found[address] = "reached"
    except OSError as error:
        found[address] = f"{type(error).__name__}, route {route.returncode}"
print(json.dumps(found))
"""

MANIFEST = """
import sys
sys.path.insert(0, "/sluice")
from pathlib import Path
from sluice.manifest import read_tree, release_id
print(release_id(read_tree(Path("/etc/nginx"))))
"""

Open = Callable[..., Stage]


@pytest.fixture
def open_stage(engine: docker.DockerClient, stage_settings: StageSettings, tmp_path: Path) -> Iterator[Open]:
    """Open a stage for the text of a site; it is closed in the end."""
    stages: list[Stage] = []

    def opened(
        text: str,
        *services: Service,
        more: Mapping[str, trees.Node] | None = None,
        images: tuple[Image, ...] = (),
        **docroots: Path,
    ) -> Stage:
        files = {"nginx.conf": trees.file(MAIN, "raw"), "conf.d/site.conf": trees.file(text.encode(), "raw")}
        release = ReleaseStore(tmp_path).add(trees.overlay({**files, **(more or {})}), [], [], {})
        config = parse_tree(release.tree)
        mapped = {f"/srv/{name}": path for name, path in docroots.items()}
        docroots_there = {path: str(folder) for path, folder in mapped.items()}
        environment = synthesise(needs_of(config, ()), docroots_there, services)
        settings = replace(stage_settings, docroots=mapped, images=images)
        stage = Stage(
            engine, f"sluice-test-stage-{len(stages)}", {release.id: release.tree}, release.id, environment, settings
        )
        stages.append(stage)
        stage.open(facts(config)["error_logs"])
        stage.run("true")  # waits until it is open
        return stage

    yield opened
    for stage in stages:
        stage.close()


def checked(stage: Stage, *checks: Mapping[str, Any]) -> list[dict[str, Any]]:
    started = stage.ask("start")
    assert started["code"] == 0, started
    rows = [to_json(check) for check in parse_contract(list(checks), "checks")]
    outcomes: list[dict[str, Any]] = stage.ask("checks", rows)["outcomes"]
    return outcomes


def program(where: str) -> tuple[str, ...]:
    return ("python3", "-c", PROGRAM, where)


def containers(engine: docker.DockerClient, stage: Stage) -> list[str]:
    return [
        str(found.name) for found in engine.containers.list(all=True, filters={"name": stage.name}, ignore_removed=True)
    ]


@pytest.fixture
def listener() -> Iterator[int]:
    """A port on every address of the controller, on which something answers."""
    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def _addresses_of_this_machine(engine: docker.DockerClient) -> list[str]:
    from_routes = Path("/proc/net/fib_trie").read_text(encoding="utf-8").split()
    local = {
        word
        for number, word in enumerate(from_routes)
        if word.count(".") == 3 and "LOCAL" in from_routes[number + 1 : number + 4]
    }
    bridge = engine.networks.get("bridge").attrs["IPAM"]["Config"][0].get("Gateway", "172.17.0.1")
    return sorted({address for address in local if not address.startswith("127.")} | {bridge})


def test_nothing_real_can_be_reached(engine: docker.DockerClient, open_stage: Open, listener: int) -> None:
    stage = open_stage(UPSTREAMS.replace("unix:/run/shop/app.sock:/", "app"))
    addresses = _addresses_of_this_machine(engine)
    asked = ["python3", "-IS", "-c", REACH, str(listener), *addresses, "192.0.2.1"]
    assert len(addresses) >= 2
    for role in ("nginx", "stub", "judge"):
        code, output = engine.containers.get(f"{stage.name}-{role}").exec_run(asked)
        assert code == 0, output
        assert isinstance(output, bytes)
        assert json.loads(output) == dict.fromkeys([*addresses, "192.0.2.1"], "OSError, route 2"), role


def test_stubs_answer_at_names_and_literal_addresses_and_say_what_they_saw(open_stage: Open) -> None:
    stage = open_stage(UPSTREAMS, Service("app", program("/run/shop/app.sock"), socket="/run/shop/app.sock"))
    named, literal, wrong = checked(
        stage,
        {
            "get": "http://shop.example/named/list?a=b",
            "expect": {
                "body": "app.example",
                "upstream": {"method": "GET", "path": "/list?a=b", "headers": {"Host": "app.example", "X-Shop": "tea"}},
            },
        },
        {"post": "http://shop.example/literal/x", "body": "y", "expect": {"body": "10.1.2.3:8080"}},
        {
            "get": "http://shop.example/named/list",
            "name": "wrong",
            "expect": {"upstream": {"method": "POST", "path": "/named/list", "headers": {"X-Shop": None}}},
        },
    )
    assert (named["ok"], literal["ok"], wrong["ok"]) == (True, True, False), (named, literal)
    words = "; ".join(wrong["problems"])
    assert all(each in words for each in ("upstream", "POST", "/named/list", "/list", "X-Shop"))


def test_real_services_answer_beside_nginx_and_as_upstreams(open_stage: Open) -> None:
    stage = open_stage(
        UPSTREAMS,
        Service("app", program("/run/shop/app.sock"), user="www-data", socket="/run/shop/app.sock"),
        Service("real", program("9000"), user="www-data", endpoint=Endpoint("real.example", 9000)),
    )
    real = {"status": 200, "body": "the real program"}
    outcomes = checked(
        stage,
        {"get": "http://shop.example/socket/", "expect": real},
        {"get": "http://shop.example/real/", "expect": real},
    )
    assert [outcome["problems"] for outcome in outcomes] == [[], []]


@pytest.mark.parametrize(
    ("service", "words"),
    [
        (
            Service("app", ("sh", "-c", "echo no database here; exit 3"), socket="/run/shop/app.sock"),
            ["staging cannot prepare", "the service app ended with 3: no database here"],
        ),
        (
            Service("real", ("sh", "-c", "echo no database here; exit 3"), endpoint=Endpoint("real.example", 9000)),
            ["real", "no database here"],
        ),
        pytest.param(
            *(Service("app", ("no-such-program",), socket="/run/shop/app.sock"), ["app", "no-such-program"]),
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            *(Service("app", ("true",), user="nobody-here", socket="/run/shop/app.sock"), ["app", "nobody-here"]),
            marks=pytest.mark.thorough,
        ),
    ],
    ids=["beside nginx", "upstream", "no program", "no user"],
)
def test_a_service_that_does_not_start_is_told_in_its_own_words(
    engine: docker.DockerClient, open_stage: Open, service: Service, words: list[str]
) -> None:
    with pytest.raises(SluiceError) as failed:
        open_stage(UPSTREAMS, service)
    assert [word for word in words if word not in str(failed.value)] == [], str(failed.value)
    assert "Traceback" not in str(failed.value)


SHARED = """
upstream app { server app.example:8001; server other.example:8001 backup; }
server {
    listen 80;
    server_name shop.example;
    location /app/ { proxy_pass http://app/; }
    location /beside/ { proxy_pass http://127.0.0.1:8002/; }
}
"""


def test_images_answer_in_place_of_stubs(open_stage: Open, platform_image: str, tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/index.html").write_text("a page of the shop")
    serve = ["python3", "-m", "http.server", "--directory", "/srv/pages"]
    rows = {
        "app.example:8001": {"image": platform_image, "command": [*serve, "8001"]},
        "127.0.0.1:8002": {"image": platform_image, "command": list(program("8002"))},
        "nobody.example:8003": "sluice-nobody-asks-for-this",
    }
    stage = open_stage(SHARED, images=parse_images(rows), pages=tmp_path / "pages")
    outcomes = checked(
        stage,
        {"get": "http://shop.example/app/", "expect": {"body": "a page of the shop"}},
        {"get": "http://shop.example/beside/", "expect": {"body": "the real program"}},
    )
    assert [outcome["problems"] for outcome in outcomes] == [[], []]
    assert "no stub at other.example:8001: Address already in use" in stage.synthesized
    assert len(containers(stage.client, stage)) == 5


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            {"command": ["sh", "-c", "echo no database here; exit 3"]},
            "the image {} for app.example:8001 ended with 3: no database here",
        ),
        pytest.param(
            *({"command": ["no-such-program"]}, "the image {} for app.example:8001 ended with 127: .*no-such-program"),
            marks=pytest.mark.thorough,
        ),
        ({"image": "sluice-none.invalid/none:1"}, "Docker has no image sluice-none.invalid/none:1, and cannot pull it"),
    ],
    ids=["it ends", "no program", "no image"],
)
def test_an_image_that_does_not_answer_is_told_in_words(
    engine: docker.DockerClient, open_stage: Open, platform_image: str, row: Mapping[str, Any], words: str
) -> None:
    rows = {"app.example:8001": {"image": platform_image, **row}}
    with pytest.raises(SluiceError, match=words.format(platform_image)):
        open_stage(SHARED, images=parse_images(rows))


def test_the_bytes_in_the_stage_are_those_of_the_release(open_stage: Open, platform: Any, tmp_path: Path) -> None:
    docroot = tmp_path / "docroot"
    docroot.mkdir(mode=0o700)
    (docroot / "index.html").write_text("hello")
    (docroot / "index.html").chmod(0o600)
    packaged = trees.read_layer(platform.tree, "packaged")
    more = {path: node for path, node in packaged.items() if path != "nginx.conf"}
    more["conf.d/mine.sh"] = trees.file(b"# ran", "raw", 0o755)
    text = "server { listen 80; server_name shop.example; root /srv/shop; }"
    stage = open_stage(text, more=more, shop=docroot)
    assert checked(stage, {"get": "http://shop.example/", "expect": {"body": "hello"}})[0]["problems"] == []
    linked = stage.run("readlink", "/etc/nginx").output.strip()
    assert stage.run("python3", "-IS", "-c", MANIFEST).output.strip() == linked.rpartition("/")[2]
    assert stage.run("stat", "-c", "%U %a", "/srv/shop/index.html").output.strip() == "root 644"


def test_what_outlives_releases_is_there_and_the_release_stays_as_it_is(open_stage: Open) -> None:
    text = """server {
        listen 443 ssl;
        server_name shop.example;
        ssl_certificate ssl/cert.pem;
        ssl_certificate_key ssl/key.pem;
        auth_basic_user_file htpasswd;
        location / { return 200 hello; }
    }"""
    kept = {name: trees.link(f"{KEPT_ROOT}/{name}", "nginx_shared_paths") for name in ("ssl", "htpasswd")}
    stage = open_stage(text, more=kept)
    assert checked(stage, {"get": "https://shop.example/"})[0]["problems"] == []
    identity = stage.run("readlink", "/etc/nginx").output.strip().rpartition("/")[2]
    assert stage.run("python3", "-IS", "-c", MANIFEST).output.strip() == identity


def test_a_question_that_cannot_be_answered_does_not_end_the_agent(open_stage: Open) -> None:
    stage = open_stage(PLAIN)
    for about, words in (([{"copy": "/no/where", "files": []}], "/no/where"), ([{}], "KeyError: 'copy'")):
        with pytest.raises(SluiceError, match=f"staging cannot lay: .*{words}"):
            stage.ask("lay", about)
    assert stage.read("/etc/hostname") == "nginx\n"
    assert stage.read("/no/such/file") == ""


def test_an_agent_that_ended_is_told_in_words(engine: docker.DockerClient, open_stage: Open) -> None:
    stage = open_stage(PLAIN)
    engine.containers.get(stage.container).kill()
    for _ in range(2):
        with pytest.raises(SluiceError, match="staging cannot start: the agent ended: "):
            stage.ask("start")


def test_the_containers_are_gone_after_the_end_and_after_an_exception(
    engine: docker.DockerClient, open_stage: Open
) -> None:
    stage = open_stage(PLAIN)
    assert len(containers(engine, stage)) == 3
    with pytest.raises(ZeroDivisionError), stage:
        raise ZeroDivisionError
    assert containers(engine, stage) == []
    stage.close()


def test_what_killed_runs_left_is_removed_and_nothing_else(
    engine: docker.DockerClient, platform_image: str, tmp_path: Path
) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    killed = {"sluice.pid": str(ended.pid)}
    made = {
        name: engine.containers.create(platform_image, "true", labels={**labels(tmp_path / folder, part), **owner})
        for name, folder, part, owner in (
            ("left", "mine", "stage", killed),
            ("running", "mine", "stage", owner_label()),
            ("sandbox", "mine", "sandbox", killed),
            ("elsewhere", "other", "stage", killed),
        )
    }
    mine = labels(tmp_path / "mine", "stage")["sluice.project"]
    try:
        assert (remove_orphans(engine, mine), remove_orphans(engine, mine)) == (1, 0)
        there = {
            found.id for found in engine.containers.list(all=True, filters={"label": "sluice=1"}, ignore_removed=True)
        }
        assert [name for name, container in made.items() if container.id not in there] == ["left"]
    finally:
        for container in made.values():
            with contextlib.suppress(docker.errors.NotFound):
                container.remove(force=True)


def test_a_document_root_that_is_not_there_is_told_before_anything_starts(open_stage: Open, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"staging_docroots: .*gone, which is mapped to /srv/shop, does not exist"):
        open_stage(PLAIN, shop=tmp_path / "gone")


def test_an_image_that_is_not_there_is_told_in_words(
    engine: docker.DockerClient, stage_settings: StageSettings, tmp_path: Path
) -> None:
    settings = replace(stage_settings, image="sluice-platform:none")
    environment = synthesise((), {}, ())
    with Stage(engine, "sluice-test-none", {"0" * 64: tmp_path}, "0" * 64, environment, settings) as stage:
        stage.open([])
        with pytest.raises(SluiceError, match=r"Docker cannot run the stage sluice-test-none: .*sluice-platform:none"):
            stage.run("true")
