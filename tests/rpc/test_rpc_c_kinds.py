"""Every kind of field that a message may have, also those that none has yet, goes through generated C and back."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import pytest
from c_kit import BUILD_S, ROOT, Reencoder
from msgspec import Meta

from gd2raft.rpc import cbor
from gd2raft.rpc.codegen import c_tree, output, schema, vectors, zcbor_tool
from gd2raft.rpc.fields import Count, Name
from gd2raft.rpc.service import Method, notification

Small = Annotated[int, Meta(ge=-5, le=1000)]
Data = Annotated[bytes, Meta(max_length=40)]


class Part(msgspec.Struct, frozen=True, array_like=True):
    text: Name  # names that CDDL knows as types
    number: float
    extra: Count = 7


Parts = Annotated[list[Part], Meta(max_length=5)]
Numbers = Annotated[list[Small], Meta(max_length=6)]


class Kinds(msgspec.Struct, frozen=True, array_like=True):
    whole: Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
    part: Part
    maybe_part: Part | None
    maybe_text: Name | None
    maybe_number: Small | None
    maybe_bool: bool | None
    numbers: Numbers
    parts: Parts | None = None
    note: Name = 'a "quoted" ä'
    data: Data = b"\x00\x01?"
    negative: Small = -5
    flag: bool = True
    ratio: float = 1.5
    later: Name | None = None
    again: Small | None = 3
    many: Numbers | None = []


NOW, STRUCTS = schema.read([Method(1, "kinds.ask", Kinds, Part), notification(2, "kinds.tell", Kinds)], 1)
NAMES = [record.name for record in NOW.records]
VECTORS = {(name, kind): data for name, kind, data in vectors.vectors(NOW) if name in ("kinds", "part")}


@pytest.fixture(scope="module")
def c_kinds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reencoder]:
    out = tmp_path_factory.mktemp("kinds")
    output.write(out, c_tree.ours(NOW) | c_tree.of_zcbor(NOW, ROOT / ".dev"))
    zcbor = zcbor_tool.library(zcbor_tool.installed(ROOT / ".dev"))
    words = ["make", "-s", "-C", out / c_tree.FOLDER, f"ZCBOR={zcbor}", f"OUT={out}", "CFLAGS=-O0 -fsanitize=undefined", out / "reencode"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=BUILD_S)
    assert done.returncode == 0, done.stdout + done.stderr
    made = Reencoder(out / "reencode", NAMES)
    yield made
    made.close()


def test_every_vector_of_every_kind_is_written_again(c_kinds: Reencoder) -> None:
    for (name, kind), data in VECTORS.items():
        again = VECTORS[name, vectors.SAME_AS.get(kind, kind)]
        message = msgspec.convert(cbor.loads(data, depth_max=32), STRUCTS[name], builtin_types=cbor.SUPPORTED)
        assert cbor.dumps(msgspec.to_builtins(message, builtin_types=cbor.SUPPORTED)) == again, (name, kind)
        assert c_kinds.again(name, data) == again, (name, kind)


def test_null_and_a_value_are_told_apart_and_a_missing_field_has_its_default(c_kinds: Reencoder) -> None:
    part, full = ["a", 1.5, 7], ["t", 2.0, 9]
    defaults: list[Any] = [None, 'a "quoted" ä', b"\x00\x01?", -5, True, 1.5, None, 3, []]
    for start in ([0, part, None, None, None, None, []], [-1, part, full, "x", -5, False, [1, -2]]):
        for count in range(len(defaults) + 1):
            assert c_kinds.again("kinds", cbor.dumps([*start, *defaults[:count]])) == cbor.dumps([*start, *defaults])
    others: list[Any] = [[full, part], "", b"", 0, False, -1.25, "later", None, None]
    data = cbor.dumps([0, part, None, None, None, None, [], *others])
    assert c_kinds.again("kinds", data) == data
    assert c_kinds.again("kinds", cbor.dumps([0, ["a", 1.5], None, None, None, None, []])) == cbor.dumps(
        [0, part, None, None, None, None, [], *defaults]
    )
