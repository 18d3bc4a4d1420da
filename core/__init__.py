"""The shared kernel: no domain, only what every app needs."""
