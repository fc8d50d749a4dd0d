"""Live listeners and the proxy of a network, and what they stand on.

One daemon thread serves all of them.  It starts when the first one is asked for and
ends with the network, after the apps that may run on its loop.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pytest_lattice.errors import HIDE, advised
from pytest_lattice.questions import FIRST_PORT, caller_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from pytest_lattice.clients.base import Entrance
    from pytest_lattice.clients.listener import LiveServer
    from pytest_lattice.clients.loop_thread import LoopThread
    from pytest_lattice.clients.proxy import LiveProxy
    from pytest_lattice.clients.sockets import Sockets
    from pytest_lattice.clients.wire import Site
    from pytest_lattice.clock import Clock
    from pytest_lattice.model.configuration import Configuration
    from pytest_lattice.model.message import Source
    from pytest_lattice.questions import Questions

__tracebackhide__ = HIDE


class Live:
    """What listens for a network, and the thread that it listens in.

    Args:
        plane: where requests go.
        questions: knows where a client may live.
        clock: the network's clock.
        apps_are_here: tells whether an async app runs in the calling thread.
    """

    def __init__(
        self,
        plane: Entrance,
        questions: Questions,
        clock: Clock,
        *,
        apps_are_here: Callable[[], bool],
    ) -> None:
        """Listen to nothing."""
        self._plane = plane
        self._questions = questions
        self._apps_are_here = apps_are_here
        self._clock = clock
        self._lock = threading.Lock()
        self._thread: LoopThread | None = None
        self._open: list[Sockets] = []

    @contextmanager
    def server(self, vpc: str | None) -> Iterator[LiveServer]:
        """Serve for as long as the context lasts; see `LiveDoors.server`."""
        from pytest_lattice.clients.listener import LiveServer

        with self._sockets(vpc) as (sockets, thread):
            yield LiveServer(
                sockets,
                call=thread.call,
                is_here=lambda: thread.is_current() or self._apps_are_here(),
                configuration=lambda: self._questions.configuration,
            )

    @contextmanager
    def names(self, vpc: str | None, *, strict: bool) -> Iterator[None]:
        """Resolve names for as long as the context lasts; see `LiveDoors.dns`."""
        from pytest_lattice.clients.egress import Egress
        from pytest_lattice.clients.names import Door

        egress = Egress(lambda: self._questions.configuration, strict=strict)
        with self.server(vpc) as server, Door(server, egress).opened():
            yield

    @contextmanager
    def proxy(self, vpc: str | None, *, strict: bool, port: int) -> Iterator[LiveProxy]:
        """Lead clients in for as long as the context lasts; see `LiveDoors.proxy`."""
        from pytest_lattice.clients.egress import Egress
        from pytest_lattice.clients.proxy import LiveProxy

        questions = self._questions
        egress = Egress(lambda: questions.configuration, strict=strict)
        with self._sockets(vpc) as (sockets, thread):
            yield LiveProxy(
                sockets,
                call=thread.call,
                egress=egress,
                caller=lambda role: caller_of(questions.configuration, role),
                port=port,
            )

    @contextmanager
    def _sockets(self, vpc: str | None) -> Iterator[tuple[Sockets, LoopThread]]:
        """Give sockets, and the thread of their loop; close them in the end."""
        from pytest_lattice.clients.sockets import Sockets

        configuration = self._questions.configuration
        _check_http2(configuration)
        site = self._site(vpc)
        thread = self._started()
        sockets = Sockets(site)
        self._open.append(sockets)
        try:
            yield sockets, thread
        finally:
            self._end(sockets)

    def _site(self, vpc: str | None) -> Site:
        from pytest_lattice.clients.certificates import authority
        from pytest_lattice.clients.wire import Site

        def place() -> Source:
            return self._questions.source(vpc, None, FIRST_PORT)

        place()  # an unknown VPC is refused at once
        return Site(
            entrance=self._plane,
            place=place,
            way=self._questions.way,
            now=lambda: self._clock.microseconds,
            authority=authority(),
            http2=find_spec("h2") is not None,
            loop=self._started().loop,
            tasks=set(),
        )

    def _started(self) -> LoopThread:
        from pytest_lattice.clients.loop_thread import LoopThread

        with self._lock:
            if self._thread is None:
                self._thread = LoopThread()
                self._clock.follow(self._advanced)
            return self._thread

    def _running(self) -> LoopThread | None:
        thread = self._thread
        return thread if thread is not None and thread.is_alive() else None

    def _advanced(self, _: float) -> None:
        """Let connections notice that time has passed."""
        if (thread := self._running()) is not None and self._open:
            thread.call(self._look_at_clock)

    def _look_at_clock(self) -> None:
        for each in list(self._open):
            each.look_at_clock()

    def _end(self, sockets: Sockets) -> None:
        if sockets in self._open:
            self._open.remove(sockets)
            if (thread := self._running()) is not None:
                thread.run(sockets.close())

    def close_sockets(self) -> None:
        """Close all that is still open; nothing listens any more."""
        for sockets in list(self._open):
            self._end(sockets)

    def close(self) -> None:
        """End the thread."""
        with self._lock:
            thread, self._thread = self._running(), None
        if thread is not None:
            thread.close()


class LiveDoors:
    """How clients come in that are not ours; the network is one of these."""

    _live: Live

    @contextmanager
    def server(self, *, vpc: str | None = None) -> Iterator[LiveServer]:
        """Let the services really listen, on ports of loopback.

        HTTPS listeners speak TLS 1.2 and 1.3 with a certificate for each name, HTTP/2
        (with gRPC) and HTTP/1.1; HTTP listeners speak HTTP/1.1 in clear text.

        Args:
            vpc: name or id of the VPC that clients are taken to live in; may be left
                out where only one is associated.

        Yields:
            The server, which tells addresses and the certificate to trust.

        Raises:
            ConfigurationError: an unknown VPC, or HTTP/2 is needed and not installed.

        AWS: vpc-lattice/latest/ug/listeners
        """
        with self._live.server(vpc) as server:
            yield server

    @contextmanager
    def dns(self, *, strict: bool = False, vpc: str | None = None) -> Iterator[Self]:
        """Let names of the services be found by every library of this process.

        Inside the block they resolve to addresses of Lattice, and connections to these
        lead to live listeners, which are trusted: for all that use Python's sockets,
        and for uvloop and aiodns. A port without a listener refuses; from a VPC that is
        not associated, connecting times out, at once.

        Args:
            strict: whether other hosts are refused, but for this machine and the
                servers that are targets.
            vpc: name or id of the VPC that the connections come from; may be left out
                where only one is associated.

        Yields:
            The network.

        Raises:
            ConfigurationError: an unknown VPC, or HTTP/2 is needed and not installed.
            EgressError: in the client, another host where it is strict.

        AWS: vpc-lattice/latest/ug/service-custom-domain-name
        """
        with self._live.names(vpc, strict=strict):
            yield self

    @contextmanager
    def proxy(
        self, *, strict: bool = False, vpc: str | None = None, port: int = 0
    ) -> Iterator[LiveProxy]:
        """Let programs in by a proxy on loopback, whatever language they are in.

        Names of the network lead to its services, by CONNECT or a whole URL of http;
        what a program has to know for it stands in `LiveProxy.environ`.

        Args:
            strict: whether other hosts are refused with 403.
            vpc: name or id of the VPC that clients are taken to live in; may be left
                out where only one is associated.
            port: the port of loopback that it listens on; 0 for a free one.

        Yields:
            The proxy.

        Raises:
            ConfigurationError: an unknown VPC, a port that cannot be had, or HTTP/2 is
                needed and not installed.
        """
        with self._live.proxy(vpc, strict=strict, port=port) as proxy:
            yield proxy


def _check_http2(configuration: Configuration) -> None:
    if find_spec("h2") is not None:
        return
    for group in configuration.target_groups:
        if group.protocol_version in {"HTTP2", "GRPC"}:
            raise advised(
                f"target group `{group.name}` is {group.protocol_version}, "
                "and live listeners speak no HTTP/2 without h2",
                "pip install pytest-lattice[live]",
            )
