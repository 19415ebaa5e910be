"""One HTTP/1.1 connection, as far as etcd's JSON gateway needs it: POST, an answer of known length or in chunks.

It must not know of etcd. RFC 9112; no redirects, no pipelining, no compression. Everything is bounded: a head by HEAD_BYTES_MAX, a
body and a line of a stream by BODY_BYTES_MAX.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator

HEAD_BYTES_MAX = 64 * 1024
BODY_BYTES_MAX = 256 * 1024 * 1024


class Broken(Exception):
    """The connection ended, or what came isn't HTTP: the answer is lost."""


class HttpConnection:
    """`await HttpConnection.open(...)`, then one `post` or `stream` at a time."""

    def __init__(self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._host, self._reader, self._writer = host, reader, writer
        self.reusable = True

    @classmethod
    async def open(cls, host: str, port: int, tls: ssl.SSLContext | bool | None) -> HttpConnection:
        """Raises OSError (also for a certificate that isn't trusted)."""
        reader, writer = await asyncio.open_connection(host, port, ssl=tls, limit=HEAD_BYTES_MAX)
        return cls(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", reader, writer)

    @property
    def idle_and_open(self) -> bool:
        return self.reusable and not self._reader.at_eof() and not self._writer.is_closing()

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """(HTTP status, body). Raises Broken; a cancelled one leaves the connection unusable."""
        self.reusable = False
        status, headers = await self._ask(path, body)
        answer = b"".join([part async for part in self._body(headers)])
        self.reusable = headers.get("connection", "").lower() != "close"
        return status, answer

    async def stream(self, path: str, body: bytes) -> AsyncGenerator[bytes, None]:
        """The lines of an answer that goes on until one side closes. Raises Broken."""
        self.reusable = False
        status, headers = await self._ask(path, body)
        rest = bytearray()
        async for part in self._body(headers):
            rest += part
            while (end := rest.find(b"\n")) >= 0:
                yield bytes(rest[:end])
                del rest[: end + 1]
            if len(rest) > BODY_BYTES_MAX:
                raise Broken("a line of the stream is too long")
        if status != 200 and rest:
            yield bytes(rest)

    async def _ask(self, path: str, body: bytes) -> tuple[int, dict[str, str]]:
        head = f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            self._writer.write(head.encode() + body)
            await self._writer.drain()
            return parse_head(await self._reader.readuntil(b"\r\n\r\n"))
        except (OSError, EOFError, asyncio.LimitOverrunError) as error:
            raise Broken(f"no answer: {error or type(error).__name__}") from error

    async def _body(self, headers: dict[str, str]) -> AsyncGenerator[bytes, None]:
        try:
            if headers.get("transfer-encoding", "").lower() == "chunked":
                async for chunk in self._chunks():
                    yield chunk
            else:
                yield await self._reader.readexactly(_length(headers.get("content-length", ""), 10))
        except (OSError, EOFError, asyncio.LimitOverrunError) as error:
            raise Broken(f"the answer was cut off: {error or type(error).__name__}") from error

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        while True:
            line = await self._reader.readuntil(b"\r\n")
            size = _length(line.split(b";")[0].decode("latin-1"), 16)
            if not size:
                break
            yield await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        while await self._reader.readuntil(b"\r\n") != b"\r\n":
            pass  # trailers

    async def close(self) -> None:
        self.reusable = False
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def abort(self) -> None:
        self.reusable = False
        self._writer.transport.abort()


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """
    >>> parse_head(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n")
    (200, {'content-length': '2'})
    """
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        raise Broken(f"not an HTTP answer: {first[:80]!r}")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return int(words[1]), headers


def _length(text: str, base: int) -> int:
    try:
        length = int(text.strip(), base)
    except ValueError:
        raise Broken(f"an answer of unknown length ({text[:20]!r})") from None
    if not 0 <= length <= BODY_BYTES_MAX:
        raise Broken(f"an answer of {length} bytes, at most {BODY_BYTES_MAX} are read")
    return length
