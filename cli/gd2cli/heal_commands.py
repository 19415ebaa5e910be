"""gd2 volume heal: what waits to be healed, begin to heal, settle split-brain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gd2cli.problems import clean
from gd2cli.repair_commands import brick_of
from gd2cli.spec import Spec
from gd2cli.tables import Cell, Paint, counted, table
from gd2cli.volume_text import brick_name
from gd2cli.words import Grammar, Parsed, WordError

if TYPE_CHECKING:
    from gd2cli.session import Session

USAGE = (
    "VOLUME [full | enable | disable | granular-entry-heal enable|disable | info [summary|split-brain] | statistics heal-count | "
    "split-brain bigger-file FILE | latest-mtime FILE | source-brick BRICK [FILE]]"
)
SHD = {"Disperse": "cluster.disperse-self-heal-daemon", "Replicate": "cluster.self-heal-daemon"}
MARKS = {"split-brain": "Is in split-brain", "possibly-healing": "Possibly undergoing heal"}


def heal(session: Session, words: Parsed) -> None:
    name, rest = words.name(0), list(words.rest)
    first = rest.pop(0) if rest else ""
    if first in ("", "full"):
        begin(session, name, first or "index", rest)
    elif first in ("enable", "disable"):
        switch(session, name, first, rest)
    elif first == "granular-entry-heal":
        granular(session, name, rest)
    elif first == "info":
        info(session, name, rest)
    elif first == "statistics":
        statistics(session, name, rest)
    elif first == "split-brain":
        split_brain(session, name, rest)
    else:
        raise WordError(f"unexpected word {first!r}", USAGE)


def nothing_more(rest: list[str]) -> None:
    if rest:
        raise WordError(f"unexpected word {rest[0]!r}", USAGE)


def begin(session: Session, name: str, kind: str, rest: list[str]) -> None:
    nothing_more(rest)
    answer = session.write("POST", "volumes", name, "heal", query={"type": kind})
    session.show(answer, lambda begun: begun_text(name, kind, begun))


def begun_text(name: str, kind: str, begun: dict[str, Any]) -> str:
    lines = [f"volume heal: {name}: {kind} heal has begun on {counted(len(begun['begun']), 'peer')}"]
    lines += [f"not on {peer}: {why}" for peer, why in begun.get("problems", {}).items()]
    return "\n".join([*map(clean, lines), f"how far it is: gd2 volume heal {name} info summary"])


def switch(session: Session, name: str, word: str, rest: list[str]) -> None:
    nothing_more(rest)
    kind = session.get("volumes", name).data["type"].rpartition("-")[2]
    option = SHD.get(kind, SHD["Replicate"])
    answer = session.write("POST", "volumes", name, "options", body={"options": {option: "on" if word == "enable" else "off"}})
    session.show(answer, lambda _: f"volume heal: {name}: {option} is {'on' if word == 'enable' else 'off'}")


def granular(session: Session, name: str, rest: list[str]) -> None:
    if len(rest) != 1 or rest[0] not in ("enable", "disable"):
        raise WordError("enable or disable is missing", USAGE)
    answer = session.write("POST", "volumes", name, "options", body={"options": {"cluster.granular-entry-heal": rest[0]}})
    session.show(answer, lambda _: f"volume heal: {name}: granular entry heal {rest[0]}d")


def info(session: Session, name: str, rest: list[str]) -> None:
    what = rest.pop(0) if rest else ""
    nothing_more(rest)
    if what not in ("", "summary", "split-brain"):
        raise WordError(f"unexpected word {what!r}", USAGE)
    of = {"": "info", "summary": "info-summary", "split-brain": "split-brain-info"}[what]
    answer = session.get("volumes", name, of, "heal-info")
    render = summary_text if what == "summary" else entries_text
    session.show(answer, lambda bricks: render(bricks, session.paint))


def entries_text(bricks: list[dict[str, Any]], paint: Paint) -> str:
    return "\n\n".join("\n".join(brick_lines(b, paint)) for b in bricks)


def brick_lines(brick: dict[str, Any], paint: Paint) -> list[str]:
    lines = [clean(f"Brick {brick['name']}")]
    for entry in brick["entries"]:
        mark = MARKS.get(entry["state"], "")
        lines.append(clean(entry["path"]) + (" - " + paint("bad" if entry["state"] == "split-brain" else "warn", mark) if mark else ""))
    lines.append("Status: " + paint("good" if brick["connected"] else "bad", clean(brick["status"])))
    total = brick["split-brain"] if brick.get("total-entries") is None else brick["total-entries"]
    return [*lines, f"Number of entries: {known(total)}"]


def summary_text(bricks: list[dict[str, Any]], paint: Paint) -> str:
    keys = ("total-entries", "heal-pending", "split-brain", "possibly-healing")
    rows = [
        [f"Brick {b['name']}", Cell("Y", "good") if b["connected"] else Cell("N", "bad"), *(known(b[key]) for key in keys)] for b in bricks
    ]
    heads = ["Brick", "Connected", "Entries", "Heal pending", "Split-brain", "Healing"]
    if all(b["connected"] for b in bricks):
        return table(heads, rows, paint)
    return table([*heads, "Why not"], [[*row, "" if b["connected"] else b["status"]] for row, b in zip(rows, bricks, strict=True)], paint)


def known(count: int | None) -> str:
    return "-" if count is None else str(count)


def statistics(session: Session, name: str, rest: list[str]) -> None:
    if rest != ["heal-count"]:
        raise WordError("heal-count is missing" if not rest else f"unexpected word {rest[0]!r}", "statistics heal-count")
    session.show(session.get("volumes", name, "heal-count"), lambda bricks: counts_text(bricks, session.paint))


def counts_text(bricks: list[dict[str, Any]], paint: Paint) -> str:
    rows = [[f"Brick {brick_name(b['info'])}", known(b["entries"]), b.get("error", "")] for b in bricks]
    return table(["Brick", "Entries", "Why not"] if any(b.get("error") for b in bricks) else ["Brick", "Entries", ""], rows, paint)


def split_brain(session: Session, name: str, rest: list[str]) -> None:
    operation = rest.pop(0) if rest else ""
    body: dict[str, str] = {}
    if operation in ("bigger-file", "latest-mtime") and len(rest) == 1:
        body["filename"] = rest[0]
    elif operation == "source-brick" and len(rest) in (1, 2):
        body["hostname"], body["brickname"] = brick_of(rest[0])
        if len(rest) == 2:
            body["filename"] = rest[1]
    else:
        raise WordError("bigger-file FILE, latest-mtime FILE or source-brick BRICK [FILE] is needed", USAGE)
    answer = session.write("POST", "volumes", name, "split-brain", operation, body=body)
    session.show(answer, lambda settled: clean_lines(settled["message"]) or f"volume heal: {name}: done")


def clean_lines(text: str) -> str:
    return "\n".join(clean(line) for line in text.splitlines())


COMMANDS = {
    "heal": Spec(
        Grammar(USAGE, names=("VOLUME",), rest="WORD"),
        "Let self-heal begin (full: look at everything), switch it on and off, show what waits to be healed, settle split-brain.",
        heal,
    ),
}
