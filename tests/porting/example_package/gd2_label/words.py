"""gd2 volume label VOLUME TEXT: the words of the command line."""

from __future__ import annotations

from gd2cli.session import Session
from gd2cli.spec import Spec
from gd2cli.words import Grammar, Parsed


def label(session: Session, words: Parsed) -> None:
    answer = session.write("POST", "volumes", words.name(0), "label", body={"label": words.name(1)})
    session.show(answer, lambda volume: f"volume label: {volume['name']}: success")


LABEL = Spec(Grammar("VOLUME TEXT", names=("VOLUME", "TEXT")), "Write a label on every brick of a volume.", label)
