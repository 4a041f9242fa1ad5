"""What vendors read in their Chatwork room. Facts only: no name, nothing the doctor did not agree to. Pure."""

from __future__ import annotations

from engine.chatwork.compose import escape, info
from engine.referrals.rules import Step

_LINES = {
    Step.RECEIVED: "ご紹介を承りました。ありがとうございます。",
    Step.JOINED: "ご紹介いただいた先生が参加されました。ありがとうございます。",
    Step.FIRST_POST: "ご紹介いただいた先生が、はじめてのご投稿をされました。",
    Step.DECLINED: "恐れ入りますが、今回のご紹介は見送りとさせていただきました。",
    Step.EXPIRED: "お預かりしていたご紹介は、期限が過ぎたため終了いたしました。",
}


def acknowledgement(step: Step, reference: str, code: str) -> str:
    """One line about a step, with the vendor's own reference."""
    return info("ご紹介のご報告", f"{_LINES[step]}\n貴社の控え: {escape(reference)}\n紹介コード: {code}")
