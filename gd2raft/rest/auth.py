"""Who may ask: a JWT, signed with the pool's secret, bound to one method and path. As GlusterD2's clients make it.

`Authorization: Bearer TOKEN`; HMAC-SHA256/384/512; claims `iss` (gd2 or glustercli), `exp` (epoch seconds), `qsh` =
hex(sha256(METHOD + "&" + path)), the path without its query. Clocks may differ by LEEWAY_S. It must not know routes.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import unquote

import jwt

from gd2raft.core.plan import CommandError

ALGORITHMS = ("HS256", "HS384", "HS512")
USERS = ("gd2", "glustercli")
LEEWAY_S = 10
REALM = "gd2raft"


class Unauthorized(CommandError):
    """`fields` has `reason`."""

    http = 401
    code = "unauthorized"


def query_string_hash(method: str, path: str) -> str:
    """
    >>> query_string_hash("GET", "/v1/peers")[:16]
    '36cbea2b6ef32155'
    """
    return hashlib.sha256(f"{method}&{path}".encode()).hexdigest()


def authenticate(header: str | None, secret: bytes, method: str, raw_path: str) -> str:
    """The user's name; raises Unauthorized with what is wrong. `raw_path`: as on the wire, without the query."""
    token = _token(header)
    claims = _claims(token, secret)
    user = claims.get("iss")
    if not isinstance(user, str) or user not in USERS:
        raise _no("the token's iss is not a known user", f"use one of {', '.join(USERS)}")
    qsh = claims.get("qsh")
    if not isinstance(qsh, str) or not qsh.isascii() or not qsh_fits(qsh, method, raw_path):
        raise _no("the token's qsh does not fit this request", 'qsh = hex(sha256(METHOD + "&" + path))')
    return user


def _token(header: str | None) -> str:
    if not header:
        raise _no("a token is needed", "Authorization: Bearer TOKEN; gd2 makes it from the file `auth` in the daemon's state folder")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _no("the Authorization header is not a bearer token", "Authorization: Bearer TOKEN")
    return token.strip()


def _claims(token: str, secret: bytes) -> dict[str, Any]:
    options: Any = {"require": ["iss", "exp", "qsh"], "verify_aud": False, "verify_sub": False, "verify_jti": False}
    try:
        claims: dict[str, Any] = jwt.decode(token, secret, algorithms=list(ALGORITHMS), leeway=LEEWAY_S, options=options)
    except jwt.ExpiredSignatureError:
        raise _no("the token has expired", "make a new one; do the clocks of client and peer differ?") from None
    except jwt.ImmatureSignatureError:
        raise _no("the token is from the future", "do the clocks of client and peer differ?") from None
    except jwt.InvalidSignatureError:
        raise _no(
            "the token's signature is wrong", "is the secret that of this pool? It is in the file `auth` in the daemon's state folder"
        ) from None
    except jwt.InvalidAlgorithmError:
        raise _no("the token's algorithm is not accepted", f"use one of {', '.join(ALGORITHMS)}") from None
    except jwt.MissingRequiredClaimError as error:
        raise _no(f"the token has no {error.claim}", "iss, exp and qsh are needed") from None
    except Exception as error:  # of PyJWT, or of what it calls on hostile bytes (recursion, overflow, ...)
        raise _no(f"the token is not valid: {type(error).__name__}", "iss, exp and qsh are needed, signed with the pool's secret") from None
    return claims


def qsh_fits(qsh: str, method: str, raw_path: str) -> bool:
    """GlusterD2 hashes the decoded path, some clients the encoded one: both name the same thing."""
    spellings = {raw_path, unquote(raw_path)}
    return any(hmac.compare_digest(qsh.lower(), query_string_hash(method, path)) for path in spellings)


def _no(reason: str, hint: str) -> Unauthorized:
    return Unauthorized(f"unauthorized: {reason}", hint=hint, fields={"reason": reason})
