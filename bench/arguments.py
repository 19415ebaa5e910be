"""What the command lines of all benchmarks have in common: their output, seeds, and numbers that are checked. It must not know what is measured."""

from __future__ import annotations

import argparse
import os


def output(parser: argparse.ArgumentParser, docs: str = "write the section of docs/benchmarks.md") -> None:
    """--json and --write-docs, whose help is `docs` ("" for a benchmark without)."""
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")
    if docs:
        parser.add_argument("--write-docs", action="store_true", help=docs)


def seed(parser: argparse.ArgumentParser, of: str) -> None:
    """--seed, a new one each time; `of`: what it decides."""
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"), help=f"{of} (default: a new one each time)")


def positive(text: str) -> float:
    """A finite number above 0. Raises what argparse shows."""
    if not 0 < (number := float(text)) < float("inf"):
        raise argparse.ArgumentTypeError("more than 0")
    return number


def count(text: str) -> int:
    """A whole number from 1 on. Raises what argparse shows."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("1 or more")
    return number
