"""`bench chaos`: so many minutes of faults on real daemons under load; exits non-zero when anything that was promised did not hold.

The order of things: a pool, registers, clients; then fault after fault, with rests in between in which the pool must recover; then all
faults are undone, the pool comes to rest, and everything is checked. What a failing run leaves is kept, and named.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from bench import arguments, report
from bench.chaos import appends, clients, commands, faults, restarts, tables, verdict
from bench.chaos.appends import Appender
from bench.chaos.clients import Book, Client
from bench.chaos.commands import Commander
from bench.chaos.pool import Pool, why_not
from bench.chaos.restarts import Restart
from bench.chaos.tables import Outcome
from bench.door import ANSWER_S
from bench.namespaces import RigError
from bench.namespaces import why_not as no_rig
from bench.sides import NotDone

REST_S = (0.5, 5.0)
TOGETHER = 0.25
"""How often a second fault comes on top of one."""
RECOVER_EVERY = 8
RECOVER_S = 60.0
CLIENTS_PER_PEER = 2
APPENDERS = 3
APPENDS_SHARE = 10
"""An appender writes this part of the rate of the other clients."""
COMMANDS_PER_S = 0.5
SHOWN_MAX = 10
KILL_ALL_KEYS = 100_000


def main(words: list[str]) -> int:
    options = _options(words)
    if reason := no_rig() or why_not():
        print(f"bench chaos: {reason}", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="bench-chaos-", dir=options.folder))
    print(f"seed {options.seed}, {options.peers} peers, {options.minutes:g} min, in {folder}", file=sys.stderr, flush=True)
    try:
        outcome = Chaos(options, folder).run()
    except (NotDone, RigError, OSError) as error:
        print(f"bench chaos: seed {options.seed}: {error}\n  what is left: {folder}", file=sys.stderr)
        return 1
    tables.show(outcome)
    if outcome.violations:
        print(f"seed {options.seed}: {len(outcome.violations)} violations; logs and histories: {folder}", file=sys.stderr)
    elif not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    if options.write_docs:
        tables.write_docs(outcome, options.state, report.commit(), _repeat(options), first=options.first)
    if options.json:
        print(json.dumps(tables.as_json(outcome)))
    return 1 if outcome.violations else 0


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench chaos", description="Faults on real daemons under load, and what became of the promises.")
    parser.add_argument("--minutes", type=arguments.positive, default=1.0, help="of faults (default %(default)s)")
    parser.add_argument("--peers", type=int, choices=(3, 5), default=3, help="daemons (default %(default)s)")
    arguments.seed(parser, "of the faults and of what clients do")
    parser.add_argument(
        "--kill-all", action="store_true", help="only this: kill -9 of all daemons, every few seconds; 100,000 keys in the store"
    )
    parser.add_argument(
        "--every",
        type=arguments.positive,
        default=restarts.EVERY_S,
        help="with --kill-all: seconds of load between kills, about (default %(default)s)",
    )
    parser.add_argument("--keys", type=int, default=None, help="in the store before it begins (default: 0, with --kill-all 100000)")
    parser.add_argument("--rate", type=arguments.positive, default=40.0, help="operations of all clients a second (default %(default)s)")
    parser.add_argument("--only", default="", help="faults whose name contains this word")
    parser.add_argument("--state", choices=("tmpfs", "disk"), default="tmpfs", help="where the state is (disk: no full disks)")
    parser.add_argument("--first", action="store_true", help="the daemons go before all else that runs here: for times on a busy machine")
    parser.add_argument("--folder", default=None, help="where logs go (default: the folder for temporary files)")
    parser.add_argument("--keep", action="store_true", help="keep that folder in any case")
    arguments.output(parser)
    options = parser.parse_args(words)
    if not _choice(options):
        kinds = ", ".join(fault.name for fault in faults.possible(options.peers))
        parser.error(f"no fault is called like {options.only!r} (on {options.peers} peers, state on {options.state}); there are: {kinds}")
    if options.keys is None:
        options.keys = KILL_ALL_KEYS if options.kill_all else 0
    return options


def _repeat(options: argparse.Namespace) -> str:
    """The arguments that make the same run again."""
    words = [f"--minutes {options.minutes:g} --peers {options.peers} --seed {options.seed} --rate {options.rate:g} --state {options.state}"]
    words += [f"--kill-all --every {options.every:g} --keys {options.keys}"] if options.kill_all else []
    words += [f"--only '{options.only}'"] if options.only else []
    return " ".join([*words, *(["--first"] if options.first else [])])


def _choice(options: argparse.Namespace) -> list[faults.Fault]:
    """The faults of this run. (A whole disk of the machine is not filled.)"""
    possible = faults.possible(options.peers)
    return [fault for fault in possible if options.only in fault.name and not (options.state == "disk" and fault.name.startswith("fill"))]


class Chaos:
    """One run."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self._options, self._folder = options, folder
        self._dice = random.Random(options.seed)
        self._faults = _choice(options)
        self._book = Book()
        self._done: Counter[str] = Counter()
        self._violations: list[str] = []
        self._recoveries: list[float] = []
        self._judged = 0
        self._lost = 0
        self._restarts: list[Restart] = []
        self._appenders: list[Appender] = []
        self._commander: Commander
        self._log = (folder / "faults.log").open("a")
        self._began = 0.0

    def run(self) -> Outcome:
        options = self._options
        voters = 5 if options.peers == 5 else 0
        generations = int(options.minutes * 60 // clients.GENERATION_S) + 4
        with Pool(
            options.peers, self._folder, random.Random(options.seed), voters=voters, on_disk=options.state == "disk", first=options.first
        ) as pool:
            pool.wait_healthy()
            clients.create_registers(pool, generations)
            self._fill(pool)
            self._say(f"{options.peers} daemons are up, {generations * clients.REGISTERS} registers")
            self._trouble(pool)
            try:
                self._judge(pool)
            finally:
                self._keep_histories()
        for appender in self._appenders:
            self._book.counts.update(appender.counts())
        return Outcome(
            options.kill_all,
            options.keys,
            options.seed,
            options.minutes,
            options.peers,
            self._done,
            self._book.counts,
            self._violations,
            self._book.odd,
            self._recoveries,
            self._restarts,
            self._lost,
        )

    def _fill(self, pool: Pool) -> None:
        if self._options.keys:
            hosts = [daemon.host for daemon in pool.daemons]
            self._appenders.append(Appender("fill", hosts[0], hosts, pool.pool_key()))
            self._appenders[-1].fill(self._options.keys)
            self._say(f"{self._options.keys} keys are in the store")

    # trouble

    def _trouble(self, pool: Pool) -> None:
        stop, self._began = threading.Event(), time.monotonic()
        threads = self._start_clients(pool, stop)
        end = self._began + 60 * self._options.minutes
        try:
            while time.monotonic() < end:
                self._kill_all(pool) if self._options.kill_all else self._some_faults(pool, end)
        finally:
            stop.set()
            for thread in threads:
                thread.join(clients.GIVE_UP_S + 3 * ANSWER_S)

    def _start_clients(self, pool: Pool, stop: threading.Event) -> list[threading.Thread]:
        count, threads = CLIENTS_PER_PEER * pool.size, []
        for number in range(count):
            seed = f"{self._options.seed} client {number}"
            client = Client(f"c{number}", pool, self._book, number % pool.size, seed, self._options.rate / count, self._began)
            threads.append(threading.Thread(target=client.run, args=(stop,), name=f"client {number}", daemon=True))
        self._commander = Commander(pool, self._book, f"{self._options.seed} commander", COMMANDS_PER_S)
        threads.append(threading.Thread(target=self._commander.run, args=(stop,), name="commander", daemon=True))
        end = self._began + 60 * self._options.minutes
        hosts = [daemon.host for daemon in pool.daemons]
        for host in hosts[:APPENDERS]:
            self._appenders.append(Appender(host.name, host, hosts, pool.pool_key()))
            args = (end, self._options.rate / APPENDS_SHARE)
            threads.append(threading.Thread(target=self._appenders[-1].run, args=args, name="appender", daemon=True))
        for thread in threads:
            thread.start()
        return threads

    def _kill_all(self, pool: Pool) -> None:
        restarts.pause(self._dice, self._options.every)
        self._check_alive(pool)
        self._restarts.append(restarts.kill_all(pool))
        self._done["kill all"] += 1
        self._say(f"kill all: reads after {self._restarts[-1].reads:.2f} s, a commit after {self._restarts[-1].commit:.2f} s")

    def _some_faults(self, pool: Pool, end: float) -> None:
        for _ in range(RECOVER_EVERY):
            if time.monotonic() < end:
                self._one_fault(pool)
        self._recover(pool)

    def _one_fault(self, pool: Pool) -> None:
        time.sleep(self._dice.uniform(*REST_S))
        fault, seconds = faults.throw(self._dice, self._faults)
        try:
            with fault.do(pool, self._dice) as whom:
                self._note(fault, whom, seconds)
                self._last(pool, seconds)
        except (NotDone, RigError, OSError) as error:
            self._violate(f"{fault.name}: {error}")
            pool.network.mend_all()
            for daemon in pool.daemons:
                daemon.mend()
        self._check_alive(pool)

    def _check_alive(self, pool: Pool) -> None:
        for daemon in pool.fallen():
            self._violate(f"{daemon.host.name} ended by itself ({daemon.process.returncode}): {daemon.log_tail()}")
            daemon.start()

    def _last(self, pool: Pool, seconds: float) -> None:
        """Let the fault last, sometimes with another one in the middle of it."""
        if self._dice.random() >= TOGETHER:
            time.sleep(seconds)
            return
        time.sleep(seconds / 3)
        fault, more = faults.throw(self._dice, self._faults)
        if fault.name.split()[0] in ("isolate", "cut", "split", "deafen", "silence", "lose", "delay"):
            with fault.do(pool, self._dice) as whom:
                self._note(fault, whom, more)
                time.sleep(min(more, seconds / 3))
        time.sleep(seconds / 3)

    def _note(self, fault: faults.Fault, whom: str, seconds: float) -> None:
        self._done[fault.name] += 1
        self._say(f"{fault.name}: {whom}, {seconds:.1f} s")

    def _recover(self, pool: Pool) -> None:
        """With everything mended, the pool has to find itself, also under load (revisions then differ from peer to peer)."""
        began = time.monotonic()
        while time.monotonic() < began + RECOVER_S:
            ailments = pool.ailments()
            if not ailments or ailments.startswith("leaders and revisions"):
                self._recoveries.append(time.monotonic() - began)
                return
            time.sleep(0.5)
        self._violate(f"did not recover within {RECOVER_S:g} s: {ailments}")

    # verdict

    def _judge(self, pool: Pool) -> None:
        self._say("everything is mended; judging")
        try:
            pool.wait_healthy()
        except NotDone as error:
            self._violate(str(error))
        generations = int((time.monotonic() - self._began) / clients.GENERATION_S) + 1
        registers = [clients.register_name(g, n) for g in range(generations) for n in range(clients.REGISTERS)]
        found = verdict.read_everywhere(pool, self._book, registers)
        found += self._commander.judge()
        histories = verdict.judge_history(self._book.history())
        self._lost += sum(1 for text in histories if "final: read" in text)
        found += histories
        found += verdict.judge_refused(self._book) + verdict.judge_local_reads(self._book.local)
        pool.wait_healthy()
        for daemon in pool.daemons:
            daemon.kill()
        states = [verdict.state_on_disk(daemon) for daemon in pool.daemons]
        found += verdict.judge_states(states)
        for state in states:
            missing, lost = appends.judge(self._appenders, state.peer, state.values)
            self._lost = max(self._lost, lost)
            found += missing + commands.judge_rest(state.peer, state.values)
        for text in found:
            self._violate(text)

    def _violate(self, text: str) -> None:
        self._violations.append(text)
        if len(self._violations) <= SHOWN_MAX:
            self._say(f"VIOLATION: {text}")

    def _say(self, text: str) -> None:
        line = f"{time.strftime('%H:%M:%S')} {text}"
        print(line, file=sys.stderr, flush=True)
        print(line, file=self._log, flush=True)

    def _keep_histories(self) -> None:
        with (self._folder / "history.txt").open("w") as file:
            file.writelines(f"{operation}\n" for operation in self._book.history())
        with (self._folder / "local-reads.txt").open("w") as file:
            file.writelines(f"{read}\n" for read in self._book.local)
        (self._folder / "violations.txt").write_text("\n\n".join(self._violations))
