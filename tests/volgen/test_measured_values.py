"""Each option takes and refuses what glusterd 10.3 was seen to take and refuse (measured_values.json; set on a replicate volume, or on all)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gd2raft.core.options import OptionRefused, default_of, resolve
from gd2volgen.tables import option_table

pytestmark = pytest.mark.fast
TABLE = option_table()
VALUES: dict[str, dict[str, list[str]]] = json.loads((Path(__file__).parent / "measured_values.json").read_text())


def taken(name: str, value: str) -> bool:
    kind = None if TABLE.options[name].scope == "pool" else "replicate"
    try:
        return resolve(TABLE, name, value, kind, op_version=100000, replicas=3) == (name, value)  # type: ignore[arg-type]
    except OptionRefused:
        return False


def test_nearly_every_option_was_measured() -> None:
    assert len(VALUES) > 380 and VALUES.keys() <= TABLE.options.keys()
    assert sum(1 for row in VALUES.values() if row["accepted"]) > 300
    assert sum(1 for row in VALUES.values() if row["refused"]) > 200


@pytest.mark.parametrize("name", VALUES)
def test_an_option_takes_and_refuses_what_glusterd_does(name: str) -> None:
    assert [value for value in VALUES[name]["accepted"] if not taken(name, value)] == []
    assert [value for value in VALUES[name]["refused"] if taken(name, value)] == []
    assert isinstance(default_of(TABLE.options[name]), str)
