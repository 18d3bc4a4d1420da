"""The sample module in the admin."""

from django.contrib import admin

from core.tests.sample.models import Sample

admin.site.register(Sample)
