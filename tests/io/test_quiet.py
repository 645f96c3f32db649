import logging

from scopeside.io.quiet import quiet


def test_quiet_of_several_threads_ends_with_the_last_of_them():
    logger = logging.getLogger("tifffile")
    first, second = quiet(), quiet()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert logger.level > logging.CRITICAL
    second.__exit__(None, None, None)
    assert logger.level == logging.NOTSET
