"""The console's pages: log in, look, log out. It shows and changes nothing; commands and the admin room do that.

`GET /admin` · `GET, POST /admin/login` · `POST /admin/logout`
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import jinja2
from aiohttp import web

from engine.errors import Transient
from engine.ingress.console.outlook import Outlook
from engine.ingress.console.session import LASTS
from engine.log import get_logger

if TYPE_CHECKING:
    from engine.clock import Clock
    from engine.ingress.console.outlook import Viewpoint
    from engine.ingress.console.session import Sessions

log = get_logger()

WAIT = "何度か違うトークンが入力されました。一分ほどおいてお試しください。"
WRONG = "トークンが違うようです。もう一度お確かめください。"
COOKIE = "yuruyuru_session"
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""Nothing is loaded from anywhere, framed or kept."""


class Console:
    """The pages over ready-made parts."""

    def __init__(self, sessions: Sessions, viewpoint: Viewpoint, clock: Clock) -> None:
        self._sessions = sessions
        self._viewpoint = viewpoint
        self._clock = clock
        self._pages = jinja2.Environment(
            loader=jinja2.PackageLoader("engine.ingress.console", "."),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Route the pages."""
        router.add_get("/admin", self.show)
        router.add_get("/admin/", self.show)
        router.add_get("/admin/login", self.ask)
        router.add_post("/admin/login", self.log_in)
        router.add_post("/admin/logout", self.log_out)

    async def show(self, request: web.Request) -> web.Response:
        """How things stand."""
        if not self._sessions.is_good(request.cookies.get(COOKIE, ""), self._clock.now()):
            raise web.HTTPSeeOther("/admin/login")
        try:
            outlook = await self._viewpoint.look()
        except Transient as away:
            log.warning("redis_away", reason=away.reason)
            outlook = Outlook.without_database()
        return self._page("outlook.html", outlook=outlook)

    async def ask(self, _: web.Request) -> web.Response:
        """The form."""
        return self._page("login.html", wrong="")

    async def log_in(self, request: web.Request) -> web.Response:
        """Begin a session for whoever knows the token."""
        _refuse_strangers(request)
        now = self._clock.now()
        if not self._sessions.may_try(now):
            log.warning("console_refused", reason="too many wrong tokens")
            return self._page("login.html", wrong=WAIT, status=429)
        form = parse_qs((await request.read()).decode(errors="replace"))
        if not self._sessions.is_token(form.get("token", [""])[0], now):
            log.warning("console_refused", reason="wrong token")
            return self._page("login.html", wrong=WRONG, status=401)
        log.info("console_entered")
        answer = web.HTTPSeeOther("/admin")
        answer.set_cookie(
            COOKIE, self._sessions.begin(now),
            max_age=int(LASTS), path="/admin", httponly=True, samesite="Strict", secure=_is_https(request),
        )  # fmt: skip
        raise answer

    async def log_out(self, request: web.Request) -> web.Response:
        """End the session in this browser."""
        _refuse_strangers(request)
        answer = web.HTTPSeeOther("/admin/login")
        answer.del_cookie(COOKIE, path="/admin")
        raise answer

    def _page(self, name: str, *, status: int = 200, **values: object) -> web.Response:
        text = self._pages.get_template(name).render(**values)
        return web.Response(text=text, content_type="text/html", status=status, headers=HEADERS)


def _refuse_strangers(request: web.Request) -> None:
    """A form of ours is sent from a page of ours; browsers say so."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise web.HTTPForbidden(text="この操作は管理画面から行ってください。")


def _is_https(request: web.Request) -> bool:
    """Whether the browser speaks https with us, or with the proxy in front of us."""
    return request.secure or request.headers.get("x-forwarded-proto", "") == "https"
