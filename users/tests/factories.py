"""Accounts for tests, made the way the product makes them."""

import itertools
from datetime import timedelta
from typing import Any

from django.utils import timezone

from users.models import User, UserProfile

PASSWORD = "correct horse battery"
_numbers = itertools.count(1)


def make_user(**fields: Any) -> User:
    """An active account with a proven address and PASSWORD."""
    number = next(_numbers)
    password = fields.pop("password", PASSWORD)
    fields.setdefault("username", f"person{number}")
    fields.setdefault("email", f"{fields['username']}@example.com")
    fields.setdefault("email_verified_at", timezone.now())
    user = User(**fields)
    user.set_password(password)
    user.save()
    UserProfile.objects.create(user=user)
    return user


def make_guest(**fields: Any) -> User:
    """A guest that lives for an hour."""
    fields.setdefault("username", f"guest-{next(_numbers)}")
    fields.setdefault("guest_resource", "room:1")
    fields.setdefault("guest_expires_at", timezone.now() + timedelta(hours=1))
    user = User(is_guest=True, **fields)
    user.set_unusable_password()
    user.save()
    UserProfile.objects.create(user=user)
    return user
