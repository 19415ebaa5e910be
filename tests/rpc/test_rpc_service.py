"""Declaring methods: pure."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from rpc_kit import ECHO, TELL, Say

from gd2raft.rpc import service
from gd2raft.rpc.service import Empty, Method, ServiceTable

pytestmark = pytest.mark.fast


class Inner(msgspec.Struct):
    name: str
    parents: list[Inner] = []


class Other(msgspec.Struct, tag=True):
    x: int


class Third(msgspec.Struct, tag=True):
    y: int


class Tree(msgspec.Struct, frozen=True, array_like=True):
    inner: Inner | None
    more: dict[str, list[Inner]] = {}
    anything: Any = None


class NoArray(msgspec.Struct):
    x: int


class TwoStructs(msgspec.Struct, array_like=True):
    x: list[Other | Third]


class IntKeys(msgspec.Struct, array_like=True):
    x: dict[int, str]


def test_the_table_finds_methods_by_number_and_lists_them_in_order() -> None:
    table = ServiceTable()
    assert table.register(TELL) is TELL
    table.register(ECHO)
    table.register(ECHO)
    assert table.lookup(1) is ECHO
    assert table.lookup(2) is None
    assert list(table) == [ECHO, TELL]
    assert len(table) == 2


@pytest.mark.parametrize("other", [Method(1, "test.other", Say, Say), Method(9, "test.echo", Say, Say), Method(1, "test.echo", Say, Empty)])
def test_a_number_or_a_name_is_never_used_twice(other: Method[Any, Any]) -> None:
    table = ServiceTable()
    table.register(ECHO)
    with pytest.raises(ValueError, match="clashes"):
        table.register(other)


@pytest.mark.parametrize(("number", "name"), [(0, "a.b"), (65536, "a.b"), (1, "ab"), (1, "A.b"), (1, "a."), (1, "")])
def test_a_number_or_name_out_of_form_is_refused(number: int, name: str) -> None:
    with pytest.raises(ValueError):
        Method(number, name, Say, Say)


@pytest.mark.parametrize("message", [NoArray, TwoStructs, IntKeys, int])
def test_message_types_that_the_wire_or_cddl_cannot_say_are_refused(message: Any) -> None:
    with pytest.raises(TypeError):
        Method(1, "a.b", message, Empty)
    with pytest.raises(TypeError):
        Method(1, "a.b", Empty, message)


def test_recursive_and_optional_records_are_fine_and_unknown_values_are_checked() -> None:
    method = Method(1, "a.b", Tree, Empty)
    body = [{"name": "a", "parents": [{"name": "b"}]}, {"k": [{"name": "c"}]}, {"any": [1, "x", b"y", None]}]
    tree = method.decode_request(body)
    assert tree.inner is not None
    assert tree.inner.parents[0].name == "b"
    with pytest.raises(ValueError, match=r"\$\[2\]"):
        method.decode_request([None, {}, object()])


def test_a_notification_is_a_one_way_method() -> None:
    assert TELL.one_way
    assert TELL.reply is Empty
    assert not service.notification(5, "a.b", Say).join
