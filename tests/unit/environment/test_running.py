from __future__ import annotations

from pathlib import Path

from ansible_collections.sluice.nginx.plugins.module_utils.environment.inside.serving import empty_caches


def test_only_what_nginx_remembers_is_taken_out_of_a_cache(tmp_path: Path) -> None:
    digest = "b7f54b2df7773722d382f4809d65029c"
    for name in (f"c/29/{digest}", digest, f"{digest}.0000000001", "index.html", "static/c/page", "abc/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    empty_caches([str(tmp_path), str(tmp_path / "gone")])
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["abc/x", "index.html", "static/c/page"]
