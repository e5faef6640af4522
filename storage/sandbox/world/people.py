"""The customers of the sample data: who they are, on which plan, in which language, how old their account is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# Which monthly counters a user document carries depends on when the account was made.
Generation = Literal["clips", "credits", "both", "none"]


@dataclass(frozen=True, slots=True)
class Person:
    """One customer. `videos` counts the unremarkable ones; `months_back` is how old the month of the counters is.

    `accounting` tells whether `storage_accounting/{uid}` exists; `uid` is given only where it is not a usual one.
    `unicode_keys` and `prefixless` mark accounts of older deployments, whose keys look different.
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
    prefixless: bool = False


PEOPLE: tuple[Person, ...] = (
    # Those about whom there is a story; the stories' modules say which.
    Person("zoe", "Zoë Müller-Łukasiewicz", "zoe.mueller@atelier.example", "pro", "de", 412, videos=6),
    Person("dmitry", "Дмитрий Орлов", "d.orlov@pochta.example", "free", "ru", 61, "clips", videos=2),
    Person("layla", "ليلى حدّاد", "layla@haddad.example", "pro", "ar", 240),
    Person("noam", "נועם לוי", "noam.levi@studio-levi.example", "pro", "he", 198),
    Person("priya", "प्रिया शर्मा", "priya.sharma@example.in", "studio", "hi", 305, videos=5),
    Person("wei", "陈伟", "chenwei@example.cn", "pro", "zh", 150),
    Person("haruka", "佐藤 春香", "haruka.sato@example.jp", "pro", "ja", 377),
    Person("minjun", "김민준", "minjun.kim@example.kr", "free", "ko", 95, "clips", videos=2),
    Person("ines", "Inês Conceição", "ines.conceicao@example.pt", "pro", "pt", 266),
    Person("emeka", "Chukwuemeka Ọ́báfẹ́mi", "emeka@lagosreels.example", "free", "en", 44, "clips", videos=2),
    Person("olga", "Ольга Шевченко", "olha.shevchenko@example.ua", "free", "uk", 330, "clips", videos=0),
    Person("tomas", "Tomás Ñíguez", "tomas.niguez@example.es", "free", "es", 120, "clips", videos=0),
    Person("sofia", "Sofía Íñiguez de la Ó", "sofia@estudio-onda.example", "studio", "es", 501, "both", videos=7),
    Person(
        "bjorn", "Björn Åkesson", "bjorn.akesson@example.se", "pro", "de", 1120, "clips", False, 3, unicode_keys=True
    ),
    Person("agnes", "Ágnes Szőke", "agnes.szoke@example.hu", "free", "fr", 980, "none", False, 2, prefixless=True),
    Person("rene", "René d'Août", "rene+clips@example.fr", "pro", "fr", 870, "clips", False, 2, unicode_keys=True),
    Person("marta", "Marta Żółć", "marta.zolc@example.pl", "pro", "pl", 289),
    Person("lucas", "Lucas Araújo", "lucas.araujo@example.com.br", "pro", "pt", 214),
    Person("ahmed", "Ahmed Yılmaz", "ahmed@yilmaz-medya.example", "enterprise-2023", "tr", 640, "both"),
    Person("chloe", "Chloé Bélanger", "Chloe.Belanger@Example.ca", "PRO", "fr", 175),
    Person("viktor", "Виктор Соколов", "v.sokolov@example.org", "paused", "ru", 455, "both", videos=2),
    Person("yuki", "山本 ゆき", "yuki.yamamoto@example.jp", "pro", "ja", 130, "both", months_back=1),
    Person("giulia", "Giulia D'Agostino", "giulia@example.it", "pro", "en", 222, "both"),
    Person("anonymous", "", None, "free", "en", 12, "clips", videos=2),
    Person("guest", "Gast 2207", None, "free", "de", 33, "clips", False, 1),
    Person("kanal", "Kanal Sieben Redaktion", "redaktion@kanal-sieben.example", "studio", "de", 720, videos=0),
    Person("first", "Ada Okafor", "ada@example.com", "pro", "en", 1300, "clips", False, 3, uid="u1"),
    Person("tenth", "Bo Lindqvist", "bo@example.com", "free", "en", 1290, "clips", False, 2, uid="u10"),
    Person(
        "hostile", "QA: hostile strings", "qa+hostile@example.com", "free", "en", 90, "both", uid="qa-hostile-strings"
    ),
    Person(
        "oauth", "Trần Thị Hương", "huong.tran@example.vn", "pro", "vi", 84, uid="google-oauth2|104857600000000000042"
    ),
    Person("support", "Support", "support@clipdesk.example", "studio", "en", 800, role="superadmin", videos=1),
    Person("newcomer", "محمد العلي", "m.alali@example.ae", "free", "ar", 1, "clips", False, 0),
    Person("mateo", "Mateo Ibáñez 🎬", "mateo@ibanez.example", "pro", "es", 188),
    Person("ravi", "रवि कुमार", "ravi.kumar@example.in", "studio", "hi", 260),
    Person("ghost", "Gerda Ohm", "gerda.ohm@example.at", "free", "de", 510, "none", False, 1),
    # Those about whom there is none.
    Person("anh", "Nguyễn Văn Anh", "anh.nguyen@example.vn", "pro", "vi", 210, videos=5),
    Person("deniz", "Deniz Çelik", "deniz.celik@example.com.tr", "pro", "tr", 320, videos=5),
    Person("lin", "林美玲", "meiling.lin@example.tw", "studio", "zh", 410, videos=7),
    Person("hans", "Hans-Jörg Weiß", "Hans-Joerg.Weiss@Example.de", "free", "de", 140, "clips", videos=3),
    Person("amelie", "Amélie Œuvrard", "amelie@xn--caf-dma.example", "pro", "fr", 290, videos=5),
    Person("joon", "이준호", "joonho.lee@example.kr", "pro", "ko", 175, videos=5),
    Person("katya", "Катерина Ёлкина", "katya@ёлка.example", "pro", "ru", 233, videos=5),
)
