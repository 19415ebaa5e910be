"""gd2 health: what is wrong and what to do, put together from what the pool tells. Codes are stable: scripts and runbooks may rely on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gd2cli.problems import Problem
from gd2cli.spec import Spec
from gd2cli.tables import Cell, Paint, counted, size, table
from gd2cli.volume_text import brick_name
from gd2cli.words import Grammar, Parsed, Word

if TYPE_CHECKING:
    from gd2cli.session import Session

FINDINGS_SHOWN_MAX = 30
DO = {
    "NO_QUORUM": "start the daemons of more voters: writes are refused until most of them are up",
    "DISK_FULL": "free space on the disk of that peer's state folder (localstatedir); it goes on by itself",
    "NO_LEADER": "wait a few seconds; if it stays, look at gd2 cluster status and the daemons' logs",
    "PEER_OFFLINE": "start gd2raft there, or see why it can't be reached",
    "PEER_STRANGER": "see that it is the right machine, and what became of the old one; then replace the peer, as it says (docs/admin-guide.md, Replace a peer)",
    "LOG_LOST": "never put an old copy of a peer's state folder back: replace the peer instead, or its disk if that is the cause. "
    "It is shown until that daemon is started again or the leader changes",
    "BRICK_OFFLINE": "see the brick's log on its peer; gd2 volume start VOLUME force starts it (not while server quorum is lost)",
    "DEVICE_FAILED": "its bricks are moved by themselves, where there is room: gd2 device info DEVICE says what is in the way; gd2 device add gives room",
    "DEVICE_OFFLINE": "gd2 device set DEVICE online when its disk is well, or failed: then its bricks are moved away",
    "DEVICE_SHORT": "free space in the file system of its folder, or enlarge it; gd2 device resync DEVICE takes what is there as its size",
    "JOB_FAILING": "its files wait: see VOLUME-rebalance.log on that peer; stop ends it (gd2 volume rebalance VOLUME stop, or remove-brick ... stop)",
    "TRANSACTION_STUCK": "mend the peer that it names, or leave it to that peer: gd2 transaction list, then show, resume or abort",
    "UNDO_LEFT": "bring the peer back, or the disk or package that it lacks (its log says which): it undoes by itself what is left there (gd2 transaction list shows it)",
    "VOLUME_OFFLINE": "too few bricks are online to serve: bring them back first",
}
WORST = ("NO_QUORUM", "DISK_FULL", "VOLUME_OFFLINE")


class Finding(NamedTuple):
    code: str
    what: str


def health(session: Session, words: Parsed) -> None:
    """Costs a request for each started volume."""
    paths = (("cluster", "status"), ("peers",), ("volumes",), ("devices",))
    cluster, peers, volumes, devices = (session.get(*path).data for path in paths)
    status = {v["name"]: session.get("volumes", v["name"], "bricks").data for v in volumes if v["state"] == "Started"}
    found = [*cluster_findings(cluster), *peer_findings(peers), *device_findings(devices)]
    if any(v["state"] == "Started" for v in volumes):
        found += job_findings(session.get("jobs").data)
    if cluster.get("transactions") or cluster.get("leftovers"):
        found += transaction_findings(session.get("transactions").data)
    for volume in volumes:
        found += volume_findings(volume, status.get(volume["name"], []))
    found.sort(key=lambda f: (f.code not in WORST, list(DO).index(f.code)))
    summary = {"peers": len(peers), "volumes": len(volumes), "started": len(status)}
    data = {"healthy": not found, **summary, "findings": [{"code": f.code, "what": f.what, "do": DO[f.code]} for f in found]}
    session.show_data(data, lambda shown: health_text(shown, session.paint))
    if found and words.flag("check"):
        raise Problem("not healthy", hint="without --check the exit code only says whether the pool could be asked")


def cluster_findings(cluster: dict[str, Any]) -> list[Finding]:
    full = [str(p["name"]) for p in cluster.get("peers", []) if p.get("disk-full")]
    if cluster.get("disk-full") and not full:  # the asked one is not in the list while it joins
        full = [name_of_asked(cluster)]
    found = [Finding("DISK_FULL", f"the disk that holds the pool's state is full on peer {name}") for name in full]
    found += [Finding(n["code"], n["what"]) for n in cluster.get("notices", []) if n["code"] in DO]
    if not cluster["quorum"]:
        return [*found, Finding("NO_QUORUM", f"most of the {len(cluster['voters'])} voters can't be reached")]
    return found if cluster["leader"] else [*found, Finding("NO_LEADER", "no leader is known")]


def name_of_asked(cluster: dict[str, Any]) -> str:
    asked = str(cluster.get("peer-id", ""))
    return next((str(p["name"]) for p in cluster.get("peers", []) if p["id"] == asked), asked)


def transaction_findings(transactions: list[dict[str, Any]]) -> list[Finding]:
    found = [Finding("TRANSACTION_STUCK", f"{t['command']} ({t['id']})") for t in transactions if t["phase"] == "stuck"]
    left = sorted({(u.get("host") or u["peer"], t["command"]) for t in transactions for u in t["left-undone"]})
    return [*found, *(Finding("UNDO_LEFT", f"{command} on peer {peer}") for peer, command in left)]


def peer_findings(peers: list[dict[str, Any]]) -> list[Finding]:
    return [Finding("PEER_OFFLINE", f"peer {p['name']} ({p['id']})") for p in peers if not p["online"]]


def device_findings(devices: list[dict[str, Any]]) -> list[Finding]:
    """Those that should not have bricks, and have some; those that have less space than the book says."""
    found = []
    for device in devices:
        if short := int(device.get("short", 0)):
            less = f"{size(short)} of its {size(device['size']['capacity'])} are not there: its bricks fill up before they should"
            found.append(Finding("DEVICE_SHORT", f"device {device['host']}:{device['device']}: {less}"))
        bricks = [brick for brick in device["bricks"] if not brick["leaving"]]
        if bricks and device["state"] != "online":
            names = ", ".join(sorted({brick["volume"] for brick in bricks}))
            text = f"device {device['host']}:{device['device']} still has {counted(len(bricks), 'brick')}, of {names}"
            found.append(Finding(f"DEVICE_{device['state'].upper()}", f"{text}: {device['note']}" if device["note"] else text))
    return found


def job_findings(jobs: list[dict[str, Any]]) -> list[Finding]:
    """Those with a process that ended without a word of its job's end, and is tried again and again."""
    return [
        Finding("JOB_FAILING", f"the {job['kind']} of volume {job['volume']} on peer {part['host']}: {part['note']}")
        for job in jobs
        for part in job["parts"]
        if part["status"] == "waiting" and part.get("last-error")
    ]


def volume_findings(volume: dict[str, Any], bricks: list[dict[str, Any]]) -> list[Finding]:
    down = [b for b in bricks if not b["online"] and b.get("known", True)]  # of a peer that is away nobody knows
    found = [Finding("BRICK_OFFLINE", f"volume {volume['name']}: brick {brick_name(b['info'])}{cause_of(b)}") for b in down]
    lost = {b["info"]["id"] for b in down}
    if any(not serves(s, lost) for s in volume["subvols"]):
        found.append(Finding("VOLUME_OFFLINE", f"volume {volume['name']}: a part of its files can't be reached"))
    return found


def cause_of(brick: dict[str, Any]) -> str:
    return f": {error}" if (error := str(brick.get("error", ""))) else ""


def serves(subvol: dict[str, Any], lost: set[str]) -> bool:
    """Whether a set of bricks can be read from when these are lost."""
    up = [b for b in subvol["bricks"] if b["id"] not in lost]
    if subvol["type"] == "Replicate":
        return any(b["type"] != "Arbiter" for b in up)
    return len(up) >= len(subvol["bricks"]) - int(subvol.get("disperse-redundancy-count", 0))


def health_text(data: dict[str, Any], paint: Paint) -> str:
    count = f"{counted(data['peers'], 'peer')}, {counted(data['volumes'], 'volume')} ({data['started']} started)"
    findings = data["findings"]
    if not findings:
        return f"{paint('good', 'healthy')}: {count}"
    style = {code: "bad" if code in WORST else "warn" for code in DO}
    rows = [[Cell(f["code"], style[f["code"]]), f["what"]] for f in findings[:FINDINGS_SHOWN_MAX]]
    more = len(findings) - FINDINGS_SHOWN_MAX
    todo = [f"{code}: {DO[code]}" for code in DO if any(f["code"] == code for f in findings)]
    lines = [f"{paint('bad', f'not healthy, {len(findings)} found')}: {count}", "", table(["Code", "What"], rows, paint)]
    lines += [f"... and {more} more (--json shows all)"] if more > 0 else []
    return "\n".join([*lines, "", "What to do:", *(f"  {line}" for line in todo)])


COMMANDS = {
    "health": Spec(
        Grammar("[check]", words=(Word("check"),)),
        "What is wrong with peers and volumes, and what to do about it. --check: exit code 1 when something is.",
        health,
    )
}
