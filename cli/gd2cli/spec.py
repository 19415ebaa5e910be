"""What a command is: its words, what it does, what its help says. The tables of commands are made of these."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from gd2cli.words import Grammar, Parsed

if TYPE_CHECKING:
    from gd2cli.session import Session


class Spec(NamedTuple):
    """`run` gets the parsed words; it raises Problem, or WordError for what the grammar can't tell."""

    grammar: Grammar
    help: str
    run: Callable[[Session, Parsed], None]
