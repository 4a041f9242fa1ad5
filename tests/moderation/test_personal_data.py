"""What identifies a patient gets a label in its place; everybody and everything else keeps its name and number."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.moderation.personal_data import Kind, find, has_check_digit, mask

MASKED = {
    "来院された渡辺様、肺炎です": "来院された〔氏名〕様、肺炎です",
    "再診の野村 良子さん、血圧が高いです": "再診の〔氏名〕さん、血圧が高いです",
    "渡辺様（80歳）。渡辺様のご家族も来ます": "〔氏名〕様（80歳）。〔氏名〕様のご家族も来ます",
    "通院中の工藤のおばあちゃん、骨折でした": "通院中の〔氏名〕のおばあちゃん、骨折でした",
    "A.K様、55歳、糖尿病の紹介です": "〔氏名〕様、55歳、糖尿病の紹介です",
    "患者の渡辺明さん、検査の件です": "患者の〔氏名〕さん、検査の件です",
    "患者名：千葉 明\n主訴：頭痛": "患者名：〔氏名〕\n主訴：頭痛",
    "氏名　岩田 花": "氏名　〔氏名〕",
    "携帯は０９０－１２３４－５６７８です": "携帯は〔電話〕です",
    "自宅 03(1234)5678 にかけました": "自宅 〔電話〕 にかけました",
    "患者番号：10234の方です": "患者番号：〔患者番号〕の方です",
    "カルテNo.A-5521を開く": "カルテNo.〔患者番号〕を開く",
    "ID 40213の患者さん": "ID 〔患者番号〕の患者さん",
    "記号 55・番号 1234（枝番01）": "〔保険番号〕）",
    "被保険者証の番号は12345678": "被保険者証の番号は〔保険番号〕",
    "生年月日　昭和30年5月6日": "生年月日　〔生年月日〕",
    "生年月日：19550506": "生年月日：〔生年月日〕",
    "S30.5.6生、女性": "〔生年月日〕生、女性",
    "住所は港区台場1丁目2番3号": "住所は〔住所〕",
    "神奈川県川崎市幸町4-5にお住まいの方": "〔住所〕にお住まいの方",
    "マイナンバーは 1234-5678-9012 です": "マイナンバーは 〔個人番号〕 です",
    "これです 123456789018": "これです 〔個人番号〕",
}

KEPT = [
    "渡辺先生に教わりました",
    "税理士の渡辺さんに頼みました",
    "業者の渡辺さんから見積もりが来ました",
    "渡辺さん、先日の糖尿病の患者さんの件、助かりました",
    "渡辺さんのクリニックでも検査していますか",
    "[To:31]渡辺さん\n来院した80歳の糖尿病の方です",
    "[rp aid=31 to=5-123456789018]渡辺様\n80歳、骨折です",
    "患者様、奥様、看護師さん、受付さんにも説明しました",
    "患者名 生年月日 住所を書いてもらう",
    "氏名と電話番号の欄",
    "0120-123-456に電話",
    "電話番号は2つ聞く",
    "患者番号は5桁です",
    "診察券番号1000番まで発行",
    "カルテ番号は2000から",
    "見積番号 123456789018",
    "合計 1,234,567円、2024年5月6日開業",
    "2024年5月6日に来院",
    "保険証の番号は8桁",
    "中央区本町1-2-3に移転しました",
    "123456789012という番号",
    "住所変更の届出",
]


@pytest.mark.parametrize(("text", "masked"), MASKED.items())
def test_it_is_masked(text: str, masked: str) -> None:
    assert mask(text)[0] == masked


@pytest.mark.parametrize("text", KEPT)
def test_it_is_kept(text: str) -> None:
    assert mask(text) == (text, ())


def test_pieces_say_what_and_where_they_are() -> None:
    text = "渡辺様、80歳、携帯 090-1234-5678"
    assert [(piece.kind, text[piece.start : piece.end]) for piece in find(text)] == [
        (Kind.NAME, "渡辺"),
        (Kind.PHONE, "090-1234-5678"),
    ]


def test_the_masked_text_holds_none_of_the_pieces() -> None:
    text = "患者名：千葉 明\n携帯 090-1234-5678\n生年月日 1950/1/2\n住所 港区台場1-2-3\n千葉 明様のカルテ番号 10234"
    masked, found = mask(text)
    assert {piece.kind for piece in found} == {Kind.NAME, Kind.PHONE, Kind.BIRTH, Kind.ADDRESS, Kind.CHART}
    assert not [piece.text for piece in found if piece.text in masked]


@pytest.mark.parametrize(
    ("number", "valid"), [("123456789018", True), ("1234 5678 9018", True), ("123456789012", False)]
)
def test_individual_numbers_have_a_check_digit(number: str, valid: bool) -> None:  # noqa: FBT001 (a table's column)
    assert has_check_digit(number) is valid


@given(st.text(alphabet="渡辺様さん、80歳肺炎0123456789-/年月日住所区患者番号記[]To: \n", max_size=60))
def test_masking_moves_nothing_else(text: str) -> None:
    masked, found = mask(text)
    rest = masked
    for piece in found:
        before, label, rest = rest.partition(piece.kind.value)
        assert label
        assert text.endswith(before + text[piece.start :])
    assert text.endswith(rest)


@given(st.text(alphabet="渡辺様さん、80歳肺炎0123456789-/年月日住所区患者番号", max_size=60))
def test_pieces_do_not_overlap(text: str) -> None:
    found = find(text)
    assert all(left.end <= right.start for left, right in pairwise(found))
