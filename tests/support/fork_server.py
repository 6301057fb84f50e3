"""Runs many commands of one program quickly: started by that program's Python, see `twins`.

The program is imported once; each request is one line of JSON on stdin and runs in a fork of its own, as if just started. The
answer is the exit code. Standard streams are files, so that any amount of output fits.
"""

import ctypes
import importlib
import json
import os
import signal
import sys
import time
import traceback

LONGEST_S = 60
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


def run_child(request, run):
    for number, flags in enumerate((os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)):
        os.dup2(os.open(request["streams"][number], flags, 0o600), number)
    signal.alarm(LONGEST_S)  # whoever hangs dies of it
    os.chdir(request["cwd"])
    if request["obeys_modes"]:
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
            os._exit(code or 0)


def main():
    modules = sys.argv[1:]
    loaded = [importlib.import_module(name) for name in modules]
    run = loaded[0].main
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for line in requests:
        child = os.fork()
        if child == 0:
            run_child(json.loads(line), run)
        _, status = os.waitpid(child, 0)
        answers.write(b"%d\n" % os.waitstatus_to_exitcode(status))
        answers.flush()


main()
