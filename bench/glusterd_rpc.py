"""A client of the real glusterd's command-line protocol, so that glusterd is measured and not the forking of `gluster`.

ONC RPC records over the unix socket /var/run/glusterd.socket, program 1238463 version 2; arguments and results are GlusterFS
dictionaries. Key names were seen by putting a proxy between `gluster` 10.3 and glusterd 10.3. Blocking, one call at a time.

This file must not know namespaces or benchmarks. It shares no code with the daemon: a mistake there must not be mirrored here.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

PROGRAM, VERSION = 1238463, 2
PROBE, LIST_PEERS, CREATE, GET_VOLUME, DELETE, START, STOP, SET, RESET = 1, 3, 4, 5, 7, 8, 9, 12, 20
TYPE_REPLICATE = "2"
GET_BY_NAME = "2"  # flags of GET_VOLUME
OTHERS_ONLY = 1  # flags of LIST_PEERS
CALL, REPLY = 0, 1
LAST_FRAGMENT = 0x80000000
RECORD_BYTES_MAX = 16 * 1024 * 1024
ENTRIES_MAX = 100_000
REPLY_HEADER_BYTES = 24
AUTH_GLUSTERFS_V2 = 390039
# AUTH_GLUSTERFS_v2: pid, uid, gid, no groups, lock owner of 4 bytes; what `gluster` sends
_CREDENTIAL = struct.pack(">7I", AUTH_GLUSTERFS_V2, 24, 0, 0, 0, 0, 4) + bytes(4)

Dict = Mapping[str, str | bytes]


class GlusterdRefused(RuntimeError):
    """glusterd answered with an error: `code` is its op_errno, the text its own."""

    def __init__(self, what: str, code: int, text: str) -> None:
        super().__init__(f"{what}: {text or 'no reason given'} (op_errno {code})")
        self.code = code


class GlusterdBroken(RuntimeError):
    """Not the protocol we know, a closed connection, or no answer in time."""


def pack_dict(entries: Dict) -> bytes:
    """GlusterFS's dict_t: count, then key length, value length, key NUL, value. Text values get their NUL here.

    >>> pack_dict({"a": "1"}).hex()
    '00000001000000010000000261003100'
    """
    parts = [struct.pack(">I", len(entries))]
    for key, value in entries.items():
        data = value if isinstance(value, bytes) else value.encode() + b"\0"
        parts.append(struct.pack(">II", len(key.encode()), len(data)) + key.encode() + b"\0" + data)
    return b"".join(parts)


def unpack_dict(data: bytes) -> dict[str, str]:
    """The reverse; binary values (uuids) come as latin-1 text. Raises GlusterdBroken on anything that does not add up."""
    if not data:
        return {}
    try:
        (count,) = struct.unpack_from(">I", data)
        if count > ENTRIES_MAX:
            raise GlusterdBroken(f"dict of {count} entries, at most {ENTRIES_MAX}")
        offset, entries = 4, {}
        for _ in range(count):
            key_length, value_length = struct.unpack_from(">II", data, offset)
            start = offset + 8 + key_length + 1
            offset = start + value_length
            if offset > len(data):
                raise GlusterdBroken(f"dict entry ends at byte {offset} of {len(data)}")
            entries[data[start - key_length - 1 : start - 1].decode()] = data[start:offset].decode("latin-1").rstrip("\0")
    except (struct.error, UnicodeDecodeError) as error:
        raise GlusterdBroken(f"malformed dict: {error}") from None
    return entries


def opaque(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)


def _opaque_at(data: bytes, offset: int) -> tuple[bytes, int]:
    try:
        (length,) = struct.unpack_from(">I", data, offset)
    except struct.error as error:
        raise GlusterdBroken(f"reply ends early: {error}") from None
    end = offset + 4 + length
    if end > len(data):
        raise GlusterdBroken(f"reply ends early: {length} bytes announced at {offset} of {len(data)}")
    return data[offset + 4 : end], end + (-length % 4)


class Glusterd:
    """One connection. Every method raises GlusterdRefused or GlusterdBroken; `timeout_s` bounds each call."""

    def __init__(self, path: Path | str, timeout_s: float = 60.0) -> None:
        self._xid, self._timeout_s = 0, timeout_s
        self._buffer = b""
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.settimeout(timeout_s)
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise GlusterdBroken(f"{path}: {error}") from None

    def __enter__(self) -> Glusterd:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def probe(self, address: str) -> None:
        self._dict_call("peer probe", PROBE, {"hostname": address, "port": "24007", "cmd-str": f"peer probe {address}"})

    def peers(self) -> list[dict[str, str]]:
        """The other peers: [{"hostname", "uuid", "connected", "state", ...}]; state is text like "Peer in Cluster"."""
        body = self._call(LIST_PEERS, struct.pack(">I", OTHERS_ONLY) + opaque(b""))
        code, number = struct.unpack_from(">ii", body)
        entries = unpack_dict(_opaque_at(body, 8)[0])
        if code:
            raise GlusterdRefused("peer list", number, "")
        found = []
        for index in range(1, int(entries.get("count", "0")) + 1):
            head = f"friend{index}."
            found.append({key.removeprefix(head): value for key, value in entries.items() if key.startswith(head)})
        return found

    def create_replicated(self, volume: str, bricks: Sequence[str]) -> None:
        """`bricks`: "HOST:/path" each, all of one replica set. With force: bricks are on the root file system."""
        joined, count = f" {' '.join(bricks)} ", str(len(bricks))
        self._dict_call(
            "volume create",
            CREATE,
            {
                "volname": volume,
                "type": TYPE_REPLICATE,
                "replica-count": count,
                "count": count,
                "bricks": joined,
                "transport": "tcp",
                "force": "1",
                "cmd-str": f"volume create {volume} replica {count}{joined}force",
            },
        )

    def start(self, volume: str) -> None:
        self._dict_call("volume start", START, {"volname": volume, "flags": "0", "cmd-str": f"volume start {volume}"})

    def stop(self, volume: str) -> None:
        self._dict_call("volume stop", STOP, {"volname": volume, "flags": "0", "cmd-str": f"volume stop {volume}"})

    def delete(self, volume: str) -> None:
        self._dict_call("volume delete", DELETE, {"volname": volume, "cmd-str": f"volume delete {volume}"})

    def set(self, volume: str, key: str, value: str) -> None:
        self.set_many(volume, [(key, value)])

    def set_many(self, volume: str, pairs: Sequence[tuple[str, str]]) -> None:
        """`volume` may be "all": options of the pool."""
        numbered = {f"{word}{n}": text for n, pair in enumerate(pairs, 1) for word, text in zip(("key", "value"), pair, strict=True)}
        command = f"volume set {volume} {' '.join(word for pair in pairs for word in pair)}"
        self._dict_call("volume set", SET, {"volname": volume, **numbered, "count": str(2 * len(pairs)), "cmd-str": command})

    def reset(self, volume: str, key: str, *, force: bool = False) -> None:
        """`key` "all": every option."""
        command = f"volume reset {volume} {key}{' force' if force else ''}"
        self._dict_call("volume reset", RESET, {"volname": volume, "key": key, "force": str(int(force)), "cmd-str": command})

    def info(self, volume: str) -> dict[str, str]:
        """{"name", "status" ("0" created, "1" started, "2" stopped), "brick1", "option.<key>", ...}. GlusterdRefused: no such volume."""
        entries = self._dict_call("volume info", GET_VOLUME, {"volname": volume, "flags": GET_BY_NAME})
        return {key.removeprefix("volume0."): value for key, value in entries.items()}

    def command(self, words: str, procedure: int, entries: Dict) -> dict[str, str]:
        """Any other command. `words`: as `gluster` would be called, for glusterd's own records."""
        return self._dict_call(words, procedure, {**entries, "cmd-str": words})

    def _dict_call(self, what: str, procedure: int, entries: Dict) -> dict[str, str]:
        """gf_cli_req{dict} -> gf_cli_rsp{op_ret, op_errno, op_errstr, dict}."""
        body = self._call(procedure, opaque(pack_dict(entries)))
        if len(body) < 8:
            raise GlusterdBroken(f"{what}: reply of {len(body)} bytes")
        code, number = struct.unpack_from(">ii", body)
        text, offset = _opaque_at(body, 8)
        if code:
            raise GlusterdRefused(what, number, text.decode(errors="replace").rstrip("\0"))
        return unpack_dict(_opaque_at(body, offset)[0])

    def _call(self, procedure: int, arguments: bytes) -> bytes:
        self._xid += 1
        head = struct.pack(">6I", self._xid, CALL, 2, PROGRAM, VERSION, procedure)
        record = head + _CREDENTIAL + bytes(8) + arguments  # eight zeros: no verifier
        deadline = time.monotonic() + self._timeout_s
        try:
            self._socket.sendall(struct.pack(">I", LAST_FRAGMENT | len(record)) + record)
            return self._reply(deadline)
        except OSError as error:
            raise GlusterdBroken(f"procedure {procedure}: {error or 'no answer in time'}") from None

    def _reply(self, deadline: float) -> bytes:
        """The results of our call. glusterd also calls us on this connection (FETCHSPEC); those records are not for us."""
        while True:
            record = self._record(deadline)
            xid, kind = struct.unpack_from(">II", record) if len(record) >= 8 else (0, -1)
            if kind == CALL:
                continue
            if kind != REPLY or xid != self._xid or len(record) < REPLY_HEADER_BYTES or any(record[8:REPLY_HEADER_BYTES]):
                raise GlusterdBroken(f"not an accepted reply to call {self._xid}: {record[:REPLY_HEADER_BYTES].hex()}")
            return record[REPLY_HEADER_BYTES:]

    def _record(self, deadline: float) -> bytes:
        (mark,) = struct.unpack(">I", self._take(4, deadline))
        length = mark & ~LAST_FRAGMENT
        if not mark & LAST_FRAGMENT or length > RECORD_BYTES_MAX:
            raise GlusterdBroken(f"record mark {mark:#x}: several fragments, or more than {RECORD_BYTES_MAX} bytes")
        return self._take(length, deadline)

    def _take(self, size: int, deadline: float) -> bytes:
        while len(self._buffer) < size:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            data = self._socket.recv(65536)
            if not data:
                raise GlusterdBroken("glusterd closed the connection")
            self._buffer += data
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken
