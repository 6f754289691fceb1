"""The model card: what the model is for and what not, in three languages; its figures are added by whoever shows it, live."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sild.errors import CallerError

__all__ = ["ModelCard", "Section", "parse_card"]

LANGUAGES = ("et", "vi", "en")
Text = Mapping[str, str]
"""By language."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Section(_Part):
    id: str
    title: Text
    text: Text


class ModelCard(_Part):
    """algorithm: id of its entry in the algorithm register.  source: subsystem that gives the figures, on which ground.  features: what each means, with its unit.

    trained_on: the day on which this version was trained.
    """

    id: str
    version: int
    trained_on: date
    algorithm: str
    title: Text
    owner: Text
    contact: str
    source: str
    ground: str
    features: Mapping[str, Text]
    sections: tuple[Section, ...] = Field(min_length=1)


def parse_card(content: Mapping[str, Any]) -> ModelCard:
    """From parsed YAML. Raises CallerError (`invalid_card`), also for a text that is missing in a language."""
    try:
        card = ModelCard.model_validate(content)
    except ValidationError as error:
        raise CallerError(f"not a model card: {str(error)[:500]}", code="invalid_card") from None
    texts = [card.title, card.owner, *card.features.values()]
    texts += [text for section in card.sections for text in (section.title, section.text)]
    for text in texts:
        missing = [language for language in LANGUAGES if not text.get(language, "").strip()]
        if missing:
            words = next(iter(text.values()), "")[:40]
            raise CallerError(f"{words!r} is missing in {', '.join(missing)}", code="invalid_card")
    return card
