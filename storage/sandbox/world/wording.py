"""What customers call their videos and scenes, by language: a few of each, in the scripts that real titles come in."""

from __future__ import annotations

from dataclasses import dataclass


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
