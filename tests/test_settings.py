"""Settings: the environment and community.toml; every mistake is one sentence with the remedy and without a secret."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from engine.clock import DAY, HOUR
from engine.errors import Refused
from engine.settings import PUBLIC_API, Community, Environment, load_community, load_environment, parse_webhook_tokens
from engine.spans import Span, parse_duration, parse_quiet, parse_span

EXAMPLE = Path(__file__).parent.parent / "ops" / "community.example.toml"
SECRETS = ("CHATWORK_API_TOKEN", "CHATWORK_WEBHOOK_TOKENS", "ADMIN_TOKEN", "SMTP_URL")


def refusal(folder: Path, text: str) -> str:
    """What is said about a community.toml, without the folder."""
    path = folder / "community.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Refused) as refused:
        load_community(path)
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence.removeprefix(f"{folder}/")


class TestDurations:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            pytest.param("90s", 90.0, id="seconds"),
            pytest.param("15m", 900.0, id="minutes"),
            pytest.param("2h", 2 * HOUR, id="hours"),
            pytest.param("30d", 30 * DAY, id="days"),
            pytest.param("0d", 0.0, id="nothing at all is a duration"),
            pytest.param("36500d", 36_500 * DAY, id="a century is the longest"),
        ],
    )
    def test_a_number_and_a_unit(self, text: str, seconds: float) -> None:
        assert parse_duration(text) == seconds

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("", id="nothing is no duration"),
            pytest.param("90", id="a number without a unit is no duration"),
            pytest.param("h", id="a unit without a number is no duration"),
            pytest.param("2 h", id="no space between number and unit"),
            pytest.param("-2h", id="no negative duration"),
            pytest.param("1.5h", id="no fraction"),
            pytest.param("2w", id="weeks are no unit"),
            pytest.param("2h30m", id="one unit only"),
            pytest.param("2H", id="units are small letters"),
            pytest.param(" 2h", id="no space before it"),
            pytest.param("2h\n", id="no line break after it"),
            pytest.param("36501d", id="longer than a century is a slip of the finger"),
            pytest.param("9" * 5000 + "s", id="a number too long for a computer is no number"),
            pytest.param(90, id="a bare number is no duration"),
            pytest.param(None, id="none is no duration"),
        ],
    )
    def test_anything_else_is_told_what_a_duration_is(self, text: object) -> None:
        with pytest.raises(ValueError, match="a duration is"):
            parse_duration(text)


class TestSpans:
    @pytest.mark.parametrize(
        ("text", "start", "end"),
        [
            pytest.param("12:30-15:00", "12:30", "15:00", id="a span within a day"),
            pytest.param("23:00-07:00", "23:00", "07:00", id="a span over midnight"),
            pytest.param("19:00-24:00", "19:00", "00:00", id="twenty-four o'clock is midnight"),
            pytest.param("00:00-00:00", "00:00", "00:00", id="from midnight to midnight is the whole day"),
        ],
    )
    def test_two_times_of_a_day(self, text: str, start: str, end: str) -> None:
        assert parse_span(text) == Span.model_validate({"start": start, "end": end})

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("", id="nothing is no span"),
            pytest.param("12:30", id="one time is no span"),
            pytest.param("12:30 - 15:00", id="no spaces"),
            pytest.param("12:30〜15:00", id="no wave dash"),
            pytest.param("9:00-12:00", id="hours have two digits"),
            pytest.param("25:00-26:00", id="a day has 24 hours"),
            pytest.param("12:60-13:00", id="an hour has 60 minutes"),
            pytest.param("24:30-07:00", id="nothing comes after twenty-four o'clock"),
            pytest.param("１２:３０-１５:００", id="full-width digits are no times"),
            pytest.param("none", id="only quiet hours can be none"),
            pytest.param(["12:30-15:00"], id="a list is no span"),
        ],
    )
    def test_anything_else_is_told_what_a_span_looks_like(self, text: object) -> None:
        with pytest.raises(ValueError, match='a span of hours looks like "12:30-15:00"'):
            parse_span(text)

    def test_quiet_hours_can_be_switched_off(self) -> None:
        assert parse_quiet("none") is None

    def test_quiet_hours_are_otherwise_a_span(self) -> None:
        assert parse_quiet("22:00-06:00") == parse_span("22:00-06:00")
        with pytest.raises(ValueError, match="a span of hours"):
            parse_quiet("never")


class TestTheExample:
    def test_every_key_shows_its_default(self) -> None:
        assert load_community(EXAMPLE) == Community()

    def test_no_key_is_missing(self) -> None:
        shown = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
        known = {name: set(getattr(Community(), name).__class__.model_fields) for name in shown}
        assert {name: set(table) for name, table in shown.items()} == known
        assert set(shown) == set(Community.model_fields) - {"rooms"}

    def test_the_rooms_shown_as_a_comment_are_rooms(self) -> None:
        lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
        start = next(number for number, line in enumerate(lines) if line == "# [[rooms]]")
        rooms = [line.removeprefix("# ") for line in lines[start : start + 7] if line != "#"]
        community = Community.model_validate(tomllib.loads("\n".join(rooms)))
        assert community.rooms_of("board") == (567890123,)
        assert community.rooms_of("admin") == (567890124,)


class TestCommunityFile:
    def test_no_file_is_the_defaults(self) -> None:
        assert load_community(None) == Community()

    def test_an_empty_file_is_the_defaults(self, tmp_path: Path) -> None:
        (tmp_path / "community.toml").touch()
        assert load_community(tmp_path / "community.toml") == Community()

    def test_a_byte_order_mark_as_windows_writes_it_is_no_mistake(self, tmp_path: Path) -> None:
        path = tmp_path / "community.toml"
        path.write_bytes('\ufeff[community]\r\nname = "勉強会"\r\n'.encode())
        assert load_community(path).community.name == "勉強会"

    def test_rooms_are_found_by_role_and_by_id(self, tmp_path: Path) -> None:
        path = tmp_path / "community.toml"
        path.write_text('[[rooms]]\nroom_id = 1\nrole = "board"\n[[rooms]]\nroom_id = 2\nrole = "admin"\n')
        community = load_community(path)
        assert community.rooms_of("board") == (1,)
        assert community.rooms_of("vendor") == ()
        assert community.role_of(2) == "admin"
        assert community.role_of(3) is None

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            pytest.param(
                "[nudge]\n\nwavez = []\n",
                "line 3: unknown key nudge.wavez; did you mean waves?",
                id="an unknown key is named with its line and its nearest neighbour",
            ),
            pytest.param(
                '[nugde]\nwaves = ["2h"]\n',
                "line 1: unknown key nugde; did you mean nudge?",
                id="an unknown table too",
            ),
            pytest.param(
                '[community]\nid = "main"\n\n[score]\nid = 1\n',
                "line 5: unknown key score.id; did you mean half_life?",
                id="a key that is right elsewhere is found where it is wrong",
            ),
            pytest.param(
                '[[rooms]]\nroom_id = 1\nrole = "board"\n\n[[rooms]]\nroom_id = 2\nroll = "board"\n',
                "line 7: unknown key rooms.roll; did you mean role?",
                id="an unknown key of the second room",
            ),
            pytest.param(
                '[[rooms]]\nroom_id = 1\nrole = "board"\n[[rooms]]\nroom_id = 2\nrole = "boss"\n',
                "line 6: rooms.role: Input should be 'board', 'admin' or 'vendor'",
                id="an unknown role of the second room",
            ),
            pytest.param(
                '[[rooms]]\nroom_id = 1\nrole = "board"\n[[rooms]]\nrole = "admin"\n',
                "line 4: rooms.room_id: Field required",
                id="a room without a number is shown where the room begins",
            ),
            pytest.param(
                '[[rooms]]\nroom_id = "板"\nrole = "board"\n',
                "line 2: rooms.room_id: Input should be a valid integer",
                id="a room's number is a number",
            ),
            pytest.param("nudge.wavez = []\n", "line 1: unknown key nudge.wavez", id="a dotted key"),
            pytest.param("\nrooms = 5\n", "line 2: rooms: ", id="a table that is no table"),
            pytest.param('[nudge]\n"wavez" = []\n', "line 2: unknown key nudge.wavez", id="a key in quotes"),
            pytest.param("[nudge.wavez]\n", "line 1: unknown key nudge.wavez", id="an unknown table in a table"),
            pytest.param('[nudge]\nwaves = ["2h", "2w"]\n', "line 2: nudge.waves: a duration is", id="a bad duration"),
            pytest.param("[nudge]\nwaves = []\n", "line 2: nudge.waves: Tuple should have at", id="no wave at all"),
            pytest.param(
                '[active_hours]\nquiet = "23-7"\n', "line 2: active_hours.quiet: a span of", id="a bad quiet span"
            ),
            pytest.param(
                '[active_hours]\nweekday = ["9-5"]\n', "line 2: active_hours.weekday: a span of", id="a bad weekday"
            ),
            pytest.param(
                '[active_hours]\nholidays = "japan"\n', "line 2: active_hours.holidays: ", id="a country is two letters"
            ),
            pytest.param("[nudge]\nmax_per_wave = 4\n", "line 2: nudge.max_per_wave: ", id="never more than three"),
            pytest.param("[nudge]\nasks_per_day = -1\n", "line 2: nudge.asks_per_day: ", id="no negative number"),
            pytest.param(
                '[score]\nhalf_life = "0d"\n', "line 2: score.half_life: Input should be greater", id="no half-life"
            ),
            pytest.param(
                '[retention]\nmessages = "0d"\n', "line 2: retention.messages: Input should be", id="no retention"
            ),
            pytest.param(
                '[moderation]\nremove = "auto"\n', "line 2: moderation.remove: ", id="a removal is never automatic"
            ),
            pytest.param('[community]\nid = "{evil}"\n', "line 2: community.id: ", id="an id that would break keys"),
            pytest.param('[community]\nid = ""\n', "line 2: community.id: ", id="an empty id"),
            pytest.param("[community\n", "is not TOML: ", id="a file that is no TOML"),
            pytest.param("[nudge]\n[nudge]\n", "is not TOML: ", id="a table twice"),
        ],
    )
    def test_a_mistake_is_one_sentence_that_says_where(self, tmp_path: Path, text: str, sentence: str) -> None:
        assert refusal(tmp_path, text).removeprefix("community.toml").lstrip(",: ").startswith(sentence)

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(Refused, match=r"none\.toml: cannot be read: No such file"):
            load_community(tmp_path / "none.toml")

    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(Refused, match="cannot be read: Is a directory"):
            load_community(tmp_path)

    def test_a_file_in_another_encoding_is_told_to_be_utf8(self, tmp_path: Path) -> None:
        path = tmp_path / "community.toml"
        path.write_bytes('name = "勉強会"'.encode("shift_jis"))
        with pytest.raises(Refused, match="is not text in UTF-8; save it"):
            load_community(path)


class TestEnvironment:
    def test_nothing_set_is_the_defaults(self) -> None:
        environment = load_environment({})
        assert environment.redis_url is None
        assert environment.data_dir == Path("data")
        assert environment.chatwork_api_url == PUBLIC_API
        assert (environment.host, environment.port) == ("127.0.0.1", 8080)
        assert environment.dry_run is False

    def test_only_what_is_given_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REDIS_URL", "redis://elsewhere")
        assert load_environment({}).redis_url is None
        assert load_environment().redis_url == "redis://elsewhere"

    @pytest.mark.parametrize("value", ["", "  "], ids=["empty", "blank"])
    @pytest.mark.parametrize("name", [name.upper() for name in Environment.model_fields])
    def test_an_empty_variable_counts_as_unset(self, name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """As compose files write it: `CHATWORK_API_TOKEN: ${CHATWORK_API_TOKEN:-}`."""
        monkeypatch.setenv(name, value)
        assert load_environment({name: value}) == load_environment({})

    def test_spaces_and_line_breaks_around_a_value_are_no_part_of_it(self) -> None:
        token = load_environment({"CHATWORK_API_TOKEN": " token\n"}).chatwork_api_token
        assert token is not None
        assert token.get_secret_value() == "token"

    @pytest.mark.parametrize("name", SECRETS)
    def test_a_secret_may_come_as_a_file(self, name: str, tmp_path: Path) -> None:
        path = tmp_path / "secret"
        path.write_text("hush-hush\n")
        secret = getattr(load_environment({f"{name}_FILE": str(path)}), name.lower())
        assert secret.get_secret_value() == "hush-hush"

    def test_the_variable_goes_before_the_file(self, tmp_path: Path) -> None:
        given = {"ADMIN_TOKEN": "direct", "ADMIN_TOKEN_FILE": str(tmp_path / "none")}
        token = load_environment(given).admin_token
        assert token is not None
        assert token.get_secret_value() == "direct"

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            pytest.param(None, "ADMIN_TOKEN_FILE: cannot read .*: No such file", id="a missing file"),
            pytest.param(b"", "ADMIN_TOKEN_FILE: .* is empty", id="an empty file"),
            pytest.param(b" \n\n", "ADMIN_TOKEN_FILE: .* is empty", id="a file of blanks"),
            pytest.param(b"hush\xff", "ADMIN_TOKEN_FILE: .* is not text in UTF-8", id="a file of bytes"),
            pytest.param(b"hush\nhush", "ADMIN_TOKEN: contains a line break", id="a file of several lines"),
        ],
    )
    def test_a_secrets_file_is_refused(self, content: bytes | None, sentence: str, tmp_path: Path) -> None:
        path = tmp_path / "secret"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(Refused, match=sentence) as refused:
            load_environment({"ADMIN_TOKEN_FILE": str(path)})
        assert "hush" not in str(refused.value)
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__ or refused.value.__context__ is None

    def test_a_folder_is_no_secret(self, tmp_path: Path) -> None:
        with pytest.raises(Refused, match="SMTP_URL_FILE: cannot read"):
            load_environment({"SMTP_URL_FILE": str(tmp_path)})

    @pytest.mark.parametrize(
        ("name", "value", "sentence"),
        [
            pytest.param("PORT", "hush", "PORT: Input should be a valid integer", id="a port is a number"),
            pytest.param("PORT", "65536", "PORT: Input should be less than", id="a port is at most 65535"),
            pytest.param("PORT", "-1", "PORT: Input should be greater", id="a port is not negative"),
            pytest.param("LOG_LEVEL", "hush", "LOG_LEVEL: Input should be 'debug'", id="an unknown level"),
            pytest.param("LOG_FORMAT", "hush", "LOG_FORMAT: Input should be 'json'", id="an unknown format"),
            pytest.param("DRY_RUN", "hush", "DRY_RUN: Input should be a valid boolean", id="neither yes nor no"),
            pytest.param("VENDOR_ALLOW_NETWORKS", "hush", "VENDOR_ALLOW_NETWORKS: write", id="no network"),
            pytest.param("VENDOR_ALLOW_NETWORKS", "10.0.0.1/8", "VENDOR_ALLOW", id="a network with a host in it"),
            pytest.param("CHATWORK_API_TOKEN", "hush\nhush", "CHATWORK_API_TOKEN: contains", id="a token in two lines"),
            pytest.param("REDIS_URL", "redis://:hush\x1b@h", "REDIS_URL: contains", id="an address with an escape"),
        ],
    )
    def test_a_wrong_value_is_named_but_not_shown(self, name: str, value: str, sentence: str) -> None:
        with pytest.raises(Refused, match=sentence) as refused:
            load_environment({name: value})
        assert "hush" not in str(refused.value)
        assert refused.value.__suppress_context__ or refused.value.__context__ is None

    def test_networks_are_a_list(self) -> None:
        environment = load_environment({"VENDOR_ALLOW_NETWORKS": "10.0.0.0/8, fd00::/8,"})
        assert [str(network) for network in environment.allowed_networks] == ["10.0.0.0/8", "fd00::/8"]

    def test_no_secret_shows_in_a_representation(self) -> None:
        given = dict.fromkeys(SECRETS, "hush") | {"REDIS_URL": "redis://user:hush@host"}
        environment = load_environment(given)
        assert "hush" not in f"{environment!r} {environment}"


class TestWebhookTokens:
    @pytest.mark.parametrize(
        ("text", "tokens"),
        [
            pytest.param("dG9rZW4=", {"*": ("dG9rZW4=",)}, id="one bare token is for every webhook"),
            pytest.param("12=YQ==,13=Yg==", {"12": ("YQ==",), "13": ("Yg==",)}, id="a token for each webhook"),
            pytest.param("12=YQ==,12=Yg==", {"12": ("YQ==", "Yg==")}, id="two tokens for a webhook while they rotate"),
            pytest.param("YQ==,Yg==", {"*": ("YQ==", "Yg==")}, id="two bare tokens while they rotate"),
            pytest.param(" 12 = YQ== , ,", {"12": ("YQ==",)}, id="spaces and a comma too many are no part of it"),
            pytest.param("12=YQ==,Yg==", {"12": ("YQ==",), "*": ("Yg==",)}, id="a bare one for the other webhooks"),
        ],
    )
    def test_tokens_by_id(self, text: str, tokens: dict[str, tuple[str, ...]]) -> None:
        assert parse_webhook_tokens(text) == tokens

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            pytest.param("12=", "webhook 12 has no token", id="an empty token, which anybody could sign with"),
            pytest.param("12=YQ==,13= ", "webhook 13 has no token", id="an empty one beside a good one"),
            pytest.param("12===", "webhook 12 has no token", id="padding alone"),
            pytest.param("=", r"webhook \* has no token", id="a bare empty token"),
            pytest.param(",", "holds no token", id="a comma alone"),
            pytest.param("", "holds no token", id="nothing"),
        ],
    )
    def test_what_would_let_nobody_or_everybody_in_is_refused(self, text: str, sentence: str) -> None:
        with pytest.raises(Refused, match=sentence):
            parse_webhook_tokens(text)
