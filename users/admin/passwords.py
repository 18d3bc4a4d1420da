"""An administrator's own password, changed by the same service as everybody's: every session ends, a letter tells of it."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.forms import AdminOwnPasswordChangeForm

from core.admin_pages.base import reason
from core.admin_pages.navigation import Page, register_page
from core.exceptions import DomainError
from users.services import passwords


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    """The current password is checked, and its checks counted, by the service."""

    def clean_old_password(self) -> Any:
        """As typed."""
        return self.cleaned_data["old_password"]


class OwnPasswordView(PasswordChangeView):
    """The page."""

    form_class = OwnPasswordForm
    template_name = "registration/password_change_form.html"

    def form_valid(self, form: Any) -> HttpResponse:
        """Change it; this one sign-in of the admin goes on."""
        user: Any = self.request.user
        data = form.cleaned_data
        try:
            passwords.replace_password(user=user, current=data["old_password"], new=data["new_password1"])
        except DomainError as error:
            form.add_error("old_password", reason(error))
            return self.form_invalid(form)
        update_session_auth_hash(self.request, user)
        messages.success(self.request, "Your password was changed, and your sessions of the API have ended.")
        return HttpResponseRedirect(reverse("admin:index"))


def own_password(request: HttpRequest) -> Any:
    """The page within the admin's frame."""
    context = {**admin.site.each_context(request), "title": "Change password"}
    return OwnPasswordView.as_view(extra_context=context)(request)


register_page(Page("password_change/", "password_change", own_password))
