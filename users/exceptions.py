"""What can be refused here, each with its stable code."""

from core.exceptions import Conflict, Invalid, NotAllowed, NotAuthenticated


class InvalidCredentials(NotAuthenticated):
    """Wrong name or password, an inactive or an unverified account: one answer for all, so none can be told apart."""

    code = "invalid_credentials"
    default_message = "The name or password is wrong, or the account cannot sign in."


class InvalidToken(NotAuthenticated):
    """A token that is malformed, expired, of another type, or whose session has ended."""

    code = "invalid_token"
    default_message = "The token is not valid or has expired."


class RefreshTokenSpent(NotAuthenticated):
    """The refresh token was used before."""

    code = "refresh_token_spent"
    default_message = "This refresh token was used already."


class InvalidLink(Invalid):
    """A reset, verification or invitation token that is malformed, expired or used."""

    code = "invalid_link"
    default_message = "The link is not valid any more; ask for a new one."


class RegistrationClosed(NotAllowed):
    """Registration is switched off."""

    code = "registration_closed"
    default_message = "Registration is closed."


class GuestsClosed(NotAllowed):
    """Guests are switched off."""

    code = "guests_closed"
    default_message = "Guests are not accepted."


class NotAGuest(Conflict):
    """Only a guest can be upgraded."""

    code = "not_a_guest"
    default_message = "This account is not a guest."


class SuperuserRequired(NotAllowed):
    """An ordinary administrator acting on a superuser, or making one."""

    code = "superuser_required"
    default_message = "Only a superuser may do this to a superuser."


class LastAdministrator(Conflict):
    """An action that would leave nobody in charge, or oneself outside."""

    code = "own_account"
    default_message = "You cannot do this to your own account."
