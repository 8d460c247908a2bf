"""What the demo's Airflow inherits and what not, and which port it gets."""

from __future__ import annotations

import base64
import socket
from pathlib import Path

import pytest

from airflow_provider_binance_liq.demo import environment
from airflow_provider_binance_liq.demo.environment import HOST, Port, airflow_environment, inherited
from airflow_provider_binance_liq.demo.failure import DemoFailed
from airflow_provider_binance_liq.demo.login import Login

SECRETS = ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET")
HOME = Path("/a path with späces/airflow_home")


def of_airflow(user=(), port=8080):
    return airflow_environment(
        dict(user),
        home=HOME,
        logs=Path("/a path with späces/logs"),
        dags=Path("/dags"),
        database_url="postgresql+psycopg2://airflow@/postgres?host=/tmp/pg",
        port=port,
        login=Login(HOME / "passwords.json", "of this demo alone", "of its viewer"),
    )


@pytest.mark.parametrize(
    "name",
    [
        "AIRFLOW_HOME",
        "AIRFLOW_CONFIG",
        "AIRFLOW_CONN_BINANCE_DEFAULT",
        "AIRFLOW_VAR_BINANCE_LIQUIDATIONS",
        "AIRFLOW__CORE__PLUGINS_FOLDER",
        "AIRFLOW__SECRETS__BACKEND",
        "_AIRFLOW_WWW_USER_CREATE",
        "PGHOST",
        "PGPASSWORD",
        "PGSERVICE",
        "PYTHONWARNINGS",
    ],
)
def test_nothing_that_configures_the_users_own_airflow_or_database_is_inherited(name):
    assert name not in inherited({name: "theirs"})
    assert "theirs" not in of_airflow({name: "theirs"}).values()


def test_everything_else_of_the_users_is_inherited():
    user = {"PATH": "/bin", "HOME": "/home/me", "LANG": "de_DE.UTF-8", "HTTPS_PROXY": "http://proxy:1"}
    assert user.items() <= inherited(user).items()


@pytest.mark.parametrize(
    ("user", "no_proxy"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"no_proxy": ""}, "127.0.0.1,localhost"),
        ({"no_proxy": "example.org"}, "example.org,127.0.0.1,localhost"),
    ],
)
def test_no_proxy_comes_between_the_parts_of_the_demo(user, no_proxy):
    assert inherited(user)["no_proxy"] == no_proxy
    assert HOST in inherited(user)["NO_PROXY"]


def test_the_users_environment_itself_stays_as_it_is():
    user = {"AIRFLOW_HOME": "/mine"}
    of_airflow(user)
    assert user == {"AIRFLOW_HOME": "/mine"}


def test_secrets_are_new_for_each_demo_and_unlike_each_other():
    first, second = of_airflow(), of_airflow()
    secrets = [made[name] for made in (first, second) for name in SECRETS]
    assert len(set(secrets)) == 2 * len(SECRETS)
    assert all(len(secret) >= 32 for secret in secrets)
    assert len(base64.urlsafe_b64decode(first["AIRFLOW__CORE__FERNET_KEY"])) == 32


def test_the_key_of_tokens_is_as_long_as_their_signatures_need():
    assert len(of_airflow()["AIRFLOW__API_AUTH__JWT_SECRET"].encode()) >= 64


def test_airflow_listens_on_this_machine_only_and_is_reached_where_it_listens():
    made = of_airflow(port=18_080)
    assert made["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert made["AIRFLOW__API__PORT"] == "18080"
    assert made["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:18080"
    assert made["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:18080/execution/"


def test_nobody_is_administrator_without_the_password_which_no_environment_holds():
    made = of_airflow()
    assert made["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"
    assert made["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "admin:admin,viewer:viewer"
    assert made["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"] == str(HOME / "passwords.json")
    assert not any("of this demo alone" in value for value in made.values())


def test_airflow_writes_into_the_demos_directory_whatever_its_name():
    made = of_airflow({"AIRFLOW_HOME": "/mine"})
    assert made["AIRFLOW_HOME"] == str(HOME)
    assert made["AIRFLOW__LOGGING__BASE_LOG_FOLDER"] == "/a path with späces/logs"


def test_nothing_is_told_to_anybody_about_the_use_of_airflow():
    assert of_airflow()["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"


# ---- the port


@pytest.fixture
def listening():
    """A port that something listens on."""
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def test_a_wanted_port_that_is_in_use_is_refused_with_what_to_do(listening):
    with pytest.raises(DemoFailed) as refused:
        Port.take(listening)
    assert f"port {listening} of 127.0.0.1 is in use" in str(refused.value)
    assert "--port" in str(refused.value)


def test_a_wanted_port_that_is_free_is_taken():
    with socket.create_server((HOST, 0)) as server:
        free = server.getsockname()[1]
    port = Port.take(free)
    assert port.number == free
    port.release()


def test_where_the_usual_port_is_in_use_another_is_chosen(listening, monkeypatch):
    monkeypatch.setattr(environment, "FAVOURITE_PORT", listening)
    port = Port.take(None)
    assert port.number not in {0, listening}
    port.release()


def test_two_demos_that_start_at_once_never_choose_the_same_port(monkeypatch):
    with socket.create_server((HOST, 0)) as server:
        monkeypatch.setattr(environment, "FAVOURITE_PORT", server.getsockname()[1])
    first = Port.take(None)
    second = Port.take(None)
    assert first.number == environment.FAVOURITE_PORT
    assert second.number != first.number
    with pytest.raises(DemoFailed):
        Port.take(first.number)
    first.release()
    Port.take(first.number).release()
    second.release()


def test_the_taken_port_is_left_for_airflow_to_listen_on():
    port = Port.take(None)
    with socket.create_server((HOST, port.number)):
        pass
    port.release()


def test_another_port_is_tried_where_a_free_one_cannot_be_claimed(monkeypatch):
    real = Port._claim_port
    refusals = [OSError("in use")] * 3

    def claim(number):
        if refusals:
            raise refusals.pop()
        return real(number)

    monkeypatch.setattr(Port, "_claim_port", claim)
    port = Port.take(None)
    assert port.number
    port.release()


def test_a_machine_without_any_free_port_is_said_so(monkeypatch):
    def claim(number):
        raise OSError(number)

    monkeypatch.setattr(Port, "_claim_port", claim)
    with pytest.raises(DemoFailed, match=r"no port of .* is free"):
        Port.take(None)
