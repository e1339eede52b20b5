from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from reconciler.errors import FleetError
from reconciler.session.fleet.cluster_address import VARIABLE, take_address

CANARY = "canary-5tQ"


def read(**environment: str) -> dict[str, object]:
    found = conninfo_to_dict(take_address(environment).reveal())
    return {name: found[name] for name in found if name not in ("connect_timeout", "application_name")}


def refuse(**environment: str) -> FleetError:
    with pytest.raises(FleetError) as caught:
        take_address(environment)
    shown = f"{caught.value.summary} {caught.value.detail} {caught.value!r} {caught.value.__cause__}"
    assert CANARY not in shown
    return caught.value


def test_the_variable_names_the_database() -> None:
    found = read(**{VARIABLE: f"postgresql://runner:{CANARY}@127.0.0.1:5433/fleet"})
    assert found == {
        "user": "runner",
        "password": CANARY,
        "host": "127.0.0.1",
        "port": "5433",
        "dbname": "fleet",
        "tcp_user_timeout": "30000",
    }


def test_libpqs_variables_do_and_the_variable_takes_precedence() -> None:
    found = read(PGHOST="localhost", PGDATABASE="fleet", PGPASSWORD=CANARY, **{VARIABLE: "dbname=other"})
    assert (found["host"], found["dbname"], found["password"]) == ("localhost", "other", CANARY)


def test_what_holds_a_password_leaves_the_environment() -> None:
    environment = {VARIABLE: f"host=localhost password={CANARY}", "PGPASSWORD": CANARY, "PATH": "/bin"}
    secret = take_address(environment)
    assert environment == {"PATH": "/bin"}
    assert CANARY not in repr(secret)


@pytest.mark.parametrize("environment", [{}, {VARIABLE: " "}, {"PGUSER": "runner"}])
def test_no_address_is_an_error(environment: dict[str, str]) -> None:
    error = refuse(**environment)
    assert error.summary == "no database is set for the queue"
    assert "RECONCILER_CLUSTER_DSN" in error.detail


@pytest.mark.parametrize(
    "text",
    [CANARY, f"host=x {CANARY}", f"postgresql://u:{CANARY}@[::1", f"password='{CANARY}", f"{CANARY}=1", "host=\udcff"],
)
def test_text_that_is_no_address_is_not_repeated(text: str) -> None:
    assert refuse(**{VARIABLE: text}).summary == "RECONCILER_CLUSTER_DSN is not a Postgres connection string"


@pytest.mark.parametrize("environment", [{VARIABLE: "service=fleet"}, {"PGSERVICE": "fleet", "PGHOST": "localhost"}])
def test_a_service_file_is_refused(environment: dict[str, str]) -> None:
    assert refuse(**environment).summary == "a service file cannot say where the queue's database is"


@pytest.mark.parametrize(
    "text", ["host=127.0.0.1", "host=::1", "host=localhost", "host=/run/postgresql", "dbname=fleet", "host=@x"]
)
def test_no_encryption_is_needed_on_this_machine(text: str) -> None:
    assert "sslmode" not in read(**{VARIABLE: text})


@pytest.mark.parametrize(
    "text",
    [
        "host=db.example.com",
        "hostaddr=192.0.2.7",
        "host=localhost hostaddr=192.0.2.7",
        "host=localhost,db.example.com",
        "hostaddr=127.0.0.1,192.0.2.7",
        "host=localhost,localhost hostaddr=,192.0.2.7",
    ],
)
def test_a_server_elsewhere_proves_who_it_is(text: str) -> None:
    found = read(**{VARIABLE: text})
    assert (found["sslmode"], found["sslrootcert"]) == ("verify-full", "system")
    for mode in ("disable", "allow", "prefer", "require"):
        assert refuse(PGSSLMODE=mode, **{VARIABLE: text}).summary == (
            f'sslmode "{mode}" does not prove which server answers'
        )


def test_an_authority_of_your_own_stays() -> None:
    text = "host=db.example.com sslmode=verify-ca sslrootcert=/etc/db.pem"
    found = read(**{VARIABLE: text})
    assert (found["sslmode"], found["sslrootcert"]) == ("verify-ca", "/etc/db.pem")
