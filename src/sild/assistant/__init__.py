"""The assistant: answers in quotes of clauses, services and help; where nothing supports an answer it says so.

    passages = load_passages(profile, services, screens, at=today)
    assistant = Assistant(passages)                    # its index is made when it is first asked, in half a second
    answer = assistant.ask("how long do I have to tell of a move?", "en")
    answer.outcome, answer.quotes[0].passage.text["en"], answer.quotes[0].passage.source.cited

Search and rules alone: no model is needed. It has no data of any person; the portal adds what it shows that person anyhow. A model
behind the AI gateway may say quotes again (`rephrase`, `open_model`), each sentence held against its quote. Called by the portal and
`sild assistant`.

passages.py  what can be quoted       words.py     terms of three languages     index.py       rankings, fusion, support
concepts.py  what words stand for     spelling.py  mistyped words               asks.py         a time or a sum asked for
intents.py   rules kept as data       answers.py   from a question to quotes    steps.py       a step made ready
sources.py   read from the package    rephrasing.py  a model, held to quotes    gateway_model.py  the way to one
evaluation.py  figures on the question set
"""

from __future__ import annotations

from sild.assistant.answers import MAX_QUESTION, Answer, Assistant, Outcome
from sild.assistant.evaluation import Figures, Judged, Question, evaluate, judge, load_questions
from sild.assistant.gateway_model import ALGORITHM, PURPOSE, TEMPLATE, GatewayModel, open_model
from sild.assistant.index import Found
from sild.assistant.passages import Act, Passage, Source, Topic
from sild.assistant.rephrasing import Model, Sentence, rephrase
from sild.assistant.sources import load_acts, load_passages, load_topics
from sild.assistant.steps import Step, step_for

__all__ = [
    "ALGORITHM",
    "MAX_QUESTION",
    "PURPOSE",
    "TEMPLATE",
    "Act",
    "Answer",
    "Assistant",
    "Figures",
    "Found",
    "GatewayModel",
    "Judged",
    "Model",
    "Outcome",
    "Passage",
    "Question",
    "Sentence",
    "Source",
    "Step",
    "Topic",
    "evaluate",
    "judge",
    "load_acts",
    "load_passages",
    "load_questions",
    "load_topics",
    "open_model",
    "rephrase",
    "step_for",
]
