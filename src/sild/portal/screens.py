"""One screen of a case as a web page, from the Screen JSON contract: facts, questions, promises, buttons, and every defect at once.

For citizens and officials alike; what they filled in stays in the fields whatever happens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import IO, Any
from urllib.parse import quote

from starlette.responses import JSONResponse, Response, StreamingResponse

from sild.cases import Acted, CaseView, FactLine, Filled, Refused
from sild.catalogue import Defect, Facts, Field
from sild.errors import CallerError, Unavailable
from sild.identity_client import new_secret
from sild.portal.charts import bars_of, tenths
from sild.portal.edge import redirect
from sild.portal.kept_forms import answers_of
from sild.portal.pages import Pages
from sild.portal.ports import Cases
from sild.portal.receipts import Receipts, form_key
from sild.portal.screen_json import as_told, over_json, screen_json
from sild.portal.settings import PortalSettings
from sild.portal.uploads import Upload
from sild.portal.visit import LoginNeeded, Visit

__all__ = ["ScreenPages"]

CONTAINER = "application/vnd.etsi.asic-e+zip"
KEPT_APART = {
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""Of what is to be kept, never to be opened here."""


class ScreenPages:
    """root: address of a case's page, with places for parameters of the route."""

    def __init__(
        self, pages: Pages, cases: Cases, receipts: Receipts, settings: PortalSettings, root: str
    ) -> None:
        self._pages = pages
        self._cases = cases
        self._receipts = receipts
        self._upload_bytes = settings.upload_bytes
        self._issuer = settings.issuer
        self._root_pattern = root

    async def show(self, visit: Visit) -> Response:
        """A screen on which nothing can be done now, as after sending with the back button or before its turn, says how the case stands."""
        case, screen = self._names(visit)
        view = await self._cases.view(case, visit.person)
        if (why := view.idle_screens.get(screen)) is not None:
            return self._over(visit, view, why, 200)
        filled = await self._cases.fill(case, screen, visit.person)
        return await self._page(visit, filled, filled.values, filled.defects)

    async def submit(self, visit: Visit) -> Response:
        """An action of the screen, a draft, or a search among addresses."""
        response = await self._submitted(visit)
        return as_told(response) if visit.call.wants_json else response

    async def _submitted(self, visit: Visit) -> Response:
        case, screen = self._names(visit)
        form = visit.call.form
        answers = answers_of(form)
        action = form.get("do", [""])[-1]
        key = form_key(visit)
        if action not in ("SAVE", "SEARCH"):
            try:
                if (receipt := await self._receipts.seen(visit, key)) is not None:
                    return receipt
            except Refused:
                return await self._other_answers(visit, answers)
        wrong = await self._take_files(visit, answers)
        if wrong:
            await self._keep(case, screen, visit, answers)
            refusal = Refused("a file is not taken", code="defects", defects=wrong)
            return await self._refused(visit, answers, refusal, key)
        if action in ("SAVE", "SEARCH"):
            await self._cases.save_draft(case, screen, visit.person, answers)
            return redirect(
                f"{visit.call.path}?{'kept=1' if action == 'SAVE' else 'searched=1'}{self._office(visit)}"
            )
        try:
            acted = await self._cases.act(case, action, visit.person, answers, key=key)
        except Refused as error:
            if error.code == "signature_needed":
                return await self._to_sign(visit, action, answers, key)
            if error.code == "key_reused":
                return await self._other_answers(visit, answers)
            if error.code == "mandate_ended" and visit.representee is not None and not visit.is_assisted:
                raise LoginNeeded(
                    "mandate_ended"
                ) from error  # what was written is kept for them, not for the case
            if error.code != "defects":
                await self._keep(case, screen, visit, answers)
                if error.code in ("already_done", "case_closed"):
                    return await self._was_over(visit, error)
                if error.code in ("not_yours", "mandate_ended"):
                    raise
            elif visit.call.uploads:
                await self._keep(case, screen, visit, answers)  # with what was added to it
            return await self._refused(visit, answers, error, key)
        except Unavailable as error:
            await self._keep(case, screen, visit, answers)
            refusal = Refused(
                error.message, code="register_down", register=str(error.detail.get("register") or "")
            )
            return await self._refused(visit, answers, refusal, key)
        return await self._receipt(visit, key, acted, self._root(visit))

    async def _receipt(self, visit: Visit, key: str, acted: Acted, back: str) -> Response:
        service = next(one for one in self._cases.services() if one.id == acted.service)
        return await self._receipts.give(
            visit,
            key,
            {
                "service": acted.service,
                "case": acted.case,
                "number": acted.number,
                "status": acted.status,
                "label": dict(service.title),
                "back": back,
            },
        )

    async def _to_sign(
        self, visit: Visit, action: str, answers: Mapping[str, Sequence[str]], key: str
    ) -> Response:
        """All is right but the signature: the person goes to sign, and what they wrote waits as a draft."""
        case, screen = self._names(visit)
        await self._keep(case, screen, visit, answers)
        try:
            return redirect(await self._cases.ask_signature(case, action, visit.person, answers, key=key))
        except Unavailable as error:
            refusal = Refused(error.message, code="signing_down")
        except Refused as error:
            if error.code not in ("no_signatures", "signature_refused"):
                raise
            refusal = error
        return await self._refused(visit, answers, refusal, key)

    async def signed(self, visit: Visit) -> Response:
        """Back from the signing service, with a yes or without. The same address again leads to the same receipt."""
        query = visit.call.query
        state = query.get("state", "")
        if query.get("iss") != self._issuer:
            raise CallerError("the answer is not the signing service's", code="not_found")
        pending = await self._cases.asked_signature(state, visit.person)
        root = f"/cases/{pending.case}"
        if "code" not in query and pending.seq is None:
            return redirect(f"{root}/screens/{pending.screen}?unsigned=1")
        try:
            acted = await self._cases.finish_signature(state, query.get("code", ""), visit.person)
        except Refused as error:
            if error.code in ("already_done", "case_closed"):
                view = await self._cases.view(pending.case, visit.person)
                return self._over(visit, view, error.code, 409, root)
            raise
        return await self._receipt(visit, pending.key, acted, root)

    async def signature(self, visit: Visit) -> Response:
        """What was signed in the case, in a container that says by itself by whom and when (ASiC-E)."""
        case, signature = visit.call.parameters["case"], visit.call.parameters["signature"]
        name, container = await self._cases.signed(case, signature, visit.person)
        headers = {"Content-Disposition": f'attachment; filename="{name}"', **KEPT_APART}
        return Response(container, media_type=CONTAINER, headers=headers)

    async def _take_files(self, visit: Visit, answers: dict[str, list[str]]) -> list[Defect]:
        """Into the case system as they are, into the answers by their ids; what a person takes out goes. What is wrong with which."""
        case, screen = self._names(visit)
        for name, values in visit.call.form.items():
            if name.startswith("r.") and values[-1] == "yes":
                answers[name[2:]] = []
                await self._cases.remove_file(case, screen, name[2:], visit.person)
        found: dict[str, list[Upload]] = {}
        for upload in visit.call.uploads:
            if upload.field.startswith("u."):
                found.setdefault(upload.field[2:], []).append(upload)
        wrong: list[Defect] = []
        for name, uploads in found.items():
            if len(uploads) > 1:
                wrong.append(Defect(name, "one_file"))
            elif uploads[0].is_too_much:
                wrong.append(Defect(name, "too_many_bytes"))
            elif uploads[0].is_too_large or uploads[0].content is None:
                wrong.append(Defect(name, "file_too_large"))
            else:
                wrong += await self._take_file(visit, name, uploads[0].content, uploads[0].name, answers)
        return wrong

    async def _take_file(
        self, visit: Visit, field: str, content: IO[bytes], name: str, answers: dict[str, list[str]]
    ) -> Sequence[Defect]:
        case, screen = self._names(visit)
        try:
            added = await self._cases.add_file(case, screen, field, visit.person, content, name)
        except Refused as error:
            if error.code == "defects":
                return error.defects
            if error.code not in ("already_done", "too_late", "case_closed"):
                raise
            return ()  # the action says so, in its own words
        answers[field] = [added.id]
        return ()

    async def file(self, visit: Visit) -> Response:
        """A file of the case, to be kept, never to be opened here (CSP sandbox, RFC 6266 attachment)."""
        case, file_id = visit.call.parameters["case"], visit.call.parameters["file"]
        found = await self._cases.file(case, file_id, visit.person)
        parts = await self._cases.read_file(case, file_id, visit.person)
        plain = found.name.encode("ascii", "replace").decode().replace('"', "").replace("?", "_")
        headers = {
            "Content-Length": str(found.size),
            "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(found.name, safe='')}",
            **KEPT_APART,
        }
        return StreamingResponse(parts, media_type=found.media_type, headers=headers)

    async def _was_over(self, visit: Visit, error: Refused) -> Response:
        view = await self._cases.view(self._names(visit)[0], visit.person)
        return self._over(visit, view, error.code, 409)

    def _over(
        self, visit: Visit, view: CaseView, reason: str, status: int, root: str | None = None
    ) -> Response:
        """What happened, how it stands, what comes next, and the way to the case."""
        root = root or self._root(visit)
        back = root + self._office(visit, "?")
        if visit.call.wants_json:
            return over_json(view, reason, back, status)
        done = [entry for entry in view.timeline if entry.by == "you"] or list(view.timeline)
        values = {
            "case": view,
            "reason": reason,
            "done": done[-1:],
            "back": back,
            "screens": f"{root}/screens",
        }
        return self._pages.page(visit, "over.html", values, status=status)

    async def seen(self, visit: Visit) -> Response:
        """The screen of an action done before, as it was shown then, with what was answered."""
        case, seq = visit.call.parameters["case"], visit.call.parameters["seq"]
        if not seq.isdigit() or len(seq) > 6:
            raise CallerError("no such action", code="not_found")
        seen = await self._cases.seen(case, int(seq), visit.person)
        view = await self._cases.view(case, visit.person)

        def said(field: Field) -> list[str]:
            labels = {one.value: self._pages.text(one.label, visit.language) for one in field.options}
            labels |= dict(seen.options.get(field.options_from or field.name, ()))
            if field.kind in ("yes_no", "confirm"):
                say = self._pages.texts.speaker(visit.language)
                labels |= {"yes": say("facts.yes"), "no": say("facts.no")}
            if field.kind == "file":
                labels |= {one.id: one.name for one in seen.files.values()}
            return [labels.get(value, value) for value in seen.given.get(field.name, ()) if value]

        values = {
            "seen": seen,
            "service": view.service,
            "back": self._root(visit),
            "files": f"{self._root(visit)}/files",
            "office": self._office(visit, "?"),
            "fields": [(field, said(field)) for field in seen.screen.fields()],
        }
        return self._pages.page(visit, "seen.html", values)

    async def draft(self, visit: Visit) -> Response:
        """The script saves as the person writes."""
        case, screen = self._names(visit)
        await self._cases.save_draft(case, screen, visit.person, answers_of(visit.call.form))
        return JSONResponse({"saved": True})

    async def _keep(self, case: str, screen: str, visit: Visit, answers: Mapping[str, Sequence[str]]) -> None:
        """What was written stays as a draft, when the screen still takes one."""
        try:
            await self._cases.save_draft(case, screen, visit.person, answers)
        except (Refused, Unavailable):
            pass  # the answer the person gets is the first refusal

    async def _other_answers(self, visit: Visit, answers: Mapping[str, Sequence[str]]) -> Response:
        """A form sent before came again with other answers: they are kept, in a form of its own where the screen still takes one."""
        case, screen = self._names(visit)
        view = await self._cases.view(case, visit.person)
        if (why := view.idle_screens.get(screen)) is not None:
            return self._over(visit, view, why, 409)
        await self._keep(case, screen, visit, answers)
        refusal = Refused("the form was sent before with other answers", code="other_answers")
        return await self._refused(visit, answers, refusal, new_secret())

    async def _refused(
        self, visit: Visit, answers: Mapping[str, Sequence[str]], error: Refused, key: str
    ) -> Response:
        case, screen = self._names(visit)
        filled = await self._cases.fill(case, screen, visit.person)
        return await self._page(visit, filled, answers, error.defects, error, key)

    async def _page(
        self,
        visit: Visit,
        filled: Filled,
        values: Mapping[str, Sequence[str]],
        defects: Sequence[Defect],
        refused: Refused | None = None,
        key: str | None = None,
    ) -> Response:
        view = await self._cases.view(filled.case, visit.person)
        shown = _Shown(self._pages, self._cases, visit, filled, view.service)
        described = [shown.defect(defect) for defect in defects]
        key = key or new_secret()
        if visit.call.wants_json:
            address = visit.call.path + self._office(visit, "?")
            form = {"action": address, "form_token": visit.form_token, "key": key}
            return screen_json(
                filled, view, form, values, described, refused, shown.facts_of, shown.choices_of
            )
        components = filled.screen.components
        first = next((n for n, part in enumerate(components) if isinstance(part, Field)), len(components))
        content = {
            "screen": filled.screen,
            "service": view.service,
            "case": filled.case,
            "action": visit.call.path,
            "back": self._root(visit) + self._office(visit, "?"),
            "files_root": f"{self._root(visit)}/files",
            "office": self._office(visit, "?"),
            "files": filled.files,
            "has_files": any(one.kind == "file" for one in filled.screen.fields()),
            "upload_size": self._pages.size(self._upload_bytes, visit.language),
            "size": lambda count: self._pages.size(count, visit.language),
            "key": key,
            "before": components[:first],
            "within": components[first:],
            "values": values,
            "defects": described,
            "wrong_of": {one["field"]: one["words"] for one in described},
            "refusal": None if refused is None or refused.code == "defects" else refused.code,
            "refusal_register": "" if refused is None else refused.register,
            "changes": filled.changes,
            "kept": visit.call.query.get("kept") == "1",
            "failed_bodies": filled.failed_bodies,
            "clocks": filled.clocks,
            "together": view.together,
            "options": filled.options,
            "has_fields": first < len(components),
            "signed": any(action.signed for action in filled.screen.actions),
            "to_sign": filled.to_sign,
            "unsigned": visit.call.query.get("unsigned") == "1",
            "facts_of": shown.facts_of,
            "explained": filled.explained,
            "bars_of": lambda one: bars_of(one, visit.language),
            "tenths": lambda value, sign=False: tenths(value, visit.language, sign=sign),
            "choices_of": shown.choices_of,
            "condition_of": shown.condition_of,
            "fill_in": shown.fill_in,
        }
        return self._pages.page(visit, "screen.html", content, status=422 if described or refused else 200)

    def _names(self, visit: Visit) -> tuple[str, str]:
        return visit.call.parameters["case"], visit.call.parameters["screen"]

    def _root(self, visit: Visit) -> str:
        return self._root_pattern.format_map(visit.call.parameters)

    def _office(self, visit: Visit, before: str = "&") -> str:
        at_desk = visit.office and not visit.is_assisted and self._root_pattern.startswith("/desk")
        return f"{before}office={quote(visit.office.authority)}" if at_desk and visit.office else ""


class _Shown:
    """What the template asks about a screen's parts."""

    def __init__(self, pages: Pages, cases: Cases, visit: Visit, filled: Filled, service: str) -> None:
        self._pages = pages
        self._cases = cases
        self._language = visit.language
        self._filled = filled
        self._service = service

    def defect(self, defect: Defect) -> dict[str, str]:
        """In words: the pack's, else the portal's own."""
        field = next((one for one in self._filled.screen.fields() if one.name == defect.field), None)
        say = self._pages.texts.speaker(self._language)
        words = self._cases.words(self._service, f"reason.{defect.reason}", self._language)
        if words is None:
            try:
                words = say(f"defect.{defect.reason}")
            except KeyError:
                words = say("defect.other")
        label = defect.field if field is None else self._text(field.label)
        return {"field": defect.field, "label": label, "words": words}

    def facts_of(self, part: Facts) -> list[FactLine]:
        """Unknowns on top."""
        lines = [one for one in self._filled.facts if one.of == part.of and one.concept in part.concepts]
        return sorted(lines, key=lambda line: line.value is not None)

    def choices_of(self, field: Field) -> list[tuple[str, str, str]]:
        """Value, label, hint."""
        if field.kind == "yes_no":
            say = self._pages.texts.speaker(self._language)
            return [("yes", say("facts.yes"), ""), ("no", say("facts.no"), "")]
        given = self._filled.options.get(field.options_from or field.name)
        if given is not None:
            return [(value, label, "") for value, label in given]
        return [(one.value, self._text(one.label), self._text(one.hint)) for one in field.options]

    def condition_of(self, field: Field) -> str:
        """When a question is asked, for those without the script that hides it."""
        condition = field.only_if
        other = next(one for one in self._filled.screen.fields() if condition and one.name == condition.field)
        value = "" if condition is None else condition.value
        label = next((text for option, text, _hint in self.choices_of(other) if option == value), value)
        say = self._pages.texts.speaker(self._language)
        return say("screen.only_if", question=self._text(other.label), answer=label)

    def fill_in(self, text: str) -> str:
        """`{promise}`: the date of the first clock that has one."""
        promise = next((clock.promise for clock in self._filled.clocks if clock.promise), None)
        return text.replace("{promise}", self._pages.day(promise, self._language))

    def _text(self, text: Any) -> str:  # Text or None
        return self._pages.text(text, self._language)
