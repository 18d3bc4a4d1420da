"""Demo data of a development database: an administrator, a key with every scope but the administrators', and what apps declare.

Created on an empty database only. The credentials are random and kept in a file that only its owner may read; while it fits the
database nothing is changed.
"""

import os
import secrets
from pathlib import Path

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.db import transaction

from api_keys import services as key_services
from api_keys.hashers import candidates
from api_keys.models import APIKey
from core import registry
from users import services as user_services
from users.models import User

USERNAME = "admin"
KEY_NAME = "Demo key"
_OWN = {"ATELIER_URL", "ATELIER_ADMIN_USERNAME", "ATELIER_ADMIN_PASSWORD", "ATELIER_API_KEY"}


def ensure(env_file: Path) -> bool:
    """Make what is missing and write the file; False when the database has other data and is left alone."""
    known = read(env_file)
    admin = User.objects.filter(username=USERNAME, is_superuser=True).first()
    if admin is None and User.objects.exists():
        return False
    if admin is not None and not known:
        # Somebody's own administrator, or a lost file: a password is never reset behind their back.
        return False
    of_apps = {name: value for name, value in known.items() if name not in _OWN}
    with transaction.atomic():
        password = known.get("ATELIER_ADMIN_PASSWORD", "")
        if admin is None:
            password = secrets.token_urlsafe(12)
            admin = user_services.accounts.create_user(
                actor=None, username=USERNAME, email="admin@example.com", password=password, is_staff=True, is_superuser=True
            )
            of_apps = {name: value for demo in registry.demos() for name, value in demo(admin_id=admin.pk).items()}
        elif not check_password(password, admin.password):
            return False
        raw = known.get("ATELIER_API_KEY", "")
        scopes = sorted(set(registry.scopes()) - registry.admin_scopes())
        key = APIKey.objects.usable().filter(digest__in=candidates(raw), name=KEY_NAME).first()
        if key is None:
            raw = key_services.create_key(owner=admin, actor=admin, name=KEY_NAME, scopes=scopes).raw
        elif not set(scopes) <= set(key.scopes):
            # A module was switched on since.
            key_services.update_key(key=key, actor=admin, scopes=scopes)
    _write(
        env_file,
        {
            "ATELIER_URL": settings.PUBLIC_URL,
            "ATELIER_ADMIN_USERNAME": USERNAME,
            "ATELIER_ADMIN_PASSWORD": password,
            "ATELIER_API_KEY": raw,
            **of_apps,
        },
    )
    return True


def read(path: Path) -> dict[str, str]:
    """The credentials kept in the file; none when there is no file."""
    if not path.is_file():
        return {}
    pairs = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {name: value for name, _, value in pairs}


def _write(path: Path, values: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{name}={value}\n" for name, value in values.items())
    temporary = path.with_suffix(".new")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
    temporary.replace(path)
