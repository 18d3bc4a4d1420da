"""Forms of keys: scopes to tick, networks line by line, a grace to choose."""

from datetime import timedelta
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from core import registry
from core.admin_pages.base import ServiceForm

GRACES = (
    ("0", "None: the old key ends now"),
    ("3600", "One hour"),
    ("86400", "One day"),
    ("604800", "One week"),
    ("2592000", "Thirty days"),
)


def scope_choices() -> list[tuple[str, str]]:
    """Every declared scope with its meaning."""
    return [(scope, f"{scope}: {meaning}") for scope, meaning in sorted(registry.scopes().items())]


class LinesField(forms.CharField):
    """A list of texts, one a line."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})

    def prepare_value(self, value: Any) -> Any:
        """The list as lines."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """The lines as a list."""
        return [line.strip() for line in str(super().to_python(value)).splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether the list differs."""
        return bool(self.to_python(data or "") != (initial or []))


class KeyForm(ServiceForm):
    """What may be chosen for a key."""

    scopes = forms.MultipleChoiceField(
        required=False,
        choices=scope_choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Without any, a key can only be verified. Administrators' scopes need an administrator as owner.",
    )
    allowed_networks = LinesField(
        required=False, help_text="Addresses or CIDR networks, one a line. Empty: from anywhere.", label="Allowed networks"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hints = {
            "rate_limit": "Requests a minute. Empty: the platform's default.",
            "daily_quota": "Requests a UTC day. Empty: no quota.",
            "expires_at": "UTC. Empty: never.",
            "environment": "Test keys touch sandbox drivers only.",
            "metadata": "A JSON object of your own.",
        }
        for name, hint in hints.items():
            if name in self.fields:
                self.fields[name].help_text = hint

    def clean_metadata(self) -> Any:
        """An emptied field is an empty object."""
        return self.cleaned_data["metadata"] or {}


class RotateForm(forms.Form):
    """How long the old key goes on."""

    grace = forms.ChoiceField(
        choices=GRACES, initial="86400", widget=UnfoldAdminSelectWidget, label="The old key works for", required=True
    )

    def period(self) -> timedelta:
        """The chosen grace."""
        return timedelta(seconds=int(self.cleaned_data["grace"]))
