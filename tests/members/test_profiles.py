"""A member is known by what they tell about themselves, and by nothing else."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.members.profiles import Profile, attributes, changed, difference, read_profile

YEAR = 2026


def told(
    *specialties: str,
    region: str | None = None,
    age: str | None = None,
    form: str | None = None,
    opened: int | None = None,
    emptied: tuple[str, ...] = (),
) -> Profile:
    return Profile(specialties, region, age, form, opened, frozenset(emptied))


INTRODUCTIONS = {
    "はじめまして。大阪で整形外科を準備中の者です": told("整形外科", region="大阪府", form="開業準備中"),
    "2019年に札幌で眼科を承継しました、40代です": told("眼科", region="北海道", age="40代", form="承継", opened=2019),
    "皮膚科です。埼玉で開業3年目": told("皮膚科", region="埼玉県", opened=2024),
    "初めまして、山口と申します。広島市で耳鼻科を開業しています。": told("耳鼻咽喉科", region="広島県"),
    "はじめまして、千葉です。仙台の小児科です。": told("小児科", region="宮城県"),
    "自己紹介します。福岡県で内科と消化器内科をやっています": told("内科", "消化器内科", region="福岡県"),
    "令和元年に横浜市で心療内科を開業しました": told("心療内科", region="神奈川県", opened=2019),
    "昨年、名古屋で居抜きで歯科を開業しました！": told("歯科", region="愛知県", form="居抜き", opened=2025),
    "父の眼科を継承しました。鹿児島です。": told("眼科", region="鹿児島県", form="承継"),
    "はじめまして。京都大学を出て、神戸で産婦人科の勤務医をしています": told(
        "産婦人科", region="兵庫県", form="勤務医"
    ),
    "はじめまして！医療モールで皮フ科を開院して5年になります": told("皮膚科", form="医療モール", opened=2021),
    "田中と申します。分院長をしています。美容皮膚科、30代です": told("美容皮膚科", age="30代", form="分院長"),
    "はじめまして。43歳、脳外です": told("脳神経外科", age="40代"),
    "はじめまして。２０２１年４月に戸建てで小児科を開院しました": told("小児科", form="戸建て", opened=2021),
    "2005年に大学を卒業し、平成30年に開業しました。泌尿器科です": told("泌尿器科", opened=2018),
    "はじめまして。2005年卒、2018年開業の泌尿器科です": told("泌尿器科", opened=2018),
    "よろしくお願いします。新規で精神科を開業しました": told("精神科", form="新規開業"),
    "沖縄で糖尿病内科を準備中です": told("糖尿病内科", region="沖縄県", form="開業準備中"),
    "はじめまして。東京都で訪問診療をしております": told("訪問診療", region="東京都"),
    "はじめまして。大阪出身、東京の形成外科です": told("形成外科", region="東京都"),
    "はじめまして、眼科の山口と申します。都内です。": told("眼科", region="東京都"),
    "外科の勤務医です。名古屋、30代": told("外科", region="愛知県", age="30代", form="勤務医"),
    "初めまして。来年、京都で皮膚科を開業予定です": told("皮膚科", region="京都府", form="開業準備中"),
}

LABELLED = {
    "診療科: 眼科 地域: 北海道 形態: 承継 開業: 2019": told("眼科", region="北海道", form="承継", opened=2019),
    "開業：令和元年／形態：継承／地域：青森／診療科：耳鼻科": told(
        "耳鼻咽喉科", region="青森県", form="承継", opened=2019
    ),
    "診療科：内科、小児科\n地域：大阪": told("内科", "小児科", region="大阪府"),
    "地域: 名古屋、形態: 居抜き": told(region="愛知県", form="居抜き"),
    "診療科: 整形 開業: R1": told("整形外科", opened=2019),
    "診療科: 眼科 開業: H30": told("眼科", opened=2018),
    "診療科: 眼科 開業: 平成３０年": told("眼科", opened=2018),
    "年代: 50代 形態: 新築": told(age="50代", form="新規開業"),
    "【診療科】皮膚科\n【地域】さいたま市": told("皮膚科", region="埼玉県"),
    "・専門: 小児科\n・場所: 京都": told("小児科", region="京都府"),
    "診療科: 外科 開業: 準備中": told("外科", form="開業準備中"),
    "診療科: 眼科 開業: 3年目": told("眼科", opened=2024),
    "診療科: なし": told(emptied=("specialties",)),
    "地域：非公開": told(emptied=("region",)),
    "地域: 山口": told(region="山口県"),
    "診療科: 眼科 地域: 非公開": told("眼科", emptied=("region",)),
}


@pytest.mark.parametrize(
    ("text", "profile"), [pytest.param(text, known, id=text) for text, known in (INTRODUCTIONS | LABELLED).items()]
)
def test_a_member_tells_who_they_are(text: str, profile: Profile) -> None:
    assert read_profile(text, YEAR) == profile


@pytest.mark.parametrize(
    "text",
    [
        "",
        "整形外科の先生に紹介しました",
        "眼科を受診したら混んでいました",
        "内科の先生はいらっしゃいますか",
        "眼科です",
        "大阪です",
        "はじめまして。よろしくお願いします。",
        "はじめまして、石川と申します。",
        "はじめまして、宮崎です。",
        "はじめまして。眼科の先生に伺いたいことがあります。",
        "はじめまして。大阪で皮膚科を開業された方はいますか？",
        "友人が札幌で眼科を開業しました",
        "近所に皮膚科が開業しました",
        "隣のビルに内科が開業して3年目です",
        "妻が小児科を開業しています",
        "同級生は東京で美容外科を開業しました",
        "後輩が承継しました。大阪の内科です",
        "開業3年目の先生に質問です",
        "眼科を開業したらどのくらいかかりますか",
        "もし大阪で眼科を開業していますと言われたら",
        "2019年に眼科の予約システムを入れました",
        "40代の患者さんが増えました",
        "札幌は雪が降りました",
        "居抜きと新築はどちらが安いですか",
        "承継の相談はどこにすればよいでしょうか",
        "小児科は夏が暇ですね",
        "耳鼻科と皮膚科の併設は難しいと思います",
        "東京の内科は競争が激しいです",
        "整形外科のリハビリ機器を探しています",
        "精神科に電話しました",
        "眼科に紹介状を書きました",
        "産婦人科の先生方、お疲れさまです",
        "医療モールは家賃が高いです",
        "分院長を探しています",
        "勤務医の給与はどのくらいですか",
        "診療科: どこがよいでしょうか",
        "診療科: 眼科 地域: 大阪 求人です",
        "年齢: 45 診療科: 眼科 症状: かすみ目",
        "【募集】診療科: 内科 地域: 東京",
        "診療科: 眼科 地域: 札幌 の先生はいますか？",
        "地域: 大阪の勉強会は来週の土曜日に予定されているとのことでした",
        "今日の議題は診療科: 内科についてです",
        "「はじめまして。大阪で眼科を開業しています」",
        "自己紹介は眼科の順番でお願いします",
        "自己紹介をお願いします。診療科も書いてください",
        "平成30年に眼科を開業しました、という友人の話です",
        "はじめまして。整形外科の機器を扱う会社の者です",
        "はじめまして。よろしくお願いします。眼科の加算が難しくて困っています",
        "院内の駐車場工事を準備中です",
        "ホームページを準備中です。内科と小児科の写真を載せます",
        "大分慣れてきました",
        "糖尿病内科の加算が変わりました",
        "去年、大阪の学会で歯科の話を聞きました",
    ],
)
def test_an_ordinary_message_tells_nothing(text: str) -> None:
    assert read_profile(text, YEAR) is None


@pytest.mark.parametrize(
    ("old", "new", "now"),
    [
        pytest.param(told("眼科", region="大阪府"), told(region="京都府"), told("眼科", region="京都府"), id="moved"),
        pytest.param(told("眼科", "内科"), told("皮膚科"), told("皮膚科"), id="specialties are replaced as a whole"),
        pytest.param(
            told("眼科", age="40代"),
            told(emptied=("specialties",)),
            told(age="40代", emptied=("specialties",)),
            id="taken back",
        ),
        pytest.param(told(emptied=("region",)), told(region="大阪府"), told(region="大阪府"), id="told again"),
        pytest.param(told("眼科"), told(), told("眼科"), id="silence changes nothing"),
    ],
)
def test_a_later_telling_replaces_only_what_it_tells(old: Profile, new: Profile, now: Profile) -> None:
    assert changed(old, new) == now


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        pytest.param(told(), told("眼科", region="大阪府"), 0, id="nothing known of one"),
        pytest.param(told("眼科"), told("内科"), 1, id="another specialty"),
        pytest.param(told("眼科", "内科"), told("内科"), 0, id="a shared specialty"),
        pytest.param(told("眼科", opened=2001), told("眼科", opened=2020), 0, id="the year is no attribute"),
        pytest.param(
            told("眼科", region="大阪府", age="30代", form="承継"),
            told("内科", region="東京都", age="50代", form="居抜き"),
            4,
            id="different in everything",
        ),
    ],
)
def test_people_differ_in_what_is_known_of_both(one: Profile, other: Profile, count: int) -> None:
    assert difference(one, other) == difference(other, one) == count


def test_attributes_stand_in_one_order() -> None:
    assert attributes(told("眼科", region="大阪府", age="30代", form="承継")) == (("眼科",), "大阪府", "30代", "承継")


PIECES = st.sampled_from(
    [*INTRODUCTIONS, *LABELLED, "診療科:", "地域:", "非公開", "開業", "99年目", "R", "はじめまして"]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES | st.text(max_size=4)).map("".join))


@given(TEXTS)
def test_any_text_is_read_and_told_twice_is_told_once(text: str) -> None:
    profile = read_profile(text, YEAR)
    if profile is not None:
        assert profile != Profile()
        assert changed(profile, profile) == changed(Profile(), profile) == profile
        assert difference(profile, profile) == 0
        assert profile.opened is None or profile.opened <= YEAR


@pytest.mark.parametrize(
    "piece", ["開業", "2019年", "診療科: ", "はじめまして", "あ", " ", "【", "開業して、", "R1", "「", "www."]
)
def test_a_very_long_text_costs_no_more_than_its_length(piece: str) -> None:
    started = time.process_time()
    read_profile(piece * 20_000, YEAR)
    assert time.process_time() - started < 0.5
