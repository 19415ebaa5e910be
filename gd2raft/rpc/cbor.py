"""CBOR for strangers' bytes: cbor2 with every surprise switched off.

Only null, booleans, integers of 64 bits, floats, text, bytes, arrays and maps with text or byte keys exist on our wire.
Tags (dates, big numbers, shared references, MIME messages, ...), indefinite lengths, duplicate keys, deep nesting and
trailing bytes are refused: they cost memory or code that no message of ours needs, and C readers would have to know them too.
This file must not know frames or methods.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import cbor2

from gd2raft.rpc.errors import FrameError

SUPPORTED = (bytes,)  # what msgspec must hand over as it is; bytes would become base64 text otherwise
_READ_BYTES = 64 * 1024


class _NoTags(Mapping[int, Callable[..., Any]]):
    """Stands in for cbor2's table of tag decoders: has an entry for every tag there is, and each one refuses."""

    def __getitem__(self, tag: int) -> Callable[..., Any]:
        def refuse(*_: Any) -> Any:
            raise ValueError(f"CBOR tag {tag} is not allowed")

        return refuse

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 0


_NO_TAGS = _NoTags()


def dumps(value: Any) -> bytes:
    """Encode plain values (what msgspec.to_builtins gives)."""
    return cbor2.dumps(value)


def loads(data: bytes, *, depth_max: int) -> Any:
    """Decode exactly one item that fills `data`; FrameError says what is wrong with it.

    Simple values and `undefined` still come through, as cbor2 has no switch for them: typed messages refuse them in
    msgspec.convert, and `check_plain` is for the places that take anything.
    """
    stream = io.BytesIO(data)
    try:
        decoder = cbor2.CBORDecoder(
            stream,
            semantic_decoders=_NO_TAGS,
            read_size=max(1, min(len(data), _READ_BYTES)),  # it allocates as much at once
            max_depth=depth_max,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
        value = decoder.decode()
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError, MemoryError) as error:
        cause = error.__cause__ or error
        raise FrameError(f"not valid CBOR for this wire: {cause}") from None
    if (rest := len(data) - stream.tell()) != 0:
        raise FrameError(f"{rest} bytes follow the CBOR item")
    return value


def check_plain(value: Any, path: str = "$") -> None:
    """Refuse simple values and `undefined` inside a value of type Any; ValueError names where. Depth is bounded by loads."""
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            check_plain(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            check_plain(item, f"{path}[{key!r}]")
    else:
        raise ValueError(f"a CBOR {type(value).__name__} is not allowed - at `{path}`")
