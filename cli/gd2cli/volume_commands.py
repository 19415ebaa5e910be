"""gd2 volume ...: a volume's life, and what can be seen of it. Options are in option_commands."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from gd2cli.spec import Spec
from gd2cli.volume_text import detail_text, status_text, tasks_text, volume_text, volumes_text
from gd2cli.volume_words import CREATE as CREATE_GRAMMAR
from gd2cli.volume_words import create_body
from gd2cli.words import Grammar, Parsed, Word, WordError

if TYPE_CHECKING:
    from gd2cli.session import Session

FORCE = (Word("force"),)
ALL_VOLUMES = ("", "all")


def create(session: Session, words: Parsed) -> None:
    body = create_body(words)
    if words.flag("dry-run"):
        from gd2cli.device_text import placement_text

        session.show(session.write("POST", "placement", body=body), lambda plan: placement_text(plan, session.paint))
        return
    answer = session.write("POST", "volumes", body=body)
    session.show(answer, lambda v: f"volume create: {v['name']}: success\nstart it to use it: gd2 volume start {v['name']}")


def clone(session: Session, words: Parsed) -> None:
    answer = session.write("POST", "volumes", words.name(0), "clone", body={"name": words.name(1)})
    session.show(answer, lambda v: f"volume clone: {v['name']}: success\nstart it to use it: gd2 volume start {v['name']}")


def start(session: Session, words: Parsed) -> None:
    name = words.name(0)
    answer = session.write("POST", "volumes", name, "start", body={"force-start-bricks": words.flag("force")})
    session.show(answer, lambda _: f"volume start: {name}: success")


def stop(session: Session, words: Parsed) -> None:
    name = words.name(0)
    session.confirm(f"Stopping volume {name} takes its data away from everyone who has it mounted.")
    answer = session.write("POST", "volumes", name, "stop", body={"force": words.flag("force")})
    session.show(answer, lambda _: f"volume stop: {name}: success")


def delete(session: Session, words: Parsed) -> None:
    name = words.name(0)
    session.confirm(f"Volume {name} will be forgotten. The files on its bricks stay, but bricks on devices are removed with their files.")
    answer = session.write("DELETE", "volumes", name, body={"force": words.flag("force")})
    session.show(answer, lambda _: f"volume delete: {name}: success")


def info(session: Session, words: Parsed) -> None:
    if words.name(0) in ALL_VOLUMES:
        volumes = session.get("volumes")
        session.show(volumes, lambda found: volumes_text(found, session.paint))
        say_if_none(volumes.data)
    else:
        session.show(session.get("volumes", words.name(0)), lambda volume: volume_text(volume, session.paint))


def list_volumes(session: Session, words: Parsed) -> None:
    volumes = session.get("volumes")
    session.show(volumes, lambda found: "\n".join(v["name"] for v in found))
    say_if_none(volumes.data)


STATUS_WORDS = ("clients", "mem", "inode", "fd", "callpool", "tasks")


def status(session: Session, words: Parsed) -> None:
    wanted = [word for word in STATUS_WORDS if words.flag(word)]
    if wanted:
        if len(wanted) + words.flag("detail") > 1:
            raise WordError("name one of detail, " + ", ".join(STATUS_WORDS))
        from gd2cli.inspect_commands import status_of, status_of_all

        if words.name(0) in ALL_VOLUMES:
            status_of_all(session, to_look_at(session), wanted[0])
        else:
            status_of(session, words.name(0), wanted[0])
        return

    def render(name: str, bricks: list[dict[str, Any]], jobs: list[dict[str, Any]]) -> str:
        if words.flag("detail"):
            return detail_text(name, bricks, session.paint)
        processes = status_text(name, bricks, session.get("volumes", name, "services").data, session.paint)
        return f"{processes}\n\n{tasks_text(name, jobs)}"

    if words.name(0) not in ALL_VOLUMES:
        name = words.name(0)
        session.show(session.get("volumes", name, "bricks"), lambda bricks: render(name, bricks, tasks_of(session, name)))
        return
    found = {name: session.get("volumes", name, "bricks").data for name in to_look_at(session)}

    def render_all(all_: dict[str, list[dict[str, Any]]]) -> str:
        jobs = [] if words.flag("detail") else session.get("jobs").data
        return "\n\n".join(render(name, bricks, [j for j in jobs if j["volume"] == name]) for name, bricks in all_.items())

    session.show_data(found, render_all)


def tasks_of(session: Session, name: str) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = session.get("jobs", query={"volume": name}).data
    return jobs


def to_look_at(session: Session) -> list[str]:
    """The names of all started volumes; of the others it is said that they aren't."""
    volumes = session.get("volumes").data
    say_if_none(volumes)
    for name in sorted(v["name"] for v in volumes if v["state"] != "Started"):
        print(f"volume {name} is not started", file=sys.stderr)
    return [v["name"] for v in volumes if v["state"] == "Started"]


def say_if_none(volumes: Any) -> None:
    if volumes == []:
        print("there are no volumes", file=sys.stderr)


COMMANDS = {
    "create": Spec(
        CREATE_GRAMMAR,
        "Create a volume from bricks (PEER:/path, in the order of its sets). Words may be typed as flags too: --replica 3, --force. "
        "A missing brick folder is made. --reuse-bricks takes bricks of a deleted volume, --allow-root-dir and --allow-mount-as-brick say "
        "that you know what you do. With a size, bricks are made on devices (gd2 device), and --dry-run only shows where: the create after it "
        "takes the same places if nothing has changed. zones strict: bricks of a set are in different zones; a peer without one is a zone of "
        "its own.",
        create,
    ),
    "clone": Spec(
        Grammar("VOLUME NAME", names=("VOLUME", "NAME")),
        "Make the volume NAME with what VOLUME has at this moment. Its bricks have to be files on loop devices (gd2 device), and the copies are on the "
        "same devices. Writes wait meanwhile, for ten seconds at most.",
        clone,
    ),
    "start": Spec(
        Grammar("VOLUME [force]", names=("VOLUME",), words=FORCE),
        "Start a volume; force: also the bricks of a started one that are down.",
        start,
    ),
    "stop": Spec(Grammar("VOLUME [force]", names=("VOLUME",), words=FORCE), "Stop a volume: clients lose it.", stop),
    "delete": Spec(
        Grammar("VOLUME [force]", names=("VOLUME",), words=FORCE),
        "Forget a stopped volume; the files on its bricks stay (bricks on devices are removed with theirs). force: also while a peer with a brick is down.",
        delete,
    ),
    "info": Spec(Grammar("[VOLUME]", optional=("VOLUME",)), "What a volume is made of (all volumes without a name).", info),
    "list": Spec(Grammar(""), "The names of all volumes.", list_volumes),
    "status": Spec(
        Grammar(
            "[VOLUME|all] [detail|clients|mem|inode|fd|callpool|tasks]",
            optional=("VOLUME",),
            words=(Word("detail"), *(Word(word) for word in STATUS_WORDS)),
        ),
        "Which bricks are online, on which port and pid and what the volume is busy with (all started volumes without a name).",
        status,
    ),
}
