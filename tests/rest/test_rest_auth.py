"""Who gets in, and who doesn't: tokens of every wrong kind."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable

import pytest
from rest_kit import SECRET, Answer, Rest, make_token

PATH = "/v1/volumes"


def refused(answer: Answer) -> str:
    """The reason, after checks that hold for every 401."""
    assert answer.status == 401, answer
    assert answer.headers["www-authenticate"].startswith('Bearer realm="gd2raft"')
    assert answer.error["fields"]["code"] == "unauthorized"
    assert answer.error["fields"]["hint"]
    return str(answer.error["message"])


def with_token(rest: Rest, token: str) -> Answer:
    return rest.get(PATH, token=token)


def assembled(header: object, payload: object, signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(payload).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("user", ["gd2", "glustercli"])
def test_both_users_get_in_with_every_accepted_algorithm(rest: Rest, algorithm: str, user: str) -> None:
    assert with_token(rest, make_token("GET", PATH, algorithm=algorithm, iss=user)).status == 200


def test_the_word_bearer_may_be_in_lower_case_as_glusterd2s_client_writes_it(rest: Rest) -> None:
    assert rest.get(PATH, token=None, headers={"Authorization": "bearer " + make_token("GET", PATH)}).status == 200


def test_without_a_token_nobody_gets_in(rest: Rest) -> None:
    assert "a token is needed" in refused(rest.get(PATH, token=None))


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic Z2QyOmdkMg==", "Token x", "x" * 4000, "Bearer \udcff\udcfe"])
def test_another_kind_of_authorization_is_refused(rest: Rest, header: str) -> None:
    refused(rest.get(PATH, token=None, headers={"Authorization": header}))


def test_a_token_without_a_signature_is_refused(rest: Rest) -> None:
    payload = {"iss": "gd2", "exp": int(time.time()) + 60, "qsh": "x"}
    for algorithm in ("none", "None", "NONE", ""):
        assert "algorithm" in refused(with_token(rest, assembled({"alg": algorithm, "typ": "JWT"}, payload)))


def test_an_asymmetric_algorithm_with_the_secret_as_key_is_refused(rest: Rest) -> None:
    payload = {"iss": "gd2", "exp": int(time.time()) + 60, "qsh": "x"}
    for algorithm in ("RS256", "ES256", "PS512", "EdDSA"):
        refused(with_token(rest, assembled({"alg": algorithm}, payload, SECRET)))


def test_a_wrong_secret_is_refused_and_says_so(rest: Rest) -> None:
    assert "signature" in refused(with_token(rest, make_token("GET", PATH, secret=b"0" * 64)))


def test_a_token_for_another_method_or_path_is_refused(rest: Rest) -> None:
    assert "qsh" in refused(with_token(rest, make_token("POST", PATH)))
    assert "qsh" in refused(with_token(rest, make_token("GET", "/v1/peers")))
    assert "qsh" in refused(with_token(rest, make_token("GET", PATH + "/")))


def test_the_query_is_not_part_of_what_the_token_is_bound_to(rest: Rest) -> None:
    assert rest.get(PATH + "?limit=1", token=make_token("GET", PATH)).status == 200


def test_a_path_may_be_hashed_as_it_is_written_or_decoded(rest: Rest) -> None:
    for spelling in ("/v1/volumes/a%20b", "/v1/volumes/a b"):
        assert rest.get("/v1/volumes/a%20b", token=make_token("GET", spelling)).status == 404


def test_an_expired_token_is_refused_but_a_few_seconds_are_forgiven(rest: Rest) -> None:
    now = int(time.time())
    assert "expired" in refused(with_token(rest, make_token("GET", PATH, exp=now - 60)))
    assert with_token(rest, make_token("GET", PATH, exp=now - 2)).status == 200
    assert "from the future" in refused(with_token(rest, make_token("GET", PATH, iat=now + 3600, exp=now + 3700)))


@pytest.mark.parametrize("claim", ["iss", "exp", "qsh"])
def test_a_token_without_a_required_claim_is_refused_and_the_claim_named(rest: Rest, claim: str) -> None:
    assert claim in refused(with_token(rest, make_token("GET", PATH, **{claim: None})))


@pytest.mark.parametrize("user", ["root", "", "GD2", 5, ["gd2"], {"a": 1}])
def test_an_unknown_user_is_refused(rest: Rest, user: object) -> None:
    refused(with_token(rest, make_token("GET", PATH, iss=user) if isinstance(user, str) else assembled_signed({"iss": user})))


@pytest.mark.parametrize(
    "claims", [{"exp": "soon"}, {"exp": float("inf")}, {"exp": [1]}, {"exp": -1}, {"qsh": 7}, {"qsh": "ü"}, {"qsh": ""}]
)
def test_claims_of_wrong_types_are_refused(rest: Rest, claims: dict[str, object]) -> None:
    refused(with_token(rest, assembled_signed(claims)))


def assembled_signed(claims: dict[str, object]) -> str:
    """As make_token, but with claims that a library would not sign."""
    import hashlib
    import hmac

    qsh = hashlib.sha256(f"GET&{PATH}".encode()).hexdigest()
    head = assembled({"alg": "HS256", "typ": "JWT"}, {"iss": "gd2", "exp": int(time.time()) + 60, "qsh": qsh, **claims}).rpartition(".")[0]
    signature = hmac.new(SECRET, head.encode(), hashlib.sha256).digest()
    return head + "." + base64.urlsafe_b64encode(signature).rstrip(b"=").decode()


def test_a_token_signed_by_hand_as_the_rule_says_gets_in(rest: Rest) -> None:
    assert with_token(rest, assembled_signed({})).status == 200


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "..",
        "a.b.c",
        ".".join(["A" * 2000] * 3),
        "eyJhbGciOiJIUzI1NiJ9.bnVsbA.x",
        base64.urlsafe_b64encode(b"[" * 5000).decode() + ".e30.x",
    ],
)
def test_garbage_instead_of_a_token_is_refused(rest: Rest, token: str) -> None:
    refused(with_token(rest, token))


def test_only_these_need_no_token(rest: Rest) -> None:
    public = {e.path for e in rest.server.endpoints if e.public}
    assert public == {"/ping", "/endpoints", "/metrics"}
    for path in public:
        assert rest.get(path, token=None).status == 200
        assert rest.ask("HEAD", path, token=None).status == 200
    for method, path in [
        ("POST", "/ping"),
        ("GET", "/ping/"),
        ("GET", "//ping"),
        ("GET", "/v1/../ping"),
        ("GET", "/nothing"),
        ("OPTIONS", "/ping"),
    ]:
        refused(rest.ask(method, path, token=None) if method != "HEAD" else rest.get(path, token=None))


def test_every_other_route_needs_a_token(rest: Rest) -> None:
    for endpoint in rest.server.endpoints:
        if not endpoint.public:
            path = endpoint.path.replace("{", "").replace("}", "")
            assert rest.ask(endpoint.method, path, token=None).status == 401, endpoint.path


def test_a_changed_secret_counts_at_once(rest: Rest) -> None:
    token = make_token("GET", PATH)
    rest.api.secret = lambda: b"9" * 64  # type: ignore[method-assign]
    refused(with_token(rest, token))
    assert with_token(rest, make_token("GET", PATH, secret=b"9" * 64)).status == 200


def test_with_restauth_off_no_token_is_needed(make_rest: Callable[..., Rest]) -> None:
    rest = make_rest(auth_required=False)
    assert rest.get(PATH, token=None).status == 200
    assert rest.ask("POST", PATH, {"name": "v1", "bricks": ["node1:/b"]}, token=None).status == 201


def test_the_token_never_gets_into_the_log(rest: Rest) -> None:
    token = make_token("GET", PATH)
    with_token(rest, token)
    assert token not in json.dumps(rest.log.lines)
