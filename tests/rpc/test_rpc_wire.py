"""Frames and CBOR: pure."""

from __future__ import annotations

import struct
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rpc_kit import BLOB, ECHO, TELL, Say

from gd2raft.rpc import cbor, wire
from gd2raft.rpc.errors import FrameError, FrameTooLarge
from gd2raft.rpc.hello import HelloInfo
from gd2raft.rpc.service import notification

pytestmark = pytest.mark.fast

fuzz = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)

small = st.integers(0, 0xFFFF)
ids = st.integers(0, 2**63 - 1)
texts = st.text(max_size=40)
bodies = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | texts | st.binary(max_size=60),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
frames = st.one_of(
    st.builds(wire.Hello, st.builds(HelloInfo, texts, texts, small, texts, small, texts), texts),
    st.builds(wire.Refused, texts, texts),
    st.builds(wire.Call, ids, small, ids.map(lambda n: n % 2**32), bodies),
    st.builds(wire.Reply, ids, bodies),
    st.builds(wire.Error, ids, texts, texts, st.dictionaries(texts, texts, max_size=3)),
    st.builds(wire.Notify, small, bodies),
    st.builds(wire.Cancel, ids),
    st.builds(wire.Ping),
    st.builds(wire.Pong),
)


@fuzz
@given(st.lists(frames, max_size=6), st.data())
def test_any_frames_survive_being_cut_anywhere(sent: list[Any], data: st.DataObject) -> None:
    stream = b"".join(wire.encode(frame) for frame in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    decoder, got = wire.Decoder(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += [frame for frame, _ in decoder.feed(stream[start:end])]
    assert got == sent
    assert decoder.buffered_bytes == 0


@fuzz
@given(st.binary(max_size=300), st.integers(1, 50))
def test_random_bytes_give_frames_or_a_frame_error_and_nothing_else(noise: bytes, step: int) -> None:
    decoder = wire.Decoder(frame_bytes_max=128)
    try:
        for start in range(0, len(noise), step):
            for frame, _ in decoder.feed(noise[start : start + step]):
                assert isinstance(frame, msgspec.Struct)
            assert decoder.buffered_bytes < 128 + 4
    except FrameError:
        pass


@fuzz
@given(st.binary(min_size=1, max_size=200))
def test_random_payloads_give_a_frame_or_a_frame_error_and_nothing_else(noise: bytes) -> None:
    try:
        wire.decode(noise)
    except FrameError as error:
        assert str(error)


@fuzz
@given(frames, st.integers(0, 10**6), st.integers(0, 255))
def test_a_flipped_byte_gives_a_frame_or_a_frame_error_and_nothing_else(frame: Any, where: int, value: int) -> None:
    payload = bytearray(wire.encode(frame)[4:])
    payload[where % len(payload)] = value
    try:
        wire.decode(bytes(payload))
    except FrameError as error:
        assert str(error)


@fuzz
@given(st.builds(Say, texts, st.binary(max_size=60), st.integers(-(2**63), 2**63 - 1)))
def test_any_message_survives_the_wire(message: Say) -> None:
    frame = wire.decode(wire.encode(wire.Call(1, ECHO.number, 5, message))[4:])
    assert isinstance(frame, wire.Call)
    assert ECHO.decode_request(frame.body) == message


def test_the_bytes_of_the_frames_are_what_the_protocol_says() -> None:
    call = "85" + "03" + "07" + "19012c" + "1905dc" + "83" + "6161" + "4101" + "02"
    assert wire.encode(wire.Call(7, 300, 1500, Say("a", b"\x01", 2))).hex() == "0000000f" + call
    assert wire.encode(wire.Ping()).hex() == "00000002" + "8108"
    assert wire.encode(wire.Cancel(7)).hex() == "00000003" + "820707"


def test_a_newer_peers_longer_arrays_are_understood() -> None:
    payload = cbor2.dumps([7, 5, "new field"])
    assert wire.decode(payload) == wire.Cancel(5)
    assert ECHO.decode_request(["t", b"", 1, "new field"]) == Say("t", b"", 1)


def test_an_older_peers_shorter_messages_get_the_defaults() -> None:
    assert ECHO.decode_request(["t"]) == Say("t", b"", 0)


@pytest.mark.parametrize(
    ("what", "payload"),
    [
        ("nothing", b""),
        ("a tag: date", bytes.fromhex("c074323031332d30332d32315432303a30343a30305a")),
        ("a tag: big number", bytes.fromhex("c249010000000000000000")),
        ("a tag: shared reference", bytes.fromhex("82d81c80d81d00")),
        ("a tag: MIME message", bytes.fromhex("d8246141")),
        ("a tag nobody knows", bytes.fromhex("d9dead00")),
        ("an indefinite array", bytes.fromhex("9f08ff")),
        ("an indefinite string", bytes.fromhex("82085f4141ff")),
        ("bytes after the item", bytes.fromhex("810800")),
        ("a length that lies", bytes.fromhex("9b7fffffffffffffff")),
        ("a string length that lies", bytes.fromhex("5b7fffffffffffffff")),
        ("text that is not UTF-8", bytes.fromhex("820862c328")),
        ("a map key twice", bytes.fromhex("8208a2016102016103")),
        ("a map key that is an array", bytes.fromhex("8208a1820102 03".replace(" ", ""))),
        ("nesting", b"\x81" * 200 + b"\x08"),
        ("deep nesting", b"\x81" * 2_000_000 + b"\x08"),
        ("no array", bytes.fromhex("08")),
        ("an empty array", bytes.fromhex("80")),
        ("an unknown kind", cbor2.dumps([99, 1])),
        ("a kind that is a bool", cbor2.dumps([True, 1])),
        ("a call that is too short", cbor2.dumps([3, 1])),
        ("a negative call id", cbor2.dumps([7, -1])),
        ("a method past 65535", cbor2.dumps([6, 65536, None])),
        ("a deadline that is a float", cbor2.dumps([3, 1, 1, 1.5, None])),
        ("an error with 33 fields", cbor2.dumps([5, 1, "c", "m", {str(n): "" for n in range(33)}])),
        ("a code of 65 characters", cbor2.dumps([5, 1, "c" * 65, "m"])),
    ],
)
def test_what_is_no_frame_is_refused(what: str, payload: bytes) -> None:
    with pytest.raises(FrameError):
        wire.decode(payload)


@pytest.mark.parametrize(
    "item",
    [
        "c074323031332d30332d32315432303a30343a30305a",  # date as text
        "c100",  # date as number
        "c249010000000000000000",  # big number
        "82d81c80d81d00",  # shared reference
        "d90100826161d81900",  # string reference
        "d8246141",  # MIME message
        "d9010281820102",  # set
        "d9d9f700",  # self-described CBOR
        "d9dead00",  # nobody knows
    ],
)
def test_a_tag_is_refused_also_inside_a_body_that_may_hold_anything(item: str) -> None:
    with pytest.raises(FrameError, match="tag"):
        wire.decode(bytes.fromhex("830401" + item))


@pytest.mark.parametrize("item", ["9fff", "bfff", "5f4141ff", "a2616102616103", "a182010203", "a10102", "81" * 40 + "01"])
def test_other_surprises_are_refused_also_inside_a_body_that_may_hold_anything(item: str) -> None:
    with pytest.raises(FrameError, match="not valid CBOR"):
        wire.decode(bytes.fromhex("830401" + item))


def test_simple_values_and_undefined_are_refused_also_where_anything_may_stand() -> None:
    for surprise in (cbor2.undefined, cbor2.CBORSimpleValue(3), {"a": [1, cbor2.undefined]}):
        frame = wire.decode(cbor2.dumps([4, 1, surprise]))
        assert isinstance(frame, wire.Reply)
        with pytest.raises(ValueError, match="not allowed"):
            cbor.check_plain(frame.body)
        with pytest.raises(msgspec.ValidationError):
            ECHO.decode_reply(["t", frame.body, 0])


def test_bytes_and_text_are_never_taken_for_each_other() -> None:
    for body in ([b"t"], ["t", "aGk="], ["t", b"", True], ["t", b"", 1.0], {"text": "t"}, "t", None):
        with pytest.raises(msgspec.ValidationError):
            ECHO.decode_request(body)


def test_a_frame_announced_too_long_is_refused_before_it_comes() -> None:
    for length in (0, 101, 0xFFFFFFFF):
        with pytest.raises(FrameError, match=str(length)):
            list(wire.Decoder(frame_bytes_max=100).feed(struct.pack(">I", length)))


def test_a_frame_of_ours_that_is_too_long_is_refused_before_it_goes() -> None:
    with pytest.raises(FrameTooLarge):
        wire.encode(wire.Reply(1, Say("t", bytes(200))), 100)


def test_frames_before_the_malformed_one_are_still_given() -> None:
    decoder, got = wire.Decoder(), []
    with pytest.raises(FrameError):
        for frame, _ in decoder.feed(wire.encode(wire.Ping()) + b"\0\0\0\1\xff"):
            got.append(frame)
    assert got == [wire.Ping()]


def test_the_number_of_an_encoded_notification_is_read_without_decoding_it() -> None:
    for number in (1, 23, 24, 255, 256, 65535):
        assert wire.notify_number(wire.encode_notify(notification(number, "a.b", Say), Say("t"))) == number
    assert wire.notify_number(wire.encode(wire.Ping())) == 0
    assert wire.notify_number(wire.encode(wire.Call(1, 2, 3, Say("t")))) == 0
    assert wire.notify_number(wire.encode_notify(TELL, Say("t"))) == TELL.number
    with pytest.raises(TypeError):
        wire.encode_notify(BLOB, Say("t"))


def test_a_large_frame_in_tiny_pieces_is_not_copied_again_and_again() -> None:
    """65000 pieces of 4 MiB: a decoder that copies its buffer for each would move 130 GB and run into the test's timeout."""
    stream, decoder = wire.encode(wire.Reply(1, Say("t", bytes((4 << 20) - 100)))), wire.Decoder()
    pieces = [stream[start : start + 64] for start in range(0, len(stream), 64)]
    assert [sum(1 for _ in decoder.feed(piece)) for piece in pieces] == [0] * (len(pieces) - 1) + [1]
