"""A command, a step, a route and CLI words from another package, on real daemons that know nothing of it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from pathlib import Path

import pytest
from kit.peer import Peer, Ran
from kit.pool import Pool, open_pool
from kit.waiting import until
from porting_kit import run

XATTR = "trusted.gd2.label"


def label_of(peer: Peer, name: str) -> bytes:
    try:
        return os.getxattr(peer.brick_folder(name), XATTR)
    except OSError:
        return b""


def with_package(peer: Peer, installed: Path, monkeypatch: pytest.MonkeyPatch) -> Peer:
    """Start a daemon that finds the package."""
    monkeypatch.setenv("PYTHONPATH", str(installed))
    return peer.start()


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    with open_pool(2, tmp_path) as made:
        yield made


def test_the_packages_own_tests_pass_where_it_is_installed(source: Path, installed: Path, tmp_path: Path) -> None:
    # A folder of its own: in the usual one pytest would first remove what earlier runs left, which can take minutes.
    words = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(source), "--basetemp", str(tmp_path / "its")]
    command = [sys.executable, "-m", "pytest", *words, "test_label.py"]
    done = run(*command, cwd=source, env={**os.environ, "PYTHONPATH": str(installed)})
    assert " passed" in done.stdout
    assert "failed" not in done.stdout


def test_mypy_checks_a_package_against_our_types(source: Path, tmp_path: Path) -> None:
    words = ["--strict", "--config-file", os.devnull, "--cache-dir", str(tmp_path), "--python-executable", sys.executable]
    run(sys.executable, "-m", "mypy", *words, "gd2_label", cwd=source)


@pytest.mark.real
def test_another_packages_command_is_refused_until_every_concerned_peer_has_its_step_then_it_works_or_is_undone(
    pool: Pool, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = pool.peers
    second.start().ready()
    with_package(first, installed, monkeypatch).ready()
    pool.form()
    pool.made("v1", started=False, replica=2)
    the_words_are_known(first)
    a_peer_without_the_step_is_named(first, second)
    second.kill()
    with_package(second, installed, monkeypatch).ready()
    until(lambda: label(first, "one").code == 0, "the pool has heard that the second peer has the step now")
    assert [label_of(p, "v1") for p in pool.peers] == [b"one", b"one"]
    assert second.get("/v1/volumes/v1")["metadata"] == {"label": "one"}
    a_failure_is_undone(first, second)
    assert "/v1/volumes/{volume}/label" in first.get("/openapi.json")["paths"]


def label(peer: Peer, text: str) -> Ran:
    return peer.gd2("volume", "label", "v1", text)


def the_words_are_known(peer: Peer) -> None:
    assert "Write a label on every brick" in peer.gd2_done("volume", "--help").out
    assert "VOLUME TEXT" in peer.gd2_done("volume", "label", "--help").out
    too_long = peer.call("POST", "/v1/volumes/v1/label", {"label": "x" * 300})
    assert (too_long.status, too_long.code) == (400, "bad-label")


def a_peer_without_the_step_is_named(first: Peer, second: Peer) -> None:
    refused = first.call("POST", "/v1/volumes/v1/label", {"label": "one"})
    assert (refused.status, refused.code) == (400, "old-peer"), refused.message
    assert second.address in refused.message
    assert label_of(first, "v1") == b"", "a refused command has begun"


def a_failure_is_undone(first: Peer, second: Peer) -> None:
    shutil.rmtree(second.brick_folder("v1"))
    failed = first.call("POST", "/v1/volumes/v1/label", {"label": "two"})
    assert failed.status == 500
    assert "is not a brick of this volume" in failed.message
    assert failed.body["errors"][0]["fields"]["peer-id"] == second.id
    assert label_of(first, "v1") == b"one", "the finished step was not undone"
    assert first.get("/v1/volumes/v1")["metadata"] == {"label": "one"}
    assert first.get("/v1/transactions") == []


@pytest.mark.real
def test_a_label_is_undone_everywhere_when_the_daemon_that_was_asked_and_a_peer_are_killed_in_the_middle(
    tmp_path: Path, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_pool(3, tmp_path) as pool:
        for peer in pool.peers:
            with_package(peer, installed, monkeypatch).ready()
        pool.form()
        pool.made("v1", started=False, replica=3)
        first, second, third = pool.peers
        assert label(first, "one").code == 0
        asked = threading.Thread(target=label, args=(first, "two"), daemon=True)
        assert third.process is not None
        third.process.send_signal(signal.SIGSTOP)  # its step can't end, so nothing can be committed
        asked.start()
        until(lambda: [label_of(p, "v1") for p in (first, second)] == [b"two"] * 2, "the peers that run have done their step")
        third.kill()
        first.kill()
        asked.join(30)
        for peer in (first, third):
            peer.start().ready()
        until(lambda: [label_of(p, "v1") for p in pool.peers] == [b"one"] * 3, "every brick has its old label again")
        until(lambda: first.get("/v1/transactions") == [], "the command has ended")
        assert first.get("/v1/volumes/v1")["metadata"] == {"label": "one"}


@pytest.fixture(params=["", "import sys; sys.exit(0)"], ids=["absent", "exits"])
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with an installed package whose module isn't there, or ends whoever imports it."""
    info = tmp_path / "site" / "gd2_broken-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gd2-broken\nVersion: 1.0\n")
    groups = {"gd2raft.commands": "broken", "gd2cli.commands": "volume.broken"}
    (info / "entry_points.txt").write_text("".join(f"[{group}]\n{name} = gd2_broken:THING\n" for group, name in groups.items()))
    if request.param:
        (info.parent / "gd2_broken.py").write_text(request.param)
    return info.parent


@pytest.mark.real
def test_a_broken_package_stops_the_daemon_with_a_line_that_names_it_and_gd2_goes_on_without_it(
    pool: Pool, broken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = pool.peers
    second.start().ready()
    monkeypatch.setenv("PYTHONPATH", str(broken))
    assert first.start().ended() == 1
    last = first.log_tail().strip().splitlines()[-1]
    assert "gd2-broken" in last
    assert "gd2_broken:THING" in last
    assert "Traceback" not in first.log_tail()
    assert "broken" in second.gd2_done("volume", "--help").out
    refused = second.gd2("volume", "broken", "v1")
    assert (refused.code, "Traceback" in refused.err) == (1, False)
    assert "is broken" in refused.err
    second.gd2_done("volume", "list")
