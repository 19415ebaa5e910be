"""Quota and bitrot as plans: what is refused and why, what the state holds of limits, and what new bricks are told."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from pool_kit import Pool

from gd2raft.core import model, quotas
from gd2raft.core.model import Volume
from gd2raft.core.plan import NotFound, Refused

pytestmark = pytest.mark.fast

ROOT = "00000000-0000-0000-0000-000000000001"
DIRECTORY = "8f1274b3-fe82-4b68-abd1-f5ce10f68c2b"
DEEM = {"features.quota-deem-statfs": "off"}


def now(pool: Pool) -> Volume:
    found = pool.view().volume("v")
    assert found is not None
    return found


def pool_with(*commands: str) -> Pool:
    pool = Pool(3)
    pool.volume("v", "node1:/b/1", "node2:/b/2", replica=2, force=True)
    for name in ("volume-start", *commands):
        done(pool, name)
    return pool


def done(pool: Pool, name: str, **fields: Any) -> None:
    finish = pool.do(name, None, volume="v", **fields)
    assert finish.outcome == "done", finish


def refusal(pool: Pool, name: str, **fields: Any) -> str:
    with pytest.raises(Refused) as caught:
        pool.plan(name, volume="v", **fields)
    return caught.value.code


def limit(pool: Pool, path: str = "/d", gfid: str = DIRECTORY, **fields: Any) -> None:
    done(pool, "quota-limit", path=path, gfid=gfid, **fields)


def test_an_option_that_depends_on_quota_is_rejected_before_quota_is_enabled() -> None:
    pool = pool_with()
    assert refusal(pool, "volume-set", options=DEEM) == "bad-option"
    done(pool, "quota-enable")
    done(pool, "volume-set", options=DEEM)


@pytest.mark.parametrize("command", ["quota-enable", "bitrot-enable"])
def test_features_with_daemons_are_enabled_on_started_volumes_only(command: str) -> None:
    pool = pool_with("volume-stop")
    assert refusal(pool, command) == "not-started"


def test_each_enable_counts_anew_and_nothing_of_the_time_before_comes_back() -> None:
    pool = pool_with("quota-enable")
    limit(pool, size="1GB")
    done(pool, "quota-edit", soft_timeout="10")
    done(pool, "quota-disable")
    assert pool.view().reader.list(model.QUOTAS) == []
    assert refusal(pool, "quota-edit", soft_timeout="10") == "quota-disabled"
    done(pool, "quota-enable")
    assert now(pool).quota_version == 2
    assert "features.soft-timeout" not in now(pool).options


def test_a_directory_may_have_both_limits_and_loses_them_one_by_one() -> None:
    pool = pool_with("quota-enable")
    limit(pool, size="1GB")
    limit(pool, "/moved", objects=10, soft_percent=50)
    (known,) = quotas.limits(pool.view(), "v")
    assert known == quotas.QuotaLimit(id=DIRECTORY, path="/moved", usage=quotas.Bound(hard=1 << 30), objects=quotas.Bound(hard=10, soft=50))
    done(pool, "quota-remove", path="/moved", gfid=DIRECTORY, objects=True)
    (known,) = quotas.limits(pool.view(), "v")
    assert known.objects is None
    assert known.usage is not None


def test_a_directory_that_is_gone_loses_its_limit_by_the_path_that_it_had() -> None:
    pool = pool_with("quota-enable")
    limit(pool, size="1GB")
    with pytest.raises(NotFound):
        pool.plan("quota-remove", volume="v", path="/other", gfid="")
    for gfid in ("", "11111111-fe82-4b68-abd1-f5ce10f68c2b"):  # nothing there, or another directory by now
        (step,) = pool.plan("quota-remove", volume="v", path="/d", gfid=gfid).before[0]
        assert (step.arguments["gfid"], step.arguments["gone"]) == (DIRECTORY, True)
    done(pool, "quota-remove", path="/d", gfid="")
    assert quotas.limits(pool.view(), "v") == []


def test_a_full_bucket_takes_no_further_directory_but_changes_of_those_it_has() -> None:
    pool = pool_with("quota-enable")
    for number in range(quotas.BUCKET_MAX):
        limit(pool, f"/{number}", f"8f000000-0000-4000-8000-{number:012}", size="1GB")
    assert refusal(pool, "quota-limit", path="/d", gfid=DIRECTORY, size="1GB") == "too-many-limits"
    limit(pool, "/0", "8f000000-0000-4000-8000-000000000000", size="2GB")


def test_limits_go_with_their_volume() -> None:
    pool = pool_with("quota-enable")
    limit(pool, size="1GB")
    for command in ("volume-stop", "volume-delete"):
        done(pool, command)
    assert pool.view().reader.list(model.QUOTAS) == []


def test_reset_keeps_df_showing_limits_while_quota_is_on() -> None:
    pool = pool_with("quota-enable")
    done(pool, "volume-set", options=DEEM)
    done(pool, "volume-reset", all=True)
    assert now(pool).options["features.quota-deem-statfs"] == "on"
    assert now(pool).options["features.quota"] == "on"


def test_new_bricks_are_told_the_limits_of_the_root_before_they_run() -> None:
    pool = pool_with("quota-enable")
    more = {"bricks": ["node1:/b/3", "node2:/b/4"], "force": True}
    assert "quota.root" not in [step.kind for barrier in pool.plan("volume-expand", volume="v", **more).after for step in barrier]
    limit(pool, "/", ROOT, size="1GB", soft_percent=50)
    first, *_ = pool.plan("volume-expand", volume="v", **more).after
    assert [(step.kind, step.arguments["path"]) for step in first] == [("quota.root", "/b/3"), ("quota.root", "/b/4")]
    assert first[0].arguments["attributes"] == {"trusted.glusterfs.quota.limit-set.1": struct.pack(">qq", 1 << 30, 50).hex()}


def test_bitrot_keeps_its_settings_for_the_next_time() -> None:
    pool = pool_with("bitrot-enable")
    done(pool, "bitrot-edit", signing_time=10, scrub="pause")
    assert refusal(pool, "bitrot-edit", scrub="pause") == "already-so"
    done(pool, "bitrot-disable")
    assert refusal(pool, "bitrot-edit", signing_time=10) == "bitrot-disabled"
    done(pool, "bitrot-enable")
    options = now(pool).options
    assert (options["features.expiry-time"], options["features.scrub"]) == ("10", "Active")
