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
        assert set(one.expect) <= set(assistant.passages), one


def test_floors(assistant: Assistant) -> None:
    figures = evaluate(assistant, load_questions())
    tuning, kept = figures["tuning"], figures["kept"]
    assert tuning.recall_at_1 >= 0.83 and tuning.refused >= 0.95 and tuning.wrong <= 0.04
    assert kept.recall_at_1 >= 0.78 and kept.recall_at_3 >= 0.81
    assert kept.refused >= 0.91 and kept.wrong <= 0.07
    for language in ("et", "vi", "en"):
        assert figures[f"kept_{language}"].recall_at_1 >= 0.74, language
        assert figures[f"kept_{language}"].wrong <= 0.1, language
    assert tuning.withstood == kept.withstood == 1.0


def test_the_command() -> None:
    told = CliRunner().invoke(command, ["evaluate", "--json", "--language", "et"])
    assert told.exit_code == 0
    found = json.loads(told.output)
    assert found["groups"]["kept"]["questions"] >= 50 and found["passages"] > 100
    shown = CliRunner().invoke(command, ["evaluate", "--misses", "--language", "vi"]).output
    assert "kept_vi" in shown and "kept_et" not in shown and "\nvi '" in shown
    answer = CliRunner().invoke(command, ["ask", "mis vanuseni lapsetoetust makstakse", "--language", "et"])
    assert "PHS 17.1" in answer.output
