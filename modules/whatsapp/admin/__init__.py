"""The admin pages of WhatsApp."""
