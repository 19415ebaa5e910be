"""The section of docs/benchmarks.md about many peers and its plot, from the results that are kept in docs/plots. Measures nothing."""

from __future__ import annotations

import json
from typing import Any

from bench import report
from bench.curve import Curve, fit

ROWS = (
    ("start_all_s", "fork and start all daemons, s"), ("form_s", "form the pool, s"), ("form_cpu_s", "CPU for that, all daemons, s"),
    ("join_ms", "one more joins, ms"), ("messages_per_join", "messages for a join, in all"), ("bytes_per_join", "bytes of these"),
    ("feed_messages_per_join", "messages that tell all others of it"),
    ("memory_mib_median", "memory of a daemon (PSS, median), MiB"), ("memory_mib_leader", "memory of the leader (PSS), MiB"),
    ("memory_gib", "memory of all (PSS), GiB"), ("memory_of_machine_gib", "the machine has less by, GiB"), ("ksm", "equal pages merged (KSM)"), ("idle_cores", "cores at rest, all"),
    ("idle_messages_per_s", "messages a second at rest, all"), ("create_ms", "create, ms"), ("start_ms", "start, ms"), ("set_ms", "set, ms"),
    ("stop_ms", "stop, ms"), ("delete_ms", "delete, ms"), ("messages_per_create", "messages for a create"),
    ("messages_per_start", "messages for a start"), ("messages_per_set", "messages for a set"), ("messages_per_delete", "messages for a delete"),
    ("messages_of_bystanders", "messages of ten others meanwhile"),
    ("create_thirty_ms", "30 bricks: create, ms"), ("start_thirty_ms", "30 bricks: start, ms"), ("set_thirty_ms", "30 bricks: set, ms"),
    ("delete_thirty_ms", "30 bricks: delete, ms"), ("peer_list_ms", "list of all peers, ms"), ("cluster_status_ms", "status of the pool, ms"),
    ("leader_cpu_ms_per_create", "leader's CPU for a create, ms"), ("leader_cpu_ms_per_commit", "leader's CPU for a lone commit, ms"),
    ("leader_cpu_ms_per_fast_commit", "leader's CPU for one of many, ms"), ("leader_cpu_ms_per_s_at_rest", "leader's CPU at rest, ms a second"),
    ("spread_p50_ms", "a change is everywhere, p50 ms"),
    ("spread_p99_ms", "a change is everywhere, p99 ms"),
    ("half_rate", "25 changes a second asked of another peer than the leader, reached"), ("leader_cpu_ms_per_commit_asked_elsewhere", "leader's CPU for one of these, ms"),
    ("half_behind_max_s", "anybody behind by then, at most, s"),
    ("fast_rate", "50 changes a second asked for, reached"), ("fast_behind_max_s", "anybody behind by then, at most, s"), ("leader_kill_s", "leader killed: writes again, s"),
    ("leader_kill_all_current_s", "leader killed: all current, s"), ("relay_kill_all_current_s", "relay killed: all current, s"),
    ("tenth_back_s", "a tenth killed and started: all current, s"), ("restart_all_s", "all killed and started: whole again, s"),
    ("catch_up_changes", "changes missed by one"), ("catch_up_s", "started and current again, s"),
    ("volumes", "many volumes"), ("volumes_page_s", "a page of them, s"), ("volumes_restart_s", "a daemon restarts with them, s"),
    ("volumes_memory_mib", "memory of a daemon with them (PSS), MiB"), ("set_ms_few", "set before, ms"), ("set_ms_many", "set with them, ms"),
)  # fmt: skip
ROWS_OF_GLUSTERD = (
    ("start_all_s", "make namespaces, start all, s"), ("form_s", "form the pool, s"), ("probed_s", "of which until the last answer, s"),
    ("form_cpu_s", "CPU for that, all glusterds, s"), ("packets_to_form", "packets for that"), ("bytes_to_form", "bytes of these"),
    ("join_ms", "one more is probed, ms"), ("join_everywhere_ms", "until everybody sees it, ms"), ("packets_per_join", "packets for it"), ("bytes_per_join", "bytes of these"),
    ("memory_mib_median", "memory of a glusterd (PSS, median), MiB"), ("memory_gib", "memory of all (PSS), GiB"),
    ("idle_cores", "cores at rest, all"), ("idle_packets_per_s", "packets a second at rest, all"),
    *((f"{what}_ms", f"{what}, ms") for what in ("create", "start", "set", "stop", "delete")),
    *((f"packets_per_{what}", f"packets for a {what}") for what in ("create", "start", "set", "stop", "delete")),
    *((f"bytes_per_{what}", f"bytes for a {what}") for what in ("create", "start", "set", "stop", "delete")),
    *((f"cpu_ms_per_{what}", f"CPU for a {what}, all glusterds, ms") for what in ("create", "start", "set", "stop", "delete")),
    ("heal_daemons", "self-heal daemons for the one volume"), ("peer_list_ms", "list of all peers, ms"),
    ("gluster_peer_status_ms", "`gluster peer status`, ms"), ("gluster_pool_list_ms", "`gluster pool list`, ms"),
)  # fmt: skip
FITTED = (
    "form_s", "join_ms", "create_ms", "start_ms", "set_ms", "stop_ms", "delete_ms", "idle_packets_per_s", "idle_cores", "memory_gib",
    *(f"{unit}_per_{what}" for what in ("join", "create", "set") for unit in ("packets", "bytes")),
)  # fmt: skip
EXTRAPOLATED = (100, 1000)


def write_docs() -> None:
    """The section of docs/benchmarks.md, from all results that are kept."""
    kept, rivals = _results("peers"), _results("glusterd")
    plot(kept, rivals)
    lines = [
        "## Many peers", "",
        *_about(kept),
        "- Real daemons, forked from one process, on this one machine: clients, bricks and all peers share its cores. Commands: a replica 3 volume with real bricks.",
        "- From b9c0f2b on the voters, the hosts of the volume and the client run before the others (SCHED_RR), as if their machines were their own.",
        "- Raw results: docs/plots/peers-N.json. Repeat: `./dev bench peers --peers N --write-docs`; the table from the kept results: `--report`. What it means: [scaling.md](scaling.md).",
        "", report.markdown(_table(kept, ROWS)), "", *(_beside(rivals) if rivals else []), "![Many peers](plots/peers.svg)",
    ]  # fmt: skip
    report.replace_section(report.DOCS / "benchmarks.md", "peers", "\n".join(lines))


def _results(name: str) -> list[dict[str, Any]]:
    """Those that are kept, by size."""
    kept = [json.loads(path.read_text()) for path in (report.DOCS / "plots").glob(f"{name}-*.json")]
    return sorted(kept, key=lambda found: int(found["peers"]))


def _about(kept: list[dict[str, Any]]) -> list[str]:
    return [
        f"- {found['peers']} peers: {found.get('date', '')} commit {found['commit']}, {found['machine']}."
        + (f" It ended early: {found['failed'].splitlines()[0][:200]}" if "failed" in found else "")
        for found in kept
    ]


def _table(kept: list[dict[str, Any]], wanted: tuple[tuple[str, str], ...]) -> list[list[str]]:
    rows = [["", *(str(found["peers"]) + " peers" for found in kept)]]
    return rows + [[text, *(_cell(found.get(name)) for found in kept)] for name, text in wanted]


def _beside(rivals: list[dict[str, Any]]) -> list[str]:
    """The opponent: what was measured, and the curves through it."""
    texts = dict(ROWS_OF_GLUSTERD)
    rows = [["", "n peers", "residual", *(f"at {n}, extrapolated" for n in EXTRAPOLATED)]]
    for name in FITTED:
        if curve := fit(_points(rivals, name)):
            rows.append([texts[name], str(curve), f"{100 * curve.residual:.0f} %", *(_cell(curve.at(n)) for n in EXTRAPOLATED)])
    return [
        f"### Beside them: glusterd {rivals[-1]['version']}", "", *_about(rivals),
        "- Each glusterd in a network namespace of its own, with the package's hook scripts. Probed one after the other. A replica 3 volume with real bricks on the three that joined last, asked of "
        "the first by its RPC over a kept connection; medians of five. All of them share the cores and the disk: a part of each time is that.",
        "- Packets and bytes: what left all peers by their cables until 2 s after the work was done everywhere, without bare acknowledgements, less what they say at rest in as long. It is what "
        "corresponds to messages of the first table, with two differences: several messages may share a packet, and for a command of ours the commit and its feed are not among its messages.",
        "- Repeat: `./dev bench peers --glusterd --peers N --write-docs`. Raw results: docs/plots/glusterd-N.json.",
        "", report.markdown(_table(rivals, ROWS_OF_GLUSTERD)), "",
        "Fitted by least squares of relative errors: of c0 + c1 n + c2 n², the terms (c1 and c2 positive) that leave the smallest residual (root of the mean square, over the degrees of freedom). "
        "Beyond the largest size of the table above nothing was measured.",
        "", report.markdown(rows), "",
    ]  # fmt: skip


def _points(kept: list[dict[str, Any]], name: str) -> list[tuple[float, float]]:
    return [(found["peers"], found[name]) for found in kept if name in found]


def _cell(value: object) -> str:
    """
    >>> [_cell(value) for value in (None, True, 12, 12345, 0.12345)]
    ['-', 'yes', '12', '12345', '0.123']
    """
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) and value < 1000 else f"{value:.0f}"


PANELS = (
    ("seconds", {"form_s": "form", "restart_all_s": "all restarted", "leader_kill_s": "leader killed"}, {"form_s": "form"}),
    (
        "milliseconds",
        {"create_ms": "create", "set_ms": "set", "delete_ms": "delete", "spread_p99_ms": "a change is everywhere, p99"},
        {"create_ms": "create", "set_ms": "set", "delete_ms": "delete"},
    ),
    ("MiB for a daemon", {"memory_mib_median": "median", "memory_mib_leader": "leader"}, {"memory_mib_median": "median"}),
    (
        "messages; glusterd: packets",
        {"messages_per_join": "a join", "messages_per_create": "a create", "messages_per_set": "a set"},
        {"packets_per_join": "a join", "packets_per_create": "a create", "packets_per_set": "a set"},
    ),
)
"""Unit, lines of ours, lines of glusterd: these have the colours of ours in the same order."""


def plot(kept: list[dict[str, Any]], rivals: list[dict[str, Any]]) -> None:
    """docs/plots/peers.svg: four panels over the number of peers, both axes logarithmic. Of glusterd the points, and a curve, dashed where extrapolated."""
    import matplotlib  # here: a run without --write-docs must not pay for it, nor need it

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "bench"
    from matplotlib import pyplot

    furthest = max((found["peers"] for found in kept), default=1)
    figure, panels = pyplot.subplots(2, 2, figsize=(10, 7))
    for axes, (unit, lines, theirs) in zip(panels.flat, PANELS, strict=True):
        for name, label in lines.items():
            points = _points(kept, name)
            axes.plot([n for n, _ in points], [value for _, value in points], "o-", label=label)
        for number, (name, label) in enumerate(theirs.items()):
            if points := _points(rivals, name):
                axes.plot([n for n, _ in points], [value for _, value in points], "x", color=f"C{number}", label=f"glusterd: {label}")
                if curve := fit(points):
                    _draw(axes, curve, points[0][0], points[-1][0], furthest, f"C{number}")
        axes.set(xscale="log", yscale="log", xlabel="peers", ylabel=unit)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(report.DOCS / "plots" / "peers.svg", metadata={"Date": None})
    pyplot.close(figure)


def _draw(axes: Any, curve: Curve, first: float, last: float, furthest: float, colour: str) -> None:
    """Over what was measured, and dashed from there on."""
    for begin, end, style in ((first, last, "-"), (last, furthest, "--")):
        if end > begin:
            places = [begin * (end / begin) ** (step / 50) for step in range(51)]
            axes.plot(places, [curve.at(n) for n in places], style, color=colour, linewidth=0.8)
