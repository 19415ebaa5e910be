"""gd2 volume profile, top, statedump, barrier, and the details of volume status: what the processes of a volume tell of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gd2cli.problems import clean
from gd2cli.spec import Spec
from gd2cli.tables import Cell, Paint, size, table
from gd2cli.volume_text import brick_name, tasks_text
from gd2cli.words import Grammar, Parsed, Word, WordError

if TYPE_CHECKING:
    from gd2cli.session import Session

STATUS = ("clients", "mem", "inode", "fd", "callpool")
TOPS = ("open", "read", "write", "opendir", "readdir", "read-perf", "write-perf")
DUMPED = ("shd", "quotad")
SECTIONS = ("all", "mem", "iobuf", "callpool", "priv", "fd", "inode", "history")


# volume status VOLUME|all clients|mem|inode|fd|callpool|tasks (called by volume_commands.status)


def status_of(session: Session, name: str, what: str) -> None:
    if what == "tasks":
        session.show(session.get("jobs", query={"volume": name}), lambda jobs: tasks_text(name, jobs))
    else:
        session.show(session.get("volumes", name, "status", what), lambda bricks: inspected_text(what, bricks, session.paint))


def status_of_all(session: Session, names: list[str], what: str) -> None:
    if what == "tasks":
        jobs = session.get("jobs").data
        found = {name: [job for job in jobs if job["volume"] == name] for name in names}
        session.show_data(found, lambda all_: "\n\n".join(tasks_text(name, mine) for name, mine in all_.items()))
        return
    found = {name: session.get("volumes", name, "status", what).data for name in names}
    session.show_data(found, lambda all_: "\n\n".join(of_volume(name, what, bricks, session.paint) for name, bricks in all_.items()))


def of_volume(name: str, what: str, bricks: list[dict[str, Any]], paint: Paint) -> str:
    return f"Status of volume: {clean(name)}\n" + inspected_text(what, bricks, paint)


def inspected_text(what: str, bricks: list[dict[str, Any]], paint: Paint) -> str:
    return (clients_text if what == "clients" else details_text)(bricks, paint)


def clients_text(bricks: list[dict[str, Any]], paint: Paint) -> str:
    rows: list[list[Any]] = []
    for brick in bricks:
        where = f"Brick {brick_name(brick['info'])}"
        rows += [
            [where, c.get("hostname", ""), c.get("name", ""), size(c.get("bytesread")), size(c.get("byteswrite")), c.get("opversion", "")]
            for c in brick["details"].get("client", [])
        ] or [[where, Cell(brick.get("error") or "no clients", "bad" if brick.get("error") else ""), "", "", "", ""]]
    return table(["Brick", "Client", "Kind", "Read", "Written", "Op-version"], rows, paint)


def details_text(bricks: list[dict[str, Any]], paint: Paint) -> str:
    return "\n\n".join("\n".join([clean(f"Brick {brick_name(b['info'])}"), *brick_details(b, paint)]) for b in bricks)


def brick_details(brick: dict[str, Any], paint: Paint) -> list[str]:
    if brick.get("error"):
        return ["  " + paint("bad", clean(brick["error"]))]
    return [f"  {clean(line)}" for line in flat_lines(brick["details"])]


def flat_lines(value: Any, name: str = "") -> list[str]:
    """
    >>> flat_lines({"a": {"b": 1}, "c": [{"d": 2}]})
    ['a.b: 1', 'c[0].d: 2']
    """
    if isinstance(value, dict):
        return [line for key, item in value.items() for line in flat_lines(item, f"{name}.{key}" if name else key)]
    if isinstance(value, list):
        return [line for i, item in enumerate(value) for line in flat_lines(item, f"{name}[{i}]")]
    return [f"{name}: {value}"]


# profile


def profile(session: Session, words: Parsed) -> None:
    name, rest = words.name(0), list(words.rest)
    first = rest.pop(0) if rest else ""
    if first in ("start", "stop") and not rest:
        answer = session.write("POST", "volumes", name, "profile", first)
        session.show(answer, lambda _: f"volume profile: {name}: {'started' if first == 'start' else 'stopped'}")
    elif first == "info":
        session.show(session.get("volumes", name, "profile", info_option(rest)), lambda bricks: profiles_text(bricks, session.paint))
    else:
        raise WordError("start, stop or info is missing", PROFILE_USAGE)


PROFILE_USAGE = "VOLUME start | stop | info [incremental|cumulative|clear] [peek]"


def info_option(rest: list[str]) -> str:
    peek = bool(rest) and rest[-1] == "peek"
    words = rest[:-1] if peek else rest
    if len(words) > 1 or not set(words) <= {"incremental", "cumulative", "clear"}:
        raise WordError(f"unexpected word {words[-1]!r}", PROFILE_USAGE)
    return "-".join(["info", *words, *(["peek"] if peek else [])])


def profiles_text(bricks: list[dict[str, Any]], paint: Paint) -> str:
    return "\n\n".join("\n".join([clean(f"Brick {brick_name(b['info'])}"), *profile_lines(b, paint)]) for b in bricks)


def profile_lines(brick: dict[str, Any], paint: Paint) -> list[str]:
    if brick.get("error"):
        return [paint("bad", clean(brick["error"]))]
    lines: list[str] = []
    for part in ("cumulative", "interval"):
        if (stats := brick["details"].get(part)) is None:
            continue
        lines.append(f"{part} {stats.get('number', '')}".strip() + f": {stats['duration-s']} s, {size(stats['read-bytes'])} read, "
                     f"{size(stats['write-bytes'])} written")  # fmt: skip
        rows = [[f["name"], f["hits"], f["avg-us"], f["min-us"], f["max-us"]] for f in stats["fops"]]
        lines.append(table(["Call", "Number", "Average us", "Least us", "Most us"], rows, paint))
        if stats["blocks"]:
            lines.append(
                table(["Block size", "Reads", "Writes"], [[size(b["bytes"]), b["reads"], b["writes"]] for b in stats["blocks"]], paint)
            )
    return lines or ["nothing was counted"]


# top


def top(session: Session, words: Parsed) -> None:
    name, what = words.name(0), words.name(1)
    if what not in TOPS:
        raise WordError(f"unexpected word {what!r}", "one of " + ", ".join(TOPS))
    query = {"count": str(words.count("list-cnt") or 100)}
    if words.text("brick"):
        query["brick"] = words.text("brick")
    if words.count("bs") or words.count("count"):
        query |= {"bs": str(words.count("bs")), "blocks": str(words.count("count"))}
    answer = session.get("volumes", name, "top", what, query=query)
    session.show(answer, lambda bricks: tops_text(bricks, session.paint))


def tops_text(bricks: list[dict[str, Any]], paint: Paint) -> str:
    return "\n\n".join("\n".join([clean(f"Brick {brick_name(b['info'])}"), *top_lines(b, paint)]) for b in bricks)


def top_lines(brick: dict[str, Any], paint: Paint) -> list[str]:
    if brick.get("error"):
        return [paint("bad", clean(brick["error"]))]
    details = brick["details"]
    lines = []
    if "open-max" in details:
        lines.append(f"open files: {details.get('open-now', 0)} now, {details['open-max']} at most ({details.get('open-max-at', '')})")
    if "throughput-mb-s" in details:
        lines.append(f"throughput {details['throughput-mb-s']:.2f} MB/s, measured in {details['time-s']:.4f} s")
    if details["files"]:
        lines.append(table(["Value", "File"], [[f["value"], f["path"]] for f in details["files"]], paint))
    return lines or ["nothing was counted"]


# statedump, barrier


def statedump(session: Session, words: Parsed) -> None:
    what = [word for word in words.rest if word in DUMPED]
    sections = [word for word in words.rest if word in SECTIONS]
    unknown = [word for word in words.rest if word not in (*DUMPED, *SECTIONS)]
    if unknown:
        raise WordError(f"unexpected word {unknown[0]!r}", "possible: " + ", ".join((*DUMPED, *SECTIONS)))
    body: dict[str, Any] = dict.fromkeys(what or ["bricks"], True)
    answer = session.write("POST", "volumes", words.name(0), "statedump", body={**body, "sections": sections})
    session.show(answer, lambda dumps: dumps_text(dumps, session.paint))


def dumps_text(peers: list[dict[str, Any]], paint: Paint) -> str:
    rows = [[p["peer-id"], d["key"], d["pid"], p["folder"]] for p in peers for d in p["dumps"]]
    rows += [[p["peer-id"], Cell(p["error"], "bad"), "", ""] for p in peers if p.get("error")]
    return table(["Peer", "Process", "Pid", "Folder of the dump"], rows, paint)


def barrier(session: Session, words: Parsed) -> None:
    name, word = words.name(0), words.name(1)
    if word not in ("enable", "disable"):
        raise WordError(f"unexpected word {word!r}", "enable or disable")
    answer = session.write("POST", "volumes", name, "barrier", body={"enable": word == "enable"})
    session.show(answer, lambda _: f"volume barrier: {name}: {word}d")


COMMANDS = {
    "profile": Spec(
        Grammar(PROFILE_USAGE, names=("VOLUME",), rest="WORD"),
        "Count calls and their latencies on every brick (start), show them (info), end it (stop).",
        profile,
    ),
    "top": Spec(
        Grammar(
            "VOLUME open|read|write|opendir|readdir|read-perf|write-perf [bs BYTES count BLOCKS] [brick BRICK] [list-cnt N]",
            names=("VOLUME", "WHAT"),
            words=(Word("bs", "count"), Word("count", "count"), Word("brick", "text"), Word("list-cnt", "count")),
        ),
        "The busiest files of each brick; read-perf and write-perf with bs and count measure its disk.",
        top,
    ),
    "statedump": Spec(
        Grammar("VOLUME [shd|quotad] [all|mem|iobuf|callpool|priv|fd|inode|history]...", names=("VOLUME",), rest="WORD"),
        "Let the bricks (or shd, quotad) of a volume write down their state, wholly or some sections of it.",
        statedump,
    ),
    "barrier": Spec(
        Grammar("VOLUME enable|disable", names=("VOLUME", "WORD")),
        "Hold back acknowledgements of the bricks, as while a volume snapshot is taken.",
        barrier,
    ),
}
