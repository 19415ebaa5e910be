"""Both sides of the benchmark against the real thing where it is there: a real glusterd, and a stand-in that checks our REST client."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.glusterd_rpc import GlusterdRefused
from bench.namespaces import Rig
from bench.ours import Peer, RestFailed
from bench.sides import fresh_bricks, wait_for
from bench.theirs import RealGlusterd

pytestmark = pytest.mark.real
SECRET = "11223344" * 8

# Answers as the contract of REST /v1 asks: token checked, one connection kept, errors with a body.
STAND_IN = f"""
import hashlib, http.server, json, jwt, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        code, body = 200, {{"method": self.command, "body": json.loads(data) if data else None, "from": self.client_address[1]}}
        if self.path != "/ping":
            token = self.headers["Authorization"].removeprefix("Bearer ")
            claims = jwt.decode(token, {SECRET!r}, ["HS256"], options={{"require": ["exp"]}})
            if claims["iss"] != "gd2" or claims["qsh"] != hashlib.sha256(f"{{self.command}}&{{self.path}}".encode()).hexdigest():
                code, body = 401, {{"errors": [{{"code": 1, "message": "bad token"}}]}}
        if self.path == "/v1/volumes/nosuch":
            code, body = 404, {{"errors": [{{"code": 1, "message": "volume not found"}}]}}
        text = b"" if self.command == "DELETE" else json.dumps(body).encode()
        self.send_response(204 if self.command == "DELETE" else code)
        self.send_header("X-Gluster-Peer-Id", "some-id")
        if text:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    do_GET = do_POST = do_DELETE = answer
http.server.ThreadingHTTPServer((sys.argv[1], 24007), Handler).serve_forever()
"""


def test_our_client_signs_each_request_and_keeps_its_connection(tmp_path: Path) -> None:
    with Rig(1, folder=tmp_path) as rig:
        peer = Peer(rig.hosts[0])
        (peer.folder / "state").mkdir()
        (peer.folder / "state" / "auth").write_text(SECRET + "\n")
        peer.launch([sys.executable, "-c", STAND_IN, rig.hosts[0].address])
        wait_for("the stand-in answers", peer.ping, 30)
        assert peer.id == "some-id"
        first = peer.call("POST", "/v1/volumes", {"name": "v"})
        assert (first["method"], first["body"]) == ("POST", {"name": "v"})
        assert peer.call("DELETE", "/v1/volumes/v") is None
        assert peer.call("GET", "/v1/volumes/v")["from"] == first["from"]
        with pytest.raises(RestFailed, match=r"GET /v1/volumes/nosuch on peer1: 404 .*volume not found") as failed:
            peer.call("GET", "/v1/volumes/nosuch")
        assert failed.value.status == 404
        peer.close()


def test_a_real_glusterd_does_what_our_client_of_its_protocol_asks(tmp_path: Path) -> None:
    with RealGlusterd(1, tmp_path) as side:
        host = side.hosts[0]
        side.create("v", [brick for name in ("a", "b", "c") for brick in fresh_bricks([host], name)])
        side.set("v", "performance.cache-size", "64MB")
        seen = side.seen("v", 0)
        assert seen is not None
        assert (seen[0], seen[1]["performance.cache-size"]) == ("Created", "64MB")
        shown = host.run(["gluster", "--mode=script", "volume", "info", "v"]).stdout
        assert "Number of Bricks: 1 x 3 = 3" in shown
        assert "performance.cache-size: 64MB" in shown
        with pytest.raises(GlusterdRefused, match="nosuch"):
            side.start("nosuch")
        side.delete("v")
        assert side.seen("v", 0) is None
