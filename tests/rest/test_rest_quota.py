"""Quota over REST: replies are as described, what is used is asked of one peer, and bad requests are told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rest_kit import PEER, Rest
from test_rest_repair import code_of, good, started

from gd2raft.core import model, quotas
from gd2raft.core.plan import Change, make_commit
from gd2raft.rest.api import Answered

pytestmark = pytest.mark.fast

QUOTA = "/v1/quota/v1"
LIMIT, LIMIT_ROUTE = f"{QUOTA}/limit", "/v1/quota/{volume}/limit"
MIB = 1 << 20


def used(gfid: str, path: str, size: int) -> dict[str, Any]:
    return {"gfid": gfid, "path": path, "used": {"bytes": size, "files": 3, "directories": 2}, "error": ""}


def test_quota_is_enabled_tuned_and_disabled(rest: Rest) -> None:
    started(rest)
    assert code_of(rest, "DELETE", QUOTA) == (400, "quota-disabled")
    options = good(rest, "POST", QUOTA, "/v1/quota/{volume}")["options"]
    assert options["features.quota"] == options["features.inode-quota"] == options["features.quota-deem-statfs"] == "on"
    assert code_of(rest, "POST", QUOTA) == (400, "already-so")
    assert code_of(rest, "POST", f"{QUOTA}/inodes") == (400, "already-so")
    settings = {"soft-timeout": "30s", "default-soft-limit": "75%"}
    options = good(rest, "POST", f"{QUOTA}/settings", "/v1/quota/{volume}/settings", settings)["options"]
    assert (options["features.soft-timeout"], options["features.default-soft-limit"]) == ("30s", "75%")
    assert code_of(rest, "POST", f"{QUOTA}/settings") == (400, "bad-request")
    assert code_of(rest, "POST", f"{QUOTA}/settings", {"hard-timeout": "61"}) == (400, "bad-option")
    options = good(rest, "DELETE", QUOTA, "/v1/quota/{volume}")["options"]
    assert {o: v for o, v in options.items() if o in (*quotas.SETTINGS, quotas.ON, quotas.INODES_ON, quotas.DEEM_STATFS)} == {
        "features.quota": "off",
        "features.inode-quota": "off",
    }


def test_a_volume_of_an_old_cluster_learns_to_count_files(rest: Rest) -> None:
    started(rest)
    good(rest, "POST", QUOTA, "/v1/quota/{volume}")
    volume = rest.api.view().volume("v1")
    assert volume is not None
    record = model.dump(volume).replace(b'"features.inode-quota":"on",', b"")
    rest.api.apply(make_commit(rest.api.state, (), (Change(model.volume_key("v1"), json.loads(record)),)))
    good(rest, "POST", f"{QUOTA}/inodes", "/v1/quota/{volume}/inodes")


def test_limits_are_set_listed_with_what_is_used_and_removed(rest: Rest) -> None:
    started(rest)
    good(rest, "POST", QUOTA, "/v1/quota/{volume}")
    assert good(rest, "GET", LIMIT, LIMIT_ROUTE) == []
    good(rest, "POST", LIMIT, LIMIT_ROUTE, {"path": "/d/", "size": "4MB"})
    good(rest, "POST", LIMIT, LIMIT_ROUTE, {"path": "/d", "objects": 10, "soft-percent": 50})
    rest.api.answers[PEER] = Answered(value={"directories": [used(rest.api.gfid, "/moved", 3 * MIB)]})
    (found,) = good(rest, "GET", LIMIT, LIMIT_ROUTE)
    assert rest.api.asked[-2] == ("quota-used", {"gfids": [rest.api.gfid], "path": ""}, [PEER])
    assert (found["path"], found["used-bytes"]) == ("/moved", 3 * MIB)
    assert found["usage"] == {
        "hard": 4 * MIB, "soft": int(4 * MIB * 0.8), "soft-percent": 80.0, "available": MIB, "soft-exceeded": False, "hard-exceeded": False,
    }  # fmt: skip
    assert (found["objects"]["available"], found["objects"]["soft-exceeded"], found["objects"]["hard-exceeded"]) == (5, True, False)
    good(rest, "DELETE", LIMIT, LIMIT_ROUTE, {"path": "/d"})
    assert code_of(rest, "DELETE", LIMIT, {"path": "/d"}) == (404, "no-limit")
    good(rest, "DELETE", LIMIT, LIMIT_ROUTE, {"path": "/d", "objects": True})
    assert rest.api.state.list(model.QUOTAS) == [], "an empty bucket stays"


def test_a_list_warns_while_bricks_are_not_counted(rest: Rest) -> None:
    volume = started(rest)
    good(rest, "POST", QUOTA, "/v1/quota/{volume}")
    good(rest, "POST", LIMIT, LIMIT_ROUTE, {"path": "/d", "size": "4MB"})
    rest.api.answers[PEER] = Answered(value={"directories": [used(rest.api.gfid, "/d", 1)], "left": ["/b1", "/b3"]})
    answer = rest.ask("GET", LIMIT)
    host = volume["subvols"][0]["bricks"][0]["host"]
    assert answer.headers["x-gluster-warning"].endswith(f"{host}:/b1, {host}:/b3")
    rest.api.answers[PEER] = Answered(value={"directories": [], "left": []})
    assert "x-gluster-warning" not in rest.ask("GET", LIMIT).headers


def test_a_directory_that_is_gone_is_listed_as_that_and_an_unknown_path_is_404(rest: Rest) -> None:
    started(rest)
    good(rest, "POST", QUOTA, "/v1/quota/{volume}")
    good(rest, "POST", LIMIT, LIMIT_ROUTE, {"path": "/d", "size": "4MB"})
    gone = {"gfid": rest.api.gfid, "path": "", "used": None, "error": "the directory is gone"}
    rest.api.answers[PEER] = Answered(value={"directories": [gone]})
    (found,) = good(rest, "GET", LIMIT, LIMIT_ROUTE)
    assert (found["path"], found["error"], found["usage"].get("available")) == ("/d", "the directory is gone", None)
    rest.api.answers[PEER] = Answered(value={"directories": []})
    assert code_of(rest, "GET", f"{LIMIT}?path=/x") == (404, "no-directory")
    rest.api.answers[PEER] = Answered(error="volume v1 can't be mounted")
    assert code_of(rest, "GET", LIMIT) == (500, "not-mounted")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"path": "/d"}, "bad-request"),
        ({"path": "/d", "size": "1MB", "objects": 1}, "bad-request"),
        ({"path": "d", "size": "1MB"}, "bad-path"),
        ({"path": "/../d", "size": "1MB"}, "bad-path"),
        ({"path": "/" + "d" * 5000, "size": "1MB"}, "bad-path"),
        ({"path": "/d", "size": "0.1"}, "bad-size"),
        ({"path": "/d", "size": "9EB"}, "bad-size"),
        ({"path": "/d", "size": "9000PB"}, "bad-size"),
        ({"path": "/d", "objects": -1}, "bad-size"),
        ({"path": "/d", "size": "1MB", "soft-percent": 101}, "bad-soft-limit"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(rest: Rest, body: dict[str, Any], code: str) -> None:
    started(rest)
    good(rest, "POST", QUOTA, "/v1/quota/{volume}")
    assert code_of(rest, "POST", LIMIT, body) == (400, code)


def test_nobody_can_say_by_himself_which_directory_a_path_is(rest: Rest) -> None:
    started(rest)
    answer = rest.ask("POST", LIMIT, {"path": "/d", "size": "1MB", "gfid": rest.api.gfid})
    assert answer.status == 400
    assert "gfid" in answer.error["message"]
