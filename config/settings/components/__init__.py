"""One file per integration; each reads the environment through `config.settings.env`."""
