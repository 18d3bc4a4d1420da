"""Periodic work of webhooks."""
