"""Access logs for AWS under pytest: the fixture beside moto's mock, in any order."""

from __future__ import annotations

import pytest

# Loaded out here, since a run inside this process takes back what it loads.
pytest.importorskip("moto.logs")
pytest.importorskip("moto.s3")

CONFTEST = """
import boto3
import pytest
from moto import mock_aws
from pytest_lattice import AccessLogSubscription, FixedResponse, Listener, Service

GROUP = "arn:aws:logs:us-west-2:123456789012:log-group:shop"

@pytest.fixture
def aws(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield boto3.client("logs", region_name="us-west-2")

@pytest.fixture
def shop(lattice_network):
    lattice_network.add(
        Service("shop", listeners=[Listener("HTTP", default=FixedResponse(404))]),
        AccessLogSubscription("shop", destination=GROUP),
    )
    return lattice_network

@pytest.fixture
def paths(aws):
    def read():
        events = aws.filter_log_events(logGroupName="shop")["events"]
        return [event["message"].count('"requestPath":"/cart"') for event in events]
    return read
"""


@pytest.fixture
def files(pytester: pytest.Pytester) -> pytest.Pytester:
    """Give a pytester whose conftest has a shop and a mock of AWS."""
    pytester.makeconftest(CONFTEST)
    return pytester


@pytest.mark.parametrize("order", ["shop, aws", "aws, shop", "shop"])
def test_order_of_the_fixtures_does_not_matter(
    files: pytest.Pytester, order: str
) -> None:
    """A mock that is made before the network, after it or in the test gets the log."""
    files.makepyfile(f"""
        def test_log(request, {order}):
            aws = request.getfixturevalue("aws")
            paths = request.getfixturevalue("paths")
            aws.create_log_group(logGroupName="shop")
            shop.client("shop").get("/cart")
            shop.flush()
            assert paths() == [1]
            shop.client("shop").get("/cart")
            shop.clock.advance(120)
            assert paths() == [1, 1]
    """)

    files.runpytest_inprocess("-W", "error").assert_outcomes(passed=1)


@pytest.mark.parametrize("order", ["shop, aws", "aws, shop"])
def test_rest_arrives_before_any_fixture_goes(
    files: pytest.Pytester, order: str
) -> None:
    """At the end of a test what waits is delivered while the mock still stands."""
    files.makepyfile(f"""
        import pytest

        @pytest.fixture
        def reader(aws, paths):
            aws.create_log_group(logGroupName="shop")
            yield
            print("arrived", paths())

        def test_log({order}, reader):
            shop.client("shop").get("/cart")
    """)

    result = files.runpytest_inprocess("-W", "error", "-s")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*arrived [[]1]"])


@pytest.mark.parametrize("order", ["shop, aws", "aws, shop"])
def test_rest_that_fails_is_an_error_of_the_test(
    files: pytest.Pytester, order: str
) -> None:
    """A log group that is missing is told, once, and all fixtures are torn down."""
    files.makepyfile(f"""
        def test_log({order}, request):
            request.addfinalizer(lambda: print("torn down"))
            shop.client("shop").get("/cart")
    """)

    result = files.runpytest_inprocess("-s")

    result.assert_outcomes(passed=1, errors=1)
    assert "torn down" in result.stdout.str()
    message, waits = [line for line in result.outlines if line.startswith("E  ")]
    assert message.removeprefix("E").strip() == (
        "pytest_lattice.errors.DeliveryError: the access log of `shop` was not "
        "delivered to `arn:aws:logs:us-west-2:123456789012:log-group:shop`: "
        "ResourceNotFoundException: The specified log group does not exist"
    )
    assert waits.endswith(" 1 entry waits")


def test_test_decorated_with_the_mock_is_left_alone(files: pytest.Pytester) -> None:
    """After `@mock_aws` nothing is sent anywhere, and nobody is bothered."""
    files.makepyfile("""
        from moto import mock_aws

        @mock_aws
        def test_log(shop):
            shop.client("shop").get("/cart")
    """)

    files.runpytest_inprocess("-W", "error").assert_outcomes(passed=1)


def test_network_without_a_mock_sends_nothing(files: pytest.Pytester) -> None:
    """A subscription alone, as a template in use has it, reaches no account."""
    files.makepyfile("""
        def test_log(shop, monkeypatch):
            shop.client("shop").get("/cart")
            shop.clock.advance(3600)
            assert len(shop.access_log_of("shop")) == 1
    """)

    files.runpytest_inprocess("-W", "error").assert_outcomes(passed=1)
