"""Every knob of a node: name, type, default, one sentence, unit.

A value comes from, in this order: the command line, an environment variable HEADWATER_<NAME>, the file
`headwater.toml` in the working folder or the one HEADWATER_CONFIG names, the defaults below.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, IPvAnyNetwork, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from config import VERSION
from config.alerts import Channel, refuse_written_secrets
from config.timetable import schedule

SHORTEST_TOKEN = 20
"""Characters of an operator's token; guessed at five tries a quarter of an hour it outlasts everybody."""


def _is_schedule(text: str) -> str:
    schedule(text)
    return text


def settings_file() -> Path:
    """Answer where the file of settings is, or would be."""
    return Path(os.environ.get("HEADWATER_CONFIG", "headwater.toml"))


class SourceSettings(BaseModel):
    """What an operator may turn of one source, under [sources.<name>]."""

    model_config = ConfigDict(extra="forbid")

    enabled: Annotated[bool, Field(description="Harvest it when no source is named")] = True
    scope: Annotated[
        str | None, Field(description="imaging or everything; None for the source's own default")
    ] = None
    sweep_days: Annotated[
        int,
        Field(
            description="Days after which everything is listed again, to find what dates do not tell", ge=1
        ),
    ] = 30
    schedule: Annotated[
        Annotated[str, AfterValidator(_is_schedule)] | None,
        Field(description="daily, 6h, off or a cron expression (UTC); None for the source's own word"),
    ] = None
    options: Annotated[
        dict[str, str], Field(description="The source's own choices, such as files = 'yes' for Dryad")
    ] = {}


class Settings(BaseSettings):
    """The settings of a node."""

    model_config = SettingsConfigDict(env_prefix="HEADWATER_", env_nested_delimiter="__", extra="forbid")

    data: Annotated[Path, Field(description="Folder of the store and the index")] = Path("data")
    host: Annotated[str, Field(description="Address to serve on")] = "127.0.0.1"
    port: Annotated[int, Field(description="Port to serve on", ge=0, le=65535)] = 8080
    public_url: Annotated[
        str | None, Field(description="Address under which others reach the node, for links")
    ] = None
    offline: Annotated[bool, Field(description="Never ask a live upstream; replicas answer instead")] = False
    contact: Annotated[
        str, Field(description="How upstreams reach you; sent with every request", min_length=3)
    ] = "https://github.com/headwater-node/headwater"
    proxy: Annotated[
        str | None,
        Field(
            description="Proxy to ask upstreams through: its address, or environment for HTTPS_PROXY; "
            "None for no proxy, whatever the environment says",
            pattern=r"^(environment|https?://.+)$",
            repr=False,  # the address may bear a password
        ),
    ] = None
    private_networks: Annotated[
        list[IPvAnyNetwork],
        Field(description="Networks that are not public and in which upstreams may be, as 10.1.0.0/16"),
    ] = []
    reach_seconds: Annotated[
        float, Field(description="Seconds after which quickstart takes an upstream for unreachable", gt=0)
    ] = 6.0
    search_threads: Annotated[
        int, Field(description="Searches done at once; 0 for one per processor", ge=0)
    ] = 0
    search_queue: Annotated[
        int, Field(description="Searches that may wait; further ones are answered 503", ge=1)
    ] = 256
    search_seconds: Annotated[
        float,
        Field(
            description="Seconds after which a search counts no further facet and begins no further shard; "
            "it says so then",
            gt=0,
        ),
    ] = 10.0
    index_shards: Annotated[
        int,
        Field(
            description="Indexes that the index is made of, searched side by side; changed, it is made again",
            ge=1,
            le=64,
        ),
    ] = 1
    exports_at_once: Annotated[
        int, Field(description="Exports and certificates made at once; further ones are answered 503", ge=1)
    ] = 2
    thumbnails_mb: Annotated[
        int,
        Field(description="Megabytes of small pictures kept under the data folder; 0 fetches none", ge=0),
    ] = 200
    log_level: Annotated[str, Field(description="debug, info, warning or error")] = "info"
    log_format: Annotated[
        Literal["auto", "text", "json"],
        Field(description="Lines for people or for programs; auto: text on a terminal, else json"),
    ] = "auto"
    ready_behind: Annotated[
        int, Field(description="Revisions the index may be behind the store; beyond, /readyz is 503", ge=0)
    ] = 50_000
    ready_behind_seconds: Annotated[
        float, Field(description="Seconds a change may wait for the index; beyond, /readyz is 503", gt=0)
    ] = 300.0
    ready_free_mb: Annotated[
        int, Field(description="Megabytes that must be free under the data folder, or /readyz is 503", ge=0)
    ] = 200
    harvests_at_once: Annotated[
        int, Field(description="Sources that `headwater up` harvests side by side", ge=1)
    ] = 8
    subscriptions: Annotated[
        bool, Field(description="Let others subscribe to searches; the node then sends to their addresses")
    ] = False
    subscription_networks: Annotated[
        list[IPvAnyNetwork],
        Field(description="Networks that are not public and in which subscribers may be, as 10.1.0.0/16"),
    ] = []
    requests_a_minute: Annotated[
        int,
        Field(description="Requests one client may make a minute, dear ones counted more; 0: no limit", ge=0),
    ] = 600
    trusted_proxies: Annotated[
        list[IPvAnyNetwork],
        Field(description="Networks of proxies whose X-Forwarded-For is believed, as 10.1.0.0/16"),
    ] = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
    admin_token: Annotated[
        SecretStr | None,
        Field(
            description="Switches /admin on for whoever knows it; environment only", min_length=SHORTEST_TOKEN
        ),
    ] = None
    admin_token_file: Annotated[Path | None, Field(description="File with it, instead")] = None
    stale_after: Annotated[
        int, Field(description="Intervals a source may not be fresh before an alert says so", ge=2)
    ] = 2
    alerts: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")], Channel],
        Field(description="Channels that tell what happened, by name"),
    ] = {}
    sources: Annotated[dict[str, SourceSettings], Field(description="Settings of single sources")] = {}

    @property
    def store_path(self) -> Path:
        return self.data / "store.sqlite"

    @property
    def index_path(self) -> Path:
        return self.data / "index"

    @property
    def thumbnails_path(self) -> Path:
        return self.data / "thumbnails"

    @property
    def vocab_path(self) -> Path:
        return self.data / "vocab"

    @property
    def is_operated(self) -> bool:
        """Tell whether the node may be operated by hand over HTTP."""
        return self.admin_token is not None or self.admin_token_file is not None

    def operating_token(self) -> str:
        """Answer the token of operators, from its file at every use."""
        if self.admin_token is not None:
            return self.admin_token.get_secret_value()
        return self.admin_token_file.read_text("utf-8").strip() if self.admin_token_file else ""

    @property
    def user_agent(self) -> str:
        """Who we say we are: the name, the version and the contact."""
        return f"Headwater/{VERSION} (+{self.contact})"

    def source(self, name: str) -> SourceSettings:
        """Answer the settings of one source."""
        return self.sources.get(name, SourceSettings())

    def with_enabled(self, names: Iterable[str]) -> Settings:
        """Answer these settings with some sources switched on: a name on the command line says so."""
        on = {name: self.source(name).model_copy(update={"enabled": True}) for name in names}
        return self.model_copy(update={"sources": {**self.sources, **on}})

    def schedule(self, name: str) -> str | None:
        """Answer how often a source is wanted; None for its own word."""
        own = self.source(name)
        return own.schedule if own.enabled else "off"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        toml = TomlConfigSettingsSource(settings_cls, settings_file())
        refuse_written_secrets(toml.toml_data, settings_file())
        return init_settings, env_settings, toml, file_secret_settings
