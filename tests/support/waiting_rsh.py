"""For BORG_RSH: has a server that waits on a socket do what is asked for, see `waiting_server`.

    waiting_rsh.py SOCKET COUNT FORCED... HOST COMMAND...

With forced options (COUNT of them) it does `serve` with those, as sshd with a forced command. Written to start quickly: it is
started for every connection.
"""

import json
import os
import socket
import sys

path, count, *words = sys.argv[1:]
forced, words = words[: int(count)], words[int(count) + 1 :]
environment = dict(os.environ)
if forced:
    environment["SSH_ORIGINAL_COMMAND"] = " ".join(words)
    words = ["borg", "serve", *forced]
request = json.dumps({"args": words[1:], "cwd": os.getcwd(), "env": environment}).encode()
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(path)
    socket.send_fds(connection, [request], [0, 1, 2])
    # The pipes are the server's alone now: who waits for their end waits for its end.
    for stream in (0, 1, 2):
        os.close(stream)
    answer = connection.recv(1)
os._exit(answer[0] if answer else 255)
