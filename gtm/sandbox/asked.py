"""A question to a stand-in and its answer, free of any HTTP library."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asked:
    """`headers` is read case-insensitively by whoever made it."""

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    host: str = ""
    body: bytes = b""

    def json_object(self) -> dict[str, Any] | None:
        """The JSON object in the body; None where it holds none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None


@dataclass(frozen=True)
class Answer:
    """`body` None: an empty one; bytes go out as they are, with the headers that are given; all else as JSON."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        if self.body is None or isinstance(self.body, bytes):
            return self.body or b""
        return json.dumps(self.body).encode()
