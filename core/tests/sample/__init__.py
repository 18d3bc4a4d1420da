"""A product module as small as one can be: it shows what switching a module on and off does."""
