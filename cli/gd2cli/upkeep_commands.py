"""gd2 volume clear-locks and log rotate, in glusterd's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gd2cli.problems import clean
from gd2cli.spec import Spec
from gd2cli.tables import Cell, Paint, table
from gd2cli.volume_text import brick_name
from gd2cli.words import Grammar, Parsed, WordError

if TYPE_CHECKING:
    from gd2cli.session import Session

KINDS = ("blocked", "granted", "all")
TYPES = ("inode", "entry", "posix")


def clear_locks(session: Session, words: Parsed) -> None:
    name, path, word, kind, type_ = words.names[:5]
    if word != "kind":
        raise WordError(f"unexpected word {word!r}", "VOLUME PATH kind blocked|granted|all inode|entry|posix")
    for given, known in ((kind, KINDS), (type_, TYPES)):
        if given not in known:
            raise WordError(f"unexpected word {given!r}", " or ".join(known))
    body = {"path": path, "kind": kind, "type": type_}
    if only := words.name(5):
        body["basename" if type_ == "entry" else "range"] = only
    answer = session.write("POST", "volumes", name, "clear-locks", body=body)
    session.show(answer, lambda found: "\n".join(clean(line) for line in ("volume clear-locks: success", *found["lines"])))


def log(session: Session, words: Parsed) -> None:
    """`VOLUME rotate [BRICK]`, and the older `rotate VOLUME [BRICK]`."""
    one, other = words.name(0), words.name(1)
    if "rotate" not in (one, other):
        raise WordError(f"unexpected word {other!r}", "VOLUME rotate [BRICK]")
    name = one if other == "rotate" else other
    body = {"brick": words.name(2)} if words.name(2) else {}
    answer = session.write("POST", "volumes", name, "rotate-logs", body=body)
    session.show(answer, lambda bricks: rotated_text(bricks, session.paint))


def rotated_text(bricks: list[dict[str, Any]], paint: Paint) -> str:
    rows = [[f"Brick {brick_name(b['info'])}", Cell(b["error"], "bad") if b["error"] else b["kept"]] for b in bricks]
    return table(["Brick", "Old log"], rows, paint)


COMMANDS = {
    "clear-locks": Spec(
        Grammar(
            "VOLUME PATH kind blocked|granted|all inode [RANGE]|entry [BASENAME]|posix [RANGE]",
            names=("VOLUME", "PATH", "kind", "KIND", "TYPE"),
            optional=("RANGE",),
        ),
        "Give up locks that clients hold on PATH (of the volume), or wait for: when one hangs whose holder never returns.",
        clear_locks,
    ),
    "log": Spec(
        Grammar("VOLUME rotate [BRICK]", names=("VOLUME", "rotate"), optional=("BRICK",)),
        "Let the bricks of a volume begin new logs; the old ones stay beside them.",
        log,
    ),
}
