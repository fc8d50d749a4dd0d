"""Policy documents: what they are read as, and what is refused, with the place."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.auth.policy import MANAGED, Kind, read_policy
from pytest_lattice.errors import ConfigurationError
from pytest_lattice.model.auth_policy import (
    Condition,
    Operator,
    Principals,
    Statement,
    policy_text,
)
from pytest_lattice.model.auth_settings import AuthSettings
from tests.auth.scene import OWN, SERVICE, document, statement
from tests.model.refusals import refused

WHERE = "auth policy of service `rates`"
INVOKE = "vpc-lattice-svcs:Invoke"
NO_CLOSE_ACTION = "known: vpc-lattice-svcs:Invoke, vpc-lattice-svcs:Connect"


def read(made: object, kind: Kind = "auth", **settings: Any) -> tuple[Statement, ...]:  # noqa: ANN401  # see AuthSettings
    """Read a document and give its statements."""
    text = policy_text(made, WHERE)
    chosen = AuthSettings(**settings)
    return read_policy(text, WHERE, kind, settings=chosen).statements


def said(made: object, kind: Kind = "auth", **settings: Any) -> list[str]:  # noqa: ANN401  # see AuthSettings
    """Read a document that is refused, and give what is said, without whose it is."""
    message, *notes = refused(read, made, kind, **settings)
    assert message.startswith(f"{WHERE}: ")
    return [message.removeprefix(f"{WHERE}: "), *notes]


# ---- reading ----------------------------------------------------------------


def test_everything() -> None:
    """Each element of a statement is read, single values as lists of one."""
    made = statement(
        Sid="Rates",
        Principal={"AWS": ["123456789012", "999999999999"]},
        Action=[INVOKE, "vpc-lattice-svcs:Connect"],
        Resource=f"{SERVICE}/*",
        Condition={"NumericEquals": {"vpc-lattice-svcs:port": [80, "443"]}},
    )

    assert read(document(made)) == (
        Statement(
            place="Statement[0]",
            sid="Rates",
            effect="Allow",
            principals=Principals(
                anyone=False, named=(("AWS", "123456789012"), ("AWS", "999999999999"))
            ),
            not_principal=False,
            actions=(INVOKE, "vpc-lattice-svcs:Connect"),
            not_action=False,
            resources=(f"{SERVICE}/*",),
            not_resource=False,
            conditions=(
                Condition(
                    Operator("NumericEquals"), "vpc-lattice-svcs:Port", ("80", "443")
                ),
            ),
        ),
    )


def test_negations() -> None:
    """The negated elements take the place of the others."""
    made = {
        "Effect": "Deny",
        "NotPrincipal": {"AWS": "123456789012"},
        "NotAction": INVOKE,
        "NotResource": "*/admin",
    }
    (found,) = read(document(made))

    assert (found.not_principal, found.not_action, found.not_resource) == (True,) * 3
    assert found.effect == "Deny"
    assert found.principals is not None
    assert not found.principals.anyone


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("*", Principals(anyone=True)),
        ({"AWS": "*"}, Principals(anyone=True)),
        ({"AWS": ["123456789012", "*"]}, Principals(anyone=True)),
        ("123456789012", Principals(anyone=False, named=(("AWS", "123456789012"),))),
        (
            {"AWS": "123456789012", "Service": ["a.amazonaws.com"]},
            Principals(
                anyone=False,
                named=(("AWS", "123456789012"), ("Service", "a.amazonaws.com")),
            ),
        ),
    ],
)
def test_principal(principal: object, expected: Principals) -> None:
    """A principal is everybody, or the named ones with their types."""
    (found,) = read(document(statement(Principal=principal)))

    assert found.principals == expected


@pytest.mark.parametrize(
    ("written", "operator"),
    [
        ("StringLike", Operator("StringLike")),
        ("StringLikeIfExists", Operator("StringLike", if_exists=True)),
        ("ForAllValues:StringLike", Operator("StringLike", "ForAllValues")),
        (
            "ForAnyValue:StringNotEqualsIfExists",
            Operator("StringNotEquals", "ForAnyValue", if_exists=True),
        ),
    ],
)
def test_operator(written: str, operator: Operator) -> None:
    """An operator is a name with a set operator before and IfExists behind."""
    made = statement(Condition={written: {"aws:username": "ann"}})
    (found,) = read(document(made))

    assert found.conditions[0].operator == operator
    assert str(operator) == written


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "true"),
        (False, "false"),
        (80, "80"),
        (0.5, "0.5"),
        ("Text", "Text"),
    ],
)
def test_value(value: object, expected: str) -> None:
    """Quotes around numbers and booleans are optional in conditions."""
    made = statement(Condition={"StringEquals": {"aws:UserAgent": value}})
    (found,) = read(document(made))

    assert found.conditions[0].values == (expected,)


def test_version_and_name() -> None:
    """A policy knows whose it is, and whether it has variables."""
    new = read_policy(policy_text(document(statement()), ""), WHERE)
    old = read_policy(policy_text({"Statement": statement()}, ""), WHERE)

    assert (new.version, new.has_variables, new.name) == ("2012-10-17", True, WHERE)
    assert (old.version, old.has_variables) == ("2008-10-17", False)


def test_identity_policy() -> None:
    """A caller's own policy names no principal and may speak of other services."""
    made = {
        **OWN,
        "Action": ["s3:Get*", INVOKE, "*"],
        "Condition": {"StringEquals": {"s3:prefix": "a"}},
    }
    (found,) = read(document(made), "identity")

    assert found.principals is None
    assert found.actions == ("s3:Get*", INVOKE, "*")
    assert found.conditions[0].key == "s3:prefix"


@pytest.mark.parametrize("name", MANAGED)
def test_managed_policy(name: str) -> None:
    """AWS's managed policies that say anything of calls are known by ARN."""
    found = read_policy(f"arn:aws:iam::aws:policy/{name}", WHERE, "identity")

    assert found.statements[0].effect == ("Deny" if name == "AWSDenyAll" else "Allow")
    assert found.name == f"{WHERE}: managed policy `{name}`"


def test_unknown_managed_policy() -> None:
    """Another managed policy is refused with those that are known."""
    assert refused(
        read_policy, "arn:aws:iam::aws:policy/ReadOnlyAccess", WHERE, "identity"
    ) == [
        f"{WHERE}: managed policy `ReadOnlyAccess` is not known here",
        (
            "known: AWSDenyAll, AdministratorAccess, PowerUserAccess, "
            "VPCLatticeServicesInvokeAccess; "
            "else give the document itself"
        ),
    ]


# ---- refusing ---------------------------------------------------------------

BAD_WILDCARD = (
    "principal `arn:aws:iam::123456789012:role/*` has a wildcard, which matches "
    'nobody; use "*" with a condition on `aws:PrincipalArn`'
)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ({"Statement": []}, ["Statement: there is no statement"]),
        ({}, ["Statement: there is no statement"]),
        ({"Statement": "*"}, ["Statement: there is no statement"]),
        ({"Statement": ["*"]}, ["Statement[0]: text is not a statement"]),
        ({"Statement": [None]}, ["Statement[0]: null is not a statement"]),
        (
            document(statement(), version="2012-10-18"),
            ["Version: `2012-10-18` is not 2012-10-17 or 2008-10-17"],
        ),
        (
            {"Version": None, "Statement": [statement()]},
            ["Version: `None` is not 2012-10-17 or 2008-10-17"],
        ),
        (
            {"Statements": [statement()]},
            [
                "Statements: unknown element `Statements`",
                "did you mean `Statement`?",
            ],
        ),
        (
            document(statement(Sid="A"), statement(), statement(Sid="A")),
            ["Statement[2]: Sid `A` is that of Statement[0] too"],
        ),
    ],
)
def test_document_is_refused(made: object, expected: list[str]) -> None:
    """A document that AWS would not take is refused with the place."""
    assert said(made) == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (
            {"Effect": "allow"},
            ["Statement[0].Effect: `allow` is not an effect; write Allow or Deny"],
        ),
        ({"Sid": 1}, ["Statement[0].Sid: a number is not text"]),
        (
            {"Actions": INVOKE},
            [
                "Statement[0].Actions: unknown element `Actions`",
                "did you mean `Action`?",
            ],
        ),
        (
            {"NotAction": INVOKE, "Action": INVOKE},
            ["Statement[0]: Action and NotAction are both given"],
        ),
        (
            {"Principal": "reader"},
            [
                (
                    "Statement[0].Principal: `reader` is not a principal; "
                    'write "*" or {"AWS": "reader"}'
                )
            ],
        ),
        (
            {"Principal": "\uff11" * 12},
            [
                (
                    f"Statement[0].Principal: `{chr(0xFF11) * 12}` is not a principal; "
                    f'write "*" or {{"AWS": "{chr(0xFF11) * 12}"}}'
                )
            ],
        ),
        ({"Principal": []}, ["Statement[0].Principal: a list is not a principal"]),
        ({"Principal": {}}, ["Statement[0].Principal: an object is not a principal"]),
        ({"Principal": None}, ["Statement[0].Principal: null is not a principal"]),
        (
            {"Principal": {"Aws": "*"}},
            [
                "Statement[0].Principal.Aws: unknown type of principal `Aws`",
                "did you mean `AWS`?",
            ],
        ),
        (
            {"Principal": {"AWS": []}},
            ["Statement[0].Principal.AWS: the list is empty"],
        ),
        (
            {"Principal": {"AWS": 123456789012}},
            ["Statement[0].Principal.AWS: a number is not text"],
        ),
        (
            {"NotPrincipal": {"AWS": "arn:aws:iam::123456789012:role/*"}},
            [f"Statement[0].NotPrincipal.AWS: {BAD_WILDCARD}"],
        ),
        (
            {"Action": "Invoke"},
            [
                "Statement[0].Action: `Invoke` is not an action",
                "did you mean `vpc-lattice-svcs:Invoke`?",
            ],
        ),
        (
            {"Action": "vpc-lattice-svcs:Invok"},
            [
                "Statement[0].Action: unknown action `vpc-lattice-svcs:Invok`",
                "did you mean `vpc-lattice-svcs:Invoke`?",
            ],
        ),
        (
            {"Action": "vpc-lattice:Invoke"},
            [
                "Statement[0].Action: unknown action `vpc-lattice:Invoke`",
                "did you mean `vpc-lattice-svcs:Invoke`?",
            ],
        ),
        (
            {"Action": ["*", "s3:GetObject"]},
            [
                "Statement[0].Action: unknown action `s3:GetObject`",
                NO_CLOSE_ACTION,
            ],
        ),
        ({"Action": []}, ["Statement[0].Action: the list is empty"]),
        ({"Action": [["*"]]}, ["Statement[0].Action: a list is not text"]),
        ({"Resource": ""}, ["Statement[0].Resource: a resource is empty"]),
        ({"Resource": {"a": "b"}}, ["Statement[0].Resource: an object is not text"]),
        (
            {"Resource": "*/${aws:username"},
            ["Statement[0].Resource: a variable `${` is not closed"],
        ),
        (
            {"Resource": "*/${aws:userName2}"},
            [
                "Statement[0].Resource: unknown condition key `aws:userName2`",
                "did you mean `aws:username`?",
            ],
        ),
    ],
)
def test_statement_is_refused(members: dict[str, object], expected: list[str]) -> None:
    """A statement that AWS would not take, or that never matches, is refused."""
    assert said(document({**statement(**members), **members})) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Effect", ["Statement[0].Effect: is missing; write Allow or Deny"]),
        ("Principal", ["Statement[0]: Principal and NotPrincipal are both missing"]),
        ("Action", ["Statement[0]: Action and NotAction are both missing"]),
        ("Resource", ["Statement[0]: Resource and NotResource are both missing"]),
    ],
)
def test_missing_member(name: str, expected: list[str]) -> None:
    """What a statement has to have is missed by its name."""
    made = {key: value for key, value in statement().items() if key != name}

    assert said(document(made)) == expected


KEY = "vpc-lattice-svcs:RequestMethod"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ([], [": a list is not a condition"]),
        ({"StringEquals": "GET"}, [".StringEquals: text has no condition keys"]),
        (
            {"StringEqual": {KEY: "GET"}},
            [
                ".StringEqual: unknown operator `StringEqual`",
                "did you mean `StringEquals`?",
            ],
        ),
        (
            {"stringequals": {KEY: "GET"}},
            [
                ".stringequals: unknown operator `stringequals`",
                "did you mean `StringEquals`?",
            ],
        ),
        (
            {"ForAnyValues:StringEquals": {KEY: "GET"}},
            [
                (
                    ".ForAnyValues:StringEquals: unknown operator "
                    "`ForAnyValues:StringEquals`"
                ),
                "did you mean `StringEquals`?",
            ],
        ),
        (
            {"ForAnyValue:Null": {KEY: "true"}},
            [(".ForAnyValue:Null: Null goes with neither IfExists nor a set operator")],
        ),
        (
            {"NullIfExists": {KEY: "true"}},
            [".NullIfExists: Null goes with neither IfExists nor a set operator"],
        ),
        (
            {"StringEquals": {"vpc-lattice-svcs:Method": "GET"}},
            [
                ".StringEquals: unknown condition key `vpc-lattice-svcs:Method`",
                "did you mean `vpc-lattice-svcs:RequestMethod`?",
            ],
        ),
        (
            {"StringEquals": {"aws:PrincipleTag/Team": "fx"}},
            [
                ".StringEquals: unknown condition key `aws:PrincipleTag/Team`",
                "did you mean `aws:PrincipalTag/Team`?",
            ],
        ),
        (
            {"StringEquals": {"kms:x": "fx"}},
            [".StringEquals: unknown condition key `kms:x`"],
        ),
        ({"StringEquals": {KEY: []}}, [f".StringEquals.{KEY}: the list is empty"]),
        ({"StringEquals": {KEY: None}}, [f".StringEquals.{KEY}: null is not text"]),
        (
            {"StringEquals": {KEY: {"a": "b"}}},
            [f".StringEquals.{KEY}: an object is not text"],
        ),
        (
            {"NumericEquals": {"vpc-lattice-svcs:Port": "http"}},
            [".NumericEquals.vpc-lattice-svcs:Port: `http` is not a number"],
        ),
        (
            {"Bool": {"aws:SecureTransport": "yes"}},
            [".Bool.aws:SecureTransport: `yes` is not true or false"],
        ),
        (
            {"IpAddress": {"aws:SourceIp": "10.0.0.0/33"}},
            [(".IpAddress.aws:SourceIp: `10.0.0.0/33` is not an IP address or range")],
        ),
        (
            {"IpAddress": {"aws:SourceIp": "10.0.0.0/255.0.0.0"}},
            [
                (
                    ".IpAddress.aws:SourceIp: `10.0.0.0/255.0.0.0` is not an IP "
                    "address or range"
                )
            ],
        ),
        (
            {"ArnLike": {"aws:PrincipalArn": "reader"}},
            [".ArnLike.aws:PrincipalArn: `reader` is not an ARN pattern"],
        ),
        (
            {"StringEquals": {KEY: "${aws:PrincipleArn}"}},
            [
                f".StringEquals.{KEY}: unknown condition key `aws:PrincipleArn`",
                "did you mean `aws:PrincipalArn`?",
            ],
        ),
        (
            {"StringEquals": {KEY: "${a b}"}},
            [f".StringEquals.{KEY}: `${{a b}}` is not a policy variable"],
        ),
    ],
)
def test_condition_is_refused(condition: object, expected: list[str]) -> None:
    """A condition that could never be meant is refused with the nearest right name."""
    message, *notes = said(document(statement(Condition=condition)))

    assert [message.removeprefix("Statement[0].Condition"), *notes] == expected


@pytest.mark.parametrize("name", ["Principal", "NotPrincipal"])
def test_identity_policy_with_a_principal(name: str) -> None:
    """A caller's own policy with a principal is refused."""
    made = {**OWN, name: "*"}

    assert said(document(made), "identity") == [
        f"Statement[0].{name}: an identity-based policy names no principal"
    ]


def test_identity_policy_with_a_misspelled_action() -> None:
    """A caller's own policy is held to Lattice's names where it speaks of Lattice."""
    made = {**OWN, "Action": "vpc-lattice-svcs:Inwoke"}

    assert said(document(made), "identity") == [
        "Statement[0].Action: unknown action `vpc-lattice-svcs:Inwoke`",
        "did you mean `vpc-lattice-svcs:Invoke`?",
    ]


def test_size() -> None:
    """The quota counts bytes of the compact text of an auth policy."""
    made = document(statement(Sid="é" * 5000))
    size = len(policy_text(made, WHERE).encode())

    assert size > 10_000
    assert read(made, policy_bytes=size)
    assert said(made, policy_bytes=size - 1) == [
        f"{size:,} bytes are more than {size - 1:,}"
    ]
    assert said(document(statement(Sid="a" * 10_240)))[0].endswith("more than 10,240")
    assert read(document({**OWN, "Sid": "a" * 10_240}), "identity")


def test_key_case() -> None:
    """With exact case, a key is refused that IAM would take."""
    made = document(statement(Condition={"StringEquals": {KEY.lower(): "GET"}}))

    assert read(made)[0].conditions[0].key == KEY
    assert said(made, key_case="exact") == [
        f"Statement[0].Condition.StringEquals: unknown condition key `{KEY.lower()}`",
        f"did you mean `{KEY}`?",
    ]


def test_unknown_key_as_a_warning() -> None:
    """With the setting, an unknown key is only warned about; it stays as it is."""
    made = document(statement(Condition={"StringEquals": {"aws:Nothing": "x"}}))
    warnings: list[str] = []
    found = read_policy(
        policy_text(made, WHERE),
        WHERE,
        settings=AuthSettings(unknown_keys="warn"),
        warn=warnings.append,
    )

    assert found.statements[0].conditions[0].key == "aws:Nothing"
    assert warnings == [
        (
            f"{WHERE}: Statement[0].Condition.StringEquals: unknown condition key "
            "`aws:Nothing`, which is always missing"
        )
    ]


MEMBERS = ["Version", "Statement", "Effect", "Principal", "AWS", "Action", "Condition"]
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
    ),
    max_leaves=8,
)


@given(
    made=st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=3),
    members=st.dictionaries(
        st.sampled_from([*statement(), "Condition", "Sid"]), JSON, max_size=2
    ),
)
def test_no_document_is_too_odd(
    made: dict[str, object], members: dict[str, object]
) -> None:
    """Any JSON is read, or refused by name; nothing else is ever raised."""
    for each in (made, document({**statement(), **members})):
        try:
            found = read(json.loads(json.dumps(each)))
        except ConfigurationError as error:
            assert str(error).startswith(WHERE)  # noqa: PT017  # either way is right
        else:
            assert found
