"""What can be refused here, each with its stable code."""

from core.exceptions import Conflict, NotAllowed


class KeyRevoked(Conflict):
    """The key was revoked and cannot be changed any more."""

    code = "api_key_revoked"
    default_message = "This key was revoked."


class TooManyKeys(Conflict):
    """The owner has as many active keys as one may have."""

    code = "too_many_keys"
    default_message = "This account has the most keys it may have; revoke one first."


class ScopeNotGrantable(NotAllowed):
    """The caller may not give what it does not have."""

    code = "scope_not_grantable"
    default_message = "You cannot grant this scope."


class EnvironmentNotGrantable(NotAllowed):
    """A test key may not make a live one."""

    code = "environment_not_grantable"
    default_message = "A test key cannot give access to the live environment."
