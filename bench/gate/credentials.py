"""Makes the credentials of one side and prints them as JSON; run as `python -m bench.gate.credentials bare|product`."""

import json
import os
import sys


def bare() -> dict[str, str]:
    """Stock credentials in a database of their own."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.gate.bare_settings"
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from rest_framework_api_key.models import APIKey
    from rest_framework_simplejwt.tokens import AccessToken

    call_command("migrate", interactive=False, verbosity=0)
    token = AccessToken.for_user(User.objects.create_user("bench"))
    token.payload["exp"] += 86_400
    _, key = APIKey.objects.create_key(name="bench")
    return {"simplejwt": f"Bearer {token}", "drf_api_key": f"Api-Key {key}"}


def product() -> dict[str, str]:
    """Ours: a session and a key whose limits are counted but out of reach."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.gate.product_settings"
    import django

    django.setup()
    from django.core.management import call_command

    from analytics import partitions
    from api_keys import services as keys
    from users import services as users

    call_command("migrate", interactive=False, verbosity=0)
    partitions.keep()
    user = users.accounts.create_user(actor=None, username="bench", email="bench@example.com", password="a long bench phrase")
    key = keys.create_key(
        owner=user, actor=user, name="bench", scopes=["usage:read"], rate_limit=1_000_000_000, daily_quota=2_000_000_000
    )
    return {"jwt": f"Bearer {users.sessions.open_session(user=user).tokens.access}", "api_key": f"ApiKey {key.raw}"}


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"bare": bare, "product": product}[sys.argv[1]]()))
