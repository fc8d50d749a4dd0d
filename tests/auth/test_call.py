"""A call as policies see it."""

import pytest

from pytest_lattice.auth.call import ACTIONS, CONNECT, INVOKE
from tests.auth.scene import SERVICE, call


def test_actions() -> None:
    """There are two actions on services: of HTTP requests, and of connections."""
    assert ACTIONS == ("vpc-lattice-svcs:Invoke", "vpc-lattice-svcs:Connect")
    assert (INVOKE, CONNECT) == ACTIONS


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/", "/"),
        ("/rates?from=EUR", "/rates"),
        ("/a%2Fb", "/a%2Fb"),
        ("/a//b/../c", "/a//b/../c"),
        ("/a;x=1", "/a;x=1"),
    ],
)
def test_resource(url: str, path: str) -> None:
    """The resource is the service's ARN and the raw path, without the query."""
    assert call(url=url).resource == SERVICE + path


def test_resource_of_a_connection() -> None:
    """A connection that is passed through is to the service, not to a path."""
    assert call(url="/rates")._replace(action=CONNECT).resource == SERVICE


def test_action_is_invoke() -> None:
    """An HTTP request invokes."""
    assert call().action == INVOKE
