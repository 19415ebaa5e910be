"""Command lines, names of files, back-off, log lines: everything of the process room that touches no process."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gd2raft.process.backoff import Backoff
from gd2raft.process.command import CommandLine, Places, launch_of, parse_command_line
from gd2raft.process.logtail import first_errors
from gd2raft.process.specs import BrickSpec, ServiceSpec, Timing

pytestmark = pytest.mark.fast

PLACES = Places("/run/gd2raft", "/var/log/gd2raft", "/run/gd2raft-0123")


def brick(**changes: object) -> BrickSpec:
    values = {
        "volume": "rep3",
        "brick_path": "/bricks/rep3/b 1",
        "volfile_id": "rep3.node1.bricks-rep3-b 1",
        "host": "10.0.0.1",
        "peer_id": "id-of-the-peer",
        "bind_address": "10.0.0.1",
    }
    return BrickSpec(**(values | changes))  # type: ignore[arg-type]


def running(spec: BrickSpec | ServiceSpec, port: int = 50000) -> CommandLine:
    line = parse_command_line(["/usr/sbin/glusterfsd", *launch_of(spec, PLACES).command_line(port)])
    assert line is not None
    return line


def test_a_brick_gets_the_arguments_that_glusterd_gives_and_its_own_address() -> None:
    words = launch_of(brick(), PLACES).command_line(52044)
    pairs = list(pairwise(words))
    for expected in (
        ("-s", "10.0.0.1"),
        ("--volfile-server-port", "24007"),
        ("--volfile-id", "rep3.node1.bricks-rep3-b 1"),
        ("--brick-name", "/bricks/rep3/b 1"),
        ("-l", "/var/log/gd2raft/bricks/bricks-rep3-b 1.log"),
        ("--xlator-option", "*-posix.glusterd-uuid=id-of-the-peer"),
        ("--process-name", "brick"),
        ("--brick-port", "52044"),
        ("--xlator-option", "rep3-server.listen-port=52044"),
        ("--xlator-option", "rep3-server.transport.socket.bind-address=10.0.0.1"),
    ):
        assert expected in pairs


def test_a_service_gets_its_client_pid_and_options_and_no_port() -> None:
    spec = ServiceSpec(
        name="shd/rep3",
        process_name="glustershd",
        host="h",
        client_pid=-6,
        log_file="glustershd.log",
        xlator_options=("*replicate*.node-uuid=u",),
    )
    words = launch_of(spec, PLACES).command_line(0)
    assert "--client-pid=-6" in words and "--brick-port" not in words
    assert words[words.index("-p") + 1] == "/run/gd2raft/shd/rep3/rep3-shd.pid"
    assert words[words.index("--xlator-option") + 1] == "*replicate*.node-uuid=u"


def test_a_service_that_signs_in_gets_its_port_where_it_asks_for_it() -> None:
    spec = ServiceSpec(
        name="snapd/v",
        process_name="snapd",
        host="h",
        log_file="snaps/v/snapd.log",
        brick_name="snapd-v",
        xlator_options=("v-server.listen-port={port}",),
    )
    words = launch_of(spec, PLACES).command_line(49999)
    assert "v-server.listen-port=49999" in words and ("--brick-port", "49999") in set(pairwise(words))
    assert spec.program == "glusterfsd" and running(spec).is_as(launch_of(spec, PLACES))


def test_a_brick_path_that_looks_like_a_placeholder_stays_as_it_is() -> None:
    words = launch_of(brick(brick_path="/bricks/{port}"), PLACES).command_line(50001)
    assert "/bricks/{port}" in words


@pytest.mark.parametrize(
    "changes",
    [{"host": "10.0.0.2"}, {"volfile_id": "other"}, {"bind_address": ""}, {"peer_id": "x"}, {"volume": "v2"}, {"port_of_daemon": 24017}],
)
def test_a_brick_that_would_serve_something_else_after_a_restart_is_not_as_wanted(changes: dict[str, object]) -> None:
    assert not running(brick()).is_as(launch_of(brick(**changes), PLACES))


def test_a_brick_on_any_port_and_with_other_extra_arguments_is_as_wanted() -> None:
    assert running(brick(), port=60000).is_as(launch_of(brick(extra=("--log-level=DEBUG",)), PLACES))


def test_a_brick_goes_on_under_the_volfile_id_that_its_peers_former_name_gave_it() -> None:
    renamed = brick(volfile_id="rep3.node9.bricks-rep3-b 1", volfile_ids_before=(brick().volfile_id,))
    assert running(brick()).is_as(launch_of(renamed, PLACES))
    assert "rep3.node9.bricks-rep3-b 1" in launch_of(renamed, PLACES).command_line(50000), "a new start uses the present one"
    assert not running(brick(volfile_id="rep3.node7.bricks-rep3-b 1")).is_as(launch_of(renamed, PLACES))


def test_paths_that_differ_only_in_dashes_have_different_pid_files_and_sockets() -> None:
    one, other = (launch_of(brick(brick_path=path), PLACES) for path in ("/a/b-c", "/a-b/c"))
    assert one.pid_file != other.pid_file and one.socket != other.socket


def test_names_of_files_stay_below_the_limits_for_a_very_long_brick_path() -> None:
    launch = launch_of(brick(brick_path="/" + "/".join(["ä" * 100] * 20)), PLACES)
    for path in (launch.pid_file, launch.log_file):
        assert len(path.rpartition("/")[2].encode()) < 255


def test_a_rundir_too_long_for_a_socket_moves_the_sockets_and_only_them() -> None:
    places = Places("/r" * 60, "/log", "/run/gd2raft-0123")
    launch = launch_of(brick(), places)
    assert launch.socket.startswith("/run/gd2raft-0123/") and launch.pid_file.startswith("/r/r/")


def test_a_daemon_does_not_own_the_processes_of_one_whose_rundir_lies_in_its_own_or_beside_it() -> None:
    assert PLACES.owns(PLACES.pid_file(brick()))
    assert not PLACES.owns("/run/gd2raft/peer2/vols/rep3/b1.pid")
    assert not PLACES.owns("/run/gd2raft2/vols/rep3/b1.pid")
    assert not PLACES.owns("")


@pytest.mark.parametrize(
    "words",
    [[], [""], ["python3", "-p", "/run/gd2raft/vols/v/b.pid"], ["/usr/bin/glusterd"]],
)
def test_a_command_line_of_something_else_is_nobody(words: list[str]) -> None:
    assert parse_command_line(words) is None


@pytest.mark.parametrize("port", ["", "x", "-1", "123456", "٣"])
def test_a_command_line_with_a_broken_port_has_none(port: str) -> None:
    line = parse_command_line(["glusterfsd", "--brick-port", port])
    assert line is not None and line.port == 0


def test_a_command_line_that_ends_after_a_flag_is_read_without_it() -> None:
    line = parse_command_line(["glusterfsd", "-p"])
    assert line is not None and line.pid_file == ""


def test_back_off_doubles_to_its_maximum_and_starts_anew_after_a_stable_run() -> None:
    backoff = Backoff(Timing(backoff_first_s=0.2, backoff_max_s=60, stable_s=60))
    delays = [backoff.failed(0, ran_s=0) for _ in range(100)]
    assert delays[:4] == pytest.approx([0.2, 0.4, 0.8, 1.6]) and delays[-1] == 60
    assert backoff.failed(0, ran_s=60) == pytest.approx(0.2)
    assert backoff.left_s(0.1) == pytest.approx(0.1) and backoff.left_s(5) == 0


def test_the_first_errors_of_a_log_are_the_cause_and_what_follows_from_them_is_left_out() -> None:
    log = (
        "[2024-01-01 10:00:00.000001 +0000] I [MSGID: 100030] [glusterfsd.c:2767:main] 0-x: Started\n"
        "[2024-01-01 10:00:00.000002 +0000] E [MSGID: 138001] [index.c:2427:init] 0-v-index: Failed to find parent dir (/b). [No such file]\n"
        "[2024-01-01 10:00:00.000003 +0000] E [MSGID: 101019] [xlator.c:640:xlator_init] 0-v-index: Initialization of volume failed. [{}]\n"
        "[2024-01-01 10:00:00.000004 +0000] E [MSGID: 101176] [graph.c:765:glusterfs_graph_activate] 0-graph: init failed \n"
        "garbage\n[E\n"
    )
    assert first_errors(log) == "Failed to find parent dir (/b). [No such file]"


def test_an_error_that_only_follows_from_others_is_better_than_none() -> None:
    assert first_errors("[t] E [graph.c:1:f] 0-graph: init failed") == "init failed"
