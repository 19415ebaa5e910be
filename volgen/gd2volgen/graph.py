"""Description -> graph: the blocks of a volfile, bottom to top. Pure, and driven by the tables.

A block's options are made in three layers: rules, the option table, and the rules that win over it. What a layer says
depends only on the graph, the block's type and a few facts, so it is worked out once per description and filled in
for each block: a thousand bricks cost a thousand fillings.
It must not know how a volfile is written, nor list a single option that a table could hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from gd2raft.core.option_values import ValueRefused, size_bytes
from gd2raft.core.options import is_on
from gd2volgen.description import BrickDescription, Description, Subvol
from gd2volgen.tables import Layer, graph_table, option_table, targets

PARALLEL_READDIR = "performance.parallel-readdir"
RDA_CACHE_LIMIT = "performance.rda-cache-limit"
USER_XLATOR = "user.xlator."

Facts = frozenset[str]
NO_FACTS: Facts = frozenset()


class Block(NamedTuple):
    """One xlator of a volfile."""

    name: str
    type: str
    options: dict[str, str]
    subvolumes: tuple[str, ...]


class _Entry(NamedTuple):
    """One option to write; templates have {words} to fill in, a user's value never is one."""

    option: str
    value: str
    option_is_template: bool
    value_is_template: bool


class _Maker:
    """Makes the blocks of one graph of one volume."""

    def __init__(self, description: Description, graph: str, facts: Facts = NO_FACTS) -> None:
        self.description, self.graph, self.facts = description, graph, facts
        self.words = {
            "volume": description.name,
            "origin": description.origin or description.name,
            "id": description.id,
            "username": description.username,
            "password": description.password,
            "transport": description.transport,
            "workdir": description.workdir,
            "quota_version": str(description.quota_version),
        }
        self._on: dict[str, bool] = {}
        self._entries: dict[tuple[str, Facts], tuple[_Entry, ...]] = {}

    def on(self, option: str) -> bool:
        if option not in self._on:
            self._on[option] = is_on(option_table(), self.description.options, option)
        return self._on[option]

    def holds(self, conditions: Sequence[str], facts: Facts) -> bool:
        """Whether all conditions hold; "a|b" needs one of them, "!a" that it is not so."""
        return all(any(self._holds_one(word, facts) for word in condition.split("|")) for condition in conditions)

    def _holds_one(self, word: str, facts: Facts) -> bool:
        name = word.removeprefix("!")
        # An option's name has a dot, a fact's has none.
        return (self.on(name) if "." in name else name in facts) != word.startswith("!")

    def block(
        self, type_: str, name: str, below: Sequence[str] = (), words: Mapping[str, str] | None = None, facts: Facts = NO_FACTS
    ) -> Block:
        """One block. `words` and `facts` are what is particular to it, beside those of the graph."""
        every = {**self.words, **(words or {})}
        options = {
            (entry.option.format_map(every) if entry.option_is_template else entry.option): (
                entry.value.format_map(every) if entry.value_is_template else entry.value
            )
            for entry in self._options_for(type_, facts | self.facts)
        }
        return Block(name.format_map(every), type_, options, tuple(below))

    def _options_for(self, type_: str, facts: Facts) -> tuple[_Entry, ...]:
        key = (type_, facts)
        if key not in self._entries:
            found: dict[str, _Entry] = {}
            for entry in (*self._by_rule(type_, facts, False), *self._by_table(type_, facts), *self._by_rule(type_, facts, True)):
                found[entry.option] = entry
            self._entries[key] = tuple(found.values())
        return self._entries[key]

    def _by_rule(self, type_: str, facts: Facts, after: bool) -> Iterator[_Entry]:
        for rule in graph_table().rule:
            if rule.after != after or type_ not in rule.types or (rule.in_ and self.graph not in rule.in_):
                continue
            if self.holds(rule.when, facts):
                for option, value in rule.set.items():
                    yield _Entry(option, value, "{" in option, "{" in value)

    def _by_table(self, type_: str, facts: Facts) -> Iterator[_Entry]:
        places = [type_, "thin-arbiter/client"] if "thin-arbiter-client" in facts else [type_]
        for place in places:
            for target in targets().get((self.graph, place), ()):
                value = self.description.options.get(target.key, target.value)
                if value is not None:
                    yield _Entry(target.option, value, "{" in target.option, False)

    def stack(self, below: Sequence[str], words: Mapping[str, str] | None = None, facts: Facts = NO_FACTS) -> list[Block]:
        """The graph's stack from the table, on top of `below`."""
        blocks: list[Block] = []
        for layer in graph_table().stack[self.graph]:
            if not self.holds(layer.when, facts | self.facts):
                continue
            if layer.leaf:
                blocks.append(self._leaf(layer))
                below = (*below, blocks[-1].name)
                continue
            blocks.append(self.block(layer.type, layer.name, below, words, facts))
            below = (blocks[-1].name,)
        return blocks

    def _leaf(self, layer: Layer) -> Block:
        words = {"path": f"snapd-{self.description.name}"}
        return self.block(layer.type, layer.name, (), words, frozenset({"snapd"}))

    # ---- what is under the stack of everything that talks to bricks

    def client(self, brick: BrickDescription) -> Block:
        name = f"{self.description.name}-client-{brick.index}"
        return self.block("protocol/client", name, (), {"host": brick.host, "path": brick.path})

    def clusters(self) -> tuple[list[Block], list[str]]:
        """All blocks up to the subvolumes that distribute sees, and the names of those."""
        clients: list[Block] = []
        clusters: list[Block] = []
        for number, subvol in enumerate(self.description.subvols):
            own = [self.client(brick) for brick in subvol.bricks]
            if subvol.thin_arbiter:
                own.append(self._thin_arbiter_client(number, subvol))
            clients += own
            if subvol.type != "distribute":
                clusters.append(self._cluster(number, subvol, [block.name for block in own]))
        return clients + clusters, [block.name for block in clusters or clients]

    def _cluster(self, number: int, subvol: Subvol, below: list[str]) -> Block:
        facts: set[str] = {subvol.type}
        words = {
            "redundancy": str(subvol.redundancy_count),
            "arbiters": str(subvol.arbiter_count),
            "pending": ",".join(map(self._pending, below)),
        }
        if subvol.arbiter_count:
            facts.add("arbiter")
        if subvol.thin_arbiter:
            facts.add("thin-arbiter")
            words["thin_arbiter"] = f"{subvol.thin_arbiter.host}:{subvol.thin_arbiter.path}"
            words["pending"] += f".{self.description.id}"
        return self.block(f"cluster/{subvol.type}", f"{{volume}}-{subvol.type}-{number}", below, words, frozenset(facts))

    def _pending(self, client: str) -> str:
        """The name of a client as bricks write it into their files."""
        return self.words["origin"] + client.removeprefix(self.description.name)

    def _thin_arbiter_client(self, number: int, subvol: Subvol) -> Block:
        """Its number counts as if it were a brick of the subvolume, after the real ones."""
        assert subvol.thin_arbiter is not None
        index = number * (len(subvol.bricks) + 1) + len(subvol.bricks)
        words = {"host": subvol.thin_arbiter.host, "path": subvol.thin_arbiter.path}
        return self.block("protocol/client", f"{{volume}}-ta-{index}", (), words, frozenset({"thin-arbiter-client"}))

    def readdir_ahead(self, tops: list[str]) -> list[Block]:
        """With parallel-readdir, one readdir-ahead on each subvolume of distribute."""
        if not self.on(PARALLEL_READDIR):
            return []
        facts = frozenset({"distributed"}) if len(tops) > 1 else NO_FACTS
        words = {"rda_cache_share": self._rda_cache_share(len(tops))}
        return [
            self.block("performance/readdir-ahead", f"{{volume}}-readdir-ahead-{number}", [top], words, facts)
            for number, top in enumerate(tops)
        ]

    def _rda_cache_share(self, parts: int) -> str:
        limit = self.description.options.get(RDA_CACHE_LIMIT) or option_table().options[RDA_CACHE_LIMIT].value or "0"
        try:
            return f"{int(size_bytes(limit)) // parts}B"
        except ValueRefused:
            return limit

    def decommissioned(self, tops: list[str]) -> list[str]:
        """Of the subvolumes of distribute, those that are being emptied."""
        children = [
            any(brick.decommissioned for brick in bricks)
            for subvol in self.description.subvols
            for bricks in ([[brick] for brick in subvol.bricks] if subvol.type == "distribute" else [subvol.bricks])
        ]
        return [top for top, leaving in zip(tops, children, strict=True) if leaving]


def client_graph(description: Description, trusted: bool) -> list[Block]:
    """What a client mounts; a trusted one (of a peer) has the credentials in it."""
    blocks = _distributed(description, "client", frozenset({"trusted"}) if trusted else NO_FACTS)
    return _insert_below_top(description, blocks)


def rebalance_graph(description: Description) -> list[Block]:
    return _distributed(description, "rebalance", frozenset({"trusted"}))


def _distributed(description: Description, graph: str, facts: Facts) -> list[Block]:
    maker = _Maker(description, graph, facts)
    blocks, tops = maker.clusters()
    ahead = maker.readdir_ahead(tops)
    tops = [block.name for block in ahead] or tops
    leaving = maker.decommissioned(tops)
    stack = maker.stack(tops, {"decommissioned": ",".join(leaving)}, frozenset({"decommissioned"}) if leaving else NO_FACTS)
    return blocks + ahead + stack


def shd_graph(description: Description) -> list[Block]:
    """Replicate and disperse without distribute: the self-heal daemon looks at each set alone."""
    maker = _Maker(description, "shd", frozenset({"trusted"}))
    blocks, tops = maker.clusters()
    return blocks + maker.stack(tops)


def brick_graph(description: Description, subvol: Subvol, brick: BrickDescription) -> list[Block]:
    facts: set[str] = {subvol.type}
    if brick.type == "arbiter":
        facts.add("arbiter")
    words = {"path": brick.path, "host": brick.host, "shared_brick_count": str(brick.shared_brick_count)}
    maker = _Maker(description, "brick")
    return _insert_by_name(maker, maker.stack((), words, frozenset(facts)))


def snapd_graph(description: Description) -> list[Block]:
    return _Maker(description, "snapd").stack((), {"path": f"snapd-{description.name}"})


def quota_client_graph(description: Description, brick: BrickDescription) -> list[Block]:
    """A client of one brick alone, with which quota crawls it."""
    return [_Maker(description, "quota-client", frozenset({"trusted"})).client(brick)]


def quotad_graph(descriptions: Sequence[Description]) -> list[Block]:
    """One distribute, named as the volume, for each volume; quotad above them all."""
    ordered = sorted(descriptions, key=lambda description: description.name)
    parts = [_distributed(description, "quotad", frozenset({"trusted"})) for description in ordered]
    ids = {f"{part[-1].name}.volume-id": part[-1].name for part in parts}
    return _joined(parts, "quotad", "features/quotad", ids)


def bit_rot_graph(graph: str, descriptions: Sequence[Description]) -> list[Block]:
    """bitd or scrub: this peer's bricks of each volume, and io-stats above them all, as the last volume wants it."""
    parts: list[list[Block]] = []
    top_options: dict[str, str] = {}
    local = [
        (description, bricks)
        for description in sorted(descriptions, key=lambda description: description.name)
        if (bricks := [brick for _, brick in description.bricks if brick.host == description.peer])
    ]
    words = {"brick_count": str(sum(len(bricks) for _, bricks in local))}
    for description, bricks in local:
        paused = description.options.get("features.scrub", "").lower() == "pause"
        maker = _Maker(description, graph, frozenset({"trusted", "scrub-paused"}) if paused else frozenset({"trusted"}))
        clients = [maker.client(brick) for brick in bricks]
        parts.append(clients + maker.stack([block.name for block in clients], words))
        top_options = maker.block("debug/io-stats", graph).options
    return _joined(parts, graph, "debug/io-stats", top_options) if parts else []


def _joined(parts: list[list[Block]], name: str, type_: str, options: dict[str, str]) -> list[Block]:
    """Several volumes under one top. glusterd puts each next volume before the ones that it has."""
    below = [block for part in reversed(parts) for block in part]
    return [*below, Block(name, type_, options, tuple(part[-1].name for part in parts))]


# ---- xlators that an administrator puts in by name


def _insert_by_name(maker: _Maker, blocks: list[Block]) -> list[Block]:
    """Above each block that an option names by the last part of its type; the server stays on top."""
    out: list[Block] = []
    for block in blocks:
        below = (out[-1].name,) if out else ()
        out.append(block._replace(subvolumes=below if block.subvolumes else ()))
        if block is not blocks[-1]:
            out += _inserted(maker, block.type.split("/")[1], block.name)
    return out


def _inserted(maker: _Maker, position: str, below: str) -> list[Block]:
    out: list[Block] = []
    options = maker.description.options
    for insert in graph_table().insert:
        if options.get(insert.option) == position:
            out.append(maker.block(insert.type, insert.name, [out[-1].name if out else below]))
    for name, own_options in _user_xlators(options, position):
        out.append(Block(f"{maker.description.name}-{name}", f"user/{name}", own_options, (out[-1].name if out else below,)))
    return out


def _user_xlators(options: Mapping[str, str], position: str) -> Iterator[tuple[str, dict[str, str]]]:
    """`user.xlator.NAME = POSITION`, with `user.xlator.NAME.OPTION = VALUE` beside it."""
    for key, value in options.items():
        name = key.removeprefix(USER_XLATOR)
        if name != key and "." not in name and value == position:
            prefix = f"{key}."
            yield name, {option.removeprefix(prefix): text for option, text in options.items() if option.startswith(prefix)}


def _insert_below_top(description: Description, blocks: list[Block]) -> list[Block]:
    """In a client the only position is "client": right below io-stats."""
    maker = _Maker(description, "client")
    *rest, top = blocks
    inserted = [] if not rest else [block for block in _inserted(maker, "client", rest[-1].name) if not block.type.startswith("user/")]
    return [*rest, *inserted, top._replace(subvolumes=(inserted[-1].name,))] if inserted else blocks
