"""Measures webhooks: queueing deliveries beside the naive way, and sending them beside receivers that hang."""
