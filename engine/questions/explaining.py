"""Why these people were asked, why then, and why not the others: what answers 「なぜ q123」. Admins read it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from engine.chatwork.compose import doctor, escape
from engine.questions.reasons import Because, Why
from engine.questions.rules import State
from engine.sentences import normalise

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

_QUESTION = re.compile(r"(?:なぜ|何故|なんで|why) {0,3}(q\d{1,9})[?。]?", re.IGNORECASE)

STATES: Mapping[State, str] = {
    State.OPEN: "回答待ち",
    State.CLARIFY: "確認のやりとり中",
    State.ANSWERED: "回答あり",
    State.THANKED: "解決済み",
    State.PARKED: "保留中",
    State.WITHDRAWN: "取り下げ",
}
MOMENTS: Mapping[str, str] = {
    "nobody answered by itself": "しばらく返信がなかったため",
    "an answer by itself grew unlikely": "これまでの様子から、自然にはご返信がつきにくい頃合いになったため",
    "a newcomer's first question": "参加されて最初のご質問のため",
    "a wave is due": "前のお声がけのあとも返信がなかったため",
    "somebody passed": "パスされた先生がいらしたため",
}
REASONS: Mapping[Why, str] = {
    Why.STORY: "「{word}」についてお話しくださっていたため",
    Why.KNOWS: "「{word}」のご質問に答えてくださったことがあるため",
    Why.COLLEAGUE: "質問された先生と同じ{word}のため",
    Why.DIFFERENT: "質問された先生とお立場がちがうため",
    Why.FRESH: "いろいろな先生にうかがうため",
}
LEFT_OUT: Mapping[str, str] = {
    "asker": "質問されたご本人",
    "vendor or staff": "業者・運営の方、またはルームにいない方",
    "asked before": "この質問でお声がけ済み",
    "answered already": "すでに回答された方",
    "a case with the asker": "質問された先生との間で注意の対象になった方",
    "paused": "お声がけをお休み中",
    "day cap": "この一日にお声がけ済み",
    "week cap": "この一週間のお声がけが上限",
    "others fit better": "今回は見送り（ほかの先生のほうが合いそうなため）",
}
NAMED = 3
"""People named for one reason; the others are counted."""


@dataclass(frozen=True, slots=True)
class Look:
    """One decision: when, why then, among how many, whom for what reason, and who was left out for what."""

    at: float
    now_because: str
    pool: int
    chosen: Mapping[int, Because]
    left_out: Mapping[str, tuple[int, ...]]


def read_why(text: str) -> str | None:
    """The number of the question that an admin wants explained; the whole message must be the question."""
    found = _QUESTION.fullmatch(normalise(text))
    return found[1].lower() if found else None


def unknown(question_id: str) -> str:
    """There is no such question."""
    return f"{escape(question_id)} という質問は見つかりませんでした。番号をお確かめください。"


def explained(question_id: str, state: State, looks: tuple[Look, ...], names: Mapping[int, str], zone: ZoneInfo) -> str:
    """All decisions about a question, oldest first."""
    head = f"{question_id}（{STATES[state]}）"
    if not looks:
        return f"{head}では、まだどなたにもお声がけしていません。"
    return "\n".join([f"{head}のお声がけの理由です。", *(_told(look, names, zone) for look in looks)])


def _told(look: Look, names: Mapping[int, str], zone: ZoneInfo) -> str:
    at = datetime.fromtimestamp(look.at, zone)
    head = f"{at.month}月{at.day}日 {at:%H:%M} {MOMENTS.get(look.now_because, look.now_because)}、"
    among = f"{look.pool}名のなかから{len(look.chosen)}名を選びました。"
    nobody = f"{look.pool}名を見ましたが、お願いできる方がいませんでした。"
    why = [
        f"・{_name(who, names)}: {REASONS[because.why].format(word=escape(because.word))}"
        for who, because in look.chosen.items()
    ]
    rest = [f"・{LEFT_OUT.get(reason, reason)}: {_people(people, names)}" for reason, people in look.left_out.items()]
    return "\n".join(
        ["", head + (among if look.chosen else nobody), *why, *(["お声がけしなかった方", *rest] if rest else [])]
    )


def _people(people: tuple[int, ...], names: Mapping[int, str]) -> str:
    named = "、".join(_name(who, names) for who in people[:NAMED])
    more = len(people) - NAMED
    return f"{named} ほか{more}名" if more > 0 else named


def _name(account_id: int, names: Mapping[int, str]) -> str:
    name = names.get(account_id, "")
    return escape(doctor(name)) if name else f"アカウント {account_id}"
