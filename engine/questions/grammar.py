"""What a sentence does by its grammar: does it want to be told something, and does a question word in it ask. Pure.

The same words ask or tell by where they stand: 「教えていただけますか」 asks, 「教えていただいた方法」 tells of a
method; 「どこに頼みましたか」 asks, 「どこに頼んでも同じ」 and 「どこに頼むかで決まる」 do not. So verbs of telling
count where they are a predicate that wishes, and question words where no か, も or ても of their own binds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from engine.words import AUXILIARY, NOUN, PARTICLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.words import Word


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PREFIX, _SUFFIX = "接頭辞", "接尾辞"

_TELL = _set(
    "教える 教示 教授 助言 指南 アドバイス 知恵 意見 感想 紹介 共有 情報 シェア 伝授 指摘 話 "
    "経験談 体験談 実例 考え 声 工夫 事情 参考 見解 体験 経験 突っ込み 導く 見せる 説明 突っ込む 挙げる"
)
"""What others do, or give, who tell."""

_ASK = _set("聞く 訊く 伺う うかがう 尋ねる 知る 相談 質問 拝聴")
"""What the one does who wants to know."""

_ONLY_POLITE = _set("紹介")
"""Asked of everybody with an honorific only: 「ご紹介ください」."""

_NOT_BIDDEN = _set("共有 参考 経験 体験 シェア 見せる 説明 挙げる")
"""「共有してください」 and 「参考にしてください」 bid others to do something."""

_WISH_NOUNS = _set("幸い 幸甚 お願い 御願い よう 希望 募集 方")
_HELPERS = _set(
    "頂く 下さる 貰う 呉れる 居る 為る 致す 願う 存じる 存ずる 思う 助かる 有り難い 嬉しい 良い "
    "宜しい 欲しい 出来る 見る 御座る 差し上げる 求める 待つ 等 程 宜しく 是非 少し 一言 聞く 訊く "
    "伺う 貸す 借りる 拝借 頂戴 乗る 申し上げる 上げる 置く おく 心強い 安心 勉強 寄せる 構う 無い "
    "支障 存ず 賜る 仰ぐ 救う 力強い"
)
"""Words that only help the verb before them to wish, to be polite, or to end the sentence."""

_PEOPLE_AND_THINGS = _set("方 先生 人 こと 事 点 もの 物 ところ 内容")
_ARE_THERE = _set("有る ある 居る いらっしゃる 御座る おる 居られる つ 二つ 三つ 一つ")

_WHAT = _set(
    "何 どう どこ どれ どの いつ頃 どちら どっち どなた 誰 いつ 何故 どうして 幾ら 幾つ 如何 どんな "
    "どれくらい どのように どのよう 何処 何方 何時 何れ 何れも 何で"
)
_COUNTED = tuple("度人曜時日月年回円件割台枚歳分科名本社倍")
_PERMITTED = _set("良い 宜しい 構う 大丈夫 OK 差し支え")


class _Chain(NamedTuple):
    """A predicate from its head on: the words that help it, and the first word that does not."""

    words: tuple[Word, ...]
    after: Sequence[Word]


def wants_to_be_told(words: Sequence[Word]) -> bool:
    """Whether a verb of telling or asking stands in it as a wish of the writer's: 「経験談をお聞きしたいです」."""
    return any(_wishes(words, position) for position, word in enumerate(words) if word.spelling in _TELL | _ASK)


def asks_what(words: Sequence[Word]) -> bool:
    """Whether a question word asks unbound; 「何か」, 「どこでも」, 「誰に頼んでも」, 「いつ来るかで」 do not."""
    return any(
        _is_question_word(word, words[position + 1 :]) and not _is_bound(words[position + 1 :])
        for position, word in enumerate(words)
    )


def _wishes(words: Sequence[Word], position: int) -> bool:
    head = words[position]
    chain = _chain(words[position + 1 :])
    lets_hear = head.spelling in ("聞く", "訊く") and any(
        word.spelling in ("せる", "させる") for word in chain.words[:1]
    )
    polite = position > 0 and words[position - 1].part == _PREFIX
    if head.spelling in _ONLY_POLITE and not polite:
        return False
    if _is_past(chain.words) or _is_given(chain.words) or not _is_predicate(chain):
        return False
    if head.spelling in _TELL or lets_hear:
        return _is_asked_of_others(head, chain.words)
    return _is_own_wish(head, chain.words, polite=polite)


def _chain(words: Sequence[Word]) -> _Chain:
    length = 0
    for word in words:
        helps = word.part in (PARTICLE, AUXILIARY, _PREFIX) or word.spelling in _HELPERS or word.spelling in _WISH_NOUNS
        if not helps or word.surface in "、," or _begins_adnominal(words[length:]):
            break
        length += 1
    return _Chain(tuple(words[:length]), words[length:])


def _begins_adnominal(words: Sequence[Word]) -> bool:
    """「方」 is a person here, not part of 「お願いの方」."""
    return words[0].spelling == "方"


def _is_predicate(chain: _Chain) -> bool:
    """Whether it ends its clause, or speaks of people who might tell, or of things that one would like to know."""
    if not chain.after or chain.after[0].surface in ("、", ",", "…", "・"):
        return True
    last, stop = chain.words[-1] if chain.words else None, chain.after[0]
    if last is None:
        return False
    if stop.spelling in _PEOPLE_AND_THINGS:
        rest = chain.after[1:5]
        return not rest or any(word.spelling in _ARE_THERE for word in rest) or rest[0].surface in ("、", ",")
    if last.surface == "と":
        return False
    return last.form.startswith(("終止形", "命令形")) or last.kind in ("接続助詞", "終助詞") or last.surface == "たく"


def _is_past(chain: Sequence[Word]) -> bool:
    """Whether it is over; 「伺いたかったのですが」 is not."""
    before = [None, *chain]
    return any(
        word.spelling == "た" and word.part == AUXILIARY and not word.form.startswith("仮定形")
        for earlier, word in zip(before, chain, strict=False)
        if earlier is None or earlier.spelling != "たい"
    )


def _is_given(chain: Sequence[Word]) -> bool:
    """Whether it is the writer who tells: 「教えてあげたい」."""
    return any(word.spelling in ("上げる", "差し上げる") for word in chain)


def _is_asked_of_others(head: Word, chain: Sequence[Word]) -> bool:
    if chain and chain[-1].surface in ("て", "よ", "ね") and head.spelling == "教える":
        return len(chain) <= 2
    return any(_is_wish(head, word, chain[position + 1 :]) for position, word in enumerate(chain))


def _is_wish(head: Word, word: Word, rest: Sequence[Word]) -> bool:
    match word.spelling:
        case "たい" | "欲しい":
            return not (rest and rest[0].surface in ("くらい", "ぐらい"))
        case "下さる" if word.form.startswith("命令形"):
            return head.spelling not in _NOT_BIDDEN
        case "下さる" | "頂く" | "貰う" | "呉れる" | "頂戴":
            return (not rest and not word.form.startswith("連用形")) or any(
                each.surface in ("か", "ば", "たら", "と") for each in rest
            )
        case "願う" | "お願い" | "御願い" | "幸い" | "募集" | "求める" | "待つ" | "拝借" | "借りる":
            return head.spelling not in _NOT_BIDDEN
        case _:
            return False


def _is_own_wish(head: Word, chain: Sequence[Word], *, polite: bool) -> bool:
    surfaces = [word.surface for word in chain]
    if any(word.spelling == "たい" for word in chain):
        return True
    if head.spelling == "知る":
        return False
    permitted = (
        any(word.spelling in ("良い", "宜しい", "構う") for word in chain) and "も" in surfaces and "か" in surfaces
    )
    can = head.base.endswith(("える", "ける")) or any(word.spelling == "出来る" for word in chain)
    lets = any(word.spelling in ("せる", "させる") for word in chain) and any(
        word.spelling in ("下さる", "頂く") for word in chain
    )
    tells_so = polite and any(word.spelling in ("為る", "致す") for word in chain[:2]) and head.spelling != "相談"
    return permitted or lets or tells_so or (can and any(each in surfaces for each in ("か", "ば", "と", "たら")))


def _is_question_word(word: Word, after: Sequence[Word]) -> bool:
    if word.surface == "なん" and after and after[0].surface in ("と", "だ", "て"):
        return False
    if word.part == NOUN and word.surface.startswith("何"):
        return word.surface[1:2] in _COUNTED or word.surface == "何"
    return word.base in _WHAT or word.spelling in _WHAT


def _is_bound(after: Sequence[Word]) -> bool:
    """Whether what follows a question word takes its question away."""
    ahead = [word for word in after if word.surface not in "、, "]
    position = 0
    while position < len(ahead) and (ahead[position].part in (NOUN, _SUFFIX) or ahead[position].surface in _WITHIN):
        position += 1
    if position < len(ahead) and ahead[position].surface == "も":
        return True
    return any(_binds(ahead, position) for position in range(len(ahead)))


_WITHIN = _set("に で まで から へ と の だ くらい ぐらい や やら")


_SAYS = _set("言う 伝える 話す 答える 書く 聞く 説明 考える")


def _binds(ahead: Sequence[Word], position: int) -> bool:
    word, rest = ahead[position], ahead[position + 1 :]
    if word.surface == "か" and word.part == PARTICLE:
        return word.kind == "副助詞" or (bool(rest) and rest[0].kind != "終助詞")
    if word.surface in ("も", "でも") and position and ahead[position - 1].surface in ("て", "で"):
        return not (rest and rest[0].spelling in _PERMITTED)
    if word.surface == "と" and rest and rest[0].spelling in _SAYS:
        return all(each.surface != "か" for each in rest)
    return word.surface == "やら"
