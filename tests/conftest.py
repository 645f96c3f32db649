"""What every test shares."""

import signal

from hypothesis import settings

# A shell that starts the tests in the background makes them, and every process they start,
# ignore Ctrl-C; tests of Ctrl-C need it to arrive.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Timing never decides a test: the machine may be busy with other things.
settings.register_profile("scopeside", deadline=None)
settings.load_profile("scopeside")
