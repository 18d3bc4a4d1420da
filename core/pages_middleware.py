"""What only pages need, as one layer: the API pays for no session, CSRF, message, redirect or static-file machinery.

`settings.PAGES_MIDDLEWARE` is an ordinary middleware list that runs for everything outside /api/ (admin, static files, health).
What of it the API needs too, its RequestMiddleware does: the security headers, and refusing plain HTTP. Django calls
`process_view` of the middleware it knows, which is this one, so it is passed on to those inside that have it (CSRF does its
work there).
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

from core import context

API_PREFIX = "/api/"
ADMIN_PREFIX = "/admin"


class PagesMiddleware:
    """Runs PAGES_MIDDLEWARE for pages, and nothing for the API."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._pages = get_response
        self._views: list[Callable[..., HttpResponseBase | None]] = []
        for name in reversed(settings.PAGES_MIDDLEWARE):
            middleware = import_string(name)(self._pages)
            self._pages = middleware
            if hasattr(middleware, "process_view"):
                self._views.insert(0, middleware.process_view)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(API_PREFIX):
            return self._get_response(request)
        if request.path_info.startswith(ADMIN_PREFIX):
            # How the audit trail names this way in.
            context.current().via = "admin"
        return self._pages(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any) -> HttpResponseBase | None:
        """Give each layer inside its say before the view of a page."""
        if request.path_info.startswith(API_PREFIX):
            return None
        for process in self._views:
            response = process(request, view, args, kwargs)
            if response is not None:
                return response
        return None
