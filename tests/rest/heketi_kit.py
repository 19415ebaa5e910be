"""Asks heketi's endpoints as its clients do: a {} body on everything, no Content-Type, tokens for one role, one method and one path."""

from __future__ import annotations

import time
from typing import Any

from rest_kit import OTHER, PEER, SECRET, Answer, Rest, make_token

from gd2raft.core import devices, model
from gd2raft.core.devices import hex_of

GIB = 1 << 30
NODE, OTHER_NODE = hex_of(PEER), hex_of(OTHER)
CLUSTER = "cccccccccccc4ccc8ccccccccccccccc"
UNKNOWN = "0123456789abcdef" * 2


def ask(rest: Rest, method: str, path: str, body: Any = None, *, role: str = "admin", secret: bytes = SECRET, **claims: Any) -> Answer:
    token = make_token(method, path, secret=secret, **{"iss": role, "exp": time.time() + 5, **claims})
    content = {} if body is None else body
    return rest.ask(method, path, content, token=None, headers={"Authorization": f"bearer {token}", "Content-Type": ""})


def get(rest: Rest, path: str) -> Any:
    answer = ask(rest, "GET", path)
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "application/json; charset=UTF-8" and answer.body.endswith(b"\n")
    return answer.json


def refusal(answer: Answer) -> tuple[int, str]:
    """Status and text of an error, which is never JSON."""
    assert answer.headers["content-type"].startswith("text/plain"), answer
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.body.endswith(b"\n")
    return answer.status, answer.body.decode().rstrip("\n")


def equipped(rest: Rest, *, size: int = 8 * GIB, zones: bool = False) -> list[str]:
    """A folder device on both peers, as their peers would have found them; their ids."""
    found = []
    for number, peer in enumerate((PEER, OTHER), 1):
        device = devices.Device(
            id=f"{number:032x}", peer_id=peer, path="/srv/bricks", provisioner="loop", size=size, mounts="/state/mounts"
        )
        rest.do(lambda device=device: rest.api.put(devices.device_key(device.id), device))
        found.append(device.id)
    return found


def make_volume(rest: Rest, name: str = "v1", **fields: Any) -> model.Volume:
    answer = rest.ask("POST", "/v1/volumes", {"name": name, "size": 2 * GIB, "replica": 2, **fields})
    assert answer.status == 201, answer
    volume = rest.api.view().volume(name)
    assert volume is not None
    return volume
