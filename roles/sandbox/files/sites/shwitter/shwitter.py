"""Shwitter's API: profiles, timelines and posts as JSON. Instances on one machine share one database."""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
from contextlib import closing
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PEOPLE = {
    1: {"id": 1, "handle": "ada", "name": "Ada Lovelace"},
    2: {"id": 2, "handle": "grace", "name": "Grace Hopper"},
    3: {"id": 3, "handle": "edsger", "name": "Edsger Dijkstra"},
}
FIRST_POSTS = [
    (1, "The engine weaves patterns."),
    (2, "Found a moth in the relay."),
    (3, "Simplicity is a prerequisite."),
]
TIMELINE_LENGTH = 20
LONGEST_BODY = 4096
LONGEST_POST = 280


class Problem(Exception):
    """An answer that says what is wrong with the request."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


class Posts:
    """The posts of everybody."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._open()) as database, database:
            database.execute("PRAGMA journal_mode = WAL")
            # A second instance may be starting too: only the first of them may fill the table.
            database.execute("BEGIN IMMEDIATE")
            database.execute("CREATE TABLE IF NOT EXISTS posts (id INTEGER PRIMARY KEY, author INTEGER, text TEXT)")
            if not database.execute("SELECT 1 FROM posts").fetchone():
                database.executemany("INSERT INTO posts (author, text) VALUES (?, ?)", FIRST_POSTS)

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=5)

    def add(self, author: int, text: str) -> int | None:
        with closing(self._open()) as database, database:
            return database.execute("INSERT INTO posts (author, text) VALUES (?, ?)", (author, text)).lastrowid

    def newest(self) -> list[dict[str, object]]:
        query = "SELECT id, author, text FROM posts ORDER BY id DESC LIMIT ?"
        with closing(self._open()) as database:
            return [
                {"id": row[0], "author": row[1], "text": row[2]} for row in database.execute(query, (TIMELINE_LENGTH,))
            ]


def person(text: str) -> dict[str, object]:
    """Find whom ``text`` numbers."""
    found = PEOPLE.get(int(text)) if text.isdecimal() else None
    if not found:
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no profile {text!r}")
    return found


class Handler(BaseHTTPRequestHandler):
    """One connection, kept open between requests."""

    protocol_version = "HTTP/1.1"
    server_version = "shwitter"
    # Head and body are written apart, and a client may wait 40 ms with its word that the head has come.
    disable_nagle_algorithm = True
    timeout = 60
    posts: Posts
    instance: str

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        try:
            self._answer(HTTPStatus.OK, self._find(url.path, query))
        except Problem as problem:
            self._answer(problem.status, {"error": str(problem)})

    do_HEAD = do_GET

    def do_POST(self) -> None:
        try:
            if urlsplit(self.path).path != "/v2/posts":
                raise Problem(HTTPStatus.NOT_FOUND, "there is nothing to post to here")
            author, text = self._post()
            number = self.posts.add(author, text)
            self._answer(HTTPStatus.CREATED, {"id": number, "author": author, "text": text})
        except Problem as problem:
            # The body may not have been read: what follows on this connection cannot be told from it.
            self.close_connection = True
            self._answer(problem.status, {"error": str(problem)})

    def _find(self, path: str, query: dict[str, str]) -> object:
        if path == "/v2/profile":
            return person(query.get("id", ""))
        if path == "/v2/profile_list":
            return [person(each) for each in query.get("ids", "1,2,3").split(",")]
        if path == "/v2/timeline":
            return {"of": person(query.get("id", ""))["handle"], "posts": self.posts.newest()}
        raise Problem(HTTPStatus.NOT_FOUND, "there is nothing here")

    def _post(self) -> tuple[int, str]:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LONGEST_BODY:
            raise Problem(HTTPStatus.BAD_REQUEST, f"a post needs a Content-Length of at most {LONGEST_BODY}")
        try:
            body = json.loads(self.rfile.read(int(length)))
            author, text = int(body["author"]), str(body["text"])
        except (ValueError, KeyError, TypeError):
            raise Problem(HTTPStatus.BAD_REQUEST, 'a post is {"author": 1, "text": "…"}') from None
        person(str(author))
        if not 0 < len(text) <= LONGEST_POST:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"a post has 1 to {LONGEST_POST} characters")
        return author, text

    def _answer(self, status: HTTPStatus, content: object) -> None:
        body = json.dumps(content, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Instance", self.instance)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    port = parser.parse_args().port
    Handler.instance = f"shwitter@{port}"
    Handler.posts = Posts(Path(os.environ.get("SHWITTER_STATE", "/var/lib/shwitter")) / "posts.db")
    ThreadingHTTPServer(("", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
