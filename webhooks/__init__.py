"""Outgoing webhooks (Standard Webhooks 1.0): signed, tried until they are taken or three days pass."""
