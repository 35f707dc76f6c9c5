from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Config, SourceProblem, parse_tree

Parse = Callable[[Mapping[str, str]], Config]


@pytest.fixture
def parse(tmp_path: Path) -> Parse:
    """Parse files; a content of ``-> TARGET`` makes a link."""

    def made(files: Mapping[str, str]) -> Config:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content.startswith("-> "):
                path.symlink_to(content.removeprefix("-> "))
            else:
                path.write_text(content)
        return parse_tree(tmp_path)

    return made


def flat(config: Config) -> list[str]:
    return [f"{found.file}:{found.line} {' '.join([found.name, *found.args])}" for found in config.walk()]


@pytest.mark.parametrize(
    ("files", "directives"),
    [
        ({"nginx.conf": ""}, []),
        ({"nginx.conf": "# nothing\n"}, []),
        ({"nginx.conf": "user www-data;\n"}, ["nginx.conf:1 user www-data"]),
        (
            {"nginx.conf": "http {\n  server {\n    listen 80;\n  }\n}\n"},
            ["nginx.conf:1 http", "nginx.conf:2 server", "nginx.conf:3 listen 80"],
        ),
        ({"nginx.conf": "log_format x '$a; \"b\"'\n  'c';\n"}, ['nginx.conf:1 log_format x $a; "b" c']),
        (
            {"nginx.conf": "user a;\ninclude conf.d/x.conf;\nuser c;\n", "conf.d/x.conf": "\nuser b;\n"},
            ["nginx.conf:1 user a", "conf.d/x.conf:2 user b", "nginx.conf:3 user c"],
        ),
        ({"nginx.conf": "include /etc/nginx/x;", "x": "user a;"}, ["x:1 user a"]),
        ({"nginx.conf": "http { include x; }", "x": "gzip on;"}, ["nginx.conf:1 http", "x:1 gzip on"]),
        (
            {"nginx.conf": "include x.d/*.conf;", "x.d/b.conf": "b 1;", "x.d/a.conf": "a 1;", "x.d/c": "c 1;"},
            ["x.d/a.conf:1 a 1", "x.d/b.conf:1 b 1"],
        ),
        ({"nginx.conf": "include x.d/*;", "x.d/.hidden": "a 1;", "x.d/deep/y": "b 1;"}, []),
        ({"nginx.conf": "include x.d/.h*;", "x.d/.hidden": "a 1;"}, ["x.d/.hidden:1 a 1"]),
        ({"nginx.conf": "include */x;", "a/x": "a 1;", "b/x": "b 1;", "b/c/x": "c 1;"}, ["a/x:1 a 1", "b/x:1 b 1"]),
        ({"nginx.conf": "include x[12];", "x1": "a 1;", "x3": "b 1;"}, ["x1:1 a 1"]),
        ({"nginx.conf": "include nothing/*.conf;"}, []),
        ({"nginx.conf": "include x/[^z]*;", "x/a": "a 1;", "x/z": "b 1;"}, ["x/a:1 a 1"]),
        ({"nginx.conf": "include a*/x;", "aa": "-> .h", ".h/x": "a 1;"}, ["aa/x:1 a 1"]),
        ({"nginx.conf": "include //etc/nginx/x;", "x": "a 1;"}, ["x:1 a 1"]),
        ({"nginx.conf": "include ../nginx/x;", "x": "a 1;"}, ["x:1 a 1"]),
        ({"nginx.conf": "include /etc/../etc/nginx/x;", "x": "a 1;"}, ["x:1 a 1"]),
        ({"nginx.conf": "include a/../b/*;", "a/y": "", "b/x": "a 1;"}, ["b/x:1 a 1"]),
        ({"nginx.conf": "include a\\\\b;", "a\\b": "a 1;", "a\\\\b": "b 1;"}, ["a\\b:1 a 1"]),
        (
            {"nginx.conf": "pid x\xa0#y; a 1;\npid z;"},
            ["nginx.conf:1 pid x\xa0#y", "nginx.conf:1 a 1", "nginx.conf:2 pid z"],
        ),
        ({"nginx.conf": "pid x\x0b#y; a 1;"}, ["nginx.conf:1 pid x\x0b#y", "nginx.conf:1 a 1"]),
        (
            {"nginx.conf": "http { map $a $b { init_by_lua_block 1; } server { listen 80; } }"},
            [
                *("nginx.conf:1 http", "nginx.conf:1 map $a $b", "nginx.conf:1 init_by_lua_block 1"),
                *("nginx.conf:1 server", "nginx.conf:1 listen 80"),
            ],
        ),
        ({"nginx.conf": "include on/x;", "on/x": "-> ../there/x", "there/x": "a 1;"}, ["on/x:1 a 1"]),
        ({"nginx.conf": "include x; include x;", "x": "a 1;"}, ["x:1 a 1", "x:1 a 1"]),
        (
            {"nginx.conf": "http { geo $a { ranges; 10.0.0.0-10.0.0.9 x; } map $a $b { hostnames; listen 2; } }"},
            None,
        ),
        ({"nginx.conf": "http { upstream u { server a; } server { if ($a = b) { c; } } types { a/b c; } }"}, None),
    ],
)
def test_directives_are_read_with_their_places(
    parse: Parse, files: Mapping[str, str], directives: list[str] | None
) -> None:
    config = parse(files)
    assert config.problems == []
    assert directives is None or flat(config) == directives


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, SourceProblem("nginx.conf", 0, "the release has no nginx.conf, so nginx has nothing to start from")),
        ({"nginx.conf": "a;\ninclude x;\n"}, SourceProblem("nginx.conf", 2, "include x: the release has no file x")),
        (
            {"nginx.conf": "include /etc/nginx/x/y;"},
            SourceProblem("nginx.conf", 1, "include /etc/nginx/x/y: the release has no file x/y"),
        ),
        (
            {"nginx.conf": "include x;", "x/y": "a 1;"},
            SourceProblem("nginx.conf", 1, "include x: the release has no file x"),
        ),
        (
            {"nginx.conf": "include x;", "x": "-> gone"},
            SourceProblem("nginx.conf", 1, "include x: the release has no file x"),
        ),
        (
            {"nginx.conf": "include x;", "x": "-> x"},
            SourceProblem("nginx.conf", 1, "include x: the links of x lead in a circle; let them lead to a file"),
        ),
        (
            {"nginx.conf": "include a;", "a": "\ninclude b;", "b": "include a;\n"},
            SourceProblem("b", 1, "include a goes in a circle: a → b → a"),
        ),
        (
            {"nginx.conf": "user a;\ninclude *.conf;\n"},
            SourceProblem("nginx.conf", 2, "include *.conf goes in a circle: nginx.conf → nginx.conf"),
        ),
        (
            {"nginx.conf": "env ${a;load_module b;\n"},
            SourceProblem(
                "nginx.conf",
                1,
                "the braces of a variable hold ; or {, or follow \\$, in ${a;load_module; put it in quotes",
            ),
        ),
        (
            {"nginx.conf": "env a\\${b;c};"},
            SourceProblem(
                "nginx.conf", 1, "the braces of a variable hold ; or {, or follow \\$, in a\\${b;c}; put it in quotes"
            ),
        ),
        (
            {"nginx.conf": "include [[:alpha:]]*;"},
            SourceProblem(
                "nginx.conf",
                1,
                "include [[:alpha:]]* has an odd pattern; expected *, ? and brackets as [0-9] and [!.]",
            ),
        ),
        ({"nginx.conf": "a 1;\n}\n"}, SourceProblem("nginx.conf", 2, 'unexpected "}"')),
        (
            {"nginx.conf": "http {\n  server {\n"},
            SourceProblem("nginx.conf", 2, 'unexpected end of file, expecting "}"'),
        ),
        (
            {"nginx.conf": "include x;", "x": 'http {\n  add_header A "b;\n}\n'},
            SourceProblem("x", 2, 'unexpected end of file, expecting """'),
        ),
        (
            {"nginx.conf": "a 1;\nuser www-data\n"},
            SourceProblem("nginx.conf", 2, 'directive "user" is not terminated by ";"'),
        ),
        (
            {"nginx.conf": "http {\n  server { listen 80\n  }\n}\n"},
            SourceProblem("nginx.conf", 2, 'directive "listen" is not terminated by ";"'),
        ),
    ],
)
def test_what_cannot_be_read_is_told_with_file_and_line(
    parse: Parse, files: Mapping[str, str], problem: SourceProblem
) -> None:
    assert parse(files).problems == [problem]


@pytest.mark.parametrize(
    ("files", "where", "target"),
    [
        ({"nginx.conf": "\ninclude /usr/share/nginx/x.conf;"}, ("nginx.conf", 2), "/usr/share/nginx/x.conf"),
        ({"nginx.conf": "include ../x;"}, ("nginx.conf", 1), "../x"),
        ({"nginx.conf": "include on/*;", "on/x": "-> /usr/share/x.conf"}, ("on/x", 0), "/usr/share/x.conf"),
        ({"nginx.conf": "include x;", "x": "-> ../../x"}, ("x", 0), "/x"),
        ({"nginx.conf": "include leak/x;", "leak": "-> ../../secret"}, ("leak/x", 0), "/secret/x"),
        ({"nginx.conf": "include leak/*;", "leak": "-> ../../secret"}, ("nginx.conf", 1), "/secret/*"),
        ({"nginx.conf": "include [l]eak/x/*;", "leak": "-> ../../secret"}, ("nginx.conf", 1), "/secret/x/*"),
    ],
)
def test_what_leaves_the_tree_is_listed_and_not_read(
    parse: Parse, files: Mapping[str, str], where: tuple[str, int], target: str
) -> None:
    config = parse(files)
    assert [(found.file, found.line, found.args) for found in config.outside] == [(*where, [target])]
    assert config.problems == []
    assert flat(config) == []


@pytest.mark.parametrize(
    "data", [bytes(range(256)) * 20, b"\x00\xff\xfe{};" * 50, b"a {" * 5000, b"\xef\xbb\xbfuser a;"]
)
def test_garbage_never_raises(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "nginx.conf").write_bytes(data)
    assert all(problem.what for problem in parse_tree(tmp_path).problems)


def test_a_circle_that_forks_ends(parse: Parse) -> None:
    config = parse({"nginx.conf": "include a;", "a": "include a;\n" * 40})
    assert len(config.problems) == 40


def test_a_huge_file_is_read_in_seconds(parse: Parse) -> None:
    began = time.process_time()
    config = parse({"nginx.conf": "http {\n geo $bad {\n" + "10.0.0.1 1;\n" * 200_000 + "}}\n"})
    assert len(list(config.walk())) == 200_002
    assert time.process_time() - began < 30


def test_servers_are_those_of_http(parse: Parse) -> None:
    config = parse(
        {
            "nginx.conf": "http { include x; upstream u { server a; } }\nstream { server { listen 53; } }",
            "x": "server { listen 80; }\nserver { listen 81; }",
        }
    )
    assert [server.value("listen") for server in config.servers()] == ["80", "81"]
    assert [server.args for server in config.named("server")] == [[], [], ["a"], []]
    assert config.files == ["nginx.conf", "x"]


@pytest.mark.parametrize(
    ("block", "value"), [("root /a; root /b;", "/a"), ("", "none"), ("location / { root /a; }", "none")]
)
def test_the_value_of_a_directive(parse: Parse, block: str, value: str) -> None:
    (server,) = parse({"nginx.conf": f"server {{ {block} }}"}).directives
    assert server.value("root", "none") == value


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("http { root /srv }", 1),
        ("http { root /srv\n# old; }\n}", 1),
        ("http { root /srv # plain\n}", 1),
        ("http { root /srv; # plain\n}", 0),
        ("http { root /srv/${host} }", 1),
        ("http { root /srv/${host}; }", 0),
        ("http { root '/srv;' }", 1),
        ("http { root '/srv }'; }", 0),
        ("http { }\nuser www-data", 2),
        ("http { }\n# the end", 0),
    ],
)
def test_what_is_not_terminated_is_seen_whatever_stands_around(parse: Parse, text: str, line: int) -> None:
    found = [problem.line for problem in parse({"nginx.conf": text}).problems if "is not terminated" in problem.what]
    assert found == ([line] if line else [])


def test_a_file_that_many_include_is_in_place_each_time_with_what_is_wrong_in_it(parse: Parse) -> None:
    servers = "server { include snippet; } server { include snippet; }"
    config = parse({"nginx.conf": f"http {{ {servers} }}", "snippet": "root /srv;\nindex a.html }"})
    assert [directive.line for directive in config.named("root")] == []
    assert [problem.file for problem in config.problems] == ["snippet", "snippet"]
    config = parse({"snippet": "root /srv;\nindex a.html;"})
    assert [server.value("root") for server in config.servers()] == ["/srv", "/srv"]
    assert config.files == ["nginx.conf", "snippet"]


def test_a_pattern_in_a_folder_of_its_own_finds_what_is_in_it_alone(parse: Parse) -> None:
    main = "http { include sites/a/*.conf; include sites/*/b.conf; include *.none; }"
    config = parse(
        {"nginx.conf": main, "sites/a/a.conf": "root /a;", "sites/a/deep/c.conf": "", "sites/b/b.conf": "root /b;"}
    )
    assert flat(config)[1:] == ["sites/a/a.conf:1 root /a", "sites/b/b.conf:1 root /b"]
    assert [directive.args for directive in config.without_match] == [["*.none"]]


@pytest.mark.parametrize(
    ("written", "args"),
    [
        ("=/health", ["=", "/health"]),
        ("~^/api/(a|b)", ["~", "^/api/(a|b)"]),
        ("~*\\.php$", ["~*", "\\.php$"]),
        ("^~/files", ["^~", "/files"]),
        ('"=/a b"', ["=", "/a b"]),
        ("~ /x", ["~", "/x"]),
        ("/=", ["/="]),
        ("@~", ["@~"]),
        ("=", ["="]),
    ],
)
def test_a_modifier_may_be_glued_to_the_path_of_a_location(parse: Parse, written: str, args: list[str]) -> None:
    config = parse({"nginx.conf": f"http {{ server {{ location {written} {{ }} }} }}"})
    assert [each.args for each in config.named("location")] == [args]
