"""Man pages and shell completion, made from the command tree of `gd2` and the table of the daemon's keys: {path below share/: text}.

A page for `gd2`, one for each of its groups with all its commands, one for the daemon. Used when a wheel is built; not installed.
It must not know a single command or key: what is there is asked.
"""

from __future__ import annotations

import re

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from gd2cli import main
from gd2raft import __version__, config

COMPLETIONS = {
    "bash-completion/completions/gd2": BashComplete,
    "zsh/site-functions/_gd2": ZshComplete,
    "fish/vendor_completions.d/gd2.fish": FishComplete,
}
COMPLETE_VARIABLE = "_GD2_COMPLETE"
"""click's own name for it: `gd2` answers the scripts when it is set."""
DAEMON_STATUS = "0 stopped, 1 could not start or its disk failed, 2 usage or configuration."


def files() -> dict[str, str]:
    """Everything, to be written below a prefix's share/."""
    tree = main.command()
    found = {f"man/man1/{name}.1": page for name, page in pages(tree).items()}
    found["man/man8/gd2raft.8"] = daemon_page()
    for path, kind in COMPLETIONS.items():
        made = kind(tree, {}, "gd2", COMPLETE_VARIABLE)
        found[path] = made.source_template % made.source_vars()  # not source(): that asks for the bash of this machine
    return found


def pages(tree: click.Group) -> dict[str, str]:
    """{page: text} of `gd2` and of each command right below it."""
    context = click.Context(tree, info_name="gd2")
    children = {name: child for name in tree.list_commands(context) if (child := tree.get_command(context, name)) is not None}
    found = {"gd2": root_page(tree, children)}
    for name, child in children.items():
        found[f"gd2-{name}"] = group_page(name, child) if isinstance(child, click.Group) else command_page(name, child)
    return found


def root_page(tree: click.Group, children: dict[str, click.Command]) -> str:
    first, _, rest = (tree.help or "").partition("\n")
    listed = [(f"gd2 {name}", child.get_short_help_str(limit=200)) for name, child in children.items()]
    options = [record for parameter in tree.params if (record := parameter.get_help_record(click.Context(tree))) is not None]
    also = [f"gd2-{name}(1)" for name in children]
    return page(
        "gd2", 1, first_sentence(tree), "gd2 [OPTION...] COMMAND [WORD...]",
        {"DESCRIPTION": paragraphs(first + "\n" + rest), "COMMANDS": table(listed), "OPTIONS": table(options), "SEE ALSO": text(", ".join([*also, "gd2raft(8)"]))},
    )  # fmt: skip


def group_page(name: str, group: click.Group) -> str:
    context = click.Context(group, info_name=f"gd2 {name}")
    commands = [(word, child) for word in group.list_commands(context) if (child := group.get_command(context, word)) is not None]
    body = "".join(
        f".SS {text(word)}{synopsis(usage(f'gd2 {name} {word}', child))}{paragraphs(child.help or '')}" for word, child in commands
    )
    sections = {"COMMANDS": body, "SEE ALSO": text("gd2(1): options that every command takes, and exit codes. gd2raft(8)")}
    return page(f"gd2-{name}", 1, group.help or "", f"gd2 {name} COMMAND [WORD...]", sections)


def command_page(name: str, command: click.Command) -> str:
    sections = {"DESCRIPTION": paragraphs(command.help or ""), "SEE ALSO": text("gd2(1), gd2raft(8)")}
    return page(f"gd2-{name}", 1, first_sentence(command), usage(f"gd2 {name}", command), sections)


def daemon_page() -> str:
    keys = [(key, f"{what} [{config.default_of(key)}]") for key, what in config.HELP.items()]
    description = (
        "Runs on every peer of a pool, in place of glusterd(8), in the foreground. SIGTERM and SIGINT stop it; bricks and self-heal daemons go on, "
        "and the next start adopts them.\n\nA key of FILE (TOML) is also a flag, and a flag wins."
    )
    also = "gd2(1), glusterfsd(8). The administrator's guide has all the rest."
    return page(
        "gd2raft", 8, config.parser().description or "", "gd2raft [--config FILE] [--KEY VALUE ...]",
        {"DESCRIPTION": paragraphs(description), "KEYS": table(keys), "EXIT STATUS": text(DAEMON_STATUS), "SEE ALSO": text(also)},
    )  # fmt: skip


def first_sentence(command: click.Command) -> str:
    return re.split(r"(?<=[.:])\s", (command.help or "").strip(), maxsplit=1)[0].rstrip(".:")


def usage(words: str, command: click.Command) -> str:
    return " ".join([words, *command.collect_usage_pieces(click.Context(command))])


# roff


def page(name: str, section: int, what: str, words: str, sections: dict[str, str]) -> str:
    """Neither hyphenated nor adjusted: words are typed as they stand."""
    head = f'.TH "{text(name.upper())}" "{section}" "" "gd2raft {__version__}" "GlusterFS"\n.nh\n.ad l\n'
    head += f".SH NAME\n{text(name)} \\- {text(what.rstrip('.'))}\n.SH SYNOPSIS{synopsis(words)}"
    return head + "".join(f".SH {title}\n{body.strip()}\n" for title, body in sections.items())


def synopsis(line: str) -> str:
    return f"\n{text(line)}\n"


def paragraphs(words: str) -> str:
    return "".join(f".PP\n{text(' '.join(part.split()))}\n" for part in re.split(r"\n\s*\n", words.strip()))


def table(rows: list[tuple[str, str]]) -> str:
    return "".join(f".TP\n.B {text(key)}\n{text(' '.join(what.split()))}\n" for key, what in rows)


def text(words: str) -> str:
    r"""As roff takes it literally.

    >>> text(".a-b \\ 'c'")
    "\\&.a\\-b \\e 'c'"
    """
    escaped = words.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
