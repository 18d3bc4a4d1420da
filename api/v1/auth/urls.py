"""Routes of /api/v1/auth/."""

from django.urls import path

from api.v1.auth import session_views, views

urlpatterns = [
    path("login/", views.LoginView.as_view(), name="auth-login"),
    path("refresh/", views.RefreshView.as_view(), name="auth-refresh"),
    path("token/refresh/", views.RefreshView.as_view(), name="auth-token-refresh"),
    path("logout/", views.LogoutView.as_view(), name="auth-logout"),
    path("register/", views.RegisterView.as_view(), name="auth-register"),
    path("me/", views.MeView.as_view(), name="auth-me"),
    path("profile/", views.ProfileView.as_view(), name="auth-profile"),
    path("profile/avatar/", views.AvatarView.as_view(), name="auth-avatar"),
    path("change-password/", views.ChangePasswordView.as_view(), name="auth-change-password"),
    path("password-reset/", views.PasswordResetView.as_view(), name="auth-password-reset"),
    path("password-reset/confirm/", views.PasswordResetConfirmView.as_view(), name="auth-password-reset-confirm"),
    path("email-verification/", views.EmailVerificationView.as_view(), name="auth-email-verification"),
    path("email-verification/confirm/", views.EmailVerificationConfirmView.as_view(), name="auth-email-verification-confirm"),
    path("sessions/", session_views.SessionViewSet.as_view({"get": "list"}), name="auth-session-list"),
    path(
        "sessions/revoke-others/",
        session_views.SessionViewSet.as_view({"post": "revoke_others"}),
        name="auth-session-revoke-others",
    ),
    path("sessions/<uuid:pk>/", session_views.SessionViewSet.as_view({"delete": "destroy"}), name="auth-session-detail"),
    path("guest/", session_views.GuestView.as_view(), name="auth-guest"),
    path("guest/invitations/", session_views.GuestInvitationView.as_view(), name="auth-guest-invitations"),
    path("guest/upgrade/", session_views.GuestUpgradeView.as_view(), name="auth-guest-upgrade"),
]
