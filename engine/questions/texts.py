"""What members read about questions. Humble, short, complete; two ways out in every invitation. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from engine.chatwork.compose import doctor, escape, message_link, to
from engine.clock import DAY, HOUR
from engine.questions.reasons import Why
from engine.questions.resting import FOR_GOOD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from engine.questions.reasons import Because

LINE_LIMIT = 60
"""Characters of the question quoted in an invitation."""


def one_line(text: str) -> str:
    """The question in one line, cut with an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= LINE_LIMIT else line[: LINE_LIMIT - 1] + "…"


REQUESTS = (
    "お忙しいところ失礼いたします。よろしければ、こちらのご質問にお知恵を貸していただけないでしょうか。",
    "診療の合間に恐れ入ります。こちらのご質問について、お考えを聞かせていただけますと幸いです。",
    "いつもありがとうございます。もしお手すきでしたら、こちらのご質問にひとこといただけないでしょうか。",
)
"""Ways to begin; nobody reads the same one twice in a row."""

ENDINGS = (
    "ひとことでも、ご経験談でも助かります。ご質問のメッセージに返信していただければ届きます。",
    "「うちはこうしています」というひとことで十分です。ご質問のメッセージに返信していただければ届きます。",
    "途中まででも、うまくいかなかったお話でも助かります。ご質問のメッセージに返信していただければ届きます。",
)

REASONS: Mapping[Why, str] = {
    Why.STORY: "以前「{word}」についてお話しくださっていたので、お声がけしました。",
    Why.KNOWS: "以前「{word}」のご質問に答えてくださったので、お声がけしました。",
    Why.COLLEAGUE: "同じ{word}の先生のお話をうかがえればと思い、お声がけしました。",
    Why.DIFFERENT: "ちがうお立場の先生のお話もうかがえればと思い、お声がけしました。",
    Why.FRESH: "いろいろな先生のお話をうかがえればと思い、お声がけしました。",
}

_INVITATION = re.compile(
    rf"\[To:(\d{{1,18}})\][^\n]*\n(?:{'|'.join(REQUESTS)})\n(?:[^\n]*\n){{1,2}}"
    rf"{re.escape(message_link(0, '')[:-2])}(\d{{1,18}})-(\d{{1,20}})\n"
)


def salutation(account_id: int, name: str) -> str:
    """Address one member by name; it stands above an invitation."""
    return to(account_id, doctor(name))


def invitation(room_id: int, message_id: str, question: str, because: Because, times: int) -> str:
    """Ask for an answer, with the reason, a line of the question and a link; `times` the person was asked before."""
    return (
        f"{REQUESTS[times % len(REQUESTS)]}\n"
        f"{REASONS[because.why].format(word=escape(because.word))}\n"
        f"「{escape(one_line(question))}」\n"
        f"{message_link(room_id, message_id)}\n"
        f"{ENDINGS[times % len(ENDINGS)]}\n"
        "今回は難しいようでしたら、このメッセージに「パス」と返信してください。どうぞご無理なさらず。"
    )


def read_invitation(body: str) -> tuple[int, int, str] | None:
    """Whom one of our invitations asked, and for which message of which room; None for any other text."""
    found = _INVITATION.match(body)
    return (int(found[1]), int(found[2]), found[3]) if found else None


LISTED = 10
"""Questions that the daily line quotes; of more it tells the number."""

ROOM_LINE = "お返事をお待ちのご質問です。お心当たりがありましたら、ひとことでもいただけますと助かります。"


def room_line(room_id: int, waiting: Sequence[tuple[str, str]]) -> str:
    """List waiting questions (message id, text), oldest first, without a name."""
    lines = [f"「{escape(one_line(text))}」\n{message_link(room_id, message_id)}" for message_id, text in waiting]
    rest = len(lines) - LISTED
    more = [f"ほかに{rest}件、お待ちのご質問があります。"] if rest > 0 else []
    return "\n".join([ROOM_LINE, *lines[:LISTED], *more])


def is_room_line(body: str) -> bool:
    """True for what `room_line` wrote."""
    return body.startswith(f"{ROOM_LINE}\n")


def admins_word(question_id: str, link: str, question: str, waited: float, asked: int) -> str:
    """Tell the admins of a question that nobody answered in `waited` seconds although `asked` people were asked."""
    span = f"{waited // DAY:.0f}日" if waited >= DAY else f"{waited // HOUR:.0f}時間"
    people = f"これまでに{asked}名の先生へお声がけしました。" if asked else "お声がけできる先生が見つかっていません。"
    return (
        f"お返事のないまま{span}がたったご質問があります({question_id})。{people}\n"
        f"「{escape(one_line(question))}」\n"
        f"{link}\n"
        "お心当たりの先生へのお声がけをお願いできますでしょうか。"
        f"「なぜ {question_id}」とお書きになると経緯をお伝えします。"
    )


def way_to_the_room(room_id: int, message_id: str) -> str:
    """Thank for an answer that was given in the direct chat, and say where the asker reads it."""
    return (
        "ありがとうございます。こちらに書いていただいた内容は、質問された先生には届きません。\n"
        "お手数ですが、よろしければ次のメッセージへの返信としてお書きいただけますでしょうか。\n"
        f"{message_link(room_id, message_id)}"
    )


SHOWN = (
    "ご質問が解決されたとのこと、何よりです。\n"
    "今度は先生のお知恵を待っている方がいらっしゃいます。お手すきのときにでも、ご覧いただけますと幸いです。"
)


def shown(room_id: int, message_id: str, question: str) -> str:
    """Show somebody whose question was solved one that still waits; it asks for nothing."""
    return (
        f"{SHOWN}\n"
        f"「{escape(one_line(question))}」\n"
        f"{message_link(room_id, message_id)}\n"
        "ご返信はいつでも、なくても構いません。"
    )


RESUMED = "ありがとうございます。またお知恵をお借りしたいときに、お声がけいたします。"


def rest(until: float, said_at: int, zone: ZoneInfo) -> str:
    """Tell somebody until when they are left in peace."""
    if until >= said_at + FOR_GOOD:
        return "承知しました。今後はお声がけを控えます。\n気が向かれましたら「再開します」とお書きください。"
    last = datetime.fromtimestamp(until - 1, zone)
    return (
        f"承知しました。{last.month}月{last.day}日まで、お声がけを控えます。どうぞごゆっくりなさってください。\n"
        "早めに戻られるときは「再開します」とお書きください。"
    )
