"""C and Python read and write the same bytes: the golden vectors, whatever hypothesis thinks of, and what is none of our messages.

GD2_FUZZ_EXAMPLES: so many times the usual number of examples.
"""

from __future__ import annotations

import os
from typing import Any

import msgspec
import pytest
from c_kit import FRAMES, NAMES, NOW, STRUCTS, Reencoder, committed_vectors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gd2raft.rpc import cbor, wire
from gd2raft.rpc.codegen import vectors
from gd2raft.rpc.codegen.schema import Record, Type
from gd2raft.rpc.errors import FrameError

TIMES = int(os.environ.get("GD2_FUZZ_EXAMPLES", "1"))
VECTORS = committed_vectors()
SHORT = sorted(((name, kind) for (name, kind), data in VECTORS.items() if len(data) < 2000))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
ODD_BYTES = st.sampled_from(
    [0x00, 0x17, 0x18, 0x1B, 0x20, 0x40, 0x5F, 0x60, 0x7F, 0x80, 0x9F, 0xA0, 0xBF, 0xC0, 0xF4, 0xF6, 0xF7, 0xFB, 0xFF]
)

some = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=TIMES == 1)


def values(record: Record) -> st.SearchStrategy[list[Any]]:
    """What a record may hold, as plain values."""
    return st.tuples(*([st.just(record.tag)] if record.tag else []), *(of_type(f.type) for f in record.fields)).map(list)


def of_type(t: Type) -> st.SearchStrategy[Any]:
    found = {
        "bool": st.booleans,
        "int": lambda: st.one_of(st.integers(t.low, t.high), st.sampled_from([t.low, t.high, min(t.high, 23), min(t.high, 256)])),
        "float": lambda: st.floats(allow_nan=False),
        "text": lambda: TEXT.map(lambda text: text[: t.most]),
        "bytes": lambda: st.binary(max_size=min(t.most, 400)),
        "list": lambda: st.lists(of_type(t.items[0]), max_size=min(t.most, 30)),
        "map": lambda: st.dictionaries(*(of_type(item) for item in t.items), max_size=min(t.most, 8)),
        "record": lambda: values(NOW.record(t.record)),
        "any": lambda: st.recursive(st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | TEXT, st.lists, max_leaves=6),
    }[t.kind]()
    return st.none() | found if t.null else found


def python_again(name: str, data: bytes) -> bytes | None:
    """As Python writes what it read; None when it refuses it, in the way in which it refuses."""
    try:
        if name in FRAMES:
            frame = wire.decode(data)
            cbor.check_plain(getattr(frame, "body", None))  # as whoever takes the body does
            return wire.encode(frame)[4:]
        message = msgspec.convert(cbor.loads(data, depth_max=32), STRUCTS[name], builtin_types=cbor.SUPPORTED)
    except (FrameError, ValueError):  # msgspec's errors are ValueErrors
        return None
    return cbor.dumps(msgspec.to_builtins(message, builtin_types=cbor.SUPPORTED))


def test_c_reads_every_vector_and_writes_the_same_bytes(c: Reencoder) -> None:
    wrong = [key for key, data in VECTORS.items() if c.again(key[0], data) != VECTORS[key[0], vectors.SAME_AS.get(key[1], key[1])]]
    assert wrong == []


@pytest.mark.parametrize("record", [*NOW.records, *NOW.frames], ids=lambda record: record.name)
def test_a_message_goes_from_python_to_c_and_back_as_the_same_bytes(c: Reencoder, record: Record) -> None:
    @settings(some, max_examples=8 * TIMES)
    @given(values(record))
    def round_trip(made: list[Any]) -> None:
        data = cbor.dumps(made)
        assert python_again(record.name, data) == data
        assert c.again(record.name, data) == data

    round_trip()


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """A vector with some of its bytes changed, cut out, put in or cut off; or read as another message than it is."""
    name, kind = draw(st.sampled_from(SHORT))
    data = bytearray(VECTORS[name, kind])
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        how = draw(st.sampled_from(["change", "insert", "cut", "end"]))
        if how == "insert":
            data[at:at] = bytes(draw(st.lists(ODD_BYTES, min_size=1, max_size=6)))
        elif how == "end":
            del data[at:]
        elif how == "cut":
            del data[at : at + draw(st.integers(1, 4))]
        elif at < len(data):
            data[at] = draw(st.integers(0, 255) | ODD_BYTES)
    return draw(st.just(name) | st.sampled_from([*NAMES, "call"])), bytes(data)


def test_neither_side_dies_of_damaged_messages_and_c_takes_none_that_python_refuses(c: Reencoder) -> None:
    @settings(some, max_examples=400 * TIMES)
    @given(damaged())
    def survives(found: tuple[str, bytes]) -> None:
        name, data = found
        ours, theirs = python_again(name, data), c.again(name, data)
        if theirs is not None:
            assert ours == theirs

    survives()


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\x9f\xff",  # an array without a length
        b"\x81\xc0\x60",  # a tag
        b"\x81\xf7",  # undefined
        b"\x82\x60\x18\x01",  # a head longer than need be
        b"\x81\x62\xc3\x28",  # not UTF-8
        b"\x81\x63\xed\xa0\x80",  # a surrogate
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",  # more items than bytes
        b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x81" * 2000,  # deep
        b"\x82\x60\xa2\x60\x01\x60\x02",  # a key twice
        b"\x80\x80",  # two items
    ],
)
def test_cbor_that_our_wire_does_not_have_is_refused_by_c_for_every_message(c: Reencoder, damage: bytes) -> None:
    assert [name for name in (*NAMES, "call") if c.again(name, damage) is not None] == []


def test_c_refuses_what_is_one_past_its_limit(c: Reencoder) -> None:
    taken = []
    for record in NOW.records:
        made = cbor.loads(VECTORS[record.name, "limits"], depth_max=32)
        for at, field in enumerate(record.fields):
            if field.type.kind not in ("bool", "record"):
                more = made[at] + 1 if field.type.kind == "int" else made[at] + made[at][:1]
                if c.again(record.name, cbor.dumps([*made[:at], more, *made[at + 1 :]])) is not None:
                    taken.append(f"{record.name}.{field.name}")
    assert taken == []


def test_c_refuses_more_characters_than_the_limit_though_they_are_few_bytes(c: Reencoder) -> None:
    assert c.again("volume-query", cbor.dumps(["v" * 255])) is not None
    assert c.again("volume-query", cbor.dumps(["v" * 256])) is None


def test_c_refuses_a_field_of_another_type_where_a_default_could_stand(c: Reencoder) -> None:
    assert c.again("follow-reply", cbor.dumps(["ok"])) == cbor.dumps(["ok", "", ""])
    assert c.again("follow-reply", cbor.dumps(["ok", 1])) is None
    assert c.again("volfile-query", cbor.dumps(["v", 1])) is None  # an integer that would fit the field after it
