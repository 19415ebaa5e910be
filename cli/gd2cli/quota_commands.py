"""gd2 volume quota, gd2 volume inode-quota: limits of directories."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gd2cli.problems import clean
from gd2cli.spec import Spec
from gd2cli.tables import Cell, Paint, size, table
from gd2cli.words import Grammar, Parsed, WordError, suggestion

if TYPE_CHECKING:
    from gd2cli.session import Session

USAGE = (
    "VOLUME enable | disable | list [PATH ...] | list-objects [PATH ...] | limit-usage PATH SIZE [SOFT%] | limit-objects PATH NUMBER [SOFT%] | "
    "remove PATH | remove-objects PATH | default-soft-limit PERCENT | soft-timeout TIME | hard-timeout TIME | alert-time TIME"
)
SETTINGS = ("default-soft-limit", "soft-timeout", "hard-timeout", "alert-time")
SAMPLES = {"limit-usage": "limit-usage /dir 10GB 80%", "limit-objects": "limit-objects /dir 1000 80%", "remove": "remove /dir"}


def quota(session: Session, words: Parsed) -> None:
    name, rest = words.name(0), list(words.rest)
    word = rest.pop(0) if rest else ""
    if word not in ACTIONS:
        raise WordError(f"unexpected word {word!r}" if word else "a word is missing", suggestion(word, list(ACTIONS)))
    ACTIONS[word](session, name, word, rest)


def switch(session: Session, name: str, word: str, rest: list[str]) -> None:
    exactly(word, rest, 0, 0)
    if word == "disable":
        session.confirm(f"All limits of volume {name} are forgotten.")
    answer = session.write("POST" if word == "enable" else "DELETE", "quota", name)
    session.show(answer, lambda _: f"volume quota: {name}: {word}d")


def limit(session: Session, name: str, word: str, rest: list[str]) -> None:
    exactly(word, rest, 2, 3)
    body: dict[str, Any] = {"path": absolute(rest[0])}
    if word == "limit-usage":
        body["size"] = rest[1]
    else:
        body["objects"] = number(rest[1], "a number of files and directories, from 1")
    if len(rest) == 3:
        body["soft-percent"] = number(rest[2].removesuffix("%"), "a percentage, 0 to 100")
    session.show(
        session.write("POST", "quota", name, "limit", body=body), lambda _: f"volume quota: {name}: {clean(rest[0])} has its limit"
    )


def remove(session: Session, name: str, word: str, rest: list[str]) -> None:
    exactly(word, rest, 1, 1)
    body = {"path": absolute(rest[0]), "objects": word == "remove-objects"}
    answer = session.write("DELETE", "quota", name, "limit", body=body)
    session.show(
        answer, lambda _: f"volume quota: {name}: {clean(rest[0])} has no limit {'of objects ' if body['objects'] else ''}any more"
    )


def setting(session: Session, name: str, word: str, rest: list[str]) -> None:
    exactly(word, rest, 1, 1)
    answer = session.write("POST", "quota", name, "settings", body={word: rest[0]})
    session.show(answer, lambda _: f"volume quota: {name}: {word} is {clean(rest[0])}")


def show(session: Session, name: str, word: str, rest: list[str]) -> None:
    objects = word == "list-objects"
    answers = [session.get("quota", name, "limit", query={"path": absolute(path)}) for path in rest] or [
        session.get("quota", name, "limit")
    ]
    found = [entry for answer in answers for entry in answer.data]
    if not rest:
        found = [entry for entry in found if entry.get("objects" if objects else "usage")]
    render = objects_text if objects else usage_text
    session.show_data(found, lambda entries: render(entries, session.paint) if entries else f"quota: no limit is set on volume {name}")


def usage_text(entries: list[dict[str, Any]], paint: Paint) -> str:
    titles = ["Path", "Hard-limit", "Soft-limit", "Used", "Available", "Soft-limit exceeded?", "Hard-limit exceeded?"]
    return table(
        titles, [[clean(e["path"]), *limit_cells(e, e.get("usage"), [amount(e.get("used-bytes"), size)], size)] for e in entries], paint
    )


def objects_text(entries: list[dict[str, Any]], paint: Paint) -> str:
    titles = ["Path", "Hard-limit", "Soft-limit", "Files", "Dirs", "Available", "Soft-limit exceeded?", "Hard-limit exceeded?"]
    counts = ("files", "directories")
    rows = [[clean(e["path"]), *limit_cells(e, e.get("objects"), [amount(e.get(c), str) for c in counts], str)] for e in entries]
    return table(titles, rows, paint)


def limit_cells(entry: dict[str, Any], bound: dict[str, Any] | None, used: list[str], shown: Callable[[int], str]) -> list[Any]:
    if entry.get("error"):
        used[0] = clean(entry["error"])
    if bound is None:
        return ["N/A", "N/A", *used, "N/A", "N/A", "N/A"]
    soft = f"{bound['soft-percent']:g}% ({shown(bound['soft'])})"
    exceeded = [exceeded_cell(bound.get(f"{kind}-exceeded"), role) for kind, role in (("soft", "warn"), ("hard", "bad"))]
    return [shown(bound["hard"]), soft, *used, amount(bound.get("available"), shown), *exceeded]


def exceeded_cell(exceeded: bool | None, role: str) -> Any:
    return Cell("Yes", role) if exceeded else "-" if exceeded is None else "No"


def amount(value: int | None, shown: Callable[[int], str]) -> str:
    return "-" if value is None else shown(value)


def exactly(word: str, rest: list[str], least: int, most: int) -> None:
    if not least <= len(rest) <= most:
        sample = SAMPLES.get(word.removesuffix("-objects") if word.startswith("remove") else word, f"{word} VALUE" if least else word)
        raise WordError(f"unexpected word {rest[most]!r}" if len(rest) > most else f"{word} needs more words", f"for example: {sample}")


def absolute(path: str) -> str:
    if not path.startswith("/"):
        raise WordError(f"{path!r} is not an absolute path", "the path in the volume: / is its root")
    return path


def number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise WordError(f"{text!r} is not {what}")
    return int(text)


def inode_quota(session: Session, words: Parsed) -> None:
    if words.name(1) != "enable":
        raise WordError(f"unexpected word {words.name(1)!r}", "enable; quota disable ends both")
    answer = session.write("POST", "quota", words.name(0), "inodes")
    session.show(answer, lambda _: f"volume inode-quota: {words.name(0)}: enabled")


ACTIONS: dict[str, Callable[[Session, str, str, list[str]], None]] = {
    "enable": switch,
    "disable": switch,
    "list": show,
    "list-objects": show,
    "limit-usage": limit,
    "limit-objects": limit,
    "remove": remove,
    "remove-objects": remove,
    **dict.fromkeys(SETTINGS, setting),
}
COMMANDS = {
    "quota": Spec(Grammar(USAGE, names=("VOLUME",), rest="WORD"), "Limit what directories may hold, and show what they hold.", quota),
    "inode-quota": Spec(
        Grammar("VOLUME enable", names=("VOLUME", "WORD")), "Count files and directories too (quota does by itself).", inode_quota
    ),
}
