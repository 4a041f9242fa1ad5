"""Who wants to be left in peace, and until when. The sentence is the id; most messages want nothing of the kind."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import DAY
from engine.questions.resting import A_WHILE, FOR_GOOD, rests_until, resumes
from tests.fakes import TOKYO, tokyo

SAID_AT = int(tokyo("2026-11-26 12:40"))
"""A Thursday."""

RESTS = [
    ("しばらく休みます", A_WHILE),
    ("しばらくお休みします。", A_WHILE),
    ("[To:900]ユルユル案内係さん\nしばらくお休みさせていただきます。よろしくお願いします。", A_WHILE),
    ("すみません、当面お休みします", A_WHILE),
    ("学会前で忙しいので、しばらく休みます。", A_WHILE),
    ("しばらく声がけを控えてください", A_WHILE),
    ("当分お答えできません。申し訳ありません。", A_WHILE),
    ("1週間休み", 7 * DAY),
    ("1週間休みます", 7 * DAY),
    ("１週間ほどお休みします。", 7 * DAY),
    ("申し訳ありませんが、二週間お休みします", 14 * DAY),
    ("インフルエンザで混んでいるため、3週間ほどお休みさせていただきます。", 21 * DAY),
    ("10日間お休みします", 10 * DAY),
    ("十五日間休みます", 15 * DAY),
    ("2か月お休みします。", 60 * DAY),
    ("一ヶ月ほどお休みします", 30 * DAY),
    ("通知不要", FOR_GOOD),
    ("通知は不要です。", FOR_GOOD),
    ("もう声かけは控えてください", FOR_GOOD),
    ("今後はお声がけ不要です", FOR_GOOD),
    ("すみません、もう聞かないでください。", FOR_GOOD),
    ("通知を止めてください", FOR_GOOD),
]

UNTIL = [
    ("今日はお休みします", "2026-11-27 00:00"),
    ("今週いっぱい休みます", "2026-11-30 00:00"),
    ("来週いっぱいお休みします。", "2026-12-07 00:00"),
    ("来週までお休みします", "2026-12-07 00:00"),
    ("今月いっぱいお休みします", "2026-12-01 00:00"),
    ("月末まで休みます", "2026-12-01 00:00"),
    ("来月いっぱいお休みさせていただきます", "2027-01-01 00:00"),
    ("年内はお休みします。", "2027-01-01 00:00"),
]

WANTS_NOTHING = [
    "来週は休診です",
    "お盆休みはいつですか。",
    "お盆は1週間休みます",
    "うちは夏に1週間休みます。",
    "うちは1週間休みです",
    "当院は年末に10日間お休みします",
    "1週間休みます？",
    "1週間休みました",
    "1週間休みたいですよね",
    "1週間休みました。海は良いですね。",
    "スタッフが2週間お休みします",
    "受付さんが今月いっぱいでお休みです",
    "育休は1年休みます",
    "しばらく休みますと患者さんに伝えました",
    "「しばらく休みます」と貼り紙をしました",
    "しばらく休みます。ところで、リースは5年にしました。",
    "しばらくお待ちください",
    "しばらく様子を見ます。",
    "しばらくは赤字でした",
    "少し休みましょう",
    "ちょっと休憩しませんか",
    "通知が来ません",
    "通知はいつ届きますか",
    "通知不要の届け出でした",
    "届け出は不要です",
    "保証人は不要です。",
    "その書類は結構です",
    "患者さんに聞かないでくださいと言われました",
    "聞かないとわかりません",
    "今日はお休みですか？",
    "今日はお休みでした",
    "土曜は午後休みです",
    "年内は忙しいです",
    "来週お休みする先生はいますか",
    "今週中に対応します",
    "パス",
    "パスします",
    "0日休みます",
    "",
    "(bow)",
]


@pytest.mark.parametrize(("body", "span"), RESTS, ids=[body for body, _ in RESTS])
def test_a_span(body: str, span: float) -> None:
    assert rests_until(body, SAID_AT, TOKYO) == SAID_AT + span


@pytest.mark.parametrize(("body", "end"), UNTIL, ids=[body for body, _ in UNTIL])
def test_a_day(body: str, end: str) -> None:
    assert rests_until(body, SAID_AT, TOKYO) == tokyo(end)


@pytest.mark.parametrize("body", WANTS_NOTHING, ids=str)
def test_no_wish_to_be_left_in_peace(body: str) -> None:
    assert rests_until(body, SAID_AT, TOKYO) is None
    assert not resumes(body)


@pytest.mark.parametrize(
    "body",
    [
        "再開します",
        "お声がけください。",
        "今日から再開します。",
        "また声をかけてください",
        "お声がけ再開でお願いします",
        "復帰しました！",
        "通知を再開してください",
    ],
    ids=str,
)
def test_asking_may_begin_again(body: str) -> None:
    assert resumes(body)
    assert rests_until(body, SAID_AT, TOKYO) is None


@pytest.mark.parametrize(
    "body",
    [
        "診療を再開します",
        "工事が再開しました",
        "再開発の話です",
        "明日から再開できますか？",
        "患者さんが戻りました",
        "「再開します」と書きました",
    ],
    ids=str,
)
def test_something_else_begins_again(body: str) -> None:
    assert not resumes(body)


@given(st.text(alphabet="しばらく1週間月末お休みますはのでため、。通知不要十二来今", max_size=120))
def test_any_text_is_read_and_never_into_the_past(text: str) -> None:
    until = rests_until(text, SAID_AT, TOKYO)
    assert until is None or until > SAID_AT


def test_a_long_text_takes_no_longer_than_it_is() -> None:
    began = time.perf_counter()
    rests_until("すみません、" + "ので、" * 3000, SAID_AT, TOKYO)
    assert time.perf_counter() - began < 2
