"""One call of a blocking gRPC channel: responses, metadata, status, cancellation.

The network is asked in the calling thread where the client waits for one answer
anyway, else in a daemon thread; it hands over frames and, at their end, trailers.
"""

from __future__ import annotations

import threading
from collections import deque
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Self

import grpc

from pytest_lattice.clients.grpc_request import (
    carried,
    carrying,
    initial_metadata,
    speaks_grpc,
    status_of_broken,
    status_of_reply,
)
from pytest_lattice.errors import HIDE, TargetError
from pytest_lattice.model.grpc_wire import (
    EXPIRED,
    INVALID_METADATA,
    LINE,
    FrameError,
    Line,
    Status,
    frame,
    messages,
)
from pytest_lattice.model.message import ClientGoneError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType

    from pytest_lattice.clients.base import Reply
    from pytest_lattice.clients.grpc_request import Endpoint
    from pytest_lattice.decision.exchange import Exchange
    from pytest_lattice.model.grpc_wire import Metadata
    from pytest_lattice.model.message import LatticeRequest

__tracebackhide__ = HIDE

CODES = {code.value[0]: code for code in grpc.StatusCode}
# How far the network may be ahead of the client, as HTTP/2's first window.
_WINDOW = 64 * 1024
_UNREADABLE = Status(13, "Exception deserializing response!")
_UNWRITABLE = Status(13, "Exception serializing request!")


class _GoneError(Exception):
    """The client ended the call while its requests were being read."""


class GrpcCall(grpc.RpcError, grpc.Call, grpc.Future):  # type: ignore[type-arg]  # as in grpc, a call is its own error
    """A call: an iterator of its responses, a future, and the error it ends with.

    Args:
        endpoint: where it goes.
        method: ``/package.Service/Method``.
        serialize: writes a request; None where requests are bytes.
        deserialize: reads a response; None where responses are bytes.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        method: str,
        *,
        serialize: Callable[[Any], bytes] | None,
        deserialize: Callable[[bytes], Any] | None,
    ) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._method = method
        self._serialize = serialize
        self._deserialize = deserialize
        self._line = Line()
        self._changed = threading.Condition()
        self._responses: deque[bytes] = deque()
        self._size = 0
        self._initial: Metadata | None = None
        self._status: Status | None = None
        self._error: BaseException | None = None
        self._exchange: Exchange | None = None
        self._callbacks: list[Callable[[], None]] = []
        self._timer: threading.Timer | None = None
        self._was_cancelled = self._bounded = False

    # ---- how it is made -----------------------------------------------------

    def begin(
        self,
        requests: Any,  # noqa: ANN401  # a message or an iterable of messages
        *,
        streams: bool,
        timeout: float | None,
        metadata: Iterable[tuple[str, str | bytes]] | None,
    ) -> Callable[[], None]:
        """Write the request, and return what makes it.

        Args:
            requests: the request, or an iterable of requests.
            streams: whether it is an iterable.
            timeout: seconds; None for no deadline.
            metadata: of the call.

        Raises:
            GrpcCall: the request cannot be serialized, or the metadata not be sent.
            TypeError: what is to be sent is not bytes.
        """
        try:
            request = self._endpoint.request(
                self._method, tuple(metadata or ()), timeout
            )
        except ValueError as error:
            self._end(INVALID_METADATA)
            raise self from error
        body: Any = self._bodies(requests) if streams else b""
        if not streams:
            body = frame(self._one(requests))
        if timeout is not None:
            if timeout <= 0:
                self.expire()
                return lambda: None
            self._endpoint.deadlines.add(self, timeout)
        return lambda: self._make(request, body)

    def start(
        self, make: Callable[[], None], timeout: float | None, *, bounded: bool = False
    ) -> Self:
        """Make the call in a thread.

        Args:
            make: from `begin`.
            timeout: after which it ends by itself.
            bounded: whether it waits for the reader of its responses.
        """
        if self._status is not None:
            return self
        self._bounded = bounded
        threading.Thread(
            target=copy_context().run,
            args=(make,),
            name="pytest-lattice-grpc-call",
            daemon=True,
        ).start()
        if timeout is not None:
            self._timer = threading.Timer(timeout, self.expire)
            self._timer.daemon = True
            self._timer.start()
        return self

    def expire(self) -> None:
        """End the call because its deadline has passed."""
        self._end(EXPIRED, cancel=True)

    def _make(self, request: LatticeRequest, body: bytes | Iterable[bytes]) -> None:
        token = LINE.set(self._line)
        try:
            reply = self._endpoint.entrance.handle(request, body)
            self._exchange = reply.exchange
            if not speaks_grpc(reply.exchange):
                whole = reply.body
                self._end(
                    status_of_reply(
                        reply, whole if isinstance(whole, bytes) else b"".join(whole)
                    ),
                )
                return
            self._take(reply)
        except _GoneError:
            pass
        except ClientGoneError:
            self.expire()
        except BaseException as error:  # noqa: BLE001  # raised where it is asked for
            self._end(Status(2, f"{error}"), error=error)
        finally:
            LINE.reset(token)

    def _take(self, reply: Reply) -> None:
        initial = initial_metadata(reply.exchange)
        if isinstance(reply.body, bytes):
            self._take_whole(initial, reply.body, reply)
            return
        with self._changed:
            self._initial = initial
            self._changed.notify_all()
        try:
            for message in messages(reply.body):
                with self._changed:
                    if self._status is not None:
                        return
                    self._responses.append(message)
                    self._size += len(message)
                    self._changed.notify_all()
                    self._changed.wait_for(self._has_room)
        except (FrameError, TargetError) as error:
            self._end(status_of_broken(error))
            return
        finally:
            reply.body.close()  # type: ignore[attr-defined]  # the network's can
        self._end(status_of_reply(reply, b""))

    def _take_whole(self, initial: Metadata, body: bytes, reply: Reply) -> None:
        """Take an answer that is complete; `_end` tells those who wait for it."""
        try:
            self._responses.extend(messages(body))
            status = status_of_reply(reply, b"")
        except FrameError as error:
            status = status_of_broken(error)
        self._initial = initial
        self._end(status)

    def _has_room(self) -> bool:
        # A call with one response is read to its end before anybody asks.
        ahead = self._bounded and self._size > _WINDOW
        return not ahead or self._status is not None

    def _bodies(self, requests: Iterator[Any]) -> Iterator[bytes]:
        """Write requests as frames, when the target asks for them."""
        while True:
            if self._status is not None:
                raise _GoneError
            try:
                request = next(requests)
            except StopIteration:
                return
            except Exception as error:
                self._end(Status(2, "Exception iterating requests!"), cause=error)
                raise _GoneError from error
            try:
                message = frame(self._serialized(request))
            except Exception as error:
                self._end(_UNWRITABLE, cause=error)
                raise _GoneError from error
            yield message

    def _one(self, request: Any) -> Any:  # noqa: ANN401  # a message
        """Write the one request."""
        failed = None
        try:
            message = self._serialized(request)
        except Exception as error:  # noqa: BLE001  # whatever a serializer raises
            message, failed = None, error
        if message is None:
            self._end(_UNWRITABLE)
            raise self from failed
        return message

    def _serialized(self, request: Any) -> Any:  # noqa: ANN401  # a message
        return request if self._serialize is None else self._serialize(request)

    def _end(
        self,
        status: Status,
        *,
        error: BaseException | None = None,
        cause: BaseException | None = None,
        cancel: bool = False,
    ) -> bool:
        with self._changed:
            if self._status is not None:
                return False
            self._status, self._error = status, error
            self._initial = () if self._initial is None else self._initial
            self.__cause__ = cause or self._line.error
            callbacks, self._callbacks = self._callbacks, []
            self._changed.notify_all()
        if self._timer is not None:
            self._timer.cancel()
        if cancel:
            self._line.cancel()
        for each in callbacks:
            each()
        return True

    # ---- what came of it ----------------------------------------------------

    @property
    def extensions(self) -> dict[str, Any]:
        """Hold the `Exchange`, for assertions."""
        self._wait(lambda: self._exchange is not None or self._status is not None)
        return carried(self._exchange)

    def response(self, timeout: float | None = None) -> Any:  # noqa: ANN401  # a message
        """Wait for the one response.

        Raises:
            GrpcCall: the call ended with another status than OK.
        """
        if not self._wait(self.done, timeout):
            self.expire()
        self._raise_if_failed()
        if not self._responses:
            # gRPC: the cardinality of a unary response is broken
            self._status = Status(12, "Received no message for a unary response")
            raise self
        try:
            raw = self._responses[0]
            return raw if self._deserialize is None else self._deserialize(raw)
        except Exception as error:
            self._status = _UNREADABLE
            raise self from error

    def _raise_if_failed(self) -> None:
        if self._error is not None:
            raise self._error
        if self._status is not None and self._status.code:
            raise self

    def _wait(self, ready: Callable[[], bool], timeout: float | None = None) -> bool:
        if ready():
            return True
        with self._changed:
            return self._changed.wait_for(ready, timeout)

    def _ended(self) -> Status:
        self._wait(self.done)
        if self._error is not None:
            raise self._error
        return self._status or Status(2)

    def code(self) -> grpc.StatusCode:
        """Wait for the status."""
        return CODES.get(self._ended().code, grpc.StatusCode.UNKNOWN)

    def details(self) -> str:
        """Wait for the message of the status."""
        return self._ended().details

    def debug_error_string(self) -> str:
        """Explain what the network decided."""
        self._ended()
        return "" if self._exchange is None else self._exchange.explain()

    def initial_metadata(self) -> Metadata:
        """Wait for the metadata of the head."""
        self._wait(lambda: self._initial is not None)
        return carrying(self._initial or (), self._exchange)

    def trailing_metadata(self) -> Any:  # noqa: ANN401  # pairs
        """Wait for the metadata of the status."""
        return self._ended().trailing

    def is_active(self) -> bool:
        """Tell whether the call has not ended."""
        return self._status is None

    def time_remaining(self) -> Any:  # noqa: ANN401  # a number in grpc
        """Return nothing: the network's clock stands still while a call waits."""
        return None

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Call back when the call ends."""
        with self._changed:
            if self._status is not None:
                return False
            self._callbacks.append(callback)
            return True

    # ---- a future -----------------------------------------------------------

    def cancel(self) -> bool:
        """End the call with CANCELLED."""
        self._was_cancelled = self._end(
            Status(1, "Locally cancelled by application!"), cancel=True
        )
        return self._was_cancelled

    def cancelled(self) -> bool:
        """Tell whether the client canceled the call."""
        return self._was_cancelled

    def running(self) -> bool:
        """Tell whether the call has not ended."""
        return self._status is None

    def done(self) -> bool:
        """Tell whether the call has ended."""
        return self._status is not None

    def result(self, timeout: float | None = None) -> Any:  # noqa: ANN401  # a message
        """Wait for the response.

        Raises:
            grpc.FutureTimeoutError: the call has not ended in time.
            grpc.FutureCancelledError: it was canceled.
            GrpcCall: it ended with another status than OK.
        """
        if not self._wait(self.done, timeout):
            raise grpc.FutureTimeoutError
        if self._was_cancelled:
            raise grpc.FutureCancelledError
        return self.response()

    def exception(self, timeout: float | None = None) -> Any:  # noqa: ANN401  # an error or None
        """Wait for the error; see `result`."""
        try:
            self.result(timeout)
        except (grpc.FutureTimeoutError, grpc.FutureCancelledError):
            raise
        except Exception as error:  # noqa: BLE001  # returned, as futures do
            return error
        return None

    def traceback(self, timeout: float | None = None) -> TracebackType | None:
        """Return the traceback of the error; see `result`."""
        error = self.exception(timeout)
        return None if error is None else error.__traceback__

    def add_done_callback(self, fn: Callable[[Any], None]) -> None:
        """Call back with the call when it ends, or now."""
        if not self.add_callback(lambda: fn(self)):
            fn(self)

    # ---- an iterator --------------------------------------------------------

    def __iter__(self) -> Self:
        """Iterate over the responses."""
        return self

    def __next__(self) -> Any:  # noqa: ANN401  # a message
        """Wait for the next response.

        Raises:
            GrpcCall: the call ended with another status than OK.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._responses or self._status is not None)
            if not self._responses or self._was_cancelled:
                self._raise_if_failed()
                raise StopIteration
            raw = self._responses.popleft()
            self._size -= len(raw)
            self._changed.notify_all()
        if self._deserialize is None:
            return raw
        try:
            return self._deserialize(raw)
        except Exception as error:
            self._end(_UNREADABLE, cancel=True)
            self._status = _UNREADABLE
            raise self from error

    def __str__(self) -> str:
        return repr(self)

    def __repr__(self) -> str:
        """Show the method and the status."""
        if self._status is None:
            return f"<GrpcCall {self._method}: in flight>"
        code = CODES.get(self._status.code, grpc.StatusCode.UNKNOWN)
        return f"<GrpcCall {self._method}: {code.name} {self._status.details!r}>"


def credentials_refused(options: Mapping[str, Any]) -> None:
    """Refuse call credentials, which need a real connection.

    Raises:
        ValueError: credentials were given.
    """
    if options.get("credentials") is not None:
        raise ValueError("call credentials are not run here; use role= or metadata")
