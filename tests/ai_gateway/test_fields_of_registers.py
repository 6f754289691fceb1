"""The classes of slots are those of the registers' own fields: every concept that a register describes has one, and no other stands there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from fastapi import FastAPI

import sild.registries
from sild.ai_gateway import GatewaySettings, open_data
from sild.ai_gateway.canaries import PLANTED
from sild.ai_gateway.templates import Templates, parse_template
from sild.errors import CallerError
from sild.processes.registry import KINDS, RegistrySettings

ROOMS = sorted(file.parent.name for file in Path(sild.registries.__path__[0]).glob("*/http.py"))
TEMPLATES, _ALGORITHMS = open_data(GatewaySettings(directory=Path("unused")), Path())


@contextmanager
def opened(kind: str, directory: Path) -> Iterator[FastAPI]:
    settings = {"kind": kind, "system": f"DEV/GOV/1/{kind}", "directory": directory / kind, "people": 100}
    register = KINDS[kind](RegistrySettings.model_validate(settings), directory / kind)
    assert isinstance(register.application, FastAPI)
    try:
        yield register.application
    finally:
        register.close()


def test_every_field_of_every_register_has_a_class_and_no_other_is_named(tmp_path: Path) -> None:
    concepts = set()
    for kind in KINDS:
        with opened(kind, tmp_path) as application:
            found = application.state.concepts
            assert found, kind
            concepts.update(found)
    for name in ROOMS:  # also of a register that is no process of its own
        described = getattr(import_module(f"sild.registries.{name}.http"), "DESCRIPTION", None)
        concepts.update(one.name for one in (described.concepts if described else ()))
    assert TEMPLATES.differences(concepts) == ((), ()), "src/sild/packs/state/prompts/fields.yaml"
    listed = yaml.safe_load(
        (Path(sild.__file__).parent / "packs/state/concepts/registers.yaml").read_text("utf-8")
    )
    assert {*listed} == concepts, "src/sild/packs/state/concepts/registers.yaml"
    assert set(PLANTED) <= {*TEMPLATES.fields.values()}, "a canary stands where data of its class are"


def test_a_field_without_a_class_is_told_and_has_no_slot() -> None:
    known = Templates({}, {"person.sex": "personal", "law.text": "public"})
    assert known.differences(["person.sex", "person.shoe_size"]) == (("person.shoe_size",), ())
    assert known.differences([]) == ((), ("person.sex",))
    data = (
        'id: x\nversion: "1"\nabout: x\nslots: {q: {field: person.shoe_size}}\n'
        'messages: [{role: user, text: "{{ q }}"}]\n'
    )
    with pytest.raises(CallerError, match=r"how guarded person\.shoe_size"):
        parse_template(data.encode(), known.fields)
