"""Personal data of patients and other private people: finding it and putting a label in its place.

Numbers are told by their shape and by the word beside them. A name is only taken for a patient's when several things
speak for it: an honorific, a known family name, an age, an illness, a visit. Doctors, vendors and members are named in
this community all day, and they stay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from engine.chatwork.markup import is_name_line
from engine.moderation import people

if TYPE_CHECKING:
    from collections.abc import Iterator

_CERTAIN = 4
_LONGEST_GIVEN = 3
_MOST_NAMES = 20


class Kind(StrEnum):
    """What a piece is; the value is the label that stands in its place."""

    NAME = "〔氏名〕"
    PHONE = "〔電話〕"
    ADDRESS = "〔住所〕"
    BIRTH = "〔生年月日〕"
    CHART = "〔患者番号〕"
    INSURANCE = "〔保険番号〕"
    INDIVIDUAL = "〔個人番号〕"


@dataclass(frozen=True, slots=True)
class Found:
    """One piece of personal data: `text` is the piece, at `start` up to `end` of the text given, in characters."""

    kind: Kind
    start: int
    end: int
    text: str


# One character for one, so that positions stay: full-width forms, and the many dashes of phone numbers.
_PLAIN = str.maketrans(
    "０１２３４５６７８９（）：．／＃　‐‑‒–—―−－ＳＨＴＲ",
    "0123456789():./# --------SHTR",
)
_TAG = re.compile(r"\[[^][\n]*\]")
_PERSON_TAG = re.compile(r"\[(?:To:|rp |picon|pname)[^][\n]*\]([^\n\[]*)")

_DATE = r"(?:(?:19|20)\d{2}|(?:昭和|平成|大正|令和|[SHTR])\.?\d{1,2})[年/.-] ?\d{1,2}[月/.-] ?\d{1,2}日?"
_ADDRESS = (
    r"(?:[一-龠]{2,3}[都道府県])?[一-龠ぁ-んァ-ヶ]{1,6}[市区町村郡][一-龠ぁ-んァ-ヶー]{0,12}"
    r"\d{1,4}(?:丁目|番地?|-)(?:\d{1,4}(?:番地?|号室?|号|-)?){0,3}"
)
_GAP = r"[^\d\n]{0,6}"
_NUMBERS = (
    (Kind.INSURANCE, re.compile(rf"記号{_GAP}[\d-]{{1,12}}{_GAP}番号{_GAP}\d{{1,10}}(?:{_GAP}枝番{_GAP}\d{{1,2}})?")),
    (
        Kind.INSURANCE,
        re.compile(
            r"(?:被保険者証?|保険証|受給者証?|資格確認書)の?(?:番号|No\.?)[^\d\n]{0,4}(?P<piece>\d[\d-]{3,11})(?!\d|桁)"
        ),
    ),
    (
        Kind.BIRTH,
        re.compile(
            rf"(?:生年月日|誕生日|DOB)[^\d昭平大令SHTR\n]{{0,6}}(?P<piece>{_DATE}|(?:19|20)\d{{6}}(?!\d))"
            rf"|(?<!\d)(?P<born>{_DATE}) ?(?:生まれ(?!変)|生(?=[、。)\s]|$))"
        ),
    ),
    (
        Kind.CHART,
        re.compile(
            r"(?:患者|カルテ|診察券|受診者)の?(?:番号|[Nn][Oo]\.?|ナンバー|ID)[はが:# ]{0,3}"
            r"(?P<piece>[A-Z]{0,2}-?\d[\d-]{2,11})(?!\d|[人名件円枚回年桁万番]|から|まで|以)"
            r"|(?<![A-Za-z])ID[: ]{0,2}(?P<id>\d{3,10})(?=の(?:方|患者|人))"
        ),
    ),
    (
        Kind.ADDRESS,
        re.compile(
            rf"(?:住所|自宅|居所)[はが: ]{{0,3}}(?P<piece>{_ADDRESS})"
            rf"|(?P<home>{_ADDRESS})(?=(?:に|で)?(?:お?住まい|在住|お住い|のご?自宅))"
        ),
    ),
)
_PHONE = re.compile(r"(?<![\d-])0\d{1,4}(?:-| ?\(|\) ?)?\d{1,4}(?:-|\) ?)?\d{3,4}(?![\d-])")
_FREE_OF_CHARGE = re.compile(r"0120|0800|0570|0990")
_TWELVE = re.compile(r"(?<![\d-])\d{4}([- ]?)\d{4}\1\d{4}(?![\d-])")
_INDIVIDUAL_WORDS = re.compile(r"マイナンバー|マイナカード|個人番号|通知カード|扶養|年末調整")
_BUSINESS_WORDS = re.compile(
    r"(?:見積|注文|伝票|請求|口座|受付|問い?合わ?せ|追跡|製造|型番|契約|管理|カード)[^\n]{0,6}$"
)
_SENTENCE = re.compile(r"[^。!?！？\n]+")
_NAME = re.compile(
    rf"(?<![一-龠々ァ-ヶー])(?P<name>[一-龠々]{{1,6}}(?: [一-龠々ぁ-んァ-ヶ]{{1,4}})?|[A-Z]\.? ?[A-Z]\.?)"
    rf" ?(?P<call>{people.HONORIFIC}|{people.KIN})"
)
_LABELLED_NAME = re.compile(
    r"(?P<label>患者(?:さん)?の?(?:名前?|氏名)|氏名|お名前)[はが: ]{1,3}"
    r"(?P<piece>[一-龠々ぁ-んァ-ヶー]{1,5} ?[一-龠々ぁ-んァ-ヶー]{0,5})(?=[\n、。(,様さ]|$)"
)
_FIELD_NAMES = re.compile(r"生年|住所|電話|番号|年齢|性別|記入|書|欄|確認|入力|です|ます|ない")


def find(text: str) -> tuple[Found, ...]:
    """Find personal data in a message body; tags and the lines that name who is addressed are left alone."""
    view = _view(text)
    pieces = sorted((*_numbers(view), *_phones(view), *_individual_numbers(view), *_names(view)), key=_position)
    kept: list[Found] = []
    for piece in pieces:
        if not kept or piece.start >= kept[-1].end:
            kept.append(piece)
    return tuple(kept)


def mask(text: str) -> tuple[str, tuple[Found, ...]]:
    """Return `text` with a label in place of each piece, and the pieces in the order they stand in."""
    found = find(text)
    masked: list[str] = []
    position = 0
    for piece in found:
        masked += [text[position : piece.start], piece.kind.value]
        position = piece.end
    return "".join([*masked, text[position:]]), found


def _position(piece: Found) -> tuple[int, int]:
    return piece.start, -piece.end


def _view(text: str) -> str:
    """Return `text` at the same length, in one spelling, with tags and name lines blanked out."""
    plain = _PERSON_TAG.sub(_blank_person, text.translate(_PLAIN))
    return _TAG.sub(_blank, plain)


def _blank(tag: re.Match[str]) -> str:
    return "\n" * len(tag[0])


def _blank_person(tag: re.Match[str]) -> str:
    return _blank(tag) if is_name_line(tag[1]) else "\n" * (tag.start(1) - tag.start()) + tag[1]


def _numbers(view: str) -> Iterator[Found]:
    for kind, pattern in _NUMBERS:
        for match in pattern.finditer(view):
            start, end = match.span(match.lastgroup or 0)
            yield Found(kind, start, end, view[start:end])


def _phones(view: str) -> Iterator[Found]:
    for match in _PHONE.finditer(view):
        digits = re.sub(r"\D", "", match[0])
        if len(digits) in (10, 11) and not _FREE_OF_CHARGE.match(match[0]):
            yield Found(Kind.PHONE, match.start(), match.end(), match[0])


def _individual_numbers(view: str) -> Iterator[Found]:
    expected = _INDIVIDUAL_WORDS.search(view) is not None
    for match in _TWELVE.finditer(view):
        is_business = _BUSINESS_WORDS.search(view[max(0, match.start() - 12) : match.start()])
        if not is_business and (expected or has_check_digit(match[0])):
            yield Found(Kind.INDIVIDUAL, match.start(), match.end(), match[0])


def has_check_digit(number: str) -> bool:
    """Whether the last of twelve digits is the check digit of an individual number (個人番号)."""
    digits = [int(digit) for digit in number if digit.isdigit()]
    weights = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
    rest = sum(digit * weight for digit, weight in zip(digits, weights, strict=False)) % 11
    return digits[-1] == (0 if rest <= 1 else 11 - rest)


def _names(view: str) -> Iterator[Found]:
    """Yield patients' names, and every further place where a name found once stands."""
    names = {match["piece"].strip() for match in _LABELLED_NAME.finditer(view) if _is_labelled(match)}
    for sentence in _SENTENCE.finditer(view):
        names |= set(_patients(sentence[0]))
    for name in sorted(names)[:_MOST_NAMES]:
        for match in re.finditer(re.escape(name), view):
            yield Found(Kind.NAME, match.start(), match.end(), name)


def _is_labelled(match: re.Match[str]) -> bool:
    piece = match["piece"].strip()
    return not _FIELD_NAMES.search(piece) and (match["label"].startswith("患者") or _is_family_name(piece))


def _patients(sentence: str) -> Iterator[str]:
    """Yield the names in a sentence for which enough speaks. Each line of the sums is for or against."""
    visit = (people.MEDICAL.search(sentence) is not None) + (people.VISIT.search(sentence) is not None)
    for match in _NAME.finditer(sentence):
        if match["name"].endswith(people.ROLE_ENDINGS) and not _is_family_name(match["name"]):
            continue
        if visit + _by_form(match) + _by_neighbours(match) >= _CERTAIN:
            yield match["name"]


def _by_form(match: re.Match[str]) -> int:
    points = 2 if _is_family_name(match["name"]) else 1
    points += " " in match["name"]
    points += match["call"] not in ("さん", "氏")
    return points


def _by_neighbours(match: re.Match[str]) -> int:
    sentence, end = match.string, match.end()
    before = sentence[max(0, match.start() - 14) : match.start()]
    is_described = people.AGE_OR_NUMBER.match(sentence, end) is not None
    is_addressed = not before.strip() and sentence.startswith("、", end) and not is_described
    points = 2 * is_described - 2 * is_addressed
    points += people.PATIENT_BEFORE.search(before) is not None
    points -= 3 * (people.COLLEAGUE_BEFORE.search(before) is not None)
    points -= 3 * (people.COLLEAGUE_AFTER.match(sentence, end) is not None)
    return points


def _is_family_name(name: str) -> bool:
    """Whether `name` is a frequent family name, alone or with a given name of one to three characters behind it."""
    first = name.partition(" ")[0]
    return any(first[:size] in people.FAMILY_NAMES and len(first) - size <= _LONGEST_GIVEN for size in (1, 2, 3))
