"""The command `pytest-lattice`: what it prints, and with which status it ends."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_lattice.console import main
from tests.terminals import Terminal

CHECKOUT = "arn:aws:iam::123456789012:role/checkout"
SHOP = f"""\
services:
  - name: orders
    auth_policy:
      Statement:
        - Sid: CheckoutReads
          Effect: Allow
          Principal: {{AWS: "{CHECKOUT}"}}
          Action: vpc-lattice-svcs:Invoke
          Resource: "*"
          Condition: {{StringEquals: {{"vpc-lattice-svcs:RequestMethod": GET}}}}
    listeners:
      - protocol: HTTPS
        default: {{forward: {{blue: 9, green: 1}}}}
        rules:
          - {{priority: 10, path_prefix: /v2/, headers: {{x-beta: "1"}},
             action: {{forward: green}}}}
          - {{priority: 20, path: /gone, action: {{fixed_response: 404}}}}
target_groups: [{{name: blue}}, {{name: green}}]
roles: [{{name: checkout, policies: [VPCLatticeServicesInvokeAccess]}}]
vpcs: [{{name: apps}}, {{name: others}}]
service_networks: [{{name: shops, services: [orders], vpcs: [apps]}}]
"""
NAME = "orders-13db4bb6c385650ff.7d67968.vpc-lattice-svcs.us-west-2.on.aws"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The document of a shop, in the current folder."""
    (tmp_path / "shop.yaml").write_text(SHOP)
    monkeypatch.chdir(tmp_path)
    return "shop.yaml"


def test_explain_prints_each_step(
    shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A request that reaches a target is explained, and the status is 0."""
    arguments = ["GET", "https://orders/v2/x", "--header", "X-Beta: 1"]
    status = main(["explain", shop, *arguments, "--role", "checkout"])

    shown = capsys.readouterr()
    assert (status, shown.err) == (0, "")
    lines = shown.out.splitlines()
    assert re.match(rf"GET https://{NAME}/v2/x from 10\.\S+ in VPC `apps`$", lines[0])
    assert [line.split()[0] for line in lines[1:-1]] == [
        "VPC",
        "service",
        "listener",
        "caller",
        "service",
        "identity",
        "rule",
        "target",
    ]
    assert re.match(r"  => forwarded to `i-\w+` of `green`$", lines[-1])


@pytest.mark.parametrize(
    ("arguments", "summary"),
    [
        (["POST", "https://orders/"], "403, no statement of the auth policy"),
        (["GET", "https://orders/gone"], "fixed response 404"),
        (["GET", "https://orders:81/"], "connection refused, service `orders` has no"),
        (
            ["GET", "https://orders/", "--vpc", "others"],
            "connect timeout, VPC `others`",
        ),
        (["GET", "http://nobody.example/"], "404, service network `shops` has no"),
    ],
)
def test_a_request_that_reaches_no_target_is_status_1(
    shop: str, capsys: pytest.CaptureFixture[str], arguments: list[str], summary: str
) -> None:
    """Denied, answered by the network itself or not connected at all: 1."""
    status = main(["explain", shop, *arguments, "--role", "checkout"])

    assert status == 1
    assert f"  => {summary}" in capsys.readouterr().out


def test_a_role_known_by_its_arn_alone_may_invoke(
    shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A role that the document does not have is judged by the policies it meets."""
    other = "arn:aws:iam::111122223333:role/team/other"
    status = main(["explain", shop, "GET", "https://orders/", "--role", other])
    shown = capsys.readouterr().out

    assert status == 1
    assert "role `other` (arn:aws:sts::111122223333:assumed-role/other/" in shown
    assert f"`{CHECKOUT}` does not name role `other`" in shown
    # One that it has is taken as it is declared.
    assert main(["explain", shop, "GET", "https://orders/", "--role", CHECKOUT]) == 0


def test_explain_for_machines(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` holds the outcome, what was chosen, and the steps."""
    arguments = ["GET", "https://orders/", "--http2", "--address", "10.0.0.9"]
    status = main(["explain", shop, *arguments, "--role", "checkout", "--json"])

    told = json.loads(capsys.readouterr().out)
    assert status == 0
    assert (told["outcome"], told["status"]) == ("forwarded", None)
    assert (told["service"], told["listener"]) == ("orders", "HTTPS 443")
    assert (told["rule"], told["weights"]) == ("default", {"blue": 9, "green": 1})
    assert told["target_group"] in told["weights"]
    assert (told["http_version"], told["address"]) == ("HTTP/2", "10.0.0.9")
    assert told["steps"][0] == {
        "name": "VPC",
        "passed": True,
        "text": "associated with service network `shops`",
    }

    assert main(["explain", shop, "GET", "https://orders/gone", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["outcome"] == "denied"
    main(["explain", shop, "GET", "https://orders/gone", "--json", "--role", CHECKOUT])
    told = json.loads(capsys.readouterr().out)
    assert (told["outcome"], told["status"], told["rule"]) == (
        "fixed-response",
        404,
        20,
    )


def test_routes_are_a_table(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each rule has a line, in the order in which they are tried."""
    assert main(["routes", shop]) == 0

    rows = [re.split(r" {2,}", row) for row in capsys.readouterr().out.splitlines()]
    blue, green = "`blue` [INSTANCE, 1 target]", "`green` [INSTANCE, 1 target]"
    assert rows == [
        ["SERVICE", "LISTENER", "RULE", "MATCHES", "ACTION", "SOURCE"],
        ["orders", "HTTPS 443", "10", "/v2/… x-beta: 1", green, "shop.yaml:15"],
        ["orders", "HTTPS 443", "20", "/gone", "fixed response 404", "shop.yaml:17"],
        [
            "orders",
            "HTTPS 443",
            "default",
            "-",
            f"{blue} 9/10 (90 %), {green} 1/10 (10 %)",
        ],
    ]


def test_routes_for_machines(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` has the same rows, and the DNS name to call."""
    assert main(["routes", shop, "--json"]) == 0

    rows = json.loads(capsys.readouterr().out)
    assert [(row["dns_name"], row["rule"]) for row in rows] == [
        (NAME, "10"),
        (NAME, "20"),
        (NAME, "default"),
    ]


def test_a_document_without_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table without rows says why it is empty."""
    path = tmp_path / "a.yaml"
    path.write_text("services: [{name: orders}]")

    assert main(["routes", str(path)]) == 0
    assert capsys.readouterr().out == "no service has a listener\n"


def test_graph_draws(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The topology is Mermaid's text, or nodes and edges."""
    assert main(["graph", shop]) == 0
    assert capsys.readouterr().out.startswith("flowchart LR\n")

    assert main(["graph", shop, "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"nodes", "edges"}


# ------------------------------------------------------------------------- the document


def test_a_case_file_stands_for_its_network(
    shop: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The network that cases are about can be asked, too."""
    (tmp_path / "a.lattice.yaml").write_text(
        "network: {document: shop.yaml}\n"
        "cases: [{request: GET https://orders/, expect: {denied: service}}]\n"
    )
    assert main(["routes", "a.lattice.yaml"]) == 0
    assert "fixed response 404" in capsys.readouterr().out


def test_a_case_file_takes_no_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a loader needs stands in the file, so `--set` is no silent loss."""
    path = tmp_path / "a.lattice.yaml"
    path.write_text("cases: []")

    assert main(["routes", str(path), "--set", "strict=true"]) == 2
    assert capsys.readouterr().err == (
        f"error: `{path}` is a case file, which takes no `--set`\n"
        "  write it under `network` in the file\n"
    )


TEMPLATE = """\
Parameters: {Name: {Type: String}}
Resources:
  Orders:
    Type: AWS::VpcLattice::Service
    Properties: {Name: !Ref Name}
  Listener:
    Type: AWS::VpcLattice::Listener
    Properties:
      ServiceIdentifier: !Ref Orders
      Protocol: HTTPS
      DefaultAction: {FixedResponse: {StatusCode: 404}}
"""
GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: shop}
spec:
  gatewayClassName: amazon-vpc-lattice
  listeners: [{name: http, protocol: HTTP, port: 80}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: orders}
spec:
  parentRefs: [{name: shop}]
  rules: [{backendRefs: [{name: orders, port: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: orders}
spec: {ports: [{port: 80}]}
"""


def test_arguments_of_a_loader_are_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--set` gives the loader what it takes, by name."""
    path = tmp_path / "a.yaml"
    path.write_text(GATEWAY)

    settings = ["--set", "namespace=shop", "--set", "region=eu-central-1"]
    assert main(["routes", str(path), "--json", *settings]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["service"] for row in rows} == {"orders-shop"}
    assert "vpc-lattice-svcs.eu-central-1" in rows[0]["dns_name"]


FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("documents/shop.yaml", "orders"),
        ("cloudformation/orders.yaml", "orders"),
        ("cloudformation/cdk.out", "shop-live"),
        ("terraform/orders-plan.json", "orders"),
        ("terraform/orders-state.json", "orders"),
        ("gateway_api/orders", "orders-shop"),
        ("account/shop.json", "orders"),
    ],
)
def test_any_document_that_can_be_loaded(
    capsys: pytest.CaptureFixture[str], name: str, service: str
) -> None:
    """The kind is told by the content, and the rules are those of the document."""
    assert main(["routes", str(FIXTURES / name), "--json"]) == 0

    rows = json.loads(capsys.readouterr().out)
    assert service in {row["service"] for row in rows}
    assert all(row["rule"] == "default" or row["source"] for row in rows)


def test_parameters_of_a_template_are_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A parameter without a default is missed until it is set, by its name."""
    path = tmp_path / "a.yaml"
    path.write_text(TEMPLATE)

    assert main(["routes", str(path)]) == 2
    assert "parameter `Name` has no value" in capsys.readouterr().err
    assert main(["routes", str(path), "--set", "parameters.Name=orders"]) == 0
    assert "orders   HTTPS 443  default" in capsys.readouterr().out


def test_settings_are_values_and_entries_of_mappings(
    shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dot leads into a mapping, whose keys may have dots; true and false are such."""
    given: dict[str, object] = {}

    def load(
        path: str,
        *,
        targets: object = (),
        values: dict[str, str] | None = None,
        strict: bool = False,
        stack: str = "",
    ) -> tuple[object, ...]:
        given.update(
            path=path, targets=targets, values=values, strict=strict, stack=stack
        )
        return ()

    monkeypatch.setattr("pytest_lattice.loaders.recognize.loader_of", lambda _: load)
    settings = ["values.a.b=c=d", "values.e=", "strict=false", "stack=x"]
    assert main(["routes", shop, *(f"--set={each}" for each in settings)]) == 0

    assert given == {
        "path": shop,
        "targets": "echo",
        "values": {"a.b": "c=d", "e": ""},
        "strict": False,
        "stack": "x",
    }


def test_warnings_are_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a loader warns of stands on standard error, without Python's trimmings."""
    path = tmp_path / "a.yaml"
    route = "kind: TCPRoute\nmetadata: {name: a}\n"
    path.write_text(f"{GATEWAY}---\napiVersion: gateway.networking.k8s.io/v1\n{route}")

    assert main(["routes", str(path)]) == 0
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: ")
    assert "TCPRoute" in line


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["routes", "nowhere.yaml"], "error: `nowhere.yaml` cannot be read: No such"),
        (["routes", "shop.yaml", "--kind", "documnet"], "did you mean `document`?"),
        (
            ["routes", "shop.yaml", "--set", "strct=true"],
            "error: unknown argument of the loader for document `strct`",
        ),
        (["routes", "shop.yaml", "--set", "targets=x"], "known: `strict`"),
        (
            ["explain", "shop.yaml", "GET", "https://ordres/"],
            "error: unknown service `ordres`\n  did you mean `orders`?",
        ),
        (
            ["explain", "shop.yaml", "GET", "https://orders/", "--role", "checkuot"],
            "did you mean `checkout`?",
        ),
        (["explain", "shop.yaml", "GET", "orders"], "is not of the form https://name"),
    ],
)
def test_mistakes_are_status_2(
    shop: str, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    """What is wrong is said in the words of the loaders, without a traceback."""
    assert main(arguments) == 2

    shown = capsys.readouterr()
    assert complaint in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["serv", "shop.yaml"], "invalid choice: 'serv'"),
        (["explain", "a", "GET", "b", "--header", "x"], "`x` is not of the form NAME:"),
        (["routes", "a", "--set", "=x"], "`=x` is not of the form NAME=VALUE"),
        (["routes", "a", "--set", "x"], "`x` is not of the form NAME=VALUE"),
    ],
)
def test_wrong_usage_is_status_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    """A command line that cannot be understood ends as commands do."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


# ------------------------------------------------------------------------- the terminal


@pytest.mark.parametrize(
    ("variables", "emphasis"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_emphasis_is_for_terminals(
    shop: str,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    *,
    emphasis: bool,
) -> None:
    """A terminal gets bold and colors unless the user wants none, and equal text."""
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    shown, plain = Terminal(), io.StringIO()
    for stream in (shown, plain):
        monkeypatch.setattr(sys, "stdout", stream)
        main(["explain", shop, "GET", "https://orders/"])
        main(["routes", shop])

    assert ("\x1b[31mno\x1b[0m" in shown.getvalue()) is emphasis
    assert re.sub(r"\x1b\[\d+m", "", shown.getvalue()) == plain.getvalue()


LOADED = """
import sys
before = set(sys.modules)
from pytest_lattice.console import main
try:
    main(["--help"])
except SystemExit:
    pass
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
sys.exit(f"loaded: {loaded - sys.stdlib_module_names - {'pytest_lattice'}}")
"""


def test_help_is_cheap() -> None:
    """Nothing is imported before there is something to load."""
    run = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=False
    )

    assert run.stderr.strip() == "loaded: set()"
    assert "exit status: 0 an answer" in re.sub(r"\s+", " ", run.stdout)


def test_a_reader_that_stops_is_no_error(shop: str) -> None:
    """`pytest-lattice routes FILE | head -0` ends without a word."""
    code = "import sys; from pytest_lattice.console import main; sys.exit(main())"
    run = subprocess.Popen(
        [sys.executable, "-c", code, "graph", shop],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    with run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk")
def test_what_cannot_be_written_is_a_mistake(shop: str) -> None:
    """A full disk is told, without a traceback."""
    code = "import sys; from pytest_lattice.console import main; sys.exit(main())"
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        run = subprocess.run(
            [sys.executable, "-c", code, "routes", shop],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert run.stderr == (
        "error: the answer cannot be written: [Errno 28] No space left on device\n"
    )
    assert run.returncode == 2


def test_interrupted(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the command as shells expect."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pytest_lattice.loaders.recognize.kind_of", interrupt)
    assert main(["routes", shop]) == 130
