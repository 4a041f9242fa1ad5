"""What a sentence does by its grammar: the same words ask, or only tell, by where they stand."""

from __future__ import annotations

import pytest

from engine.questions.grammar import asks_what, wants_to_be_told
from engine.words import words

WANTS_TO_BE_TOLD = [
    "床材の選び方を教えてください",
    "皆さんの経験談をお聞きしたいです",
    "業者の相場を知りたい",
    "先輩方のご意見を伺えれば幸いです",
    "お知恵を拝借できれば",
    "どんな掃除機か教えてもらえますか",
    "使い心地をお聞かせ願えませんか",
    "おすすめをご紹介いただけると助かります",
    "伺いたかったのですが",
    "一つお聞きしてもよろしいですか",
    "ご助言を頂戴できれば",
    "相談に乗っていただきたく",
    "ご教示くださいますようお願い申し上げます",
    "教えてくださる方がいらっしゃれば",
    "図面を見せてくださいませんか",
    "減価償却を説明していただけないでしょうか",
    "ご見解を賜りたく存じます",
    "伺えますと幸甚です",
    "お話をうかがえると心強いです",
    "アドバイスいただけると救われます",
    "ご意見を拝聴したく存じます",
]
TELLS = [
    "先日教えていただいた方法で直りました",
    "教えてあげたい",
    "業者に聞いてみたら早かったです",
    "知り合いに教えてもらったお店です",
    "患者さんからよく聞く話です",
    "伺った通りでした",
    "資料を共有してください",
    "受付で説明してください",
    "選び方を見せてくださって目が覚めました",
    "先輩が丁寧に教えてくださいます",
    "若輩者ですがご指導ください",
    "参考にしてください",
    "先生方の経験は財産です",
    "聞いていた話と違いました",
    "教えるのは難しいです",
    "新人に教えています",
    "相談して決めました",
    "よく知る店です",
    "ご意見ありがとうございました",
    "税理士に相談したいと言っていました",
]


@pytest.mark.parametrize("sentence", WANTS_TO_BE_TOLD)
def test_it_wants_to_be_told(sentence: str) -> None:
    assert wants_to_be_told(words(sentence))


@pytest.mark.parametrize("sentence", TELLS)
def test_it_only_speaks_of_telling(sentence: str) -> None:
    assert not wants_to_be_told(words(sentence))


ASKS_WHAT = [
    "どこに頼みましたか",
    "いつ頃から始めますか",
    "何を基準に選びましたか",
    "費用はいくらくらいでしょうか",
    "誰に相談しましたか",
    "何時までに出せばいいですか",
    "どうして遅れるのでしょう",
    "何枚くらい刷りますか",
]
ASKS_NOTHING = [
    "何かあれば言ってください",
    "どこでも同じです",
    "誰に頼んでも変わりません",
    "いつ来るかで決まります",
    "どうなるか心配です",
    "何とかなりました",
    "何も変わりません",
    "どこかで見ました",
    "いくらでもあります",
    "なんと便利な",
    "何をしてもだめでした",
    "誰もいません",
    "どうぞよろしくお願いします",
    "いつも助かっています",
]


@pytest.mark.parametrize("sentence", ASKS_WHAT)
def test_the_question_word_asks(sentence: str) -> None:
    assert asks_what(words(sentence))


@pytest.mark.parametrize("sentence", ASKS_NOTHING)
def test_the_question_word_is_bound(sentence: str) -> None:
    assert not asks_what(words(sentence))
