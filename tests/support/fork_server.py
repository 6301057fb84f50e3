"""Runs many commands of one program quickly: started by that program's Python, see `fork_servers` and `waiting_server`.

    fork_server.py MODULE...                 commands one after the other
    fork_server.py --listen=PATH MODULE...   any number at a time, for those who connect to a socket

The program is imported once; each request runs in a fork of its own, as if just started. A request is one line of JSON on
stdin, and the answer the exit code; standard streams are files, so that any amount of output fits. On a socket, a request comes
with the three standard streams, and the answer is one byte; none if a signal killed the program.
"""

import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import traceback

LONGEST_S = 60
LONGEST_REQUEST = 1 << 20
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAPABILITY_VERSION_3 = 0x20080522


def give_up_capabilities(*capabilities):
    """From here on root may no longer read what file modes forbid."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    for number in capabilities:
        for place in (0, 1):  # effective, permitted
            sets[place] &= ~(1 << number)
    assert libc.capset(header, sets) == 0


def be_as_modest_as_the_parent():
    """A session of its own would get as much of the machine as any other, though whoever started it may want less."""
    try:
        with open(f"/proc/{os.getppid()}/autogroup") as parent:
            words = parent.read().split()
        if words:  # there are none for what init started in no session of its own, as in some CI
            with open("/proc/self/autogroup", "w") as own:
                own.write(words[-1])
    except OSError:
        pass  # not every system has such groups


def open_streams(paths):
    for number, flags in enumerate((os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)):
        os.dup2(os.open(paths[number], flags, 0o600), number)


def run_child(request, run, finish):
    """Becomes the program; `finish` gets its exit code."""
    signal.alarm(LONGEST_S)  # whoever hangs dies of it
    os.chdir(request["cwd"])
    if request.get("obeys_modes"):
        give_up_capabilities(CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH)
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    sys.argv = ["borg", *request["args"]]
    code = 3
    try:
        code = run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        # No finalisers of the server's: what the program buffers must come out, then this process has never been.
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            finish(code or 0)


def answer_lines(run):
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    for line in requests:
        child = os.fork()
        if child == 0:
            request = json.loads(line)
            open_streams(request["streams"])
            run_child(request, run, os._exit)
        _, status = os.waitpid(child, 0)
        answers.write(b"%d\n" % os.waitstatus_to_exitcode(status))
        answers.flush()


def answer_connections(path, run):
    """Until stdin ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for children
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(100)
    os.write(1, b"\n")
    while listener in select.select([0, listener], [], [])[0]:
        connection = listener.accept()[0]
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            answer_connection(connection, run)
        connection.close()


def answer_connection(connection, run):
    data, streams, _, _ = socket.recv_fds(connection, LONGEST_REQUEST, 3)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # Those that Python opened believe that they can seek.
    sys.stdin = sys.__stdin__ = os.fdopen(0, closefd=False)
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)

    def finish(code):
        connection.send(bytes([code & 0xFF]))
        os._exit(code)

    run_child(json.loads(data), run, finish)


def main():
    be_as_modest_as_the_parent()
    arguments = sys.argv[1:]
    path = arguments.pop(0).removeprefix("--listen=") if arguments[0].startswith("--listen=") else None
    loaded = [importlib.import_module(name) for name in arguments]
    run = loaded[0].main
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.freeze()  # or each child would copy what it collects in vain
    if path is None:
        answer_lines(run)
    else:
        answer_connections(path, run)


main()
