"""The door to AI models for rooms that use one: a client of `sild ai-gateway` (docs/ai_gateway.md), which alone knows providers.

    gateway = GatewayClient("http://127.0.0.1:8090", key)
    completion = gateway.complete("assistant-answer", {"question": "...", "passages": "..."})
    completion.text, completion.data, completion.call.model_call()      # the last for DecisionRecord.model_calls

Whoever calls goes on when there is none: `NoModel` is an answer, not an accident. What a model said is a value with its own
evidence; it decides nothing.

record.py  what a call leaves     client.py  the calls, blocking and not
"""

from sild.gateway_client.client import AIGatewayClient, GatewayClient
from sild.gateway_client.errors import GatewayRefused, NoModel, OutputRefused
from sild.gateway_client.record import CallRecord, Completion

__all__ = [
    "AIGatewayClient",
    "CallRecord",
    "Completion",
    "GatewayClient",
    "GatewayRefused",
    "NoModel",
    "OutputRefused",
]
