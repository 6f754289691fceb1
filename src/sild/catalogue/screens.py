"""The Screen JSON contract: one screen as data, the same fields, checks and outcome on every channel.

A screen shows what the state knows (`facts`) and asks only for what it cannot know (`field`s, each with the concept it is
about). Texts stand in it by language. The web page, the clerk's desk and the paper brought in render the same file, and whoever
renders it otherwise, an app or a kiosk, gets it as it is. JSON Schema: `screen_schema`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator
from pydantic import Field as Described

from sild.errors import CallerError

__all__ = [
    "Action",
    "Component",
    "Explanation",
    "Facts",
    "Field",
    "Notice",
    "Screen",
    "Text",
    "parse_screen",
    "screen_schema",
]

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
ConceptName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$")]
Text = Mapping[str, str]
"""By language, `{"et": ..., "vi": ..., "en": ...}`."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Facts(_Part):
    """What the state knows: each line with its source, its date and a way to say that it is wrong."""

    kind: Literal["facts"]
    title: Text | None = None
    of: Name = Described(description="Whose facts: a role in the case, `child`, `parent`, `dwelling`")
    concepts: tuple[ConceptName, ...] = Described(min_length=1)


class Notice(_Part):
    """Words: what happens next, a duty, a promise date (`{promise}`), a warning."""

    kind: Literal["notice"]
    tone: Literal["plain", "good", "warning"] = "plain"
    text: Text


class Promises(_Part):
    """The promise dates of what follows, as the clocks compute them."""

    kind: Literal["promises"]


class Explanation(_Part):
    """A number and what it is made of, as the case's process explains it: bars and a table. of: which, as the process names it."""

    kind: Literal["explanation"]
    title: Text | None = None
    of: Name


class Field(_Part):
    """A question. concept: what it asks for; a concept that some register holds may not be asked.

    options_from: a list the case system fills in (`addresses_of_parents`).  chosen_from: the concept a register holds from
    which the options come: to choose among known things is no repetition.  changes: a register may hold one, the screen shows it, and
    what is answered takes its place.  suggested: which option stands there at first.
    """

    kind: Literal["text", "date", "choice", "choices", "yes_no", "account", "file", "confirm", "address"]
    name: Name
    concept: ConceptName
    label: Text
    hint: Text | None = None
    required: bool = True
    max_length: Annotated[int, Described(ge=1, le=10_000)] = 200
    options: tuple[Option, ...] = ()
    options_from: Name | None = None
    chosen_from: ConceptName | None = None
    changes: bool = False
    suggested: str | None = None
    only_if: Condition | None = None

    @model_validator(mode="after")
    def _options_where_there_is_a_choice(self) -> Field:
        is_choice = self.kind in ("choice", "choices")
        if is_choice != bool(self.options or self.options_from) or (self.options and self.options_from):
            raise ValueError("a choice has either options or options_from, another field neither")
        return self


class Option(_Part):
    value: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    label: Text
    hint: Text | None = None


class Condition(_Part):
    """The field is asked only when another has this value."""

    field: Name
    value: str


class Action(_Part):
    """A button. name: the action of the case it becomes, in the imperative: `DECLARE`."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z_]{0,49}$")]
    label: Text
    tone: Literal["main", "other", "dangerous"] = "main"
    signed: bool = Described(default=False, description="The person confirms it with their means of log-in")
    signature: Literal["required"] | None = Described(
        default=None, description="The person signs a statement of it with a key of their own"
    )
    without_answers: bool = Described(default=False, description="The fields need not be filled in")


Component = Annotated[Facts | Notice | Promises | Explanation | Field, Described(discriminator=None)]


class Screen(_Part):
    """id: `birth.choose_name`.  role: who sees it.  version: a case keeps the one it began with."""

    id: ConceptName
    version: int = Described(ge=1)
    role: Name
    title: Text
    lead: Text | None = None
    components: tuple[Component, ...]
    actions: tuple[Action, ...] = Described(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Screen:
        for names in ([field.name for field in self.fields()], [action.name for action in self.actions]):
            if len(set(names)) != len(names):
                raise ValueError("two fields or two actions have one name")
        known = {field.name for field in self.fields()}
        for field in self.fields():
            if field.only_if is not None and field.only_if.field not in known - {field.name}:
                raise ValueError(f"{field.name} depends on a field that is not there")
        return self

    def fields(self) -> Iterator[Field]:
        """The questions, in their order."""
        for component in self.components:
            if isinstance(component, Field):
                yield component

    def shown(self) -> frozenset[str]:
        """Concepts of the facts it shows."""
        facts = (one for one in self.components if isinstance(one, Facts))
        return frozenset(concept for one in facts for concept in one.concepts)

    def concepts(self) -> frozenset[str]:
        """All it speaks of: shown, asked for, and chosen from."""
        asked = {name for field in self.fields() for name in (field.concept, field.chosen_from) if name}
        return self.shown() | asked

    def texts(self) -> Iterator[Text]:
        """Every text on it, so that none is missing in a language."""
        yield from _texts(self)

    def action(self, name: str) -> Action:
        """Raises CallerError (`unknown_action`)."""
        for action in self.actions:
            if action.name == name:
                return action
        raise CallerError(f"this screen has no action {name[:50]}", code="unknown_action")


def parse_screen(content: Mapping[str, Any], *, languages: tuple[str, ...] = ("et", "vi", "en")) -> Screen:
    """A screen from parsed JSON. Raises CallerError (`invalid_screen`), naming every place that does not fit."""
    try:
        screen = Screen.model_validate(content)
    except ValidationError as error:
        places = "; ".join(
            f"/{'/'.join(str(step) for step in fault['loc'])}: {fault['msg']}" for fault in error.errors()
        )
        raise CallerError(f"not a screen: {places}", code="invalid_screen") from None
    for text in screen.texts():
        missing = [language for language in languages if not text.get(language, "").strip()]
        if missing:
            some = next(iter(text.values()), "")
            raise CallerError(
                f"{screen.id}: {some[:40]!r} is missing in {', '.join(missing)}", code="invalid_screen"
            )
    return screen


def screen_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the contract, for those who render it elsewhere."""
    return Screen.model_json_schema()


def _texts(part: BaseModel) -> Iterator[Text]:
    for value in (getattr(part, name) for name in type(part).model_fields):
        if isinstance(value, Mapping):
            yield value
        elif isinstance(value, BaseModel):
            yield from _texts(value)
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, BaseModel):
                    yield from _texts(item)
