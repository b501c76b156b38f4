"""``bsx`` for a shell, from a server that has its imports behind it: a sweep takes seconds less.

``python -m tests.warm_program FOLDER`` puts a program ``bsx`` there, and serves it until it is
killed. Each call is a process of its own, forked from the server: arguments, folder, environment,
files and exit code are the caller's.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import signal
import socket
import sys
from pathlib import Path

from tests.faults.warm import PRELOADED

_CALL = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
    server.connect({socket!r})
    call = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [call], [0, 1, 2])
    os._exit(int(server.recv(8) or 70))
"""


def serve(folder: Path) -> None:
    """Write the program and fork a process for every call of it."""
    for module in PRELOADED:
        importlib.import_module(module)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what is preloaded ignores it
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(folder / "socket"))
        listening.listen()
        part = folder / "bsx.part"
        part.write_text(_CALL.format(python=sys.executable, socket=str(folder / "socket")))
        part.chmod(0o755)
        part.replace(folder / "bsx")
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for what was forked
        while True:
            caller, _ = listening.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listening.close()
                _answer(caller)
            caller.close()


def _answer(caller: socket.socket) -> None:
    """Run the program for a caller, and tell how it exits."""
    call, files, _, _ = socket.recv_fds(caller, 2**20, 3)
    args, folder, environment = json.loads(call)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["bsx", *args]
    sys.path[0] = str(Path(sys.executable).parent)  # as that of the program itself
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    code = 70
    try:
        from bsx.cli.app import main

        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        caller.send(str(code).encode())
        os._exit(code)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
