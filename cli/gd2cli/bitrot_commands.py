"""gd2 volume bitrot: sign files, and find those that have changed below GlusterFS."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gd2cli.problems import clean
from gd2cli.quota_commands import number
from gd2cli.spec import Spec
from gd2cli.tables import Paint, counted
from gd2cli.words import Grammar, Parsed, WordError, suggestion

if TYPE_CHECKING:
    from gd2cli.session import Session

USAGE = (
    "VOLUME enable | disable | signing-time SECONDS | signer-threads COUNT | scrub-throttle lazy|normal|aggressive | "
    "scrub-frequency hourly|daily|weekly|biweekly|monthly | scrub pause|resume|status|ondemand"
)


def bitrot(session: Session, words: Parsed) -> None:
    name, rest = words.name(0), list(words.rest)
    word = rest.pop(0) if rest else ""
    if word not in ACTIONS:
        raise WordError(f"unexpected word {word!r}" if word else "a word is missing", suggestion(word, list(ACTIONS)))
    takes = 0 if word in ("enable", "disable") else 1
    if len(rest) != takes:
        raise WordError(f"unexpected word {rest[takes]!r}" if len(rest) > takes else f"{word} needs a value", USAGE)
    ACTIONS[word](session, name, word, *rest)


def switch(session: Session, name: str, word: str) -> None:
    answer = session.write("POST", "volumes", name, "bitrot", word)
    session.show(answer, lambda _: f"volume bitrot: {name}: {word}d")


def setting(session: Session, name: str, word: str, value: str) -> None:
    given: str | int = number(value, "a number from 1") if word.startswith("sign") else value
    answer = session.write("POST", "volumes", name, "bitrot", "settings", body={word: given})
    session.show(answer, lambda _: f"volume bitrot: {name}: {word} is {clean(value)}")


def scrub(session: Session, name: str, word: str, value: str) -> None:
    if value == "status":
        session.show(session.get("volumes", name, "bitrot", "scrubstatus"), lambda status: status_text(status, session.paint))
    elif value == "ondemand":
        answer = session.write("POST", "volumes", name, "bitrot", "scrubondemand")
        session.show(answer, lambda begun: begun_text(name, begun))
    elif value in ("pause", "resume"):
        answer = session.write("POST", "volumes", name, "bitrot", "settings", body={"scrub": value})
        session.show(answer, lambda _: f"volume bitrot: {name}: scrub {value}d")
    else:
        raise WordError(f"unexpected word {value!r}", "pause, resume, status or ondemand")


def begun_text(name: str, begun: dict[str, Any]) -> str:
    lines = [f"volume bitrot: {name}: scrub has begun on {counted(len(begun['begun']), 'peer')}"]
    lines += [f"not on {peer}: {why}" for peer, why in begun.get("problems", {}).items()]
    return "\n".join([*map(clean, lines), f"what it finds: gd2 volume bitrot {name} scrub status"])


def status_text(status: dict[str, Any], paint: Paint) -> str:
    lines = [
        f"Volume: {status['volume']}",
        f"State of scrub: {status['state']}",
        f"Scrub throttle: {status['throttle']}",
        f"Scrub frequency: {status['frequency']}",
    ]
    return "\n".join([*map(clean, lines), *(line for node in status["nodes"] for line in ("", *node_lines(node, paint)))])


def node_lines(node: dict[str, Any], paint: Paint) -> list[str]:
    lines = [clean(f"Peer: {node['name']} ({node['node']})")]
    if node.get("error"):
        return [*lines, paint("bad", clean(node["error"]))]
    errors = str(node["error-count"])
    lines += [
        f"Scrub running: {'yes' if node['scrub-running'] else 'no'}",
        f"Scrubbed files: {node['num-scrubbed-files']}",
        f"Skipped files: {node['num-skipped-files']}",
        f"Last completed scrub: {clean(node['last-scrub-completed-time']) or 'none yet'}",
        f"Duration of last scrub: {node['last-scrub-duration']} s",
        "Error count: " + (paint("bad", errors) if node["error-count"] else errors),
    ]
    for bad in node["corrupted-objects"]:
        lines.append(paint("bad", clean(f"Bad file: {bad['path'] or bad['gfid']} on {bad['brick']} (gfid {bad['gfid']})")))
    return lines


SETTINGS = ("signing-time", "signer-threads", "scrub-throttle", "scrub-frequency")
ACTIONS: dict[str, Callable[..., None]] = {"enable": switch, "disable": switch, **dict.fromkeys(SETTINGS, setting), "scrub": scrub}
COMMANDS = {
    "bitrot": Spec(
        Grammar(USAGE, names=("VOLUME",), rest="WORD"), "Sign files, and find those that changed on a disk by themselves.", bitrot
    )
}
