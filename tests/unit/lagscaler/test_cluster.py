"""What is asked of the API server."""

from __future__ import annotations

import pytest

from lagscaler.cluster import path


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("v1", "secrets", "shop", "user"), "/api/v1/namespaces/shop/secrets/user"),
        (("apps/v1", "deployments", "shop"), "/apis/apps/v1/namespaces/shop/deployments"),
        (
            ("apiregistration.k8s.io/v1", "apiservices", None, "v1.x"),
            "/apis/apiregistration.k8s.io/v1/apiservices/v1.x",
        ),
        (("v1", "secrets", "shop", "../a/b?c#d"), "/api/v1/namespaces/shop/secrets/..%2Fa%2Fb%3Fc%23d"),
    ],
)
def test_a_name_is_one_segment_of_the_path_whatever_it_holds(
    arguments: tuple[str, str, str | None, str | None], expected: str
) -> None:
    """Else a name could lead to another object, with the operator's rights."""
    assert path(*arguments) == expected
