"""The C client and a real daemon: who are you, give me a volume's volfile, tell me when it changes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from c_kit import PROGRAM_S
from kit.peer import PEER_PORT, Peer
from kit.pool import Pool, open_pool

pytestmark = pytest.mark.real

SECRET = b"a secret to join with"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """A pool of one that has a join secret, with a started volume and one that never was."""
    folder = tmp_path_factory.mktemp("p")
    (folder / "secret").write_bytes(SECRET + b"\n")
    with open_pool(1, folder) as pool:
        pool[0].configure(joinsecretfile=str(folder / "secret"))
        pool.start()
        pool.made("v")
        pool.made("new", started=False)
        yield pool


class Client(NamedTuple):
    """The C client, as a member of the pool with this key."""

    program: Path
    peer: Peer
    pool_id: str
    key_file: Path

    def words(self, volume: str, changes: int) -> list[str]:
        return [str(self.program), self.peer.address, str(PEER_PORT), "watch", self.pool_id, str(self.key_file), volume, str(changes)]

    def run(self, volume: str, changes: int = 0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.words(volume, changes), capture_output=True, text=True, timeout=PROGRAM_S)


@pytest.fixture
def client(alone: Pool, c_programs: Path, tmp_path: Path) -> Client:
    identity = json.loads((alone[0].state / "peer.json").read_text())
    (tmp_path / "key").write_text(identity["pool_key"])
    return Client(c_programs / "example_client", alone[0], identity["pool_id"], tmp_path / "key")


def volfile(stream: Iterator[str]) -> tuple[str, str]:
    """(digest, text) of the next one that the client prints."""
    word, digest, _, _, _, size = next(stream).split()
    assert word == "volfile"
    text = ""
    while len(text) < int(size):
        text += next(stream)
    return digest, text


def test_a_c_client_is_given_a_volfile_and_the_next_one_when_an_option_is_set(alone: Pool, client: Client) -> None:
    process = subprocess.Popen(client.words("v", 1), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watchdog = threading.Timer(PROGRAM_S, process.kill)
    watchdog.start()
    try:
        assert process.stdout
        digest, text = volfile(process.stdout)
        assert hashlib.sha256(text.encode()).hexdigest() == digest
        assert f"option remote-host {alone[0].address}\n" in text
        assert "performance/io-cache" not in text
        alone[0].must("POST", "/v1/volumes/new/start")  # another volume: nothing of ours changes
        alone[0].must("POST", "/v1/volumes/v/options", {"options": {"performance.io-cache": "on"}})
        after, changed = volfile(process.stdout)
        assert after != digest
        assert "type performance/io-cache" in changed
        _, said = process.communicate(timeout=PROGRAM_S)
        assert (process.returncode, said) == (0, "")
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        alone[0].must("POST", "/v1/volumes/new/stop")


def test_a_c_client_is_told_why_there_is_no_volfile(alone: Pool, client: Client) -> None:
    alone.made("never", started=False)
    assert client.run("never").stderr.startswith("volume.volfile: not-started: volume never was never started")
    assert client.run("nothing").stderr == "volume.volfile: not-found: there is no volume nothing\n"
    assert client.run("x" * 256).stderr.startswith("volume.volfile: too-large: ")


def test_a_c_client_without_the_key_or_of_another_pool_learns_nothing(client: Client) -> None:
    assert client._replace(pool_id="another").run("v").stderr.startswith("no connection: other-pool: ")
    client.key_file.write_text("00" * 32)
    refused = client.run("v")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("no connection: wrong-key: ")


def test_a_c_client_with_the_join_secret_asks_as_a_prober_does(alone: Pool, client: Client, tmp_path: Path) -> None:
    def ask(secret: bytes) -> subprocess.CompletedProcess[str]:
        (tmp_path / "secret").write_bytes(secret)
        words = [str(client.program), alone[0].address, str(PEER_PORT), "ask", str(tmp_path / "secret")]
        return subprocess.run(words, capture_output=True, text=True, timeout=PROGRAM_S)

    assert ask(b"another secret").stderr.startswith("no connection: wrong-key: ")
    told = ask(SECRET)
    assert told.stdout.splitlines()[:2] == [f"peer {alone[0].id}", f"pool {client.pool_id}"], told.stderr
