"""The log on disk: one file of records, each with a CRC, made durable in groups. It must not know what the entries mean.

A file is a header (identity, base, hard state) and records: magic, crc, length, start, kind, payload.
`crc` covers a number drawn for this file and the record's own offset, so a record found elsewhere is none.
`start` is the offset at which the group of the record begins: everything before it had been fsynced when the record was
written. After each fsync a seal (an empty record that starts a new group) is written without one: it makes the bytes before
it recognisable as fsynced. So a broken record is a torn tail exactly when no valid record after it has a start past it, and
only then it is cut off. Anything else raises WalCorrupt; docs/design/wal.md has the table.
Zeros may follow the last record: they are written ahead, so that an append does not change the file's size.
The file is never changed but by appending; compaction writes a new one and renames it into place.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import NamedTuple

import cbor2
import msgspec

from gd2raft.store.raft.errors import WalCorrupt
from gd2raft.store.raft.log import KERNEL_PREFIX, Change, Config, Entry, HardState, Log

FORMAT = 1
MAGIC = b"gd2raft-wal\n"
RECORD_MAGIC = b"\xd7\xb2"
RECORD_BYTES_MAX = 4 * 1024 * 1024

_FILE = struct.Struct("<II")  # length and crc of the header
_RECORD = struct.Struct("<2sIIQB")  # magic, crc, length, start, kind
_CHECKED = struct.Struct("<QIQB")  # offset, length, start, kind: what the crc covers beside nonce and payload
_ENTRY = struct.Struct("<QQ")
_NUMBER = struct.Struct("<Q")

ENTRY, HARD, TRUNCATE, SEAL = 1, 2, 3, 4


class Header(msgspec.Struct, frozen=True, array_like=True):
    """Whose log it is, and where it begins."""

    format: int
    pool: str
    peer: str
    nonce: bytes
    base_index: int
    base_term: int
    config: Config
    term: int
    vote: str


class Recovered(NamedTuple):
    """What a file says: the log, the header, the bytes that are good, and how many after them were torn (0 when only zeros follow)."""

    log: Log
    header: Header
    size: int
    torn: int


class Identity(NamedTuple):
    """Whose folder it is."""

    pool: str
    peer: str


def encode_header(identity: Identity, nonce: bytes, log: Log) -> bytes:
    base = Header(
        FORMAT,
        identity.pool,
        identity.peer,
        nonce,
        log.base_index,
        log.base_term,
        log.config_at(log.base_index),
        log.hard.term,
        log.hard.vote,
    )
    body = cbor2.dumps(msgspec.to_builtins(base, builtin_types=(bytes,)))
    return MAGIC + _FILE.pack(len(body), zlib.crc32(body)) + body


def encode_record(nonce: bytes, offset: int, start: int, kind: int, payload: bytes) -> bytes:
    crc = _crc(nonce, offset, start, kind, payload)
    return _RECORD.pack(RECORD_MAGIC, crc, len(payload), start, kind) + payload


def _crc(nonce: bytes, offset: int, start: int, kind: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(_CHECKED.pack(offset, len(payload), start, kind), zlib.crc32(nonce)))


def encode_group(nonce: bytes, offset: int, start: int, changes: Iterable[Change]) -> bytes:
    """The records of one group, to be written at `offset`; `start` is where the group begins (at a seal before them)."""
    seed, crc32, checked, record = zlib.crc32(nonce), zlib.crc32, _CHECKED.pack, _RECORD.pack
    parts: list[bytes] = []
    for change in changes:  # every peer does this for every entry: no copy of a payload, no call that isn't needed
        kind, head, body = _parts(change)
        length = len(head) + len(body)
        crc = crc32(body, crc32(head, crc32(checked(offset, length, start, kind), seed)))
        parts += (record(RECORD_MAGIC, crc, length, start, kind), head, body)
        offset += _RECORD.size + length
    return b"".join(parts)


def _parts(change: Change) -> tuple[int, bytes, bytes]:
    """Kind, and the payload in two parts."""
    if isinstance(change, Entry):
        command, index, term = change
        return ENTRY, _ENTRY.pack(index, term), command
    if isinstance(change, HardState):
        return HARD, _NUMBER.pack(change.term), change.vote.encode()
    return TRUNCATE, _NUMBER.pack(change.index), b""


def encode_seal(nonce: bytes, offset: int) -> bytes:
    return encode_record(nonce, offset, offset, SEAL, b"")


def encode_file(identity: Identity, nonce: bytes, log: Log) -> tuple[bytes, int]:
    """A whole new file, and the offset of the seal at its end."""
    header = encode_header(identity, nonce, log)
    body = encode_group(nonce, len(header), len(header), log.entries[1:])
    end = len(header) + len(body)
    return header + body + encode_seal(nonce, end), end


# recovery


def recover(path: str, data: bytes, peer: str) -> Recovered:
    """Read a file back. Raises WalCorrupt for anything but a torn tail."""
    header, offset = _read_header(path, data, peer)
    log = Log(header.base_index, header.base_term, header.config, HardState(header.term, header.vote))
    while offset < len(data):
        record = _read_record(header.nonce, data, offset)
        if record is None:
            _require_torn(path, header.nonce, data, offset)
            break
        kind, payload, size = record
        _replay(path, offset, log, kind, payload)
        offset += size
    log.take_changes()
    log.synced(log.change_number)
    log.change_number = log.hard_number = 0
    zeros_only = data.count(0, offset) == len(data) - offset  # they were written ahead
    return Recovered(log, header, offset, 0 if zeros_only else len(data) - offset)


def _read_header(path: str, data: bytes, peer: str) -> tuple[Header, int]:
    if not data.startswith(MAGIC):
        raise WalCorrupt(path, 0, "it does not begin like a log of gd2raft")
    begin = len(MAGIC) + _FILE.size
    if len(data) < begin:
        raise WalCorrupt(path, len(MAGIC), "the header is cut off")
    length, crc = _FILE.unpack_from(data, len(MAGIC))
    body = data[begin : begin + length]
    if len(body) != length or zlib.crc32(body) != crc:
        raise WalCorrupt(path, begin, "the header's checksum is wrong")
    try:
        header = msgspec.convert(cbor2.loads(body), type=Header, builtin_types=(bytes,))
    except (msgspec.ValidationError, cbor2.CBORDecodeError, ValueError) as error:
        raise WalCorrupt(path, begin, f"the header can't be read ({error})") from error
    if header.format != FORMAT:
        raise WalCorrupt(path, begin, f"it has format {header.format}, this daemon reads format {FORMAT}")
    if header.peer != peer:
        raise WalCorrupt(path, begin, f"it belongs to the peer {header.peer}, this is {peer}: a folder must not be copied")
    return header, begin + length


def _read_record(nonce: bytes, data: bytes, offset: int) -> tuple[int, bytes, int] | None:
    """(kind, payload, size) of the valid record at `offset`, None when there is none."""
    if len(data) - offset < _RECORD.size:
        return None
    magic, crc, length, start, kind = _RECORD.unpack_from(data, offset)
    end = offset + _RECORD.size + length
    if magic != RECORD_MAGIC or length > RECORD_BYTES_MAX or end > len(data):
        return None
    payload = data[offset + _RECORD.size : end]
    if crc != _crc(nonce, offset, start, kind, payload):
        return None
    return kind, payload, end - offset


def _require_torn(path: str, nonce: bytes, data: bytes, broken: int) -> None:
    """Raise WalCorrupt if a record after the broken one proves that the broken one had been fsynced."""
    offset = data.find(RECORD_MAGIC, broken + 1)
    while offset >= 0:
        if _read_record(nonce, data, offset) is not None and _RECORD.unpack_from(data, offset)[3] > broken:
            raise WalCorrupt(path, broken, "a record that had been written safely can't be read any more")
        offset = data.find(RECORD_MAGIC, offset + 1)


def _replay(path: str, offset: int, log: Log, kind: int, payload: bytes) -> None:
    try:
        if kind == ENTRY:
            log.append(Entry(payload[_ENTRY.size :], *_ENTRY.unpack_from(payload)))
            assert payload[_ENTRY.size : _ENTRY.size + 1] == KERNEL_PREFIX, "an entry of an unknown type"
        elif kind == HARD:
            log.set_hard(HardState(_NUMBER.unpack_from(payload)[0], payload[_NUMBER.size :].decode()))
        elif kind == TRUNCATE:
            log.truncate(*_NUMBER.unpack_from(payload))
        elif kind != SEAL:
            raise WalCorrupt(path, offset, f"a record of the unknown kind {kind}: was it written by a newer daemon?")
    except (AssertionError, struct.error, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise WalCorrupt(path, offset, f"a record contradicts those before it ({error})") from error
