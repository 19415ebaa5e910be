"""What a command gets to work with: requests, output in the wanted form, questions. The only place that prints results."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from gd2cli.client import Answer, Client
from gd2cli.problems import INTERRUPTED, BadShape, Problem, Unwritable, clean
from gd2cli.progress import progress
from gd2cli.settings import Settings
from gd2cli.tables import Paint

SHAPE_ERRORS = (KeyError, TypeError, AttributeError, IndexError, ValueError, RecursionError)


class Session:
    """`what`: the command's name, for texts."""

    def __init__(self, settings: Settings, what: str) -> None:
        self.settings, self.what = settings, what
        self.client = Client(settings)
        self.paint = Paint(wants_colour())
        self._warned: set[str] = set()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Ctrl-C in the middle of a write: say that it may be done all the same."""
        if kind is KeyboardInterrupt and self.client.writing:
            raise Problem(
                "interrupted after it was sent: it may be done all the same",
                exit_code=INTERRUPTED,
                trail=[("request id", self.client.request_id)],
            ) from None

    def get(self, *path: str, query: Mapping[str, str] | None = None) -> Answer:
        with progress(self.what):
            return self._heard(self.client.get(*path, query=query))

    def write(self, method: str, *path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Answer:
        with progress(self.what):
            return self._heard(self.client.write(method, *path, body=body, query=query))

    def _heard(self, answer: Answer) -> Answer:
        for warning in answer.warnings:
            if warning in self._warned:
                continue  # once a command, however many requests it takes
            self._warned.add(warning)
            print(f"gd2: {self.what}: warning: {clean(warning)}", file=sys.stderr)
        return answer

    def show(self, answer: Answer, render: Callable[[Any], str]) -> None:
        """JSON as it came; tables by `render`, which gets the JSON's value."""
        if self.settings.output == "json":
            emit(answer.text)
        else:
            self.show_data(answer.data, render)

    def show_data(self, data: Any, render: Callable[[Any], str]) -> None:
        """For what is put together of several answers."""
        if self.settings.output == "json":
            import json

            emit(json.dumps(data, ensure_ascii=False))
        elif self.settings.output == "yaml":
            emit("" if data is None else to_yaml(data))
        else:
            emit(self._rendered(data, render))

    def _rendered(self, data: Any, render: Callable[[Any], str]) -> str:
        try:
            return render(data)
        except SHAPE_ERRORS as error:
            hint = "is the daemon of another version? --json shows the answer as it came"
            raise BadShape(f"the answer has an unexpected shape ({type(error).__name__}: {error})", hint=hint) from error

    def confirm(self, warning: str) -> None:
        """Ask before something is lost. Raises Problem when the answer isn't yes: also when there is nobody to ask (a standard input
        that is closed or empty is no yes; scripts say -y)."""
        if self.settings.script:
            return
        print(f"{warning}\nGo on? (y/n) ", end="", file=sys.stderr, flush=True)
        answer = read_answer()
        if not answer:
            print(file=sys.stderr)
            raise Problem("nothing was done: the question was not answered", hint="-y (or --mode=script) means that no questions are asked")
        if answer.strip().lower() not in ("y", "yes"):
            raise Problem("nothing was done", hint="-y answers yes")


def read_answer() -> str:
    """A line of standard input, "" when there is none to come."""
    try:
        return sys.stdin.readline() if sys.stdin is not None else ""
    except (OSError, ValueError):  # closed, a folder, no text
        return ""


def emit(text: str) -> None:
    if not text:
        return
    try:
        print(text.rstrip("\n"))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unwritable(error.errno, error.strerror) from error


def to_yaml(data: Any) -> str:
    import yaml

    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False, default_flow_style=False)


def wants_colour() -> bool:
    """https://no-color.org"""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and sys.stdout is not None and sys.stdout.isatty()
