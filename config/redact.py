"""What must not be read in logs, errors and pages: keys and passwords in addresses and headers."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

HIDDEN = "[hidden]"

_IN_QUERY = re.compile(
    r"(?i)([?&;](?:access[_-]?token|refresh[_-]?token|id[_-]?token|token|auth|api[_-]?key|apikey|key|secret"
    r"|client[_-]?secret|password|passwd|pwd|sig|signature|awsaccesskeyid|googleaccessid"
    r"|x-(?:amz|goog)-(?:signature|credential|security-token))=)[^&;#\s\"']*"
)
"""Names of secrets, among them those of presigned addresses. `resumptionToken` is none and stays."""
_IN_ADDRESS = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/?#@\s\"']+@")
_IN_HEADER = re.compile(
    r"(?i)((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic|token|digest)\s+)?|\bbearer\s+)"
    r"[^\s,;\"'}]+"
)


def redact(text: str) -> str:
    """Hide credentials in a text; all else stays as it is."""
    text = _IN_QUERY.sub(rf"\1{HIDDEN}", text)
    text = _IN_ADDRESS.sub(rf"\1{HIDDEN}@", text)
    return _IN_HEADER.sub(rf"\1{HIDDEN}", text)


def redact_line(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide credentials in a line of the log, tracebacks included; a processor for structlog."""
    for name, value in line.items():
        if isinstance(value, str):
            line[name] = redact(value)
    return line
