"""What io-stats of a brick tells (profile and top), as data. PURE.

Keys are "<interval>-<fop number>-hits" and so on, with interval -1 for everything since the start (seen with 10.3); latencies
are in nanoseconds there, and in microseconds here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_FOP_NAMES = (
    "NULL STAT READLINK MKNOD MKDIR UNLINK RMDIR SYMLINK RENAME LINK TRUNCATE OPEN READ WRITE STATFS FLUSH FSYNC SETXATTR GETXATTR "
    "REMOVEXATTR OPENDIR FSYNCDIR ACCESS CREATE FTRUNCATE FSTAT LK LOOKUP READDIR INODELK FINODELK ENTRYLK FENTRYLK XATTROP FXATTROP "
    "FGETXATTR FSETXATTR RCHECKSUM SETATTR FSETATTR READDIRP FORGET RELEASE RELEASEDIR GETSPEC FREMOVEXATTR FALLOCATE DISCARD ZEROFILL "
    "IPC SEEK LEASE COMPOUND GETACTIVELK SETACTIVELK PUT ICREATE NAMELINK COPY_FILE_RANGE"
)
FOPS = _FOP_NAMES.split()
"""By GlusterFS's number."""
CUMULATIVE = "-1"
_KEY = re.compile(r"(-1|[0-9]+)-(.+)")


def profile_of(output: Mapping[str, str]) -> dict[str, Any]:
    """{"cumulative": stats, "interval": stats with its `number`}; either may be missing."""
    parts: dict[str, dict[str, str]] = {}
    for key, value in output.items():
        if match := _KEY.fullmatch(key):
            parts.setdefault(match[1], {})[match[2]] = value
    found: dict[str, Any] = {}
    for number, values in parts.items():
        if number == CUMULATIVE:
            found["cumulative"] = _stats(values)
        else:
            found["interval"] = {"number": int(number), **_stats(values)}
    return found


def _stats(values: Mapping[str, str]) -> dict[str, Any]:
    sizes = sorted({int(k.rpartition("-")[2]) for k in values if re.fullmatch(r"(read|write)-[0-9]+", k)})
    fops = sorted({int(k.partition("-")[0]) for k in values if re.fullmatch(r"[0-9]+-hits", k)})
    return {
        "duration-s": _whole(values.get("duration", "")),
        "read-bytes": _whole(values.get("total-read", "")),
        "write-bytes": _whole(values.get("total-write", "")),
        "blocks": [
            {"bytes": size, "reads": _whole(values.get(f"read-{size}", "")), "writes": _whole(values.get(f"write-{size}", ""))}
            for size in sizes
        ],
        "fops": [_fop(number, values) for number in fops],
    }


def _fop(number: int, values: Mapping[str, str]) -> dict[str, Any]:
    name = FOPS[number] if number < len(FOPS) else f"FOP{number}"
    times = {f"{kind}-us": _microseconds(values.get(f"{number}-{kind}latency", "")) for kind in ("avg", "min", "max")}
    return {"name": name, "hits": _whole(values[f"{number}-hits"]), **times}


def top_of(output: Mapping[str, str]) -> dict[str, Any]:
    """{"files": [{path, value}], ...}: value is a count of calls, or MB/s for the -perf ones."""
    files = []
    for i in range(1, _whole(output.get("members", "")) + 1):
        file: dict[str, Any] = {"path": output.get(f"filename-{i}", ""), "value": _whole(output.get(f"value-{i}", ""))}
        if seconds := _whole(output.get(f"time-sec-{i}", "")):
            file["at"] = seconds
        files.append(file)
    found: dict[str, Any] = {"files": files}
    for key, name in (("current-open", "open-now"), ("max-open", "open-max")):
        if key in output:
            found[name] = _whole(output[key])
    if "max-openfd-time" in output:
        found["open-max-at"] = output["max-openfd-time"]
    if "throughput" in output:
        found |= {"throughput-mb-s": _decimal(output["throughput"]), "time-s": _decimal(output.get("time", "")) / 1e6}
    return found


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else 0


def _decimal(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _microseconds(text: str) -> float:
    return round(_decimal(text) / 1000, 2)
