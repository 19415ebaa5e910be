"""dict_t as it travels inside an opaque of the management programs: count, then (key length, value length, key NUL, value).

Pure. No padding anywhere; numbers are decimal text; a text value carries its trailing NUL in its length, some values
(uuids) are raw bytes. Knows nothing of which keys mean what.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from gd2raft.sunrpc.xdr import Reader, XdrError

ENTRIES_MAX = 1024
KEY_BYTES_MAX = 4096


def encode_dict(values: Mapping[str, str | bytes]) -> bytes:
    """Text gets its trailing NUL here, bytes go as they are. An empty mapping is an empty opaque.

    >>> encode_dict({"a": "1"})
    b'\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x02a\\x001\\x00'
    """
    if not values:
        return b""
    parts = [struct.pack(">I", len(values))]
    for key, value in values.items():
        name = key.encode("utf-8", "surrogateescape")
        body = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape") + b"\0"
        parts += (struct.pack(">II", len(name), len(body)), name, b"\0", body)
    return b"".join(parts)


def decode_dict(data: bytes, entries_max: int = ENTRIES_MAX) -> dict[str, bytes]:
    """Raw values by key; of a key that comes twice the last counts. Raises XdrError."""
    if not data:
        return {}
    reader = Reader(data)
    count = reader.u32()
    if count > entries_max:
        raise XdrError(f"a dict of {count} entries, at most {entries_max} allowed")
    return dict(_entry(reader) for _ in range(count))


def decode_text_dict(data: bytes, entries_max: int = ENTRIES_MAX) -> dict[str, str]:
    """Like decode_dict, with values as text without the trailing NUL; raw bytes become surrogates."""
    return {key: _text(value) for key, value in decode_dict(data, entries_max).items()}


def _entry(reader: Reader) -> tuple[str, bytes]:
    key_size, value_size = reader.u32(), reader.u32()
    if key_size > KEY_BYTES_MAX:
        raise XdrError(f"a key of {key_size} bytes, at most {KEY_BYTES_MAX} allowed")
    key, nul = reader.take(key_size), reader.take(1)
    if nul != b"\0":
        raise XdrError("a key without its closing NUL")
    return key.decode("utf-8", "surrogateescape"), reader.take(value_size)


def _text(value: bytes) -> str:
    return value.removesuffix(b"\0").decode("utf-8", "surrogateescape")
