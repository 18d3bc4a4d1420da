"""WhatsApp: sessions, messages and the gateways that carry them.

Owns the queue between an accepted message and the gateway: quotas, scheduling, order per recipient, pacing per session, and that
a message is sent once. It refuses to repeat what may have been sent where the gateway takes no id of ours.
"""
