"""Prompts are templates with typed slots: data, versioned, named by the SHA-256 of their file.

    packs/<pack>/prompts/<template>/<version>.yaml         packs/<pack>/prompts/fields.yaml: class of each register field

A slot says what may stand in it and how guarded that is: by the register field it is filled from (`field`), by whoever wrote it
(`origin: person` is class `personal`, always), or by `class`. Values are put in once: a value that looks like a slot stays text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import Field, ValidationError, model_validator

from sild.ai_gateway.classes import DATA_CLASSES, DataClass, strictest
from sild.errors import CallerError
from sild.settings import Settings

__all__ = ["Message", "Output", "Parameters", "Slot", "Template", "Templates", "load_templates"]

Role = Literal["system", "user", "assistant"]
_PLACEHOLDER = re.compile(r"\{\{ *([a-z][a-z0-9_]*) *\}\}")
_NAME = r"^[a-z][a-z0-9_]*$"
OF_NO_REGISTER = ("law.", "service.", "case.", "security.")
"""Beginnings of fields that no register describes."""
_MOST_DIGITS = 40
"""Of a decimal, before or after its point."""


class Slot(Settings):
    """One typed place of a template.

    origin: who wrote the value: `authority` (its own data), `document` (text from elsewhere), `person` (free text).
    country: whose people an `abstraction` is about; it decides which ground a provider needs.
    as_token: the value stays here; a token goes to the model and is put back in the answer.
    from_message: a plain OpenAI client's user message fills it.
    """

    type: Literal["text", "integer", "decimal", "date", "choice"] = "text"
    data_class: DataClass | None = Field(default=None, alias="class")
    field: str | None = None  # register field, as in fields.yaml
    origin: Literal["authority", "document", "person"] = "authority"
    country: Literal["EE", "VN"] | None = None
    choices: tuple[str, ...] = ()
    most_characters: int = Field(default=2_000, ge=1, le=100_000)
    required: bool = True
    as_token: bool = False
    from_message: bool = False

    @model_validator(mode="after")
    def _is_whole(self) -> Slot:
        if (self.data_class is None) == (self.field is None) and self.origin != "person":
            raise ValueError("a slot has either a class or a field")
        if self.data_class == "abstraction" and (self.type == "text" or self.country is None):
            raise ValueError("an abstraction is of a type other than text, and of a country")
        if (self.type == "choice") != bool(self.choices):
            raise ValueError("choices go with type choice")
        if self.as_token and self.data_class == "secret":
            raise ValueError("a secret has no token")
        return self

    def read(self, name: str, value: str) -> str:
        """`value` as it goes into the prompt. Raises CallerError (`invalid_slot`), without the value."""
        if len(value) > self.most_characters:
            raise CallerError(
                f"{name} has more than {self.most_characters} characters", code="invalid_slot", slot=name
            )
        try:
            if self.type == "integer":
                return str(int(value))
            if self.type == "decimal":
                number = Decimal(value)
                if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
                    raise ValueError("no number")  # 1E+999999999 is short, and a gigabyte when written out
                return format(number, "f")
            if self.type == "date":
                return date.fromisoformat(value).isoformat()
        except (ValueError, InvalidOperation):
            raise CallerError(f"{name} is no {self.type}", code="invalid_slot", slot=name) from None
        if self.type == "choice" and value not in self.choices:
            raise CallerError(f"{name} is none of {', '.join(self.choices)}", code="invalid_slot", slot=name)
        return value


class Message(Settings):
    """role: as the model sees it.  text: with `{{slot}}` for each value."""

    role: Role
    text: str


class Parameters(Settings):
    """What is passed to the model, where its provider takes it."""

    temperature: float | None = Field(default=0.0, ge=0, le=2)
    seed: int | None = 7


class Output(Settings):
    """json_schema: the answer is JSON that fits it.  links: hosts whose links may stay in an answer."""

    json_schema: Mapping[str, Any] | None = Field(default=None, alias="schema")  # JSON Schema 2020-12
    most_tokens: int = Field(default=500, ge=1, le=16_000)
    links: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_a_schema(self) -> Output:
        if self.json_schema is not None:
            try:
                Draft202012Validator.check_schema(self.json_schema)
            except SchemaError as error:
                raise ValueError(f"no JSON Schema: {error.message}") from error
        return self


class Template(Settings):
    """One version of a prompt. `sha256` (hex) is of its file; `classes` are those of its slots, resolved."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    version: str = Field(pattern=r"^[0-9]+(\.[0-9]+)*$")
    about: str  # what it is for, for people
    slots: Mapping[str, Slot] = {}
    messages: tuple[Message, ...] = Field(min_length=1)
    output: Output = Output()
    parameters: Parameters = Parameters()
    sha256: str = ""
    classes: Mapping[str, DataClass] = {}

    @model_validator(mode="after")
    def _fits(self) -> Template:
        used = {name for message in self.messages for name in _PLACEHOLDER.findall(message.text)}
        if used != self.slots.keys():
            raise ValueError(f"slots and placeholders differ: {', '.join(sorted(used ^ self.slots.keys()))}")
        if any(not re.match(_NAME, name) for name in self.slots):
            raise ValueError("a slot's name has small letters, digits and _")
        if sum(slot.from_message for slot in self.slots.values()) > 1:
            raise ValueError("one slot at most is filled from a message")
        return self

    @property
    def name(self) -> str:
        return f"{self.id}@{self.version}"

    @property
    def message_slot(self) -> str | None:
        return next((name for name, slot in self.slots.items() if slot.from_message), None)

    def read(self, values: Mapping[str, str]) -> dict[str, str]:
        """Values by slot, each of its slot's type. Raises CallerError (`unknown_slot`, `missing_slot`, `invalid_slot`)."""
        for name in values.keys() - self.slots.keys():
            raise CallerError(f"{self.name} has no slot {name[:80]}", code="unknown_slot", slot=name[:80])
        for name, slot in self.slots.items():
            if slot.required and not values.get(name, "").strip():
                raise CallerError(f"{name} is needed", code="missing_slot", slot=name)
        return {name: slot.read(name, values[name]) for name, slot in self.slots.items() if values.get(name)}

    def render(self, values: Mapping[str, str], *, fence: str) -> tuple[tuple[Role, str], ...]:
        """Messages with `values` in their slots; text from documents and people between marks that bear `fence`, a nonce."""

        def put(match: re.Match[str]) -> str:
            slot, value = self.slots[match[1]], values.get(match[1], "")
            if slot.type != "text" or slot.origin == "authority" or not value:
                return value
            return f"<data {fence}>\n{value}\n</data {fence}>"

        return tuple((message.role, _PLACEHOLDER.sub(put, message.text)) for message in self.messages)


@dataclass(frozen=True, slots=True)
class Templates:
    """All versions of all templates. fields: class of each register field that has one."""

    by_name: Mapping[str, Template]
    fields: Mapping[str, DataClass] = field(default_factory=dict)

    def differences(self, concepts: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """concepts: of the registers. Those without a class, which go to no model; and fields that no register has."""
        held = frozenset(concepts)
        named = frozenset(one for one in self.fields if not one.startswith(OF_NO_REGISTER))
        return tuple(sorted(held - named)), tuple(sorted(named - held))

    def find(self, name: str) -> Template:
        """`id@version`, or `id` for its newest version. Raises CallerError (`unknown_template`)."""
        found = self.by_name.get(name) or self._newest(name)
        if found is None:
            raise CallerError(f"no template {name[:80]}", code="unknown_template")
        return found

    def _newest(self, template_id: str) -> Template | None:
        versions = [each for each in self.by_name.values() if each.id == template_id]
        return max(versions, key=lambda each: [int(part) for part in each.version.split(".")], default=None)


def load_templates(directories: tuple[Path, ...]) -> Templates:
    """Read `<directory>/<template>/<version>.yaml`, and `<directory>/fields.yaml`, of each directory.

    Raises CallerError (`invalid_template`) with the file and every reason.
    """
    fields: dict[str, DataClass] = {}
    for file in (directory / "fields.yaml" for directory in directories):
        if file.is_file():
            fields.update(_read_fields(file))
    found: dict[str, Template] = {}
    for directory in directories:
        for file in sorted(directory.glob("*/*.yaml")):
            template = parse_template(file.read_bytes(), fields, where=str(file))
            if (file.parent.name, file.stem) != (template.id, template.version):
                raise CallerError(
                    f"{file} holds {template.name}, which its path does not say", code="invalid_template"
                )
            if template.name in found:
                raise CallerError(f"{template.name} is there twice: {file}", code="invalid_template")
            found[template.name] = template
    return Templates(found, fields)


def parse_template(data: bytes, fields: Mapping[str, DataClass], *, where: str = "template") -> Template:
    """Read a template; classes of its slots come from `fields`. Raises CallerError (`invalid_template`)."""
    try:
        template = Template.model_validate(yaml.safe_load(data))
        classes = {name: class_of(slot, fields) for name, slot in template.slots.items()}
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise CallerError(f"{where}: {reasons}", code="invalid_template") from error
    except (yaml.YAMLError, ValueError) as error:
        raise CallerError(f"{where}: {error}", code="invalid_template") from error
    return template.model_copy(update={"sha256": hashlib.sha256(data).hexdigest(), "classes": classes})


def class_of(slot: Slot, fields: Mapping[str, DataClass]) -> DataClass:
    """Of what may stand in `slot`. Raises ValueError for a field nobody gave a class."""
    found: list[DataClass] = []
    if slot.field is not None:
        if slot.field not in fields:
            raise ValueError(f"nobody has said how guarded {slot.field} is")
        found.append(fields[slot.field])
    if slot.data_class is not None:
        found.append(slot.data_class)
    if slot.origin == "person" and slot.type == "text":
        found.append("personal")
    return strictest(found)


def _read_fields(file: Path) -> Mapping[str, DataClass]:
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    wrong = {name: given for name, given in content.items() if given not in DATA_CLASSES}
    if wrong:
        raise CallerError(f"{file}: no such class: {wrong}", code="invalid_template")
    return {str(name): given for name, given in content.items()}
