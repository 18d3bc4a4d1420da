"""The API of WhatsApp: sessions, messages, and the addresses that gateways call."""
