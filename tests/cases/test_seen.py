"""What somebody saw when they acted can be shown again; a screen that changes does not break a draft, and says what changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sild.cases import Refused

from .world import GIVEN, JUHAN, MARI, OFFICIAL, STRANGER


def changed(world, **fields):
    """The form as its next version has it. fields: name -> changed part, or None: gone."""
    form = world.packs.screens["permit.form"]
    kept = []
    for part in form.components:
        name = getattr(part, "name", None)
        if name in fields:
            if fields[name] is not None:
                kept.append(part.model_copy(update=fields[name]))
            continue
        kept.append(part)
    new = fields.get("added")
    if new:
        kept.append(
            next(p for p in form.components if getattr(p, "name", "") == "note").model_copy(update=new)
        )
    later = form.model_copy(update={"version": form.version + 1, "components": tuple(kept)})
    screens = {**world.packs.screens, "permit.form": later}
    world.packs = replace(world.packs, screens=screens)


async def again(world):
    await world.cases.stop()
    await world.start()
    await world.cases.publish()


async def test_the_screen_facts_and_answers_of_an_action(any_world):
    world = any_world
    case = await world.open()
    filled = await world.cases.fill(case, "permit.form", MARI)
    await world.act(case, "SEND", MARI, GIVEN)
    changed(world, note=None)
    await again(world)
    view = await world.cases.view(case, MARI)
    (entry,) = [entry for entry in view.timeline if entry.seen is not None]
    seen = await world.cases.seen(case, entry.seen, MARI)
    assert entry.name == "SEND" and seen.given == GIVEN
    assert seen.screen == filled.screen and "note" in {field.name for field in seen.screen.fields()}
    assert [(line.concept, line.value, line.source) for line in seen.facts] == [
        (line.concept, line.value, line.source) for line in filled.facts
    ]
    assert (await world.cases.seen(case, entry.seen, OFFICIAL)).given == GIVEN


async def test_it_is_not_for_others(world):
    case = await world.sent()
    view = await world.cases.view(case, OFFICIAL)
    seq = next(entry.seen for entry in view.timeline if entry.seen is not None)
    for actor, wanted, code in (
        (STRANGER, seq, "not_yours"),
        (MARI, 999, "not_found"),
        (OFFICIAL, 1, "not_found"),
    ):
        with pytest.raises(Refused) as refused:
            await world.cases.seen(case, wanted, actor)
        assert refused.value.code == code
    with pytest.raises(Refused):
        await world.cases.seen("made-up", seq, JUHAN)


async def test_a_draft_outlives_a_changed_screen(world):
    case = await world.open()
    await world.cases.save_draft(case, "permit.form", MARI, {"colour": ["red"], "note": ["by the lake"]})
    assert (await world.cases.fill(case, "permit.form", MARI)).changes == ()
    changed(world, note=None, added={"name": "why"})
    await again(world)
    filled = await world.cases.fill(case, "permit.form", MARI)
    assert {(change.kind, change.field) for change in filled.changes} == {("gone", "note"), ("new", "why")}
    assert filled.values == {"colour": ["red"]}
    await world.cases.save_draft(case, "permit.form", MARI, {"colour": ["red"], "why": ["so"]})
    assert (await world.cases.fill(case, "permit.form", MARI)).changes == (), (
        "told once the draft is of this screen"
    )


async def test_words_that_are_bettered_change_no_draft(world):
    case = await world.open()
    await world.cases.save_draft(case, "permit.form", MARI, GIVEN)
    label = {"et": "Muu", "vi": "Khác", "en": "Anything else"}
    changed(world, note={"label": label})
    await again(world)
    filled = await world.cases.fill(case, "permit.form", MARI)
    assert filled.changes == () and filled.values == GIVEN


async def test_what_was_seen_stays(any_world):
    world = any_world
    await world.sent()
    for change in ("UPDATE case_seen SET given = '{}'", "DELETE FROM case_seen", "DELETE FROM case_screens"):
        with pytest.raises(DBAPIError), world.cases._parts.store.engine.begin() as connection:
            connection.execute(text(change))
