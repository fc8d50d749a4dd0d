"""Names of a network, found by every library that uses the sockets of this process.

A name resolves to an address of Lattice, and connecting to this address leads to a live
listener: not at once to the listener's own address, since many libraries keep the port
that they were told.  Doors of several networks share all this: who opened last is asked
first.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from threading import RLock
from typing import TYPE_CHECKING, NamedTuple

from pytest_lattice.clients.egress import is_lattice
from pytest_lattice.clients.hosts import is_address, is_local, is_one_of
from pytest_lattice.clients.patches import Found, applied
from pytest_lattice.errors import HIDE, BlockingCallError

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_lattice.clients.egress import Egress
    from pytest_lattice.clients.listener import Address, LiveServer
    from pytest_lattice.clients.patches import Host

__tracebackhide__ = HIDE

# AWS: vpc-lattice/latest/ug/security-groups; public transcripts: the last byte of the
# IPv4 address stands in the IPv6 one
_IPV4, _IPV6 = "169.254.171.{}", "fd00:ec2:80::a9fe:ab{:02x}"
# The last bytes that names get; targets are called from the first.
_OWN = range(32, 255)


class Door(NamedTuple):
    """One open door: whose names are found, and where connections go.

    Args:
        server: where the network listens.
        egress: knows its hosts.
    """

    server: LiveServer
    egress: Egress

    @contextmanager
    def opened(self) -> Generator[None]:
        """Answer for the names until the end of the block."""
        _RESOLVER.open(self)
        try:
            yield
        finally:
            _RESOLVER.close(self)


class _Addresses:
    """Gives each generated name an address, as long as there are some."""

    def __init__(self) -> None:
        #: The last byte of the address of each name.
        self._bytes: dict[str, int] = {}
        self._lock = RLock()

    def of(self, name: str) -> tuple[str, str]:
        """Return the IPv4 and the IPv6 address of a name."""
        with self._lock:
            new = _OWN[len(self._bytes) % len(_OWN)]
            last = self._bytes.setdefault(name, new)
        return _IPV4.format(last), _IPV6.format(last)

    def name(self, address: str) -> str | None:
        """Return the one name that has an address, if it is one name's."""
        last = ip_address(address).packed[-1]
        with self._lock:
            having = [name for name, byte in self._bytes.items() if byte == last]
        return having[0] if len(having) == 1 else None


class _Resolver:
    """What all that is patched asks: which addresses, and where they lead."""

    def __init__(self) -> None:
        #: Who opened last comes first; replaced as a whole, so readers need no lock.
        self._doors: tuple[Door, ...] = ()
        self._addresses = _Addresses()
        self._lock = RLock()
        self._undo = ExitStack()

    # ---- opening and closing ------------------------------------------------

    def open(self, door: Door) -> None:
        with self._lock:
            if not self._doors:
                self._addresses = _Addresses()
                self._undo = applied(self)
            self._doors = (door, *self._doors)

    def close(self, door: Door) -> None:
        with self._lock:
            self._doors = tuple(each for each in self._doors if each is not door)
            if not self._doors:
                self._undo.close()

    # ---- what is asked ------------------------------------------------------

    def find(self, host: Host) -> Found | None:
        """Look a name up.

        Returns:
            Its generated name, with addresses of Lattice; None for what is found as it
            was before.

        Raises:
            EgressError: it is not to be called.
            socket.gaierror: it is a name of Lattice, and no service has it.
        """
        text = _text(host)
        if not self._doors:
            return None  # who has kept what was replaced asks to no end
        door = self._of(text)
        if door is not None:
            name = door.egress.generated_name(text) or text
            return Found(name, *self._addresses.of(name))
        if is_address(text):
            return None  # that it is called is noticed later
        if is_lattice(text):
            raise self._nobody(text)
        self._refuse(text)
        return None

    def is_nameless(self, address: Host) -> bool:
        """Tell whether an address has no name.

        Returns:
            False for what has the name that it had before.

        Raises:
            EgressError: it is not to be called.
        """
        text = _text(address)
        if not self._doors or not is_address(text):
            return False
        # AWS is silent on names of its addresses; many services share one.
        if is_lattice(text):
            return True
        self._refuse(text)
        return False

    def lead(self, host: Host, port: int, *, blocking: bool) -> Address | None:
        """Tell where a connection leads.

        Args:
            host: an address or a name.
            port: the port.
            blocking: whether the calling thread waits for it.

        Returns:
            Where a listener is; None for what leads to where it led before.

        Raises:
            BlockingCallError: an app waits for the loop that it runs on.
            ConfigurationError: it is not clear which VPC calls.
            EgressError: it is not to be called.
            OSError: as the system would say it.
        """
        name = _text(host)
        if not self._doors:
            return None
        if is_address(name) and is_lattice(name):
            # AWS: any address of Lattice leads to any service, by server name or Host
            name = self._addresses.name(name) or name
            door = self._of(name) or next(iter(self._doors), None)
        elif (door := self._of(name)) is None and is_lattice(name):
            raise self._nobody(name)
        if door is None:
            self._refuse(name)
            return None
        if blocking and door.server.is_here():
            raise _waiting_for_itself(name)
        return door.server.dial(name, port)

    def pem_for(self, server_name: Host) -> str | None:
        """Return the authority that certifies a server name, if it is one of ours."""
        door = self._of(_text(server_name))
        return None if door is None else door.server.ca_pem

    # ---- how it is answered -------------------------------------------------

    def _of(self, host: str) -> Door | None:
        return next((each for each in self._doors if each.egress.knows(host)), None)

    def _nobody(self, host: str) -> socket.gaierror:
        # AWS is silent on names that nobody has; DNS knows no such name.
        advice = next((each.egress.advice(host) for each in self._doors), "")
        text = f"no service has the name `{host}`; {advice}"
        return socket.gaierror(socket.EAI_NONAME, text)

    def _refuse(self, host: str) -> None:
        doors = [door.egress for door in self._doors]
        strict = [each for each in doors if each.strict]
        if not strict or is_local(host):
            return
        # The networks' own requests to servers of the user's go where they want.
        if not any(is_one_of(host, each.servers()) for each in doors):
            strict[0].refuse(host)


_RESOLVER = _Resolver()


def _waiting_for_itself(name: str) -> BlockingCallError:
    error = BlockingCallError(
        f"an async app calls `{name}` with a blocking client, and so stops the event "
        "loop that would have to answer"
    )
    error.add_note("call it in a thread, as by anyio.to_thread.run_sync")
    return error


def _text(host: Host) -> str:
    if isinstance(host, bytes | bytearray):
        return host.decode("utf-8", "replace")
    # What is of another type the system refuses.
    return host if isinstance(host, str) else ""
