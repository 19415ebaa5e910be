"""What the daemon gives clients, bricks and services after bricks were added or removed or a feature was enabled, held to what glusterd gave.

The volume comes about by our own commands, not from a description: so client numbers, decommissioned bricks and stored options are
those that the commands make.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from volfiles import differences, parsed

from gd2raft.core import devices, jobs, model
from gd2raft.gluster import Gluster
from gd2raft.process import ProcessStatus
from gd2raft.process.mount import MountPlace
from gd2raft.server_quorum import ServerQuorum
from gd2raft.sunrpc.api import ConnectionInfo, GetspecRequest

sys.path.append(str(Path(__file__).parents[1] / "commands"))
from pool_kit import Pool, peer_id

pytestmark = pytest.mark.fast

GOLDEN = Path(__file__).parent / "golden"


class NoProcesses:
    """As a ProcessManager that has started nothing yet."""

    def status(self, key: str) -> ProcessStatus:
        return ProcessStatus(key=key)

    def volfile_served(self, key: str) -> None:
        pass

    def pid_file_of(self, key: str) -> str:
        return ""


async def nowhere(job: jobs.Job, progress: jobs.Progress) -> None:
    raise AssertionError("no process ran, so none ended")


def gluster_of(pool: Pool, number: int) -> Gluster:
    """Peer `number`'s, as far as volfiles go."""
    processes: Any = NoProcesses()
    return Gluster(
        peer_id=lambda: peer_id(number), view=pool.view, online=lambda: frozenset(pool.online), current=lambda: True, host="",
        port=24007, bind_address="", rundir=Path("/nowhere"), workdir=Path("/var/lib/glusterd"), processes=processes, report=nowhere,
        mounts=MountPlace(host="", port=24007, rundir=Path("/nowhere"), logdir=Path("/nowhere")),
        misplaced=lambda: False,
        quorum=ServerQuorum(
            peer_id=lambda: "", view=pool.view, live=frozenset, running=lambda path: False, on_change=lambda: None
        ),
    )  # fmt: skip


def given(pool: Pool, key: str, peer: int = 1, *, trusted: bool = False) -> str:
    connection = ConnectionInfo(id=1, peer_host="", peer_port=0, local_address="", is_local=trusted)
    request = GetspecRequest(key=key, flags=0, xdata={}, connection=connection)
    reply = asyncio.run(gluster_of(pool, peer).getspec(request))
    assert reply is not None, f"no volfile for {key}"
    return reply.spec


def bricks(folder: str, *numbers: int) -> list[str]:
    return [f"node{n}:/bricks/{folder}/b1" for n in numbers]


def after_add_brick(pool: Pool) -> None:
    made(pool, "after-add-brick", bricks("ab", 1, 2))
    done(pool, "volume-expand", volume="after-add-brick", bricks=bricks("ab", 3, 4), force=True)
    done(pool, "rebalance-start", volume="after-add-brick")


def remove_brick_started(pool: Pool) -> None:
    made(pool, "remove-brick-started", bricks("rbs", 1, 2, 3, 4))
    done(pool, "remove-brick-start", volume="remove-brick-started", bricks=bricks("rbs", 2))


def after_remove_brick(pool: Pool) -> None:
    name = "after-remove-brick"
    made(pool, name, bricks("rb", 1, 2, 3, 4))
    done(pool, "remove-brick-start", volume=name, bricks=bricks("rb", 2))
    volume = pool.view().volume(name)
    assert volume is not None
    pool.store(jobs.result_key(volume.job, peer_id(2)), jobs.Progress(status=jobs.Status.COMPLETED))
    done(pool, "remove-brick-commit", volume=name, bricks=bricks("rb", 2))


def rep2_to_rep3(pool: Pool) -> None:
    made(pool, "rep2-to-rep3", bricks("r23", 1, 2), replica=2)
    done(pool, "volume-expand", volume="rep2-to-rep3", bricks=bricks("r23", 3), replica=3, force=True)


def rep3_quota(pool: Pool) -> None:
    made(pool, "rep3-quota", bricks("rep3-quota", 1, 2, 3), replica=3)
    done(pool, "quota-enable", volume="rep3-quota")
    done(pool, "quota-edit", volume="rep3-quota", hard_timeout="7")


def rep3_bitrot(pool: Pool) -> None:
    made(pool, "rep3-bitrot", bricks("rep3-bitrot", 1, 2, 3), replica=3)
    done(pool, "bitrot-enable", volume="rep3-bitrot")
    done(pool, "bitrot-edit", volume="rep3-bitrot", scrub_frequency="daily", scrub_throttle="aggressive")


def made(pool: Pool, name: str, texts: list[str], **fields: Any) -> None:
    """Created and started, with the ids and secrets of the golden volume."""
    volume = pool.volume(name, *texts, force=True, **fields)
    golden = json.loads((GOLDEN / name / "volume.json").read_text())
    known = {key: golden[key] for key in ("id", "username", "password")}
    pool.store(model.volume_key(name), msgspec.structs.replace(volume, **known))
    done(pool, "volume-start", volume=name)


def done(pool: Pool, command: str, **fields: Any) -> None:
    finish = pool.do(command, **fields)
    assert finish.outcome == "done", finish


CASES: dict[str, Callable[[Pool], None]] = {
    "after-add-brick": after_add_brick,
    "remove-brick-started": remove_brick_started,
    "after-remove-brick": after_remove_brick,
    "rep2-to-rep3": rep2_to_rep3,
    "rep3-quota": rep3_quota,
    "rep3-bitrot": rep3_bitrot,
}


def key_of(name: str, file: str) -> tuple[str, int, bool]:
    """The key that gives a golden file, the peer to ask, and whether as a trusted client."""
    stem = file.removesuffix(".vol")
    if stem in (f"{name}-rebalance", f"{name}-shd"):
        return f"{stem.rpartition('-')[2]}/{name}", 1, True
    if stem.endswith(".tcp-fuse"):
        return name, 1, stem.startswith("trusted-")
    if stem in ("quotad", "bitd-server", "scrub-server"):
        return f"gluster/{stem.removesuffix('-server')}", 1, True
    if stem.startswith(f"{name}.client."):
        return f"client_per_brick/{file}", int(stem.split(".node")[1].split(".")[0]), True
    return stem, int(stem.split(".node")[1].split(".")[0]), True


@pytest.mark.parametrize("name", CASES)
def test_volfiles_after_commands_equal_those_of_glusterd(name: str) -> None:
    pool = Pool(4)
    CASES[name](pool)
    files = sorted(path for path in (GOLDEN / name / "volfiles").iterdir())
    assert files
    for path in files:
        key, peer, trusted = key_of(name, path.name)
        found = list(differences(parsed(path.read_text()), parsed(given(pool, key, peer, trusted=trusted))))
        assert not found, f"{path.name}: {found}"


def test_several_sets_are_emptied_at_once() -> None:
    """As glusterd 10.3 writes it, seen: in the volume's order, with commas; a space would make a volfile that no process can read."""
    pool, name = Pool(4), "remove-brick-started"
    made(pool, name, bricks("rbs", 1, 2, 3, 4))
    done(pool, "remove-brick-start", volume=name, bricks=bricks("rbs", 4, 2))
    for text in (given(pool, name), given(pool, name, trusted=True), given(pool, f"rebalance/{name}", trusted=True)):
        assert f"    option decommissioned-bricks {name}-client-1,{name}-client-3\n" in text


def test_clients_are_given_the_old_volume_and_new_bricks_their_own_while_bricks_join() -> None:
    pool = Pool(4)
    made(pool, "after-add-brick", bricks("ab", 1, 2))
    plan = pool.plan("volume-expand", volume="after-add-brick", bricks=bricks("ab", 3, 4), force=True)
    before = given(pool, "after-add-brick")
    for change in (*plan.claims, *plan.changes):
        if change.key == model.volume_key("after-add-brick"):
            assert change.record is not None
            pool.store(change.key, msgspec.convert(change.record, model.Volume))
    assert given(pool, "after-add-brick") == before
    assert "type storage/posix" in given(pool, "after-add-brick.node3.bricks-ab-b1", 3)


def test_a_clone_goes_on_with_the_names_that_its_bricks_know_each_other_by() -> None:
    """They are in its files; everything else has its own name."""
    pool = Pool(3)
    for number in (1, 2, 3):
        device = devices.Device(
            id=f"{number:032x}", peer_id=peer_id(number), path="/disk", provisioner="loop", size=8 << 30, mounts="/m"
        )  # fmt: skip
        pool.store(devices.device_key(device.id), device)
    done(pool, "volume-create", name="v", size=2 << 30, replica=3)
    done(pool, "volume-clone", volume="v", name="c")
    done(pool, "volume-start", volume="c")
    client = given(pool, "c")
    assert "option afr-pending-xattr v-client-0,v-client-1,v-client-2\n" in client
    assert "subvolumes c-client-0 c-client-1 c-client-2\n" in client and client.count("v-client") == 3
    volume = pool.view().volume("c")
    assert volume is not None
    brick = next(b for b in volume.bricks() if b.peer_id == peer_id(1))
    text = given(pool, f"c.node1.{brick.path[1:].replace('/', '-')}", 1)
    assert "option xattrop-pending-watchlist trusted.afr.v-\n" in text and f"option volume-id {volume.id}\n" in text
