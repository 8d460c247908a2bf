"""Who may use the demo's Airflow."""

from __future__ import annotations

import json
import stat

import pytest

from airflow_provider_binance_liq.demo.failure import DemoFailed
from airflow_provider_binance_liq.demo.login import Login


def test_the_password_is_another_one_each_time_and_too_long_to_be_guessed(tmp_path):
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(Login.make(tmp_path / name))
    passwords = {one for login in made for one in (login.password, login.viewer_password)}
    assert len(passwords) == 4
    assert all(len(password) >= 20 for password in passwords)


def test_the_password_is_in_a_file_of_its_own_that_only_its_user_can_read(tmp_path):
    login = Login.make(tmp_path)
    assert json.loads(login.file.read_text()) == {
        "admin": login.password,
        "viewer": login.viewer_password,
    }
    assert stat.S_IMODE(login.file.stat().st_mode) == 0o600


def test_the_password_is_in_no_setting_and_in_no_text_of_the_object(tmp_path):
    login = Login.make(tmp_path)
    assert login.password not in f"{login!r} {login.settings}"
    assert login.viewer_password not in f"{login!r} {login.settings}"


@pytest.mark.parametrize("there", ["a file", "a link"])
def test_what_lies_in_its_place_is_not_written_to(there, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("irreplaceable")
    place = tmp_path / "passwords.json"
    place.symlink_to(victim) if there == "a link" else place.write_text("theirs")
    with pytest.raises(DemoFailed, match="cannot be written to"):
        Login.make(tmp_path)
    assert victim.read_text() == "irreplaceable"
    assert place.read_text() in {"theirs", "irreplaceable"}
