"""A silence is as long as somebody looked, and a sign of life ends it."""

import asyncio
import os

from scopeside.web_beat import LONGEST_LOOK_S, Beats, beat


class Clock:
    def __init__(self):
        self.s = 0.0

    def __call__(self):
        return self.s


def test_silence_grows_while_nothing_comes_and_ends_with_a_beat():
    clock = Clock()
    beats = Beats(clock)
    try:
        for second in range(1, 4):
            clock.s = float(second)
            assert beats.look() == second

        async def once():
            beating = asyncio.create_task(beat(beats.writing_fd))
            await asyncio.sleep(0)
            beating.cancel()

        asyncio.run(once())
        clock.s = 4.0
        assert beats.look() == 0.0
    finally:
        beats.close()
        beats.close()


def test_a_service_that_was_stopped_itself_does_not_blame_the_web_process():
    clock = Clock()
    beats = Beats(clock)
    try:
        clock.s = 3600.0
        assert beats.look() == LONGEST_LOOK_S
    finally:
        beats.close()


def test_nobody_who_looks_blocks_no_beat():
    beats = Beats()

    async def many():
        os.write(beats.writing_fd, bytes(65536))  # as much as a pipe holds
        for _ in range(3):
            beating = asyncio.create_task(beat(beats.writing_fd))
            await asyncio.sleep(0)
            beating.cancel()

    try:
        asyncio.run(many())
        assert beats.look() == 0.0
    finally:
        beats.close()
