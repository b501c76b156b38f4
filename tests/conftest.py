"""One thread a process: tests run side by side, and threads sharing a core wait on each other."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
