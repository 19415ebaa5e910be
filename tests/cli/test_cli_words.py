"""Words and flags: what people type becomes the body that the server gets, or a usage error that helps."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gd2cli.hoist import hoist
from gd2cli.volume_words import CREATE, create_body
from gd2cli.words import Grammar, Word, WordError, encodable, parse
from gd2raft.commands import layout
from gd2raft.commands.volume_create import VolumeCreate

pytestmark = pytest.mark.fast

THREE = ["n1:/b", "n2:/b", "n3:/b"]
FORCE = Grammar("", names=("VOLUME",), optional=("KEY",), words=(Word("force"),))


def body(line: str) -> dict[str, Any]:
    return create_body(parse(CREATE, line.split()))


def layout_of(line: str) -> layout.Layout:
    """What the server makes of it."""
    return layout.of_request(msgspec.convert(body(line), VolumeCreate))


def test_a_plain_create_always_asks_for_the_brick_folders():
    assert body("v1 n1:/b") == {"name": "v1", "bricks": ["n1:/b"], "flags": {"create-brick-dir": True}}


@pytest.mark.parametrize(
    "words",
    [
        "disperse 3",
        "disperse",
        "disperse 3 redundancy 1",
        "disperse redundancy 1",
        "disperse-data 2",
        "disperse-data 2 redundancy 1",
        "redundancy 1",
        "disperse 3 disperse-data 2",
        "disperse 3 disperse-data 2 redundancy 1",
        "redundancy 1 disperse-data 2 disperse 3",
        "--disperse 3 --disperse-data=2",
        "disperse disperse-data 2 redundancy 1",
        "--disperse --disperse-redundancy 1",
    ],
)
def test_every_spelling_of_disperse_gives_two_plus_one(words):
    made = layout_of(f"v1 {words} {' '.join(THREE)}")
    assert (made.type.value, made.set_size, made.redundancy, len(made.bricks)) == ("disperse", 3, 1, 3)


def test_a_bare_disperse_means_all_bricks_wherever_it_stands():
    six = " ".join(f"n{i}:/b" for i in range(6))
    assert body(f"v1 {six} disperse")["disperse"] == 6
    assert "disperse" not in body(f"v1 disperse disperse-data 2 redundancy 1 {six}"), "two sets of three were meant"


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        ("v1 replica 3 n1:/b n2:/b n3:/b", "v1 --replica 3 n1:/b n2:/b n3:/b"),
        ("v1 replica 2 arbiter 1 n1:/b n2:/b n3:/b force", "--force --replica=2 --arbiter=1 v1 n1:/b n2:/b n3:/b"),
        ("v1 replica 2 thin-arbiter 1 n1:/b n2:/b n3:/b", "v1 n1:/b --replica 2 n2:/b --thin-arbiter 1 n3:/b"),
        ("v1 transport tcp n1:/b", "v1 n1:/b --transport=tcp"),
    ],
)
def test_words_and_flags_mean_the_same(words, flags):
    assert body(words) == body(flags)


def test_every_word_arrives_in_the_body_that_the_server_knows():
    made = body("v1 replica 2 arbiter 1 transport tcp n1:/b n2:/b n3:/b force --reuse-bricks --allow-root-dir --allow-mount-as-brick")
    flags = dict.fromkeys(["create-brick-dir", "reuse-bricks", "allow-root-dir", "allow-mount-as-brick"], True)
    assert made == {"name": "v1", "bricks": THREE, "replica": 2, "arbiter": 1, "transport": "tcp", "force": True, "flags": flags}
    assert msgspec.convert(made, VolumeCreate).arbiter == 1


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("", "VOLUME is missing", ""),
        ("v1", "no bricks", "PEER:/path"),
        ("v1 replca 3 n1:/b", "'replca'", "did you mean 'replica'?"),
        ("v1 --forse n1:/b", "--forse", "did you mean '--force'?"),
        ("v1 arbiter 1 replica 2 n1:/b", "arbiter must follow replica", "replica 2 arbiter 1"),
        ("v1 thin-arbiter 1 replica 2 n1:/b", "thin-arbiter must follow replica", "replica 2 thin-arbiter 1"),
        ("v1 replica 2 replica 2 n1:/b", "replica is given twice", ""),
        ("v1 redundancy 1 disperse-redundancy 1 n1:/b", "disperse-redundancy is given twice", ""),
        ("v1 n1:/b replica", "replica needs a number", ""),
        ("v1 n1:/b replica 999999999999", "replica needs a number from 1 to 999999, not '999999999999'", ""),
        ("v1 replica three n1:/b", "not 'three'", ""),
        ("v1 replica 0 n1:/b", "from 1", ""),
        ("v1 replica -2 n1:/b", "from 1", ""),
        ("v1 disperse -1 n1:/b", "from 1", ""),
        ("v1 replica ３ n1:/b", "from 1", ""),
        ("v1 replica 12345678 n1:/b", "from 1", ""),
        ("v1 /b", "on which peer", ""),
        ("v1 n1:b", "no absolute path", ""),
        ("v1 :/b", "on which peer", ""),
        ("v1 --force=yes n1:/b", "--force takes no value", ""),
        ("v1 n1:/b transport", "transport needs a value", ""),
        ("-x n1:/b", "can't begin with '-': '-x'", ""),
        ("-- -x n1:/b force", "can't begin with '-': '-x'", ""),
        ("-- v1 n1:/b force", "'force' stands after --", "put force before the --"),
        ("v1 n1:/b allow-root-dir", "neither a brick", ""),
    ],
)
def test_what_can_not_be_understood_is_named_with_the_way_out(line, message, hint):
    with pytest.raises(WordError) as caught:
        body(line)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_name_may_be_a_word_and_the_server_says_what_it_thinks_of_it():
    assert body("force n1:/b")["name"] == "force"


def test_words_come_before_optional_names():
    assert parse(FORCE, ["v1", "force"]).names == ("v1",)
    assert parse(FORCE, ["v1", "key", "--force"]) == (("v1", "key"), (), {"force": True})
    assert parse(FORCE, ["v1", "--", "force"]).names == ("v1", "force")


def test_too_many_words_are_refused():
    with pytest.raises(WordError, match="unexpected word 'more'"):
        parse(FORCE, ["v1", "key", "more"])


def test_an_empty_name_is_refused():
    with pytest.raises(WordError, match="VOLUME is empty"):
        parse(FORCE, [""])


def test_bytes_that_are_not_utf8_are_refused():
    text = b"v\xff".decode(errors="surrogateescape")
    assert not encodable(text)
    with pytest.raises(WordError, match="UTF-8"):
        parse(FORCE, [text])


GLOBAL = {"-o": True, "--output": True, "--json": False, "-y": False, "--timeout": True}


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("volume list", "volume list"),
        ("volume list --json", "--json volume list"),
        ("volume -y stop v1 --timeout 3 force", "-y --timeout 3 volume stop v1 force"),
        ("volume list --output=json", "--output=json volume list"),
        ("volume set v1 k -- --json", "volume set v1 k -- --json"),
        ("volume create v1 --replica 3", "volume create v1 --replica 3"),
        ("volume list --json=x", "volume list --json=x"),
    ],
)
def test_global_options_may_stand_anywhere_but_behind_a_double_dash(line, wanted):
    assert hoist(line.split(), GLOBAL) == wanted.split()


def test_a_global_option_at_the_end_without_its_value_is_refused():
    with pytest.raises(WordError, match="--timeout needs a value"):
        hoist(["volume", "list", "--timeout"], GLOBAL)
