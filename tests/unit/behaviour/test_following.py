from __future__ import annotations

from collections.abc import Callable

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.attribution import Attribution
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.changes import changes
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.comparing import compare
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.following import still_led_to
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.judging import Judge
from ansible_collections.sluice.nginx.plugins.module_utils.config.derive import DerivedRequest
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config

Conf = Callable[[str], Config]


def test_a_page_that_a_redirect_leads_to_is_refused_by_no_edit(conf: Conf) -> None:
    first, second = (
        conf(f"http {{ server {{ server_name s; location /a {{ {inside} }} location /b {{ return 301 /a; }} }} }}")
        for inside in ("return 200;", "return 403;")
    )
    changed = changes(first, second)
    attribution, judge = Attribution(first, second, changed), Judge(first, second, changed)
    requests = [DerivedRequest("GET", "http", "s", 80, target) for target in ("/a", "/a/other", "/b")]
    fine, refused = {"status": "200"}, {"status": "403"}
    moved = {"status": "301", "header location": "http://s/a"}
    answers = [(fine, fine, refused), (fine, fine, refused), (moved, moved, moved)]
    found = list(compare(requests, answers, attribution, judge))
    assert [one.judgement.sort for one in found] == ["intended", "intended"]
    led = still_led_to(second, found, requests, answers)
    assert [one.judgement.sort for one in led] == ["regression", "intended"]
    assert "http://s/b still leads to it" in led[0].judgement.why


def test_who_is_refused_for_a_header_is_not_led_there(conf: Conf) -> None:
    first, second = (
        conf(f"http {{ server {{ server_name s; {inside} location / {{ return 200; }} }} }}")
        for inside in ("", "if ($http_user_agent = bot) { return 403; }")
    )
    changed = changes(first, second)
    plain = DerivedRequest("GET", "http", "s", 80, "/")
    requests = [plain, plain._replace(headers=(("User-Agent", "bot"),)), plain._replace(target="/b")]
    fine, moved = {"status": "200"}, {"status": "301", "header location": "http://s/"}
    answers = [(fine, fine, fine), (fine, fine, {"status": "403"}), (moved, moved, moved)]
    found = list(compare(requests, answers, Attribution(first, second, changed), Judge(first, second, changed)))
    assert [one.judgement.sort for one in found] == ["intended"]
    assert still_led_to(second, found, requests, answers) == found


def test_a_name_that_nobody_had_gets_the_files_of_its_server(conf: Conf) -> None:
    front = "server { server_name s; location /a { return 301 http://new/a; } location / { return 301 http://s/; } }"
    files = "server { server_name old%s; root /srv; location = /a { etag off; } }"
    first, second = (conf(f"http {{ {front} {files % name} }}") for name in ("", " new"))
    changed = changes(first, second)
    requests = [DerivedRequest("GET", "http", "new", 80, "/a"), DerivedRequest("GET", "http", "s", 80, "/a")]
    moved = {"status": "301", "header location": "http://new/a"}
    answers = [({"status": "200"}, {"status": "200"}, {"status": "404"}), (moved, moved, moved)]
    found = list(compare(requests, answers, Attribution(first, second, changed), Judge(first, second, changed)))
    assert [one.judgement.sort for one in still_led_to(second, found, requests, answers)] == ["intended"]


def test_a_redirect_may_lead_to_files_that_only_the_hosts_have(conf: Conf) -> None:
    first, second = (
        conf(f"http {{ server {{ server_name s; location /a {{ {inside} }} location /b {{ return 301 /a; }} }} }}")
        for inside in ("return 200;", "root /srv;")
    )
    changed = changes(first, second)
    requests = [DerivedRequest("GET", "http", "s", 80, target) for target in ("/a", "/b")]
    moved = {"status": "301", "header location": "http://s/a"}
    answers = [({"status": "200"}, {"status": "200"}, {"status": "404"}), (moved, moved, moved)]
    found = list(compare(requests, answers, Attribution(first, second, changed), Judge(first, second, changed)))
    assert [one.judgement.sort for one in still_led_to(second, found, requests, answers)] == ["intended"]
    known = still_led_to(second, found, requests, answers, files_known=True)
    assert [one.judgement.sort for one in known] == ["regression"]
