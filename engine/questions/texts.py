"""What members read about questions. Humble, short, complete; two ways out in every invitation. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from engine.chatwork.compose import doctor, escape, message_link, to
from engine.questions.resting import FOR_GOOD

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

LINE_LIMIT = 60
"""Characters of the question quoted in an invitation."""


def one_line(text: str) -> str:
    """The question in one line, cut with an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= LINE_LIMIT else line[: LINE_LIMIT - 1] + "…"


REQUEST = "お忙しいところ失礼いたします。よろしければ、こちらのご質問にお知恵を貸していただけないでしょうか。"

_INVITATION = re.compile(
    rf"\[To:(\d{{1,18}})\][^\n]*\n{REQUEST}\n[^\n]*\n{re.escape(message_link(0, '')[:-2])}(\d{{1,18}})-(\d{{1,20}})\n"
)


def invitation(account_id: int, name: str, room_id: int, message_id: str, question: str) -> str:
    """Ask one member by name, with a link and a line of the question."""
    return (
        f"{to(account_id, doctor(name))}\n"
        f"{REQUEST}\n"
        f"「{escape(one_line(question))}」\n"
        f"{message_link(room_id, message_id)}\n"
        "ひとことでも、ご経験談でも助かります。ご質問のメッセージに返信していただければ届きます。\n"
        "今回は難しいようでしたら「パス」とだけお書きください。どうぞご無理なさらず。"
    )


def read_invitation(body: str) -> tuple[int, int, str] | None:
    """Whom one of our invitations asked, and for which message of which room; None for any other text."""
    found = _INVITATION.match(body)
    return (int(found[1]), int(found[2]), found[3]) if found else None


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
