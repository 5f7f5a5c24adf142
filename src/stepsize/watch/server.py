"""The server of the live page: the page, its data, and the word that there is more; it reads and never writes."""

from __future__ import annotations

import asyncio
import errno
import json
import math
import socket
from collections.abc import Callable
from typing import Any

try:
    from tornado.httpserver import HTTPServer
    from tornado.httputil import split_host_and_port
    from tornado.iostream import StreamClosedError
    from tornado.web import Application, HTTPError, RequestHandler
except ImportError:
    from .._errors import StepsizeError
    from .._language import say

    raise StepsizeError(
        say("the live page needs an extra package: pip install 'stepsize[watch]'; --terminal needs none")
    ) from None

from .._errors import StepsizeError
from .._language import Note, heard, say
from .._reasons import reason
from ..report.runs.page import LIVE_CSP
from .guard import Guard
from .hub import MOST_SHOWN, Hub

BEAT = 15.0  # seconds after which a stream without news says that it is there
PAUSE = 0.2  # seconds between two questions whether there is more
COOKIE = "stepsize-token"  # begins the name of the cookie
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"{LIVE_CSP}; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Base(RequestHandler):
    """What every answer has in common: who may ask, and headers that keep the page to itself."""

    def initialize(self, hub: Hub, guard: Guard) -> None:
        self.hub, self.guard = hub, guard

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        if not self.guard.knows_host(self.request.headers.get("Host", "")):
            raise HTTPError(403, reason=Note("this name does not lead here: open the address that stepsize watch told"))
        asked = self.get_query_argument("token", None)
        if not self.guard.lets_in(asked if asked is not None else self.get_cookie(self.cookie())):
            raise HTTPError(403, reason=Note("the token is missing: open the whole address that stepsize watch told"))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{heard(self._reason)}\n")  # the line of the status has its English

    def cookie(self) -> str:
        """The cookie's name, with the port that the browser asked: it keeps cookies by host, for all ports of it."""
        port = split_host_and_port(self.request.host)[1]
        return COOKIE if port is None else f"{COOKIE}-{port}"

    def asked(self) -> list[str]:
        """The names in the query, with every character: tornado's own reading takes out those of control."""
        return [one.decode(errors="replace") for one in self.request.query_arguments.get("run", [])]

    async def names(self) -> list[str]:
        """The runs that were asked for; one that is no file of ours is an error."""
        asked = self.asked()
        files = await self.hub.files()
        if len(asked) > MOST_SHOWN:
            raise HTTPError(400, reason=Note("at most {most} runs are shown at once", most=MOST_SHOWN))
        if any(name not in files for name in asked):
            raise HTTPError(404, reason=Note("there is no such run here"))
        return list(dict.fromkeys(asked))

    def number(self, name: str) -> float | None:
        """A number of the query; None where it has none."""
        told = self.get_query_argument(name, None)
        try:
            value = None if told is None else float(told)
        except ValueError:
            value = math.nan
        if value is not None and not math.isfinite(value):
            raise HTTPError(400, reason=Note("{name} must be a number", name=name))
        return value


class Page(Base):
    """The page; a token in its address becomes a cookie, so that it does not stay there."""

    async def get(self) -> None:
        if self.guard.token is not None and self.get_query_argument("token", None) is not None:
            self.set_cookie(self.cookie(), self.guard.token, httponly=True, samesite="Strict", path="/")
            self.redirect("/")
            return
        asked = [name for name in self.asked() if name in await self.hub.files()]
        self.set_header("Content-Type", "text/html; charset=utf-8")
        told = await self.hub.page(await self.hub.chosen(asked[:MOST_SHOWN]))
        self.finish(told.encode(errors="replace"))  # a text of a run may hold half a sign


class Data(Base):
    """What the page draws."""

    async def get(self) -> None:
        names, low, high = await self.names(), self.number("low"), self.number("high")
        self.set_header("Content-Type", "application/json; charset=utf-8")
        told = await self.hub.data(names, low, high)
        text = json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        self.finish(text.encode(errors="replace"))


class Events(Base):
    """A stream of server-sent events: one whenever there is more to draw."""

    async def get(self) -> None:
        names = await self.names()
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        before, silent = None, 0.0
        try:
            await self.flush()
            while not self.request.connection.stream.closed():  # type: ignore[union-attr]
                version = await self.hub.version(names)
                if version != before or silent >= BEAT:
                    self.write("data: more\n\n" if version != before else ": still here\n\n")
                    await self.flush()
                    before, silent = version, 0.0
                await asyncio.sleep(PAUSE)
                silent += PAUSE
        except (StreamClosedError, asyncio.CancelledError):  # the page has gone, or the server goes
            pass


def application(hub: Hub, guard: Guard) -> Application:
    """The three addresses of the server; there is no other, and none names a file."""
    given = {"hub": hub, "guard": guard}
    routes: list[Any] = [("/", Page, given), ("/data", Data, given), ("/events", Events, given)]
    return Application(routes, default_handler_class=Nothing, default_handler_args=given, log_function=lambda _: None)


class Nothing(Base):
    """Any other address."""

    def prepare(self) -> None:
        super().prepare()
        raise HTTPError(404, reason=Note("there is nothing here: open /"))


async def serve(hub: Hub, host: str, port: int, guard: Guard, on_ready: Callable[[int], None]) -> None:
    """Answer until it is cancelled; `on_ready` is told the port, which the system chooses for port 0."""
    listening = _listening(host, port)
    server = HTTPServer(application(hub, guard))
    server.add_sockets([listening])
    try:
        on_ready(listening.getsockname()[1])
        await asyncio.Event().wait()
    finally:
        server.stop()
        hub.close()
        await server.close_all_connections()


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; where that cannot be, one line says what to write."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.create_server(address[:2], family=family)
    except OSError as error:
        raise StepsizeError(_unbound(host, port, error)) from None
    made.setblocking(False)
    return made


def _unbound(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return say("port {port} is in use: write --port 0 for any that is free, or another number", port=port)
    if error.errno == errno.EACCES:
        return say("port {port} is not for everybody: write --port 0, or a number from 1024 on", port=port)
    return say(
        "{host} is no address of this machine ({why}): leave --host out, or write 0.0.0.0",
        host=host,
        why=reason(error),
    )
