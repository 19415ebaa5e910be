"""`bench commands --all`: both languages say the same thing, and a job is over only when every part of it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import commands, every_command, ours, theirs
from bench.every_command import completed
from bench.namespaces import why_not
from bench.orders import Order, Orders
from bench.sides import NotDone

ORDERS = Orders("v")
BRICKS = ["10.77.0.1:/b/x", "10.77.0.2:/b/x"]


@pytest.mark.fast
@pytest.mark.parametrize(
    ("order", "words", "entries", "request_"),
    [
        (
            ORDERS.add_bricks(BRICKS),
            "volume add-brick v 10.77.0.1:/b/x 10.77.0.2:/b/x force",
            {"bricks": " 10.77.0.1:/b/x 10.77.0.2:/b/x ", "count": "2", "force": "1"},
            ("POST", "/v1/volumes/v/expand", {"bricks": BRICKS, "force": True}),
        ),
        (
            ORDERS.remove_bricks(BRICKS, "force"),
            "volume remove-brick v 10.77.0.1:/b/x 10.77.0.2:/b/x force",
            {"brick1": BRICKS[0], "brick2": BRICKS[1], "command": "5", "count": "2"},
            ("POST", "/v1/volumes/v/remove-brick/commit", {"bricks": BRICKS, "force": True}),
        ),
        (
            ORDERS.remove_bricks(BRICKS, "stop"),
            "volume remove-brick v 10.77.0.1:/b/x 10.77.0.2:/b/x stop",
            {"command": "3", "rebalance-command": "2"},
            ("POST", "/v1/volumes/v/remove-brick/stop", {"bricks": BRICKS}),
        ),
        (
            ORDERS.replace_brick(*BRICKS),
            "volume replace-brick v 10.77.0.1:/b/x 10.77.0.2:/b/x commit force",
            {"src-brick": BRICKS[0], "dst-brick": BRICKS[1], "operation": "GF_REPLACE_OP_COMMIT_FORCE"},
            (
                "POST",
                "/v1/volumes/v/replacebrick",
                {"src-peerid": "10.77.0.1", "src-brickpath": "/b/x", "dst-peerid": "10.77.0.2", "dst-brickpath": "/b/x", "force": True},
            ),
        ),
        (
            ORDERS.quota("limit"),
            "volume quota v limit-usage / 1GB",
            {"type": "3", "path": "/", "hard-limit": "1GB"},
            ("POST", "/v1/quota/v/limit", {"path": "/", "size": "1GB"}),
        ),
    ],
)
def test_an_order_says_the_same_in_both_languages(order: Order, words: str, entries: dict[str, str], request_: ours.Json) -> None:
    assert order.words == words
    assert ({"volname": "v"} | entries).items() <= order.rpc[1].items()
    assert list(order.rest) == [request_]


@pytest.mark.fast
def test_a_job_is_over_when_every_part_is_and_a_failed_one_fails_the_benchmark() -> None:
    assert completed({"status-1": "3", "status-2": "3"}) and completed({"status": "completed"})
    assert not completed({"status-1": "3", "status-2": "1"}) and not completed({"status": "in progress"})
    assert not completed({}) and not completed(None)
    for failed in ({"status-1": "3", "status-2": "4"}, {"status": "failed"}):
        with pytest.raises(NotDone, match="a job failed"):
            completed(failed)


@pytest.mark.real
@pytest.mark.timeout(400)
@pytest.mark.skipif(bool(why_not() or ours.why_not()), reason="needs root and this package installed")
def test_a_round_of_every_command_is_done_by_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["--all", "--only", "ours", "--rounds", "1", "--folder", str(tmp_path)]) == 0
    shown = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()]
    assert shown[1:] == list(every_command.NAMES)


@pytest.mark.real
@pytest.mark.timeout(400)
@pytest.mark.skipif(bool(why_not() or theirs.why_not()), reason="needs root and glusterd")
def test_questions_to_the_real_glusterd_are_answered(tmp_path: Path) -> None:
    with theirs.RealGlusterd(1, tmp_path) as side:
        brick = side.hosts[0].folder / "bricks" / "v"
        words = f"volume create v {side.hosts[0].address}:{brick} force"
        side.connection.command(
            words, 4, {"volname": "v", "type": "0", "count": "1", "bricks": f" {words.split()[3]} ", "transport": "tcp", "force": "1"}
        )
        listed, got = every_command.tell(side, ORDERS.list()), every_command.tell(side, ORDERS.get("performance.cache-size"))
    assert json.loads(json.dumps(listed))["volume0"] == "v"
    assert isinstance(got, dict) and "32MB" in got["value1"]
