"""The root of the URL tree."""

from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.urls import include, path

from core import health

urlpatterns = [
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", health.prometheus),
    path("admin/", admin.site.urls),
    path("api/", include("api.urls")),
    *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),
    *static("/examples/", document_root=settings.BASE_DIR / "docs" / "examples"),
]
