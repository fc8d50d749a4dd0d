"""Where generated gRPC code registers its servicers: `GrpcTarget`.

It quacks like a `grpc.Server` and a `grpc.aio.Server` without a port, and imports
neither: what is registered is only called.
"""

from __future__ import annotations

from inspect import (
    CO_ASYNC_GENERATOR,
    CO_COROUTINE,
    isasyncgenfunction,
    iscoroutinefunction,
)
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from pytest_lattice.errors import HIDE, advised

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_lattice.model.grpc_wire import Metadata
    from pytest_lattice.model.message import Headers

__tracebackhide__ = HIDE


class CallDetails:
    """What handlers and interceptors are asked with.

    Args:
        method: the path, ``/package.Service/Method``.
        headers: those of the call; most handlers never ask for the metadata in them.
    """

    __slots__ = ("_headers", "method")

    def __init__(self, method: str, headers: Headers) -> None:
        self.method = method
        self._headers = headers

    @property
    def invocation_metadata(self) -> Metadata:
        """The metadata of the call."""
        from pytest_lattice.model.grpc_wire import metadata_of

        return metadata_of(self._headers)

    def _replace(self, **changed: Any) -> Any:  # noqa: ANN401  # one that interceptors made
        """Change it, as interceptors may: grpc's own is a named tuple."""
        return _Changed(self.method, self.invocation_metadata)._replace(**changed)


class _Changed(NamedTuple):
    method: str
    invocation_metadata: Metadata


class GrpcTarget:
    """A gRPC server of a target group, which servicers register themselves on.

    Hand it to the generated ``add_OrdersServicer_to_server(servicer, target)`` and to
    ``TargetGroup(..., protocol_version="GRPC", targets=[target])``.  Servicers may be
    blocking or those of `grpc.aio`.

    Args:
        interceptors: as `grpc.server` or `grpc.aio.server` takes them.
        handlers: generic handlers, as `grpc.server` takes them.

    AWS: vpc-lattice/latest/ug/target-groups
    """

    def __init__(
        self,
        *,
        interceptors: Sequence[Any] = (),
        handlers: Iterable[Any] = (),
    ) -> None:
        """Start with the given handlers."""
        self._interceptors = tuple(interceptors)
        self._handlers = list(handlers)
        #: Whether interceptors are those of `grpc.aio`.
        self.is_async = any(
            iscoroutinefunction(each.intercept_service) for each in self._interceptors
        )

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[Any]) -> None:
        """Register handlers; generated code calls this."""
        self._handlers += generic_rpc_handlers

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: Mapping[str, Any]
    ) -> None:
        """Do nothing: generated code registers the same handlers generically."""

    def find(self, details: CallDetails) -> Any:  # noqa: ANN401  # an RpcMethodHandler
        """Find the handler of a method, through the interceptors; None for none."""
        return self._intercepted(0, details)

    async def afind(self, details: CallDetails) -> Any:  # noqa: ANN401  # see `find`
        """Find the handler of a method through interceptors of `grpc.aio`."""
        return await self._aintercepted(0, details)

    def _intercepted(self, position: int, details: CallDetails) -> Any:  # noqa: ANN401  # see `find`
        if position == len(self._interceptors):
            return self._plain(details)
        return self._interceptors[position].intercept_service(
            lambda changed: self._intercepted(position + 1, changed), details
        )

    async def _aintercepted(self, position: int, details: CallDetails) -> Any:  # noqa: ANN401  # see `find`
        if position == len(self._interceptors):
            return self._plain(details)

        async def go_on(changed: CallDetails) -> Any:  # noqa: ANN401  # see `find`
            return await self._aintercepted(position + 1, changed)

        return await self._interceptors[position].intercept_service(go_on, details)

    def _plain(self, details: CallDetails) -> Any:  # noqa: ANN401  # see `find`
        for each in self._handlers:
            handler = each.service(details)
            if handler is not None:
                return handler
        return None

    def add_insecure_port(self, address: str) -> NoReturn:
        """Refuse: clients come through the service network."""
        raise advised(
            f"a GrpcTarget has no port, such as `{address}`",
            "clients reach it with lattice_network.grpc_channel(service)",
        )

    def add_secure_port(self, address: str, _: object) -> NoReturn:
        """Refuse; see `add_insecure_port`."""
        self.add_insecure_port(address)


def behavior_of(handler: Any) -> Any:  # noqa: ANN401  # an RpcMethodHandler
    """Return the function of the servicer that a handler calls."""
    if handler.request_streaming:
        if handler.response_streaming:
            return handler.stream_stream
        return handler.stream_unary
    return handler.unary_stream if handler.response_streaming else handler.unary_unary


def is_async_behavior(behavior: Any) -> bool:  # noqa: ANN401  # any callable
    """Tell a function of a `grpc.aio` servicer from a blocking one."""
    plain = behavior.__func__ if type(behavior) is MethodType else behavior
    if type(plain) is FunctionType and not plain.__dict__:
        # As `inspect` would find, where nothing wraps or marks the function.
        return bool(plain.__code__.co_flags & (CO_COROUTINE | CO_ASYNC_GENERATOR))
    return iscoroutinefunction(behavior) or isasyncgenfunction(behavior)
