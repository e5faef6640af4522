"""The customers of the sample data: their names, plans, languages and ages, and the titles of their videos.

`add_people` and `add_plans` write the documents: users, accounting, credit transactions and plan limits. The sample
clips are a few seconds long and have some 30 kB, so the demo's plans allow little storage, and a usage bar looks as it
does for a real customer. `WORDINGS` has a few titles of videos and scenes by language, in the scripts of real titles.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from storage.sandbox.world.builder import Fields, WorldBuilder, user_id

# The age of the account decides which monthly counters a user document has.
Generation = Literal["clips", "credits", "both", "none"]


CHARGED_SINCE_DAYS = 28
CHARGES = (
    ("analysis", 3, "Video analysis"),
    ("scene_processing", 40, "Process 2 scenes (intelligent, split)"),
    ("scene_processing", 30, "Process 3 scenes (split)"),
    ("silent_remover", 5, "Silence removed from 1 scene"),
    ("generate_more_scenes", 3, "Generate more scenes"),
)
MIB = 1024**2
STORAGE_LIMITS = {"free": 1 * MIB, "pro": 8 * MIB, "studio": 32 * MIB, "paused": 0}  # bytes
PLANS: dict[str, Fields] = {
    "free": {
        "id": "free",
        "name": "Free",
        "price_monthly": 0,
        "limits": {
            "storage_limit_bytes": STORAGE_LIMITS["free"],
            "monthly_credits_included": 200,
            "max_highlights_per_video": 3,
            "max_styles_per_video": 2,
        },
    },
    "pro": {
        "id": "pro",
        "name": "Pro",
        "price_monthly": 2_900,
        "limits": {
            "storage_limit_bytes": STORAGE_LIMITS["pro"],
            "monthly_credits_included": 4_000,
            "max_highlights_per_video": 10,
            "max_styles_per_video": 5,
        },
    },
    # Half a document: it has no price, and the defaults give most limits.
    "studio": {"id": "studio", "limits": {"storage_limit_bytes": STORAGE_LIMITS["studio"]}},
    # A plan that allows nothing: a subscription gets it when its payment fails.
    "paused": {
        "id": "paused",
        "name": "Paused",
        "price_monthly": 0,
        "limits": {"storage_limit_bytes": 0, "max_clips_per_month": 0, "monthly_credits_included": 0},
    },
}


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer. `videos` counts the unremarkable ones; `months_back` is how old the month of the counters is.

    `accounting` tells whether `storage_accounting/{uid}` exists; `uid` is given only where it is not a usual one.
    `unicode_keys` marks accounts whose keys carry their titles' own letters.
    """

    handle: str
    name: str
    email: str | None
    plan: str | None
    language: str
    joined_days: int
    generation: Generation = "credits"
    accounting: bool = True
    videos: int = 4
    months_back: int = 0
    role: str | None = None
    uid: str = ""
    unicode_keys: bool = False

    @property
    def older(self) -> bool:
        """Whether the customer is of the older product, which kept no accounting and put keys below `users/`."""
        return not self.accounting


PEOPLE: tuple[Customer, ...] = (
    # Customers with a story; the modules of the stories say which.
    Customer("zoe", "Zoë Müller-Łukasiewicz", "zoe.mueller@atelier.example", "pro", "de", 412, videos=6),
    Customer("dmitry", "Дмитрий Орлов", "d.orlov@pochta.example", "free", "ru", 61, videos=2),
    Customer("layla", "ليلى حدّاد", "layla@haddad.example", "pro", "ar", 240),
    Customer("noam", "נועם לוי", "noam.levi@studio-levi.example", "pro", "he", 198),
    Customer("priya", "प्रिया शर्मा", "priya.sharma@example.in", "studio", "hi", 305, videos=5),
    Customer("wei", "陈伟", "chenwei@example.cn", "pro", "zh", 150),
    Customer("haruka", "佐藤 春香", "haruka.sato@example.jp", "pro", "ja", 377),
    Customer("minjun", "김민준", "minjun.kim@example.kr", "free", "ko", 95, videos=2),
    Customer("ines", "Inês Conceição", "ines.conceicao@example.pt", "pro", "pt", 266),
    Customer("emeka", "Chukwuemeka Ọ́báfẹ́mi", "emeka@lagosreels.example", "free", "en", 44, videos=2),
    Customer("olga", "Ольга Шевченко", "olha.shevchenko@example.ua", "free", "uk", 330, videos=0),
    Customer("tomas", "Tomás Ñíguez", "tomas.niguez@example.es", "free", "es", 120, videos=0),
    Customer("sofia", "Sofía Íñiguez de la Ó", "sofia@estudio-onda.example", "studio", "es", 501, videos=7),
    Customer(
        "bjorn", "Björn Åkesson", "bjorn.akesson@example.se", "pro", "de", 1120, "clips", False, 3, unicode_keys=True
    ),
    Customer("agnes", "Ágnes Szőke", "agnes.szoke@example.hu", "free", "fr", 980, "none", False, 2),
    Customer("rene", "René d'Août", "rene+clips@example.fr", "pro", "fr", 870, "clips", False, 2, unicode_keys=True),
    Customer("marta", "Marta Żółć", "marta.zolc@example.pl", "pro", "pl", 289),
    Customer("lucas", "Lucas Araújo", "lucas.araujo@example.com.br", "pro", "pt", 214),
    Customer("ahmed", "Ahmed Yılmaz", "ahmed@yilmaz-medya.example", "enterprise-2023", "tr", 640),
    Customer("chloe", "Chloé Bélanger", "Chloe.Belanger@Example.ca", "PRO", "fr", 175),
    Customer("viktor", "Виктор Соколов", "v.sokolov@example.org", "paused", "ru", 455, videos=2),
    Customer("yuki", "山本 ゆき", "yuki.yamamoto@example.jp", "pro", "ja", 130, months_back=1),
    Customer("giulia", "Giulia D'Agostino", "giulia@example.it", "pro", "en", 222, "both"),
    Customer("anonymous", "", None, "free", "en", 12, videos=2),
    Customer("guest", "Gast 2207", None, "free", "de", 33, "clips", False, 1),
    Customer("kanal", "Kanal Sieben Redaktion", "redaktion@kanal-sieben.example", "studio", "de", 720, videos=0),
    Customer("first", "Ada Okafor", "ada@example.com", "pro", "en", 1300, "clips", False, 3, uid="u1"),
    Customer("tenth", "Bo Lindqvist", "bo@example.com", "free", "en", 1290, "clips", False, 2, uid="u10"),
    Customer("hostile", "QA: hostile strings", "qa+hostile@example.com", "free", "en", 90, uid="qa-hostile-strings"),
    Customer(
        "oauth", "Trần Thị Hương", "huong.tran@example.vn", "pro", "vi", 84, uid="google-oauth2|104857600000000000042"
    ),
    Customer("support", "Support", "support@clipdesk.example", "studio", "en", 800, role="superadmin", videos=1),
    Customer("newcomer", "محمد العلي", "m.alali@example.ae", "free", "ar", 1, videos=0),
    Customer("mateo", "Mateo Ibáñez 🎬", "mateo@ibanez.example", "pro", "es", 188),
    Customer("ravi", "रवि कुमार", "ravi.kumar@example.in", "studio", "hi", 260),
    Customer("ghost", "Gerda Ohm", "gerda.ohm@example.at", "free", "de", 510, "none", False, 1),
    # Customers without a story.
    Customer("anh", "Nguyễn Văn Anh", "anh.nguyen@example.vn", "pro", "vi", 210, videos=5),
    Customer("deniz", "Deniz Çelik", "deniz.celik@example.com.tr", "pro", "tr", 320, videos=5),
    Customer("lin", "林美玲", "meiling.lin@example.tw", "studio", "zh", 410, videos=7),
    Customer("hans", "Hans-Jörg Weiß", "Hans-Joerg.Weiss@Example.de", "free", "de", 140, videos=3),
    Customer("amelie", "Amélie Œuvrard", "amelie@xn--caf-dma.example", "pro", "fr", 290, videos=5),
    Customer("joon", "이준호", "joonho.lee@example.kr", "pro", "ko", 175, videos=5),
    Customer("katya", "Катерина Ёлкина", "katya@ёлка.example", "pro", "ru", 233, videos=5),
)


def uid_of(handle: str) -> str:
    """The uid of a customer by handle."""
    return next(person.uid or user_id(handle) for person in PEOPLE if person.handle == handle)


def person_of(handle: str) -> Customer:
    """The customer by handle."""
    return next(person for person in PEOPLE if person.handle == handle)


def month(now: datetime, back: int = 0) -> str:
    """The UTC month `back` months ago, as `YYYY-MM`."""
    number = now.year * 12 + now.month - 1 - back
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def add_plans(world: WorldBuilder) -> None:
    """Adds the documents `plans/{plan_id}`."""
    for plan_id, fields in PLANS.items():
        world.put(f"plans/{plan_id}", {**fields, **({"limits": dict(fields["limits"])})})


def add_people(world: WorldBuilder) -> None:
    """Adds `users/{uid}`, `storage_accounting/{uid}` and the credit transactions of every customer."""
    for person in PEOPLE:
        uid = uid_of(person.handle)
        world.put(f"users/{uid}", _user(world, person, uid))
        if person.accounting:
            at = world.now - timedelta(hours=world.chance("accounting", uid).randint(2, 90))
            world.put(f"storage_accounting/{uid}", {"updated_at": at})
        if person.generation in {"credits", "both"} and person.joined_days > CHARGED_SINCE_DAYS:
            _add_transactions(world, uid)


def _user(world: WorldBuilder, person: Customer, uid: str) -> Fields:
    chance = world.chance("user", uid)
    joined = world.now - timedelta(days=person.joined_days, minutes=chance.randint(0, 1_439))
    fields: Fields = {
        "uid": uid,
        **({"email": person.email} if person.email or person.older else {}),
        "plan": person.plan,
        **({"role": person.role} if person.role or person.older else {}),
        "created_at": joined,
        "updated_at": min(world.now, joined + timedelta(days=person.joined_days * chance.uniform(0.6, 0.99))),
    }
    settings = {"display_name": person.name, "language": person.language, "notify_by_email": chance.random() < 0.7}
    if person.older:
        fields["settings"] = settings
    used = {"clips_used_this_month": chance.randint(1, 14), "credits_used_this_month": chance.randint(20, 150)}
    if person.generation != "none":
        fields["usage_reset_month"] = month(world.now, person.months_back)
    if person.generation in {"clips", "both"}:
        fields["clips_used_this_month"] = used["clips_used_this_month"]
    if person.generation in {"credits", "both"}:
        fields["credits_used_this_month"] = used["credits_used_this_month"]
    return fields


def _add_transactions(world: WorldBuilder, uid: str) -> None:
    """Adds the charges of the last weeks by the worker and the API; `balance_after` is the use at that time."""
    chance = world.chance("credits", uid)
    at, used = world.now - timedelta(days=chance.randint(20, CHARGED_SINCE_DAYS - 1)), 0
    for number in range(chance.randint(3, 9)):
        at += timedelta(hours=chance.randint(5, 60))
        kind, amount, description = CHARGES[0] if number % 3 == 0 else chance.choice(CHARGES)
        used += amount
        identity = str(uuid.uuid5(uuid.NAMESPACE_URL, f"charge:{uid}/{number}"))
        world.put(
            f"users/{uid}/credit_transactions/{identity}",
            {
                "id": identity,
                "user_id": uid,
                "timestamp": at,
                "operation_type": kind,
                "credits_amount": amount,
                "description": description,
                "balance_after": used,
                "created_at": at,
            },
        )


def balance_credits(world: WorldBuilder) -> None:
    """Makes the credits of every customer add up: the balance of each entry by month, and the counter of this month.

    Of a customer whose counter a story sets, the first charge of the month makes up for what is missing. The counter of
    one customer is 40 more than the entries: a charge whose entry was lost.
    """
    present = month(world.now)
    for person in PEOPLE:
        uid = uid_of(person.handle)
        user = world.documents.get(f"users/{uid}", {})  # of one customer a story deletes it
        entries = [fields for path, fields in world.documents.items() if path.startswith(f"users/{uid}/credit_tr")]
        if user.get("usage_reset_month", present) != present:  # nothing was charged since
            for fields in entries:
                fields["timestamp"] = fields["created_at"] = fields["timestamp"] - timedelta(days=31)
        entries.sort(key=lambda fields: fields["timestamp"])
        mine = [fields for fields in entries if month(fields["timestamp"]) == present]
        used, told = sum(fields["credits_amount"] for fields in mine), user.get("credits_used_this_month")
        if person.handle in _TOLD and mine and told is not None and told > used:
            mine[0]["credits_amount"] += told - used
        elif told is not None and user.get("usage_reset_month") == present:
            user["credits_used_this_month"] = used + (40 if person.handle == _LOST else 0)
        balance: dict[str, int] = {}
        for fields in entries:
            name = month(fields["timestamp"])
            fields["balance_after"] = balance[name] = balance.get(name, 0) + fields["credits_amount"]


_TOLD = frozenset({"olga", "tomas", "giulia"})  # whose counters stories set
_LOST = "amelie"


@dataclass(frozen=True, slots=True)
class Wording:
    """Titles of long videos and of scenes in them, in one language."""

    videos: tuple[str, ...]
    scenes: tuple[str, ...]


WORDINGS: dict[str, Wording] = {
    "en": Wording(
        (
            "How I Built a SaaS in 30 Days (and What Broke)",
            "The Truth About Cold Plunges | Podcast #214",
            "Full Interview: The Chef Who Never Tastes",
            "Live Q&A — Camera Gear, Contracts & Coffee",
            "I Walked Across Wales With No Map 🏔️",
            "Why Nobody Finishes Their Side Projects",
        ),
        (
            "The moment it clicked",
            "Nobody told me this",
            "Three rules",
            "The worst advice",
            "What I'd do today",
            "Wait for it",
        ),
    ),
    "de": Wording(
        (
            "Größer, schneller, günstiger? Der große Küchengeräte-Test",
            "Über Nacht nach Österreich: Zugreise im Schlafwagen",
            "Warum Brückenbau so schwierig ist",
            "Hörspiel-Werkstatt: Geräusche selber machen",
        ),
        (
            "Der schönste Fehler",
            "Kurz erklärt",
            "Das hätte schiefgehen können",
            "Fünf Minuten vor zwölf",
            "Übung macht müde",
        ),
    ),
    "fr": Wording(
        (
            "Une journée à la boulangerie — café, croissants et crème brûlée",
            "Pourquoi j'ai tout quitté à 40 ans",
            "L'été indien à Montréal (vlog)",
            "Débat : l'école naïve, ou l'art d'être élève",
        ),
        ("Le déclic", "À ne jamais faire", "La recette secrète", "Ça change tout", "Le café de l'aube"),
    ),
    "es": Wording(
        (
            "¿Cómo empezó todo? Charla con mi abuela",
            "Ruta por Andalucía en bicicleta 🚴",
            "El año en que aprendí a programar",
            "Mañanas lentas: café, pan y silencio",
        ),
        ("El consejo de mi abuela", "Nadie lo esperaba", "Así empezó", "El error más caro", "Mañana será otro día"),
    ),
    "pt": Wording(
        (
            "Do zero ao primeiro milhão — conversa com João Conceição",
            "Três dias na Serra da Estrela",
            "Pão de queijo: a receita da minha avó",
            "O que ninguém conta sobre trabalhar de casa",
        ),
        ("A virada", "Não faça isso", "O segredo da avó", "Só percebi depois", "Lição de três anos"),
    ),
    "pl": Wording(
        ("Żółw, źdźbło i gęś — rozmowa o języku", "Jak przeżyć zimę w Łodzi", "Święta po śląsku: kuchnia mojej babci"),
        ("Najlepsza rada", "Tego nie wiedziałam", "Trzy błędy", "Co było dalej"),
    ),
    "tr": Wording(
        (
            "İstanbul'da bir gün: çay, simit ve vapur",
            "Girişimciliğin görünmeyen yüzü",
            "Işığı kovalamak: gece fotoğrafçılığı",
        ),
        ("İlk adım", "En büyük hatam", "Beklenmedik cevap", "Işık geldi"),
    ),
    "vi": Wording(
        ("Phở Hà Nội: bí quyết nước dùng trong veo", "Chuyện khởi nghiệp ở Đà Nẵng"),
        ("Bí quyết của mẹ", "Đừng làm thế này", "Khoảnh khắc ấy"),
    ),
    "ru": Wording(
        (
            "Как я выучил японский за год",
            "Большой разговор: почему закрываются маленькие кофейни",
            "Поездка на Байкал зимой ❄️",
            "Съёмка на плёнку: ошибки новичка",
        ),
        ("Главный вопрос", "Что пошло не так", "Ещё одна попытка", "Тихий ответ", "Самое важное"),
    ),
    "uk": Wording(
        ("Київ очима велосипедиста", "Їжа мого дитинства: борщ без секретів", "Розмова про музику й тишу"),
        ("Перша спроба", "Найкраща порада", "Ще не кінець", "Пів хвилини тиші"),
    ),
    "ar": Wording(
        ("رحلة إلى صحراء الربع الخالي", "كيف تبدأ مشروعك الأول؟ حوار كامل", "أسرار القهوة العربية ☕"),
        ("اللحظة الحاسمة", "نصيحة لن أنساها", "ما لم يقله أحد", "الجواب المفاجئ"),
    ),
    "he": Wording(
        ("איך בונים מוצר בלי תקציב", "שיחה על אומץ, כישלון ומוזיקה", "יום אחד בשוק מחנה יהודה"),
        ("הרגע הגדול", "העצה הכי טובה", "מה קרה אחר כך", "שלוש טעויות"),
    ),
    "hi": Wording(
        ("छोटे शहर से स्टार्टअप तक का सफ़र", "मसाला चाय की असली रेसिपी", "हिमालय में दस दिन 🏔️"),
        ("सबसे बड़ी सीख", "यह किसी ने नहीं बताया", "तीन नियम", "अंत तक देखिए"),
    ),
    "zh": Wording(
        (
            "一个人的川藏线：骑行三十天",
            "创业失败之后我学到的五件事",
            "凌晨四点的早餐店",
            "访谈：人工智能会取代剪辑师吗？",
        ),
        ("关键时刻", "没人告诉你的事", "三个原则", "最贵的错误", "等一下再看"),
    ),
    "ja": Wording(
        (
            "東京の小さな喫茶店をめぐる旅",
            "三十代で会社を辞めて分かったこと",
            "【対談】失敗から学ぶものづくり",
            "雪の北海道ひとり旅 ❄️",
        ),
        ("決定的な瞬間", "誰も教えてくれない", "三つのルール", "その時、何が起きたか", "最後の一言"),
    ),
    "ko": Wording(
        ("퇴사하고 제주도에서 한 달 살기", "창업 3년차의 솔직한 이야기", "서울 골목 카페 탐방 ☕"),
        ("결정적인 순간", "아무도 말해주지 않는 것", "세 가지 규칙", "마지막 한마디"),
    ),
}
