"""Notifications by mail (UG-SS 24), and the same as log lines; a mail that cannot be sent is a log line, never an error."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

from sild.acme_client.configuration import MailServer
from sild.telemetry import get_logger
from sild.xroad.identifiers import ClientId

__all__ = ["Mail"]

log = get_logger("acme_client")

SECONDS = 20.0


class Mail:
    """server: of mail.yml.  ca_certificates: PEM file, None for the system's authorities.  sender_name: the security server."""

    def __init__(
        self,
        server: MailServer,
        *,
        ca_certificates: Path | None,
        sender_name: str,
        on_success: bool,
        on_failure: bool,
    ) -> None:
        self._server = server
        self._ca_certificates = ca_certificates
        self._sender_name = sender_name
        self._wanted = {True: on_success, False: on_failure}

    def contact(self, member: ClientId) -> str | None:
        """Where a member wants to be told; the authority is told it too."""
        return self._server.contacts.get(str(member.member))

    async def tell(self, member: ClientId, subject: str, text: str, *, success: bool) -> None:
        """To the member's contact, if there is one and such mails are wanted."""
        recipient = self.contact(member)
        if not self._wanted[success] or recipient is None or not self._server.is_complete:
            return
        try:
            await asyncio.to_thread(self._send, recipient, subject, text)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            log.warning("acme.mail_not_sent", member=str(member), error=type(error).__name__)
        else:
            log.info("acme.mail_sent", member=str(member), success=success)

    def _send(self, recipient: str, subject: str, text: str) -> None:
        server = self._server
        message = EmailMessage()
        message["Subject"] = subject
        message["From"] = (
            server.username if server.username and "@" in server.username else f"xroad@{server.host}"
        )
        message["To"] = recipient
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=server.host)
        message.set_content(f"{text}\n\nSecurity server: {self._sender_name}\n")
        context = ssl.create_default_context(cafile=self._ca_certificates)
        host, port, own_name = server.host or "", server.port or 0, socket.gethostname()
        if server.use_ssl_tls:
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                host, port, own_name, timeout=SECONDS, context=context
            )
        else:
            connection = smtplib.SMTP(host, port, own_name, timeout=SECONDS)
        with connection:
            if not server.use_ssl_tls:
                connection.starttls(
                    context=context
                )  # or nothing is sent: passwords do not go out in the clear
            if server.username:
                connection.login(server.username, server.password or "")
            connection.send_message(message)
