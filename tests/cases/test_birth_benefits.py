"""Who receives, and where: no parent's money goes to the other's account, and what moves it waits for the other's word."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from sild.cases import Refused
from sild.errors import CallerError, Unavailable

from .village import ACCOUNT, FATHER, FORM, JAAN, MARI, MOTHER, Village, citizen, couples, official

HIS = "EE471000001020145685"


async def offered(village) -> str:
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, FORM)
    await village.act(case, "COSIGN", JAAN)
    return case


def orders(village) -> set[tuple[str, str]]:
    with village.registers["social"].kernel.engine.connect() as connection:
        rows = connection.execute(text("SELECT person, account FROM social_payment_orders"))
        return {(row.person, row.account) for row in rows}


async def tasks(village, who) -> list[str]:
    return [task.screen for task in (await village.cases.home(who)).tasks]


async def test_a_father_has_the_mothers_benefits_not_paid_to_his_account_nor_unseen(village):
    case = await offered(village)
    await village.act(case, "ACCEPT", JAAN, {"choice": ["mother"], "account": [HIS]})
    hers, his = await village.cases.view(case, MARI), await village.cases.view(case, JAAN)
    assert hers.status == "OFFERED" and "benefits" not in hers.results and orders(village) == set()
    assert (hers.results["offer_named"], hers.results["offer_waits"]) == ("mother", "you")
    assert his.results["offer_waits"] == "other" and not await village.bank()
    assert "word_asked" in await village.notices(MARI) and "word_awaited" in await village.notices(JAAN)
    assert "birth.offer" in await tasks(village, MARI) and "birth.offer" not in await tasks(village, JAAN)
    assert "birth.offer" in [task.screen for task in his.may], "he may think again"
    with village.registers["social"].kernel.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM social_accounts")) == 0
    await village.act(case, "ACCEPT", MARI, {"choice": ["mother"], "account": [ACCOUNT]})
    assert orders(village) == {(MOTHER.code, ACCOUNT)}
    assert (await village.cases.view(case, MARI)).is_closed


async def test_what_is_hers_alone_by_her_own_word_asks_nobody(village):
    """And he hears of it."""
    case = await offered(village)
    await village.act(case, "ACCEPT", MARI, {"choice": ["mother"], "account": [ACCOUNT]})
    assert (await village.cases.view(case, MARI)).is_closed
    assert "chosen_by_other" in await village.notices(JAAN)
    assert not {"word_asked", "word_awaited", "chosen_by_other"} & set(await village.notices(MARI))


async def test_each_gives_their_own_account_and_sees_no_other(village):
    case = await offered(village)
    await village.act(case, "ACCEPT", JAAN, {"choice": ["father"], "account": [HIS]})
    filled = await village.cases.fill(case, "birth.offer", MARI)
    lines = {(line.concept, line.label): line.value for line in filled.facts}
    assert lines["child.chosen_benefits", "The father chose"] == "The father takes over from the mother"
    assert HIS[-4:] not in str(filled.facts) + str(filled.options)
    own = await village.cases.fill(case, "birth.offer", JAAN)
    assert f"ends in {HIS[-4:]}" in {line.value for line in own.facts} and HIS not in str(own.facts)
    labels = dict(filled.options["benefit_choices"])
    assert "other parent" in labels["father"] and "other parent" not in labels["mother"]
    await village.act(case, "ACCEPT", MARI, {"choice": ["father"], "account": [ACCOUNT]})
    assert orders(village) == {(FATHER.code, HIS), (MOTHER.code, ACCOUNT)}
    view = await village.cases.view(case, JAAN)
    assert view.results["benefits"] == "father" and "offer_waits" not in view.results
    clerk = official(await village.office(case))
    assert HIS not in str(await village.cases.view(case, clerk)), "nor does the office read it"


async def test_they_choose_differently_until_they_agree(village):
    case = await offered(village)
    for who, choice, asked in ((JAAN, "father", MARI), (MARI, "shared", JAAN), (JAAN, "shared", None)):
        await village.act(
            case, "ACCEPT", who, {"choice": [choice], "account": [ACCOUNT if who is MARI else HIS]}
        )
        if asked is not None:
            assert "birth.offer" in await tasks(village, asked) and "birth.offer" not in await tasks(
                village, who
            )
            assert orders(village) == set()
    view = await village.cases.view(case, MARI)
    assert view.results["benefits"] == "shared" and [e.name for e in view.timeline].count("AWAIT_WORD") == 2


async def test_who_receives_gives_an_account(village):
    case = await offered(village)
    for who, choice in ((MARI, "mother"), (JAAN, "shared")):
        with pytest.raises(Refused) as refused:
            await village.act(case, "ACCEPT", who, {"choice": [choice]})
        assert [(one.field, one.reason) for one in refused.value.defects] == [("account", "missing")]


async def test_the_board_is_away_when_it_is_said(village):
    """It waits with the case, and then for the other's word all the same."""
    case = await offered(village)
    send = village.wire.send

    async def takes_nothing(register, method, path, **more):
        if path.endswith("/acceptance"):
            raise Unavailable("down", code="network_error")
        return await send(register, method, path, **more)

    village.wire.send = takes_nothing
    await village.act(case, "ACCEPT", JAAN, {"choice": ["shared"], "account": [HIS]})
    assert (await village.cases.view(case, MARI)).status == "ACCEPTED"
    village.wire.send = send
    village.later(minutes=20)
    await village.settle()
    assert (await village.cases.view(case, MARI)).results["offer_waits"] == "you" and orders(village) == set()


async def test_straight_to_the_register_it_is_the_same(village):
    """Whatever a case would let through, the board looks itself."""
    case = await offered(village)
    (offer,) = (await village.ask("social", "GET", f"/persons/{MOTHER.code}/offers"))["items"]
    path, body = f"/offers/{offer['id']}/acceptance", {"choice": "mother", "account": HIS}
    named = await village.ask("social", "POST", path, body, user=JAAN.person)
    assert (named["state"], named["accounts"]) == ("open", [])
    await village.act(case, "ACCEPT", MARI, {"choice": ["mother"], "account": [ACCOUNT]})
    with pytest.raises(CallerError) as refused:
        await village.ask(
            "social", "POST", f"/offers/{offer['id']}/account", {"account": HIS}, user=JAAN.person
        )
    assert "not_a_receiver" in str(refused.value.code) + str(refused.value)
    assert orders(village) == {(MOTHER.code, ACCOUNT)}


async def test_in_viet_nam_both_say_where_theirs_goes(tmp_path):
    async with Village(tmp_path, country="VN") as village:
        mother, father = couples(1, "VN")[0]
        m, f = citizen(mother), citizen(father)
        await village.born(mother.code)
        case = await village.case_of(m)
        await village.act(case, "DECLARE", m, {**FORM, "family_name": [father.family_name]})
        await village.act(case, "COSIGN", f)
        decider = official(await village.office(case))
        await village.act(case, "APPROVE", replace(decider, person="VN001068000009"))
        await village.act(case, "ACCEPT", f, {"choice": ["both"], "account": ["970415 0011009876543"]})
        view = await village.cases.view(case, m)
        assert (view.status, view.results["offer_waits"]) == ("OFFERED", "you")
        await village.act(case, "ACCEPT", m, {"choice": ["both"], "account": ["970436 0011001234567"]})
        assert (await village.cases.view(case, f)).results["benefits"] == "both"
        own = {mother.code: "970436-0011001234567", father.code: "970415-0011009876543"}
        assert orders(village) and orders(village) <= set(own.items())
