"""What only pages with forms and cookies need, as one layer: the API pays for no session, CSRF or message machinery.

`settings.PAGES_MIDDLEWARE` is an ordinary middleware list that runs for the admin's paths only. Django calls `process_view` of the
middleware it knows, which is this one, so it is passed on to those inside that have it (CSRF does its work there).
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

PAGES_PREFIX = "/admin"


class PagesMiddleware:
    """Runs PAGES_MIDDLEWARE for pages, and nothing for anything else."""

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
        if request.path_info.startswith(PAGES_PREFIX):
            return self._pages(request)
        return self._get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any) -> HttpResponseBase | None:
        """Give each layer inside its say before the view of a page."""
        if not request.path_info.startswith(PAGES_PREFIX):
            return None
        for process in self._views:
            response = process(request, view, args, kwargs)
            if response is not None:
                return response
        return None
