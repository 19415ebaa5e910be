"""Loaded by schemathesis (SCHEMATHESIS_HOOKS): a token for each request as it goes out, bound to its method and path.

It runs in schemathesis's own Python, so it has nothing but the standard library, and must not import anything of this project. From the
environment: GD2_SECRET_FILE, and GD2_ISSUER (gd2 for /v1, admin for heketi's endpoints).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import schemathesis

LIFETIME_S = 120
SECRET = Path(os.environ["GD2_SECRET_FILE"]).read_text().strip().encode()
ISSUER = os.environ["GD2_ISSUER"]


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(method: str, path: str) -> str:
    qsh = hashlib.sha256(f"{method}&{path}".encode()).hexdigest()
    parts = ({"alg": "HS256", "typ": "JWT"}, {"iss": ISSUER, "exp": int(time.time()) + LIFETIME_S, "qsh": qsh})
    signed = ".".join(encoded(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{encoded(hmac.new(SECRET, signed.encode(), hashlib.sha256).digest())}"


def sign(request: Any) -> Any:
    """As `auth` of the library requests: called with what is about to be sent."""
    request.headers["Authorization"] = f"Bearer {token(request.method, urlsplit(request.url).path)}"
    return request


schemathesis.auth.set_from_requests(sign)
