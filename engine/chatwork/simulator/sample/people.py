"""Who lives in the sample community. Everybody is invented, and everybody's "normal" differs: that is the point."""

from __future__ import annotations

from typing import NamedTuple

ENGINE_ID = 1484814
ENGINE_NAME = "ユルユル案内係"
ENGINE_TOKEN = "simulated-token-of-the-engine"  # noqa: S105 - opens nothing but this simulator


class Person(NamedTuple):
    """A key for the script, an account id, and what people read in the profile."""

    key: str
    account_id: int
    name: str
    department: str
    organization: str
    introduction: str

    @property
    def token(self) -> str:
        """The person's API token, in this simulator only."""
        return f"simulated-token-of-{self.key}"


ENGINE = Person("engine", ENGINE_ID, ENGINE_NAME, "", "ユルユル投稿板", "投稿板のお手伝いをしております。")

ADMINS = (
    Person("manabe", 1484801, "真鍋 由紀", "内科", "まなべ内科", "世話人・東京都・新規・50歳"),
    Person("enomoto", 1484802, "榎本 正樹", "整形外科", "えのもと整形外科", "世話人・神奈川県・承継・48歳"),
)

VENDOR_PEOPLE = (
    Person("miura", 1484811, "三浦 恵一", "営業", "みなと医療機器", "医療機器のご相談を承ります。"),
    Person("arai", 1484812, "新井 美穂", "開業支援", "あけぼの開業支援", "開業のご準備をお手伝いします。"),
)

MEMBERS = (
    Person("aoki", 1485001, "青木 誠一", "内科", "青木医院", "長野県・父の医院を承継・58歳"),
    Person("ida", 1485002, "井田 美咲", "皮膚科", "井田ひふ科", "東京都・新規・駅ビル・39歳"),
    Person("ueda", 1485003, "上田 健太", "整形外科", "上田整形外科", "埼玉県・医療モール・44歳"),
    Person("endo", 1485004, "遠藤 由美子", "小児科", "えんどうこどもクリニック", "宮城県・新規・47歳"),
    Person("ogawa", 1485005, "小川 隆", "眼科", "小川眼科", "広島県・承継・51歳"),
    Person("kato", 1485006, "加藤 直樹", "耳鼻咽喉科", "かとう耳鼻科", "愛知県・医療モール・42歳"),
    Person("kimura", 1485007, "木村 さやか", "産婦人科", "きむらレディース", "福岡県・新規・45歳"),
    Person("kudo", 1485008, "工藤 大輔", "消化器内科", "工藤内科胃腸科", "青森県・第三者承継・40歳"),
    Person("kobayashi", 1485009, "小林 恵", "心療内科", "こばやしメンタル", "神奈川県・テナント・43歳"),
    Person("saito", 1485010, "斎藤 昭夫", "外科", "斎藤医院", "北海道・地方・外来と在宅・63歳"),
    Person("sakamoto", 1485011, "坂本 遼", "訪問診療", "さかもと在宅", "大阪府・新規・38歳"),
    Person("shimizu", 1485012, "清水 千尋", "糖尿病内科", "清水内科", "静岡県・医療モール・41歳"),
    Person("suzuki", 1485013, "鈴木 亮太", "循環器内科", "", "千葉県・開業準備中・37歳"),
    Person("sonoda", 1485014, "園田 真理", "リウマチ科", "そのだ内科", "熊本県・新規・46歳"),
    Person("takagi", 1485015, "高木 修", "泌尿器科", "高木泌尿器科", "京都府・新規・49歳"),
    Person("takeda", 1485016, "武田 明日香", "形成外科", "武田形成外科", "東京都・自由診療と保険・36歳"),
    Person("chiba", 1485017, "千葉 和也", "内科", "千葉医院", "岩手県・地方・承継・55歳"),
    Person("tsuda", 1485018, "津田 紀子", "小児科", "津田小児科", "兵庫県・承継・52歳"),
    Person("toyama", 1485019, "外山 翔", "脳神経外科", "とやま脳神経", "茨城県・新規・48歳"),
    Person("nakano", 1485020, "中野 彩", "内科", "", "東京都・開業準備中・35歳"),
    Person("nishi", 1485021, "西 浩二", "整形外科", "西整形外科", "鹿児島県・離島・54歳"),
    Person("nomura", 1485022, "野村 香織", "眼科", "のむら眼科", "新潟県・医療モール・40歳"),
    Person("hashimoto", 1485023, "橋本 剛", "呼吸器内科", "橋本内科", "岡山県・山あい・承継・45歳"),
    Person("hayashi", 1485024, "林 真由美", "皮膚科", "はやし皮膚科", "石川県・新規・42歳"),
    Person("hirano", 1485025, "平野 拓也", "消化器内科", "", "群馬県・開業準備中・38歳"),
    Person("fujii", 1485026, "藤井 清", "内科", "藤井診療所", "高知県・地方・67歳"),
    Person("honda", 1485027, "本田 奈々", "婦人科", "ほんだ婦人科", "大阪府・都市のビル・41歳"),
    Person("maeda", 1485028, "前田 周平", "耳鼻咽喉科", "前田耳鼻科", "山形県・新規・39歳"),
    Person("matsui", 1485029, "松井 玲子", "精神科", "松井クリニック", "滋賀県・新規・50歳"),
    Person("miyata", 1485030, "宮田 拓郎", "内科", "みやた内科", "沖縄県・新規・43歳"),
    Person("mori", 1485031, "森 光一", "腎臓内科", "森内科透析", "三重県・承継・57歳"),
    Person("yasuda", 1485032, "安田 恵子", "小児科", "やすだ小児科", "愛媛県・医療モール・44歳"),
    Person("yoshino", 1485033, "吉野 隼人", "ペインクリニック", "吉野ペイン", "東京都・都市のビル・46歳"),
    Person("kurosaki", 1485034, "黒崎 剛志", "美容皮膚科", "黒崎クリニック", "東京都・分院あり・53歳"),
)

GUESTS = (
    Person("wada", 1485041, "和田 俊介", "内科", "", "栃木県・来春に新規開業・36歳"),
    Person("negishi", 1485042, "根岸 友香", "小児科", "", "徳島県・承継の準備中・38歳"),
)

EVERYBODY = (ENGINE, *ADMINS, *VENDOR_PEOPLE, *MEMBERS, *GUESTS)
BY_KEY = {person.key: person for person in EVERYBODY}
# Contacts have a direct chat with the engine's account; kurosaki's is where a warning can be read by him alone.
CONTACTS_OF_THE_ENGINE = ("manabe", "enomoto", "aoki", "shimizu", "endo", "saito", "kurosaki")
