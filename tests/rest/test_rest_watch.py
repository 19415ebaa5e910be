"""GET /v1/watch: what changes, as it changes, without secrets, and without end unless someone ends it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from rest_kit import OTHER, PEER, Rest, eventually, make_token, read_head

from gd2raft.core import kv, model
from gd2raft.rest.api import Compacted, Limits


class Stream:
    """The events of one watch."""

    def __init__(self, sock: socket.socket) -> None:
        self._file = sock.makefile("rb")
        self.status, self.headers = read_head(self._file)
        self.comments: list[str] = []

    def close(self) -> None:
        """The socket is closed only when its file is."""
        self._file.close()

    def _line(self) -> str:
        """Next line of the chunked body."""
        while not hasattr(self, "_chunk") or not self._chunk:
            size = int(self._file.readline().strip() or b"0", 16)
            if size == 0:
                raise EOFError
            self._chunk = self._file.read(size).splitlines(keepends=True)
            self._file.readline()
        return self._chunk.pop(0).decode().rstrip("\n")

    def event(self) -> dict[str, Any]:
        """The next event: its fields, and data decoded."""
        fields: dict[str, Any] = {}
        while True:
            line = self._line()
            if line.startswith(":"):
                self.comments.append(line)
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = json.loads(value) if name == "data" else value
            elif fields:
                return fields


@contextmanager
def watching(rest: Rest, query: str = "", **headers: str) -> Iterator[Stream]:
    head = {
        "Host": "x",
        "Authorization": f"Bearer {make_token('GET', '/v1/watch')}",
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    lines = "".join(f"{k}: {v}\r\n" for k, v in head.items())
    with rest.connect() as sock:
        sock.sendall(f"GET /v1/watch{query} HTTP/1.1\r\n{lines}\r\n".encode())
        stream = Stream(sock)
        if stream.status == 200:
            assert list(stream.event()) == ["id"]  # where it starts
        yield stream
        stream.close()


def test_changes_come_in_the_shapes_that_a_get_gives(rest: Rest) -> None:
    with watching(rest, "?prefix=volumes/") as stream:
        assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        created = rest.create("v1").json
        event = stream.event()
        assert (event["event"], event["data"]["kind"], event["data"]["name"]) == ("put", "volume", "v1")
        assert event["data"]["value"] == created
        rest.ask("DELETE", "/v1/volumes/v1")
        event = stream.event()
        assert (event["event"], event["data"]["name"], event["data"]["value"]) == ("delete", "v1", None)
        assert int(event["id"]) == event["data"]["revision"] == rest.api.state.revision


def test_a_watch_from_a_revision_brings_what_came_after_it(rest: Rest) -> None:
    first = int(rest.create("v1").headers["x-gluster-revision"])
    rest.create("v2")
    with watching(rest, f"?prefix=volumes/&from-revision={first}") as stream:
        assert stream.event()["data"]["name"] == "v2"


def test_a_client_that_comes_back_with_its_last_event_id_misses_nothing(rest: Rest) -> None:
    with watching(rest, "?prefix=volumes/") as stream:
        rest.create("v1")
        last = stream.event()["id"]
    rest.create("v2")
    with watching(rest, "?prefix=volumes/", Last_Event_ID=last) as stream:
        assert stream.event()["data"]["name"] == "v2"


def test_the_id_stands_only_at_the_end_of_a_revision(rest: Rest) -> None:
    with watching(rest, "?prefix=volumes/") as stream:
        rest.create("v1")
        rest.create("v2")
        one, two = [json.loads(rest.get(f"/v1/volumes/{n}").body) for n in ("v1", "v2")]
        assert [stream.event()["data"]["value"] for _ in range(2)] == [one, two]
        both = [kv.Put("volumes/v1", rest.api.state.get("volumes/v1").value), kv.Put("volumes/v2", rest.api.state.get("volumes/v2").value)]  # type: ignore[union-attr]
        rest.do(lambda: rest.api.apply(kv.Commit(put=tuple(both))))
        events = [stream.event(), stream.event()]
        assert "id" not in events[0]
        assert int(events[1]["id"]) == rest.api.state.revision


def test_secrets_and_transactions_never_come_out(rest: Rest) -> None:
    with watching(rest) as stream:
        rest.create("v1")
        rest.do(
            lambda: rest.api.apply(
                kv.Commit(put=(kv.Put("txn/1", b'{"plan": "secret"}'), kv.Put("results/1", b"{}"), kv.Put("future/1", b"{}")))
            )
        )
        rest.do(lambda: rest.api.put("options/global", model.GlobalOptions(options={"end": "here"})))
        seen = []
        while not seen or seen[-1].get("data", {}).get("kind") != "options":
            seen.append(stream.event())
        text = json.dumps(seen)
        volume = rest.api.view().volume("v1")
        assert volume is not None
        for secret in (volume.username, volume.password, "plan", "results", "future"):
            assert secret not in text
        assert {e["data"]["kind"] for e in seen if "data" in e} == {"volume", "brick", "options"}


def test_other_kinds_have_a_shape_too(rest: Rest) -> None:
    with watching(rest) as stream:
        rest.do(lambda: rest.api.put("cluster", model.Cluster(id="c", op_version=7)))
        assert stream.event()["data"]["value"] == {"id": "c", "op-version": 7}
        peer = rest.api.view().peer(OTHER)
        assert peer is not None
        rest.do(lambda: rest.api.put(model.peer_key(OTHER), peer))
        assert stream.event()["data"]["value"] == rest.get(f"/v1/peers/{OTHER}").json
        rest.do(lambda: rest.api.put("bricks/p//b", model.BrickClaim(volume="v", brick="b")))
        event = stream.event()
        while "data" not in event:
            event = stream.event()
        assert (event["data"]["kind"], event["data"]["name"]) == ("brick", "p//b")


def test_a_quiet_watch_has_a_heartbeat(make_rest: Callable[..., Rest]) -> None:
    rest = make_rest(Limits(heartbeat_s=0.05))
    with watching(rest) as stream:
        eventually(lambda: stream._line() == ": still here", "a heartbeat")


def test_a_watch_from_a_forgotten_revision_is_410(rest: Rest) -> None:
    rest.api.compacted_below = 3
    answer = rest.get("/v1/watch?from-revision=2")
    assert (answer.status, answer.error["fields"]["code"]) == (410, "compacted")


def test_a_watch_from_a_revision_that_does_not_come_is_504(make_rest: Callable[..., Rest]) -> None:
    rest = make_rest(Limits(catch_up_s=0.05))
    assert rest.get("/v1/watch?from-revision=999").status == 504


def test_a_reader_that_is_too_slow_for_the_store_is_told_so(rest: Rest) -> None:
    async def compacted() -> None:
        raise Compacted("too slow")

    with watching(rest) as stream:
        (watch,) = eventually(lambda: rest.api.watches, "the watch")
        watch.__class__ = type("Broken", (type(watch),), {"__anext__": lambda self: compacted()})
        rest.create("v1")
        event = stream.event()
        while event.get("event") != "error":
            event = stream.event()
        assert event["data"]["errors"][0]["fields"]["code"] == "compacted"
        with pytest.raises(EOFError):
            stream.event()
        eventually(lambda: watch.closed, "the watch to be closed")


@pytest.mark.parametrize("query", ["?prefix=txn/", "?prefix=results/", "?prefix=x", "?from-revision=x", "?from-revision=-1", "?since=1"])
def test_a_watch_for_what_is_not_shown_is_refused(rest: Rest, query: str) -> None:
    assert rest.get(f"/v1/watch{query}").status == 400


def test_too_many_watches_are_429(make_rest: Callable[..., Rest]) -> None:
    rest = make_rest(Limits(watches_max=1))
    with watching(rest) as stream:
        assert stream.status == 200
        assert rest.get("/v1/watch").status == 429
    eventually(lambda: rest.server._watches.open == 0, "the watch of the client that is gone to end")
    with watching(rest) as stream:
        assert stream.status == 200


def test_a_watch_ends_after_its_longest_time(make_rest: Callable[..., Rest]) -> None:
    rest = make_rest(Limits(heartbeat_s=0.02, watch_s_max=0.1))
    with watching(rest) as stream, pytest.raises(EOFError):
        stream.event()


def test_closing_the_server_ends_watches_and_waits_for_commands(rest: Rest) -> None:
    with watching(rest) as stream:
        rest.wait(rest.server.close())
        with pytest.raises(EOFError):
            stream.event()
    assert PEER
