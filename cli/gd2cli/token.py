"""The token that every request carries: a JWT (HS256) bound to one method and path. By hand: importing a library takes longer than all the rest."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

LIFE_S = 300
HEADER = {"alg": "HS256", "typ": "JWT"}


def bearer(user: str, secret: bytes, method: str, path: str, now_s: int) -> str:
    """`path`: as on the wire, without the query. RFC 7519; qsh as in GlusterD2: hex(sha256(METHOD + "&" + path))."""
    qsh = hashlib.sha256(f"{method}&{path}".encode()).hexdigest()
    claims = {"iss": user, "iat": now_s, "exp": now_s + LIFE_S, "qsh": qsh}
    signed = f"{_part(HEADER)}.{_part(claims)}"
    return f"{signed}.{_base64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def _part(claims: Mapping[str, object]) -> str:
    return _base64(json.dumps(claims, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
