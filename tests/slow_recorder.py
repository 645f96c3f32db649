"""A recording process on a slow disk: `python -m slow_recorder`, as the tap starts it.

It writes nothing until the file PATH.go exists, and then as fast as it can; or, where
SLOW_RECORDER_S says so, a message in so many seconds.
"""

import os
import sys
import time
from pathlib import Path

from scopeside.recording import recorder
from scopeside.recording.process import serve_tap
from scopeside.recording.splitting import SplitRecording

MESSAGE_S = float(os.environ.get("SLOW_RECORDER_S", "0"))
if MESSAGE_S:
    recorder.BATCH_MESSAGES = 1


class SlowDisk(SplitRecording):
    def append(self, messages) -> None:
        while not self._path.with_name(self._path.name + ".go").exists():
            time.sleep(0.01)
        time.sleep(MESSAGE_S * len(messages))
        super().append(messages)


if __name__ == "__main__":
    serve_tap(sys.argv[1], lambda: SlowDisk(Path(sys.argv[2]), source="slow"))
