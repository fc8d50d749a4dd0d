"""One call of a blocking gRPC servicer: its context, its messages and its status.

A call with one request and one response runs in the calling thread.  One with a stream
has a daemon thread, because a servicer may be ahead of its client or wait for it.
What goes wrong becomes the status that a `grpc.server` would send.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, NoReturn

import grpc

from pytest_lattice.model.grpc_wire import (
    CONTENT_TYPE,
    EXPIRED,
    INVALID_METADATA,
    LINE,
    FrameError,
    Status,
    frame,
    headers_of,
    metadata_of,
    timeout_in,
    trailers_of,
)
from pytest_lattice.model.message import ClientGoneError, LatticeResponse
from pytest_lattice.targets.base import TargetReply
from pytest_lattice.targets.grpc_servicers import behavior_of
from pytest_lattice.targets.server import client_address

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_lattice.model.grpc_wire import Metadata
    from pytest_lattice.model.message import Headers
    from pytest_lattice.targets.base import TargetRequest

# How far a servicer may be ahead of its client, as HTTP/2's first window.
_WINDOW = 64 * 1024
# Held for a moment by whoever ends a call; a lock for each call would cost more.
_ENDING = threading.Lock()
# Seconds until the end of time, as grpc's core counts it.
_NO_DEADLINE = 2.0**63
_BARE_HEAD = LatticeResponse(200, (("content-type", CONTENT_TYPE),))
_UNKNOWN = grpc.StatusCode.UNKNOWN
_INTERNAL = grpc.StatusCode.INTERNAL


class Context(grpc.ServicerContext):
    """What a servicer asks and tells about its call.

    Args:
        request: the request on its last hop.
        now: the network's time in microseconds.
    """

    def __init__(self, request: TargetRequest, now: Callable[[], int]) -> None:
        self._request = request
        self._now = now
        self._timeout = timeout_in(request.headers)
        self._began = now()
        self._callbacks: list[Callable[[], None]] | None = []
        self._code: Any = None
        self._details: bytes | None = None
        self._trailing: Metadata = ()
        self.initial: Metadata | None = None
        self.aborted = self.invalid = False
        # Called when the head is sent, and when the call ends; only streams need it.
        self.on_news: Callable[[], None] | None = None

    def is_active(self) -> bool:
        """Tell whether the client still waits."""
        return self._callbacks is not None and self.left != 0

    def time_remaining(self) -> float:
        """Return the seconds that are left, by the network's clock.

        Without a deadline that is a number without end, as a `grpc.server` has it.
        """
        return _NO_DEADLINE if self.left is None else self.left

    @property
    def left(self) -> float | None:
        """The seconds that are left; None for no deadline."""
        if self._timeout is None:
            return None
        return max(self._timeout - (self._now() - self._began) / 1e6, 0)

    def cancel(self) -> Any:  # noqa: ANN401  # nothing, as in grpc
        """End the call with CANCELLED."""
        self._code, self._details = grpc.StatusCode.CANCELLED, b"CANCELLED"
        self.end()

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Call back when the call ends."""
        if self._callbacks is None:
            return False
        self._callbacks.append(callback)
        return True

    def end(self) -> None:
        """Call back; nothing happens the second time."""
        with _ENDING:
            callbacks, self._callbacks = self._callbacks, None
        if self.on_news is not None:
            self.on_news()
        for each in callbacks or ():
            each()

    def invocation_metadata(self) -> Metadata:
        """Return the metadata of the call, with Lattice's headers."""
        return metadata_of(self._request.headers)

    def peer(self) -> str:
        """Return Lattice's address, from which targets are called."""
        address = client_address(self._request.route)
        return (
            f"ipv6:%5B{address}%5D:49152" if ":" in address else f"ipv4:{address}:49152"
        )

    def peer_identities(self) -> None:
        """Return nothing: Lattice shows targets no certificate."""

    def peer_identity_key(self) -> None:
        """Return nothing; see `peer_identities`."""

    def auth_context(self) -> Mapping[str, Any]:
        """Return nothing; see `peer_identities`."""
        return {}

    def set_compression(self, compression: object) -> None:
        """Do nothing: messages are not compressed here."""

    def disable_next_message_compression(self) -> None:
        """Do nothing; see `set_compression`."""

    def send_initial_metadata(self, initial_metadata: Any) -> None:  # noqa: ANN401  # pairs
        """Send the head of the response.

        Raises:
            ValueError: it was sent before.
        """
        if self.initial is not None:
            raise ValueError("Initial metadata no longer allowed!")
        self.initial = self.sendable(tuple(initial_metadata))
        if self.on_news is not None:
            self.on_news()

    def sendable(self, metadata: Metadata) -> Metadata:
        """Return metadata of the head; what is none ends the call with INTERNAL."""
        try:
            headers_of(metadata)
        except (ValueError, TypeError):
            self.invalid = True
            return ()
        return metadata

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:  # noqa: ANN401  # pairs
        """Keep what is sent with the status."""
        self._trailing = tuple(trailing_metadata)

    def trailing_metadata(self) -> Metadata:
        """Return what is sent with the status."""
        return self._trailing

    def abort(self, code: Any, details: str) -> NoReturn:  # noqa: ANN401  # a StatusCode
        """End the call with a status.

        Raises:
            Exception: always, as that of grpc does.
        """
        if code == grpc.StatusCode.OK:
            code, details = _UNKNOWN, ""
        self._code = code
        self.set_details(details)
        self.aborted = True
        raise Exception  # noqa: TRY002  # the class that servicers meet in grpc

    def abort_with_status(self, status: Any) -> NoReturn:  # noqa: ANN401  # a grpc.Status
        """End the call with a status and its trailing metadata."""
        self._trailing = tuple(status.trailing_metadata or ())
        self.abort(status.code, status.details)

    def set_code(self, code: Any) -> None:  # noqa: ANN401  # a StatusCode
        """Keep the status for the end of the call."""
        self._code = code

    def code(self) -> Any:  # noqa: ANN401  # a StatusCode
        """Return the status as set."""
        return self._code

    def set_details(self, details: str | bytes) -> None:
        """Keep the message of the status for the end of the call."""
        self._details = details if isinstance(details, bytes) else details.encode()

    def details(self) -> bytes | None:
        """Return the message of the status as set."""
        return self._details

    def status(self, code: Any, details: str) -> Status:  # noqa: ANN401  # a StatusCode
        """Return how the call ends: as set, or else as given."""
        if self.invalid:
            return INVALID_METADATA
        chosen = number_of(self._code, code)
        said = details
        if self._details is not None:
            said = self._details.decode("utf-8", "replace")
        # As in grpc, a call that went well has no message.
        return Status(chosen, said if chosen else "", self._trailing)


def number_of(code: Any, default: Any) -> int:  # noqa: ANN401  # StatusCodes
    """Return the number of a status; UNKNOWN for what is none, as for a number."""
    code = default if code is None else code
    value = getattr(code, "value", None)
    return value[0] if isinstance(value, tuple) else 2


class Rpc:
    """One call of a blocking servicer.

    Args:
        request: the request on its last hop.
        handler: the handler of the method.
        messages: what the client sends.
        now: the network's time in microseconds.
    """

    def __init__(
        self,
        request: TargetRequest,
        handler: Any,  # noqa: ANN401  # an RpcMethodHandler
        messages: Iterator[bytes],
        *,
        now: Callable[[], int],
    ) -> None:
        self._path = request.request.path
        self._handler = handler
        self._messages = messages
        self._line = LINE.get()
        self._status: Status | None = None
        self._trailers: Headers | None = None
        #: What the body of the request raised, which is the client's.
        self.broken: Exception | None = None
        self.context = Context(request, now)
        if self._line is not None:
            self._line.on_cancel(self.context.end)

    def answer(self) -> TargetReply:
        """Call the servicer, here or in a thread."""
        handler = self._handler
        if not (handler.request_streaming or handler.response_streaming):
            body = b"".join(self.frames())
            self.check_client()
            return TargetReply(self.head(), body, trailers=self.trailers)
        stream = _Stream(self)
        stream.start()
        return TargetReply(self.head(), stream, trailers=self.trailers)

    def check_client(self) -> None:
        """Hold that the client has read to the end.

        Raises:
            ClientGoneError: it has gone.
            Exception: what the body of its request raised.
        """
        if self.broken is not None:
            raise self.broken
        if self._line is not None and self._line.cancelled:
            raise ClientGoneError

    def head(self) -> LatticeResponse:
        """Return the head, with the initial metadata."""
        return head_of(self.context.initial or ())

    def trailers(self) -> Headers:
        """Return the status and the trailing metadata, once the call has ended."""
        if self._trailers is None and self._status is not None:
            self._trailers = trailers_of(self._status)
        return self._trailers or ()

    def frames(self) -> Iterator[bytes]:
        """Call the servicer and give the frames of its responses."""
        try:
            yield from self._frames()
        finally:
            if self._status is None:
                late = self.context.left == 0
                self._status = (
                    EXPIRED if late else self.context.status(grpc.StatusCode.OK, "")
                )
            if self.context.initial is None:
                self.context.initial = ()
            self.context.end()

    def _frames(self) -> Iterator[bytes]:
        argument = self._argument()
        if argument is None:
            return
        try:
            answer = behavior_of(self._handler)(argument, self.context)
            # It has to be an iterator, as for grpc; a list will not do.
            answers = answer if self._handler.response_streaming else iter((answer,))
        except Exception as error:  # noqa: BLE001  # whatever a servicer raises
            self._raised(error, "Exception calling application")
            return
        try:
            while self._status is None:
                if (message := self._next_framed(answers)) is None:
                    return
                yield message
        finally:
            # A stream that the client left: the servicer's generator ends as well.
            if (close := getattr(answers, "close", None)) is not None:
                close()

    def _next_framed(self, answers: Iterator[Any]) -> bytes | None:
        """Take a response from the servicer and write it; None is the end."""
        try:
            response = next(answers)
        except StopIteration:
            return None
        except Exception as error:  # noqa: BLE001  # whatever a servicer raises
            self._raised(error, "Exception iterating responses")
            return None
        if not self.context.is_active():
            return None
        if response is None and self._handler.response_streaming:
            return None  # as in grpc, where nothing is the end
        return self._framed(response)

    def _framed(self, response: Any) -> bytes | None:  # noqa: ANN401  # a message
        """Write a response; None where that failed."""
        serialize = self._handler.response_serializer
        message: bytes | None = None
        try:
            # grpc lets a client wait for ever where there is no serializer and the
            # response is not bytes.
            message = frame(response if serialize is None else serialize(response))
        except Exception as error:  # noqa: BLE001  # whatever a serializer raises
            self._note(error)
            self._fail(_INTERNAL, "Failed to serialize response!")
        return message

    def _argument(self) -> Any:  # noqa: ANN401  # a message or an iterator of messages
        requests = _Requests(self)
        if self._handler.request_streaming:
            return requests
        try:
            request = next(requests, None)
        except grpc.RpcError:  # too late already, or the client broke its body
            return None
        if request is None:
            self._fail(
                grpc.StatusCode.UNIMPLEMENTED,
                f'"{self._path}" requires exactly one request message.',
            )
        return request

    def next_request(self) -> Any:  # noqa: ANN401  # a message
        """Read a request.

        Raises:
            StopIteration: there are no more.
            grpc.RpcError: the client has gone.
        """
        if not self.context.is_active():
            raise grpc.RpcError
        try:
            message = next(self._messages)
        except FrameError as error:
            self._fail(_INTERNAL, str(error))
            raise StopIteration from None
        except StopIteration:
            raise
        except Exception as error:
            self.broken = error
            self.context.end()
            raise grpc.RpcError from error
        deserialize = self._handler.request_deserializer
        try:
            request = message if deserialize is None else deserialize(message)
        except Exception as error:  # noqa: BLE001  # whatever a deserializer raises
            self._note(error)
            request = None
        if request is None:
            self._fail(_INTERNAL, "Exception deserializing request!")
            raise StopIteration
        return request

    def _raised(self, error: Exception, where: str) -> None:
        if self.context.aborted:
            self._fail(_UNKNOWN, "RPC Aborted")
        elif self.context.is_active() or not isinstance(error, grpc.RpcError):
            self._note(error)
            self._fail(_UNKNOWN, f"{where}: {error}")

    def _fail(self, code: grpc.StatusCode, details: str) -> None:
        if self._status is None:
            self._status = self.context.status(code, details)

    def _note(self, error: Exception) -> None:
        if self._line is not None:
            self._line.error = error


class _Requests(Iterator[Any]):
    """The requests of a call, as a servicer iterates over them."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    def __next__(self) -> Any:  # noqa: ANN401  # a message
        return self._rpc.next_request()


class _Stream(Iterator[bytes]):
    """The responses of a servicer that runs in a thread of its own."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._context = rpc.context
        self._changed = threading.Condition()
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._done = self._closed = False

    def start(self) -> None:
        """Start the servicer and wait for the head of its response."""
        self._context.on_news = self._tell
        threading.Thread(
            target=copy_context().run,
            args=(self._work,),
            name="pytest-lattice-grpc",
            daemon=True,
        ).start()
        with self._changed:
            self._changed.wait_for(self._has_head)

    def _has_head(self) -> bool:
        headed = self._context.initial is not None
        return headed or bool(self._chunks) or self._gone()

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _gone(self) -> bool:
        return self._done or self._closed or not self._context.is_active()

    def _work(self) -> None:
        frames = self._rpc.frames()
        try:
            for chunk in frames:
                if not self._put(chunk):
                    break
        finally:
            frames.close()  # type: ignore[attr-defined]  # a generator
            with self._changed:
                self._done = True
                self._changed.notify_all()

    def _put(self, chunk: bytes) -> bool:
        with self._changed:
            self._chunks.append(chunk)
            self._size += len(chunk)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._size <= _WINDOW or self._gone())
            return not self._gone()

    def __next__(self) -> bytes:
        with self._changed:
            self._changed.wait_for(lambda: self._chunks or self._gone())
            if self._chunks:
                chunk = self._chunks.popleft()
                self._size -= len(chunk)
                self._changed.notify_all()
                return chunk
        self._rpc.check_client()
        raise StopIteration

    def close(self) -> None:
        """Tell the servicer that the client has gone."""
        self._closed = True
        self._context.end()


def head_of(initial: Metadata) -> LatticeResponse:
    """Return the head of a gRPC response."""
    if not initial:
        return _BARE_HEAD
    return LatticeResponse(200, (*_BARE_HEAD.headers, *headers_of(initial)))
