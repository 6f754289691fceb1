"""HTTP/1.1 between peers: a streaming server and client on asyncio (uvloop where installed) and httptools.

RFC 9110 and 9112, and what X-Road asks of HTTP (WIRE 4, 11): header names and request targets pass both ways exactly as
given, the peer's certificates are at hand, bodies of any size pass through a bounded buffer. Every security server, the
configuration client and the signer speak through this door; it knows nothing of X-Road's messages.

Follow a request: listener.py (accept) -> server.py (parse, queue, task) -> request.py (what a handler gets) and back;
client.py the other way; message.py is the bounded body of both, heads.py writes heads, tls.py makes contexts.
"""

from sild.http1.client import ClientResponse, Connection, Outgoing, open_connection
from sild.http1.errors import BodyTooLarge, BrokenMessage, ConnectionLost, TimedOut, TlsFailed, UnknownHost
from sild.http1.fetch import Fetched, fetch
from sild.http1.heads import Header
from sild.http1.limits import Limits
from sild.http1.listener import Server, serve
from sild.http1.peer import TlsPeer
from sild.http1.pool import ConnectionPool
from sild.http1.request import Request, Responder
from sild.http1.server import Handler

__all__ = [
    "BodyTooLarge",
    "BrokenMessage",
    "ClientResponse",
    "Connection",
    "ConnectionLost",
    "ConnectionPool",
    "Fetched",
    "Handler",
    "Header",
    "Limits",
    "Outgoing",
    "Request",
    "Responder",
    "Server",
    "TimedOut",
    "TlsFailed",
    "TlsPeer",
    "UnknownHost",
    "fetch",
    "open_connection",
    "serve",
]
