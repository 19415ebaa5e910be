"""The place of mutual TLS: the same handshake inside it, and no seat for those who fail it."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from rpc_kit import ECHO, RawPeer, Say, dialled, policy, run, serving
from waiting import until

from gd2raft.rpc.dispatch import Endpoint
from gd2raft.rpc.errors import HelloRefused, RpcError
from gd2raft.rpc.limits import RpcLimits
from gd2raft.rpc.opening import dial


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(server, client), each holding and trusting one self-signed certificate."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - datetime.timedelta(1), now + datetime.timedelta(1))
    certificate = builder.sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    file = folder / "peer.pem"
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(private + certificate.public_bytes(pem))
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    for context in (server, client):
        context.load_cert_chain(file)
        context.load_verify_locations(file)
        context.verify_mode = ssl.CERT_REQUIRED
    return server, client


def test_calls_work_inside_mutual_tls(tmp_path: Path) -> None:
    async def main() -> None:
        server_tls, client_tls = contexts(tmp_path)
        async with serving(tls=server_tls) as server, dialled(server, tls=client_tls) as connection:
            assert (await connection.call(ECHO, Say("x", bytes(2_000_000)), timeout_s=30)).data == bytes(2_000_000)

    run(main())


def test_who_fails_tls_leaves_no_handshake_behind(tmp_path: Path) -> None:
    async def main() -> None:
        server_tls, client_tls = contexts(tmp_path)
        async with serving(tls=server_tls, limits=RpcLimits(handshake_deadline_s=0.5)) as server:
            with pytest.raises(RpcError):
                await dial(server.address, policy(), Endpoint({}), timeout_s=10)
            silent, noisy = await RawPeer.open(server.address), await RawPeer.open(server.address)
            noisy.writer.write(b"x" * 100)
            await until(lambda: server.handshakes == 0)
            assert await silent.closed_by_peer()
            await silent.close()
            await noisy.close()
        async with serving() as plain:
            with pytest.raises((RpcError, ssl.SSLError, HelloRefused)):
                await dial(plain.address, policy(), Endpoint({}), tls=client_tls, timeout_s=10)

    run(main())
