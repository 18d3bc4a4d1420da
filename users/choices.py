"""Fixed sets of values."""

from django.db import models


class MailKind(models.TextChoices):
    """The letters an account can get."""

    EMAIL_VERIFICATION = "email_verification", "Email verification"
    PASSWORD_RESET = "password_reset", "Password reset"
    ALREADY_REGISTERED = "already_registered", "Already registered"
    USERNAME_TAKEN = "username_taken", "Username taken"
    PASSWORD_CHANGED = "password_changed", "Password changed"
    WEBHOOK_DISABLED = "webhook_disabled", "Webhook switched off"


class RevocationReason(models.TextChoices):
    """Why a session ended."""

    LOGOUT = "logout", "Signed out"
    REVOKED = "revoked", "Revoked by its user"
    REUSE = "reuse", "A spent refresh token was used again"
    PASSWORD = "password", "The password changed"
    DEACTIVATED = "deactivated", "The account was deactivated"
    REPLACED = "replaced", "Too many sessions"
    ADMIN = "admin", "Revoked by an administrator"


class WeekStart(models.IntegerChoices):
    """The first day of a week, as in ISO 8601 (1 = Monday)."""

    MONDAY = 1, "Monday"
    SATURDAY = 6, "Saturday"
    SUNDAY = 7, "Sunday"
