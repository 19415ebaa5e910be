"""`bench life`: exits non-zero when a file is not there with its checksum, a client saw an error, or anything else that was promised did not hold.

Five peers, a replica 3 volume, files; then two clients go on creating files, and daemons are killed (-9) every few seconds, while bricks are
added, the volume is balanced, the first bricks are emptied and removed, a machine dies and its brick is replaced and healed. At the end
all is left in peace, and every acknowledged file is looked for by a fresh mount and on every brick. What a failing run leaves is kept.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench import arguments, ours
from bench.life import files, phases, tables
from bench.life.files import Ledger, Writer
from bench.life.killer import Killer
from bench.life.orders import Orders
from bench.life.phases import Volume
from bench.life.tables import Outcome, Phase
from bench.namespaces import why_not as no_rig
from bench.proof import proved
from bench.sides import NotDone, wait_for

DISK = Path("/var/tmp")  # a real disk, unlike /tmp on many machines
FILLERS = 4
WRITES_PER_S = 6.0
REST_S, SAME_S = 90.0, 120.0
FILL_S, FILE_S = 120.0, 0.5
"""What writing the first files may take, in all and for each."""
SHOWN_MAX = 10


def main(words: list[str]) -> int:
    options = _options(words)
    return proved(
        "life",
        options,
        f"{options.files} files",
        lambda folder: Life(options, folder).run(),
        cannot=no_rig() or ours.why_not(),
        show=tables.show,
        write_docs=lambda outcome: tables.write_docs(outcome, f"--files {options.files} --seed {options.seed} --every {options.every:g}"),
        as_json=tables.as_json,
    )


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench life", description="A volume's life under a writer and kill -9 of daemons; is every file there with its checksum?"
    )
    parser.add_argument("--files", type=arguments.count, default=10_000, help="in the volume before it begins (default %(default)s)")
    arguments.seed(parser, "of the kills and of the files")
    parser.add_argument("--every", type=arguments.positive, default=3.0, help="seconds between kills, about (default %(default)s)")
    parser.add_argument("--folder", type=Path, default=DISK, help="where bricks, states and logs go (default %(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep that folder in any case")
    arguments.output(parser)
    return parser.parse_args(words)


class Life:
    """One run."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self._options, self._folder = options, folder
        self._ledger = Ledger()
        self._phases: list[Phase] = []
        self._writers: list[Writer] = []
        self._violations: list[str] = []
        self._informed = 0
        self._log = (folder / "life.log").open("a")
        self._killer: Killer
        self._orders: Orders
        self._volume: Volume

    def run(self) -> Outcome:
        seed = str(self._options.seed)
        with contextlib.ExitStack() as stack:
            pool = stack.enter_context(ours.Gd2raft(phases.PEERS_MIN, self._folder, keep=True))
            self._pool = pool
            self._orders = Orders(pool.peers, seed, self._note)
            stack.callback(self._orders.close)
            self._volume = Volume(pool.peers, self._orders, self._say)
            self._volume.create()
            mounts = [phases.mount(peer, "client") for peer in (pool.peers[2], pool.peers[4])]
            self._killer = Killer(pool.peers, f"{seed} killer", self._options.every, self._note)
            stack.callback(self._killer.end)
            self._killer.start()
            self._live(mounts)
            found = self._judge()
        return Outcome(
            self._options.seed,
            self._options.files,
            self._options.every,
            self._phases,
            len(self._ledger.sums),
            self._orders.repeated,
            found,
            self._ledger.errors,
            self._violations,
            self._informed,
            len(mounts),
        )

    def _live(self, mounts: list[Path]) -> None:
        volume = self._volume
        with self._phase("fill"):
            self._fill(mounts)
        self._writers = [Writer(mount, f"w{n}", self._ledger, str(self._options.seed), WRITES_PER_S) for n, mount in enumerate(mounts)]
        for writer in self._writers:
            writer.start()
        try:
            with self._phase("add-brick"):
                volume.add_bricks()
            with self._phase("rebalance"):
                volume.rebalance()
            with self._phase("remove-brick"):
                volume.remove_bricks()
            with self._phase("wait for clients"):
                volume.whole(mounts)
            with self._phase("replace-brick, its peer dead"):
                # A client that takes up a new graph asks the daemon of each brick for its port: with one machine gone, a dead daemon more would
                # leave it one copy of three, and it would be right to fail. It may take that graph up at any time from now on.
                for peer, _ in volume.second:
                    self._killer.leave_alone(peer)
                self._orders.leave_out(volume.doomed)
                phases.kill_machine(volume.doomed)
                volume.replace_dead()
            with self._phase("heal"):
                before = set(self._ledger.sums)
                volume.heal(lambda folder: len(files.lacking(folder, before, self._ledger)))
                self._informed = sum(volume.knows_new_brick(mount) for mount in mounts)
        finally:
            for writer in self._writers:
                writer.end()

    def _fill(self, mounts: list[Path]) -> None:
        for number in range(files.FOLDERS):  # two clients, one with the graph of before add-brick, would make one folder twice (seen)
            (mounts[0] / files.folder(number)).mkdir()
        fillers = []
        for number in range(FILLERS):
            count = self._options.files // FILLERS + (number < self._options.files % FILLERS)
            fillers.append(Writer(mounts[number % len(mounts)], f"f{number}", self._ledger, str(self._options.seed), count=count))
            fillers[-1].start()
        deadline = time.monotonic() + FILL_S + self._options.files * FILE_S
        while any(filler.is_alive() for filler in fillers):
            if time.monotonic() > deadline:
                raise NotDone(f"only {len(self._ledger.sums)} of {self._options.files} files were written in time")
            time.sleep(phases.PROGRESS_S / 5)
            self._note(f"  {len(self._ledger.sums)} files")

    @contextlib.contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        self._say(name)
        killer, orders, volume = self._killer, self._orders, self._volume
        before = killer.kills, orders.given, orders.repeated.total(), volume.moved, len(self._ledger.sums)
        began = time.monotonic()
        yield
        after = killer.kills, orders.given, orders.repeated.total(), volume.moved, len(self._ledger.sums)
        counts = [new - old for new, old in zip(after, before, strict=True)]
        self._phases.append(Phase(name, time.monotonic() - began, *counts))
        self._say(f"{name}: done in {self._phases[-1].seconds:.1f} s, {counts[0]} kills, {counts[2]} times asked again")

    # verdict

    def _judge(self) -> files.Found:
        self._say("daemons are left in peace; judging")
        self._killer.end()
        self._violations += self._killer.violations
        self._volume.doomed.start()
        self._at_rest()
        found = files.compare(phases.mount(self._pool.peers[1], "fresh"), self._ledger)
        for text in [*found.violations(), *self._bricks()]:
            self._violate(text)
        for text in self._ledger.errors:
            self._violate(f"a client saw an error: {text}")
        return found

    def _at_rest(self) -> None:
        try:
            wait_for("the pool is whole and at rest", lambda: not ours.ailments(self._pool.peers), REST_S, every=0.25)
        except NotDone as error:
            self._violate(f"{error}: {ours.ailments(self._pool.peers)}")

    def _bricks(self) -> list[str]:
        """What is not as it should be on the disks of bricks."""
        volume, names = self._volume, set(self._ledger.sums)
        said = []
        for folder in volume.folders(volume.second):
            left: list[str] = list(names)

            def full(folder: Path = folder, left: list[str] = left) -> bool:
                left[:] = files.lacking(folder, left, self._ledger)
                return not left

            try:
                wait_for(f"{folder} holds every file", full, SAME_S, every=1.0)
            except NotDone as error:
                said.append(f"{error}: {len(left)} are not there, such as {sorted(left)[:3]}")
        if strays := volume.strays():
            said.append(f"{len(strays)} files are left on bricks that were removed, such as {sorted(strays)[:3]}")
        if "glusterfsd" in [Path(argv[0]).name for argv in volume.doomed.host.processes().values()]:
            said.append(f"{volume.doomed.host.name} runs a brick again that was replaced")
        return said

    def _violate(self, text: str) -> None:
        self._violations.append(text)
        if len(self._violations) <= SHOWN_MAX:
            self._say(f"VIOLATION: {text}")

    def _say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
        self._note(text)

    def _note(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=self._log, flush=True)
