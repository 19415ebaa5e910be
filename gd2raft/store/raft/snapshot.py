"""The log snapshot: the state machine at one log index, as a file of CBOR chunks with a CRC each. It must not know of disks.

The same bytes lie on the disk and travel to a peer that lags too far behind. A file is a magic, then chunks
(length, crc, CBOR): meta, items in key order, sessions, end. A crc covers the chunk's number too, and the last chunk says how many
there were, so that nothing can be lost, doubled or swapped unseen. A damaged one raises SnapshotCorrupt: never repaired.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import cbor2
import msgspec

from gd2raft.core.kv import Frozen, Result, Versioned
from gd2raft.store.raft.errors import SnapshotCorrupt
from gd2raft.store.raft.log import Config

FORMAT = 1
MAGIC = b"gd2raft-log-snapshot\n"
ITEMS_PER_CHUNK = 256
CHUNK_BYTES_MAX = 128 * 1024 * 1024

_CHUNK = struct.Struct("<II")


class Meta(msgspec.Struct, frozen=True, array_like=True):
    """What a log snapshot holds: the pool's state after the entry (index, term)."""

    format: int
    pool: str
    index: int
    term: int
    config: Config
    revision: int
    applied: int
    items: int
    sessions: int


def make_meta(pool: str, index: int, term: int, config: Config, frozen: Frozen) -> Meta:
    return Meta(FORMAT, pool, index, term, config, frozen.revision, frozen.applied, len(frozen.items), len(frozen.sessions))


def encode(meta: Meta, frozen: Frozen) -> Iterator[bytes]:
    """The file in pieces, small ones, so that a thread that writes them lets the event loop run in between."""
    yield MAGIC
    number = 0
    for chunk in _chunks(meta, frozen):
        body = cbor2.dumps(chunk)
        yield _CHUNK.pack(len(body), zlib.crc32(body, number)) + body
        number += 1
    body = cbor2.dumps(number)
    yield _CHUNK.pack(len(body), zlib.crc32(body, number)) + body


def _chunks(meta: Meta, frozen: Frozen) -> Iterator[Any]:
    yield msgspec.to_builtins(meta)
    keys = sorted(frozen.items)
    for start in range(0, len(keys), ITEMS_PER_CHUNK):
        yield [_item(key, frozen.items[key]) for key in keys[start : start + ITEMS_PER_CHUNK]]
    for name, used, acked, answers in frozen.sessions:
        yield [name, used, acked, [[sequence, *msgspec.to_builtins(result)] for sequence, result in answers]]


def _item(key: str, item: Versioned) -> list[object]:
    return [key, item.value, item.created, item.modified]


def decode(path: str, data: bytes) -> tuple[Meta, Frozen]:
    """Raises SnapshotCorrupt."""
    reader = _Reader(path, data)
    try:
        meta = msgspec.convert(reader.next(), type=Meta)
        if meta.format != FORMAT:
            raise SnapshotCorrupt(path, reader.at, f"it has format {meta.format}, this daemon reads format {FORMAT}")
        items: dict[str, Versioned] = {}
        while len(items) < meta.items:
            before = len(items)
            items.update((key, Versioned(value, created, modified)) for key, value, created, modified in reader.next())
            if len(items) == before:
                raise ValueError("a chunk without items")
        sessions = [_session(reader.next()) for _ in range(meta.sessions)]
    except (ValueError, TypeError, msgspec.ValidationError, cbor2.CBORDecodeError) as error:
        raise SnapshotCorrupt(path, reader.at, f"it can't be read ({error})") from error
    reader.end()
    return meta, Frozen(meta.revision, meta.applied, items, sessions)


def _session(chunk: Any) -> tuple[str, int, int, list[tuple[int, Result]]]:
    name, used, acked, answers = chunk
    return name, used, acked, [(sequence, msgspec.convert(fields, type=Result)) for sequence, *fields in answers]


class _Reader:
    """Chunk after chunk; `at` is the offset of the current one."""

    def __init__(self, path: str, data: bytes) -> None:
        self._path, self._data = path, data
        self.at, self._following, self._number = 0, len(MAGIC), 0
        if not data.startswith(MAGIC):
            raise SnapshotCorrupt(path, 0, "it does not begin like a log snapshot of gd2raft")

    def next(self) -> Any:
        self.at = self._following
        begin = self.at + _CHUNK.size
        if begin > len(self._data):
            raise SnapshotCorrupt(self._path, self.at, "it is cut off")
        length, crc = _CHUNK.unpack_from(self._data, self.at)
        body = self._data[begin : begin + length]
        if len(body) != length or zlib.crc32(body, self._number) != crc:
            raise SnapshotCorrupt(self._path, self.at, "a checksum is wrong")
        self._following = begin + length
        self._number += 1
        return cbor2.loads(body)

    def end(self) -> None:
        number = self._number
        if self.next() != number or self._following != len(self._data):
            raise SnapshotCorrupt(self._path, self.at, "it does not end where it should")
