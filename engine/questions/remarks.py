"""What people say around a question: thanks, "solved", "not yet", "pass", how it is at their own place, or nothing."""

from __future__ import annotations

from engine.chatwork.markup import parse
from engine.questions import phrases
from engine.questions.detect import judge
from engine.sentences import Sentence, hide_spoken, normalise, sentences

_pattern = phrases.pattern
_LONGEST_PASS = 40

THANKS = _pattern(
    r"あり(?:がと|がたかった|がたく(?:頂|いただ))|有難う|感謝",
    r"助かり(?:まし|ます)|助かった",
    r"おかげ(?:さま|様)?で|お陰(?:様)?で",
    r"(?:勉強|参考)に(?:なり|させて)|恩に着|感激|サンキュー",
)
THANKS_IN_ADVANCE = _pattern(r"(?:と|たら|れば|えば|けば)[^。]{0,6}(?:助かり|ありがた|感謝|有難)")
SOLVED = _pattern(
    r"解決(?:し|でき|済)",
    r"(?:すっきり|スッキリ|納得|理解)(?:し|でき|です)",
    r"(?:わか|分か)りました|腑に落ち",
    r"(?:直|通|うまくい|できるようにな|つなが|動き)(?:り|き)?まし",
    r"(?:無事|できました)",
)
_STILL_OPEN = (r"未解決|解決(?:して|でき)?(?:い)?(?:ない|ません|ず)", r"(?:ダメ|駄目|だめ)でした")
UNSOLVED = _pattern(
    *_STILL_OPEN,
    r"まだ[^。]{0,20}(?:ない|ません|ず|途中|です)",
    r"(?:直|通|でき|うまくい|わか|分か|動)[らかき]?(?:ません|ない)",
    r"(?:引き続き|他の方|ほかの方|他にも|ほかにも)[^。]{0,20}(?:待ち|募集|願い|伺|うかが|聞|教)",
)
NOT_YET = _pattern(
    *_STILL_OPEN,
    r"まだ(?:です)?(?:ね)?$|まだ[^。]{0,12}(?:解決|直って|直ら|できて|うまく|わから|分から|困|悩|迷|見つか|決ま)",
    r"(?:やはり|やっぱり|それでも|試し)[^。]{0,24}(?:直|通|でき|うまくい|動)[らかき]?(?:ません|ない)",
    r"(?:引き続き|(?:他|ほか)の(?:方|先生|ご?意見)|他にも(?:ご?意見|アイデア|やり方))[^。]{0,20}(?:待ち|募集|願い|伺|うかが|聞|教)",
)
PARKED = _pattern(
    r"(?:保留|棚上げ)(?:に(?:し|させて)|で)",
    r"(?:いったん|一旦|ひとまず|とりあえず)(?:こちらは|この件は)?(?:大丈夫|結構|締め|終わり|置いて)",
    r"(?:また|改めて|後日|落ち着いたら)[^。]{0,14}(?:相談|質問|伺|うかが|聞)[^。]{0,10}(?:します|せて|たいと思います)",
    r"急ぎ(?:では|じゃ)(?:ない|ありません)ので[^。]{0,20}(?:また|大丈夫|結構)",
)
NOTHING = _pattern(
    r"^(?:なるほど|そうなん|そうでし|そうです|へえ|へぇ|ほう|おお|わあ|了解|承知|かしこまり|確かに|たしかに|ですよね|同感|同じく|同意)[^。]{0,14}$",
    r"^(?:いいですね|すごい|さすが|素敵|素晴らし|おもしろ|面白|うらやま|羨|勉強に|参考に|気にな)[^。]{0,16}$",
    r"^(?:おはよ|こんにち|こんばん|はじめまして|初めまして|お疲れ|おやすみ|おめでと|よろしくお願い|宜しくお願い|お世話に)[^。]{0,24}$",
    r"(?:私|うち|僕|わたし|自分|当院)も[^。]{0,16}(?:知り|聞き|伺い|気にな|困って|悩ん|迷って|同じ|わか(?:ら|り))",
    r"^(?:誰か|どなたか)[^。]{0,30}$|^(?:笑|w+|草)$",
)
OWN_CASE = _pattern(
    r"^(?:うち|当院|私|僕|わたし|自分|弊院|当方|我が家|こちら)(?:は|の|では|で|も|が)",
    r"(?:経験|場合)(?:では|だと|は)",
)
COUNTER_QUESTION = _pattern(
    r"^(?:ちなみに|それは|それって|念のため|具体的に|もう少し|確認です|差し支え|補足|どのくらい|どれくらい|何科|どちらの|どんな)",
    r"(?:先生|そちら|貴院)(?:の(?:ところ|院|クリニック)?)?(?:は|では)",
)
TO_EVERYBODY = _pattern(r"(?:皆さん|みなさん|皆さま|みなさま|皆様|先生方|どなたか|誰か|だれか|他院|他の先生)")

PASS = _pattern(
    r"(?<![ァ-ヶー])(?:パス|ぱす)(?:で|です|でお願い(?:し|いた)ます|し(?:ます|たい(?:です)?|ておきます)|いたします|致します|させて(?:くだ|下|いただ|頂|もら)[^。]{0,8})?$",
)


def is_thanks(body: str) -> bool:
    """Whether the message thanks for something received, not in advance."""
    return any(_thanks(sentence) for sentence in _own_sentences(body))


def is_solved(body: str) -> bool:
    """Whether the asker says that the matter is settled, in words or by thanking, and asks nothing more."""
    own = _own_sentences(body)
    settled = any(_thanks(sentence) or SOLVED.search(sentence.text) for sentence in own)
    still_open = any(UNSOLVED.search(sentence.text) for sentence in own)
    return settled and not still_open and not judge(body).is_question


def is_withdrawn(body: str) -> bool:
    """Whether the message carries the tag that it is no question: `#質問ではない`."""
    return phrases.NO_QUESTION_TAG.search(normalise(parse(body).text)) is not None


def is_pass(body: str) -> bool:
    """Whether somebody asked says "not me": `パス`, `わかりません、パスします`. Short messages only."""
    own = _own_sentences(body)
    return (
        sum(len(sentence.text) for sentence in own) <= _LONGEST_PASS
        and any(PASS.search(sentence.text) for sentence in own)
        and not any(sentence.asks for sentence in own)
    )


def is_settled(body: str) -> bool:
    """Whether somebody says in words that the matter is settled: `自己解決しました`."""
    return any(SOLVED.search(sentence.text) for sentence in _own_sentences(body)) and not is_unsolved(body)


def is_unsolved(body: str) -> bool:
    """Whether somebody says that it is not settled yet: `まだ解決していません`, `ほかの方のご意見も伺いたいです`."""
    return any(NOT_YET.search(sentence.text) for sentence in _own_sentences(body))


def is_parked(body: str) -> bool:
    """Whether somebody says that it can wait: `いったん保留にします`, `また改めてご相談させてください`."""
    return any(PARKED.search(sentence.text) for sentence in _own_sentences(body))


def substance(body: str) -> int:
    """Characters of what is said beyond thanks, greetings, 「なるほど」 and 「私も知りたいです」; questions aside."""
    return sum(len(sentence.text) for sentence in _own_sentences(body) if _says_something(sentence))


def tells_own_case(body: str) -> bool:
    """Whether a sentence tells how it is at the author's: `うちは塩ビです`."""
    return any(OWN_CASE.search(sentence.text) and _says_something(sentence) for sentence in _own_sentences(body))


def asks_back(body: str) -> bool:
    """Whether it asks like somebody who wants to know more before answering: `ちなみに広さはどのくらいですか`."""
    own = _own_sentences(body)
    return any(COUNTER_QUESTION.search(sentence.text) for sentence in own) and not asks_everybody(body)


def asks_everybody(body: str) -> bool:
    """Whether it speaks to all: `皆さんはどうされていますか`."""
    return any(TO_EVERYBODY.search(sentence.text) for sentence in _own_sentences(body))


def _says_something(sentence: Sentence) -> bool:
    return not sentence.asks and not _thanks(sentence) and NOTHING.search(sentence.text) is None


def _own_sentences(body: str) -> tuple[Sentence, ...]:
    return sentences(hide_spoken(normalise(parse(body).text)))


def _thanks(sentence: Sentence) -> bool:
    return bool(THANKS.search(sentence.text)) and not THANKS_IN_ADVANCE.search(sentence.text)
