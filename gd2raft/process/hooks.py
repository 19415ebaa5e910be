"""Scripts of administrators: found in folders, run one after the other as glusterd does, and ended when they take too long.

One that fails, hangs or can't be run is noted in the log, and the next one has its turn: a script changes nothing about a command.
Knows folders and processes, not what an operation is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from gd2raft.process.specs import Log

SCRIPTS_MAX = 100
"""Of one operation; more are left out, and the log says so."""
OUTPUT_BYTES_MAX = 2048
"""So much of what a script says gets into the log."""
END_S = 2.0
"""From SIGTERM to SIGKILL."""


class Scripts:
    """`folder`: HOOKSDIR/1; an operation's scripts are in `folder`/NAME, where NAME is start/pre or the like."""

    def __init__(self, folder: Path, log: Log) -> None:
        self.folder, self._log = folder, log

    def has(self, name: str) -> bool:
        """Whether something is there that may be a script, runnable or not."""
        with contextlib.suppress(OSError):
            return any(entry.startswith("S") for entry in os.listdir(self.folder / name))
        return False

    def found(self, name: str) -> list[Path]:
        """Executable files (or links to some) whose names begin with S, in the order of their names' bytes."""
        try:
            entries = sorted((e for e in os.listdir(self.folder / name) if e.startswith("S")), key=os.fsencode)
        except OSError:
            return []
        scripts = [path for e in entries if (path := self.folder / name / e).is_file() and os.access(path, os.X_OK)]
        if len(scripts) > SCRIPTS_MAX:
            self._log.warning("too many hook scripts", hook=name, found=len(scripts), run=SCRIPTS_MAX)
        return scripts[:SCRIPTS_MAX]

    async def run(self, name: str, words: Sequence[str], environment: Mapping[str, str], *, script_s: float, all_s: float) -> None:
        """Run them all. A script has `script_s`, all of them together `all_s`: what is left then is not begun."""
        deadline = time.monotonic() + all_s
        for path in self.found(name):
            if (left := deadline - time.monotonic()) <= 0:
                self._log.warning("hook script not run: those before it took too long", hook=name, script=path.name, all_s=all_s)
                continue
            await self._run_one(name, path, words, environment, min(script_s, left))

    async def _run_one(self, name: str, path: Path, words: Sequence[str], environment: Mapping[str, str], timeout_s: float) -> None:
        began = time.monotonic()
        output = _Output()
        try:
            process = await asyncio.create_subprocess_exec(
                path,
                *words,
                cwd="/",
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output.end,
                stderr=output.end,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            output.close()
            self._log.warning("hook script can't be run", hook=name, script=path.name, cause=str(error))
            return
        finally:
            output.close_end()
        try:
            outcome = await _ended(process, timeout_s)
        finally:
            said = output.close()
        tell = self._log.info if outcome == "exit 0" else self._log.warning
        ms = round((time.monotonic() - began) * 1000, 1)
        tell("hook script", hook=name, script=path.name, outcome=outcome, words=list(words), output=said, ms=ms)


async def _ended(process: asyncio.subprocess.Process, timeout_s: float) -> str:
    """How it ended. At the deadline, and when the daemon stops, its whole session is ended: its shell alone would leave what it waits for."""
    try:
        async with asyncio.timeout(timeout_s):
            code = await process.wait()
        return f"exit {code}" if code >= 0 else f"killed by signal {-code}"
    except asyncio.CancelledError:
        _signal(process, signal.SIGTERM)
        raise
    except TimeoutError:
        for number in (signal.SIGTERM, signal.SIGKILL):
            _signal(process, number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_S):
                    await process.wait()
                    break
        return f"ended after {timeout_s:.0f} s: it took too long"


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)


class _Output:
    """The reading end of a pipe, emptied as it fills; its beginning is kept. A child that a script leaves behind can't hold anybody by it."""

    def __init__(self) -> None:
        self._from, self.end = os.pipe()
        os.set_blocking(self._from, False)
        self._kept = b""
        self._open = True
        asyncio.get_running_loop().add_reader(self._from, self._read)

    def close_end(self) -> None:
        """Ours of the writing end: the script has its own."""
        if self.end >= 0:
            os.close(self.end)
            self.end = -1

    def close(self) -> str:
        """What was said, as text."""
        if self._open:
            self._read()
            asyncio.get_running_loop().remove_reader(self._from)
            os.close(self._from)
            self._open = False
        return self._kept[:OUTPUT_BYTES_MAX].decode(errors="replace").strip()

    def _read(self) -> None:
        try:
            data = os.read(self._from, 65536)
        except BlockingIOError:
            return
        if data:
            self._kept += data[: max(0, OUTPUT_BYTES_MAX - len(self._kept))]
        else:
            asyncio.get_running_loop().remove_reader(self._from)
