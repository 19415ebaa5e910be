"""What GlusterFS's processes and tools say, as data: samples as they came from 10.3, and things that should never come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gd2raft.asks.heal_report import report_of
from gd2raft.asks.nested import nested
from gd2raft.asks.profiles import profile_of, top_of

pytestmark = pytest.mark.fast

INFO = """Brick 10.0.0.1:/b/1
/d1\x20
/d1/f - Is in split-brain
<gfid:41bd8ce4-d041-4435-a707-1376dc95a43c> - Possibly undergoing heal
Status: Connected
Number of entries: 3

Brick 10.0.0.2:/b/2
Status: Transport endpoint is not connected
Number of entries: -

"""
SUMMARY = """Brick 10.0.0.1:/b/1
Status: Connected
Total Number of entries: 7
Number of entries in heal pending: 4
Number of entries in split-brain: 2
Number of entries possibly healing: 1

"""


def test_entries_that_wait_are_read_with_their_state() -> None:
    first, second = report_of(INFO)
    assert first["connected"]
    assert first["total-entries"] == 3
    assert first["entries"] == [
        {"path": "/d1", "state": "heal-pending"},
        {"path": "/d1/f", "state": "split-brain"},
        {"path": "<gfid:41bd8ce4-d041-4435-a707-1376dc95a43c>", "state": "possibly-healing"},
    ]
    assert (second["connected"], second["total-entries"], second["entries"]) == (False, None, [])
    assert second["status"] == "Transport endpoint is not connected"


def test_a_summary_has_all_four_counts() -> None:
    [brick] = report_of(SUMMARY)
    assert [brick[k] for k in ("total-entries", "heal-pending", "split-brain", "possibly-healing")] == [7, 4, 2, 1]


def test_a_file_that_is_named_like_a_brick_does_not_become_one() -> None:
    [brick] = report_of("Brick n1:/b\nBrick n2:/c\nStatus: Connected\nNumber of entries: 1\n")
    assert [e["path"] for e in brick["entries"]] == ["Brick n2:/c"]


def test_a_profile_names_calls_and_gives_microseconds() -> None:
    output = {
        "-1-13-hits": "10",
        "-1-13-avglatency": "466639.800000",
        "-1-13-minlatency": "96658.000000",
        "-1-13-maxlatency": "1508767.000000",
        "-1-write-131072": "11",
        "-1-total-write": "4010724",
        "-1-duration": "83",
        "interval": "0",
        "0-42-hits": "39",
    }
    found = profile_of(output)
    assert found["cumulative"]["fops"] == [{"name": "WRITE", "hits": 10, "avg-us": 466.64, "min-us": 96.66, "max-us": 1508.77}]
    assert found["cumulative"]["blocks"] == [{"bytes": 131072, "reads": 0, "writes": 11}]
    assert found["cumulative"]["write-bytes"] == 4010724
    assert (found["interval"]["number"], found["interval"]["fops"][0]["name"]) == (0, "RELEASE")


def test_a_top_list_has_its_files_in_order() -> None:
    output = {"members": "2", "value-2": "5", "filename-2": "/b", "value-1": "8", "filename-1": "/a", "max-open": "4", "current-open": "0"}
    assert top_of(output) == {"files": [{"path": "/a", "value": 8}, {"path": "/b", "value": 5}], "open-now": 0, "open-max": 4}


@given(st.dictionaries(st.text(max_size=30), st.text(max_size=20), max_size=20))
def test_no_dictionary_breaks_the_readers(output: dict[str, str]) -> None:
    assert isinstance(nested(output), dict)
    assert isinstance(profile_of(output), dict)
    assert isinstance(top_of(output)["files"], list)


@given(st.text(max_size=300))
def test_no_text_breaks_the_report(text: str) -> None:
    assert all(b["brick"] is not None for b in report_of(text))
