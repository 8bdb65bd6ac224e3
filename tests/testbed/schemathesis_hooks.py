"""What an API's description can't say in its schema, told to schemathesis, which loads this file."""

from datetime import UTC, datetime
from typing import Any

import schemathesis
from hypothesis import strategies as st

from testbed.clicks import encode, new_click

# A click's timestamp may be at most 24 hours ahead.
schemathesis.openapi.format(
    "date-time",
    st.datetimes(
        datetime(1970, 1, 1),  # noqa: DTZ001 hypothesis adds the zone
        datetime(2025, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ).map(lambda time: time.isoformat()),
)
# Lines of clicks are a string to the schema.
schemathesis.openapi.media_type(
    "application/x-ndjson",
    st.integers(1, 5).map(lambda count: b"\n".join(encode(new_click()) for _ in range(count))),
)


@schemathesis.hook
def before_load_schema(_context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Beside a strategy of its own, schemathesis takes no example that is text; test_openapi.py sends that one."""
    for path in raw_schema["paths"].values():
        lines = path.get("post", {}).get("requestBody", {}).get("content", {}).get("application/x-ndjson", {})
        lines.get("schema", {}).pop("examples", None)
