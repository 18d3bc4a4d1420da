"""The admin's sign-in: the same check as the API's, with the same limits on failures.

Outside `users.admin`: unfold loads it while it makes its site, before anything may register with it.
"""

from typing import Any

from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm

from core.exceptions import DomainError
from users.services import sessions


class SignInForm(AuthenticationForm):
    """Name or email, and password."""

    def clean(self) -> dict[str, Any]:
        """Prove who it is, then whether they may be here."""
        data: dict[str, Any] = self.cleaned_data
        username, password = data.get("username"), data.get("password")
        if username and password:
            try:
                self.user_cache = sessions.check_credentials(username=username, password=password)
            except DomainError as error:
                raise ValidationError(error.message, code=error.stable_code) from error
            self.user_cache.backend = "users.backends.UsernameOrEmailBackend"
            self.confirm_login_allowed(self.user_cache)
        return data
