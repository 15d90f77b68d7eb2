"""Addresses of databases in the forms that people have at hand."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.kernel.errors import InvalidDsnError
from event_system.sql.dsn import Dsn, parse_dsn

PASSWORD = "s3cr3t-Zz"

GO = "user:password@tcp(localhost:3306)/event_system?charset=utf8mb4&parseTime=True&loc=Local"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GO, Dsn("mysql", "localhost", 3306, "user", "event_system", "password")),
        ("u@/db", Dsn("mysql", "127.0.0.1", 3306, "u", "db")),
        ("u@tcp/db", Dsn("mysql", "127.0.0.1", 3306, "u", "db")),
        ("u:@tcp([::1])/db", Dsn("mysql", "::1", 3306, "u", "db")),
        ("u:p@ss:w/o@rd@tcp(h:1)/db", Dsn("mysql", "h", 1, "u", "db", "p@ss:w/o@rd")),
        (
            "u@unix(/run/m.sock)/db",
            Dsn("mysql", "127.0.0.1", 3306, "u", "db", socket="/run/m.sock"),
        ),
        ("u@tcp(h)/db?tls=true", Dsn("mysql", "h", 3306, "u", "db", tls="verify-full")),
        ("u@tcp(h)/db?loc=Asia%2FShanghai", Dsn("mysql", "h", 3306, "u", "db")),
        ("u@tcp(h)/db?timeout=500ms", Dsn("mysql", "h", 3306, "u", "db", connect_seconds=0.5)),
        ("postgresql://u:p%40%2F%3A@h/db", Dsn("postgresql", "h", 5432, "u", "db", "p@/:")),
        ("postgres://u@[::1]:1/db", Dsn("postgresql", "::1", 1, "u", "db")),
        ("postgresql+asyncpg://u@h:7/db", Dsn("postgresql", "h", 7, "u", "db")),
        (
            "postgresql://u@/db?host=/run/pg&sslmode=require",
            Dsn("postgresql", "127.0.0.1", 5432, "u", "db", socket="/run/pg", tls="require"),
        ),
        ("mysql+asyncmy://u:p@h/db", Dsn("mysql", "h", 3306, "u", "db", "p")),
        ("mariadb://u@h/db?charset=utf8mb4", Dsn("mysql", "h", 3306, "u", "db")),
        (" mysql://u@h/db\n", Dsn("mysql", "h", 3306, "u", "db")),
    ],
)
def test_every_form_is_read(text: str, expected: Dsn) -> None:
    found = parse_dsn(text)

    assert found == expected
    assert found.password == expected.password


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "printable"),
        ("x" * 5000, "4096"),
        ("oracle://u@h/db", "oracle"),
        ("postgresql+odbc://u@h/db", "odbc"),
        ("localhost:3306", "Neither"),
        ("u@tcp(h:3306)", "Neither"),
        ("u@udp(h:3306)/db", "network"),
        ("u@unix(run)/db", "absolute"),
        ("tcp(h)/db", "no user"),
        ("u@tcp(h)/", "no database"),
        ("u@tcp(h:0)/db", "65535"),
        ("u@tcp(h:70000)/db", "65535"),
        ("u@tcp(::1:3306)/db", "brackets"),
        ("postgresql://u@h:x/db", "brackets"),
        ("u@tcp(h)/db?charset=latin1", "utf8mb4"),
        ("u@tcp(h)/db?collation=latin1_bin", "utf8mb4"),
        ("u@tcp(h)/db?tls=perhaps", "skip-verify"),
        ("u@tcp(h)/db?timeout=soon", "5s"),
        ("u@tcp(h)/db?timeout=1000m", "300"),
        ("u@tcp(h)/db?multiStatements=true", "multiStatements"),
        ("postgresql://u@h/db?parseTime=True", "parseTime"),
        ("postgresql://u@h/db?sslrootcert=ca.pem", "absolute"),
    ],
)
def test_a_fault_is_named(text: str, word: str) -> None:
    with pytest.raises(InvalidDsnError, match=word):
        parse_dsn(text)


@pytest.mark.parametrize(
    "text",
    [
        f"u:{PASSWORD}@tcp(h:99999)/db",
        f"u:{PASSWORD}@udp(h)/db",
        f"u:{PASSWORD}@tcp(h)",
        f"u:{PASSWORD}@tcp(h)/db?x=1",
        f"oracle://u:{PASSWORD}@h/db",
        f"postgresql://u:{PASSWORD}@h:x/db",
        f"postgresql://:{PASSWORD}@h/db",
    ],
)
def test_no_fault_shows_the_password(text: str) -> None:
    with pytest.raises(InvalidDsnError) as raised:
        parse_dsn(text)

    assert PASSWORD not in str(raised.value)
    assert raised.value.__cause__ is None


NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=30
)
HOSTS = st.sampled_from(["localhost", "127.0.0.1", "::1", "fe80::1%eth0", "db.example.org"])
DSNS = st.builds(
    Dsn,
    dialect=st.sampled_from(["postgresql", "mysql"]),
    host=HOSTS,
    port=st.integers(1, 65535),
    user=NAMES,
    database=NAMES,
    password=NAMES | st.just(""),
    socket=st.none(),
    tls=st.sampled_from(["disable", "prefer", "require", "verify-ca", "verify-full"]),
    connect_seconds=st.sampled_from([0.5, 1.0, 10.0, 300.0]),
)


@given(DSNS)
def test_a_url_says_all_of_it(dsn: Dsn) -> None:
    assert parse_dsn(dsn.url) == dsn
    assert parse_dsn(dsn.url).password == dsn.password


@given(
    user=NAMES.filter(lambda name: ":" not in name and "://" not in name),
    password=NAMES,
    port=st.integers(1, 65535),
)
def test_in_gos_form_a_password_stands_as_it_is(user: str, password: str, port: int) -> None:
    found = parse_dsn(f"{user}:{password}@tcp(h:{port})/db")

    assert (found.user, found.password, found.port) == (user, password, port)


@given(DSNS)
def test_the_password_is_never_shown(dsn: Dsn) -> None:
    hidden = Dsn("mysql", "h", 1, "u", "db", PASSWORD)

    assert PASSWORD not in repr(hidden) + str(hidden)
    assert repr(dsn).count("password") == 0


@given(st.text(max_size=200))
def test_any_other_text_is_a_dsn_or_a_fault(text: str) -> None:
    with suppress(InvalidDsnError):
        assert parse_dsn(text).database
