"""Ports on 127.0.0.1 for servers that will be started in a moment, and addresses of their own for those that come back.

A server that is killed leaves its port free, and another may take it before the first is started again. Clients don't
notice: Kafka's never ask which cluster answers. So what may be away for a while has an address that nobody else uses.
"""

import atexit
import errno
import ipaddress
import random
import socket

from deploy.local.errors import StackError

HOST = "127.0.0.1"
# Below the range from which Linux takes the local ports of outgoing connections (32768 and up): a port chosen here
# can't be taken by somebody's client between the choice and the bind, or while a killed broker is down.
_FIRST, _LAST = 20_000, 32_000
_ATTEMPTS = 200
_FIRST_ADDRESS, _LAST_ADDRESS = (int(ipaddress.IPv4Address(each)) for each in ("127.1.0.1", "127.254.255.254"))
_CLAIM_PORT = 19_999

_given_out: set[tuple[str, int]] = set()
_chance = random.SystemRandom()


def own_address() -> str:
    """Return an address of this machine that nobody else is given while this process lives: 127.x.y.z, in full.

    The claim to it is a port that stays bound and is never listened on. Where the machine has no such addresses (Linux
    has all of 127.0.0.0/8), the answer is 127.0.0.1, which everybody shares.

    Raises:
        StackError: every address that was tried is claimed.
    """
    for _ in range(_ATTEMPTS):
        address = str(ipaddress.IPv4Address(_chance.randint(_FIRST_ADDRESS, _LAST_ADDRESS)))
        claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            claim.bind((address, _CLAIM_PORT))
        except OSError as error:
            claim.close()
            if error.errno == errno.EADDRINUSE:
                continue
            return HOST
        atexit.register(claim.close)  # which also keeps it until then
        return address
    raise StackError(f"no address of 127.0.0.0/8 could be claimed in {_ATTEMPTS} attempts")


def is_free(port: int, host: str = HOST) -> bool:
    """Tell whether a server could listen on this port of an address of this machine now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: a port whose old connections linger in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Tell whether a server accepts connections on this port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def free_port(host: str = HOST) -> int:
    """Return a port of `host` that nobody listens on and that this process has not given out before.

    Raises:
        StackError: no free port was found in a bounded number of attempts.
    """
    for _ in range(_ATTEMPTS):
        port = _chance.randint(_FIRST, _LAST)
        if (host, port) not in _given_out and is_free(port, host):
            _given_out.add((host, port))
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
    _given_out.add((HOST, port))
    return port
