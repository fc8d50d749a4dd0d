"""Traps of auth policies: what the author meant, and what happens.

Where there is a right way to say it, the test says it too: the service `trap` has the
policy that looks right, and the service `right` the one that is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import flask
import pytest

from pytest_lattice import (
    AuthSettings,
    ConfigurationError,
    Forward,
    LatticeWarning,
    Listener,
    ResourceShare,
    Role,
    Service,
    ServiceNetwork,
    SigV4Auth,
    TargetGroup,
    Vpc,
    VpcAssociation,
    assert_allowed,
    assert_denied,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from pytest_lattice import Decision, LatticeNetwork

ORGANIZATION = "o-123456example"
INVOKE = ["VPCLatticeServicesInvokeAccess"]
TRAP, RIGHT = Service("trap").arn, Service("right").arn

#: A role of the services' account and organization.
CALLER = Role("caller", policies=INVOKE, org_id=ORGANIZATION, tags={"Team": "Payments"})
#: A role of an account that belongs to no organization.
OUTSIDER = Role("outsider", policies=INVOKE, account="444455556666")


def statement(effect: str = "Allow", **members: object) -> dict[str, object]:
    """Write a statement about everybody and everything, but for what is given."""
    whom = {} if "NotPrincipal" in members else {"Principal": "*"}
    rest = {"Action": "vpc-lattice-svcs:Invoke", "Resource": "*"}
    return {"Effect": effect, **whom, **rest, **members}


def when(operator: str, key: str, value: object) -> dict[str, object]:
    """Write a condition of one line."""
    return {operator: {key: value}}


def policy(*statements: Mapping[str, object]) -> dict[str, object]:
    """Write a policy of today's version."""
    return {"Version": "2012-10-17", "Statement": [*statements]}


@pytest.fixture
def network(lattice_network: LatticeNetwork) -> LatticeNetwork:
    """Two callers; no service yet."""
    lattice_network.add(CALLER, OUTSIDER)
    return lattice_network


def declare(
    network: LatticeNetwork,
    name: str,
    *statements: Mapping[str, object],
    auth_type: Literal["", "NONE", "AWS_IAM"] = "",
    custom_domain_name: str | None = None,
    app: Any = "echo",  # noqa: ANN401  # whatever a target group takes
) -> None:
    """Declare a service with a policy, for HTTPS and HTTP."""
    listeners = [
        Listener("HTTPS", default=Forward(name)),
        Listener("HTTP", default=Forward(name)),
    ]
    network.add(
        TargetGroup(name, targets=[app]),
        Service(
            name,
            listeners=listeners,
            auth_type=auth_type,
            auth_policy=policy(*statements) if statements else None,
            custom_domain_name=custom_domain_name,
        ),
    )


def ask(
    network: LatticeNetwork,
    service: str,
    path: str = "/",
    *,
    method: str = "GET",
    role: Role | None = None,
    vpc: str | None = None,
) -> Decision:
    """Ask whether a role, or else an anonymous caller, may make a request."""
    return network.authorize(method, f"https://{service}{path}", role=role, vpc=vpc)


def ask_grpc(network: LatticeNetwork, service: str, path: str) -> Decision:
    """Ask whether an anonymous caller may make a gRPC call."""
    return network.authorize(
        "POST",
        f"https://{service}{path}",
        headers={"content-type": "application/grpc"},
        http2=True,
    )


def get(
    network: LatticeNetwork,
    service: str,
    path: str = "/",
    *,
    role: Role | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """Make a real request, signed by the role if there is one."""
    with network.client(service, role=role) as client:
        return client.get(path, headers=headers)


# ---- who has to allow -------------------------------------------------------


def test_p01_anyone_is_anonymous_too(network: LatticeNetwork) -> None:
    """Meant is every role of ours; `*` is whoever can connect, signed or not."""
    declare(network, "trap", statement())

    response = get(network, "trap")

    assert_allowed(response)
    assert response.status_code == 200


def test_p02_a_policy_without_its_auth_type(network: LatticeNetwork) -> None:
    """A policy that denies everything is kept and inactive with auth type NONE."""
    declare(network, "trap", statement("Deny"), auth_type="NONE")

    assert get(network, "trap").status_code == 200


def test_p03_an_auth_type_without_its_policy(network: LatticeNetwork) -> None:
    """AWS_IAM alone does not mean every authenticated caller: it means nobody."""
    declare(network, "trap", auth_type="AWS_IAM")

    assert_denied(get(network, "trap"), layer="service", verdict="implicit")
    assert_denied(get(network, "trap", role=CALLER), layer="service")


def test_p03_a_network_without_its_policy(network: LatticeNetwork) -> None:
    """The network says no for each of its services, whatever their own policies say."""
    declare(network, "trap", statement())
    network.add(
        ServiceNetwork(
            "company", services=["trap"], vpcs=["default"], auth_type="AWS_IAM"
        )
    )

    assert_denied(get(network, "trap"), layer="network", verdict="implicit")
    assert_denied(get(network, "trap", role=CALLER), layer="network")


def test_p04_the_role_needs_a_policy_of_its_own(network: LatticeNetwork) -> None:
    """A service that names a role of its own account lets it in only half-way."""
    role = network.role("forgotten")
    declare(network, "trap", statement(Principal={"AWS": role.arn}))

    response = get(network, "trap", role=role)

    assert_denied(response, layer="identity", verdict="implicit")
    assert response.text.endswith(
        "because no identity-based policy allows the vpc-lattice-svcs:Invoke action"
    )


# ---- what an anonymous caller lacks -----------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("aws:PrincipalTag/Team", "Interns"),
        ("aws:PrincipalArn", "arn:aws:iam::123456789012:role/intern"),
        ("aws:PrincipalOrgID", "o-evilexample"),
    ],
)
def test_p05_not_equal_to_nothing(
    network: LatticeNetwork, key: str, value: str
) -> None:
    """Who has no tag, ARN or organization differs from the one that is kept out."""
    declare(network, "trap", statement(Condition=when("StringNotEquals", key, value)))

    assert_allowed([ask(network, "trap"), ask(network, "trap", role=CALLER)])


def test_p06_the_account_of_nobody(network: LatticeNetwork) -> None:
    """An anonymous caller has an account, `anonymous`, which is not the bad one."""
    condition = when("StringNotEquals", "aws:PrincipalAccount", OUTSIDER.account)
    declare(network, "trap", statement(Condition=condition))

    assert_denied(ask(network, "trap", role=OUTSIDER), layer="service")
    assert_allowed(ask(network, "trap"))


@pytest.mark.parametrize(
    ("operator", "key", "value"),
    [
        ("StringEqualsIfExists", "aws:PrincipalOrgID", ORGANIZATION),
        ("ArnLikeIfExists", "aws:PrincipalArn", CALLER.arn),
    ],
)
def test_p07_if_exists_does_not_exist(
    network: LatticeNetwork, operator: str, key: str, value: str
) -> None:
    """IfExists on a key of the caller lets in whoever has none."""
    declare(network, "trap", statement(Condition=when(operator, key, value)))
    declare(
        network,
        "right",
        statement(Condition=when(operator.removesuffix("IfExists"), key, value)),
    )

    assert_allowed(ask(network, "trap"))
    assert_denied(ask(network, "right"), layer="service", verdict="implicit")
    assert_allowed(ask(network, "right", role=CALLER))


def test_p08_all_values_of_none(network: LatticeNetwork) -> None:
    """ForAllValues holds for a caller who has no value at all."""
    key, ours = "aws:PrincipalOrgPaths", f"{ORGANIZATION}/*"
    declare(
        network, "trap", statement(Condition=when("ForAllValues:StringLike", key, ours))
    )
    declare(
        network, "right", statement(Condition=when("ForAnyValue:StringLike", key, ours))
    )

    assert_allowed([ask(network, "trap"), ask(network, "trap", role=OUTSIDER)])
    assert_denied([ask(network, "right"), ask(network, "right", role=OUTSIDER)])


def test_p09_a_denial_that_looks_for_a_name(network: LatticeNetwork) -> None:
    """A bad organization is kept out only as long as its members sign."""
    evil = network.role("evil", policies=INVOKE, org_id="o-evilexample")
    declare(
        network,
        "trap",
        statement(),
        statement(
            "Deny",
            Sid="NoEvil",
            Condition=when("StringEquals", "aws:PrincipalOrgID", "o-evilexample"),
        ),
    )

    assert_denied(ask(network, "trap", role=evil), verdict="explicit", by="NoEvil")
    assert_allowed(ask(network, "trap"))


def test_p10_a_denial_that_hits_who_has_none(network: LatticeNetwork) -> None:
    """Other organizations are denied, and with them who is in none or anonymous."""
    declare(
        network,
        "trap",
        statement(),
        statement(
            "Deny",
            Sid="NoOthers",
            Condition=when("StringNotEquals", "aws:PrincipalOrgID", ORGANIZATION),
        ),
    )

    assert_allowed(ask(network, "trap", role=CALLER))
    assert_denied(
        [ask(network, "trap"), ask(network, "trap", role=OUTSIDER)],
        verdict="explicit",
        by="NoOthers",
    )


def test_p11_anonymous_has_a_capital(network: LatticeNetwork) -> None:
    """The value is `Anonymous`, which StringNotEquals tells from `anonymous`."""
    key = "aws:PrincipalType"
    declare(
        network, "trap", statement(Condition=when("StringNotEquals", key, "anonymous"))
    )
    declare(
        network, "right", statement(Condition=when("StringNotEquals", key, "Anonymous"))
    )

    assert_allowed(ask(network, "trap"))
    assert_denied(ask(network, "right"), layer="service", verdict="implicit")


# ---- paths, wildcards and variables -----------------------------------------


def test_p12_a_wildcard_that_is_none(network: LatticeNetwork) -> None:
    """StringEquals takes `*` for a star; StringLike takes it for anything."""
    key = "vpc-lattice-svcs:RequestPath"
    declare(network, "trap", statement(Condition=when("StringEquals", key, "/api/*")))
    declare(network, "right", statement(Condition=when("StringLike", key, "/api/*")))

    assert_denied(ask(network, "trap", "/api/orders"), verdict="implicit")
    assert_allowed(ask(network, "right", "/api/orders"))


def test_p13_variables_need_the_version(network: LatticeNetwork) -> None:
    """Without a Version it is 2008, and a policy variable is only text."""
    team = "/teams/${aws:PrincipalTag/Team}/*"
    network.add(
        TargetGroup("trap", targets="echo"),
        Service(
            "trap",
            listeners=[Listener("HTTPS", default=Forward("trap"))],
            auth_policy={"Statement": [statement(Resource=f"{TRAP}{team}")]},
        ),
    )
    declare(network, "right", statement(Resource=f"{RIGHT}{team}"))

    path = "/teams/Payments/orders"
    assert_denied(ask(network, "trap", path, role=CALLER), verdict="implicit")
    assert_allowed(ask(network, "right", path, role=CALLER))


def test_p14_the_arn_of_a_service_is_no_request(network: LatticeNetwork) -> None:
    """Every request has a path, even `/`, so the bare ARN never matches one."""
    declare(network, "trap", statement(Resource=TRAP))
    declare(network, "right", statement(Resource=f"{RIGHT}/*"))

    assert_denied(ask(network, "trap"), layer="service", verdict="implicit")
    assert_allowed([ask(network, "right"), ask(network, "right", "/any")])


@pytest.mark.parametrize(
    ("path", "denied"),
    [
        ("/admin", True),
        ("/admin/", True),
        ("/admin;x=1", True),
        ("/admin%2Fusers", True),
        ("/administrator", True),  # more than was meant
        ("/Admin", False),
        ("//admin", False),
        ("/%61dmin", False),
    ],
)
def test_p15_a_denial_of_a_path(
    network: LatticeNetwork, path: str, *, denied: bool
) -> None:
    """A path is compared as it was sent, so a denial has many ways around it."""
    declare(
        network,
        "trap",
        statement(),
        statement("Deny", Resource=f"{TRAP}/admin*"),
    )

    decision = ask(network, "trap", path)

    (assert_denied if denied else assert_allowed)(decision)


def test_p15_the_app_decodes_what_the_policy_did_not(network: LatticeNetwork) -> None:
    """The app serves its admin page for the path that the denial did not know."""
    app = flask.Flask(__name__)
    app.testing = True
    app.add_url_rule("/admin", "admin", lambda: "the admin page")
    deny = statement("Deny", Resource=f"{TRAP}/admin*")
    declare(network, "trap", statement(), deny, app=app)
    declare(network, "right", statement(Resource=f"{RIGHT}/shop/*"), app=app)

    assert_denied(get(network, "trap", "/admin"), verdict="explicit")
    assert get(network, "trap", "/%61dmin").text == "the admin page"
    assert_denied(get(network, "right", "/%61dmin"), verdict="implicit")


def test_p16_a_folder_without_its_slash(network: LatticeNetwork) -> None:
    """The pattern for what is below /api does not match /api itself."""
    key = "vpc-lattice-svcs:RequestPath"
    declare(network, "trap", statement(Condition=when("StringLike", key, "/api/*")))
    both = ["/api", "/api/*"]
    declare(network, "right", statement(Condition=when("StringLike", key, both)))

    assert_denied(ask(network, "trap", "/api"), verdict="implicit")
    assert_allowed(ask(network, "trap", "/api/"))
    assert_allowed([ask(network, "right", "/api"), ask(network, "right", "/api/")])


# ---- what the caller chooses ------------------------------------------------


def test_p17_headers_are_the_callers_choice(network: LatticeNetwork) -> None:
    """A header that says who calls is believed, unless a known role must send it."""
    proxy = network.role("proxy", policies=INVOKE)
    condition = when("StringEquals", "vpc-lattice-svcs:RequestHeader/x-user", "admin")
    declare(network, "trap", statement(Condition=condition))
    pinned = statement(Principal={"AWS": proxy.arn}, Condition=condition)
    declare(network, "right", pinned)
    claim = {"x-user": "admin"}

    assert_allowed(get(network, "trap", headers=claim))
    assert_denied(get(network, "right", headers=claim), layer="service")
    assert_allowed(get(network, "right", role=proxy, headers=claim))


def test_p18_identity_headers_cannot_be_forged(network: LatticeNetwork) -> None:
    """The app may trust the identity header: the network writes it anew."""
    declare(network, "right", statement())
    forged = {"x-amzn-lattice-identity": "Principal=arn:aws:iam::123456789012:root"}

    signed = get(network, "right", role=CALLER, headers=forged).json()["headers"]
    anonymous = get(network, "right", headers=forged).json()["headers"]

    (identity,) = signed["x-amzn-lattice-identity"]
    assert identity.startswith(f"Principal={CALLER.principal};")
    assert "x-amzn-lattice-identity" not in anonymous


def test_p19_a_parameter_has_several_values(network: LatticeNetwork) -> None:
    """A parameter of the query is a list, and a plain operator is not for lists."""
    key = "vpc-lattice-svcs:RequestQueryString/role"
    plain = statement("Deny", Condition=when("StringEquals", key, "admin"))
    of_any = when("ForAnyValue:StringEquals", key, "admin")
    with pytest.warns(LatticeWarning, match="StringEquals never holds"):
        declare(network, "trap", statement(), plain)
    declare(network, "right", statement(), statement("Deny", Condition=of_any))

    attacks = ["/?role=admin", "/?role=user&role=admin"]
    assert_allowed([ask(network, "trap", path) for path in attacks])
    assert_denied([ask(network, "right", path) for path in attacks], verdict="explicit")


def test_p19_a_parameter_may_be_left_out(network: LatticeNetwork) -> None:
    """To allow by a parameter takes all of its values, and that there is one."""
    key = "vpc-lattice-svcs:RequestQueryString/role"
    all_of_them = when("ForAllValues:StringEquals", key, "user")
    declare(network, "trap", statement(Condition=all_of_them))
    there_is_one = when("Null", key, "false")
    declare(network, "right", statement(Condition={**all_of_them, **there_is_one}))

    assert_allowed(ask(network, "trap", "/"))
    assert_denied(
        [ask(network, "right", path) for path in ("/", "/?role=user&role=admin")]
    )
    assert_allowed(ask(network, "right", "/?role=user"))


# ---- principals -------------------------------------------------------------


def test_p20_root_is_everybody_of_the_account(network: LatticeNetwork) -> None:
    """The root ARN is no one person: it is every role that has a policy of its own."""
    intern = network.role("intern", policies=INVOKE)
    declare(
        network, "trap", statement(Principal={"AWS": "arn:aws:iam::123456789012:root"})
    )

    assert_allowed(ask(network, "trap", role=intern))
    assert_denied([ask(network, "trap", role=OUTSIDER), ask(network, "trap")])


def test_p21_a_principal_has_no_wildcards(network: LatticeNetwork) -> None:
    """A pattern of roles is refused; a condition on the ARN says what was meant."""
    roles = "arn:aws:iam::123456789012:role/*"
    with pytest.raises(
        ConfigurationError, match="has a wildcard, which matches nobody"
    ):
        declare(network, "trap", statement(Principal={"AWS": roles}))
    condition = when("ArnLike", "aws:PrincipalArn", roles)
    declare(network, "right", statement(Condition=condition))

    assert_allowed(ask(network, "right", role=CALLER))
    assert_denied([ask(network, "right", role=OUTSIDER), ask(network, "right")])


def test_p22_the_arn_is_that_of_the_role(network: LatticeNetwork) -> None:
    """A 403 names the session, and the key `aws:PrincipalArn` the role."""
    session = "arn:aws:sts::123456789012:assumed-role/caller/*"
    for name, arn in {"trap": session, "right": CALLER.arn}.items():
        condition = when("ArnLike", "aws:PrincipalArn", arn)
        declare(network, name, statement(Condition=condition))

    assert_denied(ask(network, "trap", role=CALLER), verdict="implicit")
    assert_allowed(ask(network, "right", role=CALLER))


def test_p23_everybody_but_one_role(network: LatticeNetwork) -> None:
    """To allow by NotPrincipal allows whoever is not that role, anonymous included."""
    declare(network, "trap", statement(NotPrincipal={"AWS": CALLER.arn}))

    assert_denied(ask(network, "trap", role=CALLER), verdict="implicit")
    assert_allowed([ask(network, "trap"), ask(network, "trap", role=OUTSIDER)])


def test_p23_nobody_but_one_role(network: LatticeNetwork) -> None:
    """To deny by NotPrincipal locks a role out unless it is named wholly."""
    account = f"arn:aws:iam::{CALLER.account}:root"
    named = [CALLER.arn, CALLER.principal, account]
    trap = statement("Deny", Sid="Others", NotPrincipal={"AWS": CALLER.arn})
    right = statement("Deny", Sid="Others", NotPrincipal={"AWS": named})
    declare(network, "trap", statement(), trap)
    declare(network, "right", statement(), right)

    assert_denied(ask(network, "trap", role=CALLER), by="Others")
    assert_allowed(ask(network, "right", role=CALLER))
    assert_denied(ask(network, "right", role=OUTSIDER), by="Others")


# ---- gRPC -------------------------------------------------------------------


def test_p25_grpc_always_posts(network: LatticeNetwork) -> None:
    """A gRPC method that only reads is a POST, whatever its name."""
    method = "vpc-lattice-svcs:RequestMethod"
    declare(network, "trap", statement(Condition=when("StringEquals", method, "GET")))
    declare(network, "right", statement(Condition=when("StringEquals", method, "POST")))

    assert_denied(ask_grpc(network, "trap", "/parking/GetRates"), layer="service")
    assert_allowed(ask_grpc(network, "right", "/parking/GetRates"))


def test_p25_grpc_has_no_query(network: LatticeNetwork) -> None:
    """A denial by a parameter does not see one in a gRPC call."""
    key = "vpc-lattice-svcs:RequestQueryString/debug"
    deny = statement("Deny", Condition=when("ForAnyValue:StringEquals", key, "1"))
    declare(network, "trap", statement(), deny)
    path = "/parking/GetRates?debug=1"

    assert_denied(ask(network, "trap", path, method="POST"), verdict="explicit")
    assert_allowed(ask_grpc(network, "trap", path))


# ---- networks and accounts --------------------------------------------------


def test_p26_the_weakest_network_decides(network: LatticeNetwork) -> None:
    """A service that relies on the policy of one network is in another one too."""
    strict = ServiceNetwork(
        "strict",
        services=["trap", "right"],
        vpcs=["inside"],
        auth_policy=policy(
            statement(
                Condition=when("StringNotEquals", "aws:PrincipalType", "Anonymous")
            )
        ),
    )
    lax = ServiceNetwork("lax", services=["trap", "right"], vpcs=["outside"])
    declare(network, "trap", statement())
    condition = when("ArnEquals", "vpc-lattice-svcs:ServiceNetworkArn", strict.arn)
    declare(network, "right", statement(Condition=condition))
    network.add(Vpc("inside"), Vpc("outside"), strict, lax)

    assert_denied(ask(network, "trap", vpc="inside"), layer="network")
    assert_allowed(ask(network, "trap", vpc="outside"))
    assert_denied(ask(network, "right", vpc="outside"), layer="service")
    assert_allowed(ask(network, "right", vpc="inside", role=CALLER))


def test_p27_a_shared_network_has_other_owners(network: LatticeNetwork) -> None:
    """Whoever the network is shared with connects a VPC, and is in."""
    declare(network, "trap", statement())
    owner = when(
        "StringEquals", "vpc-lattice-svcs:SourceVpcOwnerAccount", CALLER.account
    )
    declare(network, "right", statement(Condition=owner))
    network.add(
        ServiceNetwork("company", services=["trap", "right"], vpcs=["ours"]),
        ResourceShare("partners", resources=["company"], principals=[OUTSIDER.account]),
        Vpc("ours"),
        Vpc("theirs", account=OUTSIDER.account),
        VpcAssociation("company", "theirs"),
    )

    assert_allowed(ask(network, "trap", vpc="theirs"))
    assert_denied(
        [
            ask(network, "right", vpc="theirs"),
            ask(network, "right", vpc="theirs", role=OUTSIDER),
        ],
        layer="service",
        verdict="implicit",
    )
    assert_allowed(ask(network, "right", vpc="ours"))


def test_p28_who_tags_the_session_decides(network: LatticeNetwork) -> None:
    """A tag passed with AssumeRole wins over the role's own; a role ARN would not."""
    shipping = network.role(
        "shipping",
        policies=INVOKE,
        tags={"Team": "Shipping"},
        session_tags={"Team": "Payments"},
    )
    team = when("StringEquals", "aws:PrincipalTag/Team", "Payments")
    declare(network, "trap", statement(Condition=team))
    declare(network, "right", statement(Principal={"AWS": CALLER.arn}))

    assert_allowed(ask(network, "trap", role=shipping))
    assert_denied(ask(network, "right", role=shipping), layer="service")


# ---- signatures -------------------------------------------------------------


def test_p29_the_body_is_not_signed(network: LatticeNetwork) -> None:
    """Who sees a request may send it again, with another body, for five minutes."""
    declare(network, "trap", statement(Principal={"AWS": CALLER.arn}))
    plain_http = when("Bool", "aws:SecureTransport", "false")
    declare(network, "right", statement(), statement("Deny", Condition=plain_http))
    with network.client("trap") as client:
        url = f"http://{Service('trap').dns_name}/transfer"
        sent = client.build_request("POST", url, content="amount=1")
        SigV4Auth(CALLER, clock=network.clock)(sent)
        stolen = {
            name: value
            for name, value in sent.headers.items()
            if name.startswith(("x-amz-", "authorization"))
        }

        network.clock.advance(299)
        replayed = client.post(url, content="amount=1000", headers=stolen)
        network.clock.advance(2)
        too_late = client.post(url, content="amount=1000", headers=stolen)

    assert_allowed(replayed)
    assert replayed.json()["body"] == "amount=1000"
    assert_denied(too_late, layer="authentication")
    assert_denied(network.authorize("POST", "http://right/"), verdict="explicit")
    assert_allowed(network.authorize("POST", "https://right/"))


class Spoiled:
    """Signs as the caller does, and then changes the signed request.

    Args:
        sign: signs it.
        spoil: changes its headers.
    """

    def __init__(self, sign: SigV4Auth, spoil: Callable[[httpx.Headers], None]) -> None:
        """Keep both."""
        self._sign, self._spoil = sign, spoil

    def __call__(self, request: httpx.Request) -> httpx.Request:
        """Sign and spoil."""
        self._sign(request)
        self._spoil(request.headers)
        return request


def replace_in_scope(headers: httpx.Headers, old: str, new: str) -> None:
    """Change the credential scope, as a client with the wrong settings writes it."""
    headers["authorization"] = headers["authorization"].replace(f"/{old}/", f"/{new}/")


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        pytest.param(
            lambda headers: replace_in_scope(
                headers, "vpc-lattice-svcs", "vpc-lattice"
            ),
            "InvalidSignatureException: Credential should be scoped to correct service",
            id="service",
        ),
        pytest.param(
            lambda headers: replace_in_scope(headers, "us-west-2", "eu-west-1"),
            "InvalidSignatureException: Credential should be scoped to a valid Region",
            id="region",
        ),
        pytest.param(
            lambda headers: headers.update({"host": "rates.example.com"}),
            "InvalidSignatureException: The request signature we calculated does not",
            id="host",
        ),
        pytest.param(
            lambda headers: headers.pop("x-amz-content-sha256"),
            "IncompleteSignatureException: Missing the 'x-amz-content-sha256'",
            id="no-payload-header",
        ),
        pytest.param(
            lambda headers: headers.update(
                {"x-amz-content-sha256": "e3b0c44298fc1c14"}
            ),
            "InvalidSignatureException: Signed payloads are not supported",
            id="signed-payload",
        ),
    ],
)
def test_p30_each_mistake_has_its_own_code(
    network: LatticeNetwork, spoil: Callable[[httpx.Headers], None], text: str
) -> None:
    """A 403 need not be the policy's: the signature has errors of its own."""
    declare(network, "trap", statement(), custom_domain_name="rates.example.com")
    auth = Spoiled(SigV4Auth(CALLER, clock=network.clock), spoil)
    with network.client("trap", auth=auth) as client:
        response = client.get("/")

    assert_denied(response, layer="authentication")
    assert response.text.startswith(text)


def test_p31_a_broken_signature_is_not_anonymous(network: LatticeNetwork) -> None:
    """Where everybody may call, a caller who signs wrongly may not."""
    declare(network, "trap", statement())
    auth = Spoiled(
        SigV4Auth(CALLER, clock=network.clock),
        lambda headers: headers.update({"x-amz-date": "20260101T000001Z"}),
    )
    with network.client("trap", auth=auth) as client:
        assert_denied(client.get("/"), layer="authentication")

    assert_allowed(get(network, "trap"))


# ---- keys, sizes and texts --------------------------------------------------


def test_p32_the_source_vpc_of_another_service(network: LatticeNetwork) -> None:
    """`aws:SourceVpc` is for AWS's own APIs; Lattice has a key of its own."""
    vpc = network.configuration.vpc("default").id
    for name, prefix in {"trap": "aws", "right": "vpc-lattice-svcs"}.items():
        condition = when("StringEquals", f"{prefix}:SourceVpc", vpc)
        declare(network, name, statement(Condition=condition))

    assert_denied(ask(network, "trap"), layer="service", verdict="implicit")
    assert_allowed(ask(network, "right"))


def test_p33_keys_in_another_case(network: LatticeNetwork) -> None:
    """IAM ignores the case of keys, so by default it is ignored here."""
    key = "VPC-Lattice-Svcs:requestpath"
    declare(network, "trap", statement(Condition=when("StringEquals", key, "/")))

    assert_allowed(ask(network, "trap", "/"))


@pytest.mark.lattice(auth_settings=AuthSettings(key_case="exact"))
def test_p33_keys_in_the_exact_case(network: LatticeNetwork) -> None:
    """The Lattice guide says that case matters; a setting holds a policy to that."""
    key = "VPC-Lattice-Svcs:requestpath"
    with pytest.raises(ConfigurationError, match=f"unknown condition key `{key}`"):
        declare(network, "trap", statement(Condition=when("StringEquals", key, "/")))


def test_p34_a_policy_has_ten_kilobytes(network: LatticeNetwork) -> None:
    """A statement for each path is soon too much; wildcards are shorter."""
    paths = [statement(Resource=f"{TRAP}/orders/{number}") for number in range(100)]
    with pytest.raises(ConfigurationError, match="bytes are more than 10,240"):
        declare(network, "trap", *paths)


def test_p36_a_403_tells_of_the_inside(network: LatticeNetwork) -> None:
    """The text names role, account and service, so it is not for end users."""
    declare(network, "trap", statement(Principal={"AWS": OUTSIDER.arn}))

    text = get(network, "trap", role=CALLER).text

    assert CALLER.principal in text
    assert CALLER.account in text
    assert TRAP in text
