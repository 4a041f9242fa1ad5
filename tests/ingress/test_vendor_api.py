"""The vendors' API over real HTTP: every status, each problem as a document, one referral for one Idempotency-Key."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from itertools import count
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
import schemathesis
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from fakeredis import FakeAsyncRedis, FakeServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from engine.clock import DAY
from engine.commands.office import Office
from engine.commands.vendors import add_vendor
from engine.commit import Database
from engine.ingress import vendor_api
from engine.ingress.app import create_app
from engine.ingress.console.session import Sessions
from engine.ingress.journal import Journal
from engine.ingress.spool import Spool
from engine.ingress.vendor_api import LARGEST_BODY
from engine.ingress.webhook import Door
from engine.keys import Keys
from engine.referrals.rules import State
from engine.referrals.store import Referrals, Vendor, list_referrals
from engine.settings import Community, load_environment
from engine.stream import Publisher
from tests.fakes import FakeClock, NoWakes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from schemathesis import Case

DOCTOR = 555


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read to its end."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class House:
    """An ingress, its database, and two vendors."""

    def __init__(self, client: TestClient[Any, Any], server: FakeServer, db: Database, clock: FakeClock) -> None:
        self.client = client
        self.server = server
        self.db = db
        self.clock = clock
        self.key = ""
        self.other_key = ""
        self.vendor: Vendor

    async def add(self, name: str) -> tuple[Vendor, str]:
        return await add_vendor(Office(self.db, self.clock, Community(), load_environment({})), name)

    async def call(self, method: str, path: str, *, key: str | None = None, **options: Any) -> Answer:
        headers = {"authorization": f"Bearer {self.key if key is None else key}"} | options.pop("headers", {})
        async with self.client.request(method, path, headers=headers, **options) as answer:
            return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, await answer.text())

    async def refer(self, idempotency_key: str | None = None, **fields: Any) -> Answer:
        headers = {} if idempotency_key is None else {"idempotency-key": idempotency_key}
        return await self.call("POST", "/v1/referrals", headers=headers, json={"reference": "crm-1"} | fields)

    async def change(self, referral_id: str, **update: object) -> None:
        """Let a referral be somewhere else."""
        commit = self.db.commit(self.clock.now())
        referral = await Referrals(commit).get(referral_id)
        assert referral is not None
        Referrals(commit).put(referral.model_copy(update=update))
        await self.db.apply(commit)

    async def disable(self) -> None:
        commit = self.db.commit(self.clock.now())
        vendor = await Referrals(commit).vendor(self.vendor.id)
        assert vendor is not None
        await Referrals(commit).put_vendor(vendor.model_copy(update={"disabled": True}))
        await self.db.apply(commit)

    async def events(self) -> list[dict[str, Any]]:
        return [json.loads(fields["e"])["event"] for _, fields in await self.db.redis.xrange(self.db.keys.stream)]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    server, clock = FakeServer(), FakeClock()
    redis = FakeAsyncRedis(server=server, decode_responses=True)
    db = Database(redis, Keys("main"), NoWakes())
    with Spool(tmp_path / "spool", 1 << 20) as spool:
        journal = Journal(db, Publisher(db, clock), spool, clock)
        app = create_app(db, clock, journal, Door({}, journal, clock), Community(), sessions=Sessions("-"))
        async with TestClient(TestServer(app)) as client:
            house = House(client, server, db, clock)
            house.vendor, house.key = await house.add("みほん商事")
            _, house.other_key = await house.add("別の商事")
            yield house
    server.connected = True
    await redis.aclose()


def assert_problem(answer: Answer, status: int, words: str = "") -> None:
    """A document of RFC 9457 that says what to do."""
    assert answer.status == status, answer.text
    assert answer.headers["content-type"].partition(";")[0] == "application/problem+json"
    problem = answer.json
    assert problem.keys() == {"type", "title", "status", "detail"}
    assert problem["status"] == status
    assert words in problem["detail"]


# -- a referral is taken and shown ------------------------------------------------------------------------------------


async def test_a_referral_is_taken_and_the_code_for_the_doctor_comes_back(house: House) -> None:
    answer = await house.refer(reference="crm-4711", consent=True)
    assert answer.status == 201
    created = answer.json
    assert re.fullmatch(r"YR-[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}", created["code"])
    assert (created["reference"], created["consent"], created["state"]) == ("crm-4711", True, "received")
    received, expires = (datetime.fromisoformat(created[name]) for name in ("received_at", "expires_at"))
    assert received.timestamp() == house.clock.now()
    assert expires - received == timedelta(days=90)
    assert answer.headers["location"] == f"/v1/referrals/{created['id']}"
    assert answer.headers["cache-control"] == "no-store"
    [event] = await house.events()
    assert (event["kind"], event["referral_id"]) == ("referral_received", created["id"])


async def test_without_a_word_about_it_the_doctor_did_not_consent(house: House) -> None:
    assert (await house.refer()).json["consent"] is False


async def test_a_vendor_looks_its_referral_up(house: House) -> None:
    created = (await house.refer()).json
    shown = await house.call("GET", f"/v1/referrals/{created['id']}")
    assert (shown.status, shown.json) == (200, created)


async def test_every_referral_has_its_own_code(house: House) -> None:
    answers = await asyncio.gather(*[house.refer() for _ in range(20)])
    assert len({answer.json["code"] for answer in answers}) == 20


async def test_nothing_about_the_doctor_is_ever_shown(house: House) -> None:
    created = (await house.refer(consent=True)).json
    await house.change(created["id"], state=State.JOINED, account_id=DOCTOR, wrote_code=True, joined_at=1.0)
    shown = await house.call("GET", f"/v1/referrals/{created['id']}")
    assert shown.json.keys() == created.keys()
    assert str(DOCTOR) not in shown.text.replace(created["id"], "")


VISIBLE = [
    ("a joining without consent reads as still waiting", State.JOINED, False, False, "received"),
    ("so does a first post", State.ACTIVE, False, False, "received"),
    ("a joining with the vendor's word for the consent", State.JOINED, True, False, "joined"),
    ("a joining of somebody who wrote the code", State.JOINED, False, True, "joined"),
    ("a first post with consent", State.ACTIVE, True, False, "active"),
    ("an expiry says nothing about the doctor", State.EXPIRED, False, False, "expired"),
    ("nor does a declining", State.DECLINED, False, False, "declined"),
]


@pytest.mark.parametrize(
    ("state", "consent", "wrote_code", "visible"), [pytest.param(*row[1:], id=row[0]) for row in VISIBLE]
)
async def test_the_state_that_a_vendor_sees(
    house: House, *, state: State, consent: bool, wrote_code: bool, visible: str
) -> None:
    created = (await house.refer(consent=consent)).json
    await house.change(created["id"], state=state, account_id=DOCTOR, wrote_code=wrote_code)
    assert (await house.call("GET", f"/v1/referrals/{created['id']}")).json["state"] == visible


# -- who asks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param("", id="nothing"),
        pytest.param("Bearer", id="no key"),
        pytest.param("Bearer   ", id="blanks"),
        pytest.param("Bearer yr_wrong", id="a wrong key"),
        pytest.param("Basic {key}", id="another scheme"),
        pytest.param("{key}", id="the key without a scheme"),
        pytest.param("Bearer {key}x", id="one letter more"),
        pytest.param("Bearer é", id="letters beyond ASCII"),
        pytest.param("Bearer \udcff", id="bytes that are no text"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/referrals"), ("GET", "/v1/referrals/rf_1")], ids=["refer", "look up"]
)
async def test_without_a_valid_key_nobody_learns_anything(
    house: House, authorization: str, method: str, path: str
) -> None:
    raw = authorization.format(key=house.key).encode("utf-8", "surrogateescape")
    answer = await raw_request(house, method, path, [(b"authorization", raw)], b"{}")
    assert_problem(answer, 401, "API key")
    assert answer.headers["www-authenticate"] == "Bearer"


async def raw_request(
    house: House, method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes = b""
) -> Answer:
    """Send header bytes that a well-behaved client refuses to send."""
    server = house.client.server
    assert isinstance(server, TestServer)
    reader, writer = await asyncio.open_connection(server.host, server.port)
    head = [f"{method} {path} HTTP/1.1".encode(), b"host: x", b"connection: close"]
    head += [b"content-type: application/json", b"content-length: %d" % len(body)]
    writer.write(b"\r\n".join([*head, *(name + b": " + value for name, value in headers), b"", body]))
    answered, _, text = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    lines = answered.decode().split("\r\n")
    found = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
    return Answer(int(lines[0].split()[1]), found, text.decode())


async def test_the_scheme_is_known_in_any_case(house: House) -> None:
    answer = await house.call("POST", "/v1/referrals", headers={"authorization": f"bEARER {house.key}"}, json={})
    assert answer.status == 422


async def test_a_disabled_vendor_is_refused(house: House) -> None:
    created = (await house.refer()).json
    await house.disable()
    assert_problem(await house.refer(), 401)
    assert_problem(await house.call("GET", f"/v1/referrals/{created['id']}"), 401)


async def test_another_vendors_referral_is_as_unknown_as_none(house: House) -> None:
    created = (await house.refer()).json
    theirs = await house.call("GET", f"/v1/referrals/{created['id']}", key=house.other_key)
    nobodys = await house.call("GET", "/v1/referrals/rf_0", key=house.other_key)
    assert_problem(theirs, 404)
    assert theirs.text == nobodys.text


@pytest.mark.parametrize(
    "referral_id", ["%00", "%2e%2e%2fvendor", "a:b", "%F0%9F%8F%A5", "%ff", "x" * 2000, "referral_code:x"]
)
async def test_an_odd_id_is_simply_unknown(house: House, referral_id: str) -> None:
    assert_problem(await raw_request(house, "GET", f"/v1/referrals/{referral_id}", bearer(house)), 404)


def bearer(house: House) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", b"Bearer " + house.key.encode())]


# -- what is asked ----------------------------------------------------------------------------------------------------

BODIES = [
    ("nothing", b"", "body"),
    ("no JSON", b"reference=crm-1", "body"),
    ("a list", b"[]", "body"),
    ("null", b"null", "body"),
    ("not UTF-8", b'{"reference": "\xff"}', "body"),
    ("a lone surrogate", b'{"reference": "\\ud800"}', "body"),
    ("no reference", b"{}", "reference"),
    ("an empty reference", b'{"reference": ""}', "reference"),
    ("a reference too long", b'{"reference": "%s"}' % (b"x" * 201), "reference"),
    ("a reference that is a number", b'{"reference": 7}', "reference"),
    ("a reference that is null", b'{"reference": null}', "reference"),
    ("a consent in words", b'{"reference": "a", "consent": "yes"}', "consent"),
    ("a consent as a number", b'{"reference": "a", "consent": 1}', "consent"),
    ("a consent that is null", b'{"reference": "a", "consent": null}', "consent"),
    ("a doctor's name, which we do not want", '{"reference": "a", "doctor": "青木"}'.encode(), "doctor"),
    ("deep nesting", b"[" * 8000, "body"),
]


@pytest.mark.parametrize(("body", "where"), [pytest.param(*row[1:], id=row[0]) for row in BODIES])
async def test_a_body_that_does_not_fit_is_explained_and_nothing_is_stored(
    house: House, body: bytes, where: str
) -> None:
    headers = {"content-type": "application/json"}
    answer = await house.call("POST", "/v1/referrals", headers=headers, data=body)
    assert_problem(answer, 422, f"{where}: ")
    assert "青木" not in answer.text
    assert await list_referrals(house.db) == []
    assert await house.events() == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
async def test_another_content_type_is_refused(house: House, content_type: str) -> None:
    headers = {"content-type": content_type}
    assert_problem(await house.call("POST", "/v1/referrals", headers=headers, data=b'{"reference": "a"}'), 415, "json")


async def test_json_with_a_charset_is_json(house: House) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    answer = await house.call("POST", "/v1/referrals", headers=headers, data='{"reference": "控え"}'.encode())
    assert (answer.status, answer.json["reference"]) == (201, "控え")


@pytest.mark.parametrize(
    "size", [pytest.param(LARGEST_BODY + 1, id="a byte too many"), pytest.param(3 << 20, id="megabytes")]
)
@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "undeclared"])
async def test_a_large_body_is_refused(house: House, *, size: int, chunked: bool) -> None:
    body = b'{"reference": "a"}'.ljust(size)

    async def pieces() -> AsyncIterator[bytes]:
        for begin in range(0, size, 65_536):
            yield body[begin : begin + 65_536]

    headers = {"content-type": "application/json"}
    answer = await house.call("POST", "/v1/referrals", headers=headers, data=pieces() if chunked else BytesIO(body))
    assert_problem(answer, 413, str(LARGEST_BODY))


async def test_a_body_that_only_claims_to_be_compressed_is_refused(house: House) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    assert_problem(await house.call("POST", "/v1/referrals", headers=headers, data=b"{}"), 400, "content-encoding")


async def test_a_slow_body_is_given_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor_api, "BODY_TIMEOUT", 0.05)
    never = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"{"
        await never.wait()

    headers = {"content-type": "application/json"}
    assert_problem(await house.call("POST", "/v1/referrals", headers=headers, data=pieces()), 408, "longer than")


async def test_a_connection_lost_in_the_midst_of_a_body_is_no_bug() -> None:
    """Found by the chaos bench: a traceback for a vendor who hung up."""

    async def lost() -> bytes:
        raise ConnectionResetError("Connection lost")

    headers = {"content-type": "application/json"}
    request = make_mocked_request("POST", "/v1/referrals", headers, payload=Mock(readany=lost))
    with pytest.raises(vendor_api.Refusal, match="connection was lost"):
        await vendor_api._body(request)  # noqa: SLF001 - the test server cancels a handler whose client is gone


async def test_the_largest_body_is_taken(house: House) -> None:
    headers = {"content-type": "application/json"}
    body = b'{"reference": "a"}'.ljust(LARGEST_BODY)
    assert (await house.call("POST", "/v1/referrals", headers=headers, data=body)).status == 201


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/v1", 404, id="the root"),
        pytest.param("GET", "/v1/doctors", 404, id="another thing"),
        pytest.param("GET", "/v1/referrals/", 404, id="no id"),
        pytest.param("GET", "/v1/referrals/a/b", 404, id="below a referral"),
        pytest.param("GET", "/v1/referrals", 405, id="a list of all referrals"),
        pytest.param("DELETE", "/v1/referrals/rf_1", 405, id="taking one back"),
        pytest.param("PUT", "/v1/referrals/rf_1", 405, id="changing one"),
    ],
)
async def test_what_there_is_not_is_a_problem_too(house: House, method: str, path: str, status: int) -> None:
    answer = await house.call(method, path)
    assert_problem(answer, status)
    assert ("allow" in answer.headers) is (status == 405)


# -- Idempotency-Key --------------------------------------------------------------------------------------------------


async def test_the_same_key_and_body_give_the_same_referral(house: House) -> None:
    first, second = await house.refer("k1"), await house.refer("k1")
    assert (first.status, second.status) == (201, 200)
    assert first.json == second.json
    assert len(await list_referrals(house.db)) == len(await house.events()) == 1


async def test_blanks_in_the_same_body_make_no_other_body(house: House) -> None:
    first = await house.refer("k1", consent=False)
    headers = {"content-type": "application/json", "idempotency-key": "k1"}
    second = await house.call("POST", "/v1/referrals", headers=headers, data=b'{  "reference":"crm-1" }')
    assert second.json == first.json


async def test_another_body_under_the_same_key_is_refused(house: House) -> None:
    await house.refer("k1")
    assert_problem(await house.refer("k1", reference="crm-2"), 422, "Idempotency-Key")
    assert_problem(await house.refer("k1", consent=True), 422, "Idempotency-Key")
    assert len(await list_referrals(house.db)) == 1


async def test_another_key_is_another_referral(house: House) -> None:
    first, second = await house.refer("k1"), await house.refer("k2")
    assert first.json["id"] != second.json["id"]


async def test_without_a_key_every_request_is_a_referral(house: House) -> None:
    assert (await house.refer()).json["id"] != (await house.refer()).json["id"]


async def test_a_key_is_the_vendors_own(house: House) -> None:
    mine = await house.refer("k1")
    headers = {"idempotency-key": "k1"}
    theirs = await house.call(
        "POST", "/v1/referrals", key=house.other_key, headers=headers, json={"reference": "crm-1"}
    )
    assert (theirs.status, theirs.json["id"] != mine.json["id"]) == (201, True)


async def test_many_at_once_with_one_key_are_one_referral(house: House) -> None:
    answers = await asyncio.gather(*[house.refer("k1") for _ in range(8)])
    assert sorted(answer.status for answer in answers) == [200] * 7 + [201]
    assert len({answer.json["id"] for answer in answers}) == 1
    assert len(await list_referrals(house.db)) == len(await house.events()) == 1


async def test_a_repeated_answer_shows_how_things_stand_now(house: House) -> None:
    created = (await house.refer("k1", consent=True)).json
    await house.change(created["id"], state=State.JOINED, account_id=DOCTOR)
    assert (await house.refer("k1", consent=True)).json["state"] == "joined"


async def test_a_key_is_remembered_for_a_day(house: House) -> None:
    await house.refer("k1")
    [key] = await house.db.redis.keys("{main}:idempotency:*")
    assert await house.db.redis.ttl(key) == pytest.approx(DAY, abs=5)


@pytest.mark.parametrize(
    "key", [pytest.param(b"", id="empty"), pytest.param(b"k" * 256, id="too long"), pytest.param(b"   ", id="blank")]
)
async def test_a_key_that_is_none_is_refused(house: House, key: bytes) -> None:
    headers = [*bearer(house), (b"idempotency-key", key)]
    answer = await raw_request(house, "POST", "/v1/referrals", headers, b'{"reference": "a"}')
    assert_problem(answer, 400, "Idempotency-Key")


@pytest.mark.parametrize("key", [pytest.param(b"k" * 255, id="the longest"), pytest.param(b"\xff\xfe", id="no text")])
async def test_any_other_bytes_are_a_key(house: House, key: bytes) -> None:
    headers = [*bearer(house), (b"idempotency-key", key)]
    answers = [await raw_request(house, "POST", "/v1/referrals", headers, b'{"reference": "a"}') for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 200]


# -- when Redis is away -----------------------------------------------------------------------------------------------


async def test_while_redis_is_away_nothing_is_promised(house: House) -> None:
    created = (await house.refer()).json
    house.server.connected = False
    for answer in (await house.refer("k1"), await house.call("GET", f"/v1/referrals/{created['id']}")):
        assert_problem(answer, 503, "again")
        assert answer.headers["retry-after"] == "60"
    house.server.connected = True
    assert (await house.refer("k1")).status == 201
    assert len(await list_referrals(house.db)) == 2


async def test_who_never_gets_a_turn_is_asked_to_try_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor_api, "CONFLICTS", 0)
    assert_problem(await house.refer(), 503, "again")
    assert await list_referrals(house.db) == []


# -- the description --------------------------------------------------------------------------------------------------


async def test_anybody_may_read_the_description(house: House) -> None:
    answer = await house.call("GET", "/openapi.json", key="")
    document = answer.json
    assert (answer.status, document["openapi"][:3]) == (200, "3.1")
    assert document["paths"].keys() == {"/v1/referrals", "/v1/referrals/{id}"}
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


async def test_the_api_keeps_to_its_description(house: House) -> None:
    """Requests made up from the description, valid and not, the same in every run."""
    known = (await house.refer()).json["id"]
    schema = schemathesis.openapi.from_dict((await house.call("GET", "/openapi.json")).json)
    schema.config.update(base_url=str(house.client.make_url("/")).rstrip("/"))
    statuses, numbers = set[int](), count(1)
    cases = st.one_of(
        [
            schema[path][method].as_strategy(generation_mode=mode)
            for path, method in (("/v1/referrals", "POST"), ("/v1/referrals/{id}", "GET"))
            for mode in schemathesis.GenerationMode
        ]
    )

    @given(case=cases, knows=st.booleans())
    @settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def keep(case: Case[Any], *, knows: bool) -> None:
        if knows and "id" in case.path_parameters:
            case.path_parameters["id"] = known
        case.headers["Authorization"] = f"Bearer {house.key}"
        if 0 < len(key := case.headers.get("Idempotency-Key", "")) < 250:
            case.headers["Idempotency-Key"] = f"{key}{next(numbers)}"  # another body needs another key
        statuses.add(case.call_and_validate().status_code)

    await asyncio.to_thread(keep)
    assert statuses >= {200, 201, 404, 422}
