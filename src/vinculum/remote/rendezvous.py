"""Where further connections of one client meet the process that serves it.

A client may let bulk data travel on several connections: each begins with a server process of its own, which hands its pipes
over to the process that works with the repository, and from then on only waits. They find each other by a secret that the one
tells the client and the client tells the other. Nobody but the same user gets in, and nothing is left in the file system.
"""

from __future__ import annotations

import hmac
import os
import socket
import struct
import sys

from vinculum.errors import Error

SECRET_BYTES = 32  # of which the first half is the name of the place, which all users can see
MOST_LANES = 15  # that one process serves: each may take some memory
_NUMBER = struct.Struct(">Q")
_CREDENTIALS = struct.Struct("iII")  # process, user, group
_WAIT_S = 5.0
_SPEAK_S = 1.0  # who comes has something to say at once, and meanwhile the others wait
_WELCOME = b"\x01"


class Handed:
    """The pipes of a connection that joined, and the number of the request to be answered on it. Close it."""

    __slots__ = ("_guest", "number", "replies_fd", "requests_fd")

    def __init__(self, guest: socket.socket, requests_fd: int, replies_fd: int, number: int) -> None:
        self._guest = guest
        self.requests_fd = requests_fd
        self.replies_fd = replies_fd
        self.number = number

    def close(self) -> None:
        """Lets go of the pipes, and of the process that they came from."""
        os.close(self.requests_fd)
        os.close(self.replies_fd)
        self._guest.close()


class Rendezvous:
    """The inviting side; readable when somebody wants to join. Close it."""

    def __init__(self) -> None:
        """Error where the system has no sockets that only exist in memory."""
        _require_linux()
        self.secret = os.urandom(SECRET_BYTES)
        self._joined = 0
        try:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError as error:
            raise Error(f"Further connections cannot meet: {error.strerror}.") from None
        try:
            self._socket.bind(_address(self.secret))
            self._socket.listen(MOST_LANES)
        except OSError as error:
            self._socket.close()
            raise Error(f"Further connections cannot meet: {error.strerror}.") from None
        self._socket.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def accept(self) -> Handed | None:
        """Takes over a connection. None if that was nobody who may join.

        OSError if nobody can be let in any more, for want of descriptors: who waits would wait for ever.
        """
        try:
            guest, _ = self._socket.accept()
        except (BlockingIOError, ConnectionAbortedError, InterruptedError):
            return None  # gone again
        fds: list[int] = []
        try:
            if not _is_own(guest):
                raise PermissionError
            guest.settimeout(_SPEAK_S)
            message, fds, _, _ = socket.recv_fds(guest, SECRET_BYTES + _NUMBER.size, 2)
            secret, number = message[:SECRET_BYTES], message[SECRET_BYTES:]
            knows = hmac.compare_digest(secret, self.secret) and len(number) == _NUMBER.size
            if knows and len(fds) == 2 and self._joined < MOST_LANES:
                guest.sendall(_WELCOME)
                self._joined += 1
                return Handed(guest, *fds, *_NUMBER.unpack(number))
        except OSError:
            pass
        for fd in fds:
            os.close(fd)
        guest.close()
        return None

    def close(self) -> None:
        """Nobody can join any more."""
        self._socket.close()


def join(secret: bytes, number: int, requests_fd: int, replies_fd: int) -> None:
    """Hands our pipes over to whoever gave out the secret, who also answers request `number`; returns when they are done with.

    Error if that is not possible; then nothing was answered.
    """
    _require_linux()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as host:
            host.settimeout(_WAIT_S)
            host.connect(_address(secret))
            if _is_own(host):
                socket.send_fds(host, [secret + _NUMBER.pack(number)], [requests_fd, replies_fd])
                if host.recv(1) == _WELCOME:
                    host.settimeout(None)
                    host.recv(1)  # until the other side is done
                    return
    except OSError:
        pass
    raise Error("Nobody here has given such an invitation.")


def _require_linux() -> None:
    if sys.platform != "linux":
        raise Error("Further connections cannot meet on this system.")


def _address(secret: bytes) -> bytes:
    """A name in memory."""
    return b"\0vinculum-" + secret[: SECRET_BYTES // 2].hex().encode()


def _is_own(peer: socket.socket) -> bool:
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    user: int = _CREDENTIALS.unpack(credentials)[1]
    return user == os.geteuid()
