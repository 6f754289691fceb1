"""The portal: its database, its parts wired together, its routes and to whom each of them answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import as_file, files
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sild.assistant import Assistant, Model, open_model
from sild.cases import Actor, Refused, shipped_models
from sild.catalogue import Profile
from sild.clock import Clock, system_clock
from sild.database import ensure_answers
from sild.decisions import shipped_algorithms
from sild.errors import CallerError, PlatformError, Unavailable
from sild.http1 import AnyTls
from sild.identity_client import LoginRefused, RelyingParty
from sild.portal.account import Account, to_login
from sild.portal.algorithm_watch import AlgorithmWatch
from sild.portal.algorithms import AlgorithmPages
from sild.portal.app_files import AppFiles
from sild.portal.assist import AssistPages
from sild.portal.assistant import AssistantPages
from sild.portal.audit import AuditPages
from sild.portal.audit_algorithm import AuditAlgorithm
from sild.portal.audit_decision import AuditDecision
from sild.portal.auditing import Auditing
from sild.portal.consents import ConsentPages, Consents, Controller, Seal, sealed_by_key
from sild.portal.decisions import DecisionPages
from sild.portal.desk import DeskPages
from sild.portal.dialogues import Dialogues
from sild.portal.edge import SESSION_COOKIE, Call, Uploading, head_of, is_multipart, read_call, secure
from sild.portal.egress import Egress
from sild.portal.findings import FindingPages
from sild.portal.kept_forms import KeptForms
from sild.portal.mandate_keeper import MandateKeeper
from sild.portal.mandates import MandatePages
from sild.portal.model_cards import ModelPages
from sild.portal.my_data import MyData
from sild.portal.nonces import Nonces
from sild.portal.pages import Pages
from sild.portal.paper_desk import PaperDesk
from sild.portal.papers import PaperPages
from sild.portal.person import PersonPages
from sild.portal.ports import Cases, Evidence, Exchange
from sild.portal.previews import PreviewPages
from sild.portal.public import Public
from sild.portal.push import WebPush
from sild.portal.reality import Published
from sild.portal.receipts import Receipts
from sild.portal.screens import ScreenPages
from sild.portal.sessions import Sessions
from sild.portal.settings import PortalSettings
from sild.portal.shown_once import ShownOncePages
from sild.portal.store import Store
from sild.portal.tracker import Tracker
from sild.portal.uploads import Room, Waiting
from sild.portal.visit import Access, ForgedForm, LoginNeeded, NotAllowed, Visit, Visits
from sild.portal.vouching import SessionVoucher
from sild.portal.wallet_issuing import WalletIssuing
from sild.portal.wallet_offers import WalletOffers
from sild.portal.wallet_pages import WalletPages
from sild.telemetry import get_logger

__all__ = ["ROUTES", "Portal", "PortalRoute", "portal_app"]

log = get_logger("portal")

Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class PortalRoute:
    """handler: part and method, `account.login`.  A GET changes nothing that anybody else could see, but for the two by
    which people come back from the identity provider with a word of theirs, once: /callback, /signed.  uploads: takes files."""

    method: str
    path: str
    access: str
    handler: str
    uploads: bool = False


_E, _P, _A, _O = Access.EVERYBODY, Access.PERSON, Access.AUDITOR, Access.OFFICIAL
_C, _W = Access.CLERK, Access.WALLET
_FILES = True
ROUTES: Sequence[PortalRoute] = tuple(
    PortalRoute(*row)
    for row in (
        ("GET", "/", _E, "public.front"),
        ("GET", "/services/{service}", _E, "public.service"),
        ("GET", "/life/{event}", _E, "public.life"),
        ("GET", "/catalogue.ttl", _E, "public.catalogue"),
        ("GET", "/keys", _E, "public.keys"),
        ("GET", "/models/{model}", _E, "models.card"),
        ("GET", "/models/{model}/model.json", _E, "models.file"),
        ("GET", "/assistant", _E, "assistant.show"),
        ("POST", "/assistant", _E, "assistant.ask"),
        ("POST", "/assistant/step", _P, "assistant.step"),
        ("POST", "/assistant/hand-over", _P, "assistant.hand_over"),
        ("POST", "/assistant/forget", _E, "assistant.forget"),
        ("GET", "/help", _E, "assistant.help"),
        ("GET", "/law/{act}", _E, "assistant.law"),
        ("GET", "/login", _E, "public.login"),
        ("POST", "/login", _E, "account.login"),
        ("GET", "/callback", Access.BROWSER, "account.callback"),
        ("POST", "/logout", _E, "account.logout"),
        ("GET", "/logged-out", _E, "public.logged_out"),
        ("POST", "/backchannel-logout", Access.PROVIDER, "account.backchannel_logout"),
        ("GET", "/static/{file}", _E, "files.static"),
        ("GET", "/manifest.webmanifest", _E, "files.manifest"),
        ("GET", "/worker.js", _E, "files.worker"),
        ("GET", "/offline", _E, "files.offline"),
        ("POST", "/acting", _P, "account.acting"),
        ("GET", "/home", _P, "person.home"),
        ("POST", "/services/{service}/begin", _P, "person.begin"),
        ("GET", "/cases/{case}", _P, "person.case"),
        ("POST", "/cases/{case}/read", _P, "person.read"),
        ("GET", "/cases/{case}/screens/{screen}", _P, "screens.show"),
        ("POST", "/cases/{case}/screens/{screen}", _P, "screens.submit", _FILES),
        ("POST", "/cases/{case}/screens/{screen}/draft", _P, "screens.draft"),
        ("GET", "/cases/{case}/seen/{seq}", _P, "screens.seen"),
        ("GET", "/cases/{case}/files/{file}", _P, "screens.file"),
        ("GET", "/cases/{case}/signed/{signature}", _P, "screens.signature"),
        ("GET", "/signed", _P, "screens.signed"),
        ("GET", "/desk/cases/{case}/signed/{signature}", _O, "desk_screens.signature"),
        ("GET", "/desk/cases/{case}/files/{file}", _O, "desk_screens.file"),
        ("GET", "/desk/cases/{case}/seen/{seq}", _O, "desk_screens.seen"),
        ("GET", "/evidence/{case}/{seq}/{way}", _P, "person.came_back"),
        ("GET", "/receipts/{key}", _P, "receipts.show"),
        ("GET", "/inbox", _P, "person.inbox"),
        ("POST", "/inbox/{notice}", _P, "person.open_notice"),
        ("GET", "/my-data", _P, "my_data.show"),
        ("POST", "/my-data/wrong", _P, "my_data.wrong"),
        ("GET", "/papers/{paper}", _P, "papers.show"),
        ("GET", "/papers/{paper}/file.pdf", _P, "papers.file"),
        ("GET", "/papers/{paper}/of/{id}", _P, "papers.one"),
        ("GET", "/papers/{paper}/of/{id}/file.pdf", _P, "papers.one_file"),
        ("POST", "/papers/{paper}/once", _P, "shown_once.offer"),
        ("POST", "/papers/{paper}/of/{id}/once", _P, "shown_once.offer"),
        ("GET", "/papers/{paper}/once/{secret}", _P, "shown_once.mine"),
        ("GET", "/preview/{look}", _P, "previews.show"),
        ("GET", "/preview/{look}/document.pdf", _P, "previews.document"),
        ("POST", "/preview/{look}", _P, "previews.answer"),
        ("GET", "/shown/{secret}", _E, "shown_once.look"),
        ("POST", "/shown/{secret}", _E, "shown_once.open"),
        ("POST", "/papers/{paper}/wallet", _P, "wallet.offer"),
        ("POST", "/papers/{paper}/wallet/end", _P, "wallet.end"),
        ("GET", "/papers/{paper}/wallet/{offer}", _P, "wallet.mine"),
        ("GET", "/.well-known/openid-credential-issuer/papers/{paper}", _E, "issuing.issuer"),
        ("GET", "/.well-known/oauth-authorization-server/papers/{paper}", _E, "issuing.server"),
        ("GET", "/.well-known/jwt-vc-issuer/papers/{paper}", _E, "papers.issuer"),
        ("POST", "/papers/{paper}/wallet/token", _W, "issuing.token"),
        ("POST", "/papers/{paper}/wallet/nonce", _W, "issuing.nonce"),
        ("POST", "/papers/{paper}/wallet/credential", _W, "issuing.credential"),
        ("POST", "/papers/{paper}/wallet/notification", _W, "issuing.notification"),
        ("GET", "/papers/{paper}/issuer.json", _E, "papers.issuer"),
        ("GET", "/papers/{paper}/status-list", _E, "papers.status_list"),
        ("GET", "/decisions", _P, "decisions.listed"),
        ("GET", "/decisions/verify_decision.py", _E, "decisions.verifier"),
        ("GET", "/decisions/{register}/{decision}", _P, "decisions.one"),
        ("POST", "/decisions/{register}/{decision}/again", _P, "decisions.again"),
        ("GET", "/decisions/{register}/{decision}/bundle", _P, "decisions.bundle"),
        ("POST", "/decisions/{register}/{decision}/wrong", _P, "decisions.wrong"),
        ("GET", "/algorithms", _E, "algorithms.listed"),
        ("GET", "/algorithms/{algorithm}.json", _E, "algorithms.exported"),
        ("GET", "/algorithms/{algorithm}/specimens/{package}.json", _E, "algorithms.specimen"),
        ("GET", "/algorithms/{algorithm}", _E, "algorithms.one"),
        ("GET", "/open-data/contests.json", _E, "algorithms.contests"),
        ("GET", "/open-data/samples.json", _E, "audit.samples"),
        ("GET", "/open-data/findings.json", _E, "findings.data"),
        ("GET", "/findings", _E, "findings.listed"),
        ("GET", "/audit", _A, "audit.home"),
        ("GET", "/audit/find", _A, "audit.find"),
        ("GET", "/audit/samples/{register}/{sample}", _A, "audit.sample"),
        ("POST", "/audit/withheld/{register}", _A, "audit.withheld"),
        ("GET", "/open-data/tally-openings.json", _E, "audit.openings"),
        ("POST", "/audit/samples/{register}", _A, "audit.publish"),
        ("POST", "/audit/releases/{register}/{release}", _A, "audit.answer_release"),
        ("GET", "/audit/decisions/{register}/{decision}", _A, "audit_decision.show"),
        ("GET", "/audit/decisions/{register}/{decision}/bundle", _A, "audit_decision.bundle"),
        ("POST", "/audit/decisions/{register}/{decision}/release", _A, "audit_decision.release"),
        ("POST", "/audit/decisions/{register}/{decision}/finding", _A, "audit_decision.finding"),
        ("POST", "/audit/decisions/{register}/{decision}/{check}", _A, "audit_decision.check"),
        ("GET", "/audit/algorithms/{algorithm}", _A, "audit_algorithm.show"),
        ("GET", "/who-looked", _P, "tracker.show"),
        ("GET", "/who-looked/statement", _P, "tracker.statement"),
        ("GET", "/who-looked/check", _P, "tracker.check"),
        ("GET", "/who-looked/log-keys", _P, "tracker.log_keys"),
        ("GET", "/who-looked/verify_completeness.py", _E, "tracker.verifier"),
        ("POST", "/who-looked/unlisted", _P, "tracker.ask_unlisted"),
        ("GET", "/who-looked/evidence/{entry}", _P, "tracker.evidence"),
        ("POST", "/who-looked/why", _P, "tracker.ask_why"),
        ("GET", "/settings", _P, "account.settings"),
        ("POST", "/settings/push", _P, "account.push_on"),
        ("POST", "/settings/push/off", _P, "account.push_off"),
        ("GET", "/consents", _P, "consents.show"),
        ("GET", "/consents/{consent}/receipt", _P, "consents.receipt"),
        ("POST", "/consents/{consent}/withdraw", _P, "consents.withdraw"),
        ("GET", "/mandates", _P, "mandates.show"),
        ("POST", "/mandates", _P, "mandates.give"),
        ("POST", "/mandates/withdraw", _P, "mandates.withdraw"),
        ("GET", "/mandates/{mandate}/pass-on", _P, "mandates.passing"),
        ("POST", "/mandates/{mandate}/pass-on", _P, "mandates.pass_on"),
        ("GET", "/desk", _O, "desk.desk"),
        ("GET", "/desk/look-up", _O, "desk.look_up_form"),
        ("POST", "/desk/look-up", _O, "desk.look_up"),
        ("GET", "/desk/own-access", _O, "desk.own_access"),
        ("GET", "/desk/sightings", _O, "desk.sightings"),
        ("GET", "/desk/numbers", _O, "paper_desk.numbers"),
        ("POST", "/desk/numbers", _O, "paper_desk.reserve"),
        ("GET", "/desk/numbers/{block}", _O, "paper_desk.block"),
        ("GET", "/desk/hand-in", _O, "paper_desk.form"),
        ("POST", "/desk/hand-in", _O, "paper_desk.hand_in"),
        ("GET", "/desk/hand-in/{number}", _O, "paper_desk.handed_in"),
        ("GET", "/desk/assist", _C, "assist.show"),
        ("POST", "/desk/assist", _C, "assist.record"),
        ("GET", "/desk/assist/{mandate}", _C, "assist.mandate"),
        ("POST", "/desk/assist/{mandate}/begin", _C, "assist.begin"),
        ("POST", "/desk/assist/{mandate}/end", _C, "assist.end"),
        ("GET", "/desk/assist/{mandate}/screens/{screen}", _C, "assist.screen"),
        ("POST", "/desk/assist/{mandate}/screens/{screen}", _C, "assist.submit", _FILES),
        ("POST", "/desk/assist/{mandate}/screens/{screen}/draft", _C, "assist.draft"),
        ("GET", "/desk/assist/{mandate}/seen/{seq}", _C, "assist.seen"),
        ("GET", "/desk/assist/{mandate}/files/{file}", _C, "assist.file"),
        ("GET", "/desk/cases/{case}", _O, "desk.case"),
        ("POST", "/desk/cases/{case}/take", _O, "desk.take"),
        ("POST", "/desk/cases/{case}/release", _O, "desk.release"),
        ("GET", "/desk/cases/{case}/screens/{screen}", _O, "desk_screens.show"),
        ("POST", "/desk/cases/{case}/screens/{screen}", _O, "desk_screens.submit", _FILES),
        ("POST", "/desk/cases/{case}/screens/{screen}/draft", _O, "desk_screens.draft"),
    )
)


class Portal:
    """One portal over one database and one case system; several processes may share the database.

    exchange: to registers, for people's own data.  evidence: containers of messages, if the own security server gives them.
    push_tls: for push services; None: the system's authorities.  assistant: None: one over the services alone, without their
    screens.  watch: holds the register of algorithms against what runs; whoever opens a portal runs it.  model: says quotes again; None: the one behind the settings' AI gateway, if they name one.
    controlled_by: the body that runs it, `INSTANCE/CLASS/CODE`, and its seal, for receipts of consent; None: the key among /keys.
    Raises CallerError (settings, the gateway's key), Unavailable (database), TrustError (`key_unreadable`).
    """

    def __init__(
        self,
        settings: PortalSettings,
        cases: Cases,
        exchange: Exchange,
        profile: Profile,
        clock: Clock = system_clock,
        *,
        evidence: Evidence | None = None,
        push_tls: AnyTls | None = None,
        assistant: Assistant | None = None,
        model: Model | None = None,
        controlled_by: str = "",
        seal: Seal | None = None,
    ) -> None:
        self.settings = settings
        self._cases = cases
        self._waiting = Waiting(settings.upload_waiting_bytes)
        model = model or open_model(settings.assistant_gateway_url, settings.assistant_gateway_key_file)
        self._store = store = Store(settings, clock)
        try:
            statements = store.signing_key("statements")
            controller = Controller(controlled_by, settings.name, settings.url)
            consents = Consents(controller, profile, seal or sealed_by_key(statements))
            self.push = WebPush(settings, store, store.signing_key("push"), consents, tls=push_tls)
            provider = RelyingParty(settings.provider_client(), clock)
            self._pages = pages = Pages(settings, cases, clock, shelf=store.secret("drafts"))
            self._nonces = nonces = Nonces(store, store.secret("nonces"))
        except BaseException:
            store.close()
            raise
        self._sessions = sessions = Sessions(settings, store, provider)
        self.voucher = SessionVoucher(sessions, provider)
        """For the case system: proof of who acts."""
        self._visits = Visits(settings, sessions)
        self._kept = kept = KeptForms(store, sessions, cases)
        dialogues = Dialogues(store)
        keeper = MandateKeeper(settings) if settings.mandates else None
        self._auditing = auditing = Auditing(exchange, keeper, settings, clock)
        egress, models = Egress(settings.assistant_gateway_url, clock), shipped_models()
        entries = shipped_algorithms()
        with as_file(files("sild") / "packs") as directory:
            packs = {file.stem: file.parts[-3] for file in directory.glob("*/algorithms/*.yaml")}
        self.watch = AlgorithmWatch(
            entries,
            cases,
            exchange,
            [source.subsystem for source in settings.decision_sources],
            egress,
            {name: Published(model.card.version, model.sha256) for name, model in models.items()},
            clock,
            packs,
        )
        model_pages = ModelPages(pages, exchange, models, profile, clock)
        receipts = Receipts(store, pages, cases)
        papers = PaperPages(pages, exchange, settings, clock)
        self._shown_once = ShownOncePages(pages, papers, store, settings)
        self._offers = offers = WalletOffers(store)
        self._parts: dict[str, object] = {
            "public": Public(pages, cases, profile, statements, settings.url),
            "account": Account(
                pages,
                sessions,
                provider,
                kept,
                self.push,
                settings.issuer,
                dialogues,
                has_mandates=settings.mandates,
            ),
            "consents": ConsentPages(pages, store, consents),
            "mandates": MandatePages(pages, receipts, keeper),
            "assistant": AssistantPages(pages, cases, dialogues, sessions, profile, assistant, model),
            "models": model_pages,
            "files": AppFiles(pages, settings.name),
            "person": PersonPages(pages, cases, receipts, auditing, settings.url),
            "screens": ScreenPages(pages, cases, receipts, settings, "/cases/{case}"),
            "desk_screens": ScreenPages(pages, cases, receipts, settings, "/desk/cases/{case}"),
            "assist": AssistPages(pages, cases, receipts, settings),
            "receipts": receipts,
            "my_data": MyData(pages, exchange, receipts, settings, self.voucher),
            "papers": papers,
            "previews": PreviewPages(pages, exchange, settings, self.voucher),
            "shown_once": self._shown_once,
            "wallet": WalletPages(pages, papers, sessions, offers, exchange, self.voucher, settings),
            "issuing": WalletIssuing(
                pages, papers, offers, nonces, sessions, provider, exchange, settings, clock
            ),
            "decisions": DecisionPages(pages, cases, exchange, settings),
            "algorithms": AlgorithmPages(
                pages, exchange, settings, clock, egress, entries, self.watch, model_pages
            ),
            "audit": AuditPages(pages, cases, exchange, auditing),
            "audit_decision": AuditDecision(pages, cases, auditing, model_pages),
            "audit_algorithm": AuditAlgorithm(pages, auditing, egress, models, model_pages),
            "findings": FindingPages(pages, cases, exchange, clock),
            "tracker": Tracker(
                pages, cases, evidence=evidence, key=statements, url=settings.url, clock=clock
            ),
            "desk": DeskPages(pages, cases),
            "paper_desk": PaperDesk(pages, cases, profile),
        }

    def close(self) -> None:
        self._store.close()

    async def ensure_alive(self) -> None:
        """That its database answers. Raises Unavailable (`database_error`)."""
        await asyncio.to_thread(ensure_answers, self._store.engine)

    async def wake_for_news(self) -> int:
        """Wake the devices of everybody who has a notice newer than the last one they were woken for; gives how many."""
        count = 0
        for subject, before in (await self.push.waiting()).items():
            try:
                notices = await self._cases.inbox(Actor(person=subject))
            except PlatformError as error:
                log.refusal("portal.inbox_failed", error)
                continue
            newest = max((notice.at for notice in notices if notice.read_at is None), default=before)
            if newest > before and await self.push.woken(subject, newest, before):
                woken = await self.push.wake(subject)
                count += woken
                if woken:
                    await self._cases.pushed(subject, before)
        return count

    async def run(self, *, interval: float = 15.0) -> None:
        """`wake_for_news` every `interval` seconds until cancelled, and what was to be shown in time and was not is cleared; a failure is
        logged and the next round tries again."""
        while True:
            try:
                await self._shown_once.clear()
                await self._offers.clear()
                await self._nonces.clear()
            except Exception as error:  # noqa: BLE001  the next round must come
                log.bug("portal.clearing_failed", error)
            try:
                await self.wake_for_news()
            except Exception as error:  # noqa: BLE001  the next round must come
                log.bug("portal.wake_failed", error)
            await asyncio.sleep(interval)

    @cached_property
    def app(self) -> Starlette:
        """The ASGI application. `ROUTES` is the table of what it answers and to whom."""
        routes = [Route(route.path, self._endpoint(route), methods=[route.method]) for route in ROUTES]
        return Starlette(routes=routes, exception_handlers={HTTPException: self._no_route})

    def _endpoint(self, route: PortalRoute) -> Callable[[Request], Awaitable[Response]]:
        part, _, name = route.handler.partition(".")
        handler: Handler = getattr(self._parts[part], name)

        async def run(request: Request) -> Response:
            try:
                call = await read_call(request, await self._uploading(request, route))
            except CallerError as error:
                return secure(self._unread_form(request, error, route))
            try:
                answer = await self._answer(call, route, handler)
            finally:
                for upload in call.uploads:
                    upload.close()
            return secure(answer, form_targets=(self.settings.issuer,))

        return run

    async def _uploading(self, request: Request, route: PortalRoute) -> Uploading | None:
        """Nobody who is not logged in fills our disk: of their form what they wrote is read, and no file."""
        if not route.uploads or not is_multipart(request):
            return None
        known = await self._sessions.find(request.cookies.get(SESSION_COOKIE))
        room = None if known is None else Room(self._waiting, known.subject)
        return Uploading(self.settings.upload_bytes, room, self.settings.upload_seconds)

    def _unread_form(self, request: Request, error: CallerError, route: PortalRoute) -> Response:
        """A form with files that broke off or is far too large: people get a page that says so."""
        if not route.uploads or not is_multipart(request):
            return PlainTextResponse(error.message, 400)
        call = head_of(request)
        visit = Visit(call, "", self._pages.language(call)).with_browser()
        log.refusal("portal.form_unread", error, route=route.path)
        return self._error_page(visit, error.code, _status(error)[0])

    async def _answer(self, call: Call, route: PortalRoute, handler: Handler) -> Response:
        visit = Visit(call, "", self._pages.language(call))
        try:
            visit = await self._visits.begin(call, route.access, visit.language)
            if route.access == _A:
                await self._auditing.mandates(visit)
            if visit.session is not None and call.method == "GET" and route.access in (_P, _A, _O, _C):
                visit = visit.with_unread(await self._unread(visit))
            return await handler(visit)
        except LoginNeeded as error:
            return await self._log_in_first(visit.with_browser(), error.reason)
        except PlatformError as error:
            return self._refused(await self._known(visit), error, route)
        except Exception as error:  # noqa: BLE001  whatever it is, a person gets a page and the log the rest
            log.bug("portal.failed", error, route=route.path)
            return self._error_page(await self._known(visit), "internal", 500)

    async def _known(self, visit: Visit) -> Visit:
        """For a page shown instead of the one asked for: with the way back of whoever is logged in, if that can be known now."""
        if visit.session is not None:
            return visit
        try:
            known = await self._visits.begin(replace(visit.call, method="GET"), _E, visit.language)
        except PlatformError:
            return visit.with_browser()
        return replace(known, call=visit.call)

    async def _unread(self, visit: Visit) -> int:
        if visit.person.is_staff:
            return 0
        try:
            return sum(notice.is_news for notice in await self._cases.inbox(visit.person))
        except PlatformError:
            return 0

    async def _log_in_first(self, visit: Visit, reason: str | None) -> Response:
        """What was being sent is kept; the person logs in and goes on."""
        call = visit.call
        if call.is_script:
            late = call.wants_json and call.method == "POST"
            told = {"kept": await self._kept.keep(visit)} if late else {}
            return JSONResponse({"error": "login_needed", **told}, 401)
        if call.method == "GET":
            query = f"?{urlencode(call.query)}" if call.query else ""
            return to_login(reason, call.path + query)
        kept = await self._kept.keep(visit)
        values = {"return_to": "/home", "reason": reason or "over", "kept": kept}
        return self._pages.page(visit, "login.html", values, status=401)

    def _refused(self, visit: Visit, error: PlatformError, route: PortalRoute) -> Response:
        log.refusal("portal.refused", error, route=route.path)
        status, reason = _status(error)
        if visit.call.is_script or route.access in (Access.PROVIDER, Access.WALLET):
            return JSONResponse({"error": reason}, status)
        register = error.register if isinstance(error, Refused) else ""
        return self._error_page(visit, reason, status, register=register)

    def _error_page(self, visit: Visit, reason: str, status: int, *, register: str = "") -> Response:
        values = {"reason": reason, "register": register, "draft_kept": visit.call.method == "POST"}
        return self._pages.page(visit, "error.html", values, status=status)

    async def _no_route(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        call = replace(head_of(request), path="/")  # what was asked for stands in no link
        visit = await self._known(Visit(call, "", self._pages.language(call)))
        return secure(self._error_page(visit, "no_page" if status == 404 else "no_method", status))


def portal_app(
    settings: PortalSettings, cases: Cases, exchange: Exchange, profile: Profile, clock: Clock = system_clock
) -> Starlette:
    """`Portal(...).app`, for those who need nothing else of it."""
    return Portal(settings, cases, exchange, profile, clock).app


_STATUS = {
    "not_found": 404, "not_yours": 404, "forged_form": 403, "not_allowed": 403, "bad_form": 400, "too_large": 413, "too_many": 429, "too_many_offers": 429,
    "already_done": 409, "too_late": 409, "case_closed": 409, "place_accepted": 409, "no_custody": 403, "key_reused": 409, "mandate_ended": 403,
    "contest_too_late": 409, "contested_already": 409, "contest_from_decision": 409, "level_too_low": 403, "read_only_device": 403, "conflict_of_interest": 403, "no_mandate": 403, "not_a_supervisor": 403, "out_of_scope": 403, "four_eyes": 403, "not_in_scope": 403, "sample_exists": 409, "sample_open": 409, "no_live_case": 403,
    "only_in_person": 403, "not_for_companies": 403, "not_for_oneself": 403, "second_return_needs_supervisor": 403, "reason_missing": 422, "bad_push_address": 422, "login_expired": 400, "mandate_refused": 403, "signature_refused": 400, "no_signatures": 409,
}  # fmt: skip


def _status(error: PlatformError) -> tuple[int, str]:
    """Status, and the key of the text that explains it."""
    if isinstance(error, LoginRefused):
        return 400, "login_expired" if error.code == "login_expired" else "login_refused"
    if isinstance(error, ForgedForm | NotAllowed):
        return 403, error.code
    if isinstance(error, Unavailable):
        return 503, "identity_provider_down" if error.code == "identity_provider_down" else "unavailable"
    if isinstance(error, CallerError):
        return _STATUS.get(error.code, 400), error.code if error.code in _STATUS else "refused"
    return 400, "login_refused" if error.code == "invalid_token" else "unavailable"
