"""What ships in the packs: entries of the algorithm register are read as they are, templates load, fields have classes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

import sild
from sild.ai_gateway import GatewaySettings, open_data
from sild.ai_gateway.templates import class_of, parse_template
from sild.errors import CallerError

PACKS = Path(sild.__file__).parent / "packs"
SETTINGS = GatewaySettings(directory=Path("unused"))


def test_entries_of_the_packs_are_entries(tmp_path: Path) -> None:
    _templates, algorithms = open_data(SETTINGS, tmp_path)
    files = list(PACKS.glob("*/algorithms/*.yaml"))
    assert files
    for file in files:
        entry = yaml.safe_load(file.read_text())
        use = algorithms.find(entry["id"])
        assert use is not None and use.id == entry["id"]
        named = entry.get("gateway", {})
        wanted = (named.get("purposes", ["x"])[0], tuple(named.get("templates", ())))
        assert (use.why_not(*wanted, today=date(2026, 11, 22)) is None) == bool(named), (
            "nothing named, no key"
        )
        assert use.why_not("anything", wanted[1], today=date(2026, 11, 22)) is not None
        assert use.why_not(wanted[0], ("another",), today=date(2026, 11, 22)) is not None


def test_templates_of_the_packs_load(tmp_path: Path) -> None:
    templates, _algorithms = open_data(SETTINGS, tmp_path)
    assert len(templates.by_name) == len(list(PACKS.glob("*/prompts/*/*.yaml")))
    for template in templates.by_name.values():
        assert template.classes.keys() == template.slots.keys()


@pytest.mark.parametrize(
    ("slots", "text", "why"),
    [
        ("{}", "{{ a }}", "slots and placeholders differ"),
        ("{a: {class: public}}", "nothing", "slots and placeholders differ"),
        ("{a: {}}", "{{ a }}", "either a class or a field"),
        ("{a: {field: person.shoe_size}}", "{{ a }}", "nobody has said how guarded"),
        ("{a: {class: harmless}}", "{{ a }}", "Input should be"),
        ("{a: {class: abstraction}}", "{{ a }}", "of a type other than text"),
        ("{a: {class: secret, as_token: true}}", "{{ a }}", "has no token"),
        ("{a: {class: public, type: choice}}", "{{ a }}", "choices go with"),
        ("{a: {class: public, colour: red}}", "{{ a }}", "Extra inputs"),
    ],
)
def test_a_template_that_is_none_is_refused_by_its_reason(slots: str, text: str, why: str) -> None:
    data = f'id: x\nversion: "1"\nabout: x\nslots: {slots}\nmessages: [{{role: user, text: "{text}"}}]\n'
    with pytest.raises(CallerError, match=why) as refused:
        parse_template(data.encode(), {})
    assert refused.value.code == "invalid_template"


def test_free_text_of_people_is_personal_whatever_the_template_says() -> None:
    data = 'id: x\nversion: "1"\nabout: x\nslots: {q: {class: public, origin: person}}\nmessages: [{role: user, text: "{{ q }}"}]\n'
    template = parse_template(data.encode(), {})
    assert template.classes == {"q": "personal"}
    assert class_of(template.slots["q"], {}) == "personal"
