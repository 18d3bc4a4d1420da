"""Sign-in, the own account and recovery."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.auth import serializers as shapes
from api.views import APIView, parsed
from core.exceptions import NotAuthenticated
from core.parsers import UploadParser
from core.permissions import HasScope, IsActiveUser, IsNotGuest
from users import services
from users.models import User
from users.services.sessions import SignIn

LETTER_SENT = {"detail": "If the address can be used, a letter is on its way."}


def sign_in_body(result: SignIn) -> dict[str, Any]:
    """Tokens and user as the client keeps them."""
    return {**tokens_body(result), "user": shapes.UserSummarySerializer(result.user).data}


def tokens_body(result: SignIn) -> dict[str, Any]:
    """The tokens alone."""
    tokens = result.tokens
    return {
        "access": tokens.access,
        "refresh": tokens.refresh,
        "expires_in": tokens.expires_in,
        "session_id": str(result.session.pk),
    }


class LoginView(APIView):
    permission_classes = (AllowAny,)
    sensitive: ClassVar[dict[str, str]] = {"POST": "login"}
    idempotent = False

    @extend_schema(summary="Sign in", request=shapes.LoginSerializer, responses=shapes.SignInSerializer)
    def post(self, request: Request) -> Response:
        """Exchange a username or email and a password for an access and a refresh token.

        Wrong name, wrong password, inactive and unverified accounts are answered alike.
        """
        return Response(sign_in_body(services.sessions.sign_in(**parsed(shapes.LoginSerializer, request))))


class RefreshView(APIView):
    permission_classes = (AllowAny,)
    idempotent = False

    @extend_schema(summary="Refresh tokens", request=shapes.RefreshSerializer, responses=shapes.TokensSerializer)
    def post(self, request: Request) -> Response:
        """Exchange a refresh token for a new pair. It works once: of concurrent uses one wins, and using a spent token later ends
        the session."""
        token = parsed(shapes.RefreshSerializer, request)["refresh"]
        return Response(tokens_body(services.sessions.refresh_session(token=token)))


class LogoutView(APIView):
    idempotent = False

    @extend_schema(summary="Sign out", request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """End the calling session at once, its access token too."""
        assert self.principal.session_id is not None  # noqa: S101 - keys have no scope here
        services.sessions.sign_out(session_id=self.principal.session_id, actor=self.actor)
        return Response(status=204)


class RegisterView(APIView):
    permission_classes = (AllowAny,)
    sensitive: ClassVar[dict[str, str]] = {"POST": "register"}

    @extend_schema(summary="Register", request=shapes.RegisterSerializer, responses={202: shapes.AcceptedSerializer})
    def post(self, request: Request) -> Response:
        """Make an account; a letter with a link to confirm the address follows. The answer does not tell whether the address or
        the name was taken: the letter does."""
        services.registration.register(**parsed(shapes.RegisterSerializer, request))
        return Response(LETTER_SENT, status=202)


class MeView(APIView):
    scopes: ClassVar[dict[str, str]] = {"GET": "account:read"}

    @extend_schema(summary="Who am I", responses=shapes.MeSerializer)
    def get(self, request: Request) -> Response:
        """The calling account, and what the credential may do."""
        user = User.objects.select_related("profile").filter(pk=self.principal.user_id).first()
        if user is None:
            raise NotAuthenticated("The account is gone.")
        return Response(shapes.MeSerializer(user, context={"principal": self.principal}).data)


class ProfileView(APIView):
    scopes: ClassVar[dict[str, str]] = {"GET": "account:read", "PATCH": "account:write"}

    @extend_schema(summary="Get the own profile", responses=shapes.ProfileSerializer)
    def get(self, request: Request) -> Response:
        """How you appear, and how dates are shown to you."""
        profile = services.profiles.get_profile(user_id=self.principal.user_id)
        return Response(shapes.ProfileSerializer(profile).data)

    @extend_schema(
        summary="Change the own profile", request=shapes.ProfileSerializer(partial=True), responses=shapes.ProfileSerializer
    )
    def patch(self, request: Request) -> Response:
        """Change some fields."""
        serializer = shapes.ProfileSerializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        fields = dict(serializer.validated_data)
        names = fields.pop("user", {})
        profile = services.profiles.update_profile(user_id=self.principal.user_id, names=names, **fields)
        return Response(shapes.ProfileSerializer(profile).data)


class AvatarView(APIView):
    scopes: ClassVar[dict[str, str]] = {"PUT": "account:write", "DELETE": "account:write"}
    parser_classes = (UploadParser,)

    @extend_schema(
        summary="Set the avatar", request={"multipart/form-data": shapes.AvatarSerializer}, responses=shapes.ProfileSerializer
    )
    def put(self, request: Request) -> Response:
        """Upload a picture; it is cropped to a square and made anew."""
        upload = parsed(shapes.AvatarSerializer, request)["avatar"]
        profile = services.profiles.set_avatar(user_id=self.principal.user_id, upload=upload, size=upload.size)
        return Response(shapes.ProfileSerializer(profile).data)

    @extend_schema(summary="Remove the avatar", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Remove the picture, if there is one."""
        services.profiles.remove_avatar(user_id=self.principal.user_id)
        return Response(status=204)


class ChangePasswordView(APIView):
    permission_classes = (IsActiveUser, HasScope, IsNotGuest)
    idempotent = False

    @extend_schema(summary="Change the password", request=shapes.ChangePasswordSerializer, responses=shapes.SignInSerializer)
    def post(self, request: Request) -> Response:
        """Set a new password. Every session ends at once; the answer is a fresh one for the caller."""
        data = parsed(shapes.ChangePasswordSerializer, request)
        result = services.passwords.change_password(user=self.actor, current=data["current_password"], new=data["new_password"])
        return Response(sign_in_body(result))


class PasswordResetView(APIView):
    permission_classes = (AllowAny,)
    sensitive: ClassVar[dict[str, str]] = {"POST": "password-reset"}

    @extend_schema(summary="Ask for a password reset", request=shapes.EmailSerializer, responses={202: shapes.AcceptedSerializer})
    def post(self, request: Request) -> Response:
        """Send a letter with a link if the address belongs to an account; the answer does not tell."""
        services.passwords.ask_for_reset(**parsed(shapes.EmailSerializer, request))
        return Response(LETTER_SENT, status=202)


class PasswordResetConfirmView(APIView):
    permission_classes = (AllowAny,)
    sensitive: ClassVar[dict[str, str]] = {"POST": "password-reset"}
    idempotent = False

    @extend_schema(summary="Reset the password", request=shapes.ResetConfirmSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Set a new password with the token of the letter. It works once and ends every session."""
        data = parsed(shapes.ResetConfirmSerializer, request)
        services.passwords.confirm_reset(uid=data["uid"], token=data["token"], new=data["new_password"])
        return Response(status=204)


class EmailVerificationView(APIView):
    permission_classes = (AllowAny,)
    sensitive: ClassVar[dict[str, str]] = {"POST": "email-verification"}

    @extend_schema(
        summary="Ask for the confirmation letter again",
        request=shapes.EmailSerializer,
        responses={202: shapes.AcceptedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Send it if an account waits for it; the answer does not tell."""
        services.registration.ask_for_verification(**parsed(shapes.EmailSerializer, request))
        return Response(LETTER_SENT, status=202)


class EmailVerificationConfirmView(APIView):
    permission_classes = (AllowAny,)
    sensitive: ClassVar[dict[str, str]] = {"POST": "email-verification"}
    idempotent = False

    @extend_schema(summary="Confirm an email address", request=shapes.TokenSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Take the letter's token as proof of the address."""
        services.registration.confirm_email(**parsed(shapes.TokenSerializer, request))
        return Response(status=204)
