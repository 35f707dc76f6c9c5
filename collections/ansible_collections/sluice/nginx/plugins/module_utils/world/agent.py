"""Runs inside the containers of staging: makes the world, starts nginx, runs checks, and stands in for upstreams.

Standard library only. Reads its plan from ``plan.json`` beside it and prints one JSON document.
"""

from __future__ import annotations

import http.client
import http.server
import importlib
import json
import os
import pwd
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

HOME = Path("/sluice")
CONTROL_PORT = 1
LINK = "stand-ins"
_PATIENCE_SECONDS = 10.0


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout.decode(errors='replace').strip()}")


def _wait(what: str, ready: Any) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while not ready():
        if time.monotonic() > until:
            raise RuntimeError(f"{what} is not there after {_PATIENCE_SECONDS:.0f} s")
        time.sleep(0.02)


def _connects(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def _room(path: str) -> Path:
    """Make the directory of a file; what is kept beside releases is a link in the tree that leads to nothing yet."""
    where = Path(os.path.realpath(path))
    where.parent.mkdir(parents=True, exist_ok=True)
    return where


def _make_certificate(plan: dict[str, Any]) -> None:
    names = plan["names"] or ["localhost"]
    for path in (plan["certificate"], plan["key"]):
        Path(os.path.realpath(path)).parent.mkdir(parents=True, exist_ok=True)
    _run(
        *[
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "30",
        ],
        *["-subj", f"/CN={names[0][:64]}", "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)],
        *["-out", plan["certificate"], "-keyout", plan["key"]],
    )


def _beside(plan: dict[str, Any], path: str) -> bool:
    """Whether a path is outside the release, once links are followed."""
    return not os.path.realpath(path).startswith(plan["tree"])


def _make_file(path: str) -> None:
    where = _room(path)
    if path.endswith(".pem") and "dh" in where.name:
        _run("openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", path)
    else:
        where.touch()


def _start_service(plan: dict[str, Any]) -> None:
    if plan["socket"]:
        Path(plan["socket"]).parent.mkdir(parents=True, exist_ok=True)
    log = (HOME / f"{plan['name']}.log").open("wb")
    user = pwd.getpwnam(plan["user"])

    def become() -> None:
        os.initgroups(user.pw_name, user.pw_gid)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)

    process = subprocess.Popen(
        plan["command"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, **plan["environment"]},
        start_new_session=True,
        preexec_fn=None if user.pw_uid == 0 else become,
    )

    def ready() -> bool:
        if process.poll() is not None:
            words = (HOME / f"{plan['name']}.log").read_text(errors="replace").strip()[-400:]
            raise RuntimeError(f"the service {plan['name']} ended with {process.returncode}: {words}")
        if plan["socket"]:
            return os.path.exists(plan["socket"])
        return _connects(plan["endpoint"]["bind"], plan["endpoint"]["port"])

    _wait(f"the service {plan['name']} ({plan['socket'] or plan['endpoint']['port']})", ready)


def prepare(plan: dict[str, Any]) -> dict[str, Any]:
    """Make the world in nginx's container."""
    for address in plan["local"]:
        _run("ip", "address", "add", address, "dev", "lo")
    _wait("the link to the stand-ins", lambda: os.path.exists(f"/sys/class/net/{LINK}"))
    _run("ip", "address", "add", f"{plan['nginx']}/30", "dev", LINK)
    _run("ip", "link", "set", LINK, "up")
    for network in [plan["stand_in_network"], *plan["routed"]]:
        _run("ip", "route", "add", network, "via", plan["stand_in"])
    with open("/etc/hosts", "a", encoding="utf-8") as hosts:
        hosts.writelines(f"{address} {name}\n" for name, address in plan["names"].items())
    shutil.rmtree("/etc/nginx", ignore_errors=True)
    os.symlink(plan["tree"], "/etc/nginx")
    for path, owner in plan["directories"].items():
        Path(path).mkdir(parents=True, exist_ok=True)
        shutil.chown(path, owner)
    # Only now, since what outlives releases is reached by links of the release; the release's own bytes stay as they are.
    for path in plan["files"]:
        if _beside(plan, path):
            _make_file(os.path.realpath(path))
    for certificate in plan["certificates"]:
        if _beside(plan, certificate["certificate"]):
            _make_certificate(certificate)
    for service in plan["services"]:
        if service["socket"]:
            _start_service(service)
    return {}


def _nginx(title: str) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            except OSError:
                continue
            if command.startswith(f"nginx: {title} process") and "shutting down" not in command:
                found.append(int(folder.name))
    return sorted(found)


def _error_lines(logs: list[str]) -> list[str]:
    """Read nginx's messages; what a FastCGI program says may go over several lines, which are joined."""
    messages: list[str] = []
    for path in logs:
        try:
            lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        for line in lines:
            if messages and not line[:4].isdigit():
                messages[-1] += " " + line.strip()
            else:
                messages.append(line)
    return messages


def start(plan: dict[str, Any]) -> dict[str, Any]:
    """Start nginx cold and see whether its workers stay."""
    began = time.monotonic()
    done = subprocess.run(["nginx"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    words = done.stdout.decode(errors="replace").strip()
    samples: list[list[int]] = []
    until = time.monotonic() + 0.5
    while done.returncode == 0 and time.monotonic() < until:
        samples.append(_nginx("worker"))
        time.sleep(0.02)
    return {
        "code": done.returncode,
        "words": words,
        "master": _nginx("master"),
        "workers": samples[-1] if samples else [],
        "replaced": len({pid for sample in samples for pid in sample} - set(samples[-1])) if samples else 0,
        "errors": _error_lines(plan["error_logs"]),
        "seconds": round(time.monotonic() - began, 3),
    }


class _Witness:
    """Asks the stand-ins what they saw."""

    def __init__(self, address: str) -> None:
        self._address = address

    def _ask(self, path: str) -> Any:
        connection = http.client.HTTPConnection(self._address, CONTROL_PORT, timeout=5)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def mark(self) -> object:
        """Remember where the record stands."""
        return self._ask("/mark")

    def since(self, mark: object) -> list[dict[str, Any]]:
        """List the requests that the stand-ins saw since then."""
        seen: list[dict[str, Any]] = self._ask(f"/since/{mark}")
        return seen


def checks(plan: dict[str, Any]) -> dict[str, Any]:
    """Run the checks of ``checks.json``, and tell what nginx logged meanwhile."""
    sys.path.insert(0, str(HOME / "shipped.zip"))
    client, model = (importlib.import_module(f"sluice.contract.{name}") for name in ("client", "model"))

    before = len(_error_lines(plan["error_logs"]))
    wanted = [model.from_json(row) for row in json.loads((HOME / "checks.json").read_text(encoding="utf-8"))]
    outcomes = client.run_checks(wanted, witness=_Witness(plan["stand_in"]))
    return {
        "outcomes": [outcome.to_json() for outcome in outcomes],
        "errors": _error_lines(plan["error_logs"])[before:],
    }


_seen: list[dict[str, Any]] = []
_lock = threading.Lock()


class _StandIn(http.server.BaseHTTPRequestHandler):
    """Answers any request with what it saw: address, path, method, headers."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        address, port = self.connection.getsockname()[:2]
        record = {
            "address": f"{address}:{port}",
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.rfile.read(length).decode(errors="replace") if length else "",
        }
        with _lock:
            _seen.append(record)
        self._send({"stand_in": record})

    def _send(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the record is what counts."""


class _Control(_StandIn):
    def do_GET(self) -> None:
        word, _, number = self.path.strip("/").partition("/")
        with _lock:
            self._send(len(_seen) if word == "mark" else _seen[int(number) :])


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        """Bind without the base class's look-up of its own name: there is nothing here that would answer."""
        socketserver.TCPServer.server_bind(self)


def stand_in(plan: dict[str, Any]) -> None:
    """Answer for every upstream, until the container ends."""
    _run("ip", "link", "add", LINK, "type", "veth", "peer", "name", LINK, "netns", "1")
    _run("ip", "address", "add", f"{plan['stand_in']}/30", "dev", LINK)
    _run("ip", "link", "set", LINK, "up")
    for network in [plan["stand_in_network"], *plan["routed"]]:
        _run("ip", "route", "add", "local", network, "dev", "lo")
    for service in plan["services"]:
        if service["endpoint"]:
            _start_service(service)
    listen: list[tuple[str, int]] = [(end["bind"], end["port"]) for end in plan["stand_ins"]]
    servers = [_Server(where, _StandIn) for where in listen]
    servers.append(_Server((plan["stand_in"], CONTROL_PORT), _Control))
    for server in servers[:-1]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[-1].serve_forever()


def wait(plan: dict[str, Any]) -> dict[str, Any]:
    """Wait until the stand-ins answer."""
    _wait("the container of stand-ins", lambda: _connects(plan["stand_in"], CONTROL_PORT))
    return {}


def main() -> None:
    """Do the one thing that the command line names."""
    plan = json.loads((HOME / "plan.json").read_text(encoding="utf-8"))
    work = {"prepare": prepare, "start": start, "checks": checks, "stand-in": stand_in, "wait": wait}[sys.argv[1]]
    try:
        answer = work(plan)
    except RuntimeError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
