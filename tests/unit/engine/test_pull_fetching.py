"""What a host reads of a web server, a folder and a git repository: bounded, and nothing over a way without TLS."""

from __future__ import annotations

import contextlib
import http.server
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import System
from ansible_collections.sluice.nginx.plugins.module_utils.engine.pull import fetching
from ansible_collections.sluice.nginx.plugins.module_utils.engine.pull.fetching import FetchFault, open_source
from ansible_collections.sluice.nginx.plugins.module_utils.engine.pull.settings import PullSettings
from tests.commands import make_certificate

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


class Server:
    """A web server that answers as a test says, with TLS or without."""

    def __init__(self, answer: Answer, certificate: Path | None = None) -> None:
        self.asked: list[tuple[str, str]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, self.headers.get("Authorization", "")))
                with contextlib.suppress(OSError):
                    answer(self)

            def log_message(self, *_: Any) -> None:
                """It says nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


Start = Callable[..., Server]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    key = path.with_name("key.pem")
    make_certificate("127.0.0.1", path, key, "127.0.0.1")
    path.write_bytes(key.read_bytes() + path.read_bytes())
    return path


@pytest.fixture
def start() -> Iterator[Start]:
    servers: list[Server] = []

    def made(answer: Answer, certificate: Path | None = None) -> Server:
        servers.append(Server(answer, certificate))
        return servers[-1]

    yield made
    for server in servers:
        server.close()


def read(source: str, folder: Path, most: int = 1000, path: str = "targets/a.json", **more: Any) -> bytes:
    return open_source(PullSettings(source, "a", plain_http=True, **more), System(), folder).read(path, most)


def sends(data: bytes, status: int = 200, **headers: str) -> Answer:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content_Length": str(len(data)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(data)

    return answer


def test_a_server_that_is_known_is_read_by_tls(start: Start, certificate: Path, tmp_path: Path) -> None:
    server = start(sends(b"{}"), certificate)
    header = "Authorization: Bearer x"
    assert read(f"{server.url}/web/", tmp_path, ca=str(certificate), header=header) == b"{}"
    assert server.asked == [("/web/targets/a.json", "Bearer x")]
    with pytest.raises(FetchFault, match="CERTIFICATE_VERIFY_FAILED"):
        read(server.url, tmp_path)
    with pytest.raises(FetchFault, match="cannot be used"):
        read(server.url, tmp_path, ca=str(tmp_path / "none"))


def test_a_redirect_is_followed_by_tls_alone_and_the_header_stays_here(
    start: Start, certificate: Path, tmp_path: Path
) -> None:
    target = start(sends(b"there"), certificate)
    plain = start(sends(b"plain"))
    ways = {
        "/good/x": f"{target.url}/x",
        "/bad/x": f"{plain.url}/x",
        "/file/x": "file:///etc/passwd",
        "/loop/x": "/loop/x",
    }
    server = start(lambda asked: sends(b"", 302, Location=ways[asked.path])(asked), certificate)
    more: dict[str, Any] = {"ca": str(certificate), "path": "x", "header": "Authorization: Bearer x"}
    assert read(f"{server.url}/good", tmp_path, **more) == b"there"
    assert target.asked == [("/x", "")]
    for way, words in (
        ("bad", "expected another https://"),
        ("file", "expected another https://"),
        ("loop", "leads on"),
    ):
        with pytest.raises(FetchFault, match=words):
            read(f"{server.url}/{way}", tmp_path, **more)
    assert plain.asked == []
    assert [path for path, _ in server.asked].count("/loop/x") == 4


def _endless(request: http.server.BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b"x" * 65536)


def _dripping(request: http.server.BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b"x")
        time.sleep(0.05)


def _silent(request: http.server.BaseHTTPRequestHandler) -> None:
    time.sleep(20)


def _dripping_headers(request: http.server.BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.0 200 OK\r\n")
    while True:
        request.wfile.write(b"X")
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (_endless, "has more than 1000 bytes"),
        (sends(b"x" * 1001), "has more than 1000 bytes"),
        (sends(b"x", Content_Length="900"), "IncompleteRead|ended after 1 of 900 bytes"),
        (sends(b"x", 404), "is not there: nothing was published"),
        (sends(b"x", 403), "set header"),
        (sends(b"x", 500), "is answered with 500"),
        (sends(b"x", 302), "is answered with 302"),
        (lambda request: request.wfile.write(b"\x00\xff nothing\r\n\r\n"), "cannot be read"),
    ],
)
def test_a_hostile_server_is_read_within_bounds(start: Start, tmp_path: Path, answer: Answer, words: str) -> None:
    with pytest.raises(FetchFault, match=words):
        read(start(answer).url, tmp_path)


@pytest.mark.parametrize("answer", [_dripping, _dripping_headers, _silent])
def test_a_server_that_is_never_done_is_left_alone(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    monkeypatch.setattr(fetching, "_STEP", 0.5)
    monkeypatch.setattr(fetching, "_WHOLE", 0.7)
    with pytest.raises(FetchFault, match=r"timed out|was not there within"):
        read(start(answer).url, tmp_path)


def test_what_was_compressed_on_the_way_stays_so(start: Start, tmp_path: Path) -> None:
    # A bomb is as small as it came; nobody asked for it, and its digest is none that was signed.
    server = start(sends(b"\x1f\x8b bomb", Content_Encoding="gzip"))
    assert read(server.url, tmp_path) == b"\x1f\x8b bomb"


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(FetchFault, match="Connection refused"):
        read("http://127.0.0.1:9", tmp_path)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "targets").mkdir(parents=True)
    (folder / "targets/a.json").write_bytes(b"\x00{}\xff")
    (folder / "targets/big.json").write_bytes(b"x" * 2000)
    (folder / "targets/link.json").symlink_to("/etc/passwd")
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    commit(folder)
    return folder


def commit(repository: Path, text: str = "") -> None:
    if text:
        (repository / "targets/a.json").write_text(text)
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["add", "-A"], ["commit", "-qm", "a"]):
        subprocess.run([*git, *words], check=True)


def test_a_repository_is_read_without_a_work_tree(repository: Path, tmp_path: Path) -> None:
    for source in (f"git+file://{repository}", f"git+file://{repository}#main"):
        assert read(source, tmp_path / "work") == b"\x00{}\xff"
    for path, words in (("targets/none.json", "has no targets/none.json"), ("targets/big.json", "has 2000 bytes")):
        with pytest.raises(FetchFault, match=words):
            read(f"git+file://{repository}", tmp_path / "work", path=path)
    # A link is a file with its target in it, and leads nowhere.
    assert read(f"git+file://{repository}", tmp_path / "work", path="targets/link.json") == b"/etc/passwd"
    with pytest.raises(FetchFault, match="cannot be fetched"):
        read(f"git+file://{repository}#none", tmp_path / "work")


def test_what_a_fetch_that_was_killed_has_left_is_in_the_way_once(repository: Path, tmp_path: Path) -> None:
    assert read(f"git+file://{repository}", tmp_path / "work") == b"\x00{}\xff"
    commit(repository, "b")
    (tmp_path / "work/pull.git/shallow.lock").touch()
    with pytest.raises(FetchFault, match="File exists"):
        read(f"git+file://{repository}", tmp_path / "work")
    assert read(f"git+file://{repository}", tmp_path / "work") == b"b"


def test_a_repository_does_not_grow_and_what_is_published_is_kept_in_it(repository: Path, tmp_path: Path) -> None:
    for number in range(9):
        commit(repository, str(number))
        assert read(f"git+file://{repository}", tmp_path / "work") == str(number).encode()
    objects = tmp_path / "work/pull.git/objects"
    assert 0 < len(list(objects.glob("pack/*.pack"))) < 7
    # What is on disk for sure are packs.
    assert not list(objects.glob("??/*"))


def test_a_git_server_that_hangs_is_known_by_ca_and_left_alone(
    start: Start, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_GIT_SECONDS", 4.0)
    # It would count for more than a setting; the launcher lets no variable of this kind in.
    monkeypatch.delenv("GIT_SSL_CAINFO", raising=False)
    server = start(_silent, certificate)
    more: dict[str, Any] = {"ca": str(certificate), "header": "Authorization: Bearer x"}
    with pytest.raises(FetchFault, match="did not end in 4 s"):
        read(f"git+{server.url}/web.git", tmp_path / "work", **more)
    assert server.asked == [("/web.git/info/refs?service=git-upload-pack", "Bearer x")]
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if server.url in _command_line(path)]


def _command_line(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def test_a_host_without_git_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("sh", "env"):
        (tmp_path / "bin" / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(FetchFault, match="this host has no git"):
        read("git+https://releases.example/web.git", tmp_path / "work")
