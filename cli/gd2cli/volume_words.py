"""`volume create` in gluster's words, as the body of POST /v1/volumes. PURE: the server makes the layout, this only understands the words."""

from __future__ import annotations

from typing import Any

from gd2cli.sizes import parse_size
from gd2cli.words import ALL, Grammar, Parsed, Word, WordError

FLAGS = ("create-brick-dir", "reuse-bricks", "allow-root-dir", "allow-mount-as-brick")
SIZES = ("size", "max-brick-size", "average-file-size")
BY_SIZE = ("distribute", "max-brick-size", "average-file-size", "zones", "snapshot-factor", "provisioner", "tags")
"""Words that mean something with a size only."""
COUNTS = ("replica", "arbiter", "thin-arbiter", "disperse", "disperse-data", "disperse-redundancy")


def brick_problem(text: str) -> str:
    """What is wrong with a brick, "" when it looks like PEER:/path.

    >>> brick_problem("node1:/b/1"), brick_problem("[fd00::1]:/b"), brick_problem("node1:b")
    ('', '', "brick 'node1:b' has no absolute path: PEER:/path")
    """
    peer, colon, _ = text.partition(":/")
    if colon and peer:
        return ""
    if text.startswith(("/", ":/")):
        return f"brick {text!r} does not say on which peer it is: PEER:/path"
    if ":" in text:
        return f"brick {text!r} has no absolute path: PEER:/path"
    return f"{text!r} is neither a brick (PEER:/path) nor a known word"


def name_problem(text: str) -> str:
    """
    >>> name_problem("-x")
    "a volume's name can't begin with '-': '-x'"
    """
    return f"a volume's name can't begin with '-': {text!r}" if text.startswith("-") else ""


CREATE = Grammar(
    usage="VOLUME [replica N [arbiter 1 | thin-arbiter 1]] [disperse [N]] [disperse-data N] [redundancy N] [transport tcp] BRICK... [force]"
    " | VOLUME size SIZE [replica ...] [zones strict] [distribute N] [max-brick-size SIZE] [average-file-size SIZE] [snapshot-factor N]"
    " [provisioner lvm|loop] [tags NAME=VALUE,...] [--dry-run]",
    names=("VOLUME",),
    words=(
        Word("replica", "count"),
        Word("arbiter", "count", after="replica", example="replica 2 arbiter 1"),
        Word("thin-arbiter", "count", after="replica", example="replica 2 thin-arbiter 1"),
        Word("disperse", "count?"),
        Word("disperse-data", "count"),
        Word("disperse-redundancy", "count", aliases=("redundancy",)),
        Word("transport", "text"),
        Word("force"),
        *(Word(name, "text") for name in SIZES),
        Word("distribute", "count"),
        Word("zones", "text"),
        Word("snapshot-factor", "text"),
        Word("provisioner", "text"),
        Word("tags", "text"),
        Word("dry-run", flag_only=True),
        *(Word(flag, flag_only=True) for flag in FLAGS),
    ),
    rest="BRICK",
    rest_check=brick_problem,
    name_check=name_problem,
)


def create_body(parsed: Parsed) -> dict[str, Any]:
    """Raises WordError.

    >>> from gd2cli.words import parse
    >>> create_body(parse(CREATE, ["v1", "replica", "2", "n1:/b", "n2:/b"]))["replica"]
    2
    """
    if parsed.text("size"):
        return _by_size(parsed)
    if not parsed.rest:
        raise WordError("no bricks are given", "name at least one: PEER:/path, or say a size: size 20GiB")
    if alone := [name for name in BY_SIZE if name in parsed.values]:
        raise WordError(f"{alone[0]} needs a size, and no bricks", "for example size 20GiB")
    body: dict[str, Any] = {"name": parsed.name(0), "bricks": list(parsed.rest)}
    body.update(_counts(parsed))
    if parsed.text("transport"):
        body["transport"] = parsed.text("transport")
    if parsed.flag("force"):
        body["force"] = True
    # Users of gluster expect that the brick's folder is made.
    body["flags"] = {flag: True for flag in FLAGS if flag == "create-brick-dir" or parsed.flag(flag)}
    return body


def _by_size(parsed: Parsed) -> dict[str, Any]:
    if parsed.rest:
        raise WordError("both a size and bricks are given", "leave one of them out")
    body: dict[str, Any] = {"name": parsed.name(0), **_counts(parsed)}
    body |= {name: parse_size(name, parsed.text(name)) for name in SIZES if parsed.text(name)}
    body |= {name: parsed.text(name) for name in ("transport", "provisioner") if parsed.text(name)}
    if parsed.count("distribute"):
        body["distribute"] = parsed.count("distribute")
    if zones := parsed.text("zones"):
        if zones != "strict":
            raise WordError(
                f"zones {zones!r} is not known",
                "zones strict: bricks of a set are in different zones (a peer without one is a zone of its own)",
            )
        body["subvolume-zones-overlap"] = False
    if factor := parsed.text("snapshot-factor"):
        body |= {"snapshot": True, "snapshot-reserve-factor": _factor(factor)}
    if tags := parsed.text("tags"):
        from gd2cli.device_commands import parse_tags

        body["device-tags"] = parse_tags(tags)
    return body


def _factor(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise WordError(f"snapshot-factor {text!r} is not a number", "for example 1.5") from None


def _counts(parsed: Parsed) -> dict[str, int]:
    counts = {name: parsed.count(name) for name in COUNTS if parsed.count(name)}
    if counts.get("disperse") == ALL:
        # A bare `disperse` means all bricks, unless data and redundancy say how many make a set.
        if parsed.text("size") and "disperse-data" not in counts:
            raise WordError("how many bricks a disperse set has is not said", "disperse 3")
        if "disperse-data" in counts and "disperse-redundancy" in counts:
            del counts["disperse"]
        else:
            counts["disperse"] = len(parsed.rest)
    return counts
