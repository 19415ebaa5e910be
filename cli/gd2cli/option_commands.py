"""gd2 volume set | get | reset: options of a volume, and of the whole pool (`all`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gd2cli.problems import NOT_FOUND, Problem
from gd2cli.spec import Spec
from gd2cli.tables import Paint, table
from gd2cli.words import Grammar, Parsed, Word, WordError, suggestion

if TYPE_CHECKING:
    from gd2cli.session import Session

POOL = "all"
SET_GRAMMAR = Grammar("VOLUME|all KEY VALUE [KEY VALUE ...] | VOLUME group NAME | help", names=("VOLUME",), rest="KEY VALUE")


def set_options(session: Session, words: Parsed) -> None:
    name = words.name(0)
    if name == "help" and not words.rest:
        show_help(session)
        return
    if words.rest[:1] == ("group",):
        set_group(session, name, words.rest[1:])
        return
    options = pairs(words.rest)
    where = ("cluster",) if name == POOL else ("volumes", name)
    answer = session.write("POST", *where, "options", body={"options": options})
    session.show(answer, lambda _: "volume set: success")


def set_group(session: Session, name: str, rest: Sequence[str]) -> None:
    if len(rest) != 1 or name == POOL:
        raise WordError("a volume and one group are needed", "gd2 volume set VOLUME group NAME")
    answer = session.write("POST", "volumes", name, "options", body={"group": rest[0]})
    session.show(answer, lambda _: f"volume set: {name} has the options of group {rest[0]}")


def pairs(words: Sequence[str]) -> dict[str, str]:
    """Raises WordError."""
    if not words:
        raise WordError("KEY VALUE is missing", "gd2 volume set help shows the options")
    if len(words) % 2:
        raise WordError(f"option {words[-1]!r} has no value", "give KEY VALUE pairs; a value with spaces needs quotes")
    options = dict(zip(words[::2], words[1::2], strict=True))
    if len(options) != len(words) // 2:
        raise WordError("an option is given twice")
    return options


def show_help(session: Session) -> None:
    """The options as the pool knows them."""
    session.show(session.get("options"), lambda options: help_text(options, session.paint))


def help_text(options: list[dict[str, Any]], paint: Paint) -> str:
    rows = [[o["name"], o["default-value"], o["help"] or ", ".join(o["values"]) or o["type"]] for o in options if o["documented"]]
    return table(["Option", "Default", "Description"], rows, paint)


def get_options(session: Session, words: Parsed) -> None:
    name, key = words.names
    if name == POOL:
        get_pool_options(session, key)
    elif key == "all":
        session.show(session.get("volumes", name, "options"), lambda options: options_text(options, session.paint))
    else:
        session.show(session.get("volumes", name, "options", key), lambda option: options_text([option], session.paint))


def get_pool_options(session: Session, key: str) -> None:
    answer = session.get("cluster", "options")
    if key == "all":
        session.show(answer, lambda options: options_text(options, session.paint))
        return
    known = {o["key"]: o for o in answer.data}
    if key not in known:
        raise Problem(f"there is no pool option {key!r}", exit_code=NOT_FOUND, hint=suggestion(key, list(known)))
    session.show_data(known[key], lambda option: options_text([option], session.paint))


def options_text(options: Sequence[Mapping[str, Any]], paint: Paint) -> str:
    rows = [[o.get("name", o.get("key", "")), value_of(o)] for o in options]
    return table(["Option", "Value"], rows, paint)


def value_of(option: Mapping[str, Any]) -> str:
    """A default is marked, as gluster does."""
    value = str(option["value"])
    return value if option.get("modified") else f"{value} (DEFAULT)".lstrip()


def reset(session: Session, words: Parsed) -> None:
    name, key = words.name(0), words.name(1)
    where = "the pool" if name == POOL else f"volume {name}"
    session.confirm(f"{f'Option {key}' if key and key != 'all' else 'All options'} of {where} will be as if never set.")
    body: dict[str, Any] = {"options": [key]} if key and key != "all" else {"all": True}
    if name == POOL:
        answer = session.write("DELETE", "cluster", "options", body={**body, "if-set": True})
        session.show(answer, lambda _: "volume reset: success")
        return
    answer = session.write("DELETE", "volumes", name, "options", body={**body, "force": words.flag("force"), "if-set": True})
    session.show(answer, lambda _: "volume reset: success")


COMMANDS = {
    "set": Spec(
        SET_GRAMMAR, "Set options of a volume, all or nothing; `all` instead of a volume: of the whole pool. help: list them.", set_options
    ),
    "get": Spec(
        Grammar("VOLUME|all KEY|all", names=("VOLUME", "KEY")),
        "Show an option of a volume, or all; `all` instead of a volume: of the whole pool.",
        get_options,
    ),
    "reset": Spec(
        Grammar("VOLUME|all [KEY] [force]", names=("VOLUME",), optional=("KEY",), words=(Word("force"),)),
        "Give an option (without KEY: all) its default again; `all` instead of a volume: of the whole pool; force: protected ones too.",
        reset,
    ),
}
