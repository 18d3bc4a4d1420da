"""The admin's looks and its navigation. The callbacks live in the apps and are named here."""

from django.templatetags.static import static
from django.utils.functional import lazy

_static = lazy(static, str)

# Dates of the admin's pages: sortable, to the second. The API speaks ISO 8601 whatever this says.
FORMAT_MODULE_PATH = ["core.formats"]

UNFOLD = {
    "SITE_TITLE": "Atelier",
    "SITE_HEADER": "Atelier",
    "SITE_SUBHEADER": "Administration",
    "SITE_SYMBOL": "deployed_code",
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "ENVIRONMENT": "core.admin_pages.navigation.environment",
    "ENVIRONMENT_TITLE_PREFIX": "core.admin_pages.navigation.title_prefix",
    "DASHBOARD_CALLBACK": "analytics.admin.dashboard.dashboard",
    "LOGIN": {"form": "users.sign_in_form.SignInForm"},
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _static("core/icon.svg")}],
    "STYLES": [_static("core/admin.css")],
    "SIDEBAR": {"show_search": True, "navigation": "core.admin_pages.navigation.navigation"},
    "ACCOUNT": {
        "navigation": [
            {"title": "Change password", "link": "/admin/password_change/"},
            {"title": "API documentation", "link": "/api/docs/"},
        ]
    },
    "COLORS": {
        "primary": {
            "50": "oklch(97.0% .014 254.6)",
            "100": "oklch(93.2% .032 255.6)",
            "200": "oklch(88.2% .059 254.1)",
            "300": "oklch(80.9% .105 251.8)",
            "400": "oklch(70.7% .165 254.6)",
            "500": "oklch(62.3% .214 259.8)",
            "600": "oklch(54.6% .245 262.9)",
            "700": "oklch(48.8% .243 264.4)",
            "800": "oklch(42.4% .199 265.6)",
            "900": "oklch(37.9% .146 265.5)",
            "950": "oklch(28.2% .091 267.9)",
        }
    },
}
