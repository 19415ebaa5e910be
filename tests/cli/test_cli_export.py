"""gd2 cluster export: a file that is there is whole, also when the disk is full or somebody else makes it meanwhile."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_kit import Cli, Peer, Raw

DATA = bytes(range(256)) * 256


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs with less space than an export needs."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={len(DATA) // 2}", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def exports(peer: Peer) -> Peer:
    peer.answers["GET /v1/cluster/export"] = Raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(DATA), DATA))
    return peer


@pytest.mark.real
def test_an_export_that_finds_no_space_leaves_nothing_and_can_be_repeated(gd2: Cli, exports: Peer, small: Path) -> None:
    file = small / "pool.export"
    for _ in range(2):
        failed = gd2("cluster", "export", str(file), peers=exports)
        assert failed.code == 1
        assert f"{file} can't be written: No space left on device" in failed.err
        assert list(small.iterdir()) == []
    subprocess.run(["mount", "-o", f"remount,size={len(DATA) * 2}", small], check=True)
    assert gd2("cluster", "export", str(file), peers=exports).code == 0
    assert file.read_bytes() == DATA
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(small.iterdir()) == [file]


def test_a_file_that_somebody_makes_meanwhile_is_not_overwritten(gd2: Cli, exports: Peer, tmp_path: Path) -> None:
    file = tmp_path / "pool.export"
    answer = exports.answers["GET /v1/cluster/export"]

    def makes_it_first(_seen: object) -> Raw:
        file.write_text("theirs")
        assert isinstance(answer, Raw)
        return answer

    exports.answers["GET /v1/cluster/export"] = makes_it_first
    failed = gd2("cluster", "export", str(file), peers=exports)
    assert failed.code == 1
    assert "is there already" in failed.err
    assert file.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [file]
