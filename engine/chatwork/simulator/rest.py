"""REST API v2 over HTTP: token, limits, faults, parameters; then one of the 32 operations answers."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from aiohttp import web

from engine.chatwork.simulator import limits
from engine.chatwork.simulator.api.call import Call, Params, Upload
from engine.chatwork.simulator.api.endpoints import ENDPOINTS
from engine.chatwork.simulator.errors import (
    INVALID_ENDPOINT,
    INVALID_TOKEN,
    TOKEN_LIMIT,
    ApiError,
    bad_request,
)
from engine.chatwork.simulator.faults import FaultKind
from engine.chatwork.simulator.keys import CLOSING, WORLD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.chatwork.simulator.api.call import Answer
    from engine.chatwork.simulator.api.endpoints import Operation
    from engine.chatwork.simulator.model import Account

FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}
LONGEST_HANG = 120.0  # seconds that a hung answer holds its connection
FAULT_RESET = 5  # seconds until an ordered 429 says it is over
_EXPIRED = 'Bearer error="invalid_token", error_description="The access token expired"'


async def answer(request: web.Request) -> web.StreamResponse:
    """Answer any request below `/v2`; all answers carry the headers of the request limit."""
    world = request.app[WORLD]
    token = request.headers.get("x-chatworktoken", "")
    actor = world.account_of(token)
    if actor is None:
        return _unknown_caller(request, limits.untouched(world.now()))
    allowance = world.request_limit.take(token, world.now())
    fault = world.faults.for_request(request.method)
    if fault is FaultKind.TOO_MANY:
        allowance = limits.Allowance(allowed=False, remaining=0, reset=int(world.now()) + FAULT_RESET)
    try:
        _admit(allowance, fault)
        response = _response(await _operate(request, actor, token))
    except ApiError as refusal:
        response = refused(refusal)
    response.headers.update(allowance.headers())
    await _lose(request, fault)
    return response


def _admit(allowance: limits.Allowance, fault: FaultKind | None) -> None:
    if not allowance.allowed:
        raise ApiError(429, TOKEN_LIMIT)
    if fault is FaultKind.BROKEN:
        raise ApiError(500, "Internal Server Error")


def refused(refusal: ApiError) -> web.Response:
    """Say a refusal in Chatwork's shape."""
    return web.json_response({"errors": [refusal.text]}, status=refusal.status)


def _unknown_caller(request: web.Request, allowance: limits.Allowance) -> web.Response:
    response = refused(ApiError(401, INVALID_TOKEN))
    response.headers.update(allowance.headers())
    if request.headers.get("authorization", "").startswith("Bearer "):
        response.headers["www-authenticate"] = _EXPIRED
    return response


async def _operate(request: web.Request, actor: Account, token: str) -> Answer:
    operation, path = _endpoint(request.method, request.path.removeprefix("/v2"))
    origin = f"{request.scheme}://{request.host}"
    params = await _params(request)
    call = Call(world=request.app[WORLD], actor=actor, token=token, path=path, params=params, origin=origin)
    return operation(call)


@lru_cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[0-9]{1,20})", path))


def _endpoint(method: str, path: str) -> tuple[Operation, Mapping[str, int]]:
    for endpoint in ENDPOINTS:
        found = _pattern(endpoint.path).fullmatch(path)
        if found and endpoint.method == method:
            return endpoint.operation, {name: int(value) for name, value in found.groupdict().items()}
    raise bad_request(INVALID_ENDPOINT)


async def _params(request: web.Request) -> Params:
    """Read the form of a POST or PUT, whatever the query says; the query of a GET; either of a DELETE."""
    if request.method == "GET":
        return Params(dict(request.query))
    form = await _form(request)
    files = {name: value for name, value in form.items() if isinstance(value, web.FileField)}
    uploads = {name: Upload(field.filename, field.file.read()) for name, field in files.items()}
    texts = {name: value for name, value in form.items() if isinstance(value, str)}
    # some clients give every part of a multipart form a file name, also what is meant as text
    texts |= {name: upload.content.decode(errors="replace") for name, upload in uploads.items() if name != "file"}
    return Params({**request.query, **texts} if request.method == "DELETE" else texts, uploads)


async def _form(request: web.Request) -> Mapping[str, str | bytes | bytearray | web.FileField]:
    if request.content_type not in FORMS:
        return {}
    try:
        return await request.post()
    except web.HTTPRequestEntityTooLarge:
        raise ApiError(413, "Request Entity Too Large") from None
    except (ValueError, LookupError):
        raise bad_request("The form cannot be read") from None


def _response(answer: Answer) -> web.Response:
    if not answer:
        return web.Response(status=204)
    return web.json_response(answer)


async def _lose(request: web.Request, fault: FaultKind | None) -> None:
    """Let the answer get lost on its way, if a fault asks for that."""
    if fault is FaultKind.HANG:
        with suppress(TimeoutError):
            await asyncio.wait_for(request.app[CLOSING].wait(), LONGEST_HANG)
    if fault in {FaultKind.HANG, FaultKind.RESET} and request.transport is not None:
        raw = request.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing sends a reset
        request.transport.abort()
