"""`bench openapi` before it runs anything: schemathesis is no package of ours, so it is not run here."""

from __future__ import annotations

import pytest

from bench.openapi import run

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("arguments", [[], ["--schemathesis", "/nowhere/schemathesis"], ["--schemathesis", "/bin/true", "--only", "v2"]])
def test_what_can_not_be_done_is_said_at_once(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run.main(arguments)
    assert caught.value.code == 2 and ("--schemathesis" in capsys.readouterr().err or "--only" in arguments)


def test_findings_and_breakdowns_are_counted_and_silence_is_no_success() -> None:
    assert run.counts("  Tested: 44\n  2148 generated, 17 found 17 unique failures, 49 skipped", 1) == (44, 2148, 17)
    assert run.counts("  Tested: 88\n  Runtime Error: 2\n  10 generated, 10 passed", 1) == (88, 10, 2)
    assert run.counts("  Tested: 3\n  10 generated, 10 passed", 0) == (3, 10, 0)
    assert run.counts("  Tested: 3\n  10 generated, 10 passed", 1) == (3, 10, 1)
    with pytest.raises(run.NotDone, match="Failed to load"):
        run.counts("Failed to load specification", 2)
