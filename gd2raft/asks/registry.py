"""All asks by name. A peer that is asked for one that it doesn't have says so."""

from __future__ import annotations

from gd2raft.asks import bitrot_asks, brick_asks, heal_asks, heal_tool, lock_asks, log_asks, quota_asks, service_asks, statedump
from gd2raft.asks.ask import Ask

ASKS: dict[str, Ask] = {
    "brick-status": brick_asks.status,
    "profile": brick_asks.profile,
    "top": brick_asks.top,
    "heal-count": heal_asks.count,
    "heal-launch": heal_asks.launch,
    "heal-info": heal_tool.info,
    "heal-settle": heal_tool.settle,
    "services": service_asks.status,
    "statedump": statedump.dump,
    "scrub-status": bitrot_asks.status,
    "scrub-ondemand": bitrot_asks.ondemand,
    "clear-locks": lock_asks.clear,
    "rotate-logs": log_asks.rotate,
    "quota-resolve": quota_asks.resolve,
    "quota-counting": quota_asks.counting,
    "quota-used": quota_asks.used,
}
