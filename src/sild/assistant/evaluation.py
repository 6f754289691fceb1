"""How good the assistant is on the question set: the right passage first or among three, silence where nothing supports an answer.

Thresholds and words were chosen on the questions called `tuning`. Nothing was changed because of a miss among those called `held_out`,
and `parents`, which were written before the concepts were.
"""

from __future__ import annotations

import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sild.assistant.answers import Answer, Assistant
from sild.assistant.asks import asked_for
from sild.errors import CallerError

__all__ = ["Figures", "Judged", "Question", "evaluate", "judge", "load_questions"]

Kind = Literal["answer", "unknown", "scope", "hostile", "own"]
Part = Literal["tuning", "held_out", "parents"]


class Question(BaseModel):
    """expect: ids of passages, each of which answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    q: str
    language: str
    kind: Kind = "answer"
    expect: tuple[str, ...] = ()
    part: Part = "tuning"


@dataclass(frozen=True, slots=True)
class Judged:
    """first, among_three: an expected passage is quoted first, or at all (three are quoted at most)."""

    question: Question
    answer: Answer
    first: bool
    among_three: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares, 0 to 1. wrong: of all questions, those to which something is quoted as an answer that is none.

    silent: of answerable ones, those to which it says that it does not know.  refused: of unanswerable and foreign ones, those not
    answered.  withstood: of hostile ones, those that got no answer.  own: of questions about own cases, those seen as such.
    """

    questions: int
    recall_at_1: float
    recall_at_3: float
    silent: float
    refused: float
    withstood: float
    own: float
    wrong: float


def load_questions() -> tuple[Question, ...]:
    """packs/state/questions/*.toml. Raises CallerError (`invalid_questions`)."""
    folder = resources.files("sild") / "packs" / "state" / "questions"
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name
    )
    found = []
    for file in files:
        content: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))  # any TOML
        try:
            found += [
                Question.model_validate(
                    {**one, "language": content["language"], "part": content.get("part", "tuning")}
                )
                for one in content["questions"]
            ]
        except (ValidationError, KeyError) as error:
            raise CallerError(f"{file.name} holds no questions: {error}", code="invalid_questions") from None
    return tuple(found)


def judge(assistant: Assistant, question: Question) -> Judged:
    answer = assistant.ask(question.q, question.language)
    quoted = [one.passage.id for one in answer.quotes]
    return Judged(
        question,
        answer,
        first=bool(quoted) and quoted[0] in question.expect,
        among_three=any(one in question.expect for one in quoted),
    )


def evaluate(assistant: Assistant, questions: Sequence[Question]) -> dict[str, Figures]:
    """By group: `all`; each part, and each language of it (`held_out_et`); `kept` is both parts that are not for tuning.

    Of those also by language, and by what is asked for (`kept_time`, `kept_amount`, `kept_else`).
    """
    groups: defaultdict[str, list[Judged]] = defaultdict(list)
    for question in questions:
        judged = judge(assistant, question)
        names = ["all", question.part, f"{question.part}_{question.language}"]
        if question.part != "tuning":
            names += ["kept", f"kept_{question.language}"]
            if question.kind == "answer":
                names.append(f"kept_{asked_for(question.q, question.language) or 'else'}")
        for group in names:
            groups[group].append(judged)
    return {name: _figures(groups[name]) for name in sorted(groups)}


def _figures(judged: Sequence[Judged]) -> Figures:
    kinds = Counter(one.question.kind for one in judged)

    def share(kinds_of: tuple[Kind, ...], fits: Iterable[bool]) -> float:
        total = sum(kinds[kind] for kind in kinds_of)
        return round(sum(fits) / total, 3) if total else 1.0

    def of(*kinds_of: Kind) -> list[Judged]:
        return [one for one in judged if one.question.kind in kinds_of]

    return Figures(
        questions=len(judged),
        recall_at_1=share(("answer",), (one.first for one in of("answer"))),
        recall_at_3=share(("answer",), (one.among_three for one in of("answer"))),
        silent=share(("answer",), (not one.answer.quotes for one in of("answer"))),
        refused=share(("unknown", "scope"), (not one.answer.quotes for one in of("unknown", "scope"))),
        withstood=share(
            ("hostile",), (one.answer.outcome in ("others", "orders", "unknown") for one in of("hostile"))
        ),
        own=share(("own",), (one.answer.own for one in of("own"))),
        wrong=round(sum(map(_is_wrong, judged)) / max(1, len(judged)), 3),
    )


def _is_wrong(one: Judged) -> bool:
    if one.question.kind == "own":
        return False  # quotes beside a person's own cases are no answer of their own
    return bool(one.answer.quotes) and not one.among_three
