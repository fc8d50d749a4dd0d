"""At the door: what a caller, a target and the access log get to see of auth."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest

from pytest_lattice import (
    AuthSettings,
    Certificate,
    ConfigurationError,
    Exchange,
    FixedResponse,
    Forward,
    LatticeAssertionError,
    LatticeNetwork,
    LatticeWarning,
    Listener,
    Organization,
    Role,
    Service,
    SigV4Auth,
    TargetGroup,
    assert_allowed,
    assert_denied,
    assert_logged,
)
from tests.shop import (
    CHECKOUT,
    INVOKE,
    OPEN,
    READ_ONLY,
    SERVICE_ARN,
    SESSION,
    policy,
    shop,
    statement,
)

if TYPE_CHECKING:
    from pathlib import Path

NO_NETWORK_POLICY = (
    "because no network-based policy allows the vpc-lattice-svcs:Invoke action"
)
NO_SERVICE_POLICY = (
    "because no service-based policy allows the vpc-lattice-svcs:Invoke action"
)
NO_IDENTITY_POLICY = (
    "because no identity-based policy allows the vpc-lattice-svcs:Invoke action"
)


def body(user: str, path: str, why: str) -> str:
    """Write the body of a 403 as AWS does."""
    return (
        f"AccessDeniedException: User: {user} is not authorized to perform: "
        f"vpc-lattice-svcs:Invoke on resource: {SERVICE_ARN}{path} {why}"
    )


def told(network: LatticeNetwork, path: str = "/", **options: Any) -> dict[str, Any]:  # noqa: ANN401  # as a client's
    """Call as the checkout, and return what the target was told."""
    response = network.client("orders", role="checkout", **options).get(path)
    seen: dict[str, Any] = response.json()
    return seen


# ---- the 403 itself ----------------------------------------------


@pytest.mark.parametrize(
    ("policies", "role", "path", "user", "why"),
    [
        ((READ_ONLY, None), None, "/", "anonymous", NO_SERVICE_POLICY),
        ((READ_ONLY, READ_ONLY), None, "/a", "anonymous", NO_NETWORK_POLICY),
        ((OPEN, READ_ONLY), "other", "/", None, NO_NETWORK_POLICY),
        ((OPEN, None), "lazy", "/goodbye", None, NO_IDENTITY_POLICY),
        (
            (policy(statement("Deny")), None),
            "checkout",
            "/",
            SESSION,
            "with an explicit deny in a service-based policy",
        ),
        (
            (OPEN, policy(statement("Deny"))),
            "checkout",
            "/",
            SESSION,
            "with an explicit deny in a network-based policy",
        ),
        (
            (OPEN, None),
            "barred",
            "/",
            None,
            "with an explicit deny in an identity-based policy",
        ),
        (
            (OPEN, None),
            "bounded",
            "/",
            None,
            "because no permissions boundary allows the vpc-lattice-svcs:Invoke action",
        ),
        (
            (OPEN, None),
            "narrow",
            "/",
            None,
            "because no session policy allows the vpc-lattice-svcs:Invoke action",
        ),
        (
            (OPEN, None),
            "governed",
            "/",
            None,
            "with an explicit deny in a service control policy",
        ),
    ],
)
def test_body_of_a_403_is_awss(
    policies: tuple[object, object],
    role: str | None,
    path: str,
    user: str | None,
    why: str,
) -> None:
    """A 403 names caller, action, resource and the layer, on one line of text."""
    deny = policy({"Effect": "Deny", "Action": "*", "Resource": "*"})
    nothing = policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    with shop(*policies) as network:
        network.role("other", policies=[INVOKE])
        network.role("lazy")
        network.role("barred", policies=[INVOKE, deny])
        network.role("bounded", policies=[INVOKE], permissions_boundary=nothing)
        network.role("narrow", policies=[INVOKE], session_policies=[nothing])
        network.role("governed", policies=[INVOKE], service_control_policies=[deny])

        response = network.client("orders", role=role).get(path)

        caller = user or network.configuration.caller(role or "").principal
        assert response.status_code == 403
        assert response.text == body(caller, path, why)
        assert response.headers["content-type"] == "text/plain"


def test_answer_to_head_has_no_body() -> None:
    """HTTP gives an answer to HEAD no body, a refusal included."""
    with shop(READ_ONLY) as network:
        response = network.client("orders").head("/")

        assert (response.status_code, response.content) == (403, b"")


def test_application_s_own_403_is_not_a_denial(lattice_network: LatticeNetwork) -> None:
    """What a target answers is its own affair, and logged so."""

    def forbid(event: object, context: object) -> dict[str, int]:
        return {"statusCode": 403}

    lattice_network.add(
        TargetGroup("own", type="LAMBDA", targets=[forbid]),
        Service(
            "orders",
            auth_policy=OPEN,
            listeners=[Listener("HTTPS", default=Forward("own"))],
        ),
    )
    response = lattice_network.client("orders").get("/")

    assert response.status_code == 403
    assert_allowed(response, by="Everybody")
    assert_logged(lattice_network, response_code=403, auth_denied_reason="-", count=1)


# ---- auth types --------------------------------------------------


def test_auth_type_without_policy_denies_everybody() -> None:
    """With AWS_IAM and no auth policy nothing can allow."""
    with shop(service={"auth_type": "AWS_IAM"}) as network:
        assert_denied(network.client("orders").get("/"), layer="service")
        assert_denied(network.client("orders", role="checkout").get("/"))


def test_policy_with_auth_type_none_is_inactive() -> None:
    """With auth type NONE a policy is kept and ignored."""
    closed = policy(statement("Deny"))
    with shop(closed, service={"auth_type": "NONE"}) as network:
        assert_allowed(network.client("orders").get("/"))
        assert network.service("orders").auth_policy is not None


def test_both_levels_must_allow() -> None:
    """Allowed by the service and refused by the network is refused."""
    with shop(OPEN, READ_ONLY) as network:
        client = network.client("orders", role="checkout")

        assert_allowed(client.get("/"), by="ReadOnly")
        assert_denied(client.post("/"), layer="network", verdict="implicit")


def test_identity_policy_is_needed_within_one_account() -> None:
    """Unlike elsewhere in AWS, a resource policy that names the role does not do."""
    named = policy(statement(Principal={"AWS": "arn:aws:iam::123456789012:role/lazy"}))
    with shop(named) as network:
        network.role("lazy")

        assert_denied(network.client("orders", role="lazy").get("/"), layer="identity")


def test_no_auth_asks_no_identity_policy() -> None:
    """Where no auth type is AWS_IAM a signed call needs no policy of its own."""
    with shop() as network:
        network.role("lazy")
        response = network.client("orders", role="lazy").get("/")

        assert_allowed(response)
        assert "x-amzn-lattice-identity" not in response.json()["headers"]
        assert_logged(network, resolved_user="-", caller_principal="-", count=1)


# ---- signatures on the way ---------------------------------------


class Altered(httpx.Auth):
    """Signs, and then changes a header."""

    def __init__(self, network: LatticeNetwork, name: str, value: str | None) -> None:
        self.sign = SigV4Auth(
            network.configuration.caller("checkout"), clock=network.clock
        )
        self.name, self.value = name, value

    def auth_flow(self, request: httpx.Request) -> Any:  # noqa: ANN401  # a generator
        """Sign and change."""
        self.sign(request)
        del request.headers[self.name]
        if self.value is not None:
            request.headers[self.name] = self.value
        yield request


SIGNED_PAYLOAD = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
ALTERED = {
    ("x-amz-content-sha256", SIGNED_PAYLOAD): (
        "InvalidSignatureException: Signed payloads are not supported"
    ),
    ("x-amz-content-sha256", None): (
        "IncompleteSignatureException: Missing the 'x-amz-content-sha256' in canonical "
        "headers"
    ),
    ("x-amz-security-token", None): (
        "IncompleteSignatureException: 'x-amz-security-token' is named as a "
        "SignedHeader, but it does not exist in the HTTP request."
    ),
    ("x-amz-security-token", "wrong"): (
        "UnrecognizedClientException: The security token included in the request is "
        "invalid."
    ),
    ("host", "orders.example"): (
        "InvalidSignatureException: The request signature we calculated does not match "
        "the signature you provided. Check your AWS Secret Access Key and signing "
        "method. Consult the service documentation for details."
    ),
}


@pytest.mark.parametrize(
    ("name", "value", "text"), [(*change, ALTERED[change]) for change in ALTERED]
)
def test_altered_request_is_refused(name: str, value: str | None, text: str) -> None:
    """Each way to spoil a signature has AWS's own code and words."""
    with shop(OPEN) as network:
        response = network.client("orders", auth=Altered(network, name, value)).get("/")

        assert (response.status_code, response.text) == (403, text)
        assert_denied(response, layer="authentication")
        assert_logged(
            network,
            response_code=403,
            failure_reason="ClientAccessDenied",
            auth_denied_reason="-",
            resolved_user="Unknown",
            caller_principal="-",
            target_group_arn="-",
            count=1,
        )


def test_bad_signature_does_not_become_anonymous() -> None:
    """A request that is signed wrongly fails, also where anybody may call."""
    with shop(OPEN) as network:
        auth = Altered(network, "host", "orders.example")

        assert_allowed(network.client("orders").get("/"))
        assert_denied(network.client("orders", auth=auth).get("/"))


def test_bad_signature_fails_without_auth_too() -> None:
    """Lattice tries to authenticate every signed request; a setting says otherwise."""
    lenient = AuthSettings(verify_where_none=False)
    for settings, status in ((None, 403), (lenient, 200)):
        with shop(auth_settings=settings) as network:
            auth = Altered(network, "x-amz-date", "20200101T000000Z")

            assert network.client("orders", auth=auth).get("/").status_code == status


def test_bearer_token_is_the_application_s() -> None:
    """An Authorization header that is not AWS's goes through, and nobody signed."""
    bearer = {"authorization": "Bearer abc"}
    with shop(OPEN) as network:
        response = network.client("orders", headers=bearer).get("/")

        assert response.json()["headers"]["authorization"] == ["Bearer abc"]
        assert_logged(network, resolved_user="Anonymous", count=1)


def test_signature_grows_old_with_the_clock() -> None:
    """The window of a signature is that of the virtual clock."""
    with shop(OPEN) as network:
        client = network.client("orders", role="checkout")
        request = client.build_request("GET", "/")
        signed = SigV4Auth(
            network.configuration.caller("checkout"), clock=network.clock
        )(request)
        plain = network.client("orders")
        network.clock.advance(299)
        assert_allowed(plain.send(signed))
        network.clock.advance(2)
        assert_denied(plain.send(signed), layer="authentication")
        assert_allowed(client.get("/"))


def test_signer_with_real_time_is_let_in() -> None:
    """A signer that reads the real clock passes, until the virtual one advances."""
    with shop(OPEN) as network:
        signer = SigV4Auth(network.configuration.caller("checkout"))
        request = signer(network.client("orders").build_request("GET", "/"))
        client = network.client("orders")

        assert_allowed(client.send(request))
        network.clock.advance(3600)
        assert_denied(client.send(request), layer="authentication")


SIGNER = """
import json, sys
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.session import Session

request = AWSRequest("GET", sys.argv[1])
request.context["payload_signing_enabled"] = False
request.headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD"
signer = SigV4Auth(Session().get_credentials(), "vpc-lattice-svcs", "us-west-2")
signer.add_auth(request)
print(json.dumps(dict(request.headers)))
"""


def test_subprocess_signs_with_the_environment(tmp_path: Path) -> None:
    """A program that takes its credentials from the environment is let in."""
    with shop(READ_ONLY) as network:
        client = network.client("orders")
        environment = network.configuration.caller("checkout").credentials.environ()
        done = subprocess.run(
            [sys.executable, "-c", SIGNER, str(client.base_url.join("/cart"))],
            env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], **environment},
            capture_output=True,
            check=True,
        )

        assert_allowed(client.get("/cart", headers=json.loads(done.stdout)))


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize("http2", [False, True])
def test_both_libraries_sign(library: Any, *, http2: bool) -> None:  # noqa: ANN401  # a module
    """A role signs whatever the client: bodies, queries and odd paths."""
    with shop(policy(statement(Principal={"AWS": CHECKOUT}))) as network:
        client = network.client("orders", role="checkout", library=library, http2=http2)
        for url in ("/", "/a//b", "/a b/%2F?x=1&x=0&y=a+b", "/caf%C3%A9?q=", "/a/../b"):
            assert_allowed(client.post(url, content=b"body"))


@pytest.mark.asyncio
async def test_async_client_signs() -> None:
    """The async client of a role signs too."""
    with shop(READ_ONLY) as network:
        async with network.async_client("orders", role="checkout") as client:
            assert_allowed(await client.get("/"), by="ReadOnly")
            assert_denied(await client.put("/"), layer="service")


def test_short_name_is_signed_as_the_full_one() -> None:
    """The short name of a service in a URL is expanded before it is signed."""
    with shop(READ_ONLY) as network:
        assert_allowed(network.client(role="checkout").get("https://orders/"))


# ---- what targets see --------------------------------------------


def test_target_is_told_who_calls() -> None:
    """The identity headers name session, organization and tags."""
    with shop(OPEN) as network:
        network.role(
            "teller",
            policies=[INVOKE],
            org_id="o-exampleorgid",
            org_path="o-exampleorgid/r-ab12/ou-ab12-11111111/",
            tags={"team": "payments", "note": "a b"},
            session_tags={"Team": "checkout"},
        )
        response = network.client("orders", role="teller").get("/")
        headers = response.json()["headers"]
        session = "arn:aws:sts::123456789012:assumed-role/teller/test-session"

        (identity,), (tags,) = (
            headers["x-amzn-lattice-identity"],
            headers["x-amzn-lattice-identity-tags"],
        )
        assert identity == (
            f"Principal={session}; PrincipalOrgID=o-exampleorgid; "
            "PrincipalOrgPath=o-exampleorgid/r-ab12/ou-ab12-11111111/; "
            "SessionName=test-session; Type=AWS_IAM"
        )
        assert tags == (
            f"principal={session};principalorgid=o-exampleorgid;"
            "principalorgpath=o-exampleorgid/r-ab12/ou-ab12-11111111/;"
            "note=a b;Team=checkout"
        )


def test_forged_identity_does_not_reach_the_target() -> None:
    """Identity headers of a client are stripped, with and without a signature."""
    forged = {
        "x-amzn-lattice-identity": "Principal=root",
        "x-amzn-lattice-identity-tags": "principal=root",
    }
    with shop(OPEN) as network:
        anonymous = network.client("orders", headers=forged).get("/").json()["headers"]
        known = told(network, headers=forged)["headers"]

        assert "x-amzn-lattice-identity" not in anonymous
        assert "x-amzn-lattice-identity-tags" not in anonymous
        assert SESSION in known["x-amzn-lattice-identity"][0]
        assert "root" not in str(known)


def test_lambda_events_tell_who_calls() -> None:
    """V1 has the header, V2 the identity of its request context instead."""
    with shop(OPEN) as network:
        first, second = told(network, "/v1"), told(network, "/v2")
        anonymous = network.client("orders").get("/v2").json()

    assert first["headers"]["x-amzn-lattice-identity"].startswith(
        f"Principal={SESSION}"
    )
    assert "x-amzn-lattice-identity" not in second["headers"]
    identity = second["requestContext"]["identity"]
    assert identity["type"] == "AWS_IAM"
    assert identity["principal"] == SESSION
    assert identity["sessionName"] == "test-session"
    assert set(anonymous["requestContext"]["identity"]) == {"sourceVpcArn"}


def test_certificate_reaches_target_and_log() -> None:
    """Attributes of a Roles Anywhere certificate are in header, event and log."""
    certificate = Certificate(
        issuer_ou="pki", subject_cn="pay", san_uri="spiffe://example/pay"
    )
    with shop(OPEN) as network:
        network.role("anywhere", policies=[INVOKE], certificate=certificate)
        client = network.client("orders", role="anywhere")
        header = client.get("/").json()["headers"]["x-amzn-lattice-identity"][0]
        context = client.get("/v2").json()["requestContext"]["identity"]

        assert "; X509Issuer/OU=pki; X509SAN/URI=spiffe://example/pay; " in header
        assert "; X509Subject/CN=pay; Type=AWS_IAM" in header
        assert context["x509SanUri"] == "spiffe://example/pay"
        assert_logged(
            network,
            caller_x509_issuer_ou="pki",
            caller_x509_subject_cn="pay",
            caller_x509_san_uri="spiffe://example/pay",
            caller_x509_san_dns="-",
            count=2,
        )


# ---- the access log ----------------------------------------------


def test_log_of_a_signed_call() -> None:
    """The log names the session, its organization and its tags."""
    with shop(OPEN) as network:
        network.add(Organization("o-exampleorgid", accounts=["123456789012"]))
        network.role("tagged", policies=[INVOKE], tags={"TagA": "é"})
        network.client("orders", role="tagged").get("/")
        (entry,) = network.access_log

        session = "arn:aws:sts::123456789012:assumed-role/tagged/test-session"
        assert (entry.resolved_user, entry.caller_principal) == (session, session)
        assert entry.caller_principal_org_id == "o-exampleorgid"
        assert entry.caller_principal_tags == '{"TagA":"é"}'
        assert (entry.auth_denied_reason, entry.failure_reason) == ("-", "-")


@pytest.mark.parametrize(
    ("policies", "role", "reason"),
    [
        ((READ_ONLY, None), None, "Service"),
        ((OPEN, READ_ONLY), None, "Network"),
        ((OPEN, None), "lazy", "Identity"),
    ],
)
def test_log_of_a_denial(
    policies: tuple[object, object], role: str | None, reason: str
) -> None:
    """A denied call never reaches a target, and the log says which layer refused."""
    with shop(*policies) as network:
        network.role("lazy")
        network.client("orders", role=role).get("/")
        (entry,) = network.access_log

        assert entry.auth_denied_reason == reason
        assert entry.failure_reason == "ClientAccessDenied"
        assert (entry.target_group_arn, entry.target_ip_port) == ("-", "-")
        assert entry.request_to_target_duration == 0
        assert entry.response_code == 403
        assert entry.resolved_user == (
            network.configuration.caller(role).principal if role else "Anonymous"
        )


def test_anonymous_user_is_a_setting() -> None:
    """What the log calls a caller who did not sign can be chosen."""
    with shop(OPEN, auth_settings=AuthSettings(anonymous_user="-")) as network:
        network.client("orders").get("/")

        assert_logged(network, resolved_user="-", count=1)


# ---- declaring and asking ----------------------------------------


def test_unknown_key_can_be_a_warning() -> None:
    """A setting turns an unknown condition key into a warning, said once."""
    verb = {"StringEquals": {"vpc-lattice-svcs:Verb": "GET"}}
    odd = policy(statement(Condition=verb))
    listeners = [Listener("HTTP", default=FixedResponse(404))]
    with shop(auth_settings=AuthSettings(unknown_keys="warn")) as network:
        text = "unknown condition key `vpc-lattice-svcs:Verb`, which is always missing"
        with pytest.warns(LatticeWarning, match=text):
            network.add(Service("odd", auth_policy=odd, listeners=listeners))
        network.role("later")


def test_bad_policy_adds_nothing() -> None:
    """A policy that is refused leaves the network as it was."""
    with shop() as network:
        before = network.configuration
        with pytest.raises(ConfigurationError, match="unknown action"):
            network.role(
                "bad",
                policies=[
                    policy(
                        {
                            "Effect": "Allow",
                            "Action": "vpc-lattice-svcs:Invok",
                            "Resource": "*",
                        }
                    )
                ],
            )

        assert network.configuration is before


def test_question_by_role_is_answered_as_its_traffic() -> None:
    """What is asked with a role is decided as the signed request is."""
    with shop(READ_ONLY) as network:
        client = network.client("orders", role="checkout")
        for method in ("GET", "POST"):
            asked = network.decide(method, "https://orders/", role="checkout")
            sent: Exchange = client.request(method, "/").extensions["pytest_lattice"]

            assert asked.outcome == sent.decision.outcome
            allowed = network.authorize(method, "https://orders/", role="checkout")
            assert type(allowed.outcome).__name__ == (
                "Admitted" if method == "GET" else "Denied"
            )


def test_role_may_be_given_as_a_value() -> None:
    """The role that was declared stands for its name; a stranger is refused."""
    with shop(READ_ONLY) as network:
        role = network.configuration.caller("checkout")

        assert_allowed(network.decide("GET", "https://orders/", role=role))
        with pytest.raises(ConfigurationError, match="is not declared"):
            network.decide("GET", "https://orders/", role=Role("stranger"))
        with pytest.raises(ConfigurationError, match="unknown role or user `chekout`"):
            network.client("orders", role="chekout")


def test_role_and_auth_exclude_each_other() -> None:
    """A client signs one way."""
    with (
        shop() as network,
        pytest.raises(ConfigurationError, match="one of role and auth"),
    ):
        network.client("orders", role="checkout", auth=("user", "password"))


def test_policy_text_comes_back_as_aws_gives_it() -> None:
    """A policy that was laid out over lines is kept compact, with its version."""
    document = json.dumps({"Statement": statement()}, indent=2)
    with shop(document) as network:
        assert network.service("orders").auth_policy == (
            '{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*",'
            '"Action":"vpc-lattice-svcs:Invoke","Resource":"*"}]}'
        )


def test_users_sign_with_keys_of_their_own() -> None:
    """An IAM user has no token, and is named by its own ARN."""
    with shop(OPEN) as network:
        user = network.user("ann", policies=[INVOKE])
        response = network.client("orders", role="ann").get("/")

        assert_allowed(response)
        assert user.credentials.session_token is None
        assert (
            "SessionName"
            not in response.json()["headers"]["x-amzn-lattice-identity"][0]
        )
        assert_logged(network, resolved_user=user.arn, count=1)


def test_no_text_shows_what_proves_an_identity() -> None:
    """Tokens and signatures stay out of explanations, also where a policy asks."""
    keys = ("authorization", "x-amz-security-token")
    asks = {"Null": {f"vpc-lattice-svcs:RequestHeader/{key}": "true" for key in keys}}
    with shop(policy(statement(Condition=asks))) as network:
        token = network.configuration.caller("checkout").credentials.session_token
        query = f"X-Amz-Security-Token={token}&X-Amz-Signature=abc&b=c"
        for role, path in (("checkout", "/"), (None, f"/?{query}")):
            response = network.client("orders", role=role).get(path)
            exchange = response.extensions["pytest_lattice"]
            with pytest.raises(LatticeAssertionError) as caught:
                assert_allowed(response)
            texts = [exchange.explain(), str(caught.value)]
            texts += map(repr, (exchange, exchange.decision, exchange.decision.access))
            texts.append(repr(exchange.request))
            for text in texts:
                assert token not in text
                assert "Signature=a" not in text
