"""The daemon's configuration: a TOML file with GlusterD2's names, every key also a flag, a flag wins.

Raises ConfigError, one line that says which key, where, and what is possible.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from gd2raft import __version__

PEER_PORT = 24008
CLIENT_PORT = 24007
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
ZONE_CHARS_MAX = 255


class ConfigError(Exception):
    """The configuration can't be used."""


DASHED = {"heketi_admin_key": "heketi-admin-key", "heketi_user_key": "heketi-user-key"}


class Config(msgspec.Struct, frozen=True, kw_only=True, rename=DASHED):
    """Every key with its default; addresses are HOST:PORT, without a host it listens everywhere."""

    localstatedir: str = "/var/lib/gd2raft"
    rundir: str = "/run/gd2raft"
    logdir: str = "/var/log/gd2raft"
    logfile: str = "gd2raft.log"
    loglevel: str = "INFO"
    peeraddress: str = f":{PEER_PORT}"
    clientaddress: str = f":{CLIENT_PORT}"
    restauth: bool = True
    zone: str = ""
    hooksdir: str = "/var/lib/glusterd/hooks"
    joinsecretfile: str = ""
    store: str = "raft"
    etcdendpoints: str = ""
    etcdprefix: str = "/gd2raft"
    etcdcafile: str = ""
    etcdcertfile: str = ""
    etcdkeyfile: str = ""
    heketi_admin_key: str = ""
    heketi_user_key: str = ""
    config: str = ""


HELP = {
    "localstatedir": "raft log, snapshots, identity, secrets",
    "rundir": "pid files and sockets of bricks and services",
    "logdir": "where logs go",
    "logfile": "log of the daemon, below logdir; '-' is stderr",
    "loglevel": "one of " + ", ".join(LEVELS),
    "peeraddress": "HOST:PORT of the peer RPC; without a host, the pool uses the address this peer was probed by",
    "clientaddress": "HOST:PORT of REST and of GlusterFS's own RPC, on one port",
    "restauth": "true or false: JWT on REST",
    "zone": "failure zone of this peer; default: its own id",
    "hooksdir": "scripts that run before and after commands are in HOOKSDIR/1/OPERATION/{pre,post}, as glusterd has them",
    "joinsecretfile": "file with a secret that a prober must know; without it the first prober is trusted",
    "store": "where the pool's state is kept, the same on all of its peers: raft (by the daemons themselves) or etcd",
    "etcdendpoints": "with store = etcd: http(s)://HOST:PORT of etcd's members, with commas between",
    "etcdprefix": "with store = etcd: the pool's keys begin with PREFIX/POOL-ID/",
    "etcdcafile": "with store = etcd: certificates that etcd's is checked by; default: the system's",
    "etcdcertfile": "with store = etcd: this peer's certificate, for an etcd that asks for one",
    "etcdkeyfile": "with store = etcd: the key of etcdcertfile",
    "heketi-admin-key": "key of the role admin at heketi's endpoints, the same on all peers; default: the pool's secret, as in /v1",
    "heketi-user-key": "key of the role user at heketi's endpoints, the same on all peers; default: nobody has this role",
}

STORES = ("raft", "etcd")
ONLY_WITH_ETCD = ("etcdendpoints", "etcdprefix", "etcdcafile", "etcdcertfile", "etcdkeyfile")

TOML_TYPES = {str: "a text in quotes", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a table"}

MEANINGLESS = frozenset({"noembed", "etcdcurls", "etcdpurls", "etcdlogfile", "finder", "templatesdir", "profiling", "statedump"})
"""GlusterD2's keys that have no meaning here: accepted with a warning."""


def load(arguments: Sequence[str]) -> tuple[Config, list[str]]:
    """The configuration of a command line, and warnings. Raises ConfigError; SystemExit for --help and --version."""
    flags = vars(parser().parse_args(arguments))
    path = flags.pop("config") or ""
    stored, warnings = read_file(Path(path)) if path else ({}, [])
    for key in MEANINGLESS & flags.keys():
        if flags.pop(key) is not None:
            warnings.append(f"flag --{key} has no meaning here")
    merged = {**stored, **{k: v for k, v in flags.items() if v is not None}, "config": path}
    if merged.get("store") != "etcd":
        warnings += [f'{key} has no meaning without store = "etcd"' for key in ONLY_WITH_ETCD if merged.pop(key, "")]
    return checked(merged, path), warnings


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="gd2raft", description="The management daemon of a GlusterFS pool.", allow_abbrev=False)
    made.add_argument("--version", action="version", version=f"gd2raft {__version__}")
    made.add_argument("--config", metavar="FILE", help="configuration in TOML")
    for key, text in HELP.items():
        made.add_argument(f"--{key}", dest=key, metavar="VALUE", help=f"{text} [{default_of(key)}]")
    for key in sorted(MEANINGLESS):
        made.add_argument(f"--{key}", nargs="?", const="", help=argparse.SUPPRESS)
    return made


def default_of(key: str) -> Any:
    """
    >>> default_of("heketi-user-key"), default_of("loglevel")
    ('', 'INFO')
    """
    return getattr(Config(), key.replace("-", "_"))


def read_file(path: Path) -> tuple[dict[str, Any], list[str]]:
    try:
        data = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"configuration file {path} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration file {path} is not valid TOML: {error}") from error
    warnings = []
    for key in list(data):
        if key in MEANINGLESS:
            warnings.append(f"{path}: {key} has no meaning here")
        elif key not in HELP:
            warnings.append(f"{path}: unknown key {key!r} is ignored")
        else:
            continue
        del data[key]
    return data, warnings


def checked(values: dict[str, Any], path: str) -> Config:
    for key, value in values.items():
        if isinstance(value, str) and key == "restauth":
            values[key] = _truth(key, value)
        elif isinstance(value, list) and key == "etcdendpoints":
            values[key] = ",".join(map(str, value))
    check_types(values, path)
    config = msgspec.convert(values, Config)
    for key in ("peeraddress", "clientaddress"):
        split_address(getattr(config, key), key)
    if config.peeraddress == config.clientaddress:
        raise ConfigError(f"peeraddress and clientaddress are both {config.peeraddress}: they need different ports")
    if config.loglevel.upper() not in LEVELS:
        raise ConfigError(f"loglevel is {config.loglevel!r}, possible are {', '.join(LEVELS)}")
    if len(config.zone) > ZONE_CHARS_MAX:
        raise ConfigError(f"zone has {len(config.zone)} characters, at most {ZONE_CHARS_MAX} are possible")
    check_store(config)
    if config.joinsecretfile:
        read_secret(config.joinsecretfile)  # a start without it must not look as if it were in force
    for key in ("localstatedir", "rundir", "logdir", "hooksdir"):
        if not getattr(config, key).startswith("/"):
            raise ConfigError(f"{key} is {getattr(config, key)!r}: an absolute path is needed")
    return config


def check_types(values: dict[str, Any], path: str) -> None:
    """Flags are texts; so a value of another type comes from the file. Raises ConfigError."""
    for key, value in values.items():
        wanted = type(default_of(key))
        if not isinstance(value, wanted):
            example = f"{key} = {str(default_of(key)).lower()}" if wanted is bool else f'{key} = "{default_of(key) or "..."}"'
            found = f"{TOML_TYPES.get(type(value), 'a ' + type(value).__name__)}, {str(value)[:60]!r}"
            raise ConfigError(f"{path}: {key} should be {TOML_TYPES[wanted]}, as in {example}, but is {found}")


def read_secret(path: str) -> bytes:
    """The join secret, never empty; read anew whenever it is needed. Raises ConfigError."""
    try:
        secret = Path(path).read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"joinsecretfile {path} can't be read: {error.strerror}") from error
    if not secret:
        raise ConfigError(f"joinsecretfile {path} is empty: write a secret into it, the same on all peers, or leave the key out")
    return secret


def check_store(config: Config) -> None:
    if config.store not in STORES:
        raise ConfigError(f"store is {config.store!r}, possible are {', '.join(STORES)}")
    if config.store == "etcd" and not config.etcdendpoints.strip(", "):
        raise ConfigError('store = "etcd" needs etcdendpoints, as in etcdendpoints = "http://10.0.0.1:2379,http://10.0.0.2:2379"')
    if not config.etcdprefix.startswith("/") or not config.etcdprefix.isprintable():
        raise ConfigError(f"etcdprefix is {config.etcdprefix!r}: it begins with / and has no odd characters")
    if bool(config.etcdcertfile) != bool(config.etcdkeyfile):
        raise ConfigError("etcdcertfile and etcdkeyfile belong together: both are needed, or none")


def _truth(key: str, text: str) -> bool:
    if text.lower() in ("true", "yes", "on", "1"):
        return True
    if text.lower() in ("false", "no", "off", "0"):
        return False
    raise ConfigError(f"{key} is {text!r}, possible are true and false")


def split_address(address: str, what: str = "address") -> tuple[str, int]:
    """
    >>> split_address("10.0.0.1:24007"), split_address(":24007"), split_address("[::1]:1")
    (('10.0.0.1', 24007), ('', 24007), ('::1', 1))
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigError(f"{what} is {address!r}: HOST:PORT is needed, with a port from 1 to 65535")
    return host.strip("[]"), int(port)


def join_address(host: str, port: int) -> str:
    """
    >>> join_address("::1", 1), join_address("node1", 2)
    ('[::1]:1', 'node1:2')
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
