"""Quota and bitrot beside the real glusterd: the same words to both leave the same refusals, options, quota version and volfiles."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from volfiles import differences, parsed

import gd2volgen
from bench.namespaces import Host
from bench.theirs import RealGlusterd
from gd2raft.core import model
from gd2raft.core.plan import Refused
from gd2raft.describer import Describer

sys.path.append(str(Path(__file__).parents[1] / "commands"))
from pool_kit import Pool, peer_id

pytestmark = pytest.mark.real

ROOT_GFID = "00000000-0000-0000-0000-000000000001"


class Same(NamedTuple):
    """What is typed after `gluster volume`, with VOLUME for the name; our command and its fields."""

    words: str
    command: str
    fields: dict[str, Any] = {}


QUOTA_ON, QUOTA_OFF = Same("quota VOLUME enable", "quota-enable"), Same("quota VOLUME disable", "quota-disable")
BITROT_ON, BITROT_OFF = Same("bitrot VOLUME enable", "bitrot-enable"), Same("bitrot VOLUME disable", "bitrot-disable")
PAUSE = Same("bitrot VOLUME scrub pause", "bitrot-edit", {"scrub": "pause"})
STOP, START = Same("stop VOLUME", "volume-stop"), Same("start VOLUME", "volume-start")
DEEM = Same("set VOLUME features.quota-deem-statfs off", "volume-set", {"options": {"features.quota-deem-statfs": "off"}})
RESET = Same("reset VOLUME", "volume-reset", {"all": True})
RESET_ALL = Same("reset VOLUME force", "volume-reset", {"all": True, "force": True})

SEQUENCES: dict[str, tuple[Same, ...]] = {
    "quota": (
        DEEM,
        QUOTA_ON,
        Same("quota VOLUME default-soft-limit 70%", "quota-edit", {"default_soft_limit": "70%"}),
        Same("quota VOLUME soft-timeout 30s", "quota-edit", {"soft_timeout": "30s"}),
        Same("quota VOLUME limit-usage / 1GB", "quota-limit", {"path": "/", "gfid": ROOT_GFID, "size": "1GB"}),
        QUOTA_OFF,
        QUOTA_ON,
        QUOTA_ON,
        DEEM,
        RESET,
        RESET_ALL,
    ),
    "bitrot": (
        PAUSE,
        BITROT_ON,
        PAUSE,
        PAUSE,
        Same("bitrot VOLUME scrub resume", "bitrot-edit", {"scrub": "resume"}),
        Same("bitrot VOLUME signing-time 10", "bitrot-edit", {"signing_time": 10}),
        Same("bitrot VOLUME signer-threads 2", "bitrot-edit", {"signer_threads": 2}),
        Same("bitrot VOLUME scrub-throttle normal", "bitrot-edit", {"scrub_throttle": "normal"}),
        Same("bitrot VOLUME scrub-frequency monthly", "bitrot-edit", {"scrub_frequency": "monthly"}),
        BITROT_OFF,
        BITROT_ON,
        RESET_ALL,
        BITROT_OFF,
    ),
    "both": (QUOTA_ON, BITROT_ON, STOP, QUOTA_OFF, START, BITROT_OFF, QUOTA_OFF),
}


def test_the_same_words_leave_the_same_volume() -> None:
    with RealGlusterd(1) as side:
        (host,) = side.hosts
        for name, sequence in SEQUENCES.items():
            pool = both_made(host, name)
            for number, same in enumerate(sequence):
                where = f"{name}: {number + 1}. {same.words}"
                theirs, ours = gluster(host, same.words.replace("VOLUME", name)), accepted(pool, name, same)
                assert theirs == ours, f"{where}: glusterd {'takes' if theirs else 'refuses'} it"
                assert list(differing(host, pool, name)) == [], where
            gluster(host, f"stop {name}")
            assert gluster(host, f"delete {name}"), "its daemons' volfiles would mix with those of the next"


def both_made(host: Host, name: str) -> Pool:
    folder = host.folder / "bricks" / name
    folder.mkdir()
    paths = [f"{folder}/b{number}" for number in (1, 2)]
    assert gluster(host, f"create {name} {' '.join(f'{host.address}:{path}' for path in paths)} force")
    assert gluster(host, f"start {name}")
    pool = Pool(1)
    pool.volume(name, *(f"node1:{path}" for path in paths), force=True)
    assert accepted(pool, name, START)
    return pool


def gluster(host: Host, words: str) -> bool:
    return host.run(["gluster", "--mode=script", "volume", *words.split()], check=False).returncode == 0


def accepted(pool: Pool, name: str, same: Same) -> bool:
    with contextlib.suppress(Refused):
        return bool(pool.do(same.command, None, volume=name, **same.fields).outcome == "done")
    return False


def differing(host: Host, pool: Pool, name: str) -> Iterator[str]:
    volume = pool.view().volume(name)
    assert volume is not None
    library = host.folder / "lib"
    theirs = dict(re.findall(r"^([^=\n]+)=(.*)$", (library / "vols" / name / "info").read_text(), re.MULTILINE))
    options = {key: value for key, value in theirs.items() if "." in key}
    if options != volume.options or theirs["quota-version"] != str(volume.quota_version):
        yield f"wanted {theirs}, got {volume.options} with quota version {volume.quota_version}"
    known = {"id": theirs["volume-id"], "username": theirs["username"], "password": theirs["password"]}
    describer = Describer(pool.view(), peer_id(1), "/var/lib/glusterd")
    for file, text in gd2volgen.all_volfiles([describer.describe(msgspec.structs.replace(volume, **known))]).items():
        service = file in ("quotad.vol", "bitd-server.vol", "scrub-server.vol")
        if service and volume.state is not model.VolumeState.STARTED:
            continue  # nobody reads it then
        place = library / (file.partition("-")[0].removesuffix(".vol") if service else f"vols/{name}") / file.replace("node1", host.address)
        found = parsed(text.replace("remote-host node1", f"remote-host {host.address}"))
        yield from (f"{file}: {what}" for what in differences(parsed(place.read_text()), found))
