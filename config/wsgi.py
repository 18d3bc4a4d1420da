"""The WSGI entry: Django, with plain answers handed to the server as one list instead of an iterator."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.cache import close_caches
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, reset_queries
from django.http import HttpResponse

from config.quick_start import quick_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

if os.environ.get("ATELIER_DIE_WITH_PARENT"):
    from config.local.process import die_with_parent

    die_with_parent()

with quick_start():
    _django = get_wsgi_application()
if not settings.DEBUG:
    # The end of each request gives its connection back, so its start finds none to close; no queries are kept; no cache is open.
    request_started.disconnect(close_old_connections)
    request_started.disconnect(reset_queries)
    request_finished.disconnect(close_caches)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Granian sends a list in one call; a Django response is an iterator and takes a slower way."""
    response = _django(environ, start_response)
    if isinstance(response, HttpResponse):
        body = response.content
        response.close()
        return [body]
    return response
