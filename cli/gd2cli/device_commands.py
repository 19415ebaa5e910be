"""gd2 device ...: disks and folders from which bricks are made for volumes by size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gd2cli.device_text import device_table, device_text, tags_text
from gd2cli.problems import NOT_FOUND, Problem
from gd2cli.sizes import parse_size
from gd2cli.spec import Spec
from gd2cli.tables import size
from gd2cli.words import Grammar, Parsed, Word, WordError

if TYPE_CHECKING:
    from gd2cli.session import Session

STATES = ("online", "offline", "failed")
PROVISIONERS = ("lvm", "loop")
ID_CHARS = 32


def add(session: Session, words: Parsed) -> None:
    peer, path = words.name(0), words.name(1)
    body: dict[str, Any] = {"device": path}
    if words.text("provisioner"):
        body["provisioner"] = one_of(words.text("provisioner"), PROVISIONERS, "provisioner")
    if words.text("size"):
        body["size"] = parse_size("size", words.text("size"))
    if words.text("tags"):
        body["tags"] = parse_tags(words.text("tags"))
    answer = session.write("POST", "devices", peer, body=body)
    session.show(answer, lambda d: f"device add: success: {d['host']}:{d['device']} is device {d['id']}, {size(d['size']['capacity'])}")


def list_devices(session: Session, words: Parsed) -> None:
    path = ("devices", words.name(0)) if words.name(0) else ("devices",)
    session.show(session.get(*path), lambda found: device_table(found, session.paint))


def info(session: Session, words: Parsed) -> None:
    answer = session.get("devices", *place_of(session, words.name(0)))
    session.show(answer, lambda device: device_text(device, session.paint))


def remove(session: Session, words: Parsed) -> None:
    place = place_of(session, words.name(0))
    session.confirm(f"Device {words.name(0)} will leave the pool.")
    answer = session.write("DELETE", "devices", *place, body={"force": words.flag("force")})
    session.show(answer, lambda _: f"device remove: success: {words.name(0)}")


def set_state(session: Session, words: Parsed) -> None:
    state = one_of(words.name(1), STATES, "state")
    place = place_of(session, words.name(0))
    if state == "failed":
        session.confirm(f"All bricks will be moved off device {words.name(0)}.")
    answer = session.write("POST", "devices", *place, body={"state": state})
    moving = "\nits bricks are being moved: gd2 device info shows those that are left" if state == "failed" else ""
    session.show(answer, lambda d: f"device set: success: {d['host']}:{d['device']} is {d['state']}" + (moving if d["bricks"] else ""))


def resync(session: Session, words: Parsed) -> None:
    answer = session.write("POST", "devices", *place_of(session, words.name(0)), "resync", body={})
    session.show(answer, lambda d: f"device resync: success: {d['host']}:{d['device']} has {size(d['size']['capacity'])}")


def tags(session: Session, words: Parsed) -> None:
    change = one_of(words.name(1), ("set", "update", "delete"), "change")
    given = dict.fromkeys(words.rest, "") if change == "delete" else parse_tags(",".join(words.rest))
    if not given and change != "set":
        raise WordError("no tags are given", TAGS_USAGE)
    body = {"change-type": change, "tags": given}
    answer = session.write("POST", "devices", *place_of(session, words.name(0)), "tags", body=body)
    session.show(answer, lambda d: f"device tags: success: {d['host']}:{d['device']}: {tags_text(d['tags']) or 'none'}")


def place_of(session: Session, text: str) -> tuple[str, str]:
    """(peer, device) of PEER:/path, or of an id in any peer. Raises Problem."""
    peer, colon, path = text.partition(":/")
    if colon and peer:
        return peer, "/" + path
    if len(text) != ID_CHARS:
        raise WordError(f"{text!r} is neither an id of {ID_CHARS} digits nor PEER:/path", "gd2 device list shows the devices")
    for device in session.get("devices").data:
        if device["id"] == text:
            return device["peer-id"], text
    raise Problem(f"there is no device {text}", hint="gd2 device list shows the devices", exit_code=NOT_FOUND)


def one_of(text: str, possible: tuple[str, ...], what: str) -> str:
    if text not in possible:
        raise WordError(f"{what} {text!r} is not known", "one of " + ", ".join(possible))
    return text


def parse_tags(text: str) -> dict[str, str]:
    """Raises WordError.

    >>> parse_tags("tier=gold,arbiter=disabled")
    {'tier': 'gold', 'arbiter': 'disabled'}
    """
    found = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise WordError(f"tag {part!r} is not NAME=VALUE", "for example tier=gold")
        found[name] = value
    return found


TAGS_USAGE = "DEVICE set|update|delete [NAME=VALUE...]"
WHICH = "DEVICE: its id, or PEER:/path."
COMMANDS = {
    "add": Spec(
        Grammar(
            "PEER PATH [provisioner lvm|loop] [size SIZE] [tags NAME=VALUE,...]",
            names=("PEER", "PATH"),
            words=(Word("provisioner", "text"), Word("size", "text"), Word("tags", "text")),
        ),
        "Add a disk of a peer (provisioner lvm, the default), or a folder for files with bricks in them (loop; size: how much of it, "
        "default what is free), for volumes by size.",
        add,
    ),
    "list": Spec(Grammar("[PEER]", optional=("PEER",)), "All devices, or those of a peer.", list_devices),
    "info": Spec(Grammar("DEVICE", names=("DEVICE",)), f"A device and the bricks on it. {WHICH}", info),
    "remove": Spec(
        Grammar("DEVICE [force]", names=("DEVICE",), words=(Word("force"),)),
        f"Remove a device that has no bricks. {WHICH} force: also while its peer is down.",
        remove,
    ),
    "set": Spec(
        Grammar("DEVICE online|offline|failed", names=("DEVICE", "STATE")),
        f"offline: the device gets no new bricks. failed: its bricks are moved to other devices, and healed there. {WHICH}",
        set_state,
    ),
    "resync": Spec(
        Grammar("DEVICE", names=("DEVICE",)),
        f"Look again how large a device is, after its disk was enlarged. {WHICH} One that was added with a size keeps it.",
        resync,
    ),
    "tags": Spec(
        Grammar(TAGS_USAGE, names=("DEVICE", "CHANGE"), rest="TAG"),
        f"Change the tags of a device. {WHICH} Volumes can ask for tags; arbiter=required|disabled|supported says whether arbiters go there.",
        tags,
    ),
}
