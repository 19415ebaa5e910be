"""The two sides of `bench volfiles`: a pool of real glusterds and a pool of gd2raft daemons that get the same commands.

Commands are the words of `gluster volume ...` (volfile_cases.py). glusterd gets what is frequent by its RPC and the rest by `gluster`
itself; ours is driven by REST. Both show what the volume looks like and every volfile of it, with what is random (ids, credentials,
working directories) replaced by words. This file must not know what is right.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import gd2volgen
from bench.glusterd_rpc import GlusterdRefused
from bench.ours import Gd2raft, RestFailed
from bench.sides import wait_for
from bench.theirs import RealGlusterd
from bench.volfile_cases import BRICKS, HOSTS, Seen, Words
from gd2volgen.tables import option_table

COMMAND_DEADLINE_S = 120.0
STATES = {"0": "Created", "1": "Started", "2": "Stopped"}
KINDS = {"0": "distribute", "2": "replicate", "4": "disperse"}
POOL_OPTIONS = frozenset(option.name for option in option_table().options.values() if option.scope == "pool")
SERVICES = {"quotad/quotad.vol": "quotad.vol", "bitd/bitd-server.vol": "bitd-server.vol", "scrub/scrub-server.vol": "scrub-server.vol"}
COUNT_WORDS = ("replica", "arbiter", "thin-arbiter", "disperse", "disperse-data", "redundancy")


class Outcome(NamedTuple):
    accepted: bool
    text: str


class Volfiles(dict[str, str]):
    """Text by glusterd's file name."""


class Theirs:
    """glusterd: `run` gives the outcome, `seen` the volume, `volfiles` what is on the first peer's disk."""

    def __init__(self, pool: RealGlusterd) -> None:
        self.pool, self.host = pool, pool.hosts[0]
        for host in pool.hosts:
            host.path(BRICKS).mkdir(exist_ok=True)

    def run(self, words: Words) -> Outcome:
        if words[0] in ("set", "reset") and "group" not in words:
            return self._by_rpc(words)
        done = self._gluster(words)
        if done.returncode == 0 and words[0] == "remove-brick" and words[-1] == "start":
            status = (*words[:-1], "status")
            wait_for("glusterd has moved the files", lambda: "in progress" not in self._gluster(status).stdout, every=0.3)
        return Outcome(done.returncode == 0, (done.stdout + done.stderr).strip())

    def _gluster(self, words: Words) -> subprocess.CompletedProcess[str]:
        return self.host.run(["gluster", "--mode=script", "volume", *words], timeout_s=COMMAND_DEADLINE_S, check=False)

    def _by_rpc(self, words: Words) -> Outcome:
        rpc = self.pool.connection
        try:
            if words[0] == "set":
                rpc.set_many(words[1], list(zip(words[2::2], words[3::2], strict=True)))
            else:
                named = [w for w in words[2:] if w != "force"]
                rpc.reset(words[1], named[0] if named else "all", force="force" in words)
        except GlusterdRefused as error:
            return Outcome(False, str(error))
        return Outcome(True, "")

    def seen(self, volume: str) -> Seen:
        try:
            info = self.pool.connection.info(volume)
        except GlusterdRefused:
            return Seen()
        bricks = tuple(info[f"brick{n}"] for n in range(1, int(info["brick_count"]) + 1))
        options = {key.removeprefix("option."): value for key, value in info.items() if key.startswith("option.")}
        options = {name: value for name, value in options.items() if name not in POOL_OPTIONS}  # shown with every volume once set
        return Seen(
            STATES[info["status"]],
            KINDS[info["type"]],
            bricks,
            int(info["replica_count"]),
            int(info["arbiter_count"]),
            int(info["disperse_count"]),
            int(info["redundancy_count"]),
            options,
        )

    def volfiles(self, volume: str) -> Volfiles:
        lib = self.host.folder / "lib"
        folder = lib / "vols" / volume
        bricks = {_brick_file(volume, brick) for brick in self.seen(volume).bricks}
        names = {path: path.name for path in folder.glob("*.vol") if "gfproxy" not in path.name}
        names = {path: name for path, name in names.items() if not _of_a_brick(name, volume) or name in bricks}
        names |= {lib / where: name for where, name in SERVICES.items() if (lib / where).exists()}
        secrets = self._secrets(folder)
        return Volfiles({name: replaced(path.read_text(), secrets) for path, name in names.items()})

    def _secrets(self, folder: Path) -> dict[str, str]:
        info = dict(line.split("=", 1) for line in (folder / "info").read_text().splitlines() if "=" in line)
        return {
            info["volume-id"]: "ID",
            info["username"]: "hidden",
            info["password"]: "hidden",
            "/var/lib/glusterd": "WORKDIR",
        }


def _brick_file(volume: str, brick: str) -> str:
    host, _, path = brick.partition(":")
    return f"{volume}.{host}.{path.strip('/').replace('/', '-')}.vol"


def _of_a_brick(name: str, volume: str) -> bool:
    """A create that fails at its commit leaves the files of its bricks to the next volume of the same name."""
    return name.startswith(tuple(f"{volume}.{host}." for host in HOSTS))


def replaced(text: str, words: dict[str, str]) -> str:
    for old, new in words.items():
        text = text.replace(old, new)
    return text


class Ours:
    """gd2raft: the same three calls. Volfiles are rendered from the description that a daemon gives, by gd2volgen."""

    def __init__(self, pool: Gd2raft) -> None:
        self.pool, self.peer = pool, pool.peers[0]
        for host in pool.hosts:
            host.path(BRICKS).mkdir(exist_ok=True)
        self._verbs: dict[str, Callable[[Words], tuple[str, str, Any]]] = {
            "create": _create,
            "start": _start,
            "stop": lambda w: ("POST", f"/v1/volumes/{w[1]}/stop", {"force": w[-1] == "force"}),
            "delete": lambda w: ("DELETE", f"/v1/volumes/{w[1]}", None),
            "set": _set,
            "reset": _reset,
            "add-brick": _add,
            "remove-brick": _remove,
            "replace-brick": _replace,
            "quota": lambda w: ("POST" if w[2] == "enable" else "DELETE", f"/v1/quota/{w[1]}", {} if w[2] == "enable" else None),
            "bitrot": lambda w: ("POST", f"/v1/volumes/{w[1]}/bitrot/{w[2]}", {}),
        }

    def run(self, words: Words) -> Outcome:
        method, path, body = self._verbs[words[0]](words)
        try:
            self.peer.call(method, path, body)
        except RestFailed as error:
            return Outcome(False, str(error))
        if words[0] == "remove-brick" and words[-1] == "start":
            progress = f"/v1/volumes/{words[1]}/remove-brick"
            wait_for("our files are moved", lambda: self.peer.call("GET", progress)["status"] != "running", every=0.1)
        return Outcome(True, "")

    def _description(self, volume: str) -> gd2volgen.Description | None:
        try:
            found = self.peer.call("GET", f"/v1/volumes/{volume}/description")
        except RestFailed as error:
            if error.status == 404:
                return None
            raise
        return gd2volgen.decode(json.dumps(found))

    def seen(self, volume: str) -> Seen:
        try:
            info = self.peer.call("GET", f"/v1/volumes/{volume}")
        except RestFailed as error:
            if error.status == 404:
                return Seen()
            raise
        first = info["subvols"][0]
        kind = first["type"].lower()
        return Seen(
            info["state"],
            kind,
            tuple(f"{brick['host']}:{brick['path']}" for subvol in info["subvols"] for brick in subvol["bricks"]),
            info["replica-count"],
            info["arbiter-count"],
            info["disperse-count"],
            info["disperse-redundancy-count"],
            info["options"],
        )

    def volfiles(self, volume: str) -> Volfiles:
        description = self._description(volume)
        if description is None:
            return Volfiles()
        secrets = {description.id: "ID", description.workdir: "WORKDIR"}
        return Volfiles({name: replaced(text, secrets) for name, text in gd2volgen.all_volfiles([description]).items()})


def _counts(words: Words) -> tuple[dict[str, int], list[str]]:
    """{"replica": 3, ...} and the bricks."""
    counts: dict[str, int] = {}
    rest = list(words)
    while rest and rest[0] in COUNT_WORDS:
        counts[rest[0]] = int(rest[1])
        rest = rest[2:]
    return counts, [word for word in rest if ":/" in word]


def _create(words: Words) -> tuple[str, str, Any]:
    rest, how = words[2:], {}
    if "transport" in rest:
        at = rest.index("transport")
        rest, how = rest[:at] + rest[at + 2 :], {"transport": rest[at + 1]}
    counts, bricks = _counts(rest)
    if "redundancy" in counts:
        counts["disperse-redundancy"] = counts.pop("redundancy")
    return "POST", "/v1/volumes", {"name": words[1], "bricks": bricks, "force": words[-1] == "force", **how, **counts}


def _start(words: Words) -> tuple[str, str, Any]:
    return "POST", f"/v1/volumes/{words[1]}/start", {"force-start-bricks": words[-1] == "force"}


def _set(words: Words) -> tuple[str, str, Any]:
    if words[2] == "group":
        return "POST", f"/v1/volumes/{words[1]}/options", {"group": words[3]}
    options = dict(zip(words[2::2], words[3::2], strict=True))
    path = "/v1/cluster/options" if words[1] == "all" else f"/v1/volumes/{words[1]}/options"
    return "POST", path, {"options": options}


def _reset(words: Words) -> tuple[str, str, Any]:
    named = [word for word in words[2:] if word != "force"]
    return "DELETE", f"/v1/volumes/{words[1]}/options", {"options": named, "force": "force" in words[2:], "all": not named, "if-set": True}


def _add(words: Words) -> tuple[str, str, Any]:
    counts, bricks = _counts(words[2:])
    return "POST", f"/v1/volumes/{words[1]}/expand", {"bricks": bricks, "force": words[-1] == "force", **counts}


def _remove(words: Words) -> tuple[str, str, Any]:
    counts, bricks = _counts(words[2:])
    how = words[-1]
    path = f"/v1/volumes/{words[1]}/remove-brick/{'commit' if how == 'force' else how}"
    return "POST", path, {"bricks": bricks, **counts, **({"force": True} if how == "force" else {})}


def _replace(words: Words) -> tuple[str, str, Any]:
    (old_host, old_path), (new_host, new_path) = (re.split(r":(?=/)", word) for word in words[2:4])
    body = {"src-peerid": old_host, "src-brickpath": old_path, "dst-peerid": new_host, "dst-brickpath": new_path, "force": True}
    return "POST", f"/v1/volumes/{words[1]}/replacebrick", body
