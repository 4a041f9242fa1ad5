"""What members read about questions. Humble, short, complete; two ways out in every invitation. Pure."""

from __future__ import annotations

import re

from engine.chatwork.compose import doctor, escape, message_link, to

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
