"""OpenAPI 3.1 of the vendors' API, built from the models that the handlers use."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

PROBLEMS = {
    "400": "The Idempotency-Key cannot be used, or the body is not what its content-encoding says",
    "401": "The API key is missing or not valid",
    "408": "The body took too long",
    "413": "The body is too large",
    "415": "The body is not JSON",
    "422": "The body does not fit, or the Idempotency-Key was used for another request",
    "503": "Try again later; nothing was stored",
}


def openapi(request: type[BaseModel], answer: type[BaseModel], problem: type[BaseModel]) -> dict[str, Any]:
    """The document, from the models of request, answer and problem."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "yuruyuru referrals",
            "version": version("yuruyuru"),
            "description": "Tell the community about a doctor you referred, and hear by webhook that it arrived. "
            "Webhooks are signed by Standard Webhooks 1.0.0.",
        },
        "paths": {
            "/v1/referrals": {"post": _create()},
            "/v1/referrals/{id}": {"get": _show()},
        },
        "components": {
            "schemas": {
                "ReferralRequest": request.model_json_schema(),
                "Referral": answer.model_json_schema(mode="serialization"),
                "Problem": problem.model_json_schema(),
            },
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _create() -> dict[str, Any]:
    return {
        "operationId": "createReferral",
        "summary": "Refer a doctor; give them the code for their first post",
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key gives the same referral for a day",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        ],
        "requestBody": {"required": True, "content": _json("ReferralRequest")},
        "responses": {
            "201": {"description": "Taken", "content": _json("Referral")},
            "200": {"description": "Taken before, with this Idempotency-Key", "content": _json("Referral")},
            **_problems("400", "401", "408", "413", "415", "422", "503"),
        },
    }


def _show() -> dict[str, Any]:
    return {
        "operationId": "showReferral",
        "summary": "Look one of your referrals up",
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
        "responses": {
            "200": {"description": "The referral", "content": _json("Referral")},
            "404": {"description": "No referral of yours has this id", "content": _problem_content()},
            **_problems("401", "503"),
        },
    }


def _problems(*statuses: str) -> dict[str, Any]:
    return {status: {"description": PROBLEMS[status], "content": _problem_content()} for status in statuses}


def _problem_content() -> dict[str, Any]:
    return {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
