"""What benchmarks have in common that look for broken promises: a folder, a run, a verdict, and an exit status. It must not know what is run.

Exit status: 0 nothing was violated, 1 something was or the run did not get to its end, 2 it can't be run here.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from bench import ours
from bench.namespaces import RigError
from bench.sides import NotDone

FAILURES = (NotDone, RigError, ours.RestFailed, OSError, http.client.HTTPException)
SHOWN_MAX = 20


class Verdict(Protocol):
    """What a run found."""

    @property
    def violations(self) -> Sequence[str]: ...


V = TypeVar("V", bound=Verdict)


def proved(
    name: str,
    options: argparse.Namespace,
    of: str,
    run: Callable[[Path], V],
    *,
    cannot: str | None,
    show: Callable[[V], None],
    write_docs: Callable[[V], None],
    as_json: Callable[[V], dict[str, object]],
) -> int:
    """Run it in a folder of its own, which stays when something was found. `of`: what is run, for the first line; `cannot`: why it can't be."""
    if cannot:
        print(f"bench {name}: can't run: {cannot}", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{name}-", dir=options.folder))
    print(f"seed {options.seed}, {of}, in {folder}", file=sys.stderr, flush=True)
    try:
        outcome = run(folder)
    except FAILURES as error:
        print(f"bench {name}: seed {options.seed}: {type(error).__name__}: {error}\n  what is left: {folder}", file=sys.stderr)
        return 1
    show(outcome)
    if outcome.violations:
        print(f"seed {options.seed}: {len(outcome.violations)} violations; logs: {folder}", file=sys.stderr)
    elif not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    if options.write_docs:
        write_docs(outcome)
    if options.json:
        print(json.dumps(as_json(outcome)))
    return 1 if outcome.violations else 0


def show_troubles(repeated: Counter[str], violations: Sequence[str]) -> None:
    """Why commands were asked for again, and the first violations."""
    reasons = ", ".join(f"{why} ({times})" for why, times in repeated.most_common())
    print(f"\nasked again because of: {reasons or 'nothing'}")
    for text in violations[:SHOWN_MAX]:
        print(f"VIOLATION: {text}")
