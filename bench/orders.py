"""Commands in both languages: what our REST is asked, and what the real glusterd is told over its own RPC.

glusterd's procedures and keys were seen by putting a proxy between `gluster` 10.3 and glusterd 10.3. This file must not know what is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Rest = tuple[str, str, Any]
REBALANCE, ADD_BRICK, REMOVE_BRICK, REPLACE_BRICK, RESET, PROFILE, QUOTA = 11, 13, 14, 15, 20, 23, 24
STATUS, HEAL, STATEDUMP, LIST, BARRIER, GET_OPTION, BITROT, RESET_BRICK = 27, 31, 32, 33, 40, 41, 43, 47
LIMIT = "1GB"


class Order(NamedTuple):
    """`words`: of `gluster`, without the program. `rest`: requests, one after the other: (method, path, body). `rpc`: (procedure, entries)."""

    words: str
    rest: Sequence[Rest]
    rpc: tuple[int, Mapping[str, str]]


class Orders:
    """About one volume; bricks are "HOST:/path"."""

    def __init__(self, volume: str) -> None:
        self.volume = volume

    def _order(self, words: str, procedure: int, entries: Mapping[str, str], *rest: Rest) -> Order:
        """`rest`: (method, path below the volume's, body)."""
        requests = [(method, f"/v1/volumes/{self.volume}{path}", body) for method, path, body in rest]
        return Order(f"volume {words}", requests, (procedure, {"volname": self.volume, **entries}))

    def list(self) -> Order:
        return Order("volume list", [("GET", "/v1/volumes", None)], (LIST, {}))

    def status(self) -> Order:
        """Bricks, and the daemons beside them."""
        words = f"status {self.volume}"
        return self._order(words, STATUS, {"cmd": "256"}, ("GET", "/bricks", None), ("GET", "/services", None))

    def status_of(self, what: str) -> Order:
        number = {"detail": "288", "clients": "258", "mem": "257"}[what]
        path = "/bricks" if what == "detail" else f"/status/{what}"
        return self._order(f"status {self.volume} {what}", STATUS, {"cmd": number}, ("GET", path, None))

    def get(self, key: str) -> Order:
        return self._order(f"get {self.volume} {key}", GET_OPTION, {"key": key}, ("GET", f"/options/{key}", None))

    def reset(self, key: str) -> Order:
        words = f"reset {self.volume} {key}"
        return self._order(words, RESET, {"key": key, "force": "0"}, ("DELETE", "/options", {"options": [key]}))

    def add_bricks(self, bricks: Sequence[str]) -> Order:
        joined = f" {' '.join(bricks)} "
        entries = {"count": str(len(bricks)), "bricks": joined, "force": "1"}
        body = {"bricks": list(bricks), "force": True}
        return self._order(f"add-brick {self.volume}{joined}force", ADD_BRICK, entries, ("POST", "/expand", body))

    def rebalance(self, what: str) -> Order:
        """start or status."""
        number = {"start": "1", "status": "3"}[what]
        rest: Rest = ("POST", "/rebalance/start", {}) if what == "start" else ("GET", "/rebalance", None)
        return self._order(f"rebalance {self.volume} {what}", REBALANCE, {"rebalance-command": number}, rest)

    def remove_bricks(self, bricks: Sequence[str], what: str) -> Order:
        """start, status, stop, commit or force. (glusterd: status and stop are a rebalance's.)"""
        words = f"remove-brick {self.volume} {' '.join(bricks)} {what}"
        entries = {f"brick{number}": brick for number, brick in enumerate(bricks, 1)}
        entries["command"] = {"start": "1", "commit": "2", "stop": "3", "status": "4", "force": "5"}[what]
        body: dict[str, Any] = {"bricks": list(bricks)}
        if what == "status":
            return self._order(words, REBALANCE, {**entries, "rebalance-command": "3"}, ("GET", "/remove-brick", None))
        if what == "stop":
            return self._order(words, REBALANCE, {**entries, "rebalance-command": "2"}, ("POST", "/remove-brick/stop", body))
        path = "/remove-brick/start" if what == "start" else "/remove-brick/commit"
        entries["count"] = str(len(bricks))
        return self._order(words, REMOVE_BRICK, entries, ("POST", path, body | {"force": True} if what == "force" else body))

    def replace_brick(self, old: str, new: str) -> Order:
        (old_host, old_path), (new_host, new_path) = old.split(":", 1), new.split(":", 1)
        entries = {"src-brick": old, "dst-brick": new, "operation": "GF_REPLACE_OP_COMMIT_FORCE"}
        body = {"src-peerid": old_host, "src-brickpath": old_path, "dst-peerid": new_host, "dst-brickpath": new_path, "force": True}
        words = f"replace-brick {self.volume} {old} {new} commit force"
        return self._order(words, REPLACE_BRICK, entries, ("POST", "/replacebrick", body))

    def reset_brick(self, brick: str, what: str) -> Order:
        """start, or commit (with force, in place)."""
        host, path = brick.split(":", 1)
        body: dict[str, Any] = {"peerid": host, "path": path}
        if what == "start":
            entries = {"src-brick": brick, "operation": "GF_RESET_OP_START"}
            return self._order(f"reset-brick {self.volume} {brick} start", RESET_BRICK, entries, ("POST", "/resetbrick/start", body))
        entries = {"src-brick": brick, "dst-brick": brick, "operation": "GF_RESET_OP_COMMIT_FORCE"}
        words = f"reset-brick {self.volume} {brick} {brick} commit force"
        return self._order(words, RESET_BRICK, entries, ("POST", "/resetbrick/commit", body | {"force": True}))

    def heal(self, what: str) -> Order:
        """index, full or heal-count. (`heal info` is no RPC: `gluster` forks a client of the volume.)"""
        words = {"index": "", "full": " full", "heal-count": " statistics heal-count"}[what]
        number = {"index": "1", "full": "2", "heal-count": "8"}[what]
        rest: Rest = ("GET", "/heal-count", None) if what == "heal-count" else ("POST", f"/heal?type={what}", None)
        return self._order(f"heal {self.volume}{words}", HEAL, {"heal-op": number}, rest)

    def profile(self, what: str) -> Order:
        """start, info or stop."""
        entries = {"peek": "0", "info-op": "1" if what == "info" else "0", "op": {"start": "1", "stop": "2", "info": "3"}[what]}
        rest: Rest = ("GET", "/profile/info", None) if what == "info" else ("POST", f"/profile/{what}", {})
        return self._order(f"profile {self.volume} {what}", PROFILE, entries, rest)

    def top(self) -> Order:
        entries = {"list-cnt": "100", "top-op": "2", "op": "4"}
        return self._order(f"top {self.volume} read", PROFILE, entries, ("GET", "/top/read", None))

    def statedump(self) -> Order:
        entries = {"options": "", "option_cnt": "0"}
        return self._order(f"statedump {self.volume}", STATEDUMP, entries, ("POST", "/statedump", {"bricks": True}))

    def barrier(self, *, on: bool) -> Order:
        word = "enable" if on else "disable"
        return self._order(f"barrier {self.volume} {word}", BARRIER, {"barrier": word}, ("POST", "/barrier", {"enable": on}))

    def quota(self, what: str) -> Order:
        """enable, limit, list, remove or disable; the limit is the root's."""
        path = f"/v1/quota/{self.volume}"
        words, number, entries, rest = {
            "enable": ("enable", "1", {}, ("POST", path, {})),
            "disable": ("disable", "2", {}, ("DELETE", path, None)),
            "limit": (
                f"limit-usage / {LIMIT}",
                "3",
                {"path": "/", "hard-limit": LIMIT},
                ("POST", f"{path}/limit", {"path": "/", "size": LIMIT}),
            ),
            "remove": ("remove /", "4", {"path": "/"}, ("DELETE", f"{path}/limit", {"path": "/"})),
            "list": ("list", "5", {"count": "0"}, ("GET", f"{path}/limit", None)),
        }[what]
        return Order(f"volume quota {self.volume} {words}", [rest], (QUOTA, {"volname": self.volume, "type": number, **entries}))

    def bitrot(self, what: str) -> Order:
        """enable, status or disable."""
        if what == "status":
            entries = {"type": "7", "scrub-value": "status"}
            return self._order(f"bitrot {self.volume} scrub status", BITROT, entries, ("GET", "/bitrot/scrubstatus", None))
        number = {"enable": "1", "disable": "2"}[what]
        return self._order(f"bitrot {self.volume} {what}", BITROT, {"type": number}, ("POST", f"/bitrot/{what}", {}))
