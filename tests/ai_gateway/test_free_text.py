"""Whoever's free text: one room has a road to a model, and what it sends of a person's words goes to a model in the country alone."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

import sild
from sild.ai_gateway import GatewaySettings, open_data
from sild.ai_gateway.classes import RouteTable
from sild.ai_gateway.templates import parse_template
from sild.catalogue import Field, Screen
from sild.errors import CallerError

SOURCE = Path(sild.__file__).parent
PACKS = SOURCE / "packs"
TEMPLATES, _ALGORITHMS = open_data(GatewaySettings(directory=Path("unused")), Path())
SCREENS = {
    file.stem: Screen.model_validate_json(file.read_bytes())
    for file in sorted(PACKS.glob("*/screens/*.json"))
}
WRITTEN = sorted(
    {
        field.concept
        for screen in SCREENS.values()
        for field in screen.components
        if isinstance(field, Field) and field.kind in ("text", "address", "account", "file")
    }
)
"""Concepts of which people write, or hand in, the value themselves."""


def mentions(tree: ast.AST, name: str) -> bool:
    """Whether a module imports `name`, or from it, by statement or by its text."""
    return any(
        (isinstance(node, ast.Import) and any(one.name.startswith(name) for one in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith(name))
        or (isinstance(node, ast.ImportFrom) and node.module == "sild" and any(f"sild.{one.name}" == name for one in node.names))
        or (isinstance(node, ast.Constant) and node.value == name)
        for node in ast.walk(tree)
    )  # fmt: skip


def users_of(name: str) -> set[str]:
    return {
        file.relative_to(SOURCE).parts[0].removesuffix(".py")
        for file in SOURCE.rglob("*.py")
        if name.rpartition(".")[2] in (text := file.read_text()) and mentions(ast.parse(text), name)
    }


def test_the_assistant_alone_has_a_client_of_the_gateway() -> None:
    assert users_of("sild.gateway_client") == {"assistant", "gateway_client"}
    assert users_of("sild.ai_gateway") <= {"ai_gateway", "nation", "processes", "cli"}, "those who run it"


@pytest.mark.parametrize(
    "sly",
    ["import sild.gateway_client", "from sild import gateway_client", "from sild.gateway_client.client import X",
     "def f():\n    return import_module('sild.gateway_client')"],
)  # fmt: skip
def test_the_search_sees_what_it_must(sly: str) -> None:
    assert mentions(ast.parse(sly), "sild.gateway_client")


def test_the_screens_ask_for_words() -> None:
    assert len(SCREENS) > 20 and len(WRITTEN) > 20, "what follows is about something"


def test_what_people_write_into_screens_goes_nowhere_or_stays_in_the_country() -> None:
    routes = RouteTable()
    for template in TEMPLATES.by_name.values():
        for name, slot in template.slots.items():
            if slot.field in WRITTEN:
                assert routes.places([template.classes[name]]) <= {"local"}, f"{template.name}: {name}"


def test_no_template_can_be_written_that_sends_it_abroad() -> None:
    """A slot filled from it is refused, or stays here, whatever class the template asks for."""
    for concept in WRITTEN:
        for more in ("", ", class: public", ", origin: person", ", origin: person, class: synthetic"):
            text = (
                f'id: x\nversion: "1"\nabout: x\nslots: {{q: {{field: {concept}{more}}}}}\n'
                'messages: [{role: user, text: "{{ q }}"}]\n'
            )
            try:
                template = parse_template(text.encode(), TEMPLATES.fields)
            except CallerError as refused:
                assert refused.code == "invalid_template"
                assert re.search("how guarded|either a class or a field", str(refused))
            else:
                assert RouteTable().places(template.classes.values()) <= {"local"}, concept


def test_a_persons_words_in_a_template_are_personal() -> None:
    said = [
        (template.name, name)
        for template in TEMPLATES.by_name.values()
        for name, slot in template.slots.items()
        if slot.origin == "person" and slot.type == "text"
    ]
    assert said, "the assistant's question"
    for template, name in said:
        found = TEMPLATES.by_name[template]
        assert RouteTable().places([found.classes[name]]) == {"local"}
        assert RouteTable().places(found.classes.values()) == {"local"}, "nor by company of public slots"


def test_what_the_assistant_fills_with_a_question_says_so() -> None:
    """The one call that is made: `question` is what a person wrote, and the only slot of text that is nobody's publication."""
    (template,) = {
        name for file in SOURCE.joinpath("assistant").glob("*.py") for name in used_templates(file)
    }
    found = TEMPLATES.find(template)
    assert found.slots["question"].origin == "person"
    assert {name for name, slot in found.slots.items() if slot.type == "text"} == {"question", "clauses"}
    text = (PACKS / "state" / "prompts" / found.id / f"{found.version}.yaml").read_text()
    lowered = yaml.safe_load(text)
    lowered["slots"]["question"]["class"] = "public"
    again = parse_template(yaml.safe_dump(lowered).encode(), TEMPLATES.fields)
    assert again.classes["question"] == "personal", "no template says otherwise"


def used_templates(file: Path) -> set[str]:
    return {
        str(node.value.value)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        and any(isinstance(target, ast.Name) and target.id == "TEMPLATE" for target in node.targets)
    }  # fmt: skip
