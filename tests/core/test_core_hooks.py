"""Words of hook scripts, as glusterd 10.3 was seen to give them; and the files that scripts read."""

from __future__ import annotations

import pytest

from gd2raft.core import model, workdir
from gd2raft.core.hooks import Hook, When, words

pytestmark = pytest.mark.fast

WORKDIR = "--gd-workdir=/w"
START = ("--version=1", "--volume-op=start", WORKDIR)
SEEN: list[tuple[str, When, list[str], list[str]]] = [
    ("create", "pre", [], ["--volname=v1"]),
    ("create", "post", [], ["--volname=v1"]),
    ("delete", "post", [], ["--volname=v1"]),
    ("remove-brick", "pre", ["v1"], ["--volname=v1"]),
    ("start", "pre", [], ["--volname=v1", "--first=yes", *START]),
    ("start", "post", ["v1"], ["--volname=v1", "--first=yes", *START]),
    ("start", "pre", ["v1"], ["--volname=v1", "--first=no", *START]),  # force, of the only volume
    ("start", "pre", ["v2"], ["--volname=v1", "--first=no", *START]),
    ("start", "post", ["v1", "v2"], ["--volname=v1", "--first=no", *START]),
    ("stop", "pre", ["v1", "v2"], ["--volname=v1", "--last=no"]),
    ("stop", "post", ["v2"], ["--volname=v1", "--last=no"]),
    ("stop", "pre", ["v1"], ["--volname=v1", "--last=yes"]),
    ("stop", "post", [], ["--volname=v1", "--last=yes"]),
    ("stop", "pre", [], ["--volname=v1", "--last=no"]),  # force, of a stopped volume
    ("reset", "pre", ["v1"], ["--volname=v1", "--version=1", "--volume-op=reset", WORKDIR]),
    ("add-brick", "post", ["v1"], ["--volname=v1", "--version=1", "--volume-op=add-brick", WORKDIR]),
]


@pytest.mark.parametrize(("operation", "when", "started", "wanted"), SEEN)
def test_a_script_is_called_with_the_words_that_glusterd_gives_it(
    operation: str, when: When, started: list[str], wanted: list[str]
) -> None:
    assert words(Hook(operation=operation, volume="v1"), when, started, "/w") == wanted


def test_a_set_names_all_its_options_after_one_dash_o_as_they_were_given() -> None:
    hook = Hook(operation="set", volume="v1", options=("performance.io-cache=on", "user.foo=a b", "io-cache=off"))
    assert words(hook, "pre", ["v1"], "/w") == ["--volname=v1", "-o", "performance.io-cache=on", "user.foo=a b", "io-cache=off", WORKDIR]


def volume_with(**options: str) -> model.Volume:
    bricks = tuple(model.Brick(id=f"b{i}", peer_id=f"p{i}", path=f"/bricks/{i}", index=i) for i in range(2))
    subvol = model.Subvolume(type=model.SubvolumeType.REPLICATE, bricks=bricks, replica_count=2)
    named = {name.replace("_", "."): value for name, value in options.items()}
    return model.Volume(
        id="i", name="v1", state=model.VolumeState.STARTED, username="secret", password="secret", subvols=(subvol,), options=named
    )


def test_scripts_find_state_options_and_bricks_where_glusterd_has_them_and_no_credentials() -> None:
    files = workdir.files(volume_with(user_smb="disable"), lambda peer: f"host-{peer}")
    lines = files["info"].splitlines()
    assert {"status=1", "user.smb=disable", "type=2", "brick-1=host-p1:-bricks-1"} <= set(lines)
    assert "path=/bricks/0" in files["bricks/host-p0:-bricks-0"].splitlines()
    assert not any("secret" in text for text in files.values())


def test_an_options_value_cannot_bring_a_line_of_its_own_into_the_files_that_scripts_read() -> None:
    files = workdir.files(volume_with(user_note="a\nstatus=0"), lambda peer: peer)
    assert [line for line in files["info"].splitlines() if line.startswith("status=")] == ["status=1"]


def test_a_brick_whose_path_is_longer_than_a_files_name_may_be_has_no_file() -> None:
    volume = volume_with()
    long = model.Brick(id="b", peer_id="p", path="/" + "x" * 300, index=0)
    first = model.Subvolume(type=model.SubvolumeType.DISTRIBUTE, bricks=(long,))
    files = workdir.files(
        model.Volume(**{**{f: getattr(volume, f) for f in volume.__struct_fields__}, "subvols": (first,)}), lambda peer: peer
    )
    assert set(files) == {"info"}
