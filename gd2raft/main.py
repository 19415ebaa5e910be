"""`gd2raft`: reads the configuration, starts the daemon, says in one line why it can't."""

from __future__ import annotations

import asyncio
import gc
import sys

from gd2raft.config import ConfigError, load

SWITCH_S = 0.001
"""A thread whose fsync has ended waits at most so long for a busy event loop (Python's default is 5 ms, and a commit waits with it)."""


def main(arguments: list[str] | None = None) -> int:
    """`gd2raft offline ...` works on a stopped one (offline.py). Exit status: 0 stopped, 1 could not start or the disk failed, 2 usage or configuration."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["offline"]:
        from gd2raft.offline import main as offline

        return offline(arguments[1:])
    try:
        config, warnings = load(arguments)
    except ConfigError as error:
        print(f"gd2raft: {error}", file=sys.stderr)
        return 2
    gc.disable()  # until the daemon is up: nearly all that is made before stays, and looking through it for garbage takes a tenth of a start
    import gd2raft.lean  # noqa: F401, I001  (before the others: it keeps their imports small)

    import structlog

    from gd2raft.daemon import CantStart, Daemon
    from gd2raft.logs import set_up

    try:
        set_up(config.logdir, config.logfile, config.loglevel)
    except OSError as error:
        print(f"gd2raft: the log {config.logdir}/{config.logfile} can't be written: {error.strerror}", file=sys.stderr)
        return 1
    log = structlog.get_logger("gd2raft")
    for warning in warnings:
        log.warning("configuration", warning=warning)
    sys.setswitchinterval(SWITCH_S)
    try:
        asyncio.run(Daemon(config).run())
    except CantStart as error:
        log.error("stopped", why=str(error))
        print(f"gd2raft: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
