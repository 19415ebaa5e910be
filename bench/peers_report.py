"""The section of docs/benchmarks.md about many peers and its plot, from the results that are kept in docs/plots. Measures nothing."""

from __future__ import annotations

import json
from typing import Any

from bench import report

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
    ("leader_cpu_ms_per_fast_commit", "leader's CPU for one of many, ms"), ("spread_p50_ms", "a change is everywhere, p50 ms"),
    ("spread_p99_ms", "a change is everywhere, p99 ms"), ("fast_rate", "many changes a second, reached"),
    ("fast_behind_max_s", "anybody behind by then, at most, s"), ("leader_kill_s", "leader killed: writes again, s"),
    ("leader_kill_all_current_s", "leader killed: all current, s"), ("relay_kill_all_current_s", "relay killed: all current, s"),
    ("tenth_back_s", "a tenth killed and started: all current, s"), ("restart_all_s", "all killed and started: whole again, s"),
    ("catch_up_changes", "changes missed by one"), ("catch_up_s", "started and current again, s"),
    ("volumes", "many volumes"), ("volumes_page_s", "a page of them, s"), ("volumes_restart_s", "a daemon restarts with them, s"),
    ("volumes_memory_mib", "memory of a daemon with them (PSS), MiB"), ("set_ms_few", "set before, ms"), ("set_ms_many", "set with them, ms"),
)  # fmt: skip


def write_docs() -> None:
    """The section of docs/benchmarks.md, from all results that are kept."""
    kept = sorted((json.loads(path.read_text()) for path in (report.DOCS / "plots").glob("peers-*.json")), key=lambda found: found["peers"])
    rows = [["", *(str(found["peers"]) + " peers" for found in kept)]]
    for name, text in ROWS:
        rows.append([text, *(_cell(found.get(name)) for found in kept)])
    about = [
        f"- {found['peers']} peers: {found.get('date', '')} commit {found['commit']}, {found['machine']}."
        + (f" It ended early: {found['failed'].splitlines()[0][:200]}" if "failed" in found else "")
        for found in kept
    ]
    plot(kept)
    lines = [
        "## Many peers", "", *about,
        "- Real daemons, forked from one process, on this one machine: clients, bricks and all peers share its cores. Commands: a replica 3 volume with real bricks.",
        "- Raw results: docs/plots/peers-N.json. Repeat: `./dev bench peers --peers N --write-docs`; the table from the kept results: `--report`. What it means: [scaling.md](scaling.md).",
        "", report.markdown(rows), "", "![Many peers](plots/peers.svg)",
    ]  # fmt: skip
    report.replace_section(report.DOCS / "benchmarks.md", "peers", "\n".join(lines))


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
    ("seconds", {"form_s": "form", "restart_all_s": "all restarted", "leader_kill_s": "leader killed"}),
    ("milliseconds", {"create_ms": "create", "set_ms": "set", "delete_ms": "delete", "spread_p99_ms": "a change is everywhere, p99"}),
    ("MiB for a daemon", {"memory_mib_median": "median", "memory_mib_leader": "leader"}),
    ("messages", {"messages_per_join": "a join", "messages_per_create": "a create", "messages_per_set": "a set"}),
)


def plot(kept: list[dict[str, Any]]) -> None:
    """docs/plots/peers.svg: four panels over the number of peers, both axes logarithmic."""
    import matplotlib  # here: a run without --write-docs must not pay for it, nor need it

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "bench"
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(2, 2, figsize=(10, 7))
    for axes, (unit, lines) in zip(panels.flat, PANELS, strict=True):
        for name, label in lines.items():
            points = [(found["peers"], found[name]) for found in kept if name in found]
            axes.plot([n for n, _ in points], [value for _, value in points], "o-", label=label)
        axes.set(xscale="log", yscale="log", xlabel="peers", ylabel=unit)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(report.DOCS / "plots" / "peers.svg", metadata={"Date": None})
    pyplot.close(figure)
