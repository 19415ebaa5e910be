"""gd2 cluster export, verify, restore, recover: the pool's state in a file, and what to do when a majority of the voters is lost for good.

All but export work on the files of a stopped daemon: they are handed over to the daemon's own program on this machine.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from typing import TYPE_CHECKING, NoReturn

from gd2cli.problems import Problem
from gd2cli.spec import Spec
from gd2cli.words import Grammar, Parsed, Word, WordError

if TYPE_CHECKING:
    from gd2cli.session import Session

CONFIG, AS = Word("config", "text"), Word("as", "text")
DAEMON = "gd2raft"


def export(session: Session, words: Parsed) -> None:
    path = words.name(0)
    if os.path.lexists(path):
        raise there_already(path)
    data = session.client.raw("cluster", "export", query={"consistency": "local" if words.flag("local") else "linearizable"})
    try:
        write_new(path, data)
    except FileExistsError:
        raise there_already(path) from None
    except OSError as error:
        raise Problem(
            f"{path} can't be written: {error.strerror}", hint="nothing is left of it: make room, or name another place, and repeat"
        ) from error
    session.show_data(
        {"file": path, "bytes": len(data)}, lambda done: f"cluster export: {done['bytes']} bytes in {path}: gd2 cluster verify {path}"
    )


def there_already(path: str) -> Problem:
    return Problem(f"{path} is there already: nothing is overwritten", hint="choose another name")


def write_new(path: str, data: bytes) -> None:
    """The file has its name only once it is whole and on the disk. Raises OSError, FileExistsError: nothing is left then."""
    folder = os.path.dirname(path) or "."
    draft = os.path.join(folder, f".gd2-export.{os.getpid()}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        give_name(draft, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
    try:
        sync_folder(folder)
    except OSError:
        os.unlink(path)
        raise


def sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def give_name(draft: str, path: str) -> None:
    """A rename that overwrites nothing. Raises OSError, FileExistsError."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:  # no hard links there (vfat, some network file systems)
        if os.path.lexists(path):
            raise FileExistsError(path) from None
        os.rename(draft, path)


def verify(session: Session, words: Parsed) -> None:
    hand_over(session, "verify", words, words.name(0))


def restore(session: Session, words: Parsed) -> None:
    hand_over(session, "restore", words, words.name(0))


def recover(session: Session, words: Parsed) -> None:
    work, file = words.name(0), words.name(1)
    if work not in ("show", "begin", "follow"):
        raise WordError(f"unexpected word {work!r}", "possible here: show, begin, follow FILE")
    if (work == "follow") != bool(file):
        raise WordError("follow needs a FILE" if work == "follow" else f"{work} takes no FILE")
    hand_over(session, work, words, file)


def hand_over(session: Session, work: str, words: Parsed, file: str = "") -> NoReturn:
    """Become the daemon's program."""
    beside = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), DAEMON)
    program = beside if os.access(beside, os.X_OK) else shutil.which(DAEMON)
    if program is None:
        raise Problem(f"{DAEMON} is not installed on this machine", hint="run this on the peer itself")
    line = [DAEMON, "offline", work, *([file] if file else [])]
    line += [f"--as={words.text('as')}"] if words.text("as") else []
    line += [f"--config={words.text('config')}"] if words.text("config") else []
    line += ["--json"] if session.settings.output == "json" else []
    line += ["--yes"] if session.settings.script else []
    sys.stdout.flush()
    os.execv(program, line)


COMMANDS = {
    "export": Spec(
        Grammar("FILE [local]", names=("FILE",), words=(Word("local"),)),
        "Write the pool's whole state, at one revision, to a new file. local: as the asked peer knows it, also without a quorum. "
        "It holds the passwords of volumes: keep it secret.",
        export,
    ),
    "verify": Spec(
        Grammar("FILE", names=("FILE",), words=(CONFIG,)), "Check an exported file, and show what is in it. Needs no daemon.", verify
    ),
    "restore": Spec(
        Grammar("FILE as PEER [config FILE]", names=("FILE",), words=(AS, CONFIG)),
        "Make a pool of one of an exported file, as PEER (id, name or address) of the exported pool, in an empty state folder. The daemon is "
        "stopped. config: the daemon's configuration file.",
        restore,
    ),
    "recover": Spec(
        Grammar("show | begin | follow FILE [as PEER] [config FILE]", names=("show|begin|follow",), optional=("FILE",), words=(AS, CONFIG)),
        "A majority of the voters is lost FOR GOOD: let one peer go on alone with what it has. On a stopped daemon. show: what its log holds; "
        "begin: go on with it; follow: take part in the pool that went on, with the file that begin has written.",
        recover,
    ),
}
