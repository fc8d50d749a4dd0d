"""`pytest-lattice serve`: whom it lets in, what it writes, and how it ends."""

from __future__ import annotations

import io
import json
import os
import queue
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pytest_lattice import (
    AccessLogSubscription,
    Exchange,
    Fault,
    Forward,
    LatticeNetwork,
    Listener,
    Service,
    SigV4Auth,
    TargetGroup,
    assert_allowed,
)
from pytest_lattice import serving as under_test
from pytest_lattice.clock import RealClock
from pytest_lattice.console import main
from pytest_lattice.model.access_log import KEYS
from pytest_lattice.serving import Follower, entry_line, keep_up, time_passing
from pytest_lattice.terminal import Style
from tests.live_peers import PATIENCE, rest_of
from tests.shop import CHECKOUT, INVOKE, policy, statement
from tests.terminals import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIXTURES = Path(__file__).parents[1] / "fixtures"
SHOP = """\
services:
  - name: orders
    listeners:
      - protocol: HTTPS
        default: {forward: {orders: 1}}
        rules:
          - {priority: 10, path: /gone, action: {fixed_response: 404}}
          - {priority: 20, path_prefix: /far, action: {forward: {far: 1}}}
  - name: private
    auth_type: AWS_IAM
    auth_policy:
      Statement: {Effect: Allow, Principal: {AWS: "arn:aws:iam::123456789012:root"},
        Action: "*", Resource: "*"}
    listeners: [{protocol: HTTP, port: 8080, default: {forward: {secrets: 1}}}]
target_groups:
  - {name: orders}
  - {name: secrets}
  - {name: far, targets: [{app: "http://127.0.0.1:9"}]}
roles: [{name: checkout, policies: [VPCLatticeServicesInvokeAccess]}]
access_log_subscriptions:
  - {resource: orders, destination: "arn:aws:s3:::orders-logs"}
  - {resource: orders, destination: access.jsonl}
"""
NAME = "orders-13db4bb6c385650ff.7d67968.vpc-lattice-svcs.us-west-2.on.aws"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The document of a shop, in the current folder."""
    (tmp_path / "shop.yaml").write_text(SHOP)
    monkeypatch.chdir(tmp_path)
    return "shop.yaml"


# ---------------------------------------------------------------------- in this process


class Written(io.StringIO):
    """A pipe, as far as whoever writes can tell; lines are read as they come."""

    def __init__(self) -> None:
        """Have nothing."""
        super().__init__()
        self._lines: queue.Queue[str] = queue.Queue()
        self._part = ""

    def write(self, text: str) -> int:
        """Take text, a line at a time."""
        *lines, self._part = (self._part + text).split("\n")
        for line in lines:
            self._lines.put(line)
        return len(text)

    def line(self) -> str:
        """Wait for the next line."""
        return self._lines.get(timeout=PATIENCE)

    def rest(self) -> list[str]:
        """Give what is there."""
        return [self._lines.get() for _ in range(self._lines.qsize())]


class Served:
    """A command that serves in another thread of this process."""

    def __init__(self, written: Written, follower: Recorder) -> None:
        """Read what is offered."""
        self.written, self.follower = written, follower
        self.offer: dict[str, Any] = {}

    def client(self) -> httpx.Client:
        """Make a client that knows nothing but the proxy and the certificate."""
        return client_of(self.offer["proxy"], self.offer["ca_file"])


def client_of(proxy: str, ca_file: str) -> httpx.Client:
    """Make a client that knows nothing but a proxy and a certificate."""
    context = ssl.create_default_context(cafile=ca_file)
    return httpx.Client(proxy=proxy, verify=context, timeout=PATIENCE, trust_env=False)


class Recorder(Follower):
    """Writes down what came, in its order."""

    def __init__(self) -> None:
        """Have nothing."""
        super().__init__()
        self.came: list[Exchange] = []

    def pytest_lattice_exchange(self, exchange: Exchange) -> None:
        """Write it down."""
        self.came.append(exchange)
        super().pytest_lattice_exchange(exchange)


@pytest.fixture
def serve(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Served]]:
    """Run the command in a thread; in the end it stops with status 0, in silence."""
    statuses: list[int] = []
    with ExitStack() as stack:

        def start(*arguments: str) -> Served:
            written, follower = Written(), Recorder()
            monkeypatch.setattr(sys, "stdout", written)
            monkeypatch.setattr(under_test, "Follower", lambda: follower)

            def run() -> None:
                statuses.append(main(["serve", *arguments]))
                written.write("that was all\n")

            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            stack.callback(thread.join, PATIENCE)
            stack.callback(follower.stop)
            served = Served(written, follower)
            if "--json" in arguments:
                served.offer = json.loads(written.line())
            return served

        yield start
    assert statuses
    assert set(statuses) == {0}
    assert not [each for each in threading.enumerate() if "lattice" in each.name]


@pytest.mark.parametrize(
    ("document", "service", "listeners"),
    [
        ("documents/shop.yaml", "orders", ["HTTPS 443"]),
        ("cloudformation/orders.yaml", "orders", ["HTTPS 443"]),
        ("cloudformation/cdk.out", "shop-live", ["HTTPS 443"]),
        ("terraform/orders-plan.json", "orders", ["HTTPS 443"]),
        ("gateway_api/orders", "orders-shop", ["HTTPS 443", "HTTP 80"]),
        ("account/shop.json", "orders", ["HTTPS 443"]),
        ("case", "orders", ["HTTPS 443"]),
    ],
)
def test_any_document_is_served(
    serve: Callable[..., Served],
    tmp_path: Path,
    document: str,
    service: str,
    listeners: list[str],
) -> None:
    """Whatever a loader reads can be called by its DNS name, and is logged."""
    path = FIXTURES / document
    if document == "case":
        path = tmp_path / "a.lattice.yaml"
        shop = FIXTURES / "documents" / "shop.yaml"
        path.write_text(
            f"network: {{document: {shop}}}\n"
            "cases: [{request: GET https://orders/, expect: {denied: service}}]\n"
        )
    served = serve(str(path), "--json")
    offered = {each["name"]: each for each in served.offer["services"]}
    name = offered[service]["dns_names"][0]
    with served.client() as client:
        answer = client.get(f"https://{name}/none", headers={"x-a": "1"})
    entry = json.loads(served.written.line())

    shown = [(each["protocol"], each["port"]) for each in offered[service]["listeners"]]
    assert [f"{protocol} {port}" for protocol, port in shown] == listeners
    assert offered[service]["unreachable"] is None
    assert entry["responseCode"] == answer.status_code
    assert (entry["hostHeader"], entry["requestPath"]) == (name, "/none")
    assert set(entry) <= set(KEYS.values())


def test_offer_for_people(serve: Callable[..., Served], shop: str) -> None:
    """People read lines, and the file that they name has the variables."""
    written = serve(shop).written
    lines = [written.line() for _ in range(9)]
    proxy, _, environ = (line.split()[-1] for line in lines[4:7])

    assert lines[8].startswith(f"curl --proxy {proxy} ")
    assert f"export HTTPS_PROXY={proxy}\n" in Path(environ).read_text()


def test_options_of_the_proxy(serve: Callable[..., Served], shop: str) -> None:
    """Who signs stands in the environment, and a strict proxy lets nobody out."""
    served = serve(shop, "--json", "--role", "checkout", "--strict")

    environ = served.offer["environ"]
    assert environ["HTTPS_PROXY"] == served.offer["proxy"]
    assert environ["AWS_ACCESS_KEY_ID"] in served.offer["curl"]
    with served.client() as client, pytest.raises(httpx.ProxyError, match="403"):
        client.get("https://example.com/")


def test_log_for_people(serve: Callable[..., Served], shop: str) -> None:
    """A line says what came of a request: where it went, or what kept it off."""
    written = serve(shop).written
    proxy, ca_file = (
        line.split()[-1] for line in [written.line() for _ in range(10)][4:6]
    )
    with client_of(proxy, ca_file) as client:
        statuses = [
            client.get(url).status_code
            for url in (
                f"https://{NAME}/a%20b?c=d",
                f"https://{NAME}/gone",
                f"https://{NAME}/far/away",
            )
        ]
    lines = [written.line().partition("Z ")[2] for _ in statuses]

    assert statuses == [200, 404, 503]
    assert lines[:2] == [
        "GET orders/a%20b 200 to orders",
        "GET orders/gone 404 (fixed response)",
    ]
    assert lines[2].startswith("GET orders/far/away 503 to far TargetConnectionError (")


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test fail if a client of AWS is made, or one that there is is used."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a client of AWS was made")

    monkeypatch.setattr("boto3.client", refuse)
    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", refuse)


@pytest.mark.usefixtures("no_aws")
def test_destinations_of_the_document(serve: Callable[..., Served], shop: str) -> None:
    """Files get their entries; no client of AWS is even made."""
    served = serve(shop, "--json")
    with served.client() as client:
        client.get(f"https://{NAME}/")
    line = served.written.line()

    assert Path("access.jsonl").read_text() == f"{line}\n"


@pytest.mark.usefixtures("no_aws")
def test_nothing_is_delivered_to_aws_in_time() -> None:
    """Hours after entries were due, and at the end, no client has been made."""
    real = Real()
    with LatticeNetwork(clock=RealClock(real)) as network:
        network.add(
            TargetGroup("orders", targets="echo"),
            Service("orders", listeners=[Listener("HTTPS", default=Forward("orders"))]),
            AccessLogSubscription("orders", destination="arn:aws:s3:::orders-logs"),
            AccessLogSubscription(
                "orders",
                destination="arn:aws:logs:us-west-2:123456789012:log-group:orders:*",
            ),
        )
        network.client("orders").get("/")
        real.now += 3600 * SECOND
        keep_up(network.clock, ticks(1))  # type: ignore[arg-type]  # the one above
        assert len(network.access_log_of("orders")) == 1


def test_log_of_many_at_once(serve: Callable[..., Served], shop: str) -> None:
    """Each entry is a whole line, in the order in which the requests were completed."""
    served = serve(shop, "--json")

    def ask(number: int) -> None:
        with served.client() as client:
            for each in range(15):
                client.get(f"https://{NAME}/{number}/{each}").raise_for_status()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    entries = [json.loads(served.written.line()) for _ in range(8 * 15)]

    completed = [each.request_id for each in served.follower.came]
    assert [each["requestId"] for each in entries] == completed
    for number in range(8):
        mine = [e["requestPath"] for e in entries if e["requestPath"][1] == str(number)]
        assert mine == [f"/{number}/{each}" for each in range(15)]


GARBAGE = [
    b"\x00\xff" * 50,
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x00\x05hello",
    b"CONNECT %s:443 HTTP/1.1\r\n\r\n\x16\x03\x01\x02\x00\x01garbage" % NAME.encode(),
    b"CONNECT %s:443 HTTP/1.1\r\n\r\nGET / HTTP/9\r\n\r\n" % NAME.encode(),
    b"GET http://%s/ HTTP/1.1\r\nhost: \x1b[31m\r\n\r\n" % NAME.encode(),
]


def test_garbage_does_not_stop_it(
    serve: Callable[..., Served], shop: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whoever sends rubbish is refused or reset; the next client is served."""
    served = serve(shop, "--json")
    address = served.offer["proxy"].rpartition("/")[2].split(":")
    for data in GARBAGE:
        with socket.create_connection((address[0], int(address[1])), PATIENCE) as sock:
            sock.sendall(data)
            with suppress(OSError):  # it may be gone already
                sock.shutdown(socket.SHUT_WR)
            rest_of(sock)
    with served.client() as client:
        answer = client.get(f"https://{NAME}/after")

    assert answer.status_code == 200
    assert json.loads(served.written.line())["requestPath"] == "/after"
    assert capfd.readouterr().err == ""


# --------------------------------------------------------------------------------- time

SECOND = 1_000_000


class Real:
    """Real time, as this test has it."""

    def __init__(self) -> None:
        """Begin some day."""
        self.now = 1_800_000_000 * SECOND

    def __call__(self) -> int:
        """Tell it."""
        return self.now


def ticks(number: int) -> Callable[[float], bool]:
    """Wait for nothing, so often, and then end."""
    left = iter([*[False] * number, True])
    # Whoever asks without waiting wants to know whether it has ended.
    return lambda seconds: False if seconds == 0 else next(left)


def test_time_goes_on_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    """What is due happens at its time; what raises is told once and stops nothing."""
    real, happened = Real(), list[int]()
    clock = RealClock(real)
    begin = real.now

    def fail() -> None:
        raise ValueError("a check went wrong")

    for second in (1, 2):
        clock.at(begin + second * SECOND, fail)
    clock.at(begin + 3 * SECOND, lambda: happened.append(clock.microseconds))
    real.now += 10 * SECOND
    keep_up(clock, ticks(3))

    assert happened == [begin + 3 * SECOND]
    assert clock.microseconds == real.now
    assert capfd.readouterr().err == "error: ValueError: a check went wrong\n"


def test_time_passes_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is served time passes, and no thread is left."""
    monkeypatch.setattr(under_test, "_TICK", 0.001)
    real, due = Real(), threading.Event()
    clock = RealClock(real)
    clock.at(real.now + SECOND, due.set)
    real.now += SECOND
    with time_passing(clock):
        assert due.wait(PATIENCE)
    assert not [each for each in threading.enumerate() if "clock" in each.name]


def test_real_signers_are_let_in_for_ever() -> None:
    """Hours later, and although a fault put the clock forward, a signer is in time."""
    real = Real()
    clock = RealClock(real)
    with LatticeNetwork(clock=clock) as network:
        network.add(
            TargetGroup("orders", targets="echo"),
            Service(
                "orders",
                auth_policy=policy(statement(Principal={"AWS": CHECKOUT})),
                listeners=[Listener("HTTPS", default=Forward("orders"))],
            ),
        )
        role = network.role("checkout", policies=[INVOKE])
        for _ in range(3):
            real.now += 3600 * SECOND
            keep_up(clock, ticks(1))
            signer = SigV4Auth(role, clock=SimpleNamespace(microseconds=real.now))
            assert_allowed(network.client("orders").get("/", auth=signer))
        network.add(Fault("orders", latency=3000, times=1))
        network.client("orders").get("/", auth=signer)
        assert clock.microseconds > real.now
        assert_allowed(network.client("orders").get("/", auth=signer))


# ------------------------------------------------------------------------------ the end


@contextmanager
def exchanged(*paths: str) -> Iterator[list[Exchange]]:
    """Make some requests."""
    with LatticeNetwork() as network:
        network.add(
            TargetGroup("orders", targets="echo"),
            Service("orders", listeners=[Listener("HTTPS", default=Forward("orders"))]),
        )
        with network.client("orders") as client:
            for path in paths:
                client.get(path)
        yield list(network.exchanges)


def test_stopping_loses_nothing() -> None:
    """What came before the end is written first, what came after it in the rest."""
    follower, written = Follower(), list[Exchange]()
    with exchanged("/1", "/2", "/3") as made:
        for each in made[:2]:
            follower.pytest_lattice_exchange(each)
        follower.stop()
        follower.pytest_lattice_exchange(made[2])

        follower.follow(written.append)
        assert written == made[:2]
        follower.write_rest(written.append)
        assert written == made


def test_who_stops_twice_waits_for_no_reader() -> None:
    """A second Ctrl-C breaks off what is written, and a third one finds nothing."""
    follower, began = Follower(), list[Exchange]()

    def write(exchange: Exchange) -> None:
        began.append(exchange)
        follower.stop()
        follower.stop()
        raise AssertionError("it went on")

    with exchanged("/") as made:
        follower.pytest_lattice_exchange(made[0])
        with pytest.raises(BrokenPipeError), follower.writing():
            follower.follow(write)
        follower.stop()
        assert began == made


def test_what_is_no_entry_is_not_written() -> None:
    """A request to a name of nobody belongs to no log."""
    follower, written = Follower(), list[Exchange]()
    with LatticeNetwork(plugins=[follower]) as network:
        network.add(Service("orders", listeners=[]))
        network.client().get("http://nobody.example/")
        assert len(network.exchanges) == 1
    follower.write_rest(written.append)

    assert written == []


def test_statuses_are_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a status is green, or red from 400 on."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    style = Style(Terminal())
    with exchanged("/") as [made]:
        failed = made._replace(response=made.response._replace(status=400))
        lines = [entry_line(each, style) for each in (made, failed)]

    assert "GET orders/ \x1b[32m200\x1b[0m to orders" in lines[0]
    assert "GET orders/ \x1b[31m400\x1b[0m to orders" in lines[1]


def test_a_connection_has_a_line() -> None:
    """What is passed through has no method and no path, but a server name."""
    with exchanged("/") as [made]:
        sealed = made.request._replace(
            scheme="tls", server_name="vault.example.com", method="-", host="-", path=""
        )
        decision = made.decision._replace(request=sealed)
        line = entry_line(made._replace(decision=decision), Style(io.StringIO()))

    assert line.endswith("Z TLS vault.example.com 200 to orders")


def test_a_line_stays_one_line() -> None:
    """What a client sends cannot move the cursor of whoever reads the log."""
    with exchanged("/a") as [made]:
        request = made.request._replace(path="/a\x1b[31m\nb\u2028\udc80é")
        decision = made.decision._replace(request=request)
        line = entry_line(made._replace(decision=decision), Style(sys.stdout))

    assert "GET orders/a\\x1b[31m\\nb\\u2028\\udc80é 200 to orders" in line


# ------------------------------------------------------------------------- as a process

COMMAND = "import sys; from pytest_lattice.console import main; sys.exit(main())"


@contextmanager
def guarded(made: subprocess.Popen[Any]) -> Iterator[None]:
    """Kill a process that hangs, which fails the test."""
    guard = threading.Timer(3 * PATIENCE, made.kill)
    guard.start()
    try:
        yield
    finally:
        made.kill()
        guard.cancel()


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start the command."""
    made = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with made, guarded(made):
        yield made


def lines_until(made: subprocess.Popen[str], start: str) -> list[str]:
    """Read to a line that begins so."""
    assert made.stdout is not None
    lines = [made.stdout.readline()]
    while not lines[-1].startswith(start):
        assert lines[-1], f"nothing begins with {start}: {lines}"
        lines.append(made.stdout.readline())
    return lines


def ended(made: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for the end; give status and what was left to read."""
    out, err = made.communicate(timeout=PATIENCE)
    return made.returncode, out, err


def in_a_shell(line: str) -> str:
    """Run a command line as a person would paste it."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    made = subprocess.run(
        ["/bin/sh", "-c", line],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert made.returncode == 0, made.stderr
    return made.stdout


PRIVATE = """\
services:
  - name: private
    auth_policy:
      Statement: {Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:role/a"},
        Action: "*", Resource: "*"}
    listeners: [{protocol: HTTPS, port: 8443, default: {forward: {secrets: 1}}}]
target_groups: [{name: secrets}]
"""


def test_from_start_to_ctrl_c(shop: str) -> None:
    """The printed command works as it is, its request is logged, Ctrl-C is the end."""
    with process(shop) as made:
        *head, curl = lines_until(made, "curl ")
        told = json.loads(in_a_shell(curl))
        _, entry = lines_until(made, "20")
        folder = Path(head[5].split()[-1]).parent
        assert folder.is_dir()
        made.send_signal(signal.SIGINT)

        assert ended(made) == (0, "", "")
    assert (told["method"], told["path"]) == ("GET", "/")
    assert entry.endswith("Z GET orders/ 200 to orders\n")
    assert not folder.exists()


def test_warnings_do_not_wait_for_the_end() -> None:
    """What the loader warns of is told before anybody calls."""
    with process(str(FIXTURES / "account" / "shop.json"), "--json") as made:
        lines_until(made, "{")
        assert made.stderr is not None
        assert made.stderr.readline().startswith("warning: service network `hub` ")
        made.send_signal(signal.SIGTERM)

        assert ended(made) == (0, "", "")


def test_two_for_machines_and_for_roles(shop: str) -> None:
    """Two can serve beside each other; who ends them in a hurry gets no traceback."""
    Path("private.yaml").write_text(PRIVATE)
    role = "arn:aws:iam::111122223333:role/a"
    with (
        process("private.yaml", "--json", "--role", role) as made,
        process(shop, "--json") as other,
    ):
        offers = [json.loads(*lines_until(each, "{")) for each in (made, other)]
        in_a_shell(offers[0]["curl"])
        entry = json.loads(*lines_until(made, "{"))
        for each in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
            made.send_signal(each)
        other.send_signal(signal.SIGTERM)

        assert ended(made) == ended(other) == (0, "", "")
    assert (entry["responseCode"], entry["requestPath"]) == (200, "/")
    assert entry["resolvedUser"].startswith("arn:aws:sts::111122223333:assumed-role/a/")
    assert len({each["ca_file"] for each in offers}) == len(offers)
    assert not any(Path(each["ca_file"]).parent.exists() for each in offers)


def test_a_reader_that_leaves_ends_it(shop: str) -> None:
    """Whoever reads the log may go; the server ends with the next entry, in silence."""
    with process(shop, "--json") as made:
        assert made.stdout is not None
        offer = json.loads(made.stdout.readline())
        made.stdout.close()
        with client_of(offer["proxy"], offer["ca_file"]) as client:
            client.get(f"https://{NAME}/")

        assert made.stderr is not None
        assert made.stderr.read() == ""
        assert made.wait(PATIENCE) == 0
    assert not Path(offer["ca_file"]).parent.exists()


def test_a_reader_that_does_not_read(shop: str) -> None:
    """Who asks twice need not wait until somebody reads what is to be written."""
    with process(shop, "--json") as made:
        offer = json.loads(*lines_until(made, "{"))
        with client_of(offer["proxy"], offer["ca_file"]) as client:
            for _ in range(150):  # more than a pipe holds
                client.get(f"https://{NAME}/", headers={"user-agent": "a" * 2000})
        made.send_signal(signal.SIGINT)
        while made.poll() is None:  # the guard ends it
            made.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                made.wait(0.1)

        assert ended(made)[::2] == (0, "")


def test_a_port_can_be_chosen_and_is_free_again(shop: str) -> None:
    """A fixed port is had at once again; one that is taken is a mistake."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with process(shop, "--port", port) as made:
            status, out, err = ended(made)
        complaint = f"port {port} of 127.0.0.1 cannot be listened on: address already"
        assert (status, out, err) == (2, "", f"error: {complaint} in use\n")
    for _ in range(2):
        with process(shop, "--port", port, "--json") as made:
            assert made.stdout is not None
            offer = json.loads(made.stdout.readline())
            assert offer["proxy"] == f"http://127.0.0.1:{port}"
            made.send_signal(signal.SIGTERM)
            assert ended(made)[::2] == (0, "")


@pytest.mark.skipif(os.name != "posix", reason="a shell closes them so")
@pytest.mark.parametrize("closing", ["<&-", ">&-", ">&- 2>&- <&-"])
def test_closed_streams(shop: str, closing: str) -> None:
    """Without a place to write to, it serves nevertheless and ends as always."""
    line = f'exec "$0" -c "$1" serve shop.yaml --port "$2" {closing}'
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (
        subprocess.Popen(
            ["/bin/sh", "-c", line, sys.executable, COMMAND, str(port)]
        ) as made,
        guarded(made),
    ):
        while made.poll() is None:
            with suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
        made.send_signal(signal.SIGINT)

        assert made.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("text", "arguments", "complaint"),
    [
        (None, [], "error: `a.yaml` cannot be read: No such file or directory\n"),
        ("", [], "error: `a.yaml` is none of the documents that are known\n"),
        ("roles: [{name: a}]", [], "error: `a.yaml` has no service to serve\n"),
        (SHOP, ["--role", "chekout"], "did you mean `checkout`?"),
        (SHOP, ["--vpc", "far"], "error: unknown VPC `far`"),
        (SHOP, ["--port", "65536"], "error: port `65536` is not from 1 to 65535"),
        (SHOP, ["--set", "targets.ordrs=echo"], "did you mean `orders`?"),
        (SHOP, ["--set", "targets.orders=x"], "`x` is not a target"),
    ],
)
def test_mistakes_are_status_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str | None,
    arguments: list[str],
    complaint: str,
) -> None:
    """What is wrong is told before anything is served."""
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path("a.yaml").write_text(text)

    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert main(["serve", "a.yaml", *arguments]) == 2
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    shown = capsys.readouterr()
    assert complaint in shown.err
    assert shown.out == ""
