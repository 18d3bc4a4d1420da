"""The WSGI entry of the other side: the same way to the server as ours takes."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse

os.environ["DJANGO_SETTINGS_MODULE"] = "bench.gate.bare_settings"
_django = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Django's answer as one list, so that the server's path does not differ between the sides."""
    response = _django(environ, start_response)
    if isinstance(response, HttpResponse):
        body = response.content
        response.close()
        return [body]
    return response
