"""Every command: which request it makes, and what it shows."""

from __future__ import annotations

import json

import pytest
import yaml
from cli_kit import PEER_1, PEER_2, PEER_3, brick_info, brick_status, cluster_status, peer_info, subvol, volume_info

OPTION_HELP = {
    "name": "a.b",
    "type": "bool",
    "values": [],
    "default-value": "on",
    "scope": "volume",
    "documented": True,
    "help": "What it does.",
}


@pytest.mark.parametrize(
    ("line", "request_line", "body", "reply", "shown"),
    [
        ("peer probe node2", "POST /v1/peers", {"addresses": ["node2"]}, (201, peer_info(PEER_2, "node2")), f"success: node2 ({PEER_2})"),
        ("peer add [fd00::1]:7", "POST /v1/peers", {"addresses": ["[fd00::1]:7"]}, (201, peer_info()), "success"),
        (
            "peer probe node2 node3:7",
            "POST /v1/cluster/peers",
            {"peers": [{"addresses": ["node2"]}, {"addresses": ["node3:7"]}]},
            (200, [peer_info(PEER_2, "node2"), peer_info(PEER_3, "node3")]),
            f"success: node3 ({PEER_3})",
        ),
        ("peer detach node2", "DELETE /v1/peers/node2", {"force": False}, (204, None), "success"),
        ("peer remove node2 force", "DELETE /v1/peers/node2", {"force": True}, (204, None), "success"),
        (
            "peer replace node2 node2:7 force",
            "POST /v1/peers/node2/replace",
            {"addresses": ["node2:7"], "force": True},
            (200, peer_info(PEER_2, "node2")),
            f"success: node2 ({PEER_2})",
        ),
        ("volume clone v1 v2", "POST /v1/volumes/v1/clone", {"name": "v2"}, (201, {**volume_info(), "name": "v2"}), "v2: success"),
        ("volume start v1", "POST /v1/volumes/v1/start", {"force-start-bricks": False}, (200, volume_info()), "v1: success"),
        ("volume start v1 --force", "POST /v1/volumes/v1/start", {"force-start-bricks": True}, (200, volume_info()), "v1: success"),
        ("volume stop v1 force", "POST /v1/volumes/v1/stop", {"force": True}, (200, volume_info()), "v1: success"),
        ("volume delete v1", "DELETE /v1/volumes/v1", {"force": False}, (204, None), "v1: success"),
        (
            "volume set v1 a.b on c.d 1",
            "POST /v1/volumes/v1/options",
            {"options": {"a.b": "on", "c.d": "1"}},
            (200, volume_info()),
            "success",
        ),
        ("volume set v1 c.d -1", "POST /v1/volumes/v1/options", {"options": {"c.d": "-1"}}, (200, volume_info()), "success"),
        ("volume set all c.r 51", "POST /v1/cluster/options", {"options": {"c.r": "51"}}, (200, []), "success"),
        ("volume reset all", "DELETE /v1/cluster/options", {"all": True, "if-set": True}, (200, []), "success"),
        ("volume reset all c.r", "DELETE /v1/cluster/options", {"options": ["c.r"], "if-set": True}, (200, []), "success"),
        (
            "volume reset v1",
            "DELETE /v1/volumes/v1/options",
            {"all": True, "force": False, "if-set": True},
            (200, volume_info()),
            "success",
        ),
        (
            "volume reset v1 force",
            "DELETE /v1/volumes/v1/options",
            {"all": True, "force": True, "if-set": True},
            (200, volume_info()),
            "success",
        ),
        (
            "volume reset v1 a.b force",
            "DELETE /v1/volumes/v1/options",
            {"options": ["a.b"], "force": True, "if-set": True},
            (200, volume_info()),
            "success",
        ),
        ("peer edit n2 address n9:24008", "POST /v1/peers/n2", {"address": "n9:24008"}, (200, peer_info()), "is at node1:24008"),
        (
            "peer edit n2 --zone r1 --address n9 force",
            "POST /v1/peers/n2",
            {"address": "n9", "zone": "r1", "force": True},
            (200, peer_info()),
            "peer edit: success",
        ),
        (
            "volume create v1 replica 3 n1:/b n2:/b n3:/b force",
            "POST /v1/volumes",
            {"name": "v1", "bricks": ["n1:/b", "n2:/b", "n3:/b"], "replica": 3, "force": True, "flags": {"create-brick-dir": True}},
            (201, volume_info()),
            "v1: success",
        ),
    ],
)
def test_a_change_is_one_request_with_a_key_of_its_own(gd2, peer, line, request_line, body, reply, shown):
    peer.answers[request_line] = reply
    result = gd2(*line.split(), peers=peer)
    assert (result.code, result.err) == (0, "")
    assert shown in result.out
    (seen,) = peer.seen
    assert (f"{seen.method} {seen.target}", seen.body) == (request_line, body)
    assert len(seen.headers["Idempotency-Key"]) == 36
    peer.seen.clear()
    as_json = gd2("--json", *line.split(), peers=peer)
    assert as_json.out == ("" if reply[1] is None else json.dumps(reply[1], ensure_ascii=False) + "\n"), "not the body as it came"
    assert peer.seen[0].headers["Idempotency-Key"] != seen.headers["Idempotency-Key"]


@pytest.mark.parametrize(
    ("line", "path", "body", "shown"),
    [
        ("peer list", "/v1/peers", [peer_info()], "node1:24008"),
        ("pool list", "/v1/peers", [peer_info(zone="rack-1")], "rack-1"),
        ("peer status", "/v1/peers", [peer_info()], "Number of peers: 1"),
        ("volume list", "/v1/volumes", [volume_info()], "v1\n"),
        ("volume info", "/v1/volumes", [volume_info()], "Volume Name: v1"),
        ("volume info all", "/v1/volumes", [volume_info()], "Volume Name: v1"),
        ("volume info v1", "/v1/volumes/v1", volume_info(), "Volume Name: v1"),
        ("vol inf v1", "/v1/volumes/v1", volume_info(), "Volume Name: v1"),
        ("volume status v1", "/v1/volumes/v1/bricks", [brick_status("node1", "/b")], "Brick node1:/b"),
        ("volume status v1 detail", "/v1/volumes/v1/bricks", [brick_status("node1", "/b")], "6.0 GiB  10.0 GiB"),
        ("volume get v1 all", "/v1/volumes/v1/options", [{"name": "a.b", "value": "on", "modified": True}], "a.b     on"),
        ("volume get v1 a.b", "/v1/volumes/v1/options/a.b", {"name": "a.b", "value": "on", "modified": False}, "a.b     on (DEFAULT)"),
        ("volume get all all", "/v1/cluster/options", [{"key": "c.r", "value": "51", "modified": True}], "c.r     51"),
        ("cluster status", "/v1/cluster/status", cluster_status(), "Quorum:    yes"),
        (
            "volume set help",
            "/v1/options",
            [OPTION_HELP],
            "a.b     on       What it does.",
        ),
    ],
)
def test_a_look_is_one_get_and_json_is_the_body_as_it_came(gd2, peer, line, path, body, shown):
    peer.answers[f"GET {path}"] = (200, body)
    peer.answers["GET /v1/volumes/v1/services"] = (200, [])  # only the table of `volume status` has them
    result = gd2(*line.split(), peers=peer)
    assert (result.code, result.err) == (0, "")
    assert shown in result.out
    assert "Idempotency-Key" not in peer.seen[0].headers
    peer.seen.clear()
    assert gd2(*line.split(), "--json", peers=peer).out == json.dumps(body, ensure_ascii=False) + "\n"
    assert [seen.target for seen in peer.seen] == [path]
    assert yaml.safe_load(gd2(*line.split(), "-o", "yaml", peers=peer).out) == body


def test_names_in_paths_are_encoded_and_the_token_covers_what_is_sent(gd2, peer):
    peer.answers["GET /v1/volumes/%C3%BCn%C3%AF%2F..%2Fx%3Fy"] = (200, volume_info(name="ünï"))
    assert "Volume Name: ünï" in gd2("volume", "info", "ünï/../x?y", peers=peer).out


def test_volume_info_reads_as_gluster_prints_it(gd2, peer):
    bricks = [brick_info("n1", "/b"), brick_info("n2", "/b"), brick_info("fd00::3", "/b", "Arbiter")]
    peer.answers["GET /v1/volumes/v1"] = (200, volume_info("Dist-Replicate", [subvol("Replicate", bricks), subvol("Replicate", bricks)]))
    assert gd2("volume", "info", "v1", peers=peer).out.splitlines() == [
        "Volume Name: v1",
        "Type: Distributed-Replicate",
        "Volume ID: 5f9c5a0e-0d8a-4c4c-9a35-5e4cb1d3b8a1",
        "Status: Started",
        "Snapshot Count: 0",
        "Number of Bricks: 2 x (2 + 1) = 6",
        "Transport-type: tcp",
        "Bricks:",
        "Brick1: n1:/b",
        "Brick2: n2:/b",
        "Brick3: [fd00::3]:/b (arbiter)",
        "Brick4: n1:/b",
        "Brick5: n2:/b",
        "Brick6: [fd00::3]:/b (arbiter)",
        "Options Reconfigured:",
        "nfs.disable: on",
    ]


@pytest.mark.parametrize(
    ("subvols", "count"),
    [
        ([subvol("Distribute", [brick_info("n", "/a"), brick_info("n", "/b")])], "2"),
        ([subvol("Replicate", [brick_info("n", f"/{i}") for i in range(3)])], "1 x 3 = 3"),
        ([subvol("Disperse", [brick_info("n", f"/{i}") for i in range(6)], **{"disperse-redundancy-count": 2})] * 2, "2 x (4 + 2) = 12"),
        ([subvol("Replicate", [brick_info("n", f"/{i}") for i in range(2)], **{"thin-arbiter": "n3:/ta"})], "1 x 2 = 2"),
    ],
)
def test_bricks_are_counted_in_sets(gd2, peer, subvols, count):
    peer.answers["GET /v1/volumes/v1"] = (200, volume_info(subvols=subvols))
    out = gd2("volume", "info", "v1", peers=peer).out
    assert f"Number of Bricks: {count}\n" in out
    assert ("Thin-arbiter-path: n3:/ta" in out) == bool(subvols[0]["thin-arbiter"])


def test_volume_status_of_all_asks_for_started_volumes_only(gd2, peer):
    peer.answers["GET /v1/volumes"] = (200, [volume_info(), volume_info(name="v2", state="Created")])
    peer.answers["GET /v1/volumes/v1/bricks"] = (200, [brick_status("node1", "/b"), brick_status("node2", "/b", online=False)])
    shd = {"peer-id": PEER_2, "host": "node2", "name": "Self-heal Daemon", "online": True, "pid": 77, "error": ""}
    peer.answers["GET /v1/volumes/v1/services"] = (
        200,
        [shd, {**shd, "host": "node3", "online": False, "pid": 0, "error": "the peer is down"}],
    )
    result = gd2("volume", "status", peers=peer)
    assert "Self-heal Daemon on node2  N/A    Y       77" in result.out
    assert "Self-heal Daemon on node3  N/A    N       N/A" in result.out, "its peer doesn't answer"
    rows = [line.split() for line in result.out.splitlines()]
    assert ["Brick", "node1:/b", "49152", "Y", "4711"] in rows
    assert ["Brick", "node2:/b", "N/A", "N", "N/A"] in rows
    assert "v2 is not started" in result.err
    assert list(json.loads(gd2("volume", "status", "--json", peers=peer).out)) == ["v1"]


def test_no_volumes_is_said_beside_the_output(gd2, peer):
    peer.answers["GET /v1/volumes"] = (200, [])
    for line in ("list", "info", "status"):
        result = gd2("volume", line, peers=peer)
        assert (result.code, result.out, result.err) == (0, "", "there are no volumes\n")


def test_peer_status_of_a_thousand_peers_fits_a_screen_and_shows_who_is_down_first(gd2, peer):
    peer.answers["GET /v1/peers"] = (200, [peer_info(f"id-{i}", f"node{i}", online=i != 777) for i in range(1000)])
    lines = gd2("peer", "status", peers=peer).out.splitlines()
    assert lines[0] == "Number of peers: 1000, online: 999, offline: 1"
    assert lines[3].split()[:2] == ["id-777", "node777"]
    assert lines[-1] == "... and 970 more: gd2 peer list"
    assert len(lines) < 40
    assert len(gd2("peer", "list", peers=peer).out.splitlines()) == 1001


def test_cluster_status_is_one_screen_with_names_roles_and_lag(gd2, peer):
    more = [peer_info(f"id-{i}", f"learner{i}") for i in range(1000)]
    peer.answers["GET /v1/cluster/status"] = (200, cluster_status(learners=[PEER_2, *(p["id"] for p in more)]))
    peer.answers["GET /v1/peers"] = (200, [peer_info(), peer_info(PEER_2, "node2", online=False), *more])
    out = gd2("cluster", "status", peers=peer).out
    assert f"Leader:    node1 ({PEER_1})" in out
    assert "index 12, applied 10, lag 2" in out
    assert "Revision:  9" in out
    assert [PEER_1, "node1", "leader", "Online"] in [line.split() for line in out.splitlines()]
    assert len(out.splitlines()) < 35


def test_cluster_status_says_which_peer_was_asked_and_whom_it_follows(gd2, peer):
    peer.answers["GET /v1/cluster/status"] = (
        200,
        cluster_status(**{"peer-id": PEER_2, "role": "learner", "upstream": PEER_1, "cluster-id": "c-1"}),
    )
    peer.answers["GET /v1/peers"] = (200, [peer_info(), peer_info(PEER_2, "node2")])
    lines = gd2("cluster", "status", peers=peer).out.splitlines()
    assert "Asked:     node2 (learner, follows node1)" in lines
    assert "Cluster-id: c-1" in lines


def test_cluster_status_without_quorum_or_peers_still_answers(gd2, peer):
    peer.answers["GET /v1/cluster/status"] = (200, cluster_status(quorum=False, leader=""))
    result = gd2("cluster", "status", peers=peer)
    assert result.code == 0
    assert "Quorum:    NO" in result.out
    assert "Leader:    none known" in result.out
    peer.answers["GET /v1/cluster/status"] = (200, cluster_status(quorum=True, leader=""))
    assert "Quorum:    yes, but nobody leads" in gd2("cluster", "status", peers=peer).out


def test_health_names_what_is_wrong_by_stable_codes_worst_first(gd2, peer):
    bricks = [brick_status(f"node{i}", "/b", online=False) for i in (1, 2, 3)]
    peer.answers["GET /v1/cluster/status"] = (200, cluster_status(quorum=False))
    peer.answers["GET /v1/peers"] = (200, [peer_info(), peer_info(PEER_2, "node2", online=False)])
    peer.answers["GET /v1/volumes"] = (200, [volume_info()])
    peer.answers["GET /v1/volumes/v1/bricks"] = (200, bricks)
    found = json.loads(gd2("health", "--json", peers=peer).out)
    codes = [f["code"] for f in found["findings"]]
    assert (found["healthy"], codes) == (False, ["NO_QUORUM", "VOLUME_OFFLINE", "PEER_OFFLINE", *["BRICK_OFFLINE"] * 3])
    bricks[0]["error"] = "exited with code 1: Failed to find parent dir"
    told = gd2("health", peers=peer).out
    assert "volume start VOLUME force" in told and "brick node1:/b: exited with code 1: Failed to find parent dir" in told
    peer.answers["GET /v1/volumes/v1/bricks"] = (200, [*bricks[:2], brick_status("node3", "/b")])
    assert "VOLUME_OFFLINE" not in gd2("health", peers=peer).out, "one copy of three serves"


def test_a_full_disk_has_a_code_of_its_own_and_check_tells_it_by_the_exit_code(gd2, peer):
    peer.answers["GET /v1/cluster/status"] = (200, cluster_status(**{"disk-full": True, "leader": ""}))
    peer.answers["GET /v1/peers"] = (200, [peer_info()])
    peer.answers["GET /v1/volumes"] = (200, [])
    told = gd2("health", peers=peer)
    assert told.code == 0 and "DISK_FULL" in told.out and "free space" in told.out
    assert [f["code"] for f in json.loads(gd2("health", "--json", peers=peer).out)["findings"]] == ["DISK_FULL", "NO_LEADER"]
    assert gd2("health", "--check", peers=peer).code == 1
    peer.answers["GET /v1/cluster/status"] = (200, cluster_status())
    assert gd2("health", "--check", peers=peer).code == 0


def test_a_full_disk_of_another_voter_is_shown_too(gd2, peer):
    peers = [{"id": PEER_1, "name": "node1", "disk-full": False}, {"id": PEER_2, "name": "node2", "disk-full": True}]
    peer.answers["GET /v1/cluster/status"] = (200, cluster_status(**{"peer-id": PEER_1, "disk-full": False, "peers": peers}))
    peer.answers["GET /v1/peers"] = (200, [peer_info(), peer_info(PEER_2, "node2")])
    peer.answers["GET /v1/volumes"] = (200, [])
    found = json.loads(gd2("health", "--json", peers=peer).out)["findings"]
    assert [(f["code"], f["what"].endswith("full on peer node2")) for f in found] == [("DISK_FULL", True)]
    rows = [line.split() for line in gd2("cluster", "status", peers=peer).out.splitlines()]
    assert [PEER_2, "node2", "learner", "DISK", "FULL"] in rows and [PEER_1, "node1", "leader", "Online"] in rows


def test_what_the_leader_says_of_other_peers_is_a_finding_and_a_code_of_a_newer_daemon_is_none(gd2, peer):
    notices = [
        {"code": "LOG_LOST", "peer": PEER_2, "what": "peer node2 had lost entries"},
        {"code": "PEER_STRANGER", "peer": PEER_2, "what": "node2:24008 answers as another: gd2 peer replace node2 node2:24008"},
        {"code": "OF_TOMORROW", "peer": PEER_2, "what": "?"},
    ]
    peer.answers["GET /v1/cluster/status"] = (200, cluster_status(notices=notices))
    peer.answers["GET /v1/peers"] = (200, [peer_info(), peer_info(PEER_2, "node2", online=False)])
    peer.answers["GET /v1/volumes"] = (200, [])
    found = json.loads(gd2("health", "--json", peers=peer).out)["findings"]
    assert [f["code"] for f in found] == ["PEER_OFFLINE", "PEER_STRANGER", "LOG_LOST"]
    assert "gd2 peer replace node2 node2:24008" in gd2("health", peers=peer).out


def test_a_process_of_a_job_that_dies_again_and_again_is_named(gd2, peer):
    note = "its process is not running; last: exited with code 1: syntax error"
    parts = [
        {"peer-id": PEER_1, "host": "node1", "status": "waiting", "note": "it waits up to 10 s for bricks that can't be found yet: n2:/b"},
        {"peer-id": PEER_2, "host": "node2", "status": "waiting", "note": note, "last-error": "exited with code 1: syntax error"},
    ]
    peer.answers["GET /v1/cluster/status"] = (200, cluster_status())
    peer.answers["GET /v1/peers"] = (200, [peer_info(), peer_info(PEER_2, "node2")])
    peer.answers["GET /v1/volumes"] = (200, [volume_info()])
    peer.answers["GET /v1/volumes/v1/bricks"] = (200, [brick_status(f"node{i}", "/b") for i in (1, 2, 3)])
    peer.answers["GET /v1/jobs"] = (200, [{"id": "j1", "kind": "remove-brick", "volume": "v1", "parts": parts}])
    found = json.loads(gd2("health", "--json", peers=peer).out)["findings"]
    assert [(f["code"], f["what"]) for f in found] == [("JOB_FAILING", f"the remove-brick of volume v1 on peer node2: {note}")]


def test_a_healthy_pool_is_one_line(gd2, peer):
    peer.answers["GET /v1/cluster/status"] = (200, cluster_status())
    peer.answers["GET /v1/peers"] = (200, [peer_info()])
    peer.answers["GET /v1/volumes"] = (200, [])
    assert gd2("health", peers=peer).out == "healthy: 1 peer, 0 volumes (0 started)\n"


def test_what_a_peer_says_can_not_steer_the_terminal(gd2, peer):
    peer.answers["GET /v1/peers"] = (200, [peer_info(name="\x1b[31mred\x07")])
    peer.answers["GET /v1/volumes"] = (200, [volume_info(state="\x1b[2J", options={"user.x": "\x1b]0;t\x07"})])
    shown = gd2("peer", "list", peers=peer).out + gd2("volume", "info", peers=peer).out
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_wide_and_foreign_letters_stay_aligned(gd2, peer):
    peer.answers["GET /v1/peers"] = (200, [peer_info("a", "名前"), peer_info("b", "node")])
    lines = gd2("peer", "list", peers=peer).out.splitlines()
    assert lines[1].startswith("a     名前  名前")
    assert lines[2].startswith("b     node  node")


def test_warnings_of_the_server_reach_the_user(gd2, peer):
    peer.answers["POST /v1/volumes/v1/start"] = (200, volume_info())
    peer.headers["X-Gluster-Warning"] = "peer node3 is down and follows later"
    result = gd2("volume", "start", "v1", peers=peer)
    assert (result.code, result.err) == (0, "gd2: volume start: warning: peer node3 is down and follows later\n")


def test_an_unknown_pool_option_is_not_found(gd2, peer):
    peer.answers["GET /v1/cluster/options"] = (200, [{"key": "cluster.server-quorum-ratio", "value": "51", "modified": True}])
    result = gd2("volume", "get", "all", "cluster.server-quorum-rato", peers=peer)
    assert result.code == 4
    assert "did you mean 'cluster.server-quorum-ratio'" in result.err


def test_a_failed_step_names_its_peer_once_by_hostname(gd2, peer):
    fields = {"peer": "node2", "peer-id": "3f2a", "step": "brick.prepare", "error": "disk gone"}
    peer.answers["POST /v1/volumes/v1/start"] = (500, {"errors": [{"code": "failed", "message": "disk gone", "fields": fields}]})
    err = gd2("volume", "start", "v1", peers=peer).err
    assert err.count("peer:") == 1
    assert "peer: node2 (3f2a)" in err


def job(**more):
    return {"id": "j1", "kind": "remove-brick", "volume": "v1", "status": "in progress", "bricks": ["node1:/b"], "files": 1} | more


def test_volume_status_ends_with_what_the_volume_is_busy_with(gd2, peer):
    peer.answers["GET /v1/volumes/v1/bricks"] = (200, [brick_status("node1", "/b")])
    peer.answers["GET /v1/volumes/v1/services"] = (200, [])
    assert gd2("volume", "status", "v1", peers=peer).out.endswith(
        f"\n\nTask Status of Volume v1\n{'-' * 78}\nThere are no active volume tasks\n"
    )
    peer.answers["GET /v1/jobs"] = (200, [job()])
    task = (  # as seen of gluster 10.3
        f"\n\nTask Status of Volume v1\n{'-' * 78}\nTask                 : Remove brick\nID                   : j1\n"
        "Removed bricks:\nnode1:/b\nStatus               : in progress\n"
    )
    assert gd2("volume", "status", "v1", peers=peer).out.endswith(task)
    assert gd2("volume", "status", "v1", "tasks", peers=peer).out == task.lstrip()
    peer.answers["GET /v1/volumes"] = (200, [volume_info()])
    assert gd2("volume", "status", peers=peer).out.endswith(task)
    for status in ("stopped", "committed"):
        peer.answers["GET /v1/jobs"] = (200, [job(status=status)])
        assert "no active volume tasks" in gd2("volume", "status", "v1", peers=peer).out, status


@pytest.mark.parametrize("what", ["clients", "mem", "inode", "fd", "callpool", "tasks"])
@pytest.mark.parametrize("line", [["all"], []])
def test_what_processes_tell_is_shown_for_all_started_volumes(gd2, peer, what, line):
    peer.answers["GET /v1/volumes"] = (200, [volume_info(), volume_info(name="v2"), volume_info(name="v3", state="Stopped")])
    for name in ("v1", "v2"):
        told = {"info": brick_info("node1", f"/{name}"), "error": "", "details": {"client": [{"hostname": name}]}}
        peer.answers[f"GET /v1/volumes/{name}/status/{what}"] = (200, [told])
    peer.answers["GET /v1/jobs"] = (200, [job(), job(id="j2", volume="v2"), job(id="j3", volume="v3")])
    result = gd2("volume", "status", *line, what, peers=peer)
    assert result.code == 0
    assert ("j2" if what == "tasks" else "Brick node1:/v2") in result.out
    assert "j3" not in result.out
    assert "v3 is not started" in result.err
    assert list(json.loads(gd2("--json", "volume", "status", *line, what, peers=peer).out)) == ["v1", "v2"]
