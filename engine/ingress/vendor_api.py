"""The vendors' API: `POST /v1/referrals`, `GET /v1/referrals/{id}`, described by `GET /openapi.json`.

A vendor sees its own referrals only, and of a referral only steps: no name, no account. Problems are RFC 9457.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.commit import Applied
from engine.errors import Transient
from engine.events import ReferralReceived
from engine.ingress.openapi import openapi
from engine.log import get_logger
from engine.referrals.rules import make_code
from engine.referrals.store import Answered, Referral, Referrals, Vendor, hashed

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from engine.clock import Clock
    from engine.commit import Commit, Database
    from engine.settings import Community

log = get_logger()

LARGEST_BODY = 16 * 1024
BODY_TIMEOUT = 10.0
KEY_LENGTH = 255
CONFLICTS = 10
RETRY = {"retry-after": "60"}


class ReferralRequest(BaseModel):
    """What a vendor tells us: its own opaque reference, and whether the doctor agreed that it hears of the joining."""

    model_config = ConfigDict(extra="forbid", strict=True)  # "yes" is no consent

    reference: Annotated[str, Field(min_length=1, max_length=200)]
    consent: bool = False


class ReferralAnswer(BaseModel):
    """A referral as its vendor sees it; `code` is for the doctor to write in the first post."""

    id: str
    code: str
    reference: str
    consent: bool
    state: str
    received_at: datetime
    expires_at: datetime


class Problem(BaseModel):
    """RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class Refusal(Exception):
    """Ends a request with a problem."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.problem = Problem(title=status.phrase, status=status, detail=detail)


class VendorApi:
    """The handlers of `/v1`."""

    def __init__(self, db: Database, clock: Clock, community: Community) -> None:
        self._db = db
        self._clock = clock
        self._community = community

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the routes."""
        router.add_post("/v1/referrals", self.create)
        router.add_get("/v1/referrals/{id}", self.show)
        router.add_get("/openapi.json", self.describe)

    async def describe(self, _: web.Request) -> web.Response:
        """OpenAPI 3.1 of `/v1`."""
        return web.json_response(openapi(ReferralRequest, ReferralAnswer, Problem))

    async def create(self, request: web.Request) -> web.Response:
        """Take a referral; the same `Idempotency-Key` gives the same referral for a day."""
        vendor = await self._vendor(request)
        key = _idempotency_key(request)
        body = await _body(request)
        try:
            wanted = ReferralRequest.model_validate_json(body)
        except ValidationError as error:
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, _explain(error)) from None
        for _ in range(CONFLICTS):
            commit = self._db.commit(self._clock.now())
            referral, is_new = await self._take(vendor, wanted, key, commit)
            if (await self._db.apply(commit))[0] is Applied.DONE:  # also what was taken before is promised again now
                return _answer(referral, HTTPStatus.CREATED if is_new else HTTPStatus.OK)
        raise Transient("too many conflicts")

    async def _take(
        self, vendor: Vendor, wanted: ReferralRequest, key: str | None, commit: Commit
    ) -> tuple[Referral, bool]:
        referrals = Referrals(commit)
        request_hash = hashed(wanted.model_dump_json())
        earlier = await referrals.answered(vendor.id, key) if key else None
        if earlier is not None:
            referral = await referrals.get(earlier.referral_id)
            if earlier.request_hash != request_hash or referral is None:
                raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "this Idempotency-Key was used for another request")
            return referral, False
        referral = Referral(
            id=f"rf_{secrets.token_hex(8)}",
            vendor_id=vendor.id,
            code=make_code(secrets.token_bytes(8)),
            reference=wanted.reference,
            consent=wanted.consent,
            received_at=commit.now,
            expires_at=commit.now + self._community.referral.expires,
        )
        await referrals.add(referral)
        if key:
            answer = Answered(request_hash=request_hash, referral_id=referral.id)
            referrals.put_answered(vendor.id, key, answer)
        commit.publish(ReferralReceived(referral_id=referral.id, vendor_id=vendor.id))
        commit.fact("referral_received", referral_id=referral.id, vendor_id=vendor.id)
        return referral, True

    async def show(self, request: web.Request) -> web.Response:
        """Look one's own referral up."""
        vendor = await self._vendor(request)
        referral = await Referrals(self._db.commit(self._clock.now())).get(request.match_info["id"])
        if referral is None or referral.vendor_id != vendor.id:
            raise Refusal(HTTPStatus.NOT_FOUND, "no referral of yours has this id")
        return _answer(referral, HTTPStatus.OK)

    async def _vendor(self, request: web.Request) -> Vendor:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        vendor = None
        if scheme.lower() == "bearer" and key.strip():
            vendor = await Referrals(self._db.commit(self._clock.now())).vendor_of_key(key.strip())
        if vendor is None:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "send your API key as: Authorization: Bearer <key>")
        return vendor


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong below `/v1` is answered by a problem document."""
    if not request.path.startswith("/v1"):
        return await handler(request)
    try:
        return await handler(request)
    except (Refusal, Transient, web.HTTPException) as error:
        refusal, headers = _refusal_of(error)
    return _problem(refusal, headers)


def _refusal_of(error: Refusal | Transient | web.HTTPException) -> tuple[Refusal, dict[str, str]]:
    match error:
        case Refusal():
            return error, {}
        case Transient():
            log.warning("vendor_request_failed", reason=error.reason)
            return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "try again in a minute; nothing was stored"), RETRY
        case web.HTTPRequestEntityTooLarge():
            return _too_large(), {}
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"only {allowed} here"), {"allow": allowed}
        case _:
            return Refusal(HTTPStatus(error.status), "no such path; see /openapi.json"), {}


def _too_large() -> Refusal:
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {LARGEST_BODY} bytes")


def _problem(refusal: Refusal, headers: dict[str, str]) -> web.Response:
    problem = refusal.problem
    extra = {"www-authenticate": "Bearer"} if problem.status == HTTPStatus.UNAUTHORIZED else {}
    return web.Response(
        status=problem.status,
        body=problem.model_dump_json().encode(),
        headers={"content-type": "application/problem+json", **extra, **headers},
    )


def _answer(referral: Referral, status: HTTPStatus) -> web.Response:
    answer = ReferralAnswer(
        id=referral.id,
        code=referral.code,
        reference=referral.reference,
        consent=referral.consent,
        state=_visible_state(referral),
        received_at=datetime.fromtimestamp(referral.received_at, UTC),
        expires_at=datetime.fromtimestamp(referral.expires_at, UTC),
    )
    headers = {"location": f"/v1/referrals/{referral.id}", "cache-control": "no-store"}
    return web.json_response(json.loads(answer.model_dump_json()), status=status, headers=headers)


def _visible_state(referral: Referral) -> str:
    """A joining the doctor did not agree to tell reads as still waiting."""
    hidden = referral.state in ("joined", "active") and not (referral.consent or referral.wrote_code)
    return "received" if hidden else referral.state


def _idempotency_key(request: web.Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= KEY_LENGTH:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"an Idempotency-Key has 1 to {KEY_LENGTH} characters")
    return key


async def _body(request: web.Request) -> bytes:
    if request.content_type != "application/json":
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json")
    if (request.content_length or 0) > LARGEST_BODY:
        raise _too_large()
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            body = await request.read()
    except TimeoutError:
        raise Refusal(HTTPStatus.REQUEST_TIMEOUT, f"the body took longer than {BODY_TIMEOUT:.0f} s") from None
    except ConnectionError:
        raise Refusal(HTTPStatus.BAD_REQUEST, "the connection was lost in the midst of the body") from None
    except web.RequestPayloadError:
        raise Refusal(HTTPStatus.BAD_REQUEST, "the body is not what its content-encoding says") from None
    if len(body) > LARGEST_BODY:
        raise _too_large()
    return body


def _explain(error: ValidationError) -> str:
    """What is wrong, without repeating what was sent."""
    problems = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}" for problem in problems[:5])
