"""Who asks to be left in peace, and until when. Pure.

A message says so when it consists of nothing else: 「すみません、繁忙期なので1週間ほど休みます」. Somebody's holidays
(「うちは夏に1週間休みます」) are an answer to a question, not a wish to the engine, so whatever is told of anything but
the author and the time makes a sentence none of these.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from engine.chatwork.markup import parse
from engine.clock import DAY
from engine.sentences import hide_spoken, normalise, sentences

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

A_WHILE = 30 * DAY
"""How long しばらく is, seconds; they are told the day, and may name another."""

FOR_GOOD = 36_500 * DAY
"""A century: until they say otherwise."""

LONGEST = 80
"""Characters; whoever writes more has other things to say."""

_MONTH = timedelta(days=31)
_KANJI = {digit: value for value, digit in enumerate("〇一二三四五六七八九")}
_UNITS = {"日": 1, "週": 7, "月": 30}

_NUMBER = r"(?=[\d一二三四五六七八九十])(?P<number>\d{1,3}|[一二三四五六七八九]?十?[一二三四五六七八九]?)"
_COUNTED = rf"{_NUMBER}(?P<unit>日|週|[ヶか箇カケヵ]月|月)間?"
_UNTIL = r"(?P<until>今日|本日|明日|今週|来週|今月|来月|月末|年内)"
_VAGUE = r"(?P<vague>しばらく|暫く|当面|当分|少し|ちょっと)"
_SPAN = rf"(?:{_COUNTED}|{_UNTIL}|{_VAGUE})(?:いっぱい|一杯|中|末|の?間|ほど|くらい|ぐらい|程度|だけ|まで|は|、|の)*"

_EXCUSE = r"(?:すみません|すいません|申し訳(?:あり|ござい)ませんが?|恐れ入りますが?|恐縮ですが|勝手ながら)"
_SORRY = rf"(?:(?:大変|本当に)?{_EXCUSE}、?)?"
_REASON = r"(?:[^。は]{1,24}(?:ので|ため|から|につき|くて|まして)、?)?"
_CALLS = r"(?:通知|お?声[がか]け|ご?質問|ご?依頼|ご?指名|お知らせ)[はもを]?、?"
_PLEASE = r"(?:ください|下さい|ほしいです|いただけますか|もらえますか)"
_STOP = rf"(?:お?控えて|止めて|とめて|やめて|切って){_PLEASE}"
_NO_NEED = r"(?:不要|いりません|要りません|無用|結構)(?:です|でお願いします)?"
_DO = r"(?:し|いたし|致し)"
_RECEIVE = r"(?:いただ|頂)き(?:ます|たいです)"
_RESTS = (
    rf"(?:お?休み(?:{_DO}?ます|に(?:{_DO}|なり)ます|です|(?:を|させて){_RECEIVE})?|休ませて(?:{_PLEASE}|{_RECEIVE}|もらいます)"
    rf"|ご?遠慮(?:{_DO}ます|させて{_RECEIVE})|離れます|(?:お答え|お返事|対応|回答)が?(?:でき|出来)(?:ません|ないです)"
    rf"|{_STOP}|{_NO_NEED})"
)
_A_SPAN = re.compile(rf"^{_SORRY}{_REASON}(?:私[はも]、?)?(?:{_CALLS})?{_SPAN}(?:{_CALLS})?{_RESTS}$")
_GOOD = re.compile(
    rf"^{_SORRY}{_REASON}(?:今後は?|もう|以後)?、?(?:私(?:へ|に)の)?"
    rf"(?:{_CALLS}(?:今後)?(?:{_NO_NEED}|{_STOP})|(?:私に)?(?:聞か|訊か|尋ね|呼ば|声を[か掛]け)ないで{_PLEASE})$"
)
_AGAIN = re.compile(
    rf"^{_SORRY}(?:今日から|本日から|そろそろ)?、?(?:また、?)?"
    rf"(?:(?:{_CALLS})?の?再開(?:(?:{_DO}|でき)?ます|です|して{_PLEASE}|で?お願いします)?"
    rf"|お?声を?[がか掛]?け(?:を?お願いします|{_PLEASE}|て(?:{_PLEASE}|(?:いただいて|もらって)(?:大丈夫|構いません)(?:です)?))"
    rf"|復帰{_DO}(?:ます|ました)|戻りました)$"
)
_POLITE = re.compile(
    r"^(?:よろしく|宜しく|どうぞ|お願い|ご(?:了承|理解)|すみません|申し訳|恐れ入り|ありがとう"
    r"|お世話|こんにちは|こんばんは|おはよう|お疲れ|パス)"
)


def rests_until(body: str, said_at: int, zone: ZoneInfo) -> float | None:
    """Until when the author wants to be asked nothing, epoch seconds; None for any other message."""
    text = _one_wish(body)
    if text is None:
        return None
    if _GOOD.match(text):
        return float(said_at + FOR_GOOD)
    span = _A_SPAN.match(text)
    return _end(span, said_at, zone) if span else None


def resumes(body: str) -> bool:
    """Whether the author may be asked again."""
    text = _one_wish(body)
    return text is not None and _AGAIN.match(text) is not None


def _one_wish(body: str) -> str | None:
    """The message's one sentence that is no courtesy; None if there are more, or if it asks."""
    own = sentences(hide_spoken(normalise(parse(body).text)))
    meant = [sentence for sentence in own if not _POLITE.match(sentence.text) or len(own) == 1]
    if len(meant) != 1 or meant[0].asks or len(meant[0].text) > LONGEST:
        return None
    return unicodedata.normalize("NFKC", meant[0].text).replace(" ", "")


def _end(span: re.Match[str], said_at: int, zone: ZoneInfo) -> float | None:
    if span["vague"]:
        return said_at + A_WHILE
    if span["until"]:
        return _end_of(span["until"], said_at, zone)
    count = _number(span["number"])
    return said_at + count * _UNITS[span["unit"][-1]] * DAY if count else None


def _number(text: str) -> int:
    """A number in digits or in kanji up to 九十九."""
    if text.isdigit():
        return int(text)
    tens, ten, ones = text.rpartition("十")
    return (_KANJI.get(tens, 1) * 10 if ten else 0) + _KANJI.get(ones, 0)


def _end_of(name: str, said_at: int, zone: ZoneInfo) -> float:
    """The midnight that ends a named span; weeks end with Sunday."""
    today = datetime.fromtimestamp(said_at, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today + timedelta(days=7 - today.weekday())
    month = (today.replace(day=1) + _MONTH).replace(day=1)
    ends = {
        "今日": today + timedelta(days=1),
        "本日": today + timedelta(days=1),
        "明日": today + timedelta(days=2),
        "今週": monday,
        "来週": monday + timedelta(days=7),
        "今月": month,
        "月末": month,
        "来月": (month + _MONTH).replace(day=1),
        "年内": today.replace(year=today.year + 1, month=1, day=1),
    }
    return ends[name].timestamp()
