"""What the user set for this run: where, as whom, how long, how to show. Made once from options and environment, then trusted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gd2cli.problems import Problem
from gd2cli.wire import BadEndpoint, Endpoint, Tls, parse_endpoint

DEFAULT_ENDPOINT = "http://127.0.0.1:24007"
DEFAULT_SECRET_FILE = "/var/lib/gd2raft/auth"
ENDPOINTS_MAX = 64
SECRET_BYTES_MAX = 4096


class Settings(NamedTuple):
    """`timeout_s`: 0 = the default of each kind of request. `secret`: b"" = ask without a token. `secret_source`: for error texts."""

    endpoints: tuple[Endpoint, ...]
    user: str = "gd2"
    secret: bytes = b""
    secret_source: str = ""
    timeout_s: float = 0.0
    output: str = "table"
    tls: Tls = Tls()
    script: bool = False


def read_endpoints(text: str) -> tuple[Endpoint, ...]:
    """A list with commas; raises BadEndpoint."""
    parts = [p for p in (part.strip() for part in text.split(",")) if p]
    if not parts:
        raise BadEndpoint("no endpoint is given")
    if len(parts) > ENDPOINTS_MAX:
        raise BadEndpoint(f"{len(parts)} endpoints, at most {ENDPOINTS_MAX} are possible")
    return tuple(dict.fromkeys(parse_endpoint(p) for p in parts))


def find_secret(secret: str | None, secret_file: str | None, environ: Mapping[str, str]) -> tuple[bytes, str]:
    """(secret, where it is from): an option, then the environment, then the local daemon's file. Raises Problem."""
    if secret is not None:
        return _checked(secret.encode(errors="surrogateescape"), "--secret")
    if secret_file is not None:
        return _checked(_read(secret_file), f"--secret-file {secret_file}")
    if environ.get("GD2_AUTH_SECRET"):
        return _checked(environ["GD2_AUTH_SECRET"].encode(errors="surrogateescape"), "GD2_AUTH_SECRET")
    try:
        return _checked(_read(DEFAULT_SECRET_FILE), DEFAULT_SECRET_FILE)
    except Problem as problem:  # the daemon may ask for none
        return b"", f"none ({problem.message})"


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(SECRET_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Problem(f"the secret can't be read from {path}: {reason}", hint="is it the right file, and may you read it?") from None


def _checked(data: bytes, source: str) -> tuple[bytes, str]:
    secret = data.strip()
    if not secret or len(secret) > SECRET_BYTES_MAX:
        raise Problem(
            f"the secret ({source}) is {'empty' if not secret else 'too long'}",
            hint="it is in the file `auth` of the daemon's state folder",
        )
    return secret, source
