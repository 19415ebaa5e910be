"""gd2 volume replace-brick | reset-brick: a lost brick is replaced, or its disk worked on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gd2cli.spec import Spec
from gd2cli.volume_words import brick_problem
from gd2cli.words import Grammar, Parsed, Word, WordError

if TYPE_CHECKING:
    from gd2cli.session import Session


def brick_of(text: str) -> tuple[str, str]:
    """Peer and path of PEER:/path; raises WordError.

    >>> brick_of("node1:/b/1"), brick_of("[fd00::1]:/b")
    (('node1', '/b/1'), ('fd00::1', '/b'))
    """
    if wrong := brick_problem(text):
        raise WordError(wrong)
    peer, _, path = text.partition(":/")
    return peer.strip("[]"), "/" + path


def replace_brick(session: Session, words: Parsed) -> None:
    name = words.name(0)
    (source_peer, source), (peer, path) = brick_of(words.name(1)), brick_of(words.name(2))
    if not words.flag("commit"):
        raise WordError("the word commit is missing", "replace-brick VOLUME SOURCE TARGET commit force")
    body = {
        "src-peerid": source_peer,
        "src-brickpath": source,
        "dst-peerid": peer,
        "dst-brickpath": path,
        "force": words.flag("force"),
        "flags": {"create-brick-dir": True},
    }
    answer = session.write("POST", "volumes", name, "replacebrick", body=body)
    session.show(
        answer, lambda _: f"volume replace-brick: {name}: success\nself-heal fills the new brick: gd2 volume heal {name} info summary"
    )


def reset_brick(session: Session, words: Parsed) -> None:
    name = words.name(0)
    if words.flag("start") == words.flag("commit"):
        raise WordError("start or commit is missing", "reset-brick VOLUME BRICK start | reset-brick VOLUME BRICK BRICK commit [force]")
    peer, path = brick_of(words.name(1))
    if words.name(2) and words.name(2) != words.name(1):
        raise WordError("a brick is reset where it is: both bricks are the same", "replace-brick puts another one in its place")
    if words.flag("start"):
        answer = session.write("POST", "volumes", name, "resetbrick", "start", body={"peerid": peer, "path": path})
        session.show(answer, lambda _: f"volume reset-brick: {name}: the brick is away; commit brings it back")
        return
    body = {"peerid": peer, "path": path, "force": words.flag("force")}
    answer = session.write("POST", "volumes", name, "resetbrick", "commit", body=body)
    session.show(answer, lambda _: f"volume reset-brick: {name}: success")


COMMANDS = {
    "replace-brick": Spec(
        Grammar(
            "VOLUME SOURCE-BRICK NEW-BRICK commit [force]",
            names=("VOLUME", "SOURCE-BRICK", "NEW-BRICK"),
            words=(Word("commit"), Word("force")),
        ),
        "Put an empty brick in the place of another, also when that one's peer is dead; self-heal fills it.",
        replace_brick,
    ),
    "reset-brick": Spec(
        Grammar(
            "VOLUME BRICK start | VOLUME BRICK BRICK commit [force]",
            names=("VOLUME", "BRICK"),
            optional=("BRICK",),
            words=(Word("start"), Word("commit"), Word("force")),
        ),
        "Take a brick's process away so that its disk can be worked on (start), and bring it back (commit; force: with the data that it had).",
        reset_brick,
    ),
}
