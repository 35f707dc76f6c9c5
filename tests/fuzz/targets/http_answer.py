"""What an HTTP/1 server answers: the client that checks on hosts and in staging."""

from __future__ import annotations

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.contract.http1 import Deadline, Response
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

ALLOWED = (SluiceError, OSError)

_MOST = 1 << 20


class _Wire:
    def __init__(self, data: bytes) -> None:
        self.data, self.step = data, len(data) % 7 + 1

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def recv(self, most: int) -> bytes:
        size = min(most, max(self.step, len(self.data) // 50))
        part, self.data = self.data[:size], self.data[size:]
        return part


def run(data: bytes) -> None:
    """Read head and body, which come in pieces."""
    method = "HEAD" if data[:1] == b"\x00" else "GET"
    response = Response(_Wire(data.lstrip(b"\x00")), Deadline(5), method)  # type: ignore[arg-type]
    got = sum(map(len, response.body(_MOST)))
    assert 100 <= response.status <= 999
    assert got <= _MOST + (64 << 10)


def inputs() -> st.SearchStrategy[bytes]:
    """Draw answers with odd status lines, headers and chunks."""
    status = st.sampled_from(
        (
            b"HTTP/1.1 200 OK",
            b"HTTP/1.0 204",
            b"HTTP/1.1 ",
            b"HTTP/1.1 \xb2\xb3\xb9 x",
            b"HTTP/1.1 099 x",
            b"HTTP/2 200",
            b"HTTP/1.1 100 x",
            b"x",
            b"HTTP/1.1 20",
            b"HTTP/1.1  301  y",
        )
    )
    header = st.sampled_from(
        (
            b"Content-Length: 5",
            b"Content-Length: -1",
            b"Content-Length: \xb2",
            b"Content-Length: " + b"9" * 5000,
            b"Transfer-Encoding: chunked",
            b" folded",
            b"\tx",
            b": y",
            b"no colon",
            b"Content-Type: text/html; charset=\xff",
            b"Content-Type: text/html; charset=rot13",
            b"X: " + b"y" * 70000,
            b"Set-Cookie: a=b",
            b"",
            b"\x00: \x00",
            b"Location: //[",
        )
    )
    body = st.one_of(
        st.sampled_from(
            (
                b"hello",
                b"5\r\nhello\r\n0\r\n\r\n",
                b"-5\r\nx",
                b"fffffffffffff\r\nx",
                b"1_0\r\n" + b"x" * 20,
                b"+3\r\nabc\r\n",
                b"5;x\r\nhell",
            )
        ),
        st.binary(max_size=100),
    )
    end = st.sampled_from((b"\r\n", b"\n", b"\r"))
    made = st.builds(
        lambda first, rows, content, newline: newline.join([first, *rows, b"", content]),
        status,
        st.lists(header, max_size=8),
        body,
        end,
    )
    return st.one_of(made, made.map(lambda each: b"\x00" + each), st.binary(max_size=200))
