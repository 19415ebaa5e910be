"""What is generated from the messages: it is what is committed, says what the messages are, and no change that breaks older peers passes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from gd2raft.rpc import cbor, wire
from gd2raft.rpc.codegen import __main__ as codegen
from gd2raft.rpc.codegen import c_tree, schema, vectors
from gd2raft.rpc.codegen.compatible import broken
from gd2raft.rpc.codegen.schema import Schema, SchemaError
from gd2raft.rpc.fields import Count, Name
from gd2raft.rpc.limits import RpcLimits
from gd2raft.rpc.service import Method, notification

pytestmark = pytest.mark.fast

DOCS = Path(__file__).resolve().parents[2] / "docs"
NOW, STRUCTS = schema.read(schema.methods_of("gd2raft.services"), 1)
VECTORS = {(name, kind): data for name, kind, data in vectors.parse((DOCS / "wire-vectors.txt").read_text())}


class Ask(msgspec.Struct, frozen=True, array_like=True):
    volume: Name
    number: Count
    note: Name = ""


class Told(msgspec.Struct, frozen=True, array_like=True):
    names: Annotated[list[Name], Meta(max_length=10)] = []


def of(*methods: Method[Any, Any], version: int = 1) -> Schema:
    return schema.read(methods, version)[0]


BEFORE = of(Method(1, "a.ask", Ask, Told), notification(2, "a.tell", Told))


def changed(name: str, fields: list[Any], number: int = 1, method: str = "a.ask", **more: Any) -> list[str]:
    """What is broken when the message Ask (or Told) has these fields now."""
    new = msgspec.defstruct(name, fields, frozen=True, array_like=True)
    ask, told = (new, Told) if name == "Ask" else (Ask, new)
    return broken(BEFORE, of(Method(number, method, ask, told, **more), notification(2, "a.tell", told)))


ASK = [("volume", Name), ("number", Count), ("note", Name, "")]


def test_what_is_committed_is_what_the_sources_give(capsys):
    assert codegen.main([str(DOCS), "--check"]) == 0, capsys.readouterr().err


def test_without_a_folder_it_is_docs_in_this_one(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(DOCS.parent)
    assert codegen.main(["--check"]) == 0, capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert codegen.main([]) == codegen.CANT
    assert f"there is no folder docs here ({tmp_path})" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.fixture
def copy(tmp_path):
    """Of what is committed, to be spoilt."""
    shutil.copytree(DOCS / "rpc", tmp_path / "rpc")
    for file in DOCS.glob("wire*"):
        shutil.copy(file, tmp_path)
    return tmp_path


SPOILT = ["rpc/c/gd2_conn.c", "rpc/c/gd2_messages_decode.c", "wire-vectors.txt", "wire.cddl"]


def named_by_check(folder, capsys):
    assert codegen.main([str(folder), "--check"]) == codegen.DIFFERS
    return [line.partition(f"{folder}/")[2].partition(" differs")[0] for line in capsys.readouterr().err.splitlines()]


def test_check_names_the_files_that_differ_are_missing_or_are_not_made_any_more(copy, capsys):
    for name in SPOILT:
        (copy / name).write_text("something else\n")
    assert named_by_check(copy, capsys) == SPOILT
    for name in SPOILT:
        (copy / name).unlink()
    (copy / "rpc/c/gd2_old.c").touch()
    assert named_by_check(copy, capsys) == sorted([*SPOILT, "rpc/c/gd2_old.c"])
    (copy / "rpc/c/generated.json").unlink()
    assert "rpc/c/generated.json" in named_by_check(copy, capsys)


def test_codecs_of_other_messages_are_named_by_a_check(copy):
    fewer = msgspec.structs.replace(NOW, records=NOW.records[:-1])
    assert "rpc/c/gd2_messages_decode.c" in c_tree.stale(fewer, copy)


def test_an_incompatible_change_is_refused_before_anything_is_written(copy, capsys):
    older = msgspec.structs.replace(NOW, services=(*NOW.services, schema.Service(999, "gone.now", "empty", "empty")))
    (copy / codegen.SCHEMA).write_bytes(msgspec.json.encode(older))
    assert codegen.main([str(copy)]) == codegen.BROKEN
    assert "method 999 gone.now is gone" in capsys.readouterr().err
    assert (copy / codegen.SCHEMA).read_bytes() == msgspec.json.encode(older)
    assert codegen.main([str(copy), "--break-the-wire"]) == 0
    assert codegen.main([str(copy), "--check"]) == 0


@pytest.mark.parametrize("text", [b"{", b'{"version": 1}'])
def test_a_damaged_schema_is_refused_with_a_way_out(tmp_path, capsys, text):
    (tmp_path / codegen.SCHEMA).write_bytes(text)
    assert codegen.main([str(tmp_path)]) == codegen.CANT
    assert "restore it from git" in capsys.readouterr().err


def test_a_module_that_is_not_there_is_a_clear_error(tmp_path, capsys):
    assert codegen.main([str(tmp_path), "--methods", "gd2raft.nothing"]) == codegen.CANT
    assert "gd2raft.nothing" in capsys.readouterr().err


def test_appending_a_field_with_a_default_and_adding_a_method_and_a_message_are_compatible():
    assert changed("Ask", [*ASK, ("more", Count, 0)]) == []
    assert changed("Told", [("names", Annotated[list[Name], Meta(max_length=20)], [])]) == []
    new = msgspec.defstruct("New", [("name", Name)], frozen=True, array_like=True)
    assert broken(BEFORE, of(Method(1, "a.ask", Ask, Told), notification(2, "a.tell", Told), Method(3, "a.new", new, Ask))) == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (ASK[:2], "field 2 note is gone"),
        ([ASK[1], ASK[0], ASK[2]], "field 0 volume: is called number"),
        ([ASK[0], ("number", Name), ASK[2]], "was a int and is a text"),
        ([ASK[0], ("count", Count), ASK[2]], "is called count"),
        ([*ASK[:2], ("note", Name, "x")], "its default was '' and is 'x'"),
        ([ASK[0], ("number", Annotated[int, Meta(ge=0, le=7)]), ASK[2]], "its limit is narrower"),
        ([ASK[0], ("number", Count | None), ASK[2]], "may be null now"),
        ([("volume", Annotated[list[Name], Meta(max_length=5)]), *ASK[1:]], "was a text and is a list"),
    ],
)
def test_a_change_of_a_message_that_older_peers_would_misunderstand_is_named(fields, why):
    found = changed("Ask", fields)
    assert any(why in line for line in found), found


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"number": 7}, "its number was 1 and is 7"),
        ({"method": "a.other"}, "a number is not used again"),
        ({"join": True}, "join was False and is True"),
    ],
)
def test_a_change_of_a_method_that_older_peers_would_misunderstand_is_named(more, why):
    assert any(why in line for line in changed("Ask", ASK, **more))


def test_a_new_field_without_a_default_and_a_method_or_message_that_went_are_named():
    appended = msgspec.structs.replace(
        BEFORE.record("ask"), fields=(*BEFORE.record("ask").fields, schema.Field("more", schema.Type("bool")))
    )
    new = msgspec.structs.replace(BEFORE, records=tuple(appended if r.name == "ask" else r for r in BEFORE.records))
    assert any("needs a default" in line for line in broken(BEFORE, new))
    gone = broken(BEFORE, of(notification(2, "a.tell", Told)))
    assert any("method 1 a.ask is gone" in line for line in gone)
    assert any("message ask is gone" in line for line in gone)


def test_a_new_protocol_version_may_break_everything():
    assert broken(BEFORE, of(Method(1, "a.other", Told, Told), version=2)) == []


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (int, "an integer needs limits"),
        (str, "a str needs a limit"),
        (list[Name], "a list needs a limit"),
        (tuple[Name, Count], "no message may hold a tuple"),
        (Annotated[dict[Name, Name], Meta(max_length=3)], "no message may hold a dict"),
        (Any, "no message may hold a any"),
        (Count | Name, "one type or None is possible"),
    ],
)
def test_a_field_that_not_every_language_can_say_is_refused_by_name(kind, why):
    odd = msgspec.defstruct("Odd", [("thing", kind)], frozen=True, array_like=True)
    with pytest.raises(SchemaError, match=why) as error:
        of(Method(1, "a.odd", odd, Told))
    assert "Odd.thing" in str(error.value)


class Loop(msgspec.Struct, frozen=True, array_like=True):
    parts: "Annotated[list[Loop], Meta(max_length=3)]"  # noqa: UP037


def test_a_message_that_holds_itself_is_refused():
    with pytest.raises(SchemaError, match="Loop holds itself"):
        of(Method(1, "a.loop", Loop, Told))


def struct_of(name: str, data: bytes) -> Any:
    value = cbor.loads(data, depth_max=RpcLimits().depth_max)
    return msgspec.convert(value, STRUCTS[name], builtin_types=cbor.SUPPORTED)


@pytest.mark.parametrize(("name", "kind"), VECTORS)
def test_a_vector_is_read_and_written_again_as_the_same_bytes(name, kind):
    data = VECTORS[name, kind]
    assert len(data) <= RpcLimits().frame_bytes_max
    again = VECTORS[name, vectors.SAME_AS.get(kind, kind)]
    assert cbor.dumps(msgspec.to_builtins(struct_of(name, data), builtin_types=cbor.SUPPORTED)) == again
    if name in {f.name for f in NOW.frames}:
        assert wire.encode(wire.decode(data))[4:] == again


def test_one_more_than_the_limit_is_refused():
    for record in NOW.records:
        values = cbor.loads(VECTORS[record.name, "limits"], depth_max=32)
        for at, field in enumerate(record.fields):
            if field.type.kind in ("bool", "record"):
                continue
            value = values[at]
            more = value + 1 if field.type.kind == "int" else value + value[:1]
            with pytest.raises(msgspec.ValidationError):
                msgspec.convert([*values[:at], more, *values[at + 1 :]], STRUCTS[record.name], builtin_types=cbor.SUPPORTED)


def test_every_message_and_frame_has_its_rule_and_its_vectors():
    rules = set(re.findall(r"^([a-z-]+) = \[", (DOCS / "wire.cddl").read_text(), re.MULTILINE))
    assert rules == {r.name for r in (*NOW.records, *NOW.frames)} == {name for name, _ in VECTORS}
    assert {kind for _, kind in VECTORS} == set(vectors.KINDS)


def test_every_method_is_in_the_table():
    table = (DOCS / "wire-services.md").read_text()
    assert [s.number for s in NOW.services] == [int(n) for n in re.findall(r"^\| (\d+) \| [a-z.-]+ \| `", table, re.MULTILINE)]


@pytest.mark.parametrize("data", [b"", b"a" * 31, b"a" * 5000, b"ab" * 400 + b"c", b"\x00\n" * 99 + b"\n" * 77])
def test_squeezed_bytes_come_back(data):
    assert vectors.expand(vectors.squeeze(data)) == data
    assert len(vectors.squeeze(data)) < 200
