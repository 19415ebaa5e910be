"""One client of the REST doors of many daemons: a connection to each, made beside it. Not for several threads.

This file must not know what is asked, or what is broken meanwhile.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bench.ours import Inside, Peer, token

ANSWER_S = 4.0


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def etag(self) -> int:
        return int(self.headers.get("ETag", "0").strip('"'))


class Door:
    """`answer_s`: how long an answer may take."""

    def __init__(self, peers: Sequence[Peer], answer_s: float = ANSWER_S) -> None:
        self._connections = {peer: Inside(peer.host, answer_s) for peer in peers}

    def ask(self, peer: Peer, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Raises OSError, HTTPException: whether it was done is not known then."""
        secret = (peer.state / "auth").read_text().strip()
        sent = {"Authorization": f"Bearer {token(secret, method, path.partition('?')[0])}", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
        connection = self._connections[peer]
        try:
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            reply = connection.getresponse()
            data = reply.read()
            return Answer(reply.status, dict(reply.headers), json.loads(data) if data else None)
        except ValueError as error:
            connection.close()
            raise http.client.HTTPException(f"a broken answer: {error}") from error
        except (OSError, http.client.HTTPException):
            connection.close()
            raise

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
