"""A service to put on the exchange: it knows who asks, and lets in nobody who did not come through the security server.

    python examples/weather_service.py 8090

docs/put-a-service-on-it.md shows how to offer it; its description is at /openapi.json.
"""

from __future__ import annotations

import sys
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel

from sild.adapter.provider import XRoadCaller, XRoadMiddleware, xroad_caller

app = FastAPI(title="Weather", version="1.0")
app.add_middleware(XRoadMiddleware, open_paths=["/openapi.json", "/health"], security_servers=["127.0.0.1"])

TEMPERATURES = {"tallinn": -3.5, "hanoi": 19.0}
Caller = Annotated[XRoadCaller, Depends(xroad_caller)]


class Measurement(BaseModel):
    station: str
    celsius: float
    asked_by: str
    message_id: str


@app.get("/stations/{name}")
def station(name: str, caller: Caller) -> Measurement:
    """What a station measures now."""
    if name not in TEMPERATURES:
        raise HTTPException(404, "no such station")
    return Measurement(
        station=name,
        celsius=TEMPERATURES[name],
        asked_by=f"{caller.user_id or 'nobody named'} of {caller.client}",
        message_id=caller.query_id,
    )


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "up"}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
