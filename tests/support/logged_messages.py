"""Messages to log."""

from __future__ import annotations

from sild.message_log import MessageRecord
from sild.message_log.records import Attachment
from sild.xroad.identifiers import ClientId

CLIENT = ClientId("DEV", "COM", "1234", "TestClient")


def message(
    query_id: str = "DEV-1",
    *,
    is_response: bool = False,
    client_id: ClientId = CLIENT,
    attachments: tuple[Attachment, ...] = (),
    signature: bytes = b"<signatures/>",
    body_logged: bool = True,
) -> MessageRecord:
    return MessageRecord(
        query_id=query_id,
        message=b"GET\r\n/r1/DEV/COM/4321/Service/pets\r\nx-road-client:DEV/COM/1234/TestClient\r\n",
        signature=signature,
        client_id=client_id,
        is_response=is_response,
        x_request_id="0d2a4c5e-1111-4222-8333-444455556666",
        attachments=attachments,
        body_logged=body_logged,
    )
