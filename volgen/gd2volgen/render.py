"""Graphs -> text: one function for each kind of volfile, and all the files of some volumes under glusterd's names.

Same description, same bytes: options are sorted, and nothing but the description and the tables goes in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from gd2raft.core.options import is_on
from gd2volgen import graph
from gd2volgen.description import BrickDescription, Description
from gd2volgen.tables import option_table

if TYPE_CHECKING:
    import jinja2


@cache
def _template() -> jinja2.Template:
    """Compiled once; a misspelt word in it is an error, and text is not for HTML."""
    import jinja2  # here: a daemon that starts need not wait for it

    source = resources.files("gd2volgen").joinpath("templates/volfile.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True, keep_trailing_newline=True)
    return environment.from_string(source)


def text_of(blocks: Sequence[graph.Block]) -> str:
    """The volfile for a graph."""
    return _template().render(blocks=blocks)


def client_volfile(description: Description, trusted: bool) -> str:
    """What a client gets for the key NAME. `trusted`: with the credentials, only for processes of the pool's peers."""
    return text_of(graph.client_graph(description, trusted))


def rebalance_volfile(description: Description) -> str:
    """Key rebalance/NAME."""
    return text_of(graph.rebalance_graph(description))


def shd_volfile(description: Description) -> str:
    """Key shd/NAME; see needs_shd."""
    return text_of(graph.shd_graph(description))


def snapd_volfile(description: Description) -> str:
    """Key snapd/NAME; see needs_snapd."""
    return text_of(graph.snapd_graph(description))


def brick_volfile(description: Description, brick: int | BrickDescription) -> str:
    """Key NAME.HOST.PATH (with - for /); the brick itself or its `index`. Raises KeyError for a brick that isn't there."""
    for subvol, own in description.bricks:
        if own is brick or own == brick or own.index == brick:
            return text_of(graph.brick_graph(description, subvol, own))
    raise KeyError(f"volume {description.name} has no brick {brick}")


def quota_client_volfile(description: Description, brick: BrickDescription) -> str:
    """Key client_per_brick/NAME.client.HOST.PATH.vol: a client of one brick, for the quota crawl."""
    return text_of(graph.quota_client_graph(description, brick))


def quotad_volfile(descriptions: Sequence[Description]) -> str:
    """Key gluster/quotad, for all volumes of the pool; those without quota are left out."""
    return text_of(graph.quotad_graph(_served(descriptions, needs_quotad)))


def bitd_volfile(descriptions: Sequence[Description]) -> str:
    """Key gluster/bitd, for all volumes of the pool; lists the bricks of the descriptions' peer."""
    return text_of(graph.bit_rot_graph("bitd", _served(descriptions, needs_bitd)))


def scrub_volfile(descriptions: Sequence[Description]) -> str:
    """Key gluster/scrub, for all volumes of the pool; lists the bricks of the descriptions' peer."""
    return text_of(graph.bit_rot_graph("scrub", _served(descriptions, needs_bitd)))


def needs_shd(description: Description) -> bool:
    """Whether the volume has anything to heal."""
    return any(subvol.type != "distribute" for subvol in description.subvols)


def needs_rebalance(description: Description) -> bool:
    """Whether there is more than one subvolume to balance among."""
    return sum(len(subvol.bricks) if subvol.type == "distribute" else 1 for subvol in description.subvols) > 1


def needs_snapd(description: Description) -> bool:
    """Whether snapshots are shown to users (USS); the file comes with the first start."""
    return _on(description, "features.uss") and description.state != "Created"


def needs_quotad(description: Description) -> bool:
    return _on(description, "features.quota") and description.state != "Created"


def needs_bitd(description: Description) -> bool:
    """Whether bricks of the volume are signed and scrubbed."""
    return _on(description, "features.bitrot") and description.state != "Created"


def _served(descriptions: Sequence[Description], needs: Callable[[Description], bool]) -> list[Description]:
    """The started volumes that need a daemon; if none is started its file stays as it was when the last ones were."""
    needing = [description for description in descriptions if needs(description)]
    return [description for description in needing if description.state == "Started"] or needing


def _on(description: Description, option: str) -> bool:
    return is_on(option_table(), description.options, option)


def brick_file_stem(host: str, path: str) -> str:
    """HOST.PATH as file names and volfile keys have it, with - for /."""
    return f"{host}.{path.strip('/').replace('/', '-')}"


def volume_volfiles(description: Description) -> dict[str, str]:
    """Every volfile that belongs to one volume, by file name."""
    name = description.name
    files = {f"{name}.tcp-fuse.vol": client_volfile(description, False), f"trusted-{name}.tcp-fuse.vol": client_volfile(description, True)}
    for subvol, brick in description.bricks:
        stem = brick_file_stem(brick.host, brick.path)
        files[f"{name}.{stem}.vol"] = text_of(graph.brick_graph(description, subvol, brick))
        if needs_quotad(description):
            files[f"{name}.client.{stem}.vol"] = quota_client_volfile(description, brick)
    own: list[tuple[str, Callable[[Description], bool], Callable[[Description], str]]] = [
        (f"{name}-shd.vol", needs_shd, shd_volfile),
        (f"{name}-rebalance.vol", needs_rebalance, rebalance_volfile),
        (f"{name}-snapd.vol", needs_snapd, snapd_volfile),
    ]
    return files | {file: make(description) for file, needed, make in own if needed(description)}


def all_volfiles(descriptions: Sequence[Description]) -> dict[str, str]:
    """File name -> text of every volfile of these volumes, under the names that glusterd gives them."""
    files: dict[str, str] = {}
    for description in descriptions:
        files |= volume_volfiles(description)
    if any(map(needs_quotad, descriptions)):
        files["quotad.vol"] = quotad_volfile(descriptions)
    for file, make in (("bitd-server.vol", bitd_volfile), ("scrub-server.vol", scrub_volfile)):
        text = make(descriptions)
        if text:
            files[file] = text
    return files
