"""gd2 as a process: what it imports, closed pipes, full disks, terminals, Ctrl-C."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
from cli_kit import DEADLINE_S, ENTRY, PEER_1, ROOT, SECRET, Peer, gd2_process, peer_info, volume_info

HEAVY = {"rich", "yaml", "aiohttp", "jwt", "cryptography", "asyncio", "msgspec", "gd2raft", "http.client", "ssl", "importlib.metadata"}


def modules_after(line: str) -> set[str]:
    source = f"import sys; from gd2cli.main import main; main({line.split()!r}); print('modules:', *sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=DEADLINE_S, cwd=ROOT, stdin=subprocess.DEVNULL
    )
    return set(run.stdout.rpartition("modules:")[2].split())


@pytest.mark.parametrize("line", ["--help", "volume --help", "volume create --help", "peer list --help", "health --help"])
def test_help_imports_nothing_heavy(line):
    loaded = modules_after(line)
    assert "click" in loaded
    assert loaded & HEAVY == set()


def test_a_request_imports_nothing_heavy():
    loaded = modules_after("--endpoints http://127.17.0.9:1 --secret x volume list")
    assert "http.client" in loaded
    assert loaded & {"rich", "yaml", "aiohttp", "jwt", "cryptography", "asyncio", "msgspec", "gd2raft"} == set()


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    with gd2_process("--version") as process:
        assert process.communicate(timeout=DEADLINE_S) == (f"gd2 {version('gd2raft')}\n", "")
        assert process.returncode == 0


def test_a_reader_that_goes_away_ends_us_quietly(peer):
    peer.answers["GET /v1/peers"] = (200, [peer_info(f"id-{i}", f"node{i}") for i in range(5000)])
    with gd2_process("--endpoints", peer.url, "peer", "list") as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(DEADLINE_S) == 141
        assert process.stderr.read() == ""


def test_a_full_disk_under_stdout_is_a_failure(peer):
    peer.answers["GET /v1/peers"] = (200, [peer_info()])
    with open("/dev/full", "w") as full, gd2_process("--endpoints", peer.url, "peer", "list", stdout=full) as process:
        assert process.communicate(timeout=DEADLINE_S)[1] == "gd2: the result can't be written: No space left on device\n"
        assert process.returncode == 1


def test_closed_output_breaks_nothing(peer):
    peer.answers["GET /v1/peers"] = (200, [peer_info()])
    command = f"exec {sys.executable} -c 'from gd2cli.main import main; raise SystemExit(main())' --endpoints {peer.url} --secret {SECRET} peer list >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], timeout=DEADLINE_S, cwd=ROOT, stdin=subprocess.DEVNULL).returncode == 0


def test_letters_that_the_terminal_can_not_show_break_nothing(peer):
    peer.answers["GET /v1/peers"] = (200, [peer_info(name="nöde")])
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    with gd2_process("--endpoints", peer.url, "peer", "list", env=environment) as process:
        out, err = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, err) == (0, "")
    assert "n\\xf6de" in out


@pytest.mark.parametrize(("line", "told"), [("volume start v1", "it may be done all the same"), ("volume list", "interrupted")])
def test_ctrl_c_ends_with_130_and_says_whether_something_may_have_been_done(peer, line, told):
    arrived = threading.Event()

    def hang(seen: object) -> object:
        arrived.set()
        return peer.hang(seen)

    peer.answers["POST /v1/volumes/v1/start"] = peer.answers["GET /v1/volumes"] = hang
    with gd2_process("--endpoints", peer.url, *line.split()) as process:
        assert arrived.wait(DEADLINE_S)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    assert told in err
    assert "Traceback" not in err


def on_terminal(peer: Peer, *words: str, keys: bytes = b"", env: dict[str, str] | None = None, sign: bytes = b"") -> tuple[int, str]:
    """Run gd2 on a terminal of its own: (exit code, what was seen on it). `sign`: once it is seen, the peer's hanging answers end."""
    ours, theirs = pty.openpty()
    options = {"stdin": theirs, "stdout": theirs, "stderr": theirs, "start_new_session": True, "env": {"TERM": "xterm", **(env or {})}}
    with gd2_process("--endpoints", peer.url, *words, **options) as process:
        os.close(theirs)
        os.write(ours, keys)
        seen = b""
        while part := read_terminal(ours):
            seen += part
            if sign and sign in seen:
                peer.released.set()
        code = process.wait(DEADLINE_S)
    os.close(ours)
    return code, seen.decode()


def read_terminal(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except OSError:  # EIO: the other side is closed
        return b""


DESTRUCTIVE = {
    "volume stop v1": ("POST /v1/volumes/v1/stop", (200, volume_info())),
    "volume delete v1": ("DELETE /v1/volumes/v1", (204, None)),
    "volume reset v1": ("DELETE /v1/volumes/v1/options", (200, volume_info())),
    "peer detach node2": ("DELETE /v1/peers/node2", (204, None)),
}


@pytest.mark.parametrize("line", DESTRUCTIVE)
def test_what_takes_something_away_is_asked_for_on_a_terminal(make_peer: Callable[..., Peer], line: str):
    peer = make_peer()
    request, reply = DESTRUCTIVE[line]
    peer.answers[request] = reply
    code, seen = on_terminal(peer, *line.split(), keys=b"n\n")
    assert (code, peer.seen) == (1, [])
    assert "(y/n)" in seen and "nothing was done" in seen
    code, seen = on_terminal(peer, *line.split(), keys=b"y\n")
    assert (code, len(peer.seen)) == (0, 1), seen
    for quiet in ("-y", "--mode=script"):
        code, seen = on_terminal(peer, *line.split(), quiet)
        assert code == 0 and "(y/n)" not in seen


@pytest.mark.parametrize("line", [*DESTRUCTIVE, "volume quota v1 disable", "transaction abort t1"])
@pytest.mark.parametrize("stdin", ["</dev/null", "<&-", "< <(:)"])
def test_an_empty_or_closed_input_is_no_yes(peer: Peer, line: str, stdin: str):
    command = f'exec "$@" {line} {stdin}'
    words = [sys.executable, "-c", ENTRY, "--endpoints", peer.url, "--secret", SECRET]
    done = subprocess.run(["bash", "-c", command, "gd2", *words], timeout=DEADLINE_S, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, peer.seen) == (1, []), done.stderr
    assert "nothing was done" in done.stderr and "-y (or --mode=script)" in done.stderr


def test_colour_is_for_terminals_and_for_those_who_want_it(peer, gd2):
    peer.answers["GET /v1/peers"] = (200, [peer_info(PEER_1, online=False)])
    assert "\x1b[31mOffline\x1b[0m" in on_terminal(peer, "peer", "list")[1]
    assert "\x1b" not in on_terminal(peer, "peer", "list", env={"NO_COLOR": "1"})[1]
    assert "\x1b" not in gd2("peer", "list", peers=peer).out


def test_long_work_is_seen_to_go_on_on_a_terminal(peer):
    def slow(seen: object) -> tuple[int, object]:
        peer.released.wait(DEADLINE_S)
        return 200, volume_info()

    peer.answers["POST /v1/volumes/v1/start"] = slow
    code, seen = on_terminal(peer, "volume", "start", "v1", sign=b"s ...")
    assert code == 0
    assert "\rvolume start: " in seen
