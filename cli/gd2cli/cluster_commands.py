"""gd2 cluster status: one screen to look at when something is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gd2cli.peer_commands import online_cell
from gd2cli.problems import Problem, clean
from gd2cli.session import emit
from gd2cli.spec import Spec
from gd2cli.tables import Cell, Paint, counted, table
from gd2cli.words import Grammar, Parsed, Word, count

if TYPE_CHECKING:
    from gd2cli.session import Session

LOCK_OLD_S = 60.0
AUTO = "auto"
ROWS_MAX = 20
"""A screen; those who are down, and the voters, come first."""
SHOWN = (
    "leader",
    "term",
    "quorum",
    "voters",
    "voters-wanted",
    "learners",
    "log-index",
    "applied",
    "revision",
    "lag",
    "commit-index",
    "peer-id",
    "role",
    "upstream",
    "store",
)


def status(session: Session, words: Parsed) -> None:
    answer = session.get("cluster", "status")
    peers: list[dict[str, Any]] = []
    if session.settings.output == "table":
        peers = peers_if_known(session)
    session.show(answer, lambda cluster: status_text(cluster, peers, session.paint))


def quorum_cell(cluster: dict[str, Any], paint: Paint) -> str:
    if not cluster["quorum"]:
        return paint("bad", "NO: writes are refused, reads go on")
    return paint("good", "yes") if cluster["leader"] else paint("bad", "yes, but nobody leads: writes wait or are refused, reads go on")


def peers_if_known(session: Session) -> list[dict[str, Any]]:
    """Names make it readable, but this must also answer when little else does."""
    try:
        found = session.get("peers").data
    except Problem:
        return []
    return [p for p in found if isinstance(p, dict) and "id" in p] if isinstance(found, list) else []


def status_text(cluster: dict[str, Any], peers: list[dict[str, Any]], paint: Paint) -> str:
    names = {p["id"]: str(p.get("name", "")) for p in peers}
    leader = cluster["leader"]
    quorum = quorum_cell(cluster, paint)
    lag = cluster["log-index"] - cluster["applied"]
    lines = [
        f"Quorum:    {quorum}",
        f"Leader:    {clean(f'{names.get(leader, str())} ({leader})'.strip()) if leader else paint('bad', 'none known')}",
        f"Term:      {cluster['term']}",
        f"Revision:  {cluster['revision']}",
        *state_lines(cluster, lag),
        *asked_lines(cluster, names),
        *unfinished_lines(cluster, paint),
        *(
            f"{clean(key).capitalize() + ':':<10} {paint('bad', 'YES') if value is True else clean(str(value))}"
            for key, value in sorted(cluster.items())
            if key not in SHOWN and isinstance(value, str | int | float) and value is not False  # a flag is worth a line when it is set
        ),
        "",
        members_table(cluster, peers, paint),
    ]
    return "\n".join(lines).rstrip()


def state_lines(cluster: dict[str, Any], lag: int) -> list[str]:
    """Where the state is kept, and by whom."""
    if cluster.get("store") == "etcd":
        members = ", ".join(clean(str(name)).removeprefix("etcd:") for name in cluster.get("etcd-members", []))
        return [f"Store:     etcd, members {members}; no peer votes"]
    return [
        f"Log:       index {cluster['log-index']}, applied {cluster['applied']}, lag {lag}",
        f"Voters:    {len(cluster['voters'])}, learners: {len(cluster['learners'])}"
        + (f" ({wanted} voters are wanted)" if (wanted := cluster.get("voters-wanted", 0)) and wanted != len(cluster["voters"]) else ""),
    ]


def asked_lines(cluster: dict[str, Any], names: dict[str, str]) -> list[str]:
    """Which peer says all this, and how it comes to know."""
    if not (asked := cluster.get("peer-id")):
        return []
    upstream = cluster.get("upstream")
    follows = f", follows {clean(names.get(upstream, upstream))}" if upstream else ""
    return [f"Asked:     {clean(names.get(asked, asked))} ({clean(str(cluster.get('role', '?')))}{follows})"]


def unfinished_lines(cluster: dict[str, Any], paint: Paint) -> list[str]:
    """Locks with their age, and what has not ended: a lock that is minutes old is a command that hangs."""
    lines = []
    for lock in cluster.get("locks", [])[:ROWS_MAX]:
        held = f"{lock['name']}, for {lock['age-s']:.0f} s by {lock['owner']} (transaction {lock['transaction']})"
        lines.append("Locked:    " + paint("warn" if lock["age-s"] > LOCK_OLD_S else "", clean(held)))
    if count := len(cluster.get("transactions", [])):
        lines.append(f"Unfinished: {counted(count, 'command')}: gd2 transaction list")
    if count := len(cluster.get("leftovers", [])):
        lines.append(f"Leftovers: {counted(count, 'undo')} to be done by peers when they are back: gd2 transaction list")
    return lines


def members_table(cluster: dict[str, Any], peers: list[dict[str, Any]], paint: Paint) -> str:
    online = {p["id"]: bool(p.get("online")) for p in peers}
    names = {p["id"]: str(p.get("name", "")) for p in peers}
    roles = {**dict.fromkeys(online, "-"), **dict.fromkeys(cluster["learners"], "learner"), **dict.fromkeys(cluster["voters"], "voter")}
    if cluster["leader"] in roles:
        roles[cluster["leader"]] = "leader"
    first = sorted(roles, key=lambda i: (roles[i] not in ("leader", "voter"), online.get(i, True), roles[i], names.get(i, ""), i))
    full = {p["id"] for p in cluster.get("peers", []) if p.get("disk-full")}

    def state(peer: str) -> Cell:
        if peer in full:
            return Cell("DISK FULL", "bad")
        return online_cell(online[peer]) if peer in online else Cell("?", "warn")

    rows = [[i, names.get(i, "?"), roles[i], state(i)] for i in first[:ROWS_MAX]]
    text = table(["UUID", "Name", "Role", "State"], rows, paint)
    more = len(first) - ROWS_MAX
    return f"{text}\n... and {more} more: gd2 peer list" if more > 0 else text


def voters(session: Session, words: Parsed) -> None:
    body: dict[str, Any] = {}
    if words.name(0):
        body["voters"] = 0 if words.name(0) == AUTO else count("the number of voters", words.name(0))
    if replace := words.count("replace-after"):
        body["replace-after-s"] = replace
    answer = session.write("POST", "cluster", "voters", body=body) if body else session.get("cluster", "voters")
    peers = peers_if_known(session) if session.settings.output == "table" else []
    session.show(answer, lambda found: voters_text(found, peers, session.paint))


def voters_text(found: dict[str, Any], peers: list[dict[str, Any]], paint: Paint) -> str:
    if not found["wanted"]:
        return "This pool keeps its state in etcd: no peer votes."
    by_id = {p["id"]: p for p in peers}
    short = len(found["voters"]) != found["wanted"]
    rows = [
        [i, str(by_id.get(i, {}).get("name", "?")), online_cell(bool(by_id[i].get("online"))) if i in by_id else Cell("?", "warn")]
        for i in found["voters"]
    ]
    lines = [
        f"Set:           {found['set'] or 'auto, by the size of the pool'}",
        f"Wanted:        {found['wanted']}",
        f"Voting:        {paint('warn' if short else 'good', str(len(found['voters'])))}" + (" (changes one by one)" if short else ""),
        f"Replaced:      when out of sight for {found['replace-after-s']} s, by a learner",
        "",
        table(["UUID", "Name", "State"], rows, paint),
    ]
    return "\n".join(lines)


def openapi(session: Session, words: Parsed) -> None:
    emit(session.client.raw("openapi.json", prefix="").decode())


COMMANDS = {
    "openapi": Spec(Grammar(""), "Print /openapi.json of a daemon, with a token: every route, what it takes and answers.", openapi),
    "voters": Spec(
        Grammar("[N|auto] [replace-after SECONDS]", optional=("N",), words=(Word("replace-after", "count"),)),
        "Show who votes, or set how many shall: 1, 3, 5 or 7 (as far as there are peers), auto goes by the size of the pool. "
        "replace-after: a voter out of sight for so long is replaced by a learner.",
        voters,
    ),
    "status": Spec(
        Grammar(""),
        "Quorum, leader, term, log, and the role of each peer, as the asked peer sees it; answers without a quorum too.",
        status,
    ),
}
