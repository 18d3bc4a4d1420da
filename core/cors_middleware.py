"""CORS for requests that have an Origin; the rest is spared the machinery (their `Vary` is among the API's constant headers)."""

from corsheaders.middleware import CorsMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class CrossOriginMiddleware(CorsMiddleware):
    """django-cors-headers, where there is something for it to do."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "HTTP_ORIGIN" not in request.META:
            return self.get_response(request)
        response: HttpResponseBase = super().__call__(request)
        return response
