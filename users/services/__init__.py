"""Every write to accounts: `services.accounts.create_user(…)`, `services.sessions.sign_in(…)` and so on."""

from users.services import accounts, guests, passwords, profiles, registration, sessions

__all__ = ["accounts", "guests", "passwords", "profiles", "registration", "sessions"]
