"""Outgoing webhooks (Standard Webhooks 1.0): every event once into the queue, signed, tried until it is taken or three days pass."""
