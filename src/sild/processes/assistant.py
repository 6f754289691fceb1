"""`sild assistant`: the portal's assistant without a portal: its figures on the question set, or an answer in the terminal."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

import click

from sild.assistant import Assistant, evaluate, judge, load_passages, load_questions
from sild.cases import load_packs
from sild.clock import system_clock

__all__ = ["command"]


@click.group()
def command() -> None:
    """The portal's assistant: search and rules over services, help and law; it has no data of people."""


@command.command("evaluate")
@click.option("--json", "as_json", is_flag=True, help="Figures as JSON.")
@click.option(
    "--misses",
    is_flag=True,
    help="Name the tuning questions that were answered badly; held-out ones are not shown.",
)
@click.option("--language", type=click.Choice(["et", "vi", "en"]), help="Questions of one language alone.")
def evaluate_command(as_json: bool, misses: bool, language: str | None) -> None:
    """Recall, refusals and wrong answers on the question set (packs/state/questions)."""
    begun = time.perf_counter()
    assistant = _assistant("EE")
    assistant.prepare()
    built = time.perf_counter() - begun
    questions = [one for one in load_questions() if language in (None, one.language)]
    begun = time.perf_counter()
    figures = evaluate(assistant, questions)
    each = (time.perf_counter() - begun) / len(questions)
    if as_json:
        told = {
            "passages": len(assistant.passages),
            "index_seconds": round(built, 3),
            "milliseconds_a_question": round(1000 * each, 2),
            "groups": {name: asdict(found) for name, found in figures.items()},
        }
        click.echo(json.dumps(told, indent=2))
        return
    click.echo(
        f"{len(assistant.passages)} passages, read and indexed in {built:.2f} s; {1000 * each:.1f} ms a question"
    )
    click.echo(
        f"{'group':14}{'questions':>10}{'recall@1':>10}{'recall@3':>10}{'silent':>8}{'refused':>9}{'withstood':>11}{'own':>6}{'wrong':>7}"
    )
    for name, one in figures.items():
        click.echo(
            f"{name:14}{one.questions:>10}{one.recall_at_1:>10.3f}{one.recall_at_3:>10.3f}{one.silent:>8.3f}"
            f"{one.refused:>9.3f}{one.withstood:>11.3f}{one.own:>6.2f}{one.wrong:>7.3f}"
        )
    if misses:
        for question in questions:
            judged = judge(assistant, question)
            if question.part == "tuning" and (
                not judged.among_three if question.expect else bool(judged.answer.quotes)
            ):
                quoted = ", ".join(one.passage.id for one in judged.answer.quotes) or judged.answer.outcome
                click.echo(f"{question.language} {question.q!r}: {quoted}")


@command.command("ask")
@click.argument("question")
@click.option("--language", type=click.Choice(["et", "vi", "en"]), default="en", show_default=True)
@click.option("--country", type=click.Choice(["EE", "VN"]), default="EE", show_default=True)
def ask_command(question: str, language: str, country: str) -> None:
    """Answer one question in quotes."""
    answer = _assistant(country).ask(question, language)
    click.echo(answer.outcome)
    for one in answer.quotes:
        click.echo(f"  {one.passage.id} ({one.support:.2f}): {one.passage.text[answer.language]}")
    for one in answer.results:
        click.echo(f"  perhaps {one.passage.id} ({one.support:.2f})")


def _assistant(country: str) -> Assistant:
    packs = load_packs(country)
    today = system_clock().date()
    return Assistant(load_passages(packs.profile, tuple(packs.services.values()), packs.screens, at=today))
