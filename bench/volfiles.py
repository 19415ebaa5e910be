"""`bench volfiles`: random volumes live the same life on the real glusterd and on gd2raft; after every command both must agree.

They agree when both accept or both refuse, and when `volume info` and every volfile are equal afterwards. A case is its seed; a case
that differs is made shorter (commands that it doesn't need are left out) and printed with the command that replays it.
Where we differ on purpose is said in volfile_compare.INTENDED, and counted.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import http.client
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import arguments, ours, report, theirs
from bench.glusterd_rpc import GlusterdBroken
from bench.namespaces import why_not as why_no_rig
from bench.volfile_cases import VOLUME, Case, Seen, Words
from bench.volfile_compare import (
    HALF_WRITTEN,
    INTENDED,
    ONE_DEBUG_XLATOR,
    REFUSED_ALIKE,
    Before,
    asked_xlators,
    intended,
    seen_differences,
    volfile_differences,
    volfiles_meant_to_differ,
)
from bench.volfile_sides import Ours, Outcome, Theirs
from gd2raft.core.options import OptionTable
from gd2volgen.tables import option_table

PEERS = 3
DISK = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path("/tmp")
SHOWN_MAX = 8
SHRINKS_MAX = 25
REVIVALS_MAX = 4


@dataclass
class Tally:
    """What happened, over all cases."""

    cases: int = 0
    commands: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    volfiles: int = 0
    deviations: Counter[str] = field(default_factory=Counter)
    deaths: int = 0
    parted: int = 0
    different: list[int] = field(default_factory=list)


@dataclass
class Life:
    """One case as it went: the commands, and the differences after the last of them."""

    words: list[Words]
    differences: list[str]


class Pair:
    """Both sides, and what both must agree on."""

    def __init__(self, their: Theirs, our: Ours, tally: Tally, verbose: bool = False) -> None:
        self.their, self.our, self.tally, self.verbose = their, our, tally, verbose
        self._lives = 0
        self._dead: list[str] = []  # volumes that glusterd died with
        self._used_all = False
        self._xlators: frozenset[str] = frozenset()  # of the volume, as glusterd had it before the command
        self._before = Seen()  # the volume, before the command

    def live(self, commands: Case | list[Words]) -> Life:
        """Until the first difference, or the end. The volume is gone afterwards."""
        self._lives += 1
        self._xlators, self._before = frozenset(), Seen()
        name = f"v{self._lives}"  # short: glusterd 10.3 fails to create a thin arbiter when its bricks have long names
        life = Life([], [])
        given = iter([] if isinstance(commands, Case) else commands)
        seen, leaving = Seen(), ""
        try:
            while True:
                known = replace(seen, options={**seen.options, **({"leaving": leaving} if leaving else {})})
                words = commands.next(known) if isinstance(commands, Case) else next(given, None)
                if words is None:
                    return life
                life.words.append(words)
                theirs_said, life.differences = self._step(tuple(word.replace(VOLUME, name) for word in words))
                if life.differences:
                    life.differences = [text.replace(name, VOLUME) for text in life.differences]
                    return life
                if words[0] == "remove-brick" and theirs_said.accepted:
                    leaving = " ".join(words[2:-1]) if words[-1] == "start" else ""
                seen = self._template(self.their.seen(name), name)
        except GlusterdBroken:
            self._dead.append(name)
            raise
        finally:
            if name not in self._dead:
                self._clean(name)

    def _template(self, seen: Seen, name: str) -> Seen:
        return replace(seen, bricks=tuple(brick.replace(name, VOLUME) for brick in seen.bricks))

    def _step(self, words: Words) -> tuple[Outcome, list[str]]:
        self._used_all = self._used_all or words[1] == "all"
        name = words[1]
        if self.verbose:
            print(f"  {' '.join(words)}", file=sys.stderr)
        first, second = self.their.run(words), self.our.run(words)
        self.tally.commands[words[0]] += 1
        self.tally.refused[words[0]] += not first.accepted
        if first.accepted != second.accepted or any(text in second.text for text in REFUSED_ALIKE):  # one side leaves half of it done
            if (meant := intended(words, first, second, Before(self._xlators, self._before.options))) is None:
                return first, [f"glusterd {_said(first)}; ours {_said(second)}"]
            self.tally.deviations[meant.why] += 1
            if meant.parts:
                raise Parted(words)
            if first.accepted and words[1] != "all":
                self._take_back(words)
        if words[1] == "all":
            return first, []
        seen = self.their.seen(name)
        found = list(seen_differences(seen, self.our.seen(name)))
        if found and first.accepted != second.accepted:
            raise Parted(words)
        if not found and seen.state:
            files = self.their.volfiles(name)
            self.tally.volfiles += len(files)
            self._xlators = asked_xlators(files)
            found = list(volfile_differences(files, self.our.volfiles(name)))
            if found and (why := volfiles_meant_to_differ(seen, first, second)):
                self.tally.deviations[why] += 1
                raise Parted(words)
        self._before = seen
        return first, found

    def _take_back(self, words: Words) -> None:
        """What only glusterd took is taken from it again, so that the life goes on; where that fails, the sides are seen to differ."""
        name = words[1]
        if words[0] == "create":
            self.their.run(("delete", name))
        if words[0] == "set":
            old, new = self._before.options, self.their.seen(name).options
            for option in sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)):
                self.their.run(("set", name, option, old[option]) if option in old else ("reset", name, option, "force"))

    def _clean(self, name: str) -> None:
        for side in (self.their, self.our):
            if side.seen(name).state == "Started":
                said = side.run(("stop", name))
                if not said.accepted and side.seen(name).state == "Started":
                    said = side.run(("stop", name, "force"))
            if side.seen(name).state:
                said = side.run(("delete", name))
                if not said.accepted:
                    print(f"  {type(side).__name__}: {name} stays: {said.text[:200]}", file=sys.stderr)
        if self._used_all:
            self.their.run(("reset", "all", "force"))
            self._used_all = False

    def shrink(self, life: Life) -> Life:
        """The same kind of difference with fewer commands."""
        kind = _kind(life.differences[0])
        tries, at = 0, len(life.words) - 2
        while at > 0 and tries < SHRINKS_MAX:
            tries += 1
            with contextlib.suppress(Parted):
                shorter = self.live([w for n, w in enumerate(life.words) if n != at])
                if shorter.differences and _kind(shorter.differences[0]) == kind:
                    life = shorter
            at = min(at - 1, len(life.words) - 2)
        return life


class Parted(Exception):
    """The sides differ on purpose, so they can't be compared any more: this life ends here."""


def _kind(difference: str) -> str:
    return difference.split("=")[0][:60]


def _said(outcome: Outcome) -> str:
    return "accepted" if outcome.accepted else f"refused ({outcome.text[:300]})"


def run_cases(pair: Pair, seeds: Iterable[int], shrink: bool) -> None:
    table = option_table()
    for seed in seeds:
        began = time.monotonic()
        life = _lived(pair, seed, table)
        pair.tally.cases += 1
        if life.differences:
            pair.tally.different.append(seed)
            short = pair.shrink(life) if shrink else life
            print(f"case {seed} differs (replay: ./dev bench volfiles --case {seed}):")
            for words in short.words:
                print(f"    {' '.join(words)}")
            for text in short.differences[:SHOWN_MAX]:
                print(f"  -> {text}")
            sys.stdout.flush()
        if pair.tally.cases % 10 == 0:
            took = time.monotonic() - began
            print(f"  {pair.tally.cases} cases, {len(pair.tally.different)} different, last {took:.1f} s", file=sys.stderr, flush=True)


def _lived(pair: Pair, seed: int, table: OptionTable) -> Life:
    """Once more, when glusterd died under the case: what it did with the last command can't be known."""
    for _ in range(REVIVALS_MAX):
        try:
            return pair.live(Case(seed, table))
        except Parted:
            pair.tally.parted += 1
            return Life([], [])
        except GlusterdBroken as error:
            pair.tally.deaths += 1
            print(f"  case {seed}: {error}: {'; '.join(pair.their.pool.revive())}; once more", file=sys.stderr)
    raise GlusterdBroken(f"case {seed}: glusterd died {REVIVALS_MAX} times")


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="bench volfiles", description="Random volumes on glusterd and on ours: everything equal?")
    options.add_argument("--random", type=arguments.count, default=50, metavar="N", help="number of random cases [50]")
    options.add_argument("--seed", type=int, default=1, help="seed of the first case; the next ones count up from it [1]")
    options.add_argument("--case", type=int, help="one case, by its seed")
    options.add_argument("--no-shrink", action="store_true", help="show a case that differs as it was")
    options.add_argument("--verbose", action="store_true", help="every command as it is given")
    arguments.output(options, "put the figures into docs/")
    options.add_argument("--folder", type=Path, default=DISK, help=f"where both sides have their state [{DISK}]")
    return options


def main(words: list[str]) -> int:
    options = parser().parse_args(words)
    if blocked := [reason for reason in (why_no_rig(), ours.why_not(), theirs.why_not()) if reason]:
        print(f"bench volfiles: can't run: {'; '.join(blocked)}", file=sys.stderr)
        return 2
    try:
        return _run(options)
    except (RuntimeError, OSError, http.client.HTTPException) as error:
        print(f"bench volfiles: failed: {type(error).__name__}: {error}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    began, tally = time.monotonic(), Tally()
    seeds = [options.case] if options.case is not None else range(options.seed, options.seed + options.random)
    with contextlib.ExitStack() as stack:
        our = Ours(stack.enter_context(ours.Gd2raft(PEERS, options.folder)))
        their = Theirs(stack.enter_context(theirs.RealGlusterd(PEERS, options.folder, hooks=False)))
        run_cases(Pair(their, our, tally, options.verbose), seeds, not options.no_shrink)
    report.show(table(tally))
    for why, count in sorted(tally.deviations.items()):
        print(f"meant to differ, {count} times: {why}")
    print(
        f"{tally.cases} cases, {tally.volfiles} volfiles compared, {len(tally.different)} cases different, {tally.parted} ended early where the sides mean to differ, "
        f"{time.monotonic() - began:.0f} s"
    )
    if options.write_docs:
        write_docs(tally, options, time.monotonic() - began)
    if options.json:
        print(json.dumps(result(tally, options.seed)))
    return 1 if tally.different else 0


def table(tally: Tally) -> list[list[str]]:
    rows = [["command", "times", "refused by glusterd"]]
    return rows + [[verb, str(count), str(tally.refused[verb])] for verb, count in sorted(tally.commands.items())]


def write_docs(tally: Tally, options: argparse.Namespace, took_s: float) -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    facts = [
        f"{today}, commit {report.commit()}.",
        f"{report.machine()}.",
        f"{tally.cases} random cases from seed {options.seed} on: {len(tally.different)} different. {tally.parted} of them ended early, where the sides "
        f"mean to differ. {tally.volfiles} volfiles compared, {took_s:.0f} s; "
        f"{PEERS} peers a side.",
        "After every command: both accept or both refuse; then state, type, bricks and options of `volume info`, and every volfile, are equal.",
        "What only glusterd takes, on purpose, is counted below and taken from it again, so that the life goes on where that is possible.",
        "Ours: gd2raft daemons by REST; volfiles rendered by gd2volgen from the description that a daemon gives (GETSPEC renders from the same).",
        f"Repeat: `./dev bench volfiles --random {options.random} --seed {options.seed} --write-docs`; one case: `--case SEED`.",
        *(
            f"Meant to differ ({tally.deviations[why]} times here): {why}."
            for why in (*(meant.why for meant in INTENDED), ONE_DEBUG_XLATOR, HALF_WRITTEN)
        ),
    ]
    body = "\n".join(["## Volfiles and rules, against glusterd", "", *(f"- {line}" for line in facts), "", report.markdown(table(tally))])
    report.replace_section(report.DOCS / "benchmarks.md", "volfiles", body)


def result(tally: Tally, seed: int) -> dict[str, object]:
    return {"name": "volfiles", "cases": tally.cases, "different": len(tally.different), "seed": seed}
