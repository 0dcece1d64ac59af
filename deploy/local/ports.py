"""Ports on 127.0.0.1 for servers that will be started in a moment."""

import random
import socket

from deploy.local.errors import StackError

HOST = "127.0.0.1"
# Below the range from which Linux takes the local ports of outgoing connections (32768 and up): a port chosen here
# can't be taken by somebody's client between the choice and the bind, or while a killed broker is down.
_FIRST, _LAST = 20_000, 32_000
_ATTEMPTS = 200

_given_out: set[int] = set()
_chance = random.SystemRandom()


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: a port whose old connections linger in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Tell whether a server accepts connections on this port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def free_port() -> int:
    """Return a port that nobody listens on and that this process has not given out before.

    Raises:
        StackError: no free port was found in a bounded number of attempts.
    """
    for _ in range(_ATTEMPTS):
        port = _chance.randint(_FIRST, _LAST)
        if port not in _given_out and is_free(port):
            _given_out.add(port)
            return port
    raise StackError(f"no free port between {_FIRST} and {_LAST} in {_ATTEMPTS} attempts")


def configured_or_free(port: int | None) -> int:
    """Return `port` where one is configured, a free one otherwise.

    Raises:
        StackError: the configured port is in use.
    """
    if port is None:
        return free_port()
    if not is_free(port):
        raise StackError(f"port {port} of {HOST} is in use")
    _given_out.add(port)
    return port
