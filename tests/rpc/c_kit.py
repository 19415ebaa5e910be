"""The C tree, built once for all workers of a test run, under gcc's sanitizers; and its programs as Python sees them."""

from __future__ import annotations

import fcntl
import struct
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gd2raft.rpc.codegen import schema, vectors, zcbor_tool

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
TREE = DOCS / "rpc" / "c"
BUILD_S, PROGRAM_S = 240.0, 60.0
SANITIZED = "-O0 -g -fsanitize=address,undefined -fno-sanitize-recover=all"

NOW, STRUCTS = schema.read(schema.methods_of("gd2raft.services"), 1)
NAMES = [record.name for record in NOW.records]
FRAMES = {frame.name for frame in NOW.frames}


def committed_vectors() -> dict[tuple[str, str], bytes]:
    return {(name, kind): data for name, kind, data in vectors.parse((DOCS / "wire-vectors.txt").read_text())}


def build(folder: Path) -> Path:
    """The folder with the programs: the first that comes makes them (with -Wall -Wextra -Werror: the Makefile says so)."""
    out = folder / "c-tree"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "c-tree.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (out / "reencode").exists():
            out.mkdir(exist_ok=True)
            zcbor = zcbor_tool.library(zcbor_tool.installed(ROOT / ".dev"))
            words = ["make", "-s", "-C", TREE, f"ZCBOR={zcbor}", f"OUT={out}", f"CFLAGS={SANITIZED}"]
            done = subprocess.run(words, capture_output=True, text=True, timeout=BUILD_S)
            assert done.returncode == 0, done.stdout + done.stderr
    return out


class Reencoder:
    """One C process that reads messages and writes them again. `names`: of its messages, in their order."""

    def __init__(self, program: Path, names: Sequence[str] = NAMES) -> None:
        self._names = names
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def again(self, name: str, data: bytes) -> bytes | None:
        """As C writes it; None when C refuses it. AssertionError with what the sanitizers said when C died of it."""
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        assert stdin and stdout and stderr
        number = len(self._names) if name in FRAMES else self._names.index(name)
        watchdog = threading.Timer(PROGRAM_S, self._process.kill)
        watchdog.start()
        try:
            stdin.write(struct.pack(">II", number, len(data)) + data)
            stdin.flush()
            head = stdout.read(4)
            assert len(head) == 4, f"C died of {name} {data[:200].hex()}: {stderr.read().decode(errors='replace')[-3000:]}"
            (size,) = struct.unpack(">I", head)
            return stdout.read(size) or None
        finally:
            watchdog.cancel()

    def close(self) -> None:
        """Its own end, with the sanitizers' verdict on leaks."""
        _, said = self._process.communicate(timeout=PROGRAM_S)
        assert self._process.returncode == 0, said.decode(errors="replace")[-3000:]


@contextmanager
def c_server(program: Path, folder: Path, key: bytes, pool: str, address: str = "127.14.0.3") -> Iterator[str]:
    """The address of a running example_server, which has to end well."""
    (folder / "key").write_text(key.hex())
    process = subprocess.Popen(
        [program, address, "0", pool, folder / "key", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        port = process.stdout.readline().strip()
        assert port, process.stderr.read() if process.stderr else ""
        yield f"{address}:{port}"
        _, said = process.communicate(timeout=PROGRAM_S)
        assert process.returncode == 0, said[-3000:]
        assert "Sanitizer" not in said
    finally:
        process.kill()
        process.wait()
