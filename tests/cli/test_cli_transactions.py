"""gd2 transaction: what is asked, what is shown, how resume and abort wait for the end."""

from __future__ import annotations

import json

from cli_kit import PEER_1, PEER_2, cluster_status, peer_info

ID = "11111111-2222-4333-8444-555555555555"


def info(phase: str = "stuck", **more):
    return {
        "id": ID, "command": "volume-create", "phase": phase, "initiator": PEER_1, "started": 1.0, "request-id": "r", "user": "gd2",
        "locks": ["volume/v1"], "problems": [{"peer": PEER_2, "step": "brick.prepare", "error": "no answer"}] if phase == "stuck" else [],
        "error": "disk full", "giving-up": False, "left-undone": [], **more,
    }  # fmt: skip


LEFT = [{"peer": PEER_2, "step": "brick.prepare", "error": "no answer", "host": "node2", "meaning": "folder /b stays marked"}]


def test_the_list_shows_what_hangs_where(gd2, peer):
    peer.answers["GET /v1/transactions"] = (200, [info(), info("failed", **{"left-undone": LEFT})])
    out = gd2("transaction", "list", peers=peer).out
    assert "stuck" in out and "volume/v1" in out and "no answer" in out
    assert "to be undone by node2" in out
    assert json.loads(gd2("--json", "transaction", "list", peers=peer).out)[0]["id"] == ID


def test_an_empty_list_says_that_all_is_well(gd2, peer):
    peer.answers["GET /v1/transactions"] = (200, [])
    assert "everything that was begun has ended" in gd2("transaction", "list", peers=peer).out


def test_show_says_what_to_do_about_a_stuck_one(gd2, peer):
    peer.answers[f"GET /v1/transactions/{ID}"] = (200, info())
    out = gd2("transaction", "show", ID, peers=peer).out
    assert f"brick.prepare on {PEER_2}: no answer" in out
    assert "What to do" in out and "gd2 transaction abort" in out


def test_resume_waits_for_the_end(gd2, peer):
    peer.answers[f"POST /v1/transactions/{ID}/resume"] = (202, info("undoing"))
    peer.answers[f"GET /v1/transactions/{ID}"] = [(200, info("undoing")), (200, info("undoing")), (200, info("failed"))]
    result = gd2("transaction", "resume", ID, peers=peer)
    assert result.code == 0
    assert "Phase:       failed" in result.out


def test_a_resume_that_fails_again_is_a_failure(gd2, peer):
    peer.answers[f"POST /v1/transactions/{ID}/resume"] = (202, info("undoing"))
    peer.answers[f"GET /v1/transactions/{ID}"] = [(200, info("undoing")), (200, info())]
    result = gd2("transaction", "resume", ID, peers=peer)
    assert result.code == 1
    assert "stuck again" in result.err


def test_the_waiting_for_an_end_has_one_too(gd2, peer):
    peer.answers[f"POST /v1/transactions/{ID}/abort"] = (202, info("undoing"))
    peer.answers[f"GET /v1/transactions/{ID}"] = (200, info("undoing"))
    result = gd2("--timeout", "1", "transaction", "abort", ID, "-y", peers=peer)
    assert result.code == 1
    assert "still undoing" in result.err


def test_abort_tells_loudly_what_is_left_where(gd2, peer):
    peer.answers[f"POST /v1/transactions/{ID}/abort"] = (202, info("undoing"))
    peer.answers[f"GET /v1/transactions/{ID}"] = (200, info("failed", **{"left-undone": LEFT}))
    out = gd2("transaction", "abort", ID, "-y", peers=peer).out
    assert "Still to be undone" in out and "node2: folder /b stays marked (no answer)" in out
    assert f"gd2 transaction forget {ID}" in out
    assert peer.seen[0].method == "POST"


def test_forget_gives_up_what_an_ended_command_left(gd2, peer):
    peer.answers[f"GET /v1/transactions/{ID}"] = (200, info("failed", **{"left-undone": LEFT}))
    peer.answers[f"POST /v1/transactions/{ID}/forget"] = (204, None)
    result = gd2("transaction", "forget", ID, peers=peer)
    assert (result.code, peer.seen[-1].target) == (0, f"/v1/transactions/{ID}/forget")
    assert "success" in result.out


def test_cluster_status_and_health_show_locks_and_what_is_stuck(gd2, peer):
    lock = {"name": "volume/v1", "age-s": 125.0, "owner": "volume-create of r", "transaction": ID, "command": "c", "since": 1.0}
    peer.answers["GET /v1/cluster/status"] = (200, cluster_status(locks=[lock], transactions=[ID], leftovers=[f"{PEER_2}/x"]))
    peer.answers["GET /v1/peers"] = (200, [peer_info()])
    peer.answers["GET /v1/volumes"] = (200, [])
    peer.answers["GET /v1/transactions"] = (200, [info(), info("failed", **{"left-undone": LEFT})])
    out = gd2("cluster", "status", peers=peer).out
    assert "volume/v1, for 125 s by volume-create of r" in out
    assert "Unfinished: 1" in out and "Leftovers: 1" in out
    health = gd2("health", peers=peer).out
    assert "TRANSACTION_STUCK" in health and "UNDO_LEFT" in health and "on peer node2" in health
