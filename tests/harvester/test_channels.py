"""Channels carry a message or say why not: webhook, mail and command, and what settings they refuse."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, TypeAdapter, ValidationError
from pydantic_settings import SettingsError

from config.alerts import Channel, Command, Webhook
from config.settings import Settings
from harvester.channels import Event, Message, NotSent, ready, send
from tests.harvester.receivers import KEY, Hook, PostOffice, listening

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LINE = Event("idr", "failed", "failed: refused - status 403", "2026-11-23T11:59:00Z", 1, 7, "refused")
MESSAGE = Message("abc", "ops", "node.example", NOW, [LINE])


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    async with listening() as receiver:
        yield receiver


def channel(**given: object) -> Any:
    found: Any = TypeAdapter(Channel).validate_python(given)
    return found


# ---- webhook ---------------------------------------------------------------------------------


async def test_a_webhook_is_signed_over_time_and_body(hook: Hook) -> None:
    await send(hook.channel(), MESSAGE)
    (body,) = hook.got
    assert body["subject"] == "Headwater: idr failed"
    assert body["events"][0]["error"] is None
    assert "idr failed: refused - status 403" in body["text"]
    assert hook.deliveries == ["abc"]


@pytest.mark.parametrize("status", [500, 307, 404])
async def test_a_webhook_that_answers_otherwise_has_not_taken_it(hook: Hook, status: int) -> None:
    hook.status = status
    with pytest.raises(NotSent, match=f"127.0.0.1 answered with status {status}"):
        await send(hook.channel(), MESSAGE)
    assert len(hook.deliveries) == 1  # a redirect is not followed


async def test_a_webhook_that_does_not_answer_in_time_has_not_taken_it(hook: Hook) -> None:
    hook.delay = 5
    with pytest.raises(NotSent, match=r"no answer within 0\.1 s"):
        await send(hook.channel(timeout_seconds=0.1), MESSAGE)


async def test_nobody_listening_is_told_without_path_or_secret() -> None:
    wanted = Webhook(kind="webhook", url="http://127.0.0.1:9/path-with-token", secret=SecretStr(KEY))
    with pytest.raises(NotSent, match=r"127\.0\.0\.1 was not reached") as caught:
        await send(wanted, MESSAGE)
    assert "token" not in str(caught.value)
    assert KEY not in repr(wanted)


async def test_a_secret_file_is_read_at_every_use(hook: Hook, tmp_path: Path) -> None:
    file = tmp_path / "hook.key"
    wanted = Webhook(kind="webhook", url=hook.url, secret_file=file)
    with pytest.raises(NotSent, match="secret cannot be read"):
        ready(wanted)
    with pytest.raises(NotSent, match="FileNotFoundError"):
        await send(wanted, MESSAGE)
    file.write_text(f"{KEY}\n")
    ready(wanted)
    await send(wanted, MESSAGE)
    assert len(hook.got) == 1


# ---- settings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"kind": "webhook", "url": "http://example.org/", "secret": "s"}, "must be https"),
        ({"kind": "webhook", "url": "ftp://example.org/", "secret": "s"}, "must begin with https"),
        ({"kind": "webhook", "url": "https://me:pw@example.org/", "secret": "s"}, "name or password"),
        ({"kind": "webhook", "url": "https://example.org/"}, "exactly one of secret"),
        ({"kind": "webhook", "url": "https://e.org/", "secret": "s", "secret_file": "f"}, "exactly one"),
        ({"kind": "mail", "server": "mail.example.org", "security": "none"}, "on this machine"),
        ({"kind": "mail", "server": "mail.example.org", "user": "me"}, "exactly one of password"),
        ({"kind": "mail", "server": "mail.example.org", "to": []}, "at least 1"),
        ({"kind": "mail", "server": "mail.example.org", "to": ["a@b>\nBcc: c@d"]}, "pattern"),
        ({"kind": "command", "argv": []}, "at least 1"),
        ({"kind": "command", "argv": ["true"], "digest": "sometimes"}, "no schedule"),
        ({"kind": "command", "argv": ["true"], "digest": "0 3 * * *"}, "digest is a length"),
        ({"kind": "command", "argv": ["true"], "policy": "never"}, "on_error"),
        ({"kind": "pigeon"}, "webhook"),
    ],
)
def test_a_channel_that_cannot_be_trusted_is_refused(given: dict[str, Any], wrong: str) -> None:
    whole = (
        {"sender": "a@example.org", "to": ["b@example.org"], **given} if given["kind"] == "mail" else given
    )
    with pytest.raises(ValidationError, match=wrong):
        channel(**whole)


def test_http_to_another_machine_must_be_wanted() -> None:
    given = {"kind": "webhook", "url": "http://10.0.0.7/", "secret": "s"}
    assert channel(**given, plain_http=True).plain_http


def test_a_secret_comes_from_the_environment_and_never_from_the_file_of_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "headwater.toml"
    monkeypatch.setenv("HEADWATER_CONFIG", str(file))
    lines = "[alerts.ops]\nkind = 'webhook'\nurl = 'https://example.org/'\n"
    file.write_text(lines + f"secret = '{KEY}'\n")
    with pytest.raises(SettingsError, match="HEADWATER_ALERTS__OPS__SECRET") as caught:
        Settings()
    assert KEY not in str(caught.value)
    file.write_text(lines)
    monkeypatch.setenv("HEADWATER_ALERTS__OPS__SECRET", KEY)
    found = Settings()
    ops = found.alerts["ops"]
    assert isinstance(ops, Webhook)
    assert ops.key() == KEY.encode()
    assert KEY not in f"{found!r}{found.model_dump_json()}"


# ---- mail ------------------------------------------------------------------------------------


async def test_a_mail_says_what_happened_to_everybody_it_goes_to() -> None:
    async with PostOffice().open() as post_office:
        await send(post_office.channel(security="none"), MESSAGE)
    (letter,) = post_office.letters
    assert letter["Subject"] == "Headwater: idr failed"
    assert letter["To"] == "a@example.org, b@example.org"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert "idr failed: refused - status 403" in letter.get_content()


async def test_a_mail_is_not_sent_in_the_clear_when_the_server_offers_no_starttls() -> None:
    async with PostOffice().open() as post_office:
        wanted = post_office.channel(user="me", password=SecretStr(KEY))
        with pytest.raises(NotSent, match="SMTPNotSupportedError"):
            await send(wanted, MESSAGE)
    assert not post_office.letters
    assert not post_office.logins


async def test_a_mail_goes_over_starttls_with_user_and_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = tmp_path / "localhost.pem"
    _make_certificate(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with PostOffice(context).open() as post_office:
        wanted = post_office.channel(user="me", password=SecretStr(KEY))
        with pytest.raises(NotSent, match=r"CERTIFICATE_VERIFY_FAILED|certificate"):
            await send(wanted, MESSAGE)
        assert post_office.logins == []
        post_office.secure = False
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        await send(wanted, MESSAGE)
    assert post_office.logins == [f"\0me\0{KEY}".encode()]
    assert len(post_office.letters) == 1


def _make_certificate(file: Path) -> None:
    """Sign one for localhost ourselves; openssl comes with every system that has TLS for Python to link."""
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    extra = f"-addext subjectAltName=DNS:localhost -keyout {file} -out {file}.crt"
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    subprocess.run([openssl, *words.split(), *extra.split()], check=True, capture_output=True)
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())


# ---- command ---------------------------------------------------------------------------------


async def test_a_command_gets_the_message_on_its_standard_input_and_no_secrets_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWATER_ALERTS__OPS__SECRET", KEY)
    program = (
        "import json, os, sys\n"
        f"with open({str(tmp_path / 'got')!r}, 'w') as file:\n"
        "    json.dump({'message': json.load(sys.stdin), 'environment': dict(os.environ)}, file)"
    )
    await send(Command(kind="command", argv=[sys.executable, "-c", program]), MESSAGE)
    got = json.loads((tmp_path / "got").read_text())
    assert got["message"] == json.loads(MESSAGE.json())
    assert KEY not in str(got)
    assert "PATH" in got["environment"]


async def test_a_command_that_fails_hangs_or_is_not_there_has_not_taken_it() -> None:
    with pytest.raises(NotSent, match="ended with status 3"):
        await send(Command(kind="command", argv=["/bin/sh", "-c", "cat > /dev/null; exit 3"]), MESSAGE)
    with pytest.raises(NotSent, match=r"no answer within 0\.2 s"):
        await send(Command(kind="command", argv=["/bin/sleep", "60"], timeout_seconds=0.2), MESSAGE)
    nobody = Command(kind="command", argv=["/nowhere/program"])
    with pytest.raises(NotSent, match="No such file"):
        await send(nobody, MESSAGE)
    with pytest.raises(NotSent, match="there is no program"):
        ready(nobody)
