"""Asks every host of a fleet while a command runs, and writes down what it saw.

    client.py --fleet FLEET.json --record FOLDER -- COMMAND...

Each web host is asked every 50 ms, each time on a fresh connection, in turn for the page that tells releases apart, the
shop, and the API over TLS. The folder gets ``output.txt``, what the command printed, and ``report.json``. Ends as the
command ends.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

EVERY_SECONDS = 0.05
LIMIT_SECONDS = 5.0
# How long it goes on asking when the command has ended: "after the run" needs answers, too.
AFTER_SECONDS = 1.0
MARKER = "marker.example"


@dataclass(frozen=True)
class Question:
    """A GET request, over TLS where ``port`` is https, and words that a good answer has; without them any is good."""

    host: str
    port: str
    target: str
    words: str


QUESTIONS = (
    Question(MARKER, "http", "/", ""),
    Question("cedi-mart.example", "http", "/orders/track?id=42", "Order 42"),
    Question("shwitter.example", "https", "/v2/profile?id=1", "Ada Lovelace"),
)


@dataclass
class Seen:
    """What one host answered.

    ``releases`` counts the answers of the marker's page, ``after`` has those since the command ended, ``gap`` is the
    longest time without an answer, in seconds.
    """

    asked: int = 0
    failures: list[str] = field(default_factory=list)
    releases: collections.Counter[str] = field(default_factory=collections.Counter)
    after: list[str] = field(default_factory=list)
    gap: float = 0.0


def _tls() -> ssl.SSLContext:
    # The certificate is the sandbox's own.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


_TLS = _tls()


def ask(question: Question, ports: dict[str, int]) -> tuple[int, str]:
    """Ask once on a fresh connection; tells the status and the whole answer. Raises ``OSError``."""
    with socket.create_connection(("127.0.0.1", ports[question.port]), LIMIT_SECONDS) as plain:
        connection = plain
        if question.port == "https":
            connection = _TLS.wrap_socket(plain, server_hostname=question.host)
        connection.sendall(
            f"GET {question.target} HTTP/1.1\r\nHost: {question.host}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head = answer.split(b"\r\n", 1)[0].split()
    if len(head) < 2 or not head[1].isdigit():
        raise ConnectionError(f"no answer but {answer[:80]!r}")
    return int(head[1]), answer.decode(errors="replace")


def watch(ports: dict[str, int], seen: Seen, ended: threading.Event, stop: threading.Event) -> None:
    """Ask one host until ``stop``."""
    answered = due = time.monotonic()
    while not stop.is_set():
        question = QUESTIONS[seen.asked % len(QUESTIONS)]
        seen.asked += 1
        over = ended.is_set()
        try:
            status, answer = ask(question, ports)
            if status >= 500 or question.words not in answer:
                seen.failures.append(f"{question.host}{question.target}: {status}, {answer[-200:]!r}")
            elif question.host == MARKER:
                page = answer.partition("\r\n\r\n")[2].strip()
                release = page if len(page) < 20 else "another"
                seen.releases[release] += 1
                if over:
                    seen.after.append(release)
        except OSError as error:
            seen.failures.append(f"{question.host}{question.target}: {type(error).__name__}: {error}")
        else:
            now = time.monotonic()
            seen.gap, answered = max(seen.gap, now - answered), now
        due = max(due + EVERY_SECONDS, time.monotonic() - EVERY_SECONDS)
        stop.wait(max(0.0, due - time.monotonic()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fleet", type=Path, required=True)
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    fleet = {
        name: host["ports"] for name, host in json.loads(options.fleet.read_text()).items() if name.startswith("web")
    }
    options.record.mkdir(parents=True, exist_ok=True)
    seen = {name: Seen() for name in fleet}
    ended, stop = threading.Event(), threading.Event()
    threads = [threading.Thread(target=watch, args=(ports, seen[name], ended, stop)) for name, ports in fleet.items()]
    began = time.time()
    for thread in threads:
        thread.start()
    try:
        with (options.record / "output.txt").open("w") as output:
            environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
            done = subprocess.run(
                options.command,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
                check=False,
            )
        ended.set()
        time.sleep(AFTER_SECONDS)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    hosts = {name: vars(each) for name, each in seen.items()}
    report = {"command": options.command, "code": done.returncode, "began": began, "ended": time.time(), "hosts": hosts}
    (options.record / "report.json").write_text(json.dumps(report, indent=1))
    print(json.dumps(hosts))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
