"""Man pages, shell completion, the bundle's list and the Vagrantfile: made from what is there, complete, and well formed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gd2cli.tree import TREE
from gd2raft.config import HELP

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs/deploy/package"))

import bundle  # noqa: E402
import manual  # noqa: E402

FILES = manual.files()
PAGES = {path: text for path, text in FILES.items() if path.startswith("man/")}
DEADLINE_S = 60.0


@pytest.mark.fast
def test_every_command_is_in_the_page_of_its_group() -> None:
    for group, branch in TREE.items():
        page = FILES[f"man/man1/gd2-{group}.1"]
        assert re.findall(r"^\.SS (.*)$", page, re.M) == [manual.text(name) for name in branch.leaves]
    assert "gd2 health" in FILES["man/man1/gd2-health.1"]


@pytest.mark.fast
def test_every_key_of_the_daemon_is_in_its_page() -> None:
    found = re.findall(r"^\.TP\n\.B (\S+)$", FILES["man/man8/gd2raft.8"], re.M)
    assert [key.replace("\\-", "-") for key in found] == list(HELP)


@pytest.mark.fast
@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed (Debian: groff-base)")
def test_groff_has_nothing_to_warn_of_in_any_page(tmp_path: Path) -> None:
    for path, text in PAGES.items():
        (tmp_path / Path(path).name).write_text(text)
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", *sorted(tmp_path.iterdir())], capture_output=True, text=True, timeout=DEADLINE_S
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.fast
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_asks_gd2_itself(shell: str) -> None:
    """The three scripts are click's own, so they hold no command that could be outdated."""
    script = next(text for path, text in FILES.items() if path.startswith((f"{shell}-completion", f"{shell}/")))
    assert f"_GD2_COMPLETE={shell}_complete" in script


def completed(*words: str) -> list[str]:
    """What bash offers for the last of `words`, asked as its script asks."""
    asked = {**os.environ, "_GD2_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run([Path(sys.executable).parent / "gd2"], env=asked, capture_output=True, text=True, timeout=DEADLINE_S)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.mark.fast
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("gd2", "vol"), ["volume"]),
        (("gd2", "volume", "rem"), ["remove-brick"]),
        (("gd2", "volume", "create", "v1", "re"), ["replica", "redundancy"]),
        (("gd2", "volume", "create", "v1", "--reu"), ["--reuse-bricks"]),
        (("gd2", "volume", "create", "v1", "replica", "3", "repl"), []),
        (("gd2", "volume", "create", "--help", "forc"), ["force"]),
    ],
)
def test_a_tab_offers_commands_and_their_words(words: tuple[str, ...], offered: list[str]) -> None:
    assert completed(*words) == offered


@pytest.mark.fast
def test_the_bundle_has_what_the_daemon_needs_and_no_tools_of_ours() -> None:
    names = bundle.needed("gd2raft", set())
    assert {"aiohttp", "pysyncobj", "click", "yarl"} <= names
    assert not {"pytest", "ruff", "hatchling", "hypothesis"} & names
    entries = [line for line in bundle.locked(names).splitlines() if not line.startswith(" ")]
    assert sorted(re.split("==", line)[0] for line in entries) == sorted(names)


@pytest.mark.fast
def test_two_bundles_are_not_made_at_once(tmp_path: Path) -> None:
    lock = tmp_path / "new" / "lock"
    with bundle.alone(lock):
        with pytest.raises(SystemExit, match=f"another one has held {lock} for 0 s"), bundle.alone(lock, wait_s=0.2):
            pass
        second = threading.Thread(target=lambda: bundle.alone(lock).__enter__())
        second.start()
        second.join(0.3)
        assert second.is_alive(), "it waits"
    second.join(DEADLINE_S)
    assert not second.is_alive()


@pytest.mark.skipif(shutil.which("vagrant") is None, reason="vagrant is not installed (Debian: vagrant)")
def test_vagrant_understands_the_vagrantfile(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Vagrantfile", tmp_path)
    here = {**os.environ, "VAGRANT_HOME": str(tmp_path / "home"), "VAGRANT_CHECKPOINT_DISABLE": "1"}
    done = subprocess.run(
        ["vagrant", "validate", "--ignore-provider"], cwd=tmp_path, env=here, capture_output=True, text=True, timeout=DEADLINE_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "validated successfully" in done.stdout
