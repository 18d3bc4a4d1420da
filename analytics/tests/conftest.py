"""Property tests are about properties: how long an example takes on a busy machine is no failure."""

from hypothesis import settings

settings.register_profile("suite", deadline=None, database=None)
settings.load_profile("suite")
