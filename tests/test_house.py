"""The house: documents match the code, names are ours, the server stands without the harvester."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from config.alerts import SECRETS, Command, Mail, Webhook
from config.settings import Settings, SourceSettings
from harvester import registry
from harvester.rehearse import REPLICAS

ROOT = Path(__file__).parents[1]
OURS = ("api", "harvester", "index", "config")
SETTINGS = (Settings, SourceSettings, Webhook, Mail, Command)


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_the_readme_lists_every_source_with_its_title_and_scopes() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|", text("README.md"), re.MULTILINE)
    found = {name: (title.strip(), scopes.strip()) for name, title, scopes in rows}
    expected = {s.card.name: (s.card.title, ", ".join(s.card.scopes)) for s in registry.SOURCES}
    assert found == expected


def test_the_readme_is_short() -> None:
    assert len(text("README.md").splitlines()) <= 150


def test_every_setting_stands_in_the_shipped_file() -> None:
    shipped = text("config/headwater.toml")
    ours = {name for model in SETTINGS for name in model.model_fields}
    tables, secrets = {"sources", "alerts"}, {"admin_token", *SECRETS}  # these must not stand in a file
    for name in ours - tables - secrets:
        assert re.search(rf"^# {name} = ", shipped, re.MULTILINE), name


def test_every_setting_is_explained() -> None:
    for model in SETTINGS:
        for name, field in model.model_fields.items():
            assert field.description, name


def test_every_source_has_a_replica() -> None:
    assert set(REPLICAS) == {source.card.name for source in registry.SOURCES}


@pytest.mark.parametrize("name", OURS)
def test_no_other_distribution_offers_our_names(name: str) -> None:
    assert set(packages_distributions().get(name, [])) <= {"headwater"}


def test_the_server_stands_without_the_harvester() -> None:
    program = (
        "import sys; sys.modules['harvester'] = None\n"
        "import api.app, api.serving\n"
        "from api.app import ROUTES; print(len(ROUTES))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10


def test_every_package_says_what_lives_in_it() -> None:
    for package in OURS:
        for init in (ROOT / package).rglob("__init__.py"):
            assert init.read_text("utf-8").lstrip().startswith('"""'), init


def test_every_decision_has_context_decision_and_consequences() -> None:
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages[:7]:
        for part in ("**Context.**", "**Decision.**", "**Consequences.**"):
            assert part in page.read_text("utf-8"), page


def test_every_make_target_the_documents_name_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    documents = ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md")
    named = {name for document in documents for name in re.findall(r"`make ([a-z]+)", text(document))}
    assert named <= targets


def test_every_command_the_documents_name_is_there() -> None:
    from typer.main import get_command

    from api.cli import app

    commands = set(get_command(app).commands)  # type: ignore[attr-defined]  # of a group, which ours is
    documents = ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md")
    named = {name for document in documents for name in re.findall(r"`headwater ([a-z]+)", text(document))}
    assert named <= commands


def test_the_changelog_knows_the_version() -> None:
    assert "## Unreleased" in text("CHANGELOG.md")
