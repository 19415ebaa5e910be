"""Who may ask heketi's endpoints: its JWTs, exactly. Pure: the clock is an argument.

`Authorization: Bearer TOKEN` (the scheme in any case); HMAC-SHA256/384/512; `iss` is the role, admin or user, and says which key; `exp` must be there
and has no leeway (heketi's Python client makes tokens for one second); `iat` may be IAT_LEEWAY_S ahead of our clock; `qsh` as in /v1 (auth.py).
A `user` may use /volumes and what is below it, and /queue: heketi documents it so, and lets it no further than /volumes itself.
"""

from __future__ import annotations

from typing import Any

import jwt
import msgspec

from gd2raft.core.plan import Refused
from gd2raft.rest.auth import ALGORITHMS, Unauthorized, qsh_fits

IAT_LEEWAY_S = 120
SECONDS_MAX = 1 << 53
ADMIN, USER = "admin", "user"
USER_PATHS = ("/volumes", "/queue")


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """`admin` "": the pool's secret, as in /v1. `user` "": nobody has that role."""

    admin: str = ""
    user: str = ""


class BadHeader(Refused):
    http = 400
    code = "bad-header"


def authenticate(header: str | None, keys: Keys, secret: bytes, method: str, raw_path: str, now: float) -> str:
    """The role; raises Unauthorized, BadHeader."""
    if not header:
        raise Unauthorized("Required authorization token not found")
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise BadHeader("Authorization header format must be Bearer TOKEN")
    claims = _claims(token.strip(), keys, secret)
    _check_times(claims, now)
    qsh = claims.get("qsh")
    if not isinstance(qsh, str) or not qsh.isascii() or not qsh_fits(qsh, method, raw_path):
        raise Unauthorized("Invalid qsh claim in token", hint='qsh = hex(sha256(METHOD + "&" + path)), the path without its query')
    role = str(claims["iss"])
    if role == USER and not any(raw_path == path or raw_path.startswith(path + "/") for path in USER_PATHS):
        raise Unauthorized("Administrator access required")
    return role


def _claims(token: str, keys: Keys, secret: bytes) -> dict[str, Any]:
    try:
        unsure = jwt.decode(token, options={"verify_signature": False})
        issuer = unsure.get("iss")
        if issuer is None:
            raise Unauthorized("Token missing iss claim")
        key = _key(issuer, keys, secret)
        checks: Any = {f"verify_{claim}": False for claim in ("exp", "iat", "nbf", "aud", "iss", "sub", "jti")}
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=list(ALGORITHMS), options=checks)
    except Unauthorized:
        raise
    except jwt.InvalidAlgorithmError:
        raise Unauthorized(f"Unexpected signing method: use one of {', '.join(ALGORITHMS)}") from None
    except jwt.InvalidSignatureError:
        raise Unauthorized("signature is invalid", hint="is the key that of this pool? The guide says where it is configured") from None
    except Exception as error:  # of PyJWT, or of what it calls on hostile bytes (recursion, overflow, ...)
        raise Unauthorized(f"the token is malformed: {type(error).__name__}") from None
    return claims


def _key(issuer: Any, keys: Keys, secret: bytes) -> bytes:
    if issuer == ADMIN:
        return keys.admin.encode() or secret
    if issuer == USER and keys.user:
        return keys.user.encode()
    raise Unauthorized("Unknown user")


def _check_times(claims: dict[str, Any], now: float) -> None:
    """In whole seconds, as heketi counts: a token of exp = now + 1 whose maker has cut off the fraction is good for more than a second."""
    second = int(now)
    expires, issued, begins = (_seconds(claims, name) for name in ("exp", "iat", "nbf"))
    if expires is None:
        raise Unauthorized("Token missing exp claim")
    if second > expires:
        raise Unauthorized("Token is expired", hint="do the clocks of client and peer differ?")
    if issued is not None and second < issued - IAT_LEEWAY_S:
        raise Unauthorized("Token used before issued", hint="do the clocks of client and peer differ?")
    if begins is not None and second < begins:
        raise Unauthorized("Token is not valid yet")


def _seconds(claims: dict[str, Any], name: str) -> int | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unauthorized(f"the token's {name} is not a number")
    return int(value) if abs(value) < SECONDS_MAX else SECONDS_MAX
