"""Endpoints in turn: what is tried again, what isn't, and when the outcome is unknown."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
from cli_kit import ADDRESS, SECRET, Raw, error, free_port, volume_info
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

START = "POST /v1/volumes/v1/start"
NO_QUORUM = (503, error("no quorum", code="no-quorum", hint="start more voters"))
RESET = Raw(b"", reset=True)


def start(gd2, peers, *more):
    return gd2("volume", "start", "v1", *more, peers=peers)


def keys(*peers):
    return {seen.headers["Idempotency-Key"] for peer in peers for seen in peer.seen}


def test_an_endpoint_that_is_down_is_passed_over(gd2, peer):
    peer.answers[START] = (200, volume_info())
    assert start(gd2, f"http://{ADDRESS}:{free_port()},{peer.url}").code == 0


@pytest.fixture
def impatient(monkeypatch):
    for name, seconds in {
        "wire.QUIET_S": 0.1,
        "wire.ASK_AGAIN_S": 0.1,
        "client.OTHERS_S": 0.5,
        "client.ALONE_S": 1.5,
        "client.SENT_S": 1.5,
    }.items():
        monkeypatch.setattr(f"gd2cli.{name}", seconds)


@pytest.mark.usefixtures("impatient")
def test_a_change_goes_to_the_next_peer_when_the_first_takes_connections_and_answers_nothing(gd2, make_peer):
    first, second = make_peer(), make_peer()
    first.frozen, second.answers[START] = True, (200, volume_info())
    assert start(gd2, [first, second]).code == 0
    second.frozen = True
    for peers in ([first, second], [first]):
        result = start(gd2, peers)
        assert result.code not in (0, 7), "nothing was sent: the outcome is known"
        assert "asked whether it is there" in result.err
        assert "the daemon there hangs" in result.err


@pytest.mark.usefixtures("impatient")
def test_a_read_goes_to_the_next_peer_when_the_first_takes_connections_and_answers_nothing(gd2, make_peer):
    first, second = make_peer(), make_peer()
    first.frozen, second.answers["GET /v1/volumes"] = True, (200, [volume_info()])
    began = time.monotonic()
    assert gd2("volume", "list", peers=[first, second]).out == "v1\n"
    assert gd2("volume", "list", peers=first).code == 1
    assert time.monotonic() - began < 15, "its share of the time would be 17 s, and all of it 35 s"


@pytest.mark.usefixtures("impatient")
def test_a_peer_that_hung_once_is_asked_last_by_the_next_request_of_the_same_run(gd2, make_peer):
    first, second = make_peer(), make_peer()
    first.frozen = True
    second.answers["GET /v1/cluster/voters"] = (200, {"set": 0, "wanted": 1, "voters": [], "replace-after-s": 60})
    second.answers["GET /v1/peers"] = (200, [])
    assert gd2("cluster", "voters", peers=[first, second]).code == 0
    assert [seen.target for seen in second.seen] == ["/v1/cluster/voters", "/v1/peers"]
    assert first.ignored == 2, "the first request, and whether it is there"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("words", [("volume", "start", "v1"), ("volume", "list")])
def test_a_peer_that_works_on_something_long_is_waited_for(gd2, make_peer, words, monkeypatch):
    monkeypatch.setattr("gd2cli.client.OTHERS_S", 30.0)  # a busy machine is no hanging peer
    first, second = make_peer(), make_peer()

    def works(seen):
        first.released.wait(2)
        return 200, volume_info() if seen.method == "POST" else [volume_info()]

    first.answers[START] = first.answers["GET /v1/volumes"] = works
    assert gd2(*words, peers=[first, second]).code == 0
    assert (len(first.seen), len(second.seen)) == (1, 0)


@pytest.mark.usefixtures("impatient")
def test_a_change_whose_peer_hangs_after_it_was_sent_is_asked_for_elsewhere_as_the_same_command(gd2, make_peer):
    first, second = make_peer(), make_peer()

    def hangs(seen):
        first.frozen = True
        return first.hang(seen)

    first.answers[START], second.answers[START] = hangs, (200, volume_info())
    assert start(gd2, [first, second]).code == 0
    assert len(keys(first, second)) == 1
    first.frozen = False
    assert start(gd2, first).code == 7


def test_a_peer_without_quorum_is_passed_over_for_one_that_has_it(gd2, make_peer):
    first, second = make_peer(), make_peer()
    first.answers[START], second.answers[START] = NO_QUORUM, (200, volume_info())
    assert start(gd2, [first, second]).code == 0
    assert len(keys(first, second)) == 1, "both must know it as one command"


def test_no_quorum_anywhere_is_said_at_once_with_the_servers_words(gd2, make_peer):
    first, second = make_peer(), make_peer()
    first.answers[START] = second.answers[START] = NO_QUORUM
    result = start(gd2, [first, second])
    assert result.code == 6
    assert "start more voters" in result.err
    assert len(first.seen) == len(second.seen) == 1


def test_no_quorum_and_the_others_down_is_still_no_quorum(gd2, peer):
    peer.answers[START] = NO_QUORUM
    assert start(gd2, f"{peer.url},http://{ADDRESS}:{free_port()}").code == 6


def test_a_refusal_is_final(gd2, make_peer):
    first, second = make_peer(), make_peer()
    first.answers[START], second.answers[START] = (400, error("already started")), (200, volume_info())
    assert start(gd2, [first, second]).code == 1
    assert second.seen == []


def test_a_lost_answer_is_asked_for_elsewhere_as_the_same_command(gd2, make_peer):
    first, second = make_peer(), make_peer()
    first.answers[START], second.answers[START] = RESET, (200, volume_info())
    assert start(gd2, [first, second]).code == 0
    assert len(keys(first, second)) == 1


def test_a_lost_answer_is_asked_for_once_more_of_the_only_peer(gd2, peer):
    peer.answers[START] = [RESET, (200, volume_info())]
    assert start(gd2, peer).code == 0
    assert len(peer.seen) == 2
    assert len(keys(peer)) == 1


@pytest.mark.parametrize(
    "lost",
    [RESET, Raw(b""), Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"), Raw(b"HTTP/1.1 200 O"), Raw(b"HTTP/1.1 20"), Raw(b"HTT")],
)
def test_a_write_whose_answer_stays_lost_has_an_unknown_outcome(gd2, peer, lost):
    peer.answers[START] = lost
    result = start(gd2, peer)
    assert result.code == 7
    assert "may or may not" in result.err
    assert peer.seen[0].headers["X-Request-Id"] in result.err
    assert len(peer.seen) == 2


def test_after_a_lost_answer_no_quorum_elsewhere_does_not_mean_nothing_was_done(gd2, make_peer):
    first, second = make_peer(), make_peer()
    first.answers[START], second.answers[START] = RESET, NO_QUORUM
    assert start(gd2, [first, second]).code == 7


def test_a_read_whose_answer_is_lost_failed_and_no_more(gd2, peer):
    peer.answers["GET /v1/volumes"] = RESET
    assert gd2("volume", "list", peers=peer).code == 1


def test_a_write_that_times_out_after_it_was_sent_has_an_unknown_outcome(gd2, peer):
    peer.answers[START] = peer.hang
    began = time.monotonic()
    result = start(gd2, peer, "--timeout", "1")
    assert result.code == 7
    assert time.monotonic() - began < 30, "the answer would come after 60 s"
    assert len(peer.seen) == 1


def test_a_peer_that_drips_can_not_hold_us(gd2, peer):
    with socket.create_server((ADDRESS, 0)) as server:
        stop = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                while not stop.wait(0.05):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        began = time.monotonic()
        result = gd2("--timeout", "0.5", "volume", "list", peers=f"http://{ADDRESS}:{server.getsockname()[1]}")
        stop.set()
        thread.join(10)
    assert result.code == 1
    assert time.monotonic() - began < 30


def test_a_read_leaves_time_for_the_next_peer_when_the_first_hangs(gd2, make_peer):
    first, second = make_peer(), make_peer()
    first.answers["GET /v1/volumes"], second.answers["GET /v1/volumes"] = first.hang, (200, [volume_info()])
    assert gd2("--timeout", "4", "volume", "list", peers=[first, second]).out == "v1\n"


def test_the_server_is_told_to_give_up_before_we_do(gd2, peer):
    peer.answers[START] = (200, volume_info())
    start(gd2, peer, "--timeout", "20")
    start(gd2, peer, "--timeout", "3600")
    start(gd2, peer)
    assert [seen.target.partition("?")[2] for seen in peer.seen] == ["timeout=19s", "timeout=600s", ""]


def test_no_proxy_of_the_environment_sees_the_secret(gd2, peer, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{ADDRESS}:{free_port()}")
    peer.answers["GET /v1/volumes"] = (200, [])
    assert gd2("volume", "list", peers=peer).code == 0


def test_an_ipv6_endpoint_is_reached(gd2, make_peer):
    try:
        peer = make_peer("::1", socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    peer.answers["GET /v1/volumes"] = (200, [volume_info()])
    assert gd2("volume", "list", peers=peer).out == "v1\n"
    assert peer.seen[0].headers["Host"] == f"[::1]:{peer.port}"


def test_the_environment_names_endpoints_and_secret_and_options_win(gd2, make_peer, monkeypatch, tmp_path):
    first, second = make_peer(), make_peer()
    first.answers["GET /v1/volumes"] = second.answers["GET /v1/volumes"] = (200, [])
    monkeypatch.setenv("GD2_ENDPOINTS", first.url)
    monkeypatch.setenv("GD2_AUTH_SECRET", SECRET)
    assert gd2("volume", "list", secret=None).code == 0
    assert gd2("volume", "list", peers=second, secret=None).code == 0
    assert (len(first.seen), len(second.seen)) == (1, 1)
    (tmp_path / "auth").write_text("wrong")
    assert "401" in gd2("volume", "list", "--secret-file", str(tmp_path / "auth"), secret=None).err


def test_the_local_daemons_secret_is_found_without_asking(gd2, peer, monkeypatch, tmp_path):
    (tmp_path / "auth").write_text(SECRET + "\n")
    monkeypatch.setattr("gd2cli.settings.DEFAULT_SECRET_FILE", str(tmp_path / "auth"))
    peer.answers["GET /v1/volumes"] = (200, [])
    assert gd2("volume", "list", peers=peer, secret=None).code == 0


@pytest.mark.parametrize(("user", "code"), [("glustercli", 0), ("nobody", 1)])
def test_the_user_is_part_of_the_token(gd2, peer, user, code):
    peer.answers["GET /v1/volumes"] = (200, [])
    assert gd2("--user", user, "volume", "list", peers=peer).code == code


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for ADDRESS with its key, in one file, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - datetime.timedelta(days=1), now + datetime.timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(ADDRESS))]), critical=False)
    path = tmp_path / "peer.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.sign(key, SHA256()).public_bytes(Encoding.PEM))
    return path


def test_https_is_trusted_only_with_its_certificate_or_when_told_not_to_look(gd2, make_peer, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    peer = make_peer(tls=context)
    peer.answers["GET /v1/volumes"] = (200, [volume_info()])
    unknown = gd2("volume", "list", peers=peer)
    assert (unknown.code, peer.seen) == (1, []), "the secret's token went to a stranger"
    assert "certificate" in unknown.err
    assert gd2("volume", "list", "--cacert", str(certificate), peers=peer).out == "v1\n"
    assert gd2("volume", "list", "--insecure", peers=peer).out == "v1\n"
    missing = gd2("volume", "list", "--cacert", "/nonexistent.pem", peers=peer)
    assert missing.code == 1 and "/nonexistent.pem" in missing.err


def test_http_where_https_is_wanted_is_a_failure(gd2, peer):
    result = gd2("volume", "list", peers=peer.url.replace("http:", "https:"))
    assert (result.code, peer.seen) == (1, [])
