"""Configuration and assembly: settings, URL tree, WSGI entry, Celery app, local runner."""
