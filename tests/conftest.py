"""What every test shares."""

from hypothesis import settings

# Timing never decides a test: the machine may be busy with other things.
settings.register_profile("scopeside", deadline=None)
settings.load_profile("scopeside")
