"""`bench openapi`: exits non-zero when schemathesis finds that REST is not what /openapi.json or /openapi-heketi.json says.

schemathesis is not one of our packages: it is made and named by whoever runs this (see docs/design/heketi.md). The daemon gets made-up requests, so it
runs where they can do no harm: in a network of its own, with a file system that is read-only but for its own folder.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench import arguments, ours, report
from bench.namespaces import Rig, RigError, why_not
from bench.ours import Inside, Peer, RestFailed
from bench.sides import NotDone, wait_for

HERE = Path(__file__).parent
DOCUMENTS = {"v1": ("/openapi.json", "gd2"), "heketi": ("/openapi-heketi.json", "admin")}
"""Name -> path, and who the tokens say asks."""
PARENT = "/var/tmp"
"""Of the folder: /tmp is another one for the daemon, since bricks write there."""
READ_ONLY = 'mount --bind "$1" "$1" && mount -t tmpfs tmpfs /tmp && mount -o remount,bind,ro / && shift && exec "$@"'
RUN_S = 3600.0
VOLUMES = ("placed", "named", "idle")
DEVICE_BYTES, VOLUME_BYTES = 8 << 30, 1 << 30
SHOWN_CHARS_MAX = 100_000


class Found(NamedTuple):
    """`output`: all that schemathesis said."""

    document: str
    operations: int
    cases: int
    findings: int
    seconds: float
    output: str


def main(words: list[str]) -> int:
    options = _options(words)
    if reason := why_not() or ours.why_not():
        print(f"bench openapi: can't run: {reason}", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="bench-openapi-", dir=PARENT))
    try:
        found = check(options, folder)
    except (NotDone, RigError, RestFailed, OSError) as error:
        print(f"bench openapi: {type(error).__name__}: {error}\n  what is left: {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    rows = [["", "operations", "cases", "findings", "seconds"]]
    rows += [[each.document, str(each.operations), str(each.cases), str(each.findings), f"{each.seconds:.0f}"] for each in found]
    report.show(rows)
    for each in found:
        if each.findings:
            print(f"\n{each.document}:\n{each.output[-SHOWN_CHARS_MAX:]}", file=sys.stderr)
    if options.json:
        told = {each.document: each._asdict() | {"output": ""} for each in found}
        print(json.dumps({"name": "openapi", "seed": options.seed, "findings": sum(each.findings for each in found), **told}))
    return 1 if any(each.findings for each in found) else 0


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench openapi", description="schemathesis on both descriptions of REST, against a daemon")
    parser.add_argument(
        "--schemathesis", type=Path, required=True, help="the program, in a Python environment of its own (pip install schemathesis)"
    )
    parser.add_argument(
        "--examples", type=arguments.count, default=20, help="of each operation at most, beside the systematic ones (default %(default)s)"
    )
    parser.add_argument(
        "--phases",
        default="examples,coverage,fuzzing,stateful",
        help="of schemathesis (default %(default)s)",
    )
    parser.add_argument("--only", choices=tuple(DOCUMENTS), help="this description only")
    arguments.seed(parser, "of the examples")
    arguments.output(parser, docs="")
    options = parser.parse_args(words)
    options.schemathesis = options.schemathesis.absolute()
    if not os.access(options.schemathesis, os.X_OK):
        parser.error(f"--schemathesis: {options.schemathesis} is no program: python3 -m venv DIR && DIR/bin/pip install schemathesis")
    return options


def check(options: argparse.Namespace, folder: Path) -> list[Found]:
    with Rig(1, folder=folder, keep=True) as rig:
        peer = Peer(rig.hosts[0])
        program = ours.binary()
        assert program
        config = peer.folder / "gd2raft.toml"
        command: list[str | Path] = ["bash", "-c", READ_ONLY, "bash", peer.host.folder, program, "--config", config]
        peer.launch(["unshare", "--mount", "--propagation", "private", *command])
        wait_for(f"{ours.PROGRAM} answers /ping", peer.ping, every=0.1)
        names = fill(peer)
        found = [of_document(options, peer, name, names) for name in DOCUMENTS if options.only in (None, name)]
        wait_for(f"{ours.PROGRAM} still answers", peer.ping, every=0.1)
        peer.close()
    return found


def fill(peer: Peer) -> dict[str, Sequence[str]]:
    """A device, and three volumes: `placed` on it and started, `named` of a folder and started, `idle` that isn't started. What is there then, by
    the parameters in paths that name it."""
    device, folders = peer.folder / "disk", [peer.folder / name for name in ("b1", "b2", "b3")]
    for folder in (device, *folders):
        folder.mkdir()
    made = peer.call("POST", "/v1/devices/" + peer.id, {"device": str(device), "provisioner": "loop", "size": DEVICE_BYTES})
    peer.call("POST", "/v1/volumes", {"name": "placed", "size": VOLUME_BYTES})
    for name, used in (("named", folders[:1]), ("idle", folders[1:])):
        bricks = [f"{peer.host.address}:{folder}" for folder in used]
        peer.call("POST", "/v1/volumes", {"name": name, "bricks": bricks, "force": True})
    for name in ("placed", "named"):
        peer.call("POST", f"/v1/volumes/{name}/start")
    return {"volume": VOLUMES, "peer": (peer.id,), "device": (made["id"],)}


def of_document(options: argparse.Namespace, peer: Peer, name: str, names: Mapping[str, Sequence[str]]) -> Found:
    path, issuer = DOCUMENTS[name]
    document = peer.host.folder / f"{name}.json"
    document.write_bytes(with_examples(described(peer, path), names))
    settings = {"SCHEMATHESIS_HOOKS": "token_hook", "PYTHONPATH": HERE, "GD2_SECRET_FILE": peer.state / "auth", "GD2_ISSUER": issuer}
    words: list[str | Path] = [
        *("env", *(f"{key}={value}" for key, value in settings.items())),
        *(options.schemathesis, "--config-file", HERE / f"{name}.toml", "run", document),
        *("--url", f"http://{peer.host.address}:{ours.CLIENT_PORT}", "--max-examples", str(options.examples), "--seed", str(options.seed)),
        *(
            "--phases",
            options.phases,
            "--generation-database",
            "none",
            "--request-timeout",
            "60",
            "--continue-on-failure",
            "--suppress-health-check",
            "filter_too_much",  # it makes names with slashes, and throws them away
            "--no-color",
            "--warnings",
            "off",
        ),
    ]
    began, log = time.monotonic(), f"{name}.log"
    process = peer.host.popen(words, log=log, cwd=peer.host.folder)
    wait_for(f"schemathesis ends on {name}", lambda: process.poll() is not None, RUN_S, every=0.5)
    output = (peer.host.folder / log).read_text(errors="replace")
    return Found(name, *counts(output, process.returncode), time.monotonic() - began, output)


def described(peer: Peer, path: str) -> bytes:
    """The description as the daemon gives it: with a token, since it isn't public."""
    connection = Inside(peer.host)
    try:
        return ours.request(connection, (peer.state / "auth").read_text().strip(), "GET", path, None, peer.host.name)
    finally:
        connection.close()


def with_examples(described: bytes, names: Mapping[str, Sequence[str]]) -> bytes:
    """The description with `names` of what is there as examples of the parameters in its paths: made-up names would never find anything.

    Without heketi's /admin: once `readonly` is chosen there, every change answers 503, as it is meant to, and nothing else would be tried.
    """
    document = json.loads(described)
    document["paths"].pop("/admin", None)
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path" and parameter["name"] in names:
                    parameter["schema"]["examples"] = list(names[parameter["name"]])
    return json.dumps(document).encode()


def counts(output: str, code: int) -> tuple[int, int, int]:
    """(operations, cases, findings) of what schemathesis printed; what kept it from its work is a finding too. Raises NotDone when it did nothing."""
    tested, generated = (re.search(pattern, output) for pattern in (r"Tested: (\d+)", r"(\d+) generated"))
    if tested is None or generated is None:
        raise NotDone(f"schemathesis ended with {code}: {output.strip()[-800:]}")
    found = sum(int(number) for number in re.findall(r"(?:found |Error: )(\d+)", output))
    return int(tested[1]), int(generated[1]), found or (1 if code else 0)
