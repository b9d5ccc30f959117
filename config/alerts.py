"""The channels over which a node tells its operator what happened, under [alerts.<name>].

Secrets come from the environment (HEADWATER_ALERTS__<NAME>__SECRET) or from a file of their own; written into
headwater.toml they are refused, since that file is shown, copied and committed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import SettingsError

from config.timetable import UNITS, Every, schedule

Policy: TypeAlias = Literal["on_error", "on_change", "always"]

SECRETS = ("secret", "password")


class _Channel(BaseModel):
    """What all channels have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    policy: Annotated[
        Policy,
        Field(
            description="on_error: failures, stale sources and recoveries; on_change: changed records too; "
            "always: every harvest"
        ),
    ] = "on_error"
    digest: Annotated[
        str | None, Field(description="One message in such a time at most (1h, daily), merging what happened")
    ] = None
    timeout_seconds: Annotated[float, Field(description="Seconds a message may take", gt=0, le=300)] = 15.0

    @model_validator(mode="after")
    def _is_a_period(self) -> _Channel:
        self.period  # noqa: B018  # raises where it is none
        return self

    @property
    def period(self) -> timedelta:
        """The shortest time between two messages."""
        if self.digest is None:
            return timedelta()
        found = schedule(self.digest)
        if not isinstance(found, Every):
            message = f"digest is a length such as 1h or daily ({', '.join(UNITS)}), not {self.digest!r}"
            raise ValueError(message)  # noqa: TRY004  # pydantic takes ValueError for a wrong value
        return found.length


class Webhook(_Channel):
    """POST the message as JSON, signed."""

    kind: Annotated[Literal["webhook"], Field(description="What it is")]
    url: Annotated[str, Field(description="Where to POST; https, or http on this machine")]
    secret: Annotated[SecretStr | None, Field(description="Key of the signature; environment only")] = None
    secret_file: Annotated[Path | None, Field(description="File with the key of the signature")] = None
    plain_http: Annotated[
        bool, Field(description="Allow http to another machine: readable by all on the way")
    ] = False

    @model_validator(mode="after")
    def _can_be_trusted(self) -> Webhook:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
            message = "url must begin with https://, or http:// on this machine"
            raise ValueError(message)
        if parts.scheme == "http" and not (self.plain_http or is_this_machine(parts.hostname)):
            message = "url must be https, unless plain_http = true allows everybody on the way to read it"
            raise ValueError(message)
        if parts.username is not None or parts.password is not None:
            message = "url must not hold a name or password; the message is signed with the secret"
            raise ValueError(message)
        _one_of(self.secret, self.secret_file, "secret")
        return self

    def key(self) -> bytes:
        """Answer the key of the signature."""
        return _secret(self.secret, self.secret_file).encode()


class Mail(_Channel):
    """Send the message by SMTP."""

    kind: Annotated[Literal["mail"], Field(description="What it is")]
    server: Annotated[str, Field(description="Host of the mail server")]
    port: Annotated[int, Field(description="Port of the mail server", ge=1, le=65535)] = 587
    security: Annotated[
        Literal["starttls", "tls", "none"],
        Field(description="starttls, tls from the start (port 465), or none on this machine"),
    ] = "starttls"
    user: Annotated[str | None, Field(description="Who we are to the mail server")] = None
    password: Annotated[SecretStr | None, Field(description="Of the user; environment only")] = None
    password_file: Annotated[Path | None, Field(description="File with the password")] = None
    sender: Annotated[str, Field(description="Address the mail comes from", pattern=r"^[^\s<>]+@[^\s<>]+$")]
    to: Annotated[
        list[Annotated[str, Field(pattern=r"^[^\s<>]+@[^\s<>]+$")]],
        Field(description="Addresses it goes to", min_length=1),
    ]

    @model_validator(mode="after")
    def _can_be_trusted(self) -> Mail:
        if self.security == "none" and not is_this_machine(self.server):
            message = "security = 'none' is for a mail server on this machine only"
            raise ValueError(message)
        if self.user is not None:
            _one_of(self.password, self.password_file, "password")
        return self

    def word(self) -> str:
        """Answer the password of the user."""
        return _secret(self.password, self.password_file)


class Command(_Channel):
    """Start a program and give it the message as JSON on its standard input."""

    kind: Annotated[Literal["command"], Field(description="What it is")]
    argv: Annotated[list[str], Field(description="The program and its arguments; no shell", min_length=1)]


Channel: TypeAlias = Annotated[Webhook | Mail | Command, Field(discriminator="kind")]


def refuse_written_secrets(settings: Mapping[str, Any], file: Path) -> None:
    """See that no secret stands in the file of settings.

    Raises:
        SettingsError: one does; the text names the setting, never the secret.
    """
    if "admin_token" in settings:
        message = (
            f"admin_token must not stand in {file}; put it into a file of its own (admin_token_file) or into "
            "the environment (HEADWATER_ADMIN_TOKEN)"
        )
        raise SettingsError(message)
    alerts = settings.get("alerts")
    for name, channel in alerts.items() if isinstance(alerts, Mapping) else ():
        for secret in SECRETS if isinstance(channel, Mapping) else ():
            if secret in channel:
                variable = f"HEADWATER_ALERTS__{name}__{secret}".upper()
                message = (
                    f"alerts.{name}.{secret} must not stand in {file}; put it into a file of its own "
                    f"({secret}_file) or into the environment ({variable})"
                )
                raise SettingsError(message)


def is_this_machine(host: str) -> bool:
    """Tell whether a host is this machine, without asking anybody."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _one_of(value: SecretStr | None, file: Path | None, name: str) -> None:
    if (value is None) == (file is None):
        message = f"exactly one of {name} (environment) and {name}_file must be given"
        raise ValueError(message)


def _secret(value: SecretStr | None, file: Path | None) -> str:
    """Answer a secret; from its file at every use, so that it can be changed without a restart."""
    if value is not None:
        return value.get_secret_value()
    return file.read_text("utf-8").strip() if file is not None else ""
