"""`gd2`: the entry. Global options, exit codes, and what must never end in a traceback: a full disk, a closed pipe, Ctrl-C.

It imports click and nothing else before it is known what is wanted.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from gd2cli.tree import RootGroup

if TYPE_CHECKING:
    from gd2cli.settings import Settings

FAILED, USAGE, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141
TIMEOUT_S_MAX = 3600.0

HELP = """Manage a pool of GlusterFS peers: a client of the REST API that every gd2raft daemon serves.

Words are those of `gluster`, and may be typed as flags too: `replica 3` or `--replica 3`, `force` or `--force`.
Global options can stand anywhere.

Exit codes: 0 done, 1 failed, 2 usage, 4 not found, 5 conflict, 6 no quorum, 7 timed out with the outcome unknown."""

OPTIONS: list[click.Parameter] = [
    click.Option(
        ["--endpoints"],
        metavar="URL[,URL...]",
        envvar="GD2_ENDPOINTS",
        show_envvar=True,
        help="Peers to ask, in turn. [http://127.0.0.1:24007]",
    ),
    click.Option(["--user"], metavar="NAME", default="gd2", help="User of the REST API: gd2 or glustercli. [gd2]"),
    click.Option(
        ["--secret"], metavar="SECRET", help="The pool's secret. [env GD2_AUTH_SECRET] Others on this machine see options: prefer a file."
    ),
    click.Option(["--secret-file"], metavar="FILE", help="File with the pool's secret. [/var/lib/gd2raft/auth]"),
    click.Option(["--timeout"], metavar="SECONDS", type=click.FloatRange(0.1, TIMEOUT_S_MAX), help="How long to wait for an answer."),
    click.Option(
        ["-o", "--output"],
        type=click.Choice(["table", "json", "yaml"]),
        default="table",
        help="How to show results. JSON is the REST body as it came.",
    ),
    click.Option(["--json", "as_json"], is_flag=True, help="As -o json."),
    click.Option(["--cacert"], metavar="FILE", help="Certificates to trust for https."),
    click.Option(["--insecure"], is_flag=True, help="Do not check the server's certificate."),
    click.Option(["-y", "--yes"], is_flag=True, help="Ask no questions."),
    click.Option(["--mode"], type=click.Choice(["script", "interactive"]), help="script: ask no questions."),
    click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=lambda c, p, v: show_version(c) if v else None,
        help="Show the version.",
    ),
]


def show_version(context: click.Context) -> None:
    from importlib.metadata import version

    click.echo(f"gd2 {version('gd2raft')}")
    context.exit()


@click.pass_context
def root(context: click.Context, /, **given: Any) -> None:
    # Made when a command runs: help and usage errors need no secret.
    context.obj = lambda: settings_of(given)


def settings_of(given: dict[str, Any]) -> Settings:
    """Raises Problem, click.UsageError."""
    from gd2cli import settings
    from gd2cli.wire import BadEndpoint, Tls

    if given["secret"] is not None and given["secret_file"] is not None:
        raise click.UsageError("give --secret or --secret-file, not both")
    if given["timeout"] != given["timeout"]:
        raise click.UsageError("--timeout is not a number")
    try:
        endpoints = settings.read_endpoints(given["endpoints"] or settings.DEFAULT_ENDPOINT)
    except BadEndpoint as error:
        raise click.UsageError(str(error)) from None
    secret, source = settings.find_secret(given["secret"], given["secret_file"], os.environ)
    return settings.Settings(
        endpoints=endpoints,
        user=given["user"],
        secret=secret,
        secret_source=source,
        timeout_s=given["timeout"] or 0.0,
        output="json" if given["as_json"] else given["output"],
        tls=Tls(given["cacert"] or "", given["insecure"]),
        script=given["yes"] or given["mode"] == "script",
    )


def command() -> RootGroup:
    return RootGroup("gd2", help=HELP, params=list(OPTIONS), callback=root, context_settings={"help_option_names": ["-h", "--help"]})


def main(line: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name must not break a terminal that can't show it
    try:
        code = run(sys.argv[1:] if line is None else line)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        return silenced(BROKEN_PIPE)
    except KeyboardInterrupt:
        complain("gd2: interrupted")
        return INTERRUPTED
    except OSError as error:
        complain(f"gd2: the result can't be written: {error.strerror or error}")
        return silenced(FAILED)
    return code


def run(line: list[str]) -> int:
    from gd2cli.problems import Problem
    from gd2cli.words import WordError

    tree = command()
    try:
        code = tree.main(hoisted(line), prog_name="gd2", standalone_mode=False)
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except WordError as error:
        complain(f"gd2: {error.message}")
        return USAGE
    except Problem as problem:
        if sys.stdout is not None:
            sys.stdout.flush()
        complain(problem.text())
        return problem.exit_code
    return code if isinstance(code, int) else 0  # click makes a return value of Exit


def hoisted(line: list[str]) -> list[str]:
    from gd2cli.hoist import hoist

    options = [o for o in OPTIONS if isinstance(o, click.Option)]
    return hoist(line, {name: not o.is_flag for o in options for name in o.opts})


def complain(text: str) -> None:
    if sys.stderr is not None:
        print(text, file=sys.stderr)


def silenced(code: int) -> int:
    """Python flushes stdout once more when it ends: into nothing."""
    if sys.stdout is not None:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
    return code
