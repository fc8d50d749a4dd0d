"""What `pytest-lattice serve` does: it writes the access log and lets time pass.

One thread writes and another lets time pass; requests are answered in that of the live
listeners, which waits for neither.
"""

from __future__ import annotations

import atexit
import json
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from pytest_lattice.model.outcome import Forwarded
from pytest_lattice.offer import exports_of, lines_of, offer
from pytest_lattice.terminal import GREEN, RED, Style, complain, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_lattice.clock import RealClock
    from pytest_lattice.decision.exchange import Exchange
    from pytest_lattice.model.access_log import AccessLogEntry
    from pytest_lattice.network import LatticeNetwork

# How often time passes, in seconds.
_TICK = 0.25
# Seconds for which the end waits for a health check that has no answer.
_PATIENCE = 1.0
_FIRST_ERROR = 400


def serve(
    network: LatticeNetwork,
    follower: Follower,
    clock: RealClock,
    *,
    role: str | None,
    vpc: str | None,
    strict: bool,
    port: int,
    as_json: bool,
) -> None:
    """Let programs in and write what they did, until somebody says stop.

    From now to its end the process heeds signals in the follower's way.

    Args:
        network: what is served.
        follower: one of its plugins.
        clock: its clock.
        role: who signs the command that is printed; None for nobody.
        vpc: see `LatticeNetwork.proxy`, as for the next two.
        strict: whether other hosts are refused.
        port: of the proxy.
        as_json: whether machines read what is written.

    Raises:
        ConfigurationError: an unknown VPC or caller, or a port that cannot be had.
        OSError: it cannot be written.
    """
    style = Style(sys.stdout)

    def write(exchange: Exchange) -> None:
        print(
            entry_json(exchange) if as_json else entry_line(exchange, style), flush=True
        )

    follower.heed_signals()
    with (
        network.proxy(strict=strict, vpc=vpc, port=port) as proxy,
        time_passing(clock),
        follower.writing(),
    ):
        offered = offer(network, proxy, vpc=vpc, role=role)
        if as_json:
            print(json.dumps(offered._asdict(), ensure_ascii=False), flush=True)
        else:
            exports = proxy.ca_file.with_name("environ.sh")
            exports.write_text(exports_of(offered), encoding="utf-8")
            print(*lines_of(offered, str(exports), style), sep="\n", flush=True)
        follower.follow(write)
    with follower.writing():
        # What the end broke off.
        follower.write_rest(write)


# ---- the access log ---------------------------------------------------------


def entry_json(exchange: Exchange) -> str:
    """Write an access-log entry as AWS does."""
    return _entry(exchange).to_json()


def _entry(exchange: Exchange) -> AccessLogEntry:
    entry = exchange.log_entry
    if entry is None:
        raise TypeError("only what is logged is written")
    return entry


def entry_line(exchange: Exchange, style: Style) -> str:
    """Write an access-log entry for people, on one line."""
    entry, decision = _entry(exchange), exchange.decision
    status = str(entry.response_code)
    method, url = entry.request_method, f"{entry.host_header}{entry.request_path}"
    if decision.request.scheme == "tls":
        # Of a connection that is passed through, the log knows no more.
        method, url = "TLS", entry.server_name_indication
    if decision.service is not None:
        url = url.replace(decision.service.dns_name, decision.service.name, 1)
    words = [
        entry.start_time,
        method,
        printable(url),
        style(GREEN if entry.response_code < _FIRST_ERROR else RED, status),
    ]
    why = exchange.detail
    if isinstance(decision.outcome, Forwarded):
        words.append(f"to {decision.outcome.target_group.name}")
    else:
        why = decision.summary.removeprefix(f"{status}, ").removesuffix(f" {status}")
    if entry.grpc_response_code is not None:
        words.append(f"grpc-status {entry.grpc_response_code}")
    if exchange.failure_reason is not None:
        words.append(exchange.failure_reason)
    if why is not None:
        words.append(f"({printable(why)})")
    if entry.resolved_user != "-":
        words.append(f"by {printable(entry.resolved_user)}")
    return " ".join(words)


class Follower:
    """Has each exchange that makes an access-log entry, until it is told to stop.

    It is a plugin of the network (`pytest_lattice.hookspecs`).
    """

    def __init__(self) -> None:
        """Have nothing yet."""
        self._came: SimpleQueue[Exchange | None] = SimpleQueue()
        self._asked = self._writing = False

    def pytest_lattice_exchange(self, exchange: Exchange) -> None:
        """Keep it for the thread that writes."""
        if exchange.is_logged:
            self._came.put(exchange)

    def heed_signals(self) -> None:
        """Stop when the process is told to, from now to its end.

        Whoever runs this in a longer process puts the handlers back.
        """
        if threading.current_thread() is not threading.main_thread():
            return  # they are another's business
        heeded = [signal.SIGINT, signal.SIGTERM]
        hangup = getattr(signal, "SIGHUP", None)
        # Under nohup it is to go on.
        if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
            heeded.append(hangup)
        for each in heeded:
            signal.signal(each, self.stop)
            # Or Python would let the last one kill it on its way out.
            atexit.register(signal.signal, each, signal.SIG_IGN)

    def stop(self, *_: object) -> None:
        """Stop when all that has come is written.

        Whoever asks again waits no longer for a reader that does not read: to whoever
        writes it is as if that one had left.
        """
        again, self._asked = self._asked, True
        self._came.put(None)
        if again and self._writing:
            self._writing = False
            raise BrokenPipeError("nobody reads")

    def follow(self, write: Callable[[Exchange], object]) -> None:
        """Write what comes, in its order, until somebody says stop."""
        while True:
            # Not for ever, since Windows would not hear Ctrl-C.
            with suppress(Empty):
                exchange = self._came.get(timeout=_TICK)
                if exchange is None:
                    return
                write(exchange)

    def write_rest(self, write: Callable[[Exchange], object]) -> None:
        """Write what has come since."""
        while not self._came.empty():
            exchange = self._came.get()
            if exchange is not None:
                write(exchange)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let who stops twice break off what is written in here.

        Raises:
            BrokenPipeError: somebody did.
        """
        self._writing = True
        try:
            yield
        finally:
            self._writing = False


# ---- time -------------------------------------------------------------------


@contextmanager
def time_passing(clock: RealClock) -> Iterator[None]:
    """Let time pass on a clock as it really does."""
    ended = threading.Event()
    thread = threading.Thread(
        target=keep_up, args=(clock, ended.wait), name="pytest-lattice clock"
    )
    # A health check may wait long for a server that is silent.
    thread.daemon = True
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_PATIENCE)


def keep_up(clock: RealClock, ended: Callable[[float], bool]) -> None:
    """Let a clock catch up again and again; what goes wrong meanwhile is told once.

    Args:
        clock: the clock.
        ended: waits for so many seconds, and tells whether that is enough.
    """
    told = set[str]()
    while not ended(_TICK):
        try:
            clock.catch_up()
        except Exception as error:  # noqa: BLE001  # whatever is due may raise
            text = f"{type(error).__name__}: {error}"
            if text not in told and not ended(0):
                told.add(text)
                complain("error", text)
