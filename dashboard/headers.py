"""The security headers of every response: the page loads only from this origin, and other sites load no data here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The last two directives: no text can become HTML; the page must create the elements.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class OnlyOurs:
    """Add the headers, and refuse requests from pages of other sites; other sites may link to the page itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, as ASGI requires."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("Cache-Control", "no-cache" if _is_public(scope) else "no-store")
            await send(message)

        app = self._app if _is_public(scope) or _is_same_origin(scope) else _REFUSAL
        await app(scope, receive, send_with_headers)


_REFUSAL = PlainTextResponse("this is for the dashboard's own page\n", status_code=403)


def _is_public(scope: Scope) -> bool:
    path: str = scope["path"]
    return path == "/" or path.startswith("/static/")


def _is_same_origin(scope: Scope) -> bool:
    # Browsers set this header, and no page can forge the value; other clients omit the header.
    return Headers(scope=scope).get("sec-fetch-site", "none") in {"same-origin", "none"}
