"""`python -m gd2volgen`: what volfiles would a change make? Needs no daemon.

    render VOLUME.json [VOLUME.json ...] OUT_DIR     write every volfile of the volumes
    options [KEY]                                    list the options, or explain one

Exit codes: 0 done, 2 refused (nothing was written), 1 the disk failed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gd2raft.core.options import Option, OptionRefused, default_of, find
from gd2volgen import render
from gd2volgen.description import Description, DescriptionError, decode
from gd2volgen.tables import option_table

EXIT_FAILED = 1
EXIT_REFUSED = 2
DESCRIPTION_BYTES_MAX = 64 << 20


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return _render(options.paths) if options.command == "render" else _options(options.key)
    except (DescriptionError, OptionRefused) as error:
        print(f"gd2volgen: {error}", file=sys.stderr)
        return EXIT_REFUSED
    except BrokenPipeError:
        return EXIT_FAILED
    except OSError as error:
        print(f"gd2volgen: {error.filename}: {error.strerror}", file=sys.stderr)
        return EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gd2volgen", description="GlusterFS volfiles from descriptions of volumes.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("render", help="write every volfile of the volumes into a folder")
    command.add_argument("paths", nargs="+", type=Path, metavar="VOLUME.json ... OUT_DIR")
    command = commands.add_parser("options", help="list the options, or explain one")
    command.add_argument("key", nargs="?")
    return parser


def _render(paths: Sequence[Path]) -> int:
    *sources, folder = paths
    if not sources:
        raise DescriptionError("give at least one VOLUME.json and, last, the folder to write to")
    files = render.all_volfiles(_read(sources))
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


def _read(sources: Sequence[Path]) -> list[Description]:
    descriptions: list[Description] = []
    for source in sources:
        try:
            if source.stat().st_size > DESCRIPTION_BYTES_MAX:
                raise DescriptionError(f"{source}: larger than {DESCRIPTION_BYTES_MAX} bytes")
            data = source.read_bytes()
        except OSError as error:
            raise DescriptionError(f"{source}: {error.strerror}") from None
        descriptions.append(decode(data, str(source)))
        if descriptions[-1].name in {other.name for other in descriptions[:-1]}:
            raise DescriptionError(f"{source}: volume {descriptions[-1].name} is described twice")
    if len({description.peer for description in descriptions}) > 1:
        raise DescriptionError("the descriptions are for different peers; render them one peer at a time")
    return descriptions


def _options(key: str | None) -> int:
    table = option_table()
    if key is not None:
        print(_explained(find(table, key)))
        return 0
    width = max(map(len, table.options))
    for option in sorted(table.options.values(), key=lambda option: option.name):
        print(f"{option.name:{width}}  {default_of(option)}".rstrip())
    return 0


def _explained(option: Option) -> str:
    allowed = ", ".join(option.values) or option.type
    bounds = [f"at least {option.min:g}" if option.min is not None else "", f"at most {option.max:g}" if option.max is not None else ""]
    lines = {
        "option": option.name,
        "": option.help,
        "default": default_of(option),
        "allowed": "; ".join(filter(None, [allowed, *bounds])),
        "for": f"{option.only} volumes" if option.only else "the whole pool" if option.scope == "pool" else "any volume",
        "op-version": str(option.op_version),
        "needs": option.needs,
        "set by": option.set_by,
        "acts in": "; ".join(option.targets),
    }
    return "\n".join(f"{label:12}{text}" for label, text in lines.items() if text)


if __name__ == "__main__":
    sys.exit(main())
