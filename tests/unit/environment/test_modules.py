"""Modules that staging supplies by ``-g``: which one knows a directive, in which order they are loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.environment.inside import modules

# The file that enables a module, the object files that it loads, and the words in them.
_SPARE = {
    "10-mod-http-ndk.conf": {"ndk_http_module.so": b"\0ndk\0"},
    "50-mod-http-geoip.conf": {"ngx_http_geoip_module.so": b"\0geoip_country\0"},
    "50-mod-http-lua.conf": {"ngx_http_lua_module.so": b"\0lua_code_cache\0upstream\0"},
    "50-mod-stream.conf": {"ngx_stream_module.so": b"\0ngx_stream\0"},
    "70-mod-stream-geoip.conf": {"ngx_stream_geoip_module.so": b"\0geoip_country\0"},
}


@pytest.fixture(autouse=True)
def spare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The modules that an image has set aside."""
    folder = tmp_path / "modules"
    folder.mkdir()
    for recipe, objects in _SPARE.items():
        (folder / recipe).write_text("".join(f"load_module modules/{name};\n" for name in objects))
        for name, code in objects.items():
            (folder / name).write_bytes(b"\x7fELF" + code)
    monkeypatch.setattr(modules, "_SPARE", folder)
    monkeypatch.setattr(modules, "_GLOBALS", tmp_path / "globals")
    return folder


@pytest.mark.parametrize(
    ("directive", "context", "expected"),
    [
        ("geoip_country", "http", ["ngx_http_geoip_module.so", "ngx_stream_geoip_module.so"]),
        ("geoip_country", "stream", ["ngx_stream_geoip_module.so", "ngx_http_geoip_module.so"]),
        ("stream", "", ["ngx_stream_module.so", "ngx_http_lua_module.so"]),
        ("lua_code_cache", "http", ["ngx_http_lua_module.so"]),
        ("lua_code", "http", []),
    ],
)
def test_the_likeliest_module_of_a_directive_comes_first(directive: str, context: str, expected: list[str]) -> None:
    assert modules.providers(directive, context) == expected


def test_nothing_is_supplied_until_something_is_lacking() -> None:
    assert modules.nginx("-t") == ["nginx", "-t"]


def test_modules_are_loaded_in_their_order_with_what_they_need(spare: Path) -> None:
    assert modules.supply(["ngx_stream_geoip_module.so"]) == ["ngx_stream_geoip_module.so", "ngx_stream_module.so"]
    assert modules.supply(["ngx_http_lua_module.so"]) == ["ndk_http_module.so", "ngx_http_lua_module.so"]
    names = ["ndk_http_module", "ngx_http_lua_module", "ngx_stream_module", "ngx_stream_geoip_module"]
    loaded = " ".join(f"load_module {spare}/{name}.so;" for name in names)
    assert modules.nginx() == ["nginx", "-g", loaded]


def test_a_module_that_the_release_loads_itself_is_rolled_back() -> None:
    modules.supply(["ngx_http_geoip_module.so"])
    assert modules.withdraw("ngx_http_geoip_module.so")
    assert not modules.withdraw("ngx_http_geoip_module.so")
    assert modules.nginx() == ["nginx"]


def test_a_module_by_the_path_of_another_distribution_is_found(spare: Path) -> None:
    assert modules.spare("/usr/lib64/nginx/modules/ngx_stream_module.so") == spare / "ngx_stream_module.so"
    assert modules.spare("modules/ngx_http_unknown_module.so") is None


UNIT = "[Service]\nExecStartPre=/usr/sbin/nginx -t -q -g 'daemon off;'\n{}\n"


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ("ExecStart=/usr/sbin/nginx -g 'daemon on; master_process on;'", "daemon on; master_process on;"),
        ('ExecStart=/usr/sbin/nginx -c /etc/nginx/nginx.conf -g "daemon on;"', "daemon on;"),
        ("ExecStart=/usr/sbin/nginx -c /etc/nginx/nginx.conf", ""),
    ],
)
def test_nginx_starts_as_its_unit_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spare: Path, line: str, given: str
) -> None:
    monkeypatch.setattr(modules, "_UNIT", tmp_path / "unit")
    (tmp_path / "nginx.service").write_text(UNIT.format(line))
    assert modules.start_as_unit([tmp_path / "gone", tmp_path / "nginx.service"]) == given
    assert modules.nginx("-t") == ["nginx", "-t", *(["-g", given] if given else [])]
    modules.supply(["ngx_http_geoip_module.so"])
    assert modules.nginx()[-1] == f"{given} load_module {spare}/ngx_http_geoip_module.so;".strip()
    modules.withdraw_all()
    assert modules.nginx() == ["nginx", *(["-g", given] if given else [])]


def test_where_there_is_no_unit_nothing_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules, "_UNIT", tmp_path / "unit")
    assert modules.start_as_unit([tmp_path / "gone"]) == ""
