"""J1 told by processes that are killed (killing.py): a couple; parents who are not married; a birth entered on paper, and one
nobody told of; one registered elsewhere; a day of birth that was wrong; benefits that were refused; a
mother who died; a child who had not; a parent who said nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from registries.families import man, single
from sild.cases import BirthPaper, OfflineRecord, Party
from sild.errors import Unavailable

from .killing import Killed, main
from .refusing import earned_abroad, overturned, refused
from .village import ACCOUNT, FORM, JAAN, MARI, MOTHER, Village, citizen, closed, couples, official
from .world import SYSTEM


class BirthProgram(Killed, Village):
    deaf = False  # whether the portal hears no event
    mute = False  # whether no register answers it

    def __init__(self, directory, which) -> None:
        super().__init__(directory, which)
        call = self.wire.call

        async def called(*said, **more):
            if self.mute:
                raise Unavailable("no register answers", code="network_error")
            return await call(*said, **more)

        self.wire.call = called

    def busy(self):
        """Who is asked answers soon, even if they had too much to do just now."""
        return super().busy() + (0 if self.mute else self.waiting())

    async def _deliver(self, subscription, event):
        if self.deaf and subscription.subscriber == SYSTEM:
            raise Unavailable("nobody listens", code="network_error")
        return await super()._deliver(subscription, event)

    async def child(self, mother, father=None, *, deaf=False) -> str:
        """Born once, by the hospital's number."""
        self.deaf = deaf
        if not (self.directory / "kept.child").exists():
            child = await self.born(mother.code, father and father.code, number="2026-1", settle=False)
            self.kept("child", lambda: child)
        await self.once("child", self.settle)
        return (self.directory / "kept.child").read_text()

    async def born_on(self, child, day) -> None:
        """The population register's people correct the day of birth, once."""
        facts = (await self.ask("population", "GET", f"/persons/{child}/facts"))["items"]
        (born,) = (fact for fact in facts if fact["name"] == "born")
        if born["value"] != day:
            path = f"/facts/{born['fact']}/correction"
            said = {"value": day, "reason": "the hospital's book says otherwise"}
            await self.ask("population", "POST", path, said, user="EE36805280109")
        await self.once("corrected", self.settle)

    async def end(self, case, child, *people) -> dict:
        benefits = await self.ask("social", "GET", f"/persons/{people[0].person[2:]}/benefits")
        facts = await self.ask("population", "GET", f"/persons/{child}/facts")
        return {
            **self.shown(await self.cases.view(case, people[0])),
            "notices": [sorted(await self.notices(person)) for person in people],
            "benefits": sorted(item["benefit"] for item in benefits["items"]),
            "doctor": (await self.ask("care", "GET", f"/persons/{child}/practice"))
            .get("now", {})
            .get("practice"),
            "names": [fact["value"] for fact in facts["items"] if fact["name"] == "given_names"],
        }


async def married(village: BirthProgram) -> dict:
    """From the notice to the money, the card and the place; another wish before it; a family doctor; the first account was closed."""
    child = await village.child(MOTHER)
    case = await village.case_of(MARI)
    wish = {"wants_place": ["yes"], "kindergarten": ["1"], "doctor": ["EE-0784-2"]}
    await village.act(case, "DECLARE", MARI, {**FORM, **wish})
    await village.act(case, "COSIGN", JAAN)
    await village.act(case, "ACCEPT", JAAN, {"choice": ["shared"], "account": [ACCOUNT]})
    await village.act(
        case, "ACCEPT", MARI, {"choice": ["shared"], "account": [closed()]}, key="ACCEPT-mother"
    )
    await village.act(case, "WISH", JAAN, {"kindergarten": ["any"]})
    await village.act(case, "TAKE_PLACE", MARI)
    await village.wait("all", 1)
    await village.once("closed", village.bank)
    await village.act(case, "GIVE_ACCOUNT", MARI, {"account": [ACCOUNT]})
    await village.once("paid", village.bank)
    return await village.end(case, child, MARI, JAAN)


async def unmarried(village: BirthProgram) -> dict:
    """Reminded; paternity acknowledged by her, by him before an official, which he contests; another name proposed; the office returns, then approves."""
    woman, father = single(), man()
    eva, peeter = citizen(woman), citizen(father)
    child = await village.child(woman, father)
    case = await village.case_of(eva)
    await village.wait("name", 25)
    form = {**FORM, "family_name": [woman.family_name]}
    await village.act(case, "DECLARE", eva, form)
    await village.act(case, "ACKNOWLEDGE", eva, {"custody": ["joint"]}, key="ACKNOWLEDGE-mother")
    desk = official(await village.office(case))
    here = {"present": ["father"], "answer": ["acknowledge"], "document": ["passport"], "document_number": ["K1"], "words": ["Mine."]}  # fmt: skip
    await village.act(case, "TAKE_PATERNITY", desk, here)
    await village.act(case, "CONTEST_PATERNITY", peeter, {"words": ["Not I."]})
    other = {"given_names": ["Liis"], "family_name": [woman.family_name]}
    await village.act(case, "PROPOSE", peeter, other)
    defects = {"defects": ["parents_disagree"], "words": ["?"]}
    await village.act(case, "RETURN", desk, defects)
    await village.act(case, "DECLARE", eva, {**form, "given_names": ["Liis"]}, key="DECLARE-again")
    await village.act(case, "COSIGN", peeter)
    return await village.end(case, child, eva, peeter)


async def paper(village: BirthProgram) -> dict:
    """Registered in a commune without a line; brought in before the event comes."""
    desk = official("birth@0784")
    child = await village.child(MOTHER, deaf=not (village.directory / "kept.heard").exists())
    if not (village.directory / "kept.block").exists():
        block = await village.cases.reserve_numbers("birth", 5, desk)
        village.kept("block", lambda: f"{block.id} {block.numbers[0]}")
    block, number = village.kept("block", str).split(" ")
    content = {"given_names": "Liis", "family_name": MOTHER.family_name, "registered_on": "2026-03-02"}
    at = datetime(2026, 3, 2, tzinfo=UTC)
    record = OfflineRecord("r-1", number, child, (Party("child", child),), content, at, desk.person)
    (merged,) = await village.cases.merge(block, [record], desk)
    village.kept("heard", lambda: merged.case)
    village.deaf = False
    await village.acted("merge")
    return await village.end(merged.case, child, MARI, JAAN)


async def unheard_of(village: BirthProgram) -> dict:
    """Born outside a hospital: two offices hand in a paper of the birth, and people say that it is one child."""
    desk, other = official("birth@0784"), official("birth@0793")

    async def numbered(name, who) -> str:
        if not (village.directory / f"kept.{name}").exists():
            block = await village.cases.reserve_numbers("birth", 1, who)
            village.kept(name, lambda: block.numbers[0])
        return village.kept(name, str)

    said = {
        "given_names": "Liis", "family_name": MOTHER.family_name, "registered_on": "2026-03-02", "mother": MOTHER.code,
        "born": "2026-03-01", "sex": "F", "place": "Prangli", "ground": "medical", "attended_by": "Mai Saar",
    }  # fmt: skip
    first = BirthPaper(await numbered("first", desk), "", **said)
    second = BirthPaper(await numbered("second", other), "", **{**said, "born": "2026-03-02"})
    await village.cases.hand_in(first, desk)
    await village.acted("first")
    await village.cases.hand_in(second, other)
    await village.acted("second")
    case = await village.case_of(MARI)
    children = (await village.ask("population", "GET", f"/persons/{MOTHER.code}/children"))["items"]
    (child,) = [one["code"] for one in children if one["born"] == "2026-03-01"]

    async def one_child() -> None:
        for review in (await village.ask("population", "GET", "/reviews"))["items"]:
            decision = {"decision": "SAME", "child": child}
            await village.ask(
                "population", "POST", f"/reviews/{review['id']}/decision", decision, user=desk.person
            )
        await village.settle()

    await village.once("looked", one_child)
    await village.acted("joined")
    end = await village.end(case, child, MARI, JAAN)
    papers = [await village.cases.paper(one.number, who) for one, who in ((first, desk), (second, other))]
    return {**end, "papers": [one.outcome for one in papers]}


async def elsewhere(village: BirthProgram) -> dict:
    """An office registers it before the news of the birth comes: what the bodies told meanwhile is caught up with."""
    child = await village.child(MOTHER, deaf=True)
    path = f"/births/{child}"
    if (await village.ask("population", "GET", path))["status"] != "REGISTERED":
        names = {"given_names": "Kaie", "family_name": MOTHER.family_name}
        await village.ask("population", "POST", f"{path}/registration", names, user="EE36805280109")
    await village.once("registered", village.settle)
    village.deaf = False
    await village.wait("news", 1)
    case = await village.case_of(MARI)
    end = await village.end(case, child, MARI, JAAN)
    return {
        **end,
        "actions": sorted(set(end["actions"])),
    }  # the same offer may be heard of and caught up with


class VietNam(BirthProgram):
    """Whose codes do not say the day of birth: it can be corrected."""

    country = "VN"


async def corrected(village: VietNam) -> dict:
    """The hospital's day was wrong: cover and offer are decided again by rule, and the parents hear of it in a case that was closed."""
    woman, man = couples(1, "VN")[0]
    mother, father = citizen(woman), citizen(man)
    child = await village.child(woman)
    case = await village.case_of(mother)
    form = {**FORM, "given_names": ["Minh Anh"], "family_name": [man.family_name]}
    await village.act(case, "DECLARE", mother, form)
    await village.act(case, "COSIGN", father)
    await village.act(case, "APPROVE", replace(official(await village.office(case)), person="VN001068000009"))
    await village.act(case, "ACCEPT", mother, {"choice": ["mother"], "account": ["970436 0011001234567"]})
    await village.born_on(child, "2026-02-20")
    return await village.end(case, child, mother, father)


async def bereaved(village: BirthProgram) -> dict:
    """The mother dies before there is a name; a guardian is appointed, whose word the office then enters."""
    woman, guardian = single(), MOTHER
    child = await village.child(woman)
    case = await village.case_of(citizen(woman))
    await village.once("died", lambda: village.dies(woman.code, "2026-03-02"))
    await village.acted("death")
    court = {
        "ward": child,
        "guardian": guardian.code,
        "kind": "guardian",
        "valid_from": "2026-03-02",
        "valid_to": None,
    }
    await village.once("appointed", lambda: village.ask("population", "POST", "/guardianships", court))
    await village.acted("guardian")
    form = {**FORM, "family_name": [woman.family_name], "address": ["guardian"]}
    await village.act(case, "DECLARE", MARI, form)
    await village.act(case, "APPROVE", official(await village.office(case)))
    return await village.end(case, child, MARI, citizen(woman))


async def mistaken(village: BirthProgram) -> dict:
    """The child was said to be dead before the case knew anything else, and lives: two officials annul it, and all goes on."""
    village.mute = not village.over("death")
    child = await village.child(MOTHER)
    await village.once("died", lambda: village.dies(child, "2026-03-02"))
    await village.acted("death")
    village.mute = False
    await village.acted("answered")
    await village.wait("seen", 1)
    await village.once("annulled", lambda: village.lives(child, MOTHER.code))
    await village.acted("lives")
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, FORM)
    await village.act(case, "COSIGN", JAAN)
    return await village.end(case, child, MARI, JAAN)


async def silent(village: BirthProgram) -> dict:
    """One parent says nothing: reminded, told that the office takes it up; a return on the last day, silence again, and the office
    names the child."""
    child = await village.child(MOTHER)
    case = await village.case_of(MARI)
    desk = official("birth@0784")
    await village.act(case, "DECLARE", MARI, FORM)
    await village.wait("reminded", 25)
    await village.wait("lapsed", 6)
    await village.act(case, "RETURN", desk, {"defects": ["name_unclear"]})
    await village.wait("again", 11)
    said = {"words": ["The time was over."], "hearing": ["Called twice."]}
    await village.act(
        case, "NAME_FOR", desk, {"given_names": ["Liis"], "family_name": [MOTHER.family_name], **said}
    )
    return await village.end(case, child, MARI, JAAN)


async def unpaid(village: BirthProgram) -> dict:
    """The board's official refuses the benefits, the case is closed; overturned, they are offered in it again, and accepted."""
    await village.once("abroad", lambda: earned_abroad(village))
    child = await village.child(MOTHER)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, FORM)
    await village.act(case, "COSIGN", JAAN)
    offer = await refused(village, child)
    refusal = village.kept("refusal", lambda: offer["decision"])
    await village.acted("refusal")
    await village.once("contested", lambda: overturned(village, refusal))
    await village.acted("overturned")
    await village.act(case, "ACCEPT", MARI, {"choice": ["mother"], "account": [ACCOUNT]})
    return await village.end(case, child, MARI, JAAN)


STORIES = {
    "married": (BirthProgram, married),
    "unmarried": (BirthProgram, unmarried),
    "paper": (BirthProgram, paper),
    "unheard_of": (BirthProgram, unheard_of),
    "elsewhere": (BirthProgram, elsewhere),
    "corrected": (VietNam, corrected),
    "unpaid": (BirthProgram, unpaid),
    "bereaved": (BirthProgram, bereaved),
    "mistaken": (BirthProgram, mistaken),
    "silent": (BirthProgram, silent),
}

if __name__ == "__main__":
    raise SystemExit(main(STORIES))
