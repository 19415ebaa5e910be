"""`python -m gd2raft.rpc.codegen [OUT]`: write what other languages need of the peer RPC into the folder OUT (without it into `docs`, which must be there).

With --check it writes nothing and says what differs; that needs no zcbor, as what that made of which input is remembered. A change that older peers would misunderstand is refused before anything
is written: wire-schema.json in OUT is what they know.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from gd2raft.rpc.codegen import c_tree, cddl, output, page, schema, vectors
from gd2raft.rpc.codegen.compatible import broken
from gd2raft.rpc.codegen.schema import Schema, SchemaError
from gd2raft.rpc.codegen.zcbor_tool import ZcborError
from gd2raft.rpc.handshake import PROTOCOL_VERSION

SCHEMA = "wire-schema.json"
HERE = Path("docs")
DIFFERS, BROKEN, CANT = 1, 2, 3


def documents(found: Schema) -> dict[str, str]:
    """Name within OUT -> text, of all that needs no zcbor."""
    return {
        SCHEMA: msgspec.json.format(msgspec.json.encode(found), indent=1).decode() + "\n",
        "wire.cddl": cddl.document(found),
        "wire-services.md": page.document(found),
        "wire-vectors.txt": vectors.document(found),
        **c_tree.ours(found),
    }


def known(folder: Path) -> Schema | None:
    """The schema that older peers know; None when there is none yet. SchemaError when it can't be read."""
    path = folder / SCHEMA
    try:
        return msgspec.json.decode(path.read_bytes(), type=Schema)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, OSError) as error:
        raise SchemaError(f"{path} can't be read ({error}): restore it from git") from None


def main(words: list[str] | None = None) -> int:
    options = _options(words)
    if options.out == HERE and not HERE.is_dir():
        return _no(CANT, f"there is no folder {HERE} here ({Path.cwd()}): run this in a checkout, or name the folder to write to")
    try:
        found, _ = schema.read(schema.methods_of(options.methods), PROTOCOL_VERSION)
        before = known(options.out)
    except (SchemaError, TypeError, ValueError, ImportError) as error:
        return _no(CANT, str(error))
    breaks = broken(before, found) if before is not None else []
    if breaks and not options.break_the_wire:
        return _no(BROKEN, *breaks, "append a field with a default, or add a method, instead (docs/rpc.md)")
    if options.check:
        differ = sorted({*output.differing(options.out, documents(found)), *c_tree.stale(found, options.out)})
        return _no(DIFFERS, *(f"{options.out / name} differs from what the sources give: run this without --check" for name in differ))
    try:
        files = documents(found) | (c_tree.of_zcbor(found, options.tools) if options.zcbor or c_tree.stale(found, options.out) else {})
    except ZcborError as error:
        return _no(CANT, str(error))
    for name in output.write(options.out, files):
        print(f"wrote {options.out / name}")
    return 0


def _options(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gd2raft.rpc.codegen", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("out", type=Path, metavar="OUT", nargs="?", default=HERE, help="folder to write to (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="write nothing, fail when what is there differs")
    parser.add_argument("--methods", default="gd2raft.services", metavar="MODULE", help="which declares them (default: %(default)s)")
    parser.add_argument("--zcbor", action="store_true", help="run zcbor also when what it once made is of this input")
    parser.add_argument(
        "--tools", type=Path, default=Path(".dev"), metavar="DIR", help="where zcbor is, or is installed (default: %(default)s)"
    )
    parser.add_argument("--break-the-wire", action="store_true", help="write although older peers would misunderstand it")
    return parser.parse_args(words)


def _no(code: int, *lines: str) -> int:
    """The code, or 0 when there is nothing to say."""
    for line in lines:
        print(f"gd2raft.rpc.codegen: {line}", file=sys.stderr)
    return code if lines else 0


if __name__ == "__main__":
    sys.exit(main())
