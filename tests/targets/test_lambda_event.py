"""The event a Lambda function gets, and the reading of what it answers."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest

from pytest_lattice.errors import TargetError
from pytest_lattice.model.message import Headers, LatticeRequest, Source
from pytest_lattice.model.target_group import TargetGroup
from pytest_lattice.targets.base import Route, TargetRequest
from pytest_lattice.targets.lambda_event import (
    LARGEST,
    LambdaSettings,
    make_event,
    read_answer,
)
from tests.model.refusals import refused

FIXTURES = Path(__file__).parents[2] / "fixtures" / "lambda_events"
DOCUMENTED = LambdaSettings()
JSON = ("content-type", "application/json")
GZIP = ("content-encoding", "gzip")
BINARY = "gP8="
OK = {"isBase64Encoded": False, "statusCode": 200, "headers": {}}

Version = Literal["V1", "V2"]


def a_request(
    *,
    group: TargetGroup | None = None,
    method: str = "GET",
    path: str = "/",
    query: str | None = None,
    headers: Headers = (),
    idle_timeout: float = 60,
) -> TargetRequest:
    """Make a request on its last hop, to the first target of a group."""
    group = group or TargetGroup("functions", type="LAMBDA", targets=["echo"])
    return TargetRequest(
        request=LatticeRequest(
            method=method,
            scheme="https",
            host="orders.example",
            server_name="orders.example",
            port=443,
            path=path,
            query=query,
            headers=headers,
            http_version="HTTP/1.1",
            source=Source("vpc-1", "10.0.1.7", 50000),
        ),
        headers=headers,
        route=Route(
            service_network_arn="sn-arn",
            service_arn="svc-arn",
            region="us-west-2",
            target_group=group,
            target=group.registered[0],
            address="",
            source_vpc_arn="",
            idle_timeout=idle_timeout,
        ),
        request_id="request-1",
        time_epoch=1767225600123456,
    )


def functions(version: Version) -> TargetGroup:
    """Declare a group of functions with an event structure version."""
    return TargetGroup(
        f"functions-{version.lower()}",
        type="LAMBDA",
        lambda_event_structure_version=version,
        targets=["echo"],
    )


def event_of(
    version: Version,
    body: bytes = b"",
    settings: LambdaSettings = DOCUMENTED,
    **request: Any,  # noqa: ANN401 - whatever `a_request` takes
) -> dict[str, Any]:
    """Make the event of one request."""
    return make_event(a_request(group=functions(version), **request), body, settings)


# ---------------------------------------------------------------------------- the event


@pytest.mark.parametrize("name", sorted(path.stem for path in FIXTURES.glob("*.json")))
def test_event_is_as_documented(name: str) -> None:
    """The whole event equals the page's example, keys in the page's order."""
    case = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    given = case["request"]
    pairs = (line.split(": ", 1) for line in given["headers"])
    request = a_request(
        group=functions(given["version"]),
        method=given["method"],
        path=given["path"],
        query=given["query"],
        headers=tuple((name, value) for name, value in pairs),
    )
    route = replace(
        request.route,
        service_network_arn=given["service_network_arn"],
        service_arn=given["service_arn"],
        source_vpc_arn=given["source_vpc_arn"],
    )
    request = request._replace(route=route, time_epoch=given["time_epoch"])

    event = make_event(request, given["body"].encode("latin-1"), DOCUMENTED)

    assert event == case["event"]
    assert json.dumps(event) == json.dumps(case["event"])


def test_each_event_is_a_fresh_plain_dict() -> None:
    """A handler that changes its event changes nothing for the next one."""
    request = a_request(query="a=1", headers=(JSON,), group=functions("V2"))
    first = make_event(request, b"{}", DOCUMENTED)
    untouched = json.loads(json.dumps(first))

    first["headers"].clear()
    first["queryStringParameters"]["a"].append("2")

    assert make_event(request, b"{}", DOCUMENTED) == untouched


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("a=1&b=2&a=3", {"a": ["1", "3"], "b": ["2"]}),
        ("a", {"a": [""]}),
        ("a=&a", {"a": ["", ""]}),
        ("=1", {"": ["1"]}),
        ("a=b=c", {"a": ["b=c"]}),
        ("&&a=1&", {"a": ["1"]}),
        ("a=%C3%A9%20%26&%61=2", {"a": ["é &", "2"]}),
        ("a=1+1", {"a": ["1+1"]}),
        ("a=%2B", {"a": ["+"]}),
        ("a=%FF", {"a": ["%FF"]}),
        ("a=100%", {"a": ["100%"]}),
        ("a=1;b=2", {"a": ["1;b=2"]}),
    ],
)
def test_query_parameters(query: str, parameters: dict[str, list[str]]) -> None:
    """V2 lists every value in order, decoded; the path keeps the query as sent."""
    event = event_of("V2", path="/%61", query=query)

    assert event["queryStringParameters"] == parameters
    assert event["path"] == f"/%61?{query}"


@pytest.mark.parametrize("query", [None, "", "&"])
def test_no_query_parameters(query: str | None) -> None:
    """Without parameters V1 has an empty object and V2 no key."""
    assert event_of("V1", query=query)["query_string_parameters"] == {}
    assert "queryStringParameters" not in event_of("V2", query=query)


def test_raw_query_is_a_setting() -> None:
    """Who knows that the service does not decode can say so."""
    event = event_of("V1", query="a=%20", settings=LambdaSettings(query="raw"))

    assert event["query_string_parameters"] == {"a": "%20"}


@pytest.mark.parametrize(
    ("repeats", "query", "header"),
    [("documented", "2", "1, 2"), ("seen", "1", "1,2")],
)
def test_v1_repeats_are_a_setting(
    repeats: Literal["documented", "seen"], query: str, header: str
) -> None:
    """V1 follows AWS's page, or the service as it was seen to behave."""
    event = event_of(
        "V1",
        query="a=1&a=2",
        headers=(("x-a", "1"), ("x-b", "0"), ("X-A", "2")),
        settings=LambdaSettings(v1_repeats=repeats),
    )

    assert event["query_string_parameters"] == {"a": query}
    assert event["headers"] == {"x-a": header, "x-b": "0"}


def test_header_names_are_lower_case() -> None:
    """Whatever the client wrote, the event has lower-case names."""
    event = event_of("V2", headers=(("X-Beta", "1"), ("x-beta", "2")))

    assert event["headers"] == {"x-beta": ["1", "2"]}


@pytest.mark.parametrize(
    ("raw", "text"), [(b"caf\xc3\xa9", "café"), (b"caf\xe9", "café"), (b"a", "a")]
)
def test_header_bytes_become_text(raw: bytes, text: str) -> None:
    """UTF-8 in a header is read as that, anything else as latin-1."""
    event = event_of("V1", headers=(("x-name", raw.decode("latin-1")),))

    assert event["headers"] == {"x-name": text}


@pytest.mark.parametrize(
    ("choice", "in_v1", "in_v2"),
    [("V1", True, False), ("both", True, True), ("neither", False, False)],
)
def test_lattice_headers(
    choice: Literal["V1", "both", "neither"], *, in_v1: bool, in_v2: bool
) -> None:
    """V1 has Lattice's own headers; V2 says the same in requestContext."""
    own = {
        "x-amzn-lattice-identity",
        "x-amzn-lattice-identity-tags",
        "x-amzn-lattice-network",
        "x-amzn-lattice-target",
        "x-amzn-source-vpc",
    }
    always = {"x-forwarded-for", "x-amzn-requestid"}
    headers = tuple((name, "k=v") for name in sorted(own | always))
    settings = LambdaSettings(lattice_headers=choice)
    v1 = event_of("V1", headers=headers, settings=settings)
    v2 = event_of("V2", headers=headers, settings=settings)

    assert set(v1["headers"]) == (own | always if in_v1 else always)
    assert set(v2["headers"]) == (own | always if in_v2 else always)


@pytest.mark.parametrize(
    ("header", "identity"),
    [
        ("", {}),
        ("Principal=; PrincipalOrgID=; Type=AWS_IAM", {"type": "AWS_IAM"}),
        ("Principal=p;Type=AWS_IAM;", {"type": "AWS_IAM", "principal": "p"}),
        ("Principal=a/s=1", {"principal": "a/s=1"}),
        (r"X509Subject/CN=a\;b; New=1", {"x509SubjectCn": "a;b"}),
    ],
)
def test_identity_is_read_from_the_header(
    header: str, identity: dict[str, str]
) -> None:
    """V2 names the caller by what the network wrote, in both of its spellings."""
    headers = (("x-amzn-lattice-identity", header),) if header else ()

    assert event_of("V2", headers=headers)["requestContext"]["identity"] == identity


@pytest.mark.parametrize(
    ("headers", "body", "text", "is_base64"),
    [
        ((), b"", "", False),
        ((), b"a", "YQ==", True),
        ((JSON,), b"", "", False),
        ((JSON,), b"{}", "{}", False),
        ((("Content-Type", "Application/JSON; charset=utf-8"),), b"{}", "{}", False),
        ((("content-type", "application/xml"),), b"<a/>", "<a/>", False),
        ((("content-type", "application/javascript"),), b"1", "1", False),
        ((("content-type", "text/csv"),), "é".encode(), "é", False),
        ((("content-type", "text/plain"),), b"\x80\xff", BINARY, True),
        ((("content-type", "application/problem+json"),), b"{}", "e30=", True),
        ((("content-type", "image/png"),), b"\x80\xff", BINARY, True),
        ((("content-type", "image/png"), GZIP), b"\x80\xff", BINARY, True),
        ((JSON, GZIP), b"{}", "e30=", True),
        ((("content-type", "image/png"), JSON), b"{}", "e30=", True),
    ],
)
def test_body(headers: Headers, body: bytes, text: str, *, is_base64: bool) -> None:
    """The content type and the content encoding say how the body is sent."""
    v1 = event_of("V1", body, headers=headers)
    v2 = event_of("V2", body, headers=headers)

    assert (v1["body"], v1["is_base64_encoded"]) == (text, is_base64)
    # V2 says it only where it is so
    assert (v2["body"], v2.get("isBase64Encoded")) == (text, is_base64 or None)


def test_compressed_text_to_the_letter_of_the_page() -> None:
    """The setting `literal` sends text as it is, whatever its encoding."""
    settings = LambdaSettings(compressed_text="literal")

    assert event_of("V1", b"{}", settings, headers=(JSON, GZIP))["body"] == "{}"


def test_text_can_be_flagged() -> None:
    """With `flag_text` V2 always says how the body is encoded."""
    event = event_of("V2", b"{}", LambdaSettings(flag_text=True), headers=(JSON,))

    assert event["isBase64Encoded"] is False


def test_absent_body_can_be_null() -> None:
    """With `null_body` a request without a body has none in the event either."""
    settings = LambdaSettings(null_body=True)

    assert event_of("V1", settings=settings)["body"] is None
    assert event_of("V2", settings=settings)["body"] is None


# --------------------------------------------------------------------------- the answer


def test_answer_is_read() -> None:
    """The example of AWS's page is read as HTTP, header names as written."""
    answer = {
        "isBase64Encoded": False,
        "statusCode": 200,
        "headers": {"Set-cookie": "cookies", "Content-Type": "application/json"},
        "body": "Hello from Lambda (optional)",
    }

    assert read_answer(answer) == (
        200,
        (("Set-cookie", "cookies"), ("Content-Type", "application/json")),
        b"Hello from Lambda (optional)",
        (),
    )


@pytest.mark.parametrize(
    ("part", "body"),
    [
        ({}, b""),
        ({"body": None}, b""),
        ({"body": "é"}, "é".encode()),
        ({"body": "AP8=", "isBase64Encoded": True}, b"\x00\xff"),
        ({"body": "AP8=", "isBase64Encoded": None}, b"AP8="),
        ({"isBase64Encoded": True}, b""),
        # AWS's Python runtime makes text of bytes that are UTF-8
        ({"body": b"AP8=", "isBase64Encoded": True}, b"\x00\xff"),
    ],
)
def test_answered_body(part: dict[str, object], body: bytes) -> None:
    """The body may be left out; Base64 is decoded where the answer says so."""
    assert read_answer(OK | part).body == body


@pytest.mark.parametrize(
    ("given", "headers"),
    [
        (None, ()),
        ({}, ()),
        ({"x-a": ["1", "2"]}, (("x-a", "1"), ("x-a", "2"))),
        ({"x-a": ("1", "2")}, (("x-a", "1"), ("x-a", "2"))),
        ({"x-a": []}, ()),
        ({"X-A": "1", "x-a": "2"}, (("X-A", "1"), ("x-a", "2"))),
        ({1: "a"}, (("1", "a"),)),
        ({"x-a": " é\t"}, (("x-a", "Ã©"),)),
        (
            {
                "Connection": "close",
                "Keep-Alive": "timeout=5",
                "Transfer-Encoding": "chunked",
                "Content-Length": "999",
                "TE": "trailers",
                "Trailer": "x",
                "Upgrade": "h2c",
                "Proxy-Connection": "close",
                "x-a": "1",
            },
            (("x-a", "1"),),
        ),
    ],
)
def test_answered_headers(given: object, headers: Headers) -> None:
    """Lists repeat the field, bytes are UTF-8, hop-by-hop headers are dropped."""
    assert read_answer(OK | {"headers": given}).headers == headers


@pytest.mark.parametrize("status", [200, 204, 404, 599, Decimal(201)])
def test_answered_status(status: object) -> None:
    """A status is a number from 200 to 599; a decimal from a database is one."""
    assert read_answer(OK | {"statusCode": status}).status == status


LOOP: list[object] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (None, "answered nothing (null); VPC Lattice wants an object such as {…}"),
        ("ok", 'answered text `"ok"`; VPC Lattice wants an object such as {…}'),
        ([OK], "answered a list; VPC Lattice wants an object such as {…}"),
        ({}, "answered without `statusCode`; write it as a number"),
        (
            {"status_code": 200},
            "answered without `statusCode`; write it, not `status_code`, as a number",
        ),
        (
            OK | {"statusCode": "201"},
            'answered `statusCode` as text `"201"`; write it as a number: 201',
        ),
        (
            OK | {"statusCode": "fine"},
            'answered `statusCode` as text `"fine"`; write it as a number: 200',
        ),
        (
            OK | {"statusCode": True},
            "answered `statusCode` as `true`; write it as a number: 200",
        ),
        (
            OK | {"statusCode": 200.0},
            "answered `statusCode` as the number `200.0`; write it as a number: 200",
        ),
        (
            OK | {"statusCode": None},
            "answered `statusCode` as nothing (null); write it as a number: 200",
        ),
        (
            OK | {"statusCode": 101},
            "answered `statusCode` 101, which is not 200 to 599",
        ),
        (
            OK | {"statusCode": 600},
            "answered `statusCode` 600, which is not 200 to 599",
        ),
        (
            OK | {"body": {"a": 1}},
            (
                "answered `body` as an object; write it as text, "
                "for instance with json.dumps"
            ),
        ),
        (
            OK | {"body": 1},
            (
                "answered `body` as the number `1`; write it as text, "
                "for instance with json.dumps"
            ),
        ),
        (
            OK | {"isBase64Encoded": "true"},
            'answered `isBase64Encoded` as text `"true"`; write true or false',
        ),
        (
            OK | {"isBase64Encoded": True, "body": "no base64!"},
            (
                "answered `isBase64Encoded` true with a `body` that is not Base64; "
                "encode it with base64.b64encode"
            ),
        ),
        (
            OK | {"headers": [["a", "b"]]},
            "answered `headers` as a list; write an object of texts",
        ),
        (
            OK | {"headers": {"retry-after": 5}},
            (
                "answered the header `retry-after` as the number `5`; "
                "write it as text or as a list of texts"
            ),
        ),
        (
            OK | {"headers": {"x-a": ["1", None]}},
            (
                "answered the header `x-a` as a list with nothing (null); "
                "write it as text or as a list of texts"
            ),
        ),
        (
            OK | {"headers": {"x-a": "1\r\nx-b: 2"}},
            "answered the header `x-a` with characters that HTTP forbids",
        ),
        (
            OK | {"headers": {"x-a": "\x07"}},
            "answered the header `x-a` with characters that HTTP forbids",
        ),
        (
            OK | {"headers": {"x a": "1"}},
            "answered the header `x a` with characters that HTTP forbids",
        ),
        (
            OK | {"body": datetime(2026, 1, 1, tzinfo=UTC)},
            "answered what JSON cannot hold: `body` in the answer is a `datetime`",
        ),
        (
            OK | {"headers": {"x-a": ["1", {2}]}},
            (
                "answered what JSON cannot hold: "
                "`1` in `x-a` in `headers` in the answer is a `set`"
            ),
        ),
        (
            OK | {"body": b"\xff"},
            "answered what JSON cannot hold: `body` in the answer is a `bytes`",
        ),
        (
            OK | {"x": float("nan")},
            "answered what JSON cannot hold: `x` in the answer is the number `nan`",
        ),
        (
            OK | {"x": Decimal("NaN")},
            "answered what JSON cannot hold: `x` in the answer is a `Decimal`",
        ),
        (
            OK | {"body": "\ud800"},
            'answered what JSON cannot hold: `body` in the answer is text `"\\ud800"`',
        ),
        (
            OK | {"headers": {b"x": "1"}},
            (
                "answered what JSON cannot hold: "
                "`headers` in the answer has a key that is not text"
            ),
        ),
    ],
)
def test_wrong_answer(answer: object, problem: str) -> None:
    """What is wrong is named, and how to write it right."""
    example = (
        '{"isBase64Encoded": false, "statusCode": 200, "headers": {}, "body": "…"}'
    )

    with pytest.raises(TargetError) as raised:
        read_answer(answer)

    assert str(raised.value) == problem.replace("{…}", example)


def test_answer_may_have_6_mb() -> None:
    """The JSON of the answer is what counts, in bytes; one more is refused."""
    frame = len(json.dumps(OK | {"body": ""}))
    body = "x" * (LARGEST - frame)

    assert read_answer(OK | {"body": body}).body == body.encode()
    with pytest.raises(TargetError) as raised:
        read_answer(OK | {"body": body[:-1] + "é"})
    assert str(raised.value) == (
        f"answered {LARGEST + 1} bytes of JSON, more than {LARGEST} (6 MB)"
    )


def test_answer_that_contains_itself() -> None:
    """A circle is named as such, and looking for the culprit comes to an end."""
    with pytest.raises(TargetError, match="contains itself or is nested too deeply"):
        read_answer(OK | {"x": LOOP})


def test_what_the_page_asks_for_is_hinted_at() -> None:
    """What AWS's page asks for and what it does not know is said, but goes through."""
    answer = {"statusCode": 200, "cookies": ["a=1"], "multiValueHeaders": {}}

    assert read_answer(answer).hints == (
        "answered without `isBase64Encoded`, which AWS's page asks for",
        "answered without `headers`, which AWS's page asks for",
        "answered `cookies`, which VPC Lattice does not read",
        "answered `multiValueHeaders`, which VPC Lattice does not read",
    )


def test_strict_answers() -> None:
    """With `strict` a hint is a mistake."""
    with pytest.raises(TargetError) as raised:
        read_answer(OK | {"statusDescription": "OK"}, strict=True)

    assert str(raised.value) == (
        "answered `statusDescription`, which VPC Lattice does not read"
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"query": "Raw"},
            [
                "unknown setting query of Lambda functions `Raw`",
                "did you mean `raw`?",
            ],
        ),
        (
            {"error_status": "502"},
            ["setting error_status of Lambda functions `'502'` is not from 400 to 599"],
        ),
        (
            {"timeout_ms": 0},
            ["setting timeout_ms of Lambda functions `0` is not from 1 to 900000"],
        ),
        (
            {"memory_mb": 64},
            ["setting memory_mb of Lambda functions `64` is not from 128 to 10240"],
        ),
        (
            {"strict": "no"},
            ["setting strict of Lambda functions `'no'` is not true or false"],
        ),
    ],
    ids=["choice", "text", "timeout", "memory", "flag"],
)
def test_wrong_setting_is_refused(fields: dict[str, Any], said: list[str]) -> None:
    """A misspelled choice would silently be the other one."""
    assert refused(LambdaSettings, **fields) == said
