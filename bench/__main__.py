"""`python -m bench NAME [options]`: the benchmarks by name. A benchmark is a module with `main(arguments) -> exit code`."""

from __future__ import annotations

import importlib
import signal
import sys
from types import FrameType

BENCHMARKS = {
    "commands": ("bench.commands", "create, start, set, info, stop, delete of a volume (--all: the others), against the real glusterd"),
    "volfiles": ("bench.volfiles", "random volumes, options and commands: volume info and volfiles equal to the real glusterd's"),
    "sim": ("bench.sim", "the store on a simulated clock, network and disk: thousands of lives, and bugs planted to be found"),
    "peers": ("bench.peers", "a pool of many real daemons: forming, cost of commands, spread, deaths (--glusterd: of the real glusterd)"),
    "tree": ("bench.tree", "10,000 peers, simulated: how a change and the news of a lost peer go through the tree"),
    "multiplex": ("bench.multiplex", "many bricks: a process for each, or one for all of them (the real glusterd can do both)"),
    "commit": ("bench.commit", "commits of three daemons with fsync, against etcd"),
    "life": ("bench.life.run", "a volume with files is grown, balanced, shrunk and repaired under a writer and kill -9 of daemons"),
    "space": ("bench.space.run", "volumes by size come, grow and go under kill -9 of daemons: do the books say what the disks say?"),
    "openapi": ("bench.openapi.run", "schemathesis on both descriptions of REST: is it what it says?"),
    "chaos": ("bench.chaos.run", "kills, cuts, slow links and broken disks on real daemons under load: is what was promised kept?"),
}


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: bench NAME [--json] [options]\n")
        for name, (_, about) in BENCHMARKS.items():
            print(f"  {name:10} {about}")
        return 0 if arguments else 2
    if arguments[0] not in BENCHMARKS:
        print(f"bench: no benchmark {arguments[0]!r}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _end)  # so that what a benchmark set up is taken down
    try:
        return int(importlib.import_module(BENCHMARKS[arguments[0]][0]).main(arguments[1:]))
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
