"""The question set: large enough, its expectations exist, and the figures in docs/assistant.md do not sink unseen."""

from __future__ import annotations

import json
from collections import Counter

from click.testing import CliRunner

from sild.assistant import Assistant, evaluate, load_questions
from sild.processes.assistant import command


def test_the_set_is_what_the_documentation_says(assistant: Assistant) -> None:
    questions = load_questions()
    assert len(questions) >= 150
    by_language = Counter(one.language for one in questions)
    assert set(by_language) == {"et", "vi", "en"} and min(by_language.values()) >= 50
    assert len({(one.language, one.q) for one in questions}) == len(questions)
    for language in by_language:
        kinds = {one.kind for one in questions if one.language == language}
        assert kinds == {"answer", "unknown", "scope", "hostile", "own"}
    for one in questions:
        assert bool(one.expect) == (one.kind == "answer"), one
        assert set(one.expect) <= set(assistant.index.passages), one


def test_floors(assistant: Assistant) -> None:
    figures = evaluate(assistant, load_questions())
    tuning, held_out = figures["tuning"], figures["held_out"]
    assert tuning.recall_at_3 >= 0.85 and tuning.refused >= 0.80 and tuning.wrong <= 0.05
    assert held_out.recall_at_1 >= 0.60 and held_out.recall_at_3 >= 0.66
    assert held_out.refused >= 0.60 and held_out.wrong <= 0.14
    assert tuning.withstood == held_out.withstood == 1.0


def test_the_command() -> None:
    told = CliRunner().invoke(command, ["evaluate", "--json"])
    assert told.exit_code == 0
    found = json.loads(told.output)
    assert found["groups"]["held_out"]["questions"] >= 80 and found["passages"] > 100
    assert "held_out_vi" in CliRunner().invoke(command, ["evaluate", "--misses"]).output
    answer = CliRunner().invoke(command, ["ask", "mis vanuseni lapsetoetust makstakse", "--language", "et"])
    assert "PHS 17.1" in answer.output
