"""`bench openapi` before it runs anything: schemathesis is no package of ours, so it is not run here."""

from __future__ import annotations

import json

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


def test_names_of_what_is_there_are_given_as_examples_in_paths_alone() -> None:
    def parameters(volume: dict[str, object]) -> bytes:
        there = [{"name": "volume", "in": "path", "schema": volume}, {"name": "volume", "in": "query", "schema": {}}]
        return json.dumps({"paths": {"/v1/volumes/{volume}": {"get": {"parameters": there}, "put": {}}}}).encode()

    assert json.loads(run.with_examples(parameters({}), {"volume": ("v1", "v2")})) == json.loads(parameters({"examples": ["v1", "v2"]}))
    assert json.loads(run.with_examples(parameters({}), {"peer": ("p",)})) == json.loads(parameters({}))
