"""What people say to a move reaches the register as their own word: what it does not believe they say again, what they take back is void."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from sild.cases.move import UNDO, Move
from sild.cases.move_facts import BY_ROLE
from sild.cases.move_words import SAYS, TAKES_BACK
from sild.errors import CallerError
from sild.registries.residence.words import CARRIED, KINDS
from support.acting import EARLY, LogIn, proof

from .movers import MovingVillage
from .village import citizen

pytestmark = pytest.mark.asyncio(loop_scope="module")
PERSON = LogIn(posture=None, roles=())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def village(tmp_path_factory):
    MovingVillage.used.clear()
    async with MovingVillage(tmp_path_factory.mktemp("village")) as made:
        yield made


class Forging:
    """The identity provider's word of one act comes out otherwise than it ought to."""

    def __init__(self, village, **changes):
        self._voucher, self._village, self._changes = village.cases._parts.voucher, village, changes

    def __enter__(self):
        self._honest = self._voucher.vouch

        async def vouch(actor, case, registers, *, acts, operations=()):
            said = {
                "subject": actor.person,
                "case": case,
                "at": self._village.now,
                "login": PERSON,
                "acts": acts,
            }
            said |= {"registers": registers, "operations": operations, "statement": actor.statement_sha256}
            return "forged" if not self._changes else proof(**{**said, **self._changes})

        self._voucher.vouch = vouch

    def __exit__(self, *raised):
        self._voucher.vouch = self._honest


FORGED = {
    "no token at all": {},
    "another's": {"subject": "EE36805280109"},
    "of another case": {"case": "case-of-somebody"},
    "for another register": {"registers": ["SILD/GOV/70000002/population"]},
    "of something else": {"statement": "0" * 64},
    "of nothing in particular": {"statement": None},
    "for something else": {"operations": ["requestRemoval"]},
    "of a log-in of low level": {"login": LogIn(acr="low", posture=None, roles=())},
    "long ago": {"at": EARLY},
}


async def asked(village, **more):
    """A notice that an owner is asked about: the case, resident, owner, dwelling."""
    person = village.single()
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    case = await village.sent(citizen(person), home, [person.code], **more)
    return case, citizen(person), citizen(owner), home


async def test_what_the_register_does_not_believe_the_owner_says_again_and_nothing_is_lost(village):
    case, mari, juhan, home = await asked(village)
    for number, (attack, changes) in enumerate(FORGED.items(), start=1):
        with Forging(village, **changes):
            await village.act(case, "CONSENT", juhan)
        official = await village.office(case)
        if number == 1:
            await village.act(case, "ACCEPT", official)
        await village.act(case, "DECIDE", official)
        told = (await village.told(juhan)).count("say_again")
        assert (await village.status(case, mari), told) == ("ASKED", number), attack
        assert [task.screen for task in (await village.cases.view(case, juhan)).tasks] == ["move.consent"]
        assert (await village.home(mari.person[2:])).get("dwelling") != home
    await village.act(case, "CONSENT", juhan)
    assert await village.status(case, mari) == "ACCEPTED", "the office took it as valid before"
    await village.act(case, "DECIDE", await village.office(case))
    assert (await village.home(mari.person[2:]))["dwelling"] == home
    _steps, (record, *_) = await village.decisions(mari.person[2:])
    assert [one["says"] for one in record["record"]["words"]] == ["notice", "consent"]


async def test_an_owner_who_does_not_say_it_again_has_said_nothing(village):
    case, mari, juhan, _home = await asked(village)
    with Forging(village):
        await village.act(case, "CONSENT", juhan)
    await village.decided(case)
    assert await village.status(case, mari) == "ASKED"
    village.later(days=15)
    await village.settle()
    assert await village.status(case, mari) == "ACCEPTED"
    await village.act(case, "DECIDE", await village.office(case))
    assert (await village.home(mari.person[2:]))["level"] == "commune"


async def test_a_notice_that_is_not_believed_is_sent_again_and_the_answers_stand(village):
    with Forging(village, statement="0" * 64):
        case, mari, juhan, home = await asked(village)
    await village.act(case, "CONSENT", juhan)
    await village.decided(case)
    assert await village.status(case, mari) == "RETURNED"
    assert "say_again" in await village.told(mari)
    filled = await village.cases.fill(case, "move.notice", mari)
    assert filled.values["place"] == [f"dwelling:{home}"], "the form stands there as it was sent"
    await village.act(case, "SEND", mari, village.notice(f"dwelling:{home}", [mari.person[2:]]))
    assert await village.status(case, mari) == "ACCEPTED"
    await village.act(case, "DECIDE", await village.office(case))
    assert (await village.home(mari.person[2:]))["dwelling"] == home


async def test_who_said_yes_takes_it_back_until_it_is_decided_and_the_register_knows(village):
    case, mari, juhan, _home = await asked(village)
    await village.act(case, "CONSENT", juhan)
    official = await village.office(case)
    await village.act(case, "ACCEPT", official)
    view = await village.cases.view(case, juhan)
    assert view.tasks == () and [one.screen for one in view.may] == ["move.consent"]
    before = len(village.wire.heard)
    await village.act(case, "REFUSE", juhan)
    assert ("residence", "POST", "/words/withdrawal") in [one[:3] for one in village.wire.heard[before:]]
    await village.act(case, "DECIDE", official)
    assert (await village.home(mari.person[2:]))["level"] == "commune"


async def test_an_official_cannot_use_what_was_taken_back(village):
    """Past the case system: the words as they were, in the official's own message of this case."""
    case, mari, juhan, home = await asked(village)
    await village.act(case, "CONSENT", juhan)
    words = kept(village, case, *(one.seq for one in village.cases._parts.read(case).all("SEND", "CONSENT")))
    await village.act(case, "ACCEPT", await village.office(case))
    await village.act(case, "REFUSE", juhan)
    body = body_of(village, mari, home, juhan, {"people": [mari.person[2:]], "notice": 1, "said": words})
    assert await entered_past_the_cases(village, case, body) == "acting_not_proven"
    assert await entered_past_the_cases(village, case, body, issue="case-2") == "acting_not_proven", "theirs"


def body_of(village, resident, home, owner, words, day=None):
    day = (day or village.today()).isoformat()
    return {
        "people": [resident.person[2:]], "to": {"dwelling": home}, "valid_from": day, "sent_on": day, "words": words,
        "consent": {"kind": "owner", "owners": [owner.person[2:]]},
    }  # fmt: skip


async def entered_past_the_cases(village, case, body, issue=None):
    """An official's own message of this case, with whatever words they have: how the register refuses it."""
    official = await village.office(case)
    headers = {"X-Road-Client": "SILD/GOV/70000001/portal", "X-Road-Id": village.key(), "X-Road-UserId": official.person,
               "X-Road-Issue": issue or case, "Sild-Legal-Basis": "RRS § 68",
               "Sild-Acting": proof(official.person, issue or case, village.now)}  # fmt: skip
    with pytest.raises(CallerError) as refused:
        await village.wire.send("residence", "POST", "/moves", headers=headers, body=body)
    return refused.value.code


def kept(village, case, *seqs):
    """The words of these actions, as the database of cases has them."""
    return list(village.cases._parts.store.words(case, seqs).values())


async def test_words_of_a_notice_that_was_replaced_are_of_no_use_to_whoever_keeps_them(village):
    """Returned, sent anew for another day, and once more as at first: each word is good for the notice it was said to."""
    case, mari, juhan, home = await asked(village)
    await village.act(case, "CONSENT", juhan)
    read = village.cases._parts.read
    first = kept(village, case, *(one.seq for one in read(case).all("SEND", "CONSENT")))
    body = body_of(village, mari, home, juhan, {"people": [mari.person[2:]], "notice": 1, "said": first})

    async def returned():
        official = replace(await village.office(case), language="et")
        await village.act(
            case, "RETURN", official, {"defects": ["consent_missing"], "words": ["Palun uuesti."]}
        )

    async def sent(day):
        notice = village.notice(f"dwelling:{home}", [mari.person[2:]], valid_from=day)
        await village.act(case, "SEND", mari, notice)

    await returned()
    assert await entered_past_the_cases(village, case, body) == "acting_not_proven"
    await sent(village.today() + timedelta(days=1))
    assert await entered_past_the_cases(village, case, body) == "acting_not_proven"
    assert await village.status(case, mari) == "ASKED", "the owner is asked about another day"
    await village.act(case, "CONSENT", juhan)
    await returned()
    await sent(village.today())
    assert await village.status(case, mari) == "ASKED", "and once more"
    notice = kept(village, case, read(case).last("SEND").seq)
    mixed = {**body, "words": {**body["words"], "said": [*notice, first[1]]}}
    for number in (1, 3):
        mixed["words"]["notice"] = number
        assert await entered_past_the_cases(village, case, mixed) == "acting_not_proven"
    await village.act(case, "CONSENT", juhan)
    await village.decided(case)
    assert (await village.home(mari.person[2:]))["dwelling"] == home


async def test_a_notice_sent_again_spends_the_one_before_it_though_the_register_heard_of_no_return(village):
    case, mari, juhan, home = await asked(village)
    await village.act(case, "CONSENT", juhan)
    words = kept(village, case, *(one.seq for one in village.cases._parts.read(case).all("SEND", "CONSENT")))
    with Forging(village):
        official = replace(await village.office(case), language="et")
        await village.act(
            case, "RETURN", official, {"defects": ["consent_missing"], "words": ["Palun uuesti."]}
        )
    await village.act(case, "SEND", mari, village.notice(f"dwelling:{home}", [mari.person[2:]]))
    assert await village.status(case, mari) == "RECEIVED", "unchanged: what the owner said to it stands"
    said = {"people": [mari.person[2:]], "notice": 1, "said": words}
    body = body_of(village, mari, home, juhan, said)
    assert await entered_past_the_cases(village, case, body) == "acting_not_proven"
    await village.decided(case)
    assert (await village.home(mari.person[2:]))["dwelling"] == home


async def test_a_yes_said_twice_is_taken_back_twice(village):
    case, mari, juhan, home = await asked(village)
    await village.act(case, "CONSENT", juhan)
    await village.act(case, "CONSENT", juhan)
    await village.act(case, "REFUSE", juhan)
    read = village.cases._parts.read
    notice, *yes = kept(village, case, *(one.seq for one in read(case).all("SEND", "CONSENT")))
    assert len(yes) == 2
    for one in yes:
        words = {"people": [mari.person[2:]], "notice": 1, "said": [notice, one]}
        body = body_of(village, mari, home, juhan, words)
        assert await entered_past_the_cases(village, case, body) == "acting_not_proven"


async def test_the_notice_of_a_withdrawn_move_is_spent(village):
    case, mari, juhan, home = await asked(village)
    await village.act(case, "CONSENT", juhan)
    words = kept(village, case, *(one.seq for one in village.cases._parts.read(case).all("SEND", "CONSENT")))
    await village.act(case, "WITHDRAW", mari)
    body = body_of(village, mari, home, juhan, {"people": [mari.person[2:]], "notice": 1, "said": words})
    assert await entered_past_the_cases(village, case, body) == "acting_not_proven"


async def test_whatever_the_register_takes_for_a_word_can_be_taken_back():
    """The kinds of words of the two sides, and which action takes back which."""
    assert {*SAYS.values()} == {*KINDS}
    assert {SAYS[name] for names in TAKES_BACK.values() for name in names} == {*KINDS}
    rules = {rule.name: rule for rule in Move.rules}
    for action in SAYS:
        assert action in TAKES_BACK[action], "said anew, the word before is of no use"
        assert {one.partition("/")[2] for one in rules[action].says} & {*CARRIED}, action
    for action in TAKES_BACK:
        assert UNDO in rules[action].says, action
    for names in BY_ROLE.values():
        for name in names:
            assert {*TAKES_BACK[name]} == {*names} & {*SAYS}, "either answer takes the place of either"


async def test_a_family_each_by_their_own_word(village):
    """A parent sends the notice for a child, the other parent agrees and joins; whose word is missing is asked for it."""
    child, mother, father = village.family()
    home, (owner,) = await village.dwelling_of(1, but=[mother.code, father.code])
    mari, jaan = citizen(mother), citizen(father)
    case = await village.sent(mari, home, [mother.code, father.code, child.code])
    await village.act(case, "CONSENT", citizen(owner))
    with Forging(village, case="case-of-somebody"):
        await village.act(case, "ALLOW", jaan)
    await village.act(case, "JOIN", jaan)
    await village.decided(case)
    view = await village.cases.view(case, jaan)
    assert view.status == "ASKED"
    assert [task.screen for task in view.tasks] == ["move.custody"], "what was believed is not asked again"
    await village.act(case, "ALLOW", jaan)
    await village.act(case, "DECIDE", await village.office(case))
    assert [(await village.home(one.code))["dwelling"] for one in (mother, father, child)] == [home] * 3
    _steps, (record, *_) = await village.decisions(mother.code)
    says = {one["says"] for one in record["record"]["words"]}
    assert says == {"notice", "consent", "joining", "custody"}


async def test_owners_of_two_minds_are_believed_each_by_their_own_word(village):
    person = village.single()
    home, owners = await village.dwelling_of(2, but=[person.code])
    case = await village.sent(citizen(person), home, [person.code])
    for owner, answer in zip(owners, ("CONSENT", "REFUSE"), strict=True):
        await village.act(case, answer, citizen(owner))
    official = await village.office(case)
    judgment = {"level": ["commune"], "words": ["Nothing was agreed."]}
    await village.act(case, "SETTLE", replace(official, language="et"), judgment)
    _steps, (record, *_) = await village.decisions(owners[0])
    assert [one["says"] for one in record["record"]["words"]] == ["consent", "refusal"]
