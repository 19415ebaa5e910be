"""gd2 volume add-brick, remove-brick, rebalance, and gd2 job: volumes that grow and shrink, and the long work that this is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gd2cli.problems import Problem
from gd2cli.sizes import parse_size
from gd2cli.spec import Spec
from gd2cli.tables import Cell, Paint, size, table
from gd2cli.volume_words import FLAGS, brick_problem
from gd2cli.words import Grammar, Parsed, Word, WordError

if TYPE_CHECKING:
    from gd2cli.session import Session

STYLES = {"completed": "good", "committed": "good", "failed": "bad", "unknown": "bad", "stopped": "warn", "waiting": "warn"}
REMOVE_ACTIONS = ("start", "stop", "status", "commit", "force")
REBALANCE_ACTIONS = ("start", "stop", "status")


def action_of(words: Parsed, actions: tuple[str, ...], usage: str) -> str:
    """The one word of `actions` that was given."""
    given = [a for a in actions if words.flag(a)]
    if len(given) != 1:
        raise WordError(f"one of {', '.join(actions)} is needed" if not given else f"{' and '.join(given)} exclude each other", usage)
    return given[0]


def add_brick(session: Session, words: Parsed) -> None:
    name = words.name(0)
    if words.text("size"):
        add_size(session, name, words)
        return
    if not words.rest:
        raise WordError("no bricks are given", "name at least one: PEER:/path, or say how much more: size 20GiB")
    body: dict[str, Any] = {"bricks": list(words.rest), "force": words.flag("force")}
    body |= {word: words.count(word) for word in ("replica", "arbiter") if words.count(word)}
    body["flags"] = {flag: True for flag in FLAGS if flag == "create-brick-dir" or words.flag(flag)}
    answer = session.write("POST", "volumes", name, "expand", body=body)
    more = "" if words.count("replica") else f"\nnew files may go there; move old ones with: gd2 volume rebalance {name} start"
    session.show(answer, lambda _: f"volume add-brick: {name}: success{more}")


def add_size(session: Session, name: str, words: Parsed) -> None:
    if words.rest or words.count("replica"):
        raise WordError("a size adds further sets: without bricks and without a replica count")
    body = {"size": parse_size("size", words.text("size"))}
    if words.count("distribute"):
        body["distribute"] = words.count("distribute")
    answer = session.write("POST", "volumes", name, "expand", body=body)
    more = f"\nnew files may go there; move old ones with: gd2 volume rebalance {name} start"
    session.show(answer, lambda v: f"volume add-brick: {name}: success, it has {size(v['capacity'])} now{more}")


def remove_brick(session: Session, words: Parsed) -> None:
    if not words.rest:
        raise WordError("no bricks are given", "name those that are to go: PEER:/path")
    action = action_of(words, REMOVE_ACTIONS, REMOVE_USAGE)
    name, bricks = words.name(0), list(words.rest)
    if action == "status":
        show_remove_status(session, name, bricks)
        return
    body: dict[str, Any] = {"bricks": bricks}
    if words.count("replica") and action != "stop":
        body["replica"] = words.count("replica")
    if action == "force":
        session.confirm("Files that are only on these bricks will be lost to the volume (they stay in the bricks' folders).")
        body["force"] = True
    elif action == "commit":
        session.confirm(f"The bricks will leave volume {name}.")
    answer = session.write("POST", "volumes", name, "remove-brick", "commit" if action == "force" else action, body=body)
    if action in ("start", "stop"):
        session.show(answer, lambda job: f"volume remove-brick {action}: {name}: success\n" + job_text(job, session.paint))
    else:
        session.show(answer, lambda _: f"volume remove-brick commit: {name}: success")


def show_remove_status(session: Session, name: str, bricks: list[str]) -> None:
    """As gluster: the bricks must be those of the start."""
    answer = session.get("volumes", name, "remove-brick")
    known = {path_of(b) for b in answer.data["bricks"]} if isinstance(answer.data, dict) else set()
    wrong = [b for b in bricks if path_of(b) not in known]
    if wrong:
        raise Problem(
            f"incorrect brick {wrong[0]} for volume {name}: its removal was not started",
            hint="being removed: " + ", ".join(answer.data["bricks"]),
        )
    session.show(answer, lambda job: job_text(job, session.paint))


def path_of(brick: str) -> str:
    """The path of PEER:/path: a peer has several names.

    >>> path_of("node1:/b//1/")
    '/b/1'
    """
    return "/" + "/".join(part for part in brick.partition(":/")[2].split("/") if part)


def rebalance(session: Session, words: Parsed) -> None:
    action, name = action_of(words, REBALANCE_ACTIONS, REBALANCE_USAGE), words.name(0)
    if action == "status":
        session.show(session.get("volumes", name, "rebalance"), lambda job: job_text(job, session.paint))
        return
    body = {}
    if action == "start":
        if words.flag("fix-layout") and words.flag("force"):
            raise WordError("fix-layout moves no files, so there is nothing to force")
        body = {"option": "fix-layout" if words.flag("fix-layout") else "force" if words.flag("force") else ""}
    answer = session.write("POST", "volumes", name, "rebalance", action, body=body)
    hint = f"\nlook how far it is: gd2 volume rebalance {name} status" if action == "start" else ""
    session.show(answer, lambda job: f"volume rebalance {action}: {name}: success\n{job_text(job, session.paint)}{hint}")


def list_jobs(session: Session, words: Parsed) -> None:
    heads = ["Job", "Kind", "Volume", "Status", "Files", "Size", "Failures"]

    def render(found: list[dict[str, Any]]) -> str:
        rows = [[j["id"], j["kind"], j["volume"], status_cell(j["status"]), j["files"], size(j["size"]), j["failures"]] for j in found]
        return table(heads, rows, session.paint) if rows else "there are no jobs"

    session.show(session.get("jobs"), render)


def show_job(session: Session, words: Parsed) -> None:
    session.show(session.get("jobs", words.name(0)), lambda job: job_text(job, session.paint))


def status_cell(status: str) -> Cell:
    return Cell(status, STYLES.get(status, ""))


def job_text(job: dict[str, Any], paint: Paint) -> str:
    """In gluster's columns."""
    what = job["kind"] + (f" {job['option']}" if job["option"] else "")
    lines = [f"{what} of volume {job['volume']}: {job['status']}", f"ID: {job['id']}"]
    lines += [f"emptied: {brick}" for brick in job["bricks"]]
    heads = ["Node", "Rebalanced-files", "Size", "Scanned", "Failures", "Skipped", "Status", "Run time", "Note"]
    rows = [
        [
            part["host"] or part["peer-id"],
            part["files"],
            size(part["size"]),
            part["lookups"],
            part["failures"],
            part["skipped"],
            status_cell(part["status"]),
            clock(part["run-time-s"]),
            part.get("note", ""),
        ]
        for part in job["parts"]
    ]
    return "\n".join(lines) + "\n" + table(heads, rows, paint)


def clock(seconds: Any) -> str:
    """
    >>> clock(3725)
    '1:02:05'
    """
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


REMOVE_USAGE = "VOLUME [replica N] BRICK... start|stop|status|commit|force"
REBALANCE_USAGE = "VOLUME [fix-layout] start [force] | stop | status"
COMMANDS = {
    "add-brick": Spec(
        Grammar(
            "VOLUME [replica N [arbiter 1]] BRICK... [force] | VOLUME size SIZE [distribute N]",
            names=("VOLUME",),
            words=(
                Word("size", "text"),
                Word("distribute", "count"),
                Word("replica", "count"),
                Word("arbiter", "count", after="replica", example="replica 3 arbiter 1"),
                Word("force"),
                *(Word(flag, flag_only=True) for flag in FLAGS),
            ),
            rest="BRICK",
            rest_check=brick_problem,
        ),
        "Add bricks to a volume: further sets, or with a higher replica count further copies in every set (self-heal fills them). "
        "With a size, further sets are made on devices (gd2 device).",
        add_brick,
    ),
    "remove-brick": Spec(
        Grammar(
            REMOVE_USAGE,
            names=("VOLUME",),
            words=(Word("replica", "count"), *(Word(a) for a in REMOVE_ACTIONS)),
            rest="BRICK",
            rest_check=brick_problem,
        ),
        "Take bricks out of a volume: start moves their files to the others, commit removes them when all have moved. "
        "force removes them at once: files that are only there are lost to the volume. A lower replica count needs force, and moves nothing.",
        remove_brick,
    ),
    "rebalance": Spec(
        Grammar(
            REBALANCE_USAGE,
            names=("VOLUME",),
            words=(Word("fix-layout"), *(Word(a) for a in REBALANCE_ACTIONS), Word("force")),
        ),
        "Move files to where the layout wants them (after add-brick); fix-layout: only let new files go to new bricks. "
        "force: move them also to bricks with less free space.",
        rebalance,
    ),
    "list": Spec(Grammar(""), "The latest long work of each volume.", list_jobs),
    "show": Spec(Grammar("JOB", names=("JOB",)), "How far a job is, asked of its peers.", show_job),
}
