"""XDR, records, dict_t and message heads: what they encode, what they refuse, and that nothing else ever comes out."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gd2raft.sunrpc import messages as m
from gd2raft.sunrpc.dictcodec import decode_dict, decode_text_dict, encode_dict
from gd2raft.sunrpc.oncrpc import CREDENTIAL_BYTES_MAX, decode_call, decode_reply, encode_call, encode_success, message_type
from gd2raft.sunrpc.procedures import PROGRAMS, fetchspec
from gd2raft.sunrpc.records import RecordAssembler, RecordError, frame
from gd2raft.sunrpc.xdr import Reader, Writer, XdrError, printable

pytestmark = pytest.mark.fast

GETSPEC_XDATA = (
    bytes.fromhex("00000002 0000000e 00000007")
    + b"max-op-version\x00100000\0"
    + bytes.fromhex("0000000e 00000002")
    + b"min-op-version\x001\0"
)
GETSPEC_CALL = (
    bytes.fromhex(
        "00000002 00000000 00000002 00dbb4a9 00000002 00000002 0005f397 00000018 00000000 00000000 00000000 00000000 00000004 00000000"
    )
    + bytes.fromhex("00000000 00000000 00000001 00000002 2f770000 0000003b")
    + GETSPEC_XDATA
    + b"\0"
)
"""Captured from a mounting client: GETSPEC of "/w"."""


def chop(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(c % (len(stream) + 1) for c in cuts), len(stream)]
    return [stream[a:b] for a, b in itertools.pairwise(edges)]


def test_a_captured_getspec_call_is_understood() -> None:
    assert len(frame(GETSPEC_CALL)) == 144
    call = decode_call(GETSPEC_CALL)
    assert (call.xid, call.program, call.version, call.procedure) == (2, 14398633, 2, 2)
    args = m.GetspecArgs.decode(Reader(call.args))
    assert args == m.GetspecArgs(1, "/w", {"max-op-version": "100000", "min-op-version": "1"})


def test_a_dict_is_encoded_as_a_real_client_does() -> None:
    assert encode_dict({"max-op-version": "100000", "min-op-version": "1"}) == GETSPEC_XDATA


def test_fetchspec_is_the_44_bytes_that_glusterd_sends() -> None:
    assert frame(fetchspec(7)) == bytes.fromhex("80000028 00000007 00000000 00000002 0324cc42 00000001 00000001") + bytes(16)


def test_the_length_of_a_volfile_is_counted_in_bytes_not_letters() -> None:
    result = m.getspec_result("é", {})
    assert Reader(result).i32() == 2


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=5), st.lists(st.integers(min_value=0), max_size=10))
def test_records_survive_any_cutting_of_the_stream(records: list[bytes], cuts: list[int]) -> None:
    assembler, out = RecordAssembler(), []
    for piece in chop(b"".join(map(frame, records)), cuts):
        assembler.feed(piece)
        while (record := assembler.pop()) is not None:
            out.append(record)
    assert out == records
    assert not assembler.partial


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=8))
def test_a_record_in_several_fragments_is_put_together(fragments: list[bytes]) -> None:
    stream = b"".join(len(f).to_bytes(4, "big") + f for f in fragments[:-1]) + frame(fragments[-1])
    assembler = RecordAssembler()
    assembler.feed(stream)
    assert assembler.pop() == b"".join(fragments)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_any_bytes_give_records_or_a_record_error_and_never_more_than_the_limit_is_kept(pieces: list[bytes]) -> None:
    assembler = RecordAssembler(bytes_max=1000, fragments_max=4)
    try:
        for piece in pieces:
            assembler.feed(piece)
            while (record := assembler.pop()) is not None:
                assert len(record) <= 1000
            assert len(assembler._buffer) + assembler._size <= 1004
    except RecordError:
        pass


def test_an_oversized_record_is_refused_by_its_mark_alone() -> None:
    assembler = RecordAssembler(bytes_max=1000)
    assembler.feed((0x80000000 | 1001).to_bytes(4, "big"))
    with pytest.raises(RecordError, match="at most 1000"):
        assembler.pop()


def test_fragments_that_add_up_past_the_limit_are_refused() -> None:
    assembler = RecordAssembler(bytes_max=1000)
    assembler.feed((900).to_bytes(4, "big") + bytes(900) + (900).to_bytes(4, "big"))
    with pytest.raises(RecordError, match="1800"):
        assembler.pop()


def test_a_stream_of_empty_fragments_is_refused() -> None:
    assembler = RecordAssembler()
    assembler.feed(bytes(4))
    with pytest.raises(RecordError, match="empty fragment"):
        assembler.pop()


def test_too_many_fragments_are_refused() -> None:
    assembler = RecordAssembler(fragments_max=3)
    assembler.feed(b"\0\0\0\1x" * 3)
    with pytest.raises(RecordError, match="more than 3 fragments"):
        assembler.pop()


@given(st.dictionaries(st.text(max_size=20).filter(lambda t: "\0" not in t), st.binary(max_size=40), max_size=8))
def test_a_dict_survives_a_round_trip(values: dict[str, bytes]) -> None:
    assert decode_dict(encode_dict(values)) == values


def test_text_values_lose_one_trailing_nul_and_raw_bytes_survive() -> None:
    decoded = decode_text_dict(encode_dict({"name": "v1", "id": b"\xff\xfe\0\0"}))
    assert decoded["name"] == "v1"
    assert decoded["id"].encode("utf-8", "surrogateescape") == b"\xff\xfe\0"


@given(st.binary(max_size=200))
def test_any_bytes_as_a_dict_give_a_dict_or_an_xdr_error(data: bytes) -> None:
    with contextlib.suppress(XdrError):
        assert all(isinstance(v, bytes) for v in decode_dict(data).values())


def test_a_dict_that_announces_four_billion_entries_is_refused_at_once() -> None:
    with pytest.raises(XdrError, match="at most 1024"):
        decode_dict(b"\xff\xff\xff\xff")


@given(st.binary(max_size=300))
def test_any_bytes_as_a_message_give_a_call_a_reply_or_an_xdr_error(data: bytes) -> None:
    for decode in (message_type, decode_call, decode_reply):
        with contextlib.suppress(XdrError):
            decode(data)


@given(st.binary(max_size=300), st.sampled_from([p for program in PROGRAMS.values() for p in program.procedures.values()]))
def test_any_bytes_as_arguments_give_a_request_or_an_xdr_error(data: bytes, procedure: object) -> None:
    with contextlib.suppress(XdrError):
        procedure.decode(Reader(data))  # type: ignore[attr-defined]


@given(st.binary(max_size=300))
def test_any_bytes_as_a_brick_op_reply_give_a_reply_or_an_xdr_error(data: bytes) -> None:
    with contextlib.suppress(XdrError):
        m.BrickOpReply.decode(Reader(data))


def test_a_credential_over_its_limit_is_refused() -> None:
    head = Writer().u32(1).u32(0).u32(2).u32(1).u32(1).u32(1)
    with pytest.raises(XdrError, match="at most 2048"):
        decode_call(bytes(head.u32(0).opaque(bytes(CREDENTIAL_BYTES_MAX + 1)).u32(0).opaque(b"")))


def test_a_reply_survives_a_round_trip_and_a_call_is_no_reply() -> None:
    reply = decode_reply(encode_success(9, b"abcd"))
    assert (reply.xid, reply.stat, reply.results) == (9, 0, b"abcd")
    with pytest.raises(XdrError, match="a call came"):
        decode_reply(encode_call(9, 1, 1, 1))


def test_a_signin_without_a_pid_is_understood() -> None:
    assert m.SigninArgs.decode(Reader(bytes(Writer().string("/b").i32(49152)))) == m.SigninArgs("/b", 49152, 0)


def test_a_nul_inside_a_string_is_refused() -> None:
    with pytest.raises(XdrError, match="NUL"):
        Reader(bytes(Writer().opaque(b"a\0b"))).string(100)


@given(st.binary(max_size=400))
def test_whatever_came_from_the_wire_can_be_logged(data: bytes) -> None:
    shown = printable(data.decode("utf-8", "surrogateescape"))
    shown.encode("ascii")
    assert shown.isprintable()
