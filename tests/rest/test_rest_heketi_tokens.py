"""heketi's tokens: who gets in, with the clock as an argument."""

from __future__ import annotations

import hashlib
from typing import Any

import jwt
import pytest

from gd2raft.rest.auth import Unauthorized
from gd2raft.rest.heketi.tokens import IAT_LEEWAY_S, BadHeader, Keys, authenticate

pytestmark = pytest.mark.fast

NOW = 1_800_000_000.0
KEYS = Keys(admin="admin-key-of-the-pool-0123456789abc", user="user-key-of-the-pool-0123456789abcd")
POOL = b"the-pools-own-secret-0123456789abcdef"


def token(
    role: Any = "admin", method: str = "GET", path: str = "/clusters", *, key: str = "", algorithm: str = "HS256", **claims: Any
) -> str:
    qsh = hashlib.sha256(f"{method}&{path}".encode()).hexdigest()
    given = {"iss": role, "iat": NOW, "exp": NOW + 1, "qsh": qsh, **claims}
    return jwt.encode({k: v for k, v in given.items() if v is not None}, key or getattr(KEYS, str(role), KEYS.admin), algorithm=algorithm)


def enter(text: str, method: str = "GET", path: str = "/clusters", *, keys: Keys = KEYS, now: float = NOW) -> str:
    return authenticate(f"Bearer {text}", keys, POOL, method, path, now)


def reason(text: str, **more: Any) -> str:
    with pytest.raises(Unauthorized) as caught:
        enter(text, **more)
    assert caught.value.http == 401
    return caught.value.message


def test_the_administrator_gets_in_everywhere() -> None:
    assert enter(token()) == "admin"
    assert enter(token("admin", "DELETE", "/volumes/ab"), "DELETE", "/volumes/ab") == "admin"


def test_without_a_key_of_his_own_the_administrator_has_the_pools_secret() -> None:
    assert enter(token(key=POOL.decode()), keys=Keys()) == "admin"
    assert reason(token(key=POOL.decode())) == "signature is invalid"


@pytest.mark.parametrize("path", ["/volumes", "/volumes/ab", "/volumes/ab/expand", "/queue/ab"])
def test_a_user_may_use_volumes_and_wait_for_them(path: str) -> None:
    assert enter(token("user", path=path), path=path) == "user"


@pytest.mark.parametrize("path", ["/clusters", "/nodes", "/devices/ab", "/db/dump", "/volumesx", "/admin", "/blockvolumes"])
def test_a_user_may_do_nothing_else(path: str) -> None:
    assert reason(token("user", path=path), path=path) == "Administrator access required"


def test_without_a_configured_key_nobody_is_a_user() -> None:
    assert reason(token("user", path="/volumes", key="x" * 32), path="/volumes", keys=Keys(admin="x" * 32)) == "Unknown user"


def test_an_empty_key_opens_nothing() -> None:
    assert reason(token("user", path="/volumes", key=POOL.decode()), path="/volumes", keys=Keys()) == "Unknown user"


@pytest.mark.parametrize("role", ["gd2", "root", "", "Admin", 1, ["admin"]])
def test_another_issuer_is_unknown(role: Any) -> None:
    unsigned_checks = jwt.encode({"iss": str(role) if not isinstance(role, str) else role, "exp": NOW + 1}, KEYS.admin)
    assert reason(unsigned_checks) == "Unknown user"


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": None}, "Token missing iss claim"),
        ({"exp": None}, "Token missing exp claim"),
        ({"exp": NOW - 1}, "Token is expired"),
        ({"exp": NOW - 0.5}, "Token is expired"),
        ({"exp": "soon"}, "the token's exp is not a number"),
        ({"iat": NOW + IAT_LEEWAY_S + 1}, "Token used before issued"),
        ({"nbf": NOW + 1}, "Token is not valid yet"),
        ({"qsh": None}, "Invalid qsh claim in token"),
        ({"qsh": "0" * 64}, "Invalid qsh claim in token"),
    ],
)
def test_a_claim_that_is_missing_or_wrong_is_named(claims: dict[str, Any], why: str) -> None:
    assert reason(token(**claims)) == why


@pytest.mark.parametrize(
    "claims", [{"iat": None}, {"iat": NOW + IAT_LEEWAY_S}, {"nbf": NOW}, {"exp": NOW}, {"exp": NOW + 0.4}, {"exp": 10**300}]
)
def test_what_heketi_lets_pass_passes(claims: dict[str, Any]) -> None:
    assert enter(token(**claims)) == "admin"


def test_a_token_for_a_second_is_good_for_it_though_its_maker_has_cut_off_the_fraction() -> None:
    made = token(iat=NOW, exp=NOW + 1)  # at NOW + 0.9
    assert enter(made, now=NOW + 1.9) == "admin"
    assert reason(made, now=NOW + 2.0) == "Token is expired"


def test_a_token_is_for_one_method_and_one_path_with_its_slashes() -> None:
    assert reason(token(), method="DELETE") == "Invalid qsh claim in token"
    assert reason(token(), path="/clusters/") == "Invalid qsh claim in token"


def test_a_key_of_the_other_role_does_not_fit() -> None:
    assert reason(token("user", path="/volumes", key=KEYS.admin), path="/volumes") == "signature is invalid"


@pytest.mark.parametrize("text", ["x", "a.b.c", "....", "\udcff", "a" * 5000])
def test_what_is_no_token_is_refused(text: str) -> None:
    assert "malformed" in reason(text)


def test_a_token_without_a_signature_is_refused() -> None:
    assert reason(jwt.encode({"iss": "admin", "exp": NOW + 1}, "", algorithm="none")).startswith("Unexpected signing method")


def test_the_header_is_a_bearer_token_in_any_case() -> None:
    assert authenticate(f"bEARER {token()}", KEYS, POOL, "GET", "/clusters", NOW) == "admin"
    for header in ("Bearer", "Bearer ", "Basic x", token()):
        with pytest.raises(BadHeader):
            authenticate(header, KEYS, POOL, "GET", "/clusters", NOW)
    with pytest.raises(Unauthorized, match="Required authorization token not found"):
        authenticate(None, KEYS, POOL, "GET", "/clusters", NOW)
