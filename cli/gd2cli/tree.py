"""The tree of commands for click: which there are, and where each one's code is. Nothing of a command is imported before it is run or its
help is wanted, so that `gd2 --help` answers at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from gd2cli.words import Parsed, WordError, encodable, parse, suggestion, words_of

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from gd2cli.spec import Spec

BROKEN_PIPE = 141
EPILOG = "Global options (gd2 --help) can be given here too. `--` ends options and words."


class Leaf(NamedTuple):
    """`place`: module:name in its COMMANDS."""

    place: str
    short: str


class Branch(NamedTuple):
    short: str
    leaves: dict[str, Leaf]
    aliases: dict[str, str] = {}


TREE = {
    "peer": Branch(
        "The peers of the pool.",
        {
            "probe": Leaf("peer_commands:probe", "Let a peer join the pool (also: add)."),
            "detach": Leaf("peer_commands:detach", "Let a peer leave the pool (also: remove)."),
            "replace": Leaf("peer_commands:replace", "Let a fresh daemon take the place of a lost peer."),
            "edit": Leaf("peer_commands:edit", "Change its address or zone."),
            "status": Leaf("peer_commands:status", "How many are online, and who is not."),
            "list": Leaf("peer_commands:list", "All peers."),
        },
        {"add": "probe", "remove": "detach"},
    ),
    "pool": Branch("The pool.", {"list": Leaf("peer_commands:list", "All peers, as peer list.")}),
    "volume": Branch(
        "Volumes: create, start, look, change.",
        {
            "create": Leaf("volume_commands:create", "Create a volume from bricks, or by size."),
            "clone": Leaf("volume_commands:clone", "Make a volume with what another one has at this moment."),
            "start": Leaf("volume_commands:start", "Start a volume."),
            "stop": Leaf("volume_commands:stop", "Stop a volume."),
            "delete": Leaf("volume_commands:delete", "Delete a stopped volume."),
            "info": Leaf("volume_commands:info", "What volumes are made of."),
            "list": Leaf("volume_commands:list", "Names of all volumes."),
            "status": Leaf("volume_commands:status", "Which bricks are online."),
            "replace-brick": Leaf("repair_commands:replace-brick", "Put an empty brick in the place of another."),
            "reset-brick": Leaf("repair_commands:reset-brick", "Take a brick away to work on its disk, and bring it back."),
            "add-brick": Leaf("brick_commands:add-brick", "Add bricks to a volume, or a size (also: expand)."),
            "remove-brick": Leaf("brick_commands:remove-brick", "Take bricks out of a volume."),
            "rebalance": Leaf("brick_commands:rebalance", "Move files to where the layout wants them."),
            "heal": Leaf("heal_commands:heal", "What waits to be healed; begin to heal; settle split-brain."),
            "profile": Leaf("inspect_commands:profile", "Count calls and latencies on the bricks."),
            "top": Leaf("inspect_commands:top", "The busiest files of each brick."),
            "statedump": Leaf("inspect_commands:statedump", "Let processes write down their state."),
            "clear-locks": Leaf("upkeep_commands:clear-locks", "Give up locks on a path."),
            "log": Leaf("upkeep_commands:log", "Let bricks begin new logs."),
            "barrier": Leaf("inspect_commands:barrier", "Hold back acknowledgements of the bricks."),
            "bitrot": Leaf("bitrot_commands:bitrot", "Sign files, and find those that went bad."),
            "quota": Leaf("quota_commands:quota", "Limits of directories."),
            "inode-quota": Leaf("quota_commands:inode-quota", "Count files and directories too."),
            "set": Leaf("option_commands:set", "Set options."),
            "get": Leaf("option_commands:get", "Show options."),
            "reset": Leaf("option_commands:reset", "Give options their defaults again."),
        },
        {"expand": "add-brick"},
    ),
    "device": Branch(
        "Disks and folders for volumes by size.",
        {
            "add": Leaf("device_commands:add", "Add a disk or a folder of a peer."),
            "list": Leaf("device_commands:list", "All devices, and what is free."),
            "info": Leaf("device_commands:info", "A device and its bricks."),
            "remove": Leaf("device_commands:remove", "Remove a device without bricks."),
            "set": Leaf("device_commands:set", "online, offline or failed (moves its bricks away)."),
            "resync": Leaf("device_commands:resync", "Look again how large it is."),
            "tags": Leaf("device_commands:tags", "Change its tags."),
        },
    ),
    "job": Branch(
        "Long work: rebalance, remove-brick.",
        {
            "list": Leaf("brick_commands:list", "The latest of each volume."),
            "show": Leaf("brick_commands:show", "How far one is."),
        },
    ),
    "transaction": Branch(
        "Commands that hang, or could not be undone.",
        {
            "list": Leaf("transaction_commands:list", "Commands that haven't ended."),
            "show": Leaf("transaction_commands:show", "Where one is, and what went wrong."),
            "resume": Leaf("transaction_commands:resume", "Try again to undo a stuck one."),
            "abort": Leaf("transaction_commands:abort", "Free its locks without waiting for dead peers."),
            "forget": Leaf("transaction_commands:forget", "Give up what an ended one left to be undone."),
        },
    ),
    "cluster": Branch(
        "The state store below it all.",
        {
            "status": Leaf("cluster_commands:status", "Quorum, leader, roles: when something is wrong."),
            "openapi": Leaf("cluster_commands:openapi", "What REST offers, as OpenAPI."),
            "voters": Leaf("cluster_commands:voters", "How many peers vote, and who."),
            "export": Leaf("recovery_commands:export", "The pool's state in a file."),
            "verify": Leaf("recovery_commands:verify", "Check such a file."),
            "restore": Leaf("recovery_commands:restore", "A new pool of one from such a file."),
            "recover": Leaf("recovery_commands:recover", "Go on after the quorum is lost for good."),
        },
    ),
}
HEALTH = Leaf("health_commands:health", "What is wrong, and what to do, on one screen.")


class WordsCommand(click.Command):
    """A command whose words gd2cli.words understands, not click."""

    def __init__(self, name: str, what: str, spec: Spec) -> None:
        super().__init__(name, help=spec.help, epilog=EPILOG, add_help_option=False)
        self.what, self.spec = what, spec

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.resilient_parsing:  # of a shell that completes
            ctx.args = list(args)
            return []
        before_end = args[: args.index("--")] if "--" in args else args
        if "--help" in before_end or "-h" in before_end:
            click.echo(ctx.get_help())
            ctx.exit()
        ctx.args = list(args)
        return []

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The command's words that were not typed yet. Names of volumes and bricks are not asked for: no Tab waits for a daemon."""
        from click.shell_completion import CompletionItem

        dashes = "--" if incomplete.startswith("-") else ""
        spelt = [*words_of(self.spec.grammar.usage), *(w.name for w in self.spec.grammar.words if dashes and w.name)]
        possible = dict.fromkeys(f"{dashes}{word}" for word in spelt)
        return [CompletionItem(word) for word in possible if word.startswith(incomplete) and word not in ctx.args]

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [self.spec.grammar.usage]

    def invoke(self, ctx: click.Context) -> Any:
        try:
            words = parse(self.spec.grammar, ctx.args)
            self.run(ctx, words)
        except WordError as error:
            hint = f" ({error.hint})" if error.hint else ""
            raise click.UsageError(f"{error.message}{hint}", ctx) from None
        except BrokenPipeError:  # click's own way out would be sys.exit
            raise click.exceptions.Exit(BROKEN_PIPE) from None

    def run(self, ctx: click.Context, words: Parsed) -> None:
        from gd2cli.problems import Problem
        from gd2cli.session import Session

        try:
            with Session(ctx.obj(), self.what) as session:
                self.spec.run(session, words)
        except Problem as problem:
            problem.what = self.what
            raise


class LazyGroup(click.Group):
    """Takes unambiguous beginnings too, as gluster does: `vol info`."""

    def choices(self) -> dict[str, str]:
        """Name -> short help."""
        raise NotImplementedError

    def load(self, name: str) -> click.Command:
        raise NotImplementedError

    def aliases(self) -> dict[str, str]:
        return {}

    def others(self) -> dict[str, str]:
        """Name -> short help of commands that other packages bring."""
        return {}

    def load_other(self, name: str) -> click.Command:
        raise NotImplementedError

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.choices(), *self.others()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = self.aliases().get(cmd_name, cmd_name)
        if name in self.choices():
            return self.load(name)
        return self.load_other(name) if name in self.others() else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        given = args[0]
        if given == "help":
            click.echo(ctx.get_help())
            ctx.exit()
        if not encodable(given):
            raise click.UsageError(f"{given!r} is not valid UTF-8", ctx)
        known = [*self.choices(), *self.aliases()]
        possible = [given] if given in known else [name for name in known if name.startswith(given)]
        if not possible:
            known += self.others()
            possible = [given] if given in known else [name for name in known if name.startswith(given)]
        if len(possible) != 1:
            hint = "it could be " + ", ".join(possible) if possible else suggestion(given, known)
            raise click.UsageError(f"{'ambiguous' if possible else 'unknown'} command {given!r} ({hint})", ctx)
        return possible[0], self.get_command(ctx, possible[0]), args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*self.choices().items(), *self.others().items()])


class BranchGroup(LazyGroup):
    def __init__(self, name: str, branch: Branch) -> None:
        super().__init__(name, help=branch.short, epilog=EPILOG)
        self.branch = branch

    def choices(self) -> dict[str, str]:
        return {name: leaf.short for name, leaf in self.branch.leaves.items()}

    def aliases(self) -> dict[str, str]:
        return self.branch.aliases

    def load(self, name: str) -> click.Command:
        return load_leaf(name, f"{self.name} {name}", self.branch.leaves[name])

    def others(self) -> dict[str, str]:
        from gd2cli import plugins

        return {word: plugins.short(e) for word, e in plugins.found().get(self.name or "", {}).items() if word not in self.choices()}

    def load_other(self, name: str) -> click.Command:
        from gd2cli import plugins

        return WordsCommand(name, f"{self.name} {name}", plugins.load(plugins.found()[self.name or ""][name]))


class RootGroup(LazyGroup):
    def others(self) -> dict[str, str]:
        from gd2cli import plugins

        return {name: "Commands of another package." for name in plugins.found() if name not in self.choices()}

    def load_other(self, name: str) -> click.Command:
        return BranchGroup(name, Branch("Commands of another package.", {}))

    def choices(self) -> dict[str, str]:
        return {**{name: branch.short for name, branch in TREE.items()}, "health": HEALTH.short}

    def load(self, name: str) -> click.Command:
        return BranchGroup(name, TREE[name]) if name in TREE else load_leaf(name, name, HEALTH)


def load_leaf(name: str, what: str, leaf: Leaf) -> WordsCommand:
    module, _, key = leaf.place.partition(":")
    return WordsCommand(name, what, import_module(f"gd2cli.{module}").COMMANDS[key])
