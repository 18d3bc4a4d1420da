"""Settings: `base` plus one file per environment; one file per integration under `components`."""
