"""The section of docs/benchmarks.md about many peers, from the results that are kept in docs/plots. Measures nothing."""

from __future__ import annotations

import json

from bench import report

ROWS = (
    ("start_all_s", "fork and start all daemons, s"), ("form_s", "form the pool, s"), ("form_cpu_s", "CPU for that, all daemons, s"),
    ("memory_mib_median", "memory of a daemon (PSS, median), MiB"), ("memory_gib", "memory of all, GiB"), ("idle_cores", "cores at rest, all"),
    ("idle_messages_per_s", "messages a second at rest, all"), ("create_ms", "create, ms"), ("start_ms", "start, ms"), ("set_ms", "set, ms"),
    ("stop_ms", "stop, ms"), ("delete_ms", "delete, ms"), ("messages_per_create", "messages for a create"),
    ("leader_cpu_ms_per_create", "leader's CPU for a create, ms"), ("leader_cpu_ms_per_commit", "leader's CPU for a lone commit, ms"),
    ("leader_cpu_ms_per_fast_commit", "leader's CPU for one of many, ms"), ("spread_p50_ms", "a change is everywhere, p50 ms"),
    ("spread_p99_ms", "a change is everywhere, p99 ms"), ("fast_rate", "many changes a second, reached"),
    ("fast_behind_max_s", "anybody behind by then, at most, s"), ("leader_kill_s", "leader killed: writes again, s"),
    ("leader_kill_all_current_s", "leader killed: all current, s"), ("relay_kill_all_current_s", "relay killed: all current, s"),
    ("tenth_back_s", "a tenth killed and started: all current, s"), ("restart_all_s", "all killed and started: whole again, s"),
    ("catch_up_changes", "changes missed by one"), ("catch_up_s", "started and current again, s"),
)  # fmt: skip


def write_docs() -> None:
    """The section of docs/benchmarks.md, from all results that are kept."""
    kept = sorted((json.loads(path.read_text()) for path in (report.DOCS / "plots").glob("peers-*.json")), key=lambda found: found["peers"])
    rows = [["", *(str(found["peers"]) + " peers" for found in kept)]]
    for name, text in ROWS:
        rows.append([text, *(f"{found[name]:.3g}" if name in found else "-" for found in kept)])
    about = [f"- {found['peers']} peers: commit {found['commit']}, {found['machine']}." for found in kept]
    lines = [
        "## Many peers", "", *about,
        "- Real daemons, forked from one process, on this one machine: clients, bricks and all peers share its cores. Commands: a replica 3 volume with real bricks.",
        "- Raw results: docs/plots/peers-N.json. Repeat: `./dev bench peers --peers N --write-docs`. What it means: [scaling.md](scaling.md).",
        "", report.markdown(rows),
    ]  # fmt: skip
    report.replace_section(report.DOCS / "benchmarks.md", "peers", "\n".join(lines))
