"""Which options there are, which values they take, and how they say no."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gd2raft.core.options import OptionRefused, check_together, default_of, defaults_on_create, find, reset_keeps, resolve, validate
from gd2volgen.tables import option_groups, option_table, targets

pytestmark = pytest.mark.fast
TABLE = option_table()
POOL = None


def accepted(name: str, value: str, volume_type: str | None = "replicate", **bounds: int) -> bool:
    try:
        assert validate(TABLE.options[name], value, volume_type, **bounds) == value  # type: ignore[arg-type]
    except OptionRefused as error:
        assert name in str(error)
        return False
    return True


def refusal(name: str, value: str, volume_type: str | None = "replicate", **bounds: int) -> str:
    with pytest.raises(OptionRefused) as caught:
        validate(find(TABLE, name), value, volume_type, **bounds)  # type: ignore[arg-type]
    return str(caught.value)


# ---- names


def test_an_option_is_found_by_its_full_name() -> None:
    assert find(TABLE, "performance.read-ahead").name == "performance.read-ahead"


def test_the_part_after_the_first_dot_is_enough_when_only_one_option_has_it() -> None:
    assert find(TABLE, "read-ahead").name == "performance.read-ahead"
    with pytest.raises(OptionRefused, match="does not exist"):  # glusterd takes short names without a dot only
        find(TABLE, "nfs.flush-behind")


def test_an_ambiguous_short_name_is_refused_with_the_candidates() -> None:
    with pytest.raises(OptionRefused, match=r"ambiguous.*cluster\.eager-lock or disperse\.eager-lock"):
        find(TABLE, "eager-lock")


@pytest.mark.parametrize("name", ["..eager-lock", "a.b.afr.eager-lock", "afr.non-existent", "", ".", "all", "x" * 5000, "performance."])
def test_a_name_that_no_option_has_is_refused(name: str) -> None:
    with pytest.raises(OptionRefused, match="does not exist") as caught:
        find(TABLE, name)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("performance.readahead", "performance.read-ahead"), ("features.qota", "features.quota"), ("quick-raed", "performance.quick-read")],
)
def test_a_misspelt_name_is_refused_with_what_was_meant(typed: str, meant: str) -> None:
    with pytest.raises(OptionRefused, match="did you mean") as caught:
        find(TABLE, typed)
    assert meant in str(caught.value)


def test_options_of_users_are_free() -> None:
    assert resolve(TABLE, "user.cifs", "off", "replicate") == ("user.cifs", "off")
    assert resolve(TABLE, "user.xlator.hoge", "posix", "replicate") == ("user.xlator.hoge", "posix")


@pytest.mark.parametrize("name", ["user.", "user.a b", "user.a\nb", "user." + "x" * 300])
def test_an_option_of_a_user_still_needs_a_name_that_a_volfile_can_hold(name: str) -> None:
    with pytest.raises(OptionRefused):
        resolve(TABLE, name, "on", "replicate")


# ---- values


@pytest.mark.parametrize("word", ["on", "yes", "true", "enable", "1", "off", "no", "false", "disable", "0", "ON", "Yes", "False"])
def test_a_boolean_has_ten_spellings_in_any_case_and_is_stored_as_given(word: str) -> None:
    assert accepted("performance.quick-read", word)


@pytest.mark.parametrize("word", ["", " ", "maybe", "2", "onn", "-1", "on,off"])
def test_anything_else_is_no_boolean(word: str) -> None:
    assert not accepted("performance.quick-read", word)


def test_a_refused_boolean_tells_the_spellings() -> None:
    assert "on, yes, true, enable, 1, off, no, false, disable, 0" in refusal("performance.quick-read", "maybe")


@pytest.mark.parametrize("value", ["12%", "56.7%", "120", "369.0000", "0%", "100%", "100", "20GB", "1e1", "1e3", "1e1%", "0x10", "0x1000"])
def test_min_free_disk_is_a_percentage_or_a_size(value: str) -> None:
    assert accepted("cluster.min-free-disk", value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "143.!/12",
        "123%",
        "194.34%",
        "199.051",
        "50.5",
        "1.5GB",
        "1.0GB",
        "5B",
        "-1",
        "-5%",
        "many",
        "5 %%",
        "nan",
        "inf",
        "1e3%",
        "1e999",
    ],
)
def test_min_free_disk_is_nothing_else(value: str) -> None:
    assert not accepted("cluster.min-free-disk", value)


@pytest.mark.parametrize("value", ["0", "1", "60", "2147483647", "0x10", "+5", "010"])
def test_post_op_delay_is_a_number_of_seconds(value: str) -> None:
    assert accepted("cluster.post-op-delay-secs", value)


@pytest.mark.parametrize("value", ["", "-1", "0.5", "abc", "1s", "2147483648", "9" * 4000, "1e3", "08", "0x"])
def test_post_op_delay_is_nothing_else(value: str) -> None:
    assert not accepted("cluster.post-op-delay-secs", value)


@pytest.mark.parametrize("value", ["0", "100", "0.0000005", "100%", "51%"])
def test_the_server_quorum_ratio_is_a_percentage(value: str) -> None:
    assert accepted("cluster.server-quorum-ratio", value, POOL)


@pytest.mark.parametrize("value", ["abc", "-1", "100.0000005", "101", "", "%"])
def test_the_server_quorum_ratio_is_nothing_else(value: str) -> None:
    assert not accepted("cluster.server-quorum-ratio", value, POOL)


def test_the_server_quorum_type_is_none_or_server() -> None:
    assert accepted("cluster.server-quorum-type", "server")
    assert accepted("cluster.server-quorum-type", "none")
    assert "none, server" in refusal("cluster.server-quorum-type", "abc")


@pytest.mark.parametrize("value", ["4096", "64KB", "1MB", "2GB", "1.5GB", "1TB", "64mb", "1.5", "0.0001KB"])
def test_a_size_has_units(value: str) -> None:
    assert accepted("performance.cache-size", value)


@pytest.mark.parametrize("value", ["64XB", "-1MB", "MB", "9" * 4000])
def test_what_is_no_size_is_refused(value: str) -> None:
    assert not accepted("performance.cache-size", value)


@pytest.mark.parametrize(
    ("value", "fine"),
    [("600", True), ("10m", True), ("1h", True), ("5min", True), ("0", True), ("7x", False), ("-5", False), ("5S", False)],
)
def test_a_time_has_units(value: str, fine: bool) -> None:
    assert accepted("performance.nl-cache-timeout", value) is fine


def test_a_path_is_absolute_and_goes_nowhere_up() -> None:
    assert accepted("changelog.changelog-dir", "/var/log/a..b")
    assert "../" in refusal("changelog.changelog-dir", "/var/../etc")


def test_the_limits_of_quota_are_set_by_its_command() -> None:
    assert "volume quota VOLUME limit-usage" in refusal("features.limit-usage", "/:10GB")


def test_a_number_out_of_range_is_refused_with_the_range() -> None:
    assert "allowed is 1 to 64" in refusal("performance.io-thread-count", "65")
    assert accepted("performance.io-thread-count", "64")


def test_a_word_that_is_not_on_the_list_is_refused_with_the_list() -> None:
    assert "round-robin, gfid-hash" in refusal("disperse.read-policy", "first", "disperse")


def test_a_throttle_is_a_word_or_a_number() -> None:
    assert accepted("cluster.rebal-throttle", "lazy") and accepted("cluster.rebal-throttle", "LAZY")
    assert accepted("cluster.rebal-throttle", "2")
    assert "lazy, normal, aggressive or a number" in refusal("cluster.rebal-throttle", "fast")


@pytest.mark.parametrize(
    "value",
    [
        "*",
        "10.0.0.1",
        "10.1.*",
        "host1,host2.example.org",
        "192.168.0.0/16",
        "/d1(10.1.1.1|10.1.1.2),/d2(h3)",
        "fe80::1",
        "fe80::*",
        "10.*.0.1",
        "10.0.0.1,,10.0.0.2",
        "10.0.0.1,",
        ",node1",
    ],
)
def test_addresses_may_be_patterns_networks_and_per_directory(value: str) -> None:
    assert accepted("auth.allow", value)


@pytest.mark.parametrize(
    "value", ["-7", "a b", ",", ",,", "/d1(10.1.1.1", "(x)", "host_1", "*.com", "h*", "!10.0.0.1", "fe80::1/64", "a..b"]
)
def test_what_can_be_no_address_is_refused(value: str) -> None:
    assert not accepted("auth.allow", value)


@pytest.mark.parametrize("value", ["on\noption x y", "a\x00b", "x" * 5000, "\x1b[31m"])
def test_a_value_that_would_break_a_volfile_is_refused(value: str) -> None:
    for name in ("cluster.extra-hash-regex", "ssl.own-cert"):
        assert not accepted(name, value)
    with pytest.raises(OptionRefused):
        resolve(TABLE, "user.note", value, "replicate")


@given(st.sampled_from(sorted(TABLE.options)), st.text(max_size=30))
def test_any_text_is_either_stored_as_it_is_or_refused(name: str, value: str) -> None:
    for volume_type in (None, "distribute", "replicate", "disperse"):
        accepted(name, value, volume_type)


# ---- where and when


def test_an_option_of_the_pool_is_refused_on_a_volume() -> None:
    assert "set it for all volumes" in refusal("cluster.server-quorum-ratio", "51")
    assert accepted("cluster.brick-multiplex", "on", POOL)


def test_an_option_of_a_volume_is_refused_for_the_pool() -> None:
    assert "set it on each volume" in refusal("transport.listen-backlog", "100", POOL)


def test_an_option_for_one_type_of_volume_is_refused_on_another() -> None:
    assert "is for replicate volumes" in refusal("cluster.data-self-heal", "on", "disperse")
    assert "is for disperse volumes" in refusal("disperse.shd-max-threads", "2", "replicate")
    assert "is for distribute volumes" in refusal("cluster.lock-migration", "on", "replicate")
    assert accepted("cluster.data-self-heal", "on", "replicate")


def test_an_option_with_a_command_of_its_own_names_the_command() -> None:
    assert "volume bitrot" in refusal("features.bitrot", "on")
    assert "volume quota" in refusal("features.quota", "on")


def test_an_option_of_a_newer_glusterfs_is_refused() -> None:
    assert "needs op-version 110000" in refusal("cluster.rmdir-optimize", "on", op_version=100000)
    assert accepted("cluster.lookup-optimize", "on", op_version=100000)


def test_a_quorum_can_not_be_larger_than_the_replicas() -> None:
    assert accepted("cluster.quorum-count", "3", replicas=3)
    assert "1 to 3" in refusal("cluster.quorum-count", "4", replicas=3)


def test_an_option_of_quota_needs_quota() -> None:
    with pytest.raises(OptionRefused, match=r"needs features\.quota"):
        check_together(TABLE, {"features.quota-deem-statfs": "on"}, ["features.quota-deem-statfs"])
    check_together(TABLE, {"features.quota-deem-statfs": "on", "features.quota": "on"}, ["features.quota-deem-statfs"])


def test_read_only_and_worm_exclude_each_other() -> None:
    options = {"features.read-only": "on", "features.worm": "on"}
    with pytest.raises(OptionRefused, match=r"on together with features\.read-only"):
        check_together(TABLE, options, ["features.worm"])
    check_together(TABLE, options | {"features.read-only": "off"}, ["features.worm"])
    check_together(TABLE, options, ["user.unrelated"])


def test_nufa_and_switch_exclude_each_other() -> None:
    both = {"cluster.nufa": "on", "cluster.switch": "enable"}
    for name in both:
        with pytest.raises(OptionRefused, match=f"option {name} can't be on together with"):
            check_together(TABLE, both, [name])
    check_together(TABLE, both | {"cluster.nufa": "off"}, list(both))


def test_an_option_that_another_overrules_is_not_set_beside_it_whatever_its_value() -> None:
    both = {"server.root-squash": "on", "performance.read-after-open": "yes"}
    with pytest.raises(OptionRefused, match=r"read-after-open has no effect while server\.root-squash is on: switch that off"):
        check_together(TABLE, both, ["performance.read-after-open"])
    with pytest.raises(OptionRefused, match=r"root-squash can't be on while performance\.read-after-open is set.*reset that first"):
        check_together(TABLE, both, ["server.root-squash"])
    check_together(TABLE, both | {"server.root-squash": "off"}, list(both))
    check_together(TABLE, both, ["performance.open-behind", "user.unrelated"])


def test_the_bounds_of_brick_multiplexing_need_it() -> None:
    with pytest.raises(OptionRefused, match=r"needs cluster\.brick-multiplex"):
        check_together(TABLE, {"cluster.max-bricks-per-process": "10"}, ["cluster.max-bricks-per-process"])
    assert not accepted("glusterd.vol_count_per_thread", "201", POOL)
    assert not accepted("glusterd.vol_count_per_thread", "4", POOL)


def test_reset_leaves_quota_alone_and_needs_force_for_protected_options() -> None:
    quota, bitrot = TABLE.options["features.quota"], TABLE.options["features.bitrot"]
    assert reset_keeps(quota, force=False) and reset_keeps(quota, force=True)
    assert reset_keeps(bitrot, force=False) and not reset_keeps(bitrot, force=True)
    assert not reset_keeps(TABLE.options["performance.quick-read"], force=False)


# ---- defaults


def test_defaults_are_shown_as_glusterd_shows_them() -> None:
    shown = {name: default_of(TABLE.options[name]) for name in ("auth.allow", "auth.reject", "network.ping-timeout", "features.uss")}
    assert shown == {"auth.allow": "*", "auth.reject": "(null)", "network.ping-timeout": "42", "features.uss": "off"}


def test_some_defaults_depend_on_the_volume() -> None:
    threads, quorum = TABLE.options["performance.client-io-threads"], TABLE.options["cluster.quorum-type"]
    assert (default_of(threads, "distribute"), default_of(threads, "replicate")) == ("on", "off")
    assert (default_of(quorum, "replicate", 3), default_of(quorum, "replicate", 2), default_of(quorum, "disperse")) == (
        "auto",
        "none",
        "none",
    )


def test_a_new_volume_starts_with_the_options_that_glusterd_gives_it() -> None:
    plain = {"storage.fips-mode-rchecksum": "on", "transport.address-family": "inet", "nfs.disable": "on"}
    assert defaults_on_create("distribute") == defaults_on_create("disperse") == plain
    extra = {"cluster.granular-entry-heal": "on", "performance.client-io-threads": "off"}
    assert defaults_on_create("replicate") == plain | extra


# ---- the table itself


def test_every_default_that_volfiles_carry_is_a_value_that_the_option_takes() -> None:
    for option in TABLE.options.values():
        if option.value is not None and not option.set_by:
            volume_type = option.only or "replicate"
            assert accepted(option.name, option.value, None if option.scope == "pool" else volume_type), option.name


def test_options_that_others_name_are_there() -> None:
    for option in TABLE.options.values():
        for other in [option.needs, option.overruled_by, *option.excludes]:
            assert not other or other in TABLE.options, option.name
    assert targets()[("brick", "storage/posix")]


def test_every_option_of_a_group_is_an_option_that_takes_the_value() -> None:
    groups = option_groups()
    assert {"virt", "metadata-cache", "db-workload", "gluster-block", "samba", "nl-cache", "distributed-virt"} == groups.keys()
    for options in groups.values():
        for name, value in options.items():
            assert resolve(TABLE, name, value, "replicate") == (name, value)


@pytest.mark.parametrize("value", ["a`reboot`", "1 TB", 'a"b', "a\\b", "two words", "#comment", "tab\there"])
def test_a_value_that_a_volfile_cannot_carry_is_refused(value: str) -> None:
    """GlusterFS runs what stands in backticks in a volfile, on every brick and client that reads it."""
    for name in ("auth.ssl-allow", "user.xlator.brick.hoge"):
        with pytest.raises(OptionRefused, match=r"volfile|white space|control"):
            resolve(TABLE, name, value, "replicate")


def test_a_user_option_that_is_in_no_volfile_may_hold_what_it_likes() -> None:
    assert resolve(TABLE, "user.note", "`two` words", "replicate") == ("user.note", "`two` words")
