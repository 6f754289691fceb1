"""HTTP/1.1 between peers: a streaming server and client on asyncio (uvloop where installed) and httptools.

RFC 9110 and 9112, and what X-Road asks of HTTP (WIRE 4, 11): header names and request targets pass both ways exactly as
given, the peer's certificates are at hand, bodies of any size pass through a bounded buffer. Every security server, the
configuration client and the signer speak through this door; it knows nothing of X-Road's messages.

Follow a request: listener.py (accept) -> request_reader.py (parse, queue) -> server.py (the connection's task) ->
request.py (what a handler gets) and back; opening.py and client.py the other way; message.py is the bounded body of both,
heads.py writes heads, tls.py makes contexts and tls_layer.py puts them between TCP and HTTP.
"""

from sild.http1.addresses import ensure_guarded, subscriber_of
from sild.http1.client import ClientResponse, Connection
from sild.http1.errors import BodyTooLarge, BrokenMessage, ConnectionLost, TimedOut, TlsFailed, UnknownHost
from sild.http1.fetch import Answered, Fetch, Fetched, fetch
from sild.http1.heads import Header
from sild.http1.limits import Limits
from sild.http1.listener import Server, serve
from sild.http1.loop import run
from sild.http1.opening import open_connection
from sild.http1.outgoing import Outgoing
from sild.http1.peer import TlsPeer
from sild.http1.pool import ConnectionPool
from sild.http1.request import Request, Responder
from sild.http1.server import Handler
from sild.http1.tls import (
    AnyTls,
    TlsContext,
    information_system_server_context,
    peer_client_context,
    peer_server_context,
    service_client_context,
    unverified_download_context,
)

__all__ = [
    "Answered",
    "AnyTls",
    "BodyTooLarge",
    "BrokenMessage",
    "ClientResponse",
    "Connection",
    "ConnectionLost",
    "ConnectionPool",
    "Fetch",
    "Fetched",
    "Handler",
    "Header",
    "Limits",
    "Outgoing",
    "Request",
    "Responder",
    "Server",
    "TimedOut",
    "TlsContext",
    "TlsFailed",
    "TlsPeer",
    "UnknownHost",
    "ensure_guarded",
    "fetch",
    "information_system_server_context",
    "open_connection",
    "peer_client_context",
    "peer_server_context",
    "run",
    "serve",
    "service_client_context",
    "subscriber_of",
    "unverified_download_context",
]
