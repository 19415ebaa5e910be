"""Global options may stand anywhere: `gd2 volume list --json`. PURE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gd2cli.words import WordError


def hoist(line: Sequence[str], takes_value: Mapping[str, bool]) -> list[str]:
    """Global options stand first for click, but people put them anywhere: move them to the front. After `--` nothing is moved. Raises WordError.

    >>> hoist(["volume", "list", "-o", "json", "--", "-y"], {"-o": True, "-y": False})
    ['-o', 'json', 'volume', 'list', '--', '-y']
    """
    first: list[str] = []
    rest: list[str] = []
    tokens = iter(line)
    for token in tokens:
        name, equals, _ = token.partition("=")
        if token == "--":
            rest += [token, *tokens]
        elif takes_value.get(token if not token.startswith("--") else name) is None or (equals and not takes_value[name]):
            rest.append(token)
        else:
            first.append(token)
            if takes_value[name] and not equals:
                value = next(tokens, None)
                if value is None:
                    raise WordError(f"{token} needs a value after it")
                first.append(value)
    return first + rest
