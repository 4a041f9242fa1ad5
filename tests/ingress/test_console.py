"""The admins' console: who gets in, what it tells, and that it tells nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Refused
from engine.ingress.console.session import LASTS, Sessions, kept_token
from engine.upkeep.store import Loss, Upkeep
from tests.stories.community import ADMIN, ADMIN_ROOM, ADMIN_TOKEN, ASKER, BOARD, COLLEAGUE, Community

if TYPE_CHECKING:
    from pathlib import Path

PUT_DOWN = "そんなことも知らないで開業するんですか？研修医でも知ってますよ。"


async def enters(community: Community, token: str = ADMIN_TOKEN, **headers: str) -> tuple[int, str]:
    """Log in; returns the status and the page."""
    async with community.client.post(
        "/admin/login", data={"token": token}, headers=headers, allow_redirects=False
    ) as answer:
        return answer.status, await answer.text()


async def page(community: Community) -> str:
    async with community.client.get("/admin") as answer:
        assert answer.status == 200
        return await answer.text()


async def test_who_has_not_logged_in_sees_the_form_and_nothing_else(community: Community) -> None:
    for path in ("/admin", "/admin/"):
        async with community.client.get(path, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["location"]) == (303, "/admin/login")
    assert "管理用トークン" in await page(community)
    assert "ご質問" not in await page(community)


async def test_whoever_knows_the_token_sees_how_things_stand(community: Community) -> None:
    await community.says(ASKER, "紹介状の書き方を教えてください。")
    await community.says(COLLEAGUE, PUT_DOWN)
    assert (await enters(community))[0] == 303
    text = await page(community)
    assert "お答えを待っているご質問</dt><dd>1 件" in text
    assert "ご判断を待っている案件</dt><dd>1 件" in text
    assert text.count("動いています") == 5
    assert "順調に動いております" in text


async def test_no_word_of_a_member_no_name_and_no_score_is_on_it(community: Community) -> None:
    await community.says(ASKER, "紹介状の書き方を教えてください。")
    await community.says(COLLEAGUE, PUT_DOWN)
    await community.posts({"webhook_setting_id": "12346", "body": "ひみつ"})
    await enters(community)
    text = await page(community)
    for word in ("紹介状", "研修医", "ひみつ", "青木", "井上", str(ASKER.account_id)):
        assert word not in text


async def test_a_loss_is_shown_with_room_and_span(community: Community) -> None:
    commit = community.db.commit(community.clock.now())
    await Upkeep(commit).add_loss(Loss(room_id=BOARD, start=1_795_490_000, end=1_795_491_000))
    await community.db.apply(commit)
    await enters(community)
    assert f"<span>11月24日(火) 12:13 〜 11月24日(火) 12:30</span>ルーム {BOARD}" in await page(community)


async def test_only_the_last_losses_are_kept(community: Community) -> None:
    for number in range(25):
        commit = community.db.commit(community.clock.now())
        await Upkeep(commit).add_loss(Loss(room_id=number, start=0, end=60))
        await community.db.apply(commit)
    await enters(community)
    assert (await page(community)).count("ルーム ") == 20


async def test_a_dead_letter_is_counted_and_named(community: Community) -> None:
    await community.posts({"webhook_setting_id": "12346"})
    await enters(community)
    assert "全部で 1 件" in await page(community)


async def test_the_brake_is_told(community: Community) -> None:
    await community.says(ADMIN, "停止", room=ADMIN_ROOM)
    await enters(community)
    assert "送信をすべて止めております" in await page(community)


async def test_a_worker_that_stands_still_is_marked(community: Community) -> None:
    community.silent.add("nudge")
    await community.after(minutes=2)
    await enters(community)
    text = await page(community)
    assert text.count("止まっています") == 1
    assert "一部が止まっているようです" in text


async def test_without_a_database_it_says_so(community: Community, monkeypatch: pytest.MonkeyPatch) -> None:
    await enters(community)

    async def silent(*_: Any, **__: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(community.db.redis, "execute_command", silent)
    assert "データベースから返事がありません" in await page(community)


@pytest.mark.parametrize("token", ["", "wrong", ADMIN_TOKEN[:-1], f"{ADMIN_TOKEN}x", "管理"])
async def test_a_wrong_token_opens_nothing(community: Community, token: str) -> None:
    status, text = await enters(community, token)
    assert status == 401
    assert "トークンが違うようです" in text
    assert "管理用トークン" in await page(community)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param("application/x-www-form-urlencoded", b"token=\xff", id="bytes that are no text"),
        pytest.param("application/x-www-form-urlencoded", b"token=%FF", id="the same, written out"),
        pytest.param("application/x-www-form-urlencoded; charset=klingon", b"token=x", id="an unknown alphabet"),
        pytest.param("application/x-www-form-urlencoded", b"", id="nothing"),
        pytest.param("multipart/form-data; boundary=x", b"--x", id="half a form"),
        pytest.param("multipart/form-data", b"token=x", id="a form without its boundary"),
        pytest.param("application/json", b'{"token": "x"}', id="no form"),
    ],
)
async def test_what_is_no_form_opens_nothing_and_breaks_nothing(community: Community, kind: str, body: bytes) -> None:
    async with community.client.post("/admin/login", data=body, headers={"content-type": kind}) as answer:
        assert answer.status == 401


async def test_who_guesses_must_wait_and_then_may_enter(community: Community) -> None:
    for _ in range(5):
        assert (await enters(community, "wrong"))[0] == 401
    assert (await enters(community))[0] == 429
    community.clock.move(minutes=1, seconds=1)
    assert (await enters(community))[0] == 303


async def test_a_session_ends_after_half_a_day(community: Community) -> None:
    await enters(community)
    community.clock.move(seconds=LASTS - 1)
    assert "いまの様子" in await page(community)
    community.clock.move(seconds=2)
    assert "管理用トークン" in await page(community)


async def test_who_leaves_must_log_in_again(community: Community) -> None:
    await enters(community)
    async with community.client.post("/admin/logout", allow_redirects=False) as answer:
        assert answer.status == 303
    assert "管理用トークン" in await page(community)


@pytest.mark.parametrize("path", ["/admin/login", "/admin/logout"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_another_sites_form_is_refused(community: Community, path: str, site: str) -> None:
    headers = {"sec-fetch-site": site}
    async with community.client.post(path, data={"token": ADMIN_TOKEN}, headers=headers) as answer:
        assert answer.status == 403


async def test_the_cookie_is_for_this_page_alone_and_nothing_is_loaded_or_kept(community: Community) -> None:
    data = {"token": ADMIN_TOKEN}
    async with community.client.post("/admin/login", data=data, allow_redirects=False) as answer:
        cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Strict", "Path=/admin"))
    assert "Secure" not in cookie  # plain http on the own machine
    headers = {"x-forwarded-proto": "https"}
    async with community.client.post("/admin/login", data=data, headers=headers, allow_redirects=False) as answer:
        assert "Secure" in answer.headers["set-cookie"]
    async with community.client.get("/admin/login") as answer:
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "cookie",
    ["", ".", "9999999999.", "9999999999.00", ".00", "x.y", "9999999999.é", "９９９９.00"],
)
def test_a_forged_cookie_is_no_session(cookie: str) -> None:
    assert not Sessions(ADMIN_TOKEN).is_good(cookie, 0)


@given(st.text(), st.floats(0, 2**32))
def test_whatever_is_sent_as_a_cookie_it_is_no_session_and_no_error(cookie: str, now: float) -> None:
    sessions = Sessions(ADMIN_TOKEN)
    assert not sessions.is_good(cookie, now)
    assert sessions.is_good(sessions.begin(now), now)
    assert not Sessions("another").is_good(sessions.begin(now), now)


def test_a_token_is_made_once_and_kept_for_its_owner_only(tmp_path: Path) -> None:
    token, is_new = kept_token(tmp_path / "data")
    assert is_new
    assert len(token) >= 32
    assert kept_token(tmp_path / "data") == (token, False)
    assert (tmp_path / "data" / "admin_token").stat().st_mode & 0o777 == 0o600


def test_where_no_token_can_be_kept_it_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="set ADMIN_TOKEN instead"):
        kept_token(tmp_path / "file")
