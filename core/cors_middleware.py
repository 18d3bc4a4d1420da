"""CORS for requests that have an Origin; the rest is spared the machinery (their `Vary` is among the API's constant headers)."""

from typing import cast

from corsheaders.middleware import CorsMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class CrossOriginMiddleware(CorsMiddleware):
    """django-cors-headers, where there is something for it to do."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        handle = super().__call__ if "HTTP_ORIGIN" in request.META else self.get_response
        return cast(HttpResponseBase, handle(request))
