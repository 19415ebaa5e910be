"""The words of a command line: `replica 3`, `--replica 3`, `--replica=3`, `force`, `--force`. PURE: no click, no I/O.

A Grammar is a table: names that stand first, words that may follow, and what the rest is. So that people who type what they know
from `gluster` are understood, and a misspelt word gets a suggestion instead of becoming a brick.
It must not know what a command does, nor what the server accepts beyond words and numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

COUNT_DIGITS_MAX = 6
ALL = -1
"""Value of a word with an optional count when no count is given."""


class WordError(Exception):
    """The line can't be understood: a usage error. `hint`: what would be."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class Word(NamedTuple):
    """`takes`: "" (a flag), "count", "count?" (or ALL), "text". `after`: a word that must stand before it. `flag_only`: known as --NAME only."""

    name: str
    takes: str = ""
    after: str = ""
    aliases: tuple[str, ...] = ()
    flag_only: bool = False
    example: str = ""


class Grammar(NamedTuple):
    """`names`, then `optional` ones, then any of `words`, mixed with the `rest`. Names and rest are checked one by one: "" or what is wrong."""

    usage: str
    names: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    words: tuple[Word, ...] = ()
    rest: str = ""
    rest_check: Callable[[str], str] = lambda text: ""
    name_check: Callable[[str], str] = lambda text: ""


class Parsed(NamedTuple):
    names: tuple[str, ...]
    rest: tuple[str, ...]
    values: dict[str, int | str | bool]

    def flag(self, name: str) -> bool:
        return self.values.get(name) is True

    def count(self, name: str) -> int:
        """0: the word was not given."""
        value = self.values.get(name, 0)
        return value if isinstance(value, int) else 0

    def text(self, name: str) -> str:
        value = self.values.get(name, "")
        return value if isinstance(value, str) else ""

    def name(self, index: int) -> str:
        """ "" for an optional name that was not given."""
        return self.names[index] if index < len(self.names) else ""


def parse(grammar: Grammar, line: Sequence[str]) -> Parsed:
    """Raises WordError. After `--` nothing is a flag or a word any more.

    >>> parse(Grammar("", names=("VOLUME",), words=(Word("force"),)), ["v1", "force"])
    Parsed(names=('v1',), rest=(), values={'force': True})
    """
    return _Reader(grammar, line).read()


class _Reader:
    def __init__(self, grammar: Grammar, line: Sequence[str]) -> None:
        self.grammar, self.tokens, self.at = grammar, list(line), 0
        self.names: list[str] = []
        self.rest: list[str] = []
        self.values: dict[str, int | str | bool] = {}
        self.known = {spelling: word for word in grammar.words for spelling in (word.name, *word.aliases)}

    def read(self) -> Parsed:
        plain = False
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            if not encodable(token):
                raise WordError(f"{token!r} is not valid UTF-8")
            if token == "--" and not plain:
                plain = True
            elif token.startswith("--") and not plain:
                self._flag(token)
            else:
                self._plain(token, words=not plain)
        self._complete()
        return Parsed(tuple(self.names), tuple(self.rest), self.values)

    def _flag(self, token: str) -> None:
        name, equals, value = token[2:].partition("=")
        word = self.known.get(name)
        if word is None:
            raise WordError(f"unknown option --{name}", suggestion(f"--{name}", [f"--{k}" for k in self.known]))
        if equals and not word.takes:
            raise WordError(f"--{name} takes no value")
        self._word(word, value if equals else None)

    def _plain(self, token: str, words: bool) -> None:
        if len(self.names) < len(self.grammar.names):
            if not token:
                raise WordError(f"{self.grammar.names[len(self.names)]} is empty")
            if wrong := self.grammar.name_check(token):
                raise WordError(wrong)
            self.names.append(token)
            return
        word = self.known.get(token) if words else None
        if word is not None and not word.flag_only:
            self._word(word, None)
        elif len(self.names) < len(self.grammar.names) + len(self.grammar.optional):
            self.names.append(token)
        elif self.grammar.rest and not (wrong := self.grammar.rest_check(token)):
            self.rest.append(token)
        else:
            raise self._unknown(token, wrong if self.grammar.rest else "", words)

    def _unknown(self, token: str, wrong: str, words: bool) -> WordError:
        if token in self.known and not words:
            return WordError(f"{token!r} stands after --, where nothing is a word any more", f"put {token} before the --")
        hint = suggestion(token, [k for k, word in self.known.items() if not word.flag_only])
        return WordError(wrong or f"unexpected word {token!r}", hint)

    def _word(self, word: Word, value: str | None) -> None:
        if word.name in self.values:
            raise WordError(f"{word.name} is given twice")
        if word.after and word.after not in self.values:
            raise WordError(f"{word.name} must follow {word.after}", f"for example: {word.example}" if word.example else "")
        self.values[word.name] = self._value(word, value)

    def _value(self, word: Word, value: str | None) -> int | str | bool:
        if not word.takes:
            return True
        if value is None and word.takes == "count?" and not self._next_is_number():
            return ALL
        if value is None:
            value = self._next(word)
        return count(word.name, value) if word.takes.startswith("count") else value

    def _next(self, word: Word) -> str:
        if self.at == len(self.tokens):
            raise WordError(f"{word.name} needs a {'number' if word.takes == 'count' else 'value'} after it")
        self.at += 1
        return self.tokens[self.at - 1]

    def _next_is_number(self) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at].lstrip("-").isdigit()

    def _complete(self) -> None:
        if len(self.names) < len(self.grammar.names):
            raise WordError(f"{self.grammar.names[len(self.names)]} is missing")


def count(name: str, text: str) -> int:
    """A count from 1; raises WordError. Zero would mean "not given" to the server, so it must not get there."""
    if not (text.isascii() and text.isdigit() and len(text) <= COUNT_DIGITS_MAX and int(text) > 0):
        raise WordError(f"{name} needs a number from 1 to {10**COUNT_DIGITS_MAX - 1}, not {text!r}")
    return int(text)


def suggestion(text: str, known: Sequence[str]) -> str:
    """What may have been meant, or all there is; "" when there is nothing."""
    if not known:
        return ""
    from difflib import get_close_matches

    close = get_close_matches(text, known, n=1)
    return f"did you mean {close[0]!r}?" if close else "possible here: " + ", ".join(sorted(known))


def words_of(usage: str) -> list[str]:
    """What is typed as it stands; what the caller chooses is in capitals.

    >>> words_of("VOLUME [replica N [arbiter 1]] (on|off) BRICK... [force]")
    ['replica', 'arbiter', 'on', 'off', 'force']
    """
    return re.findall(r"(?<![\w-])[a-z][a-z-]+", usage)


def encodable(text: str) -> bool:
    """Arguments that are not UTF-8 arrive with lone surrogates: no JSON can carry them."""
    return not any("\ud800" <= c <= "\udfff" for c in text)
