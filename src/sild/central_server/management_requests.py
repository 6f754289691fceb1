"""Management requests: taken in, approved or declined by a registrar, acted on (UG-CS 6; PR-MSERV; WIRE 16).

| kind | a registrar decides | a complement |
|---|---|---|
| authentication certificate registration | unless approved automatically | the same certificate and server from the other origin |
| client registration | unless approved automatically | the same client and server from the other origin |
| owner change | unless approved automatically | none: one at a time for a server |
| all others | no: they take effect at once | |

    WAITING --complement--> SUBMITTED FOR APPROVAL --approve--> APPROVED
       |  \\------------------------------------------approve------^
       |--- decline --> DECLINED          (both; an own request nobody complemented: REVOKED)
       \\--- deletion requested by the server --> REVOKED

A security server that complements what the registrar asked for first needs no further approval. A request, its effect and the
audit rows are one transaction, the request's row first; what was right when it came is checked again when it is approved.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import assert_never

from sild.central_server.administration import Change
from sild.central_server.errors import Conflict
from sild.central_server.lookups import find_member
from sild.central_server.records import (
    AutomaticApproval,
    ManagementRequestRecord,
    Page,
    RequestKind,
    RequestOrigin,
    RequestStatus,
)
from sild.central_server.request_effects import RequestEffects
from sild.central_server.request_rows import (
    PENDING,
    complement_of,
    find_requests,
    insert_request,
    is_repeated,
    kind_of,
    of_client,
    of_server,
    read_request,
    read_requests,
    set_status,
    with_certificate,
)
from sild.central_server.server_clients import registration_of
from sild.central_server.validation import ensure_address, ensure_code, optional_text, parse_certificate
from sild.errors import CallerError
from sild.pki import der
from sild.xroad.identifiers import SecurityServerId
from sild.xroad.management import (
    AddressChange,
    AuthCertDeletion,
    AuthCertRegistration,
    ClientRegistration,
    ClientRenaming,
    ManagementRequest,
    OwnerChange,
)

__all__ = ["ManagementRequests"]

_Decided = AuthCertRegistration | ClientRegistration | OwnerChange


class ManagementRequests(RequestEffects):
    automatic_approval = AutomaticApproval()

    # --- taking in

    def submit_management_request(
        self,
        request: ManagementRequest,
        *,
        origin: RequestOrigin = "SECURITY_SERVER",
        comments: str | None = None,
        message_digest: bytes | None = None,
    ) -> ManagementRequestRecord:
        """Record a request whose signatures have been verified, and act on it if nobody has to approve it.

        origin: CENTER for one a registrar enters for a server.  message_digest: SHA-256 of the signed message; the same one is taken
        once. Raises NotFound, Conflict, CallerError with X-Road's codes `management_request_...`: nothing is recorded then.
        """
        self._ensure_own(request)
        request = _with_der(request)
        comments = optional_text(comments, "comments")
        with self._change(
            "add_management_request",
            kind=kind_of(request),
            security_server=str(request.server),
            origin=origin,
        ) as change:
            if message_digest is not None and is_repeated(change.connection, message_digest):
                raise Conflict("the same message came before", code="management_request_exists")
            if isinstance(request, AuthCertRegistration | ClientRegistration | OwnerChange):
                request_id = self._take_in(change, request, origin, comments, message_digest)
            else:
                request_id = insert_request(
                    change,
                    request,
                    origin=origin,
                    status="APPROVED",
                    comments=self._comments(change, request, comments),
                    message_digest=message_digest,
                )
                self._act(change, request)
            return read_request(change.connection, self.instance_identifier, request_id)

    def _ensure_own(self, request: ManagementRequest) -> None:
        """Everybody is of this instance: rows leave it out. Names fit their columns."""
        client = getattr(request, "client", request.server.owner)
        for party in (request.server.owner, client):
            if party.instance_identifier != self.instance_identifier:
                raise CallerError(
                    f"{party} is of another instance", code="management_request_member_not_found"
                )
        for part in (*request.server.parts, *client.parts):
            ensure_code(part)
        for name in ("subsystem_name", "message"):
            optional_text(getattr(request, name, None), name)

    def _take_in(
        self,
        change: Change,
        request: _Decided,
        origin: RequestOrigin,
        comments: str | None,
        message_digest: bytes | None,
    ) -> int:
        """Record what a registrar has to approve, and approve it if that is automatic."""
        complemented = self._pending_complement(change, request, origin)
        request_id = insert_request(
            change,
            request,
            origin=origin,
            status="WAITING" if complemented is None else "SUBMITTED FOR APPROVAL",
            complements=complemented,
            comments=self._comments(change, request, comments),
            message_digest=message_digest,
        )
        if self._approves_itself(change, request, origin, complemented is not None):
            self._approve(change, read_request(change.connection, self.instance_identifier, request_id))
        return request_id

    def _pending_complement(
        self, change: Change, request: _Decided, origin: RequestOrigin
    ) -> ManagementRequestRecord | None:
        """The pending request this one complements. Raises for a request that makes no sense now, or is pending already."""
        match request:
            case AuthCertRegistration():
                self._ensure_registrable(change, request, origin)
                about = with_certificate(request.auth_certificate)
            case ClientRegistration():
                self._ensure_client_registrable(change, request, origin)
                about = of_server(request.server) & of_client(request.client)
            case OwnerChange():
                self._ensure_can_own(change, request)
                about = of_server(request.server)
            case _:
                assert_never(request)
        pending = read_requests(
            change.connection, self.instance_identifier, about, kind=kind_of(request), status=PENDING
        )
        if not pending:
            return None
        first = pending[0]
        if (
            len(pending) > 1
            or isinstance(request, OwnerChange)
            or first.origin == origin
            or first.request.server != request.server
        ):
            raise Conflict(f"request {first.id} is pending", code="management_request_exists")
        return first

    def _ensure_registrable(
        self, change: Change, request: AuthCertRegistration, origin: RequestOrigin
    ) -> None:
        if origin == "CENTER":
            find_member(
                change.connection, request.server.owner, code="management_request_server_owner_not_found"
            )
        self._ensure_new_auth_certificate(change, request.auth_certificate)
        if request.address:
            ensure_address(request.address)

    def _ensure_client_registrable(
        self, change: Change, request: ClientRegistration, origin: RequestOrigin
    ) -> None:
        if request.client == request.server.owner:
            raise CallerError(
                f"{request.client} owns {request.server}", code="management_request_cannot_register_owner"
            )
        server = self._server_key(change, request.server)
        if origin == "CENTER":
            if server is None:
                raise Conflict(f"there is no {request.server}", code="management_request_server_not_found")
            if not self._is_member(change, request.client):
                raise Conflict(f"there is no {request.client}", code="management_request_member_not_found")
        if server is not None and registration_of(change.connection, server, request.client) is not None:
            raise Conflict(
                f"{request.client} is registered", code="management_request_client_already_registered"
            )

    def _ensure_can_own(self, change: Change, request: OwnerChange) -> None:
        """What `change_owner` will ask again."""
        if request.client.subsystem_code is not None:
            raise CallerError(
                "a subsystem cannot own a security server", code="management_request_owner_must_be_member"
            )
        server = self._server_key(change, request.server)
        if server is None:
            raise Conflict(f"there is no {request.server}", code="management_request_server_not_found")
        if request.client == request.server.owner:
            raise CallerError(
                f"{request.client} owns it already", code="management_request_client_already_owner"
            )
        if registration_of(change.connection, server, request.client) is None:
            raise CallerError(
                f"{request.client} is not a client of {request.server}",
                code="management_request_owner_must_be_client",
            )
        if self._server_key(change, SecurityServerId(request.client, request.server.server_code)) is not None:
            raise Conflict(
                "the new owner has a server of this code", code="management_request_server_code_exists"
            )

    def _approves_itself(
        self, change: Change, request: _Decided, origin: RequestOrigin, complements: bool
    ) -> bool:
        automatic = self.automatic_approval
        if origin != "SECURITY_SERVER":
            return False
        match request:
            case AuthCertRegistration():
                wanted, party = automatic.auth_cert_registration, request.server.owner
            case ClientRegistration():
                wanted, party = automatic.client_registration, request.client
                if self._server_key(change, request.server) is None:
                    return False
            case OwnerChange():
                wanted, party = automatic.owner_change, request.client
            case _:
                assert_never(request)
        return (wanted or complements) and self._is_member(change, party)

    def _comments(self, change: Change, request: ManagementRequest, comments: str | None) -> str | None:
        """With what the request replaces, which nobody could tell later."""
        former: str | None = None
        match request:
            case AddressChange() if self._server_key(change, request.server) is not None:
                former = f"Changing from '{self.security_server(request.server).address}'."
            case (
                ClientRegistration(client=client, subsystem_name=name)
                | ClientRenaming(client=client, subsystem_name=name)
            ):
                old = self._subsystem_name(change, client)
                if name and old and old != name:
                    former = f"Changing subsystem name from '{old}' to '{name}'."
            case _:
                pass
        return " ".join(text for text in (former, comments) if text) or None

    # --- deciding

    def approve_management_request(self, request_id: int) -> ManagementRequestRecord:
        """Act on a pending request. A member that does not exist yet comes into being, named by its code, as in X-Road.

        Raises NotFound (`management_request_not_found`), CallerError (`management_request_invalid_state_for_approval`), and what
        its effect raises: the request stays pending then.
        """
        with self._change("approve_management_request", request=request_id) as change:
            self._approve(change, read_request(change.connection, self.instance_identifier, request_id))
            return read_request(change.connection, self.instance_identifier, request_id)

    def decline_management_request(self, request_id: int) -> ManagementRequestRecord:
        """Decline a pending request and its complement; an own request that nobody complemented is revoked.

        Raises NotFound (`management_request_not_found`), CallerError (`management_request_invalid_state`).
        """
        with self._change("decline_management_request", request=request_id) as change:
            record = read_request(change.connection, self.instance_identifier, request_id)
            if record.status not in PENDING:
                raise CallerError(
                    f"request {request_id} is {record.status}", code="management_request_invalid_state"
                )
            alone = complement_of(change.connection, self.instance_identifier, record) is None
            status: RequestStatus = "REVOKED" if alone and record.origin == "CENTER" else "DECLINED"
            set_status(change, record.processing_id, status)
            return read_request(change.connection, self.instance_identifier, request_id)

    def _approve(self, change: Change, record: ManagementRequestRecord) -> None:
        if record.status not in PENDING:
            raise CallerError(
                f"request {record.id} is {record.status}",
                code="management_request_invalid_state_for_approval",
            )
        set_status(change, record.processing_id, "APPROVED")
        complement = complement_of(change.connection, self.instance_identifier, record)
        self._act(change, _completed(record.request, complement.request if complement else None))

    # --- looking

    def management_request(self, request_id: int) -> ManagementRequestRecord:
        """Raises NotFound (`management_request_not_found`)."""
        with self._read() as connection:
            return read_request(connection, self.instance_identifier, request_id)

    def find_management_requests(
        self,
        query: str = "",
        *,
        kinds: Collection[RequestKind] = (),
        status: Collection[RequestStatus] = (),
        origin: RequestOrigin | None = None,
        security_server: SecurityServerId | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> Page[ManagementRequestRecord]:
        """Requests whose number, server, owner's name or client contains `query`, without regard to case; the newest first."""
        with self._read() as connection:
            return find_requests(
                connection,
                self.instance_identifier,
                query,
                kinds=kinds,
                status=status,
                origin=origin,
                server=security_server,
                limit=limit,
                offset=offset,
            )


def _with_der(request: ManagementRequest) -> ManagementRequest:
    """Certificates are found by the hash of their DER; a registrar may enter PEM."""
    if not isinstance(request, AuthCertRegistration | AuthCertDeletion):
        return request
    certificate = parse_certificate(
        request.auth_certificate, code="management_request_invalid_auth_certificate"
    )
    return replace(request, auth_certificate=der(certificate))


def _completed(request: ManagementRequest, complement: ManagementRequest | None) -> ManagementRequest:
    """A registrar's request may leave out the address or the name its complement has."""
    match request, complement:
        case AuthCertRegistration(address=""), AuthCertRegistration(address=address):
            return AuthCertRegistration(request.server, address, request.auth_certificate)
        case ClientRegistration(subsystem_name=None), ClientRegistration(subsystem_name=name):
            return ClientRegistration(request.server, request.client, name)
    return request
