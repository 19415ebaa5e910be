"""`./dev` from outside: it starts with nothing installed, its help is whole, the docs know it, and set-up is locked."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

pytestmark = pytest.mark.fast

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ("demo", "test", "setup", "check", "bench", "bundle", "ansible", "clean", "lock")


def bare_python() -> str:
    """Debian's own python3 where there is one, else the one that .venv was made from: without our packages either way."""
    debian = Path("/usr/bin/python3")
    return str(debian) if debian.exists() else str(Path(sys.base_prefix) / "bin" / "python3")


def dev(*words: str) -> subprocess.CompletedProcess[str]:
    # -I: no environment, no user packages; -S: no site-packages.
    return subprocess.run([bare_python(), "-I", "-S", ROOT / "dev", *words], capture_output=True, text=True, timeout=60)


@pytest.fixture
def module(monkeypatch, tmp_path) -> ModuleType:
    """`./dev` as a module whose root is an empty folder."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = importlib.machinery.SourceFileLoader("dev", str(ROOT / "dev"))
    spec = importlib.util.spec_from_loader("dev", loader)
    assert spec is not None
    loaded = importlib.util.module_from_spec(spec)
    loader.exec_module(loaded)
    for name, path in {
        "ROOT": ".",
        "TOOLS": ".dev",
        "VENV": ".venv",
        "PYTHON": ".venv/bin/python",
        "STAMP": ".venv/stamp",
        "LOCK_FILE": "lock",
    }.items():
        monkeypatch.setattr(loaded, name, tmp_path / path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / "lock").write_text((ROOT / "requirements.lock").read_text())
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    return loaded


@pytest.mark.parametrize("words", [(), ("--help",)])
def test_help_works_with_a_bare_python_and_names_every_command(words):
    result = dev(*words)
    assert result.returncode == 0, result.stderr
    assert [line.split()[0] for line in result.stdout.partition("commands:\n")[2].splitlines()] == list(COMMANDS)


def test_an_unknown_command_is_a_usage_error_that_names_it():
    result = dev("dmeo")
    assert result.returncode == 2
    assert "dmeo" in result.stderr


def test_a_command_that_takes_nothing_refuses_arguments():
    result = dev("clean", "everything")
    assert result.returncode == 1
    assert result.stderr == "dev: ./dev clean takes no arguments, got: everything\n"


def test_bench_without_a_name_lists_the_benchmarks_with_nothing_set_up():
    result = dev("bench")
    assert result.returncode == 2
    assert re.search(r"^  commands +\S", result.stdout, re.M), result.stdout + result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_the_docs_mention_every_command(command):
    text = "".join(path.read_text() for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    assert f"./dev {command}" in text


def test_the_first_two_commands_of_the_readme_are_demo_and_test():
    assert list(dict.fromkeys(re.findall(r"\./dev (\w+)", (ROOT / "README.md").read_text())))[:2] == ["demo", "test"]


def test_every_locked_package_has_a_hash_and_no_registry_is_named():
    lock = (ROOT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=\S)", lock.strip())
    assert [e.splitlines()[0] for e in entries if "--hash=sha256:" not in e] == []
    assert "://" not in lock
    assert re.findall(r"^\s*--(?!hash=)\S+", lock, re.M) == []


def test_the_build_tools_are_locked_too(module):
    chosen = module.build_requirements((ROOT / "requirements.lock").read_text())
    assert tuple(re.findall(r"^([\w-]+)==", chosen, re.M)) == module.BUILD_TOOLS


def test_a_second_set_up_runs_nothing(module, monkeypatch):
    module.PYTHON.parent.mkdir()
    module.PYTHON.touch()
    module.write_stamp(module.wanted_stamp())
    monkeypatch.setattr(module.subprocess, "run", lambda *words, **_: pytest.fail(f"ran {words}"))
    module.ensure_python_packages()


@pytest.mark.parametrize(
    ("changed", "steps"),
    [
        ("pyproject.toml", ["install -e"]),
        ("lock", ["install build tools", "install lock", "install -e"]),
    ],
)
def test_only_what_a_change_asks_for_is_installed_again(module, monkeypatch, changed, steps):
    module.PYTHON.parent.mkdir()
    module.PYTHON.touch()
    module.write_stamp(module.wanted_stamp())
    (module.ROOT / changed).write_text("changed==1 --hash=sha256:00\n")
    done = []
    kinds = {"-e": "install -e", str(module.LOCK_FILE): "install lock"}
    monkeypatch.setattr(
        module, "pip", lambda *words: done.append(next((kinds[str(w)] for w in words if str(w) in kinds), "install build tools"))
    )
    monkeypatch.setattr(module, "venv_is_sound", lambda stamp: True)
    module.ensure_python_packages()
    assert done == steps
    assert module.read_stamp() == module.wanted_stamp()


def test_a_set_up_that_was_cut_short_is_not_taken_for_a_finished_one(module, monkeypatch):
    module.PYTHON.parent.mkdir()
    module.PYTHON.touch()
    module.write_stamp({**module.wanted_stamp(), "lock": "of yesterday"})
    monkeypatch.setattr(module, "venv_is_sound", lambda stamp: True)

    def broken(*words: str) -> None:
        raise module.Stop("no network")

    monkeypatch.setattr(module, "pip", broken)
    with pytest.raises(module.Stop):
        module.ensure_python_packages()
    assert module.read_stamp() == {}


def test_a_checkout_that_moved_gets_a_new_venv(module):
    module.PYTHON.parent.mkdir()
    module.PYTHON.symlink_to(sys.executable)
    assert not module.venv_is_sound({"root": "/somewhere/else"})


def test_without_root_one_line_says_which_packages_to_install(module, monkeypatch, capsys):
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(module.shutil, "which", lambda program, path=None: None if program in ("glusterfsd", "getfattr") else program)
    assert module.ensure_debian_packages() == ["attr", "glusterfs-server"]
    assert capsys.readouterr().err.splitlines() == [
        "dev: GlusterFS tests and the demo need more: as root, apt-get install attr glusterfs-server"
    ]


def test_no_service_starts_while_packages_are_installed(module, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "POLICY", tmp_path / "policy-rc.d")
    with pytest.raises(KeyboardInterrupt), module.no_services_started():
        assert subprocess.run([module.POLICY], timeout=60).returncode == 101
        raise KeyboardInterrupt
    assert not module.POLICY.exists()


def test_the_administrators_own_service_policy_is_left_alone(module, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "POLICY", tmp_path / "policy-rc.d")
    module.POLICY.write_text("#!/bin/sh\nexit 0\n")
    with module.no_services_started():
        assert module.POLICY.read_text() == "#!/bin/sh\nexit 0\n"
    assert module.POLICY.exists()


def test_a_python_that_can_not_make_a_venv_is_one_clear_line(module, monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000)
    with pytest.raises(module.Stop, match=r"as root, apt-get install python3\.\d+-venv$"):
        module.make_venv()


def test_set_up_is_done_by_one_at_a_time(module):
    with module.one_at_a_time():
        second = subprocess.run(["flock", "-n", module.ROOT / ".dev" / "setup.lock", "true"], timeout=60)
        assert second.returncode == 1
    assert subprocess.run(["flock", "-n", module.ROOT / ".dev" / "setup.lock", "true"], timeout=60).returncode == 0


@pytest.mark.parametrize(("free", "available", "chosen"), [(9, 9, True), (7, 9, False), (9, 7, False)])
def test_tests_keep_their_folders_in_memory_where_there_is_room_and_nobody_said_where(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, free: int, available: int, chosen: bool
) -> None:
    monkeypatch.setenv("PYTEST_DEBUG_TEMPROOT", "")  # noted as it was, so that it is that again afterwards
    monkeypatch.delenv("PYTEST_DEBUG_TEMPROOT")
    monkeypatch.setattr(module.os, "geteuid", lambda: 0)
    monkeypatch.setattr(module.os, "setxattr", lambda path, name, value: None)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: SimpleNamespace(free=free << 30))
    monkeypatch.setattr(module, "memory_available", lambda: available << 30)
    module.keep_tests_in_memory()
    assert (module.os.environ.get("PYTEST_DEBUG_TEMPROOT") == "/dev/shm") is chosen
    monkeypatch.setenv("PYTEST_DEBUG_TEMPROOT", "/elsewhere")
    module.keep_tests_in_memory()
    assert module.os.environ["PYTEST_DEBUG_TEMPROOT"] == "/elsewhere"


def test_a_memory_without_extended_attributes_is_left_alone(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(path: object, name: str, value: bytes) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setenv("PYTEST_DEBUG_TEMPROOT", "")  # noted as it was, so that it is that again afterwards
    monkeypatch.delenv("PYTEST_DEBUG_TEMPROOT")
    monkeypatch.setattr(module.os, "geteuid", lambda: 0)
    monkeypatch.setattr(module.os, "setxattr", none)
    monkeypatch.setattr(module, "MEMORY_FREE_MIN", 0)
    module.keep_tests_in_memory()
    assert "PYTEST_DEBUG_TEMPROOT" not in module.os.environ
