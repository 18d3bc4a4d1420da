"""What only pages need, and nothing elsewhere: the API pays for no session, CSRF or message machinery."""

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.deprecation import MiddlewareMixin

ADMIN_PREFIX = "/admin"


class PagesOnly(MiddlewareMixin):
    """Runs the middleware it is mixed into for the admin's pages only."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(ADMIN_PREFIX):
            return super().__call__(request)  # type: ignore[return-value]
        return self.get_response(request)  # type: ignore[return-value]


class AdminSessionMiddleware(PagesOnly, SessionMiddleware):
    """Cookies of the admin."""


class AdminCommonMiddleware(PagesOnly, CommonMiddleware):
    """Slashes and content lengths of the admin."""


class AdminCsrfMiddleware(PagesOnly, CsrfViewMiddleware):
    """Forms of the admin. `process_view` is called by Django whatever the path, so it is guarded too."""

    def process_view(self, request: HttpRequest, *args: object) -> object:
        if request.path_info.startswith(ADMIN_PREFIX):
            return super().process_view(request, *args)  # type: ignore[arg-type]
        return None


class AdminAuthenticationMiddleware(PagesOnly, AuthenticationMiddleware):
    """The admin's `request.user`."""


class AdminMessageMiddleware(PagesOnly, MessageMiddleware):
    """Notes to the admin after an action."""


class AdminFrameOptionsMiddleware(PagesOnly, XFrameOptionsMiddleware):
    """No framing of the admin."""
