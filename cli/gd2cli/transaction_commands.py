"""gd2 transaction ...: commands that hang or could not be undone, and what to do about them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from gd2cli.client import Answer
from gd2cli.problems import Problem, clean
from gd2cli.spec import Spec
from gd2cli.tables import Cell, Paint, table
from gd2cli.words import Grammar, Parsed

if TYPE_CHECKING:
    from gd2cli.session import Session

WAIT_S = 60.0
LOOK_EVERY_S = 0.3
UNDER_WAY = ("preparing", "undoing", "completing")
STYLES = {"stuck": "bad", "failed": "warn", "done": "good"}


def list_all(session: Session, words: Parsed) -> None:
    session.show(session.get("transactions"), lambda found: list_text(found, session.paint))


def show(session: Session, words: Parsed) -> None:
    session.show(session.get("transactions", words.name(0)), lambda found: info_text(found, session.paint))


def resume(session: Session, words: Parsed) -> None:
    session.write("POST", "transactions", words.name(0), "resume")
    end(session, words.name(0))


def abort(session: Session, words: Parsed) -> None:
    session.confirm(
        f"Transaction {words.name(0)} will not be waited for any more: its locks are freed. "
        "What can't be undone now is left for its peer, which does it when it returns."
    )
    session.write("POST", "transactions", words.name(0), "abort")
    end(session, words.name(0))


def forget(session: Session, words: Parsed) -> None:
    found = session.get("transactions", words.name(0)).data
    left = "; ".join(f"{host(u)}: {clean(u.get('meaning') or u['step'])}" for u in found["left-undone"])
    session.confirm(f"Nobody tries to undo this any more, it stays as it is: {left or 'nothing is left'}.")
    answer = session.write("POST", "transactions", words.name(0), "forget")
    session.show(answer, lambda _: f"transaction forget: {words.name(0)}: success")


def end(session: Session, identity: str) -> None:
    """Wait until it has ended or is stuck (again), and show that."""
    deadline = time.monotonic() + (session.settings.timeout_s or WAIT_S)
    while (answer := session.get("transactions", identity)).data["phase"] in UNDER_WAY:
        if time.monotonic() >= deadline:
            raise Problem(f"transaction {identity} is still {answer.data['phase']}", hint=f"look again: gd2 transaction show {identity}")
        time.sleep(LOOK_EVERY_S)
    session.show(answer, lambda found: info_text(found, session.paint))
    if answer.data["phase"] == "stuck":
        raise still_stuck(answer)


def still_stuck(answer: Answer) -> Problem:
    return Problem(
        f"transaction {answer.data['id']} is stuck again",
        hint="bring the peers above back (it is then tried again by itself), or gd2 transaction abort",
    )


def list_text(found: list[dict[str, Any]], paint: Paint) -> str:
    if not found:
        return "No transactions: everything that was begun has ended."
    rows = [[t["id"], t["command"], phase_cell(t), age(t["started"]), ", ".join(t["locks"]), trouble(t)] for t in found]
    return table(["ID", "Command", "Phase", "Age", "Locks", "Trouble"], rows, paint)


def info_text(found: dict[str, Any], paint: Paint) -> str:
    phase = phase_cell(found)
    lines = [
        f"Transaction: {clean(found['id'])}",
        f"Command:     {clean(found['command'])}",
        f"Phase:       {paint(phase.style, clean(phase))}",
        *([f"Begun:       {age(found['started'])} ago"] if found["started"] else []),
        *(f"{label}{clean(text)}" for label, text in labelled(found) if text),
    ]
    for problem in found["problems"]:
        lines += [f"  {clean(problem['step'])} on {host(problem)}: {clean(problem['error'])}"]
    if found["left-undone"]:
        lines += ["Still to be undone, by the peer itself when it is back:"]
        lines += [f"  {host(u)}: {clean(u.get('meaning') or u['step'])} ({clean(u['error'])})" for u in found["left-undone"]]
        lines += [f"If that can never be (its disk is gone): gd2 transaction forget {clean(found['id'])}"]
    if found["phase"] == "stuck":
        lines += [
            "What to do: mend that peer, then gd2 transaction resume; or gd2 transaction abort, which frees the locks and leaves the undo to the peer"
        ]
    return "\n".join(lines)


def labelled(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("Asked by:    ", f"{found['user']}, request {found['request-id']}" if found["request-id"] else ""),
        ("Locks:       ", ", ".join(found["locks"])),
        ("Why:         ", found["error"]),
        ("Aborted:     ", "by an administrator" if found["giving-up"] else ""),
    ]


def phase_cell(found: dict[str, Any]) -> Cell:
    return Cell(found["phase"], STYLES.get(found["phase"], ""))


def trouble(found: dict[str, Any]) -> str:
    if found["problems"]:
        return str(found["problems"][0]["error"])
    if found["left-undone"]:
        return "to be undone by " + ", ".join(sorted({host(u) for u in found["left-undone"]}))
    return str(found["error"])


def host(place: dict[str, Any]) -> str:
    """The peer's name, its id when it is not known."""
    return clean(place.get("host") or place["peer"])


def age(started: float) -> str:
    """By the clocks of two machines: good for a rough idea."""
    return f"{max(0, round(time.time() - started))} s" if started else "?"


ID = ("ID",)
COMMANDS = {
    "list": Spec(Grammar(""), "Commands that haven't ended, and those whose undo a peer still has to do.", list_all),
    "show": Spec(Grammar("ID", names=ID), "Where a command is, what it holds, what went wrong.", show),
    "resume": Spec(Grammar("ID", names=ID), "Try again to undo a command that is stuck, and say how that ended.", resume),
    "abort": Spec(
        Grammar("ID", names=ID),
        "Stop waiting for a command's dead peers: free its locks. What can't be undone now is written down for its peer, "
        "which does it when it returns. A command that is committed already stays committed.",
        abort,
    ),
    "forget": Spec(
        Grammar("ID", names=ID),
        "Give up what an ended command left for peers to undo, because the disk or the peer never comes back. It stays there as it is.",
        forget,
    ),
}
