"""What the store on etcd promises beyond the suite: exactly once, fencing, failing over, compaction, limits, clear errors."""

from __future__ import annotations

import asyncio
import functools
import signal
import ssl
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gd2raft.core.kv import ABSENT, Commit, Expect, Put, TooLarge
from gd2raft.store.etcd.commits import SEALED, Commits
from gd2raft.store.etcd.gateway import RANGE, REVOKE, TXN, BadEndpoint, Gateway
from gd2raft.store.etcd.layout import Layout
from gd2raft.store.etcd.messages import LeaseAnswer, RangeAnswer, TxnAnswer, delete, prefix_end, put
from gd2raft.store.etcd.store import EtcdStore, Links, Settings, endpoints
from gd2raft.store.interface import Compacted, NoLeader, NoQuorum, OutcomeUnknown, StoreError
from gd2raft.store.raft.disk import RealDisk
from tests.store.etcd_servers import EtcdServers, LossyProxy, etcd_servers
from tests.waiting import until

T = 20.0


def awaited(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(test(**fixtures))

    return run


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServers]:
    """One that all tests here share and leave running."""
    with etcd_servers(tmp_path_factory.mktemp("etcd"), 1) as servers:
        yield servers


@pytest.fixture
def three(tmp_path: Path) -> Iterator[EtcdServers]:
    with etcd_servers(tmp_path, 3) as servers:
        yield servers


@asynccontextmanager
async def opened(urls: list[str], pool: str, peer: str = "a", **links: Callable[..., object]) -> AsyncIterator[EtcdStore]:
    settings = Settings(endpoints=endpoints(urls))
    store = await EtcdStore.open(peer, pool, settings, Links(**links), create=peer == "a")  # type: ignore[arg-type]
    try:
        yield store
    finally:
        await store.close()


def one(key: str, value: bytes = b"v", *expect: Expect) -> Commit:
    return Commit(expect, (Put(key, value),))


def new_pool() -> str:
    return str(uuid.uuid4())


class Written(msgspec.Struct, frozen=True):
    key: bytes = b""
    version: int = 0


class AllWritten(msgspec.Struct, frozen=True):
    kvs: tuple[Written, ...] = ()


async def versions(store: EtcdStore) -> dict[str, int]:
    """How often etcd says that each key was written: a commit that was done twice shows."""
    layout = store._layout
    found = await store._gateway.call(RANGE, {"key": layout.all_data, "range_end": layout.data_end}, AllWritten, timeout_s=T)
    return {layout.key_of(kv.key) or "": kv.version for kv in found.kvs}


# exactly once


@awaited
async def test_commits_whose_answers_are_lost_are_done_once_each(etcd: EtcdServers) -> None:
    proxy = LossyProxy(etcd.addresses[0])
    async with opened([await proxy.open()], new_pool()) as store:
        await until(store.leads)
        for number in range(20):
            proxy.lose_answers = number % 3
            result = await store.commit(one("counter", b"%d" % number), timeout_s=T)
            item = store.get("counter")
            assert result.outcome == "done" and item is not None and (item.value, item.modified) == (b"%d" % number, result.revision)
        assert proxy.lost == sum(n % 3 for n in range(20)), "answers were lost"
        assert await versions(store) == {"counter": 20}
        await proxy.close()


@awaited
async def test_many_commits_at_a_time_are_done_once_each_though_answers_are_lost(etcd: EtcdServers) -> None:
    proxy = LossyProxy(etcd.addresses[0])
    async with opened([await proxy.open()], new_pool()) as store:
        await store.commit(one("first"), timeout_s=T)
        proxy.lose_answers = 30
        results = await asyncio.gather(*(store.commit(one(f"k{n}"), timeout_s=T) for n in range(100)))
        assert len({result.revision for result in results}) == 100
        assert set((await versions(store)).values()) == {1} and len(store.list("k")) == 100
        await proxy.close()


@awaited
async def test_a_copy_of_a_commit_that_turns_up_late_changes_nothing(etcd: EtcdServers) -> None:
    async with opened(etcd.endpoints, new_pool()) as store:
        await store.commit(one("k", b"1"), timeout_s=T)
        session = store._commits._session
        assert session is not None
        copy = store._commits.request(session, session.sequence, one("k", b"1"), 0, 0)
        assert not (await store._commits.send(copy, T)).succeeded, "its answer is there"
        for _ in range(3):
            await store.commit(one("k", b"2"), timeout_s=T)
        assert session.told >= 1, "its answer was forgotten meanwhile"
        assert not (await store._commits.send(copy, T)).succeeded
        item = store.get("k")
        assert item is not None and item.value == b"2"


@awaited
async def test_answers_in_etcd_are_deleted_when_nobody_asks_for_them_any_more(etcd: EtcdServers) -> None:
    async with opened(etcd.endpoints, new_pool()) as store:
        for number in range(30):
            await store.commit(one(f"k{number}"), timeout_s=T)
        prefix = store._layout.pool + b"answer/"
        left = await store._gateway.call(RANGE, {"key": prefix, "range_end": prefix_end(prefix)}, RangeAnswer, timeout_s=T)
        assert 1 <= len(left.kvs) <= 2


@awaited
async def test_a_commit_that_was_refused_after_a_lost_answer_can_not_happen_later(etcd: EtcdServers) -> None:
    proxy = LossyProxy(etcd.addresses[0])
    async with opened([await proxy.open()], new_pool(), may_lead=lambda store: False) as store:  # the answer lost is the commit's
        await store.commit(one("k", b"other's"), timeout_s=T)
        proxy.lose_answers = 1
        commit = one("k", b"mine", Expect("k", ABSENT))
        assert (await store.commit(commit, timeout_s=T)).moved == ("k",)
        session = store._commits._session
        assert session is not None and proxy.lost == 1
        answer = await store._gateway.call(RANGE, {"key": store._layout.answer(session.id, session.sequence)}, RangeAnswer, timeout_s=T)
        assert [kv.value for kv in answer.kvs] == [SEALED]
        copy = store._commits.request(session, session.sequence, commit, 0, 0)
        await store.commit(Commit(delete=("k",)), timeout_s=T)
        assert not (await store._commits.send(copy, T)).succeeded, "the key is absent now, as the copy expects"
        assert store.get("k") is None
        await proxy.close()


@awaited
async def test_a_commit_without_any_answer_is_of_unknown_outcome_and_the_next_one_goes_on(etcd: EtcdServers) -> None:
    proxy = LossyProxy(etcd.addresses[0])
    async with opened([await proxy.open()], new_pool()) as store:
        await store.commit(one("k", b"1"), timeout_s=T)
        proxy.lose_answers = 1000
        with pytest.raises(OutcomeUnknown, match="may or may not"):
            await store.commit(one("k", b"2"), timeout_s=0.6)
        proxy.lose_answers = 0
        assert (await store.commit(one("after"), timeout_s=T)).outcome == "done"
        await proxy.close()


@awaited
async def test_a_session_whose_keys_are_gone_from_etcd_is_replaced(etcd: EtcdServers) -> None:
    async with opened(etcd.endpoints, new_pool()) as store:
        await store.commit(one("k", b"1"), timeout_s=T)
        session = store._commits._session
        assert session is not None
        await store._gateway.call(TXN, {"success": [delete(store._layout.session(session.id))]}, TxnAnswer, timeout_s=T)
        assert (await store.commit(one("k", b"2"), timeout_s=T)).outcome == "done"
        assert store._commits._session is not session


# who leads


@awaited
async def test_when_the_leader_ends_another_one_leads_at_once_in_a_later_term(etcd: EtcdServers) -> None:
    pool = new_pool()
    async with opened(etcd.endpoints, pool) as a:
        await until(a.leads)
        term = a.status().term
        async with opened(etcd.endpoints, pool, "b") as b:
            await a._election.close()
            await until(b.leads)
            assert b.status().term > term and not a.leads()
            await until(lambda: a.status().leader == "b")


@awaited
async def test_a_leader_whose_key_was_taken_commits_nothing(etcd: EtcdServers) -> None:
    async with opened(etcd.endpoints, new_pool()) as store:
        await until(store.leads)
        term = store.status().term
        stale = Commits(store._gateway, store._layout, fence=lambda: term, has_quorum=lambda: True, wait=store._wait_revision)
        assert (await stale.commit(one("k", b"1"), T)).outcome == "done"
        await store._gateway.call(REVOKE, {"ID": store._mirror.leader.lease}, LeaseAnswer, timeout_s=T)
        with pytest.raises(NoLeader, match="doesn't lead any more"):
            await stale.commit(one("k", b"2"), T)
        item = store.get("k")
        assert item is not None and item.value == b"1"
        await until(lambda: store.leads() and store.status().term > term)
        await stale.close()


@awaited
async def test_a_leader_that_can_not_renew_its_lease_stops_leading_before_another_begins(etcd: EtcdServers) -> None:
    pool, proxy = new_pool(), LossyProxy(etcd.addresses[0])
    async with opened([await proxy.open()], pool) as cut, opened(etcd.endpoints, pool, "b") as other:
        await until(lambda: cut.leads() or other.leads())
        if other.leads():
            await other._election.hand_over()
            await until(cut.leads)
            other._election._abstains_until = 0.0
        both = []
        await proxy.close()

        def led() -> bool:
            both.append(cut.leads() and other.leads())
            return other.leads()

        await until(led)
        assert not any(both) and not cut.leads()


@awaited
async def test_a_peer_that_may_not_lead_does_not(etcd: EtcdServers) -> None:
    pool = new_pool()
    async with opened(etcd.endpoints, pool, may_lead=lambda store: store.get("peers/a") is not None) as store:
        await store.commit(one("k"), timeout_s=T)
        await asyncio.sleep(1.0)
        assert not store.leads() and store.status().leader == ""
        await store.commit(one("peers/a"), timeout_s=T)
        await until(store.leads)


@awaited
async def test_a_leader_hands_over(etcd: EtcdServers) -> None:
    pool = new_pool()
    async with opened(etcd.endpoints, pool) as a, opened(etcd.endpoints, pool, "b") as b:
        await until(lambda: a.leads() or b.leads())
        old, new = (a, b) if a.leads() else (b, a)
        await old.transfer_leadership(new._peer)
        await until(new.leads)
        assert not old.leads()


# etcd's members come and go


@awaited
async def test_a_store_goes_on_with_another_member_when_its_own_is_killed(three: EtcdServers) -> None:
    async with opened(three.endpoints, new_pool(), may_lead=lambda store: False) as store:
        await store.commit(one("k", b"1"), timeout_s=T)
        watch = store.watch()
        for number in range(3):
            three.kill(number)
            result = await store.commit(one("k", b"%d" % number), timeout_s=T)
            assert await store.linearizable(timeout_s=T) == result.revision
            three.start(number)
            await asyncio.to_thread(three.wait_healthy, number)
        seen: list[bytes | None] = []
        async with asyncio.timeout(T):
            while len(seen) < 3:
                seen += [event.value for event in await anext(watch)]
        assert seen == [b"0", b"1", b"2"]


@awaited
async def test_a_member_that_stands_still_is_left_for_another(three: EtcdServers) -> None:
    """A stopped process keeps its connections: only silence tells."""
    pool = new_pool()
    async with opened(three.endpoints, pool) as store:
        await store.commit(one("k", b"1"), timeout_s=T)
        stopped = three.endpoints.index(f"http://{store._gateway._name(store._gateway.watched)}")
        three.kill(stopped, signal.SIGSTOP)
        async with opened([url for n, url in enumerate(three.endpoints) if n != stopped], pool, "b") as other:
            done = await other.commit(one("k", b"2"), timeout_s=T)
            assert store.revision < done.revision, "the watch is silent"
            assert await store.linearizable(timeout_s=T) == done.revision == store.revision
        three.kill(stopped, signal.SIGCONT)


@awaited
async def test_without_a_quorum_of_etcd_writes_are_refused_fast_and_reads_go_on(three: EtcdServers) -> None:
    async with opened(three.endpoints, new_pool()) as store:
        await store.commit(one("k", b"1"), timeout_s=T)
        three.kill(0)
        three.kill(1)
        await until(lambda: not store.status().quorum)
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(NoQuorum, match="reading still works"):
            await store.commit(one("k", b"2"), timeout_s=T)
        with pytest.raises(NoQuorum):
            await store.linearizable(timeout_s=T)
        assert loop.time() - began < 1.0
        assert store.get("k") is not None and not store.leads() and store.status().leader == ""
        three.start(0)
        await until(lambda: store.status().quorum)
        assert (await store.commit(one("k", b"3"), timeout_s=T)).outcome == "done"


@awaited
async def test_what_was_compacted_while_the_watch_was_broken_is_loaded_and_readers_are_told(three: EtcdServers) -> None:
    pool = new_pool()
    async with opened(three.endpoints[:1], pool) as alone:
        first = await alone.commit(one("k", b"1"), timeout_s=T)
        reader, from_before = alone.watch(), alone.watch("", first.revision)
        three.kill(0)
        async with opened(three.endpoints[1:], pool, "b") as other:
            for number in range(5):
                done = await other.commit(one("k", b"%d" % number), timeout_s=T)
            gateway = Gateway(endpoints(three.endpoints[1:]))
            await gateway.call("/v3/kv/compaction", {"revision": done.revision, "physical": True}, TxnAnswer, timeout_s=T)
            await gateway.close()
            three.start(0)
            await alone.wait_revision(done.revision, timeout_s=T)
            for watch in (reader, from_before):
                with pytest.raises(Compacted, match="list again"):
                    await asyncio.wait_for(anext(watch), T)
            item = alone.get("k")
            assert item is not None and (item.value, item.modified) == (b"4", done.revision)
            resumed = alone.watch("", alone.revision)
            last = await other.commit(one("after"), timeout_s=T)
            events = await asyncio.wait_for(anext(resumed), T)
            assert [(e.key, e.revision) for e in events] == [("after", last.revision)]


# TLS


def certificates(folder: Path) -> dict[str, Path]:
    """A CA, and one certificate for both sides: it names no address, so the client is told not to look for one."""
    made = {name: folder / f"{name}.pem" for name in ("ca", "ca-key", "cert", "key", "request", "extensions")}
    made["extensions"].write_text("subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n")
    words = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=ca -keyout {ca-key} -out {ca}"
    more = "req -newkey rsa:2048 -nodes -subj /CN=etcd -keyout {key} -out {request}"
    sign = "x509 -req -in {request} -CA {ca} -CAkey {ca-key} -CAcreateserial -days 1 -extfile {extensions} -out {cert}"
    for command in (words, more, sign):
        subprocess.run(["openssl", *command.format(**made).split()], check=True, capture_output=True, timeout=30)
    return made


@awaited
async def test_an_etcd_that_asks_for_certificates_is_used_with_them_and_not_without(tmp_path: Path) -> None:
    files = certificates(tmp_path)
    flags = {"cert-file": files["cert"], "key-file": files["key"], "trusted-ca-file": files["ca"], "client-cert-auth": "true"}
    context = ssl.create_default_context(cafile=str(files["ca"]))
    context.check_hostname = False
    context.load_cert_chain(files["cert"], files["key"])
    with etcd_servers(tmp_path, 1, context, **{key: str(value) for key, value in flags.items()}) as servers:
        settings = Settings(endpoints=endpoints(servers.endpoints), open_timeout_s=2.0)
        store = await EtcdStore.open("a", new_pool(), settings, create=True, tls=context)
        assert (await store.commit(one("k"), timeout_s=T)).outcome == "done"
        await store.close()
        for wrong in (ssl.create_default_context(), None):
            with pytest.raises(StoreError, match=r"CERTIFICATE_VERIFY_FAILED|certificate|SSL|TLS"):
                await EtcdStore.open("a", new_pool(), settings, create=True, tls=wrong)


# the copy on the disk


@awaited
async def test_a_store_begins_with_its_copy_while_etcd_is_away_and_only_with_its_own_and_whole_one(tmp_path: Path) -> None:
    pool, folder = new_pool(), tmp_path / "copy"
    with etcd_servers(tmp_path, 1) as etcd:
        settings = Settings(endpoints=endpoints(etcd.endpoints), open_timeout_s=1.0)
        store = await EtcdStore.open("a", pool, settings, create=True, disk=RealDisk(folder))
        done = await store.commit(one("k", b"1"), timeout_s=T)
        await store.close()
        etcd.kill(0)
        store = await EtcdStore.open("a", pool, settings, create=False, disk=RealDisk(folder))
        item = store.get("k")
        assert item is not None and (item.value, item.modified, store.revision) == (b"1", done.revision, done.revision)
        assert not store.status().quorum and not store.leads()
        with pytest.raises(NoQuorum):
            await store.commit(one("k", b"2"), timeout_s=T)
        etcd.start(0)
        await until(lambda: store.status().quorum)
        watch = store.watch()
        last = await store.commit(one("k", b"3"), timeout_s=T)
        assert [event.revision for event in await asyncio.wait_for(anext(watch), T)] == [last.revision], "it goes on from the copy"
        await store.close()
        etcd.kill(0)
        with pytest.raises(StoreError, match="no usable answer"):
            await EtcdStore.open("a", new_pool(), settings, create=False, disk=RealDisk(folder))
        data = (folder / "copy").read_bytes()
        (folder / "copy").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(StoreError, match="no usable answer"):
            await EtcdStore.open("a", pool, settings, create=False, disk=RealDisk(folder))


@awaited
async def test_an_etcd_that_went_back_to_an_older_backup_stops_the_store(etcd: EtcdServers) -> None:
    told: list[Exception] = []
    async with opened(etcd.endpoints, new_pool(), on_fatal=told.append) as store:
        await store.commit(one("k"), timeout_s=T)
        store._mirror.head += 1000  # as if this peer had seen more than the backup holds
        await until(lambda: bool(told))
        assert "older backup" in str(told[0]) and not store.status().quorum


# limits and doors


@awaited
async def test_a_commit_of_more_keys_than_etcd_takes_is_refused_and_says_which_flag_of_etcd_helps(etcd: EtcdServers) -> None:
    async with opened(etcd.endpoints, new_pool()) as store:
        assert (await store.commit(Commit(put=tuple(Put(f"k{n}", b"") for n in range(120))), timeout_s=T)).outcome == "done"
        assert (await store.commit(Commit(tuple(Expect(f"a{n}", ABSENT) for n in range(120))), timeout_s=T)).outcome == "done"
        for commit in (
            Commit(put=tuple(Put(f"j{n}", b"") for n in range(200))),
            Commit(tuple(Expect(f"j{n}", ABSENT) for n in range(200))),
        ):
            with pytest.raises(TooLarge, match="--max-txn-ops"):
                await store.commit(commit, timeout_s=T)
        assert store.list("j") == []
        assert (await store.commit(one("j"), timeout_s=T)).outcome == "done", "the store goes on"


@awaited
async def test_with_a_larger_limit_of_etcd_larger_commits_are_done(tmp_path: Path) -> None:
    options = {"max-txn-ops": "10000", "max-request-bytes": "600000"}
    with etcd_servers(tmp_path, 1, **options) as servers:
        async with opened(servers.endpoints, new_pool()) as store:
            assert (await store.commit(Commit(put=tuple(Put(f"k{n}", b"") for n in range(3000))), timeout_s=T)).outcome == "done"
            with pytest.raises(TooLarge, match="--max-request-bytes"):
                await store.commit(Commit(put=tuple(Put(f"k{n}", bytes(250_000)) for n in range(3))), timeout_s=T)


@awaited
async def test_other_users_of_the_same_etcd_are_neither_seen_nor_disturbed(etcd: EtcdServers) -> None:
    async with opened(etcd.endpoints, new_pool()) as one_pool, opened(etcd.endpoints, new_pool()) as another:
        await one_pool.commit(one("k", b"1"), timeout_s=T)
        revision = one_pool.revision
        await another.commit(one("k", b"2"), timeout_s=T)
        await another._gateway.call(TXN, {"success": [put(b"/of-somebody-else", b"x")]}, TxnAnswer, timeout_s=T)
        assert await one_pool.linearizable(timeout_s=T) == revision
        item = one_pool.get("k")
        assert item is not None and item.value == b"1"


@awaited
async def test_a_pool_that_is_not_in_this_etcd_is_not_made_up(etcd: EtcdServers) -> None:
    with pytest.raises(StoreError, match="holds no pool"):
        async with opened(etcd.endpoints, new_pool(), "b"):
            pass


@awaited
async def test_an_etcd_that_does_not_answer_is_named() -> None:
    settings = Settings(endpoints=endpoints(["http://127.20.0.1:1"]), open_timeout_s=0.5)
    with pytest.raises(StoreError, match=r"127\.20\.0\.1:1.*etcdendpoints"):
        await EtcdStore.open("a", new_pool(), settings, create=True)


@awaited
async def test_what_is_no_etcd_is_refused_within_the_time_to_open(etcd: EtcdServers) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 a mail server\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, etcd.addresses[0], 0)
    host, port = server.sockets[0].getsockname()
    with pytest.raises(StoreError, match=f"{host}:{port}"):
        await EtcdStore.open("a", new_pool(), Settings(endpoints=endpoints([f"{host}:{port}"]), open_timeout_s=0.5), create=True)
    server.close()


@awaited
async def test_a_pool_that_is_emptied_under_its_peers_stops_them_with_its_name(etcd: EtcdServers) -> None:
    told: list[Exception] = []
    pool = new_pool()
    async with opened(etcd.endpoints, pool, on_fatal=told.append) as store:
        await store.commit(one("k"), timeout_s=T)
        prefix = Layout(pool).pool
        await store._gateway.call(TXN, {"success": [delete(prefix, prefix_end(prefix))]}, TxnAnswer, timeout_s=T)
        await until(lambda: bool(told))
        assert pool in str(told[0]) and "backup" in str(told[0])
        with pytest.raises(NoQuorum):
            await store.commit(one("k"), timeout_s=T)


@awaited
async def test_keys_of_a_newer_format_are_left_alone(etcd: EtcdServers) -> None:
    pool = new_pool()
    gateway = Gateway(endpoints(etcd.endpoints))
    await gateway.call(TXN, {"success": [put(Layout(pool).head, b"2")]}, TxnAnswer, timeout_s=T)
    await gateway.close()
    with pytest.raises(StoreError, match="upgrade this daemon"):
        async with opened(etcd.endpoints, pool):
            pass


@pytest.mark.parametrize("text", ["", "ftp://a:1", "http://", "http://a:99999", "http://a:1/path", "http://user:word@a:1"])
def test_an_endpoint_that_is_no_url_of_etcd_is_refused(text: str) -> None:
    with pytest.raises(BadEndpoint, match="endpoint"):
        endpoints([text])


def test_a_daemon_that_does_not_use_etcd_does_not_load_its_client() -> None:
    code = "import gd2raft.daemon, sys; sys.exit(any(name.startswith('gd2raft.store.etcd') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
