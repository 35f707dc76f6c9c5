"""The sandbox's receiver of messages: it takes mails and posts, keeps the last thousand in memory, and shows them.

``POST`` to any path and mail to any address are kept, ``GET /messages`` shows them, oldest first, and
``DELETE /messages`` forgets them: ``receiver.py [HTTP_PORT [SMTP_PORT]]``.
"""

from __future__ import annotations

import json
import sys
import threading
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

_MOST = 1000
_LARGEST = 1 << 20
# What services call the title of a post; Alertmanager's has none, and is known by its path.
_TITLES = ("title", "subject")

Message = dict[str, str]


class Messages:
    """Those that came last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Message] = deque(maxlen=_MOST)

    def keep(self, kind: str, **parts: str) -> None:
        """Add one."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with self._lock:
            self._kept.append({"at": at, "kind": kind, **parts})

    def all(self) -> list[Message]:
        """Those that are there, oldest first."""
        with self._lock:
            return list(self._kept)

    def forget(self) -> None:
        """Remove all."""
        with self._lock:
            self._kept.clear()


class Mailbox:
    """Takes mail to anybody."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep a mail, once for each to whom it goes."""
        content = envelope.content or b""
        mail = message_from_bytes(content if isinstance(content, bytes) else content.encode(), policy=policy.default)
        part = mail.get_body(("plain", "html"))
        text = part.get_content() if part is not None else ""
        for recipient in envelope.rcpt_tos:
            self._messages.keep("mail", to=recipient, subject=str(mail["Subject"] or ""), body=text.strip())
        return "250 Kept"


class Server(ThreadingHTTPServer):
    """Serves one list of messages."""

    daemon_threads = True

    def __init__(self, port: int, messages: Messages) -> None:
        super().__init__(("0.0.0.0", port), Handler)
        self.messages = messages


class Handler(BaseHTTPRequestHandler):
    """Takes a post to any path."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """Show the messages; any other path says that the receiver is there."""
        self._answer(self.server.messages.all() if self.path == "/messages" else {"messages": "/messages"})

    def do_DELETE(self) -> None:
        """Forget the messages."""
        if self.path == "/messages":
            self.server.messages.forget()
        self._answer({})

    def do_POST(self) -> None:
        """Keep a post."""
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= _LARGEST:
            self.send_error(413)
            return
        body = self.rfile.read(length).decode("utf-8", "replace")
        self.server.messages.keep("http", path=self.path, subject=_title(body), body=body)
        self._answer({})

    do_PUT = do_POST

    def _answer(self, content: object) -> None:
        data = json.dumps(content, ensure_ascii=False, indent=1).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _title(body: str) -> str:
    try:
        posted: Any = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(posted, Mapping):
        return ""
    return next((str(posted[name]) for name in _TITLES if posted.get(name)), "")


def main(http_port: int = 8080, smtp_port: int = 2525) -> None:
    """Receive until the process is ended; says where once it does."""
    messages = Messages()
    mail = Controller(Mailbox(messages), hostname="0.0.0.0", port=smtp_port)
    mail.start()
    server = Server(http_port, messages)
    print(f"receiving: http {server.server_port}, smtp {smtp_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
