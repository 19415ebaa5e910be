"""The real glusterfsd, mount.glusterfs and glusterfs against this server: start, mount, change, kill, restart."""

from __future__ import annotations

import asyncio
import os
import shutil

import pytest
from real_kit import VOLUME, Rig, client_volfile, rig, sh
from sunrpc_kit import WAIT_S

from gd2raft.sunrpc.brickop import BrickOp, BrickOpClient, BrickOpFailed, HealOp, StatusOf

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("glusterfsd"), reason="needs root and GlusterFS"),
]


async def eventually(check, what: str) -> None:  # type: ignore[no-untyped-def]
    """Waits for an async condition, at most WAIT_S."""
    deadline = asyncio.get_running_loop().time() + WAIT_S
    while not await check():
        assert asyncio.get_running_loop().time() < deadline, f"waited {WAIT_S} s for {what}"
        await asyncio.sleep(0.05)


async def mounted(r: Rig) -> None:
    r.manager.backend.specs[f"/{VOLUME}"] = client_volfile(r.manager.address, r.brick_name)
    await r.start_brick()
    await r.mount()


def test_a_brick_signs_in_a_client_mounts_and_writes() -> None:
    async def main() -> None:
        async with rig() as r:
            await mounted(r)
            assert r.brick is not None and r.manager.backend.pids[r.brick_name] == r.brick.pid
            await sh("sh", "-c", f"echo hello > {r.mountpoint}/file")
            assert (r.brick_path / "file").read_text() == "hello\n"
            keys = sorted(c.key for c in r.manager.server.clients() if c.key)
            assert keys == [f"/{VOLUME}", f"{VOLUME}.host.b"]
            assert ("port", r.brick_name, r.manager.address) in r.manager.backend.calls
            assert not r.manager.log.at("warning", "error")

    asyncio.run(main())


def test_a_changed_option_is_reconfigured_in_place_and_a_changed_graph_is_switched() -> None:
    async def main() -> None:
        async with rig() as r:
            await mounted(r)
            specs, key = r.manager.backend.specs, f"/{VOLUME}"
            state = f"graphs/active/{VOLUME}-write-behind/private"
            first = (await sh("ls", f"{r.mountpoint}/.meta/graphs")).split()
            assert "window_size = 1048576" in await r.meta(state)

            specs[key] = client_volfile(r.manager.address, r.brick_name, window="2MB")
            assert await r.manager.server.refresh(lambda group: group == key) == 1

            async def reconfigured() -> bool:
                return "window_size = 2097152" in await r.meta(state)

            await eventually(reconfigured, "the option in the client's graph")
            assert (await sh("ls", f"{r.mountpoint}/.meta/graphs")).split() == first, "no new graph for an option"

            specs[key] = client_volfile(r.manager.address, r.brick_name, window="2MB", extra=True)
            assert await r.manager.server.refresh(lambda group: group == key) == 1

            async def switched() -> bool:
                await sh("ls", str(r.mountpoint))  # a graph takes over with the next operation
                return f"{VOLUME}-io-cache" in await sh("ls", f"{r.mountpoint}/.meta/graphs/active")

            await eventually(switched, "the new graph")
            await sh("sh", "-c", f"echo after > {r.mountpoint}/after")
            assert (r.brick_path / "after").read_text() == "after\n"

    asyncio.run(main())


def test_terminate_stops_the_brick_which_signs_out_first() -> None:
    async def main() -> None:
        async with rig() as r:
            await r.start_brick()
            assert (await r.brick_op().terminate("/not/this/one")).op_ret == 0
            assert (await r.brick_op().terminate(r.brick_name)).op_ret == 0
            assert await r.brick_exit() == 15
            assert ("sign_out", r.brick_name) in r.manager.backend.calls
            assert r.manager.backend.ports == {}
            with pytest.raises(BrickOpFailed):
                await r.brick_op().terminate(r.brick_name)

    asyncio.run(main())


def test_a_killed_brick_is_signed_out_by_its_lost_connection_and_found_on_its_new_port() -> None:
    async def main() -> None:
        async with rig() as r:
            await mounted(r)
            assert r.brick is not None
            r.brick.kill()
            await r.brick_exit()

            async def signed_out() -> bool:
                return r.manager.backend.ports == {}

            await eventually(signed_out, "the sign-out by disconnect")
            await r.start_brick()

            async def writable() -> bool:
                try:
                    await sh("sh", "-c", f"echo again > {r.mountpoint}/again")
                except RuntimeError:
                    return False
                return (r.brick_path / "again").read_text() == "again\n"

            await eventually(writable, "the client to find the brick's new port")

    asyncio.run(main())


def test_bricks_and_clients_work_on_without_the_server_and_come_back_to_it() -> None:
    async def main() -> None:
        async with rig() as r:
            await mounted(r)
            assert r.brick is not None
            port = r.manager.backend.ports[r.brick_name]
            await r.manager.stop()
            r.manager.backend.ports.clear()
            await sh("sh", "-c", f"echo alone > {r.mountpoint}/alone")
            assert (r.brick_path / "alone").read_text() == "alone\n"
            await r.manager.start()

            async def back() -> bool:
                keys = {c.key for c in r.manager.server.clients()}
                return r.manager.backend.ports == {r.brick_name: port} and keys >= {f"/{VOLUME}", f"{VOLUME}.host.b"}

            await eventually(back, "sign-in and GETSPEC after the restart")
            assert r.manager.backend.pids[r.brick_name] == r.brick.pid

    asyncio.run(main())


def test_status_profile_and_barrier_of_a_real_brick() -> None:
    async def main() -> None:
        async with rig() as r:
            await mounted(r)
            clients = await r.brick_op().status(VOLUME, r.brick_name, StatusOf.CLIENTS)
            assert clients.op_ret == 0 and int(clients.output["clientcount"]) >= 1
            profile = await r.brick_op().xlator_info(r.brick_name, {"volname": VOLUME, "info-op": "0", "peek": "0"})
            assert profile.op_ret == 0, profile
            for enable in (True, False):
                assert (await r.brick_op().barrier(r.brick_name, enable=enable)).op_ret == 0

    asyncio.run(main())


def test_a_real_brick_that_never_answers_is_given_up_in_time() -> None:
    async def main() -> None:
        async with rig() as r:
            await r.start_brick()
            with pytest.raises(BrickOpFailed, match="no answer within"):
                await BrickOpClient(str(r.socket_path), timeout_s=1).call(BrickOp.STATUS, r.brick_name, {"volname": VOLUME})

    asyncio.run(main())


def test_a_real_self_heal_daemon_takes_its_volfile_counts_and_says_why_it_can_not_heal() -> None:
    async def main() -> None:
        async with rig() as r:
            await r.start_brick()
            healer = await r.start_healer()
            subvolumes = [f"{VOLUME}-replicate-0"]

            async def counted() -> bool:
                reply = await healer.heal(HealOp.COUNT, subvolumes)
                return reply.output.get("0-0-hardlinks") == "0" and "not connected" in reply.output["0-1-status"]

            await eventually(counted, "the self-heal daemon to reach its one live brick")
            reply = await healer.heal(HealOp.INDEX, subvolumes)
            assert reply.op_ret == -1 and "< 2 bricks" in reply.output["0-0-status"]

    asyncio.run(main())


def test_mounting_an_unknown_volume_fails_at_once() -> None:
    async def main() -> None:
        async with rig() as r:
            with pytest.raises(RuntimeError, match="exited"):
                await r.mount()
            assert [request.key for request in r.manager.backend.requests] == [f"/{VOLUME}"]

    asyncio.run(main())
