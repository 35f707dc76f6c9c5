"""The environment around a release, on real nginx: bytes that need much run unchanged, and what is a fault stays
one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.facts import facts
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.environment.inside.names import LEAST
from ansible_collections.sluice.nginx.plugins.module_utils.environment.synthesis import synthesise
from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examiner
from ansible_collections.sluice.nginx.plugins.module_utils.needs.reading import needs_of
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.release.tree import read_layer
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import Stage, StageSettings
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions, Verdict

pytestmark = pytest.mark.integration

Opened = Callable[..., Stage]

_ANSWER = "import http.client as h; c = h.HTTPConnection({!r}, {}, timeout=9); c.request('GET', {!r}); " + (
    "r = c.getresponse(); print(r.status, r.read().decode())"
)


@pytest.fixture
def opened(engine: docker.DockerClient, stage_settings: StageSettings, tmp_path: Path) -> Iterator[Opened]:
    """Open a stage for the text of an nginx.conf; the environment is made from ``basis`` where that is given."""
    with ExitStack() as stages:

        def open_stage(text: str, basis: str = "") -> Stage:
            trees = {}
            for name, each in (("own", text), ("basis", basis or text)):
                trees[name] = tmp_path / name
                trees[name].mkdir()
                (trees[name] / "nginx.conf").write_text(each)
            config = parse_tree(trees["basis"])
            environment = synthesise(needs_of(config, {"/etc/nginx/nginx.conf"}), {}, ())
            stage = Stage(
                engine,
                "sluice-test-environment",
                trees,
                "own",
                environment,
                stage_settings,
                "basis" if basis else "own",
            )
            stages.enter_context(stage).open(facts(parse_tree(trees["own"]))["error_logs"])
            return stage

        yield open_stage


def _asked(stage: Stage, host: str, port: int, path: str) -> str:
    return stage.run("python3", "-c", _ANSWER.format(host, port, path)).output.strip()


def test_a_configuration_that_needs_much_runs_as_it_is(opened: Opened) -> None:
    stage = opened("""
        user web team;
        worker_rlimit_nofile 9000000;
        worker_priority -5;
        pid /run/deep/er/nginx.pid;
        error_log /var/log/shop/error.log;
        load_module modules/ngx_http_geoip_module.so;
        events { worker_connections 50000; }
        stream { upstream db { server db.internal:5432; } server { listen 5432; proxy_pass db; } }
        mail { auth_http localhost:9000/auth; server_name m.example; server { listen 143; protocol imap; } }
        http {
            more_set_headers "X-Made: here";
            geoip_country /usr/share/GeoIP/GeoIP.dat;
            geoip2 /usr/share/GeoIP/GeoLite2-Country.mmdb { $land default=XX country iso_code; }
            proxy_cache_path /var/cache/shop/pages keys_zone=pages:1m;
            upstream app { server app.internal:3000; server unix:/run/app/app.sock backup; }
            geo $bad { default 0; include /etc/geo/bad.conf; }
            server {
                listen 443 ssl;
                listen [::]:443 ssl;
                server_name shop.example www.shop.example;
                ssl_certificate /etc/letsencrypt/live/shop/fullchain.pem;
                ssl_certificate_key /etc/letsencrypt/live/shop/privkey.pem;
                ssl_trusted_certificate /etc/letsencrypt/live/shop/chain.pem;
                ssl_client_certificate /etc/ssl/clients.pem;
                ssl_verify_client optional;
                ssl_crl /etc/ssl/clients.crl;
                ssl_dhparam /etc/ssl/dh.pem;
                ssl_session_ticket_key /etc/ssl/ticket.key;
                ssl_stapling on;
                ssl_stapling_file /etc/ssl/stapled.der;
                include /etc/letsencrypt/options-ssl-nginx.conf;
                location / { proxy_pass http://app; }
            }
            server {
                listen 10.9.8.7:80;
                listen [2001:db8::7]:80;
                root /srv/shop/public;
                error_page 404 /gone.html;
                location /named { add_header X-Land $land; return 200 "bad=$bad"; }
                location /secret { auth_basic x; auth_basic_user_file htpasswd; }
            }
        }
    """)
    tested = stage.ask("test")
    assert tested["code"] == 0, tested["output"]
    answer = stage.start()
    assert (answer["code"], len(answer["master"])) == (0, 1), answer
    assert _asked(stage, "10.9.8.7", 80, "/named") == "200 bad=0"
    assert _asked(stage, "2001:db8::7", 80, "/named") == "200 bad=0"
    assert "/srv/shop/public/index.html of staging" in _asked(stage, "10.9.8.7", 80, "/")
    assert "/srv/shop/public/gone.html of staging" in _asked(stage, "10.9.8.7", 80, "/nowhere")
    verified = stage.run(
        "sh", "-c", "openssl s_client -connect 127.0.0.1:443 -servername www.shop.example "
        "-verify_hostname www.shop.example -verify_return_error </dev/null 2>&1",
    )  # fmt: skip
    assert "Verify return code: 0 (ok)" in verified.output
    for words in (
        "the name app.internal leads to a stub, for nginx.conf:",
        "the user web",
        "the group team",
        "the directory /var/log/shop",
        "the file /etc/ssl/dh.pem (dhparam), for nginx.conf:",
        "the module ngx_http_geoip_module.so, which the listed packages have not",
        "the module ngx_stream_module.so, for the directive stream",
        "the module ngx_http_headers_more_filter_module.so, for the directive more_set_headers",
    ):
        assert any(said.startswith(words) for said in stage.synthesized), words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "events {} http { include gone.conf; server { listen 80; } }",
            'open() "/etc/nginx/gone.conf" failed (2: No such file or directory)',
        ),
        ("events {} http { server { listen 80; access_log /var/log/nginx/a.log nowhere; } }", "unknown log format"),
    ],
)
def test_what_is_the_releases_own_fault_is_never_made_good(opened: Opened, text: str, words: str) -> None:
    stage = opened(text)
    tested = stage.ask("test")
    assert tested["code"] != 0
    assert words in tested["output"]


def test_what_only_the_candidate_needs_is_not_there(opened: Opened) -> None:
    site = "listen 443 ssl; ssl_certificate /etc/ssl/{0}.pem; ssl_certificate_key /etc/ssl/{0}.key;"
    server = "events {{}} http {{ server {{ {} }} }}"
    stage = opened(server.format(site.format("shpo")), basis=server.format(site.format("shop")))
    assert 'cannot load certificate "/etc/ssl/shpo.pem"' in stage.ask("test")["output"]
    assert stage.run("test", "-s", "/etc/ssl/shop.pem").code == 0


@pytest.mark.parametrize(
    "text",
    [
        "daemon off; error_log stderr; events {} http { server { listen 80; return 200; access_log /dev/stdout; } }",
        pytest.param(
            "daemon off; error_log /dev/stderr; events {} http { server { listen 80; return 200; } }",
            marks=pytest.mark.thorough,
        ),
        "daemon off; master_process off; events {} http { server { listen 80; return 200; } }",
        pytest.param(
            "master_process off; events {} http { server { listen 80; return 200; } }", marks=pytest.mark.thorough
        ),
    ],
)
def test_a_release_written_for_a_container_starts(opened: Opened, text: str) -> None:
    stage = opened(text)
    answer = stage.start()
    assert (answer["code"], len(answer["master"]), answer["errors"]) == (0, 1, [])
    assert len(answer["workers"]) >= 1
    # As gates do that leave nginx as they found it: nothing of the first start may be left.
    stage.ask("serve", [{"caches": []}])
    assert _asked(stage, "127.0.0.1", 80, "/").startswith("200")


def test_a_name_that_only_nginx_tells_has_an_endpoint_as_well(
    engine: docker.DockerClient, stage_settings: StageSettings, tmp_path: Path
) -> None:
    (tmp_path / "nginx.conf").write_text("""
        events {}
        http {
            upstream app { server app.internal:3000; }
            server { listen 80; location / { proxy_pass http://app; }
                     location /tls { proxy_pass https://shop.example; } }
        }
    """)
    nothing_was_read = synthesise((), {}, ())
    with Stage(engine, "sluice-test-environment", {"own": tmp_path}, "own", nothing_was_read, stage_settings) as stage:
        stage.open([])
        assert stage.start()["code"] == 0
        assert "the name app.internal leads to a stub" in stage.synthesized
        assert _asked(stage, "127.0.0.1", 80, "/").startswith("200")
        assert _asked(stage, "127.0.0.1", 80, "/tls").startswith("200")


def test_a_name_that_a_request_brings_leads_to_its_port(opened: Opened) -> None:
    stage = opened("""
        events {}
        http { server { listen 80; resolver 10.0.0.2; location / { proxy_pass http://$arg_to:8080; } } }
    """)
    assert stage.start()["code"] == 0
    assert _asked(stage, "127.0.0.1", 80, "/?to=anything.example").startswith("200")


def test_a_group_of_upstreams_is_trusted_by_the_name_that_nginx_asks_for(opened: Opened) -> None:
    group = "upstream {0} {{ server {0}.internal:443; }}"
    verified = "proxy_ssl_verify on; proxy_ssl_trusted_certificate /etc/ssl/ca.pem;"
    stage = opened(f"""
        events {{}}
        http {{
            {group.format("shop")} {group.format("named")} {group.format("asked")}
            server {{
                listen 80; server_name www.shop.example; {verified}
                location / {{ proxy_pass https://shop; }}
                location /named {{ proxy_pass https://named; proxy_ssl_name api.example; }}
                location /asked {{ proxy_pass https://asked; proxy_ssl_name $server_name; }}
            }}
        }}
    """)
    assert stage.start()["code"] == 0
    for path in ("/", "/named", "/asked"):
        assert _asked(stage, "127.0.0.1", 80, path).startswith("200"), path


@pytest.mark.parametrize(
    ("text", "summary", "line"),
    [
        ("http {\nserver { listen 80;\nstatus_zone a; } }", "does not know status_zone: only NGINX Plus knows it", 4),
        pytest.param(
            *("http {\nserver { listen 80;\nhttp2 on; } }", "does not know http2: nginx knows it since 1.25.1", 4),
            marks=pytest.mark.thorough,
        ),
        ("http {\nvhost_traffic_status_zone; }", "which no package of this platform brings", 3),
    ],
)
def test_what_staging_cannot_know_is_inconclusive(
    engine: docker.DockerClient,
    stage_settings: StageSettings,
    tmp_path: Path,
    text: str,
    summary: str,
    line: int,
) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/nginx.conf").write_text(f"events {{}}\n{text}\n")
    release = ReleaseStore(tmp_path / "store").add(read_layer(tmp_path / "tree", "raw"), [], [], {})
    gates = [gate for gate in find_gates() if gate.name in ("spec", "parse", "syntax")]
    examiner = Examiner(engine, gates, GateOptions(), stage_settings, (), "test-environment")
    (examined,) = examiner.examine([Candidate(("web1",), release)])
    verdict: Verdict = examined.verdicts[-1]
    assert (verdict.gate, verdict.result) == ("syntax", "inconclusive"), verdict
    assert summary in verdict.summary
    (place,) = (finding for finding in verdict.findings if finding.what.startswith("staging cannot tell"))
    assert (place.file, place.line) == ("nginx.conf", line)
    assert "gates_waivers" in place.fix


def test_names_of_many_upstreams_are_found_without_the_file_that_has_them_as_well(opened: Opened) -> None:
    servers = " ".join(f"server shop-{number}.internal:8080;" for number in range(LEAST + 1))
    site = "server { listen 80; location / { proxy_pass http://shops; } }"
    stage = opened(f"events {{ }} http {{ upstream shops {{ {servers} }} {site} }}")
    looked_up = "getent ahosts shop-7.internal | cut -d' ' -f1 | sort -u"
    by_file = stage.run("sh", "-c", "grep ' shop-7.internal$' /etc/hosts | cut -d' ' -f1").output
    assert by_file.startswith("198.19.")
    assert stage.run("nginx", "-t").code == 0
    # Who empties the file asks the table alone; a name that is in neither of them is not found.
    assert stage.run("sh", "-c", f": > /etc/hosts; {looked_up}").output == by_file
    assert stage.run("getent", "ahosts", "shop-none.internal").code != 0
