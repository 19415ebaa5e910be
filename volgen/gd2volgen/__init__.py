"""gd2volgen: volfiles as a pure function of a volume's description and the peer it is made for.

    tables.py       the option table and the graph tables (TOML), loaded once
    description.py  what a volume is, as VOLUME.json tells it, checked at the door
    graph.py        description -> blocks; pure
    render.py       blocks -> text; one function for each kind of volfile

It knows nothing of the daemon: no state, no network, no clock.
"""

from gd2volgen.description import Description, DescriptionError, decode
from gd2volgen.render import (
    all_volfiles,
    bitd_volfile,
    brick_file_stem,
    brick_volfile,
    client_volfile,
    needs_bitd,
    needs_quotad,
    needs_rebalance,
    needs_shd,
    needs_snapd,
    quota_client_volfile,
    quotad_volfile,
    rebalance_volfile,
    scrub_volfile,
    shd_volfile,
    snapd_volfile,
)

__all__ = [
    "Description",
    "DescriptionError",
    "all_volfiles",
    "bitd_volfile",
    "brick_file_stem",
    "brick_volfile",
    "client_volfile",
    "decode",
    "needs_bitd",
    "needs_quotad",
    "needs_rebalance",
    "needs_shd",
    "needs_snapd",
    "quota_client_volfile",
    "quotad_volfile",
    "rebalance_volfile",
    "scrub_volfile",
    "shd_volfile",
    "snapd_volfile",
]
