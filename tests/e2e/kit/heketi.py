"""A client of heketi's API as its own are: a token for each request, a {} body on everything, operations polled where the answer says, errors as text.

Written from the description of the protocol. `topology_load` does what heketi-cli does with a topology file.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from typing import Any

import jwt

from .peer import Peer
from .waiting import until

OPERATION_S = 90.0
TOKEN_S = 30


class HeketiError(AssertionError):
    """`status` and `text` of an answer that is an error."""

    def __init__(self, what: str, status: int, text: str) -> None:
        super().__init__(f"{what}: {status} {text}")
        self.status, self.text = status, text


class Heketi:
    """`peers` are asked in turn, one request each: none of them may have to be asked twice."""

    def __init__(self, peers: Iterable[Peer], key: str, role: str = "admin") -> None:
        self.peers, self.key, self.role = list(peers), key, role
        self._turn = 0

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, str], str]:
        self._turn += 1
        peer = self.peers[self._turn % len(self.peers)]
        now = time.time()
        claims = {"iss": self.role, "iat": int(now), "exp": now + TOKEN_S, "qsh": hashlib.sha256(f"{method}&{path}".encode()).hexdigest()}
        connection = peer.connection(30.0)
        try:
            headers = {"Authorization": "bearer " + jwt.encode(claims, self.key, algorithm="HS256")}
            connection.request(method, path, json.dumps(body if body is not None else {}), headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def do(self, method: str, path: str, body: Any = None) -> Any:
        """JSON of the answer, or of what an operation made; None for nothing. Raises HeketiError."""
        status, headers, text = self.ask(method, path, body)
        if status == 202:
            status, headers, text = self.ended(headers["location"])
        if status == 303:
            return self.do("GET", headers["location"])
        if status >= 300:
            raise HeketiError(f"{method} {path}", status, text)
        return json.loads(text) if text else None

    def ended(self, path: str) -> tuple[int, dict[str, str], str]:
        def answer() -> tuple[int, dict[str, str], str] | None:
            status, headers, text = self.ask("GET", path)
            return None if status == 200 and headers.get("x-pending") == "true" else (status, headers, text)

        return until(answer, f"operation {path} ends", OPERATION_S)

    def get(self, path: str) -> Any:
        return self.do("GET", path)

    def topology(self) -> list[dict[str, Any]]:
        """The nodes of all clusters, as `heketi-cli topology info` collects them."""
        clusters = [self.get(f"/clusters/{identity}") for identity in self.get("/clusters")["clusters"]]
        return [self.get(f"/nodes/{node}") for cluster in clusters for node in cluster["nodes"]]

    def topology_load(self, clusters: list[dict[str, Any]]) -> list[str]:
        """What had to be made. What is there already, by its name for management and a device's name, stays."""
        known = {node["hostnames"]["manage"][0]: node for node in self.topology()}
        made = []
        for cluster in clusters:
            identity = ""
            for wanted in cluster["nodes"]:
                name = wanted["node"]["hostnames"]["manage"][0]
                node = known.get(name)
                if node is None:
                    identity = identity or self.do("POST", "/clusters", {"file": True, "block": False})["id"]
                    node = self.do("POST", "/nodes", {**wanted["node"], "cluster": identity})
                    made.append(f"node {name}")
                there = {device["name"] for device in node["devices"]}
                for device in wanted["devices"]:
                    if device["name"] not in there:
                        self.do("POST", "/devices", {**device, "node": node["id"]})
                        made.append(f"device {name}:{device['name']}")
        return made
