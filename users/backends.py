"""Sign-in by username or email, in the same time whether the account exists or not."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from users.models import User


class UsernameOrEmailBackend(ModelBackend):
    """Django's backend with our look-up; permissions and the admin work as usual."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """The account when name and password fit and it may sign in, else None."""
        if not username or password is None or len(password) > 128:
            return None
        user: User | None = User.objects.named(username).filter(is_guest=False).first()
        if user is None:
            # The time of one hash, as a known account would take.
            User().set_password(password)
            return None
        if user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None
