"""Who a member is, as far as they told everybody: specialty, region, age, how and when they opened.

A profile is read from labelled lines (`診療科: 眼科 地域: 北海道`) or from sentences in which the author introduces
themselves. What is said about others, asked or advertised is never taken for the author's own story: an unread
introduction costs little, a wrong one puts words into a member's mouth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from engine.sentences import hide_spoken, normalise, sentences

_LONGEST: Final = 2000


@dataclass(frozen=True, slots=True)
class Profile:
    """What a member told, and the names of the fields that they asked us to forget (`emptied`)."""

    specialties: tuple[str, ...] = ()
    region: str | None = None
    age_band: str | None = None
    form: str | None = None
    opened: int | None = None
    emptied: frozenset[str] = frozenset()


UNKNOWN: Final = Profile()
"""Of somebody who told nothing."""


def _table(text: str) -> dict[str, str]:
    """Read `canonical=variant,variant …` into a map from every spelling to its canonical name."""
    rows = (row.partition("=") for row in text.split())
    return {word: name for name, _, rest in rows for word in (name, *rest.split(",")) if word}


def _any_of(words: dict[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_SPECIALTIES = _table("""
内科=一般内科,総合内科,内科医 循環器内科=循環器科,循環器 消化器内科=消化器科,胃腸内科,胃腸科,内視鏡内科,消化器
呼吸器内科=呼吸器科,呼吸器 糖尿病内科=糖尿病・代謝内科,糖尿病代謝内科,代謝内科,糖尿病科 内分泌内科=内分泌科
腎臓内科=腎臓科,腎内科,人工透析内科,透析内科 脳神経内科=神経内科 血液内科 膠原病内科=リウマチ膠原病内科
リウマチ科=リウマチ内科 腫瘍内科 感染症内科=感染症科 心療内科=メンタルクリニック 精神科=精神神経科,精神科医
アレルギー科 小児科=小児科医 小児外科 外科=一般外科,外科医 消化器外科 呼吸器外科 心臓血管外科=心臓外科,血管外科
乳腺外科=乳腺科,乳腺クリニック 肛門科=肛門外科,肛門内科 脳神経外科=脳外科,脳外 整形外科=整形,整形外科医
形成外科=形成 美容外科 美容皮膚科 皮膚科=皮フ科,皮ふ科,皮膚科医 泌尿器科=泌尿器,泌尿器科医 眼科=眼科医,アイクリニック
耳鼻咽喉科=耳鼻科,耳鼻いんこう科,耳鼻咽喉,耳鼻咽喉科医 産婦人科=産科婦人科 産科 婦人科=レディースクリニック,婦人科医
リハビリテーション科=リハビリ科,リハ科 放射線科=画像診断科 麻酔科=麻酔科医 ペインクリニック=ペイン内科,疼痛内科
救急科 病理診断科=病理科 訪問診療=在宅医療,在宅診療,在宅専門 漢方内科=漢方 総合診療科=総合診療,総診,家庭医療
歯科=歯医者,一般歯科 小児歯科 矯正歯科=歯科矯正 歯科口腔外科=口腔外科 審美歯科
""")
_PREFECTURES = """
北海道=札幌,旭川,函館 青森県=八戸 岩手県=盛岡 宮城県=仙台 秋田県 山形県 福島県=いわき,郡山 茨城県=水戸,つくば
栃木県=宇都宮 群馬県=前橋,高崎 埼玉県=さいたま,大宮,浦和,川口,川越,所沢 千葉県=船橋,松戸,柏市
東京都=都内,八王子,町田,世田谷,新宿,渋谷,池袋,銀座,23区 神奈川県=横浜,川崎,相模原,藤沢 新潟県 富山県 石川県=金沢 福井県
山梨県=甲府 長野県=松本 岐阜県 静岡県=浜松 愛知県=名古屋,豊田,豊橋,岡崎 三重県=四日市 滋賀県=大津 京都府
大阪府=堺市,豊中,吹田,東大阪,梅田 兵庫県=神戸,姫路,西宮,尼崎 奈良県 和歌山県 鳥取県=米子 島根県=松江 岡山県=倉敷
広島県=福山 山口県=下関 徳島県 香川県=高松 愛媛県=松山 高知県 福岡県=北九州,博多,久留米 佐賀県 長崎県=佐世保 熊本県
大分県 宮崎県 鹿児島県 沖縄県=那覇
"""
_REGIONS = _table(_PREFECTURES)
_REGIONS |= {name[:-1]: name for name in _REGIONS.values() if name != "北海道"}
_NAMES = frozenset(
    re.findall(
        r"\S+",
        """青森 宮城 秋田 山形 福島 千葉 富山 石川 福井 長野 静岡 三重 滋賀 奈良 岡山 広島 山口 徳島 香川 高知 福岡 佐賀
        長崎 熊本 大分 宮崎 神戸 西宮 川崎 川口 川越 藤沢 豊田 岡崎 高崎 前橋 松本 大津 福山 高松 松山 金沢 町田 渋谷
        水戸 郡山 大宮 米子 新潟 茨城 群馬 栃木 岐阜 兵庫 島根 鳥取 豊橋 梅田 吹田 豊中 下関 松戸 船橋 所沢""",
    )
)
"""Places that are family names (or 大分, an adverb): without a particle of place they are not read as places."""

_SPECIALTY = re.compile(_any_of(_SPECIALTIES))
_REGION = re.compile(f"({_any_of(_REGIONS)})(?!大学|大|医大|医科|出身|先生|さん|様|氏|と申|と言|とい|弁)")
_TOPIC = re.compile(r"の(?!勤務|開業|医|クリニック|院長|分院|専門|.{1,6}(?:です|と申))")
"""What makes a specialty a matter of talk (`眼科の加算が…`) and not what somebody is."""

_PLACE = re.compile(r"市|県|区|で(?!す)|にて|に|の(?!です)|在住|駅|近郊|郊外|エリア|、|・|$")
_BAND = re.compile(r"(?<![\d.])([2-8])0(?:代|才代|歳代)|(?<![\d.])([2-8])\d(?:歳|才)")
_BAND_VALUE = re.compile(r"([2-8])\d(?!\d)")
_PREPARED = "(?:科|開業|開院|承継|継承|クリニック|医院|診療所)"
_FORMS = (
    (
        "開業準備中",
        re.compile(
            rf"^準備中|開業準備|{_PREPARED}(?:の|を)?準備中|(?:開業|開院|承継|継承)(?:する|を)?(?:予定|準備|目指|検討|考え)"
        ),
    ),
    ("分院長", re.compile("分院長|分院の院長|雇われ院長")),
    ("居抜き", re.compile("居抜き?|居ぬき")),
    ("承継", re.compile("承継|継承|(?:引き継|受け継|跡を継|後を継|を継)(?:ぎ|い)|事業譲渡|M&A")),
    ("医療モール", re.compile("医療モール|クリニックモール|メディカルモール|医療ビル|モール")),
    ("戸建て", re.compile("戸建て?|一戸建")),
    ("新規開業", re.compile("新規|新築|新しく(?:開業|開院)|(?:ゼロ|一|イチ)から(?:開業|始め|立ち上げ)")),
    ("勤務医", re.compile("勤務医(?!を(?:経|辞)|時代|だった|でした|の(?:頃|時))|勤務中")),
)
_ERAS = {"令和": 2018, "R": 2018, "r": 2018, "平成": 1988, "H": 1988, "h": 1988, "昭和": 1925, "S": 1925, "s": 1925}
_RECENT = {"今年": 0, "本年": 0, "昨年": 1, "去年": 1, "一昨年": 2, "おととし": 2}
_WHEN = (
    r"(?:(?<!\d)(?P<year>(?:19|20)\d\d)(?!\d)|(?P<era>令和|平成|昭和|(?<![A-Za-z])[RHSrhs])\.? ?(?P<count>\d{1,2}|元)"
    "|(?P<recent>一昨年|おととし|昨年|去年|今年|本年))"
)
_YEAR = re.compile(_WHEN)
_OPENING = "(?:開業|開院|承継|継承|居抜き|引き継|独立|を継)"
_OPENED = re.compile(rf"{_WHEN}(?=(?:年\d{{1,2}}月)?[^\d卒]{{0,30}}{_OPENING})")
_OPENED_AFTER = re.compile(rf"{_OPENING}[はがし、: ]{{0,3}}{_WHEN}")
_SINCE = re.compile(r"(?:開業|開院|承継|継承)(?:し|から|して|後)?(?:、|今年で)?(\d{1,2})年(目)?")
_NTH = re.compile(r"(\d{1,2})年(目)")

_DONE = r"(?:し|いたし|致し)(?:ました(?!ら)|ています|ております|て\d|たばかり|た者)"
_INTRODUCES = re.compile(
    r"(?:はじめ|初め)まして|自己紹介(?!を?(?:お願い|して(?:ください|下さい)|し合)|の|は|が)|と(?:申|もう)します|の者です"
    rf"|(?:で|を|に)(?:新規|居抜き)?(?:で)?(?:開業|開院|承継|継承){_DONE}|{_PREPARED}(?:の|を)?準備中です"
    r"|(?:^|で|、)(?:開業|開院|承継|継承)(?:して)?\d{1,2}年目(?:です|になります)?$|(?:を|の)(?:引き継|を継)(?:ぎました|いで)"
    r"|勤務医です|分院長(?:です|をして|を務め)|開業医です"
)
_OTHERS = re.compile(
    r"先生(?:に|方|が|は|を|の|へ|も|から)|患者|(?<!自己)紹介(?:し|状|先|を(?:受|お)|いただ)|受診|ご?存じ|求人|募集|採用"
    r"|(?:友人|知人|友達|知り合い|同級生|同期|後輩|先輩|妻|夫|主人|家内|兄|弟|姉|妹|息子|娘|父|母|医師|院長|方|人|さん|様|院"
    r"|クリニック|医院|科)(?:が|も)|(?:友人|知人|友達|知り合い|同級生|後輩|先輩|妻|夫|主人|家内|息子|娘|父|母)は"
    r"|先生は|の話です|という(?:方|人)|らし|そうです|ようです|近所|近くに|隣に|たら|れば|もし|仮に"
)
_ASKS = re.compile(r"(?:か|かね|かな|でしょうか|教えて(?:ください|下さい|いただ.*))$")
_ADVERTISES = re.compile("求人|募集|採用|患者|症例|症状|主訴|受診|年収|時給")

_VENDOR = re.compile("(?:会社|メーカー|代理店|商社|業者|事務所)の(?:者|担当|営業)|株式会社")
_LABELS = _table("""
specialties=診療科目,診療科,標榜科目,標榜科,専門科,専門,科目 region=地域,都道府県,所在地,場所,エリア,開業地
age_band=年代,年齢,年令 form=形態,開業形態,開業の形,開業形式 opened=開業年月,開業年,開業時期,開業,開院
""")
_LABEL = re.compile(
    rf"(?<![^\s/、,。|;・*(-])(?:【({_any_of(_LABELS)})】\s{{0,3}}:?|({_any_of(_LABELS)})\s{{0,3}}[:=])"
)
_NOTHING = re.compile("なし|無し|無|ナシ|非公開|ひみつ|秘密|未公開|削除|消して|内緒|空欄|-")
_SHORT = 20


def read_profile(text: str, year: int) -> Profile | None:
    """Return what the author of `text`, written in `year`, tells about themselves, or nothing if it is no telling."""
    plain = hide_spoken(normalise(text[:_LONGEST]))
    found = _labelled(plain, year) or _introduced(plain, year)
    return None if found in (None, Profile()) else found


def changed(old: Profile, new: Profile) -> Profile:
    """Return `old` with what `new` tells or takes back; what `new` is silent about stays."""
    told = {field: value for field in _FIELDS if (value := getattr(new, field))}
    forgotten = new.emptied.difference(told)
    blank = {field: getattr(Profile(), field) for field in forgotten}
    return replace(old, **told, **blank, emptied=old.emptied.difference(told) | forgotten)


def attributes(profile: Profile) -> tuple[tuple[str, ...] | None, str | None, str | None, str | None]:
    """What makes two members alike or different: specialties, region, age band, form of opening."""
    return profile.specialties or None, profile.region, profile.age_band, profile.form


def difference(a: Profile, b: Profile) -> int:
    """Count the attributes known of both that differ; sharing one specialty is being alike."""
    (ours, *mine), (theirs, *yours) = attributes(a), attributes(b)
    apart = bool(ours and theirs and not set(ours) & set(theirs))
    return apart + sum(x is not None and y is not None and x != y for x, y in zip(mine, yours, strict=True))


ATTRIBUTES: Final = 4
"""How many attributes two members are compared by."""


def likeness(a: Profile, b: Profile) -> int:
    """Count the attributes known of both that are the same; see `difference`."""
    (ours, *mine), (theirs, *yours) = attributes(a), attributes(b)
    shared = bool(ours and theirs and set(ours) & set(theirs))
    return shared + sum(x is not None and x == y for x, y in zip(mine, yours, strict=True))


def mentioned(text: str) -> frozenset[str]:
    """Name every specialty and the region and form of opening that a text speaks of, in their usual spelling."""
    plain = normalise(text)
    specialties = (_SPECIALTIES[match[0]] for match in _SPECIALTY.finditer(plain))
    return frozenset(word for word in (*specialties, _region(plain), _form(plain)) if word)


_FIELDS = ("specialties", "region", "age_band", "form", "opened")


def _labelled(plain: str, year: int) -> Profile | None:
    """Read labelled fields: two or more anywhere, or a single short one that is the whole message."""
    labels = list(_LABEL.finditer(plain))
    ends = [*(label.start() for label in labels[1:]), len(plain)]
    values = [
        (_LABELS[label[1] or label[2]], plain[label.end() : end].strip().partition("\n")[0].strip(" /、,。|;・*"))
        for label, end in zip(labels, ends, strict=False)
    ]
    if not values or _ADVERTISES.search(plain) or _ASKS.search(plain.rstrip("。")) or "?" in plain:
        return None
    alone = labels[0].start() == 0 and len(plain) <= labels[0].end() + _SHORT and not _OTHERS.search(plain)
    if len({field for field, _ in values}) < 2 and not alone:  # one label may stand in any text
        return None
    profile = Profile()
    for field, value in values:
        profile = changed(profile, _field(field, value, year))
    return profile


def _field(field: str, value: str, year: int) -> Profile:
    if _NOTHING.fullmatch(value):
        return Profile(emptied=frozenset({field}))
    match field:
        case "specialties":
            return Profile(specialties=_specialties(value))
        case "region":
            place = re.search(_any_of(_REGIONS), value)
            return Profile(region=_REGIONS[place[0]] if place else None)
        case "age_band":
            band = _BAND_VALUE.search(value)
            return Profile(age_band=f"{band[1]}0代" if band else None)
        case "form":
            return Profile(form=_form(value), opened=_year(_YEAR.search(value), year))
        case _:
            opened = _year(_YEAR.search(value), year) or _since(_NTH.search(value), year)
            return Profile(form=_form(value), opened=opened)


def _introduced(plain: str, year: int) -> Profile | None:
    """Read the author's own sentences, if one of them says that this is an introduction."""
    own = [
        each.text
        for each in sentences(plain)
        if not (each.asks or _ASKS.search(each.text) or _OTHERS.search(each.text))
    ]
    if _VENDOR.search(plain) or not any(_INTRODUCES.search(sentence) for sentence in own):
        return None
    told = "\n".join(own)
    opened = next((found for sentence in own if (found := _opened(sentence, year))), None)
    return Profile(_specialties(told), _region(told), _band(told), _form(told), opened)


def _specialties(text: str) -> tuple[str, ...]:
    found = (match for match in _SPECIALTY.finditer(text) if not _TOPIC.match(text, match.end()))
    return tuple(dict.fromkeys(_SPECIALTIES[match[0]] for match in found))


def _region(text: str) -> str | None:
    """Return the first place that is not somebody's name."""
    for match in _REGION.finditer(text):
        if match[1] not in _NAMES or _PLACE.match(text, match.end()):
            return _REGIONS[match[1]]
    return None


def _band(text: str) -> str | None:
    found = _BAND.search(text)
    return f"{found[1] or found[2]}0代" if found else None


def _form(text: str) -> str | None:
    return next((name for name, pattern in _FORMS if pattern.search(text)), None)


def _opened(sentence: str, year: int) -> int | None:
    told = _OPENED.search(sentence) or _OPENED_AFTER.search(sentence)
    return _year(told, year) or _since(_SINCE.search(sentence), year)


def _year(found: re.Match[str] | None, year: int) -> int | None:
    """Return the year that was told in the Western way, in an era or as `昨年`; one still to come is none."""
    if found is None:
        return None
    if found["year"]:
        told = int(found["year"])
    elif found["era"]:
        told = _ERAS[found["era"]] + (1 if found["count"] == "元" else int(found["count"]))
    else:
        told = year - _RECENT[found["recent"]]
    return told if told <= year else None


def _since(found: re.Match[str] | None, year: int) -> int | None:
    """Return the year that `3年目` (the third year running) or `3年` (three years past) reaches back to."""
    return year - int(found[1]) + bool(found[2]) if found else None
