"""The replies in German, with "Sie"."""

from __future__ import annotations

from typing import Final

from storage.domain.replies.speech import Plural, Speech

_TEXTS: Final[dict[str, str | Plural]] = {
    "waiting": (
        "Vielen Dank für Ihre Geduld. Ihr Video wird gerade analysiert; Sie müssen nichts tun. Falls es später noch "
        "nicht vorangekommen ist, sagen Sie uns bitte Bescheid."
    ),
    "rendering": (
        "Ihr Video ist analysiert, und die Clips werden gerade erstellt. Sie müssen nichts tun; neue Clips erscheinen "
        "nach und nach."
    ),
    "analysis_stalled": (
        "Es tut uns leid: Die Analyse Ihres Videos ist stehen geblieben, bevor sie fertig war, und längeres Warten "
        "hilft nicht. Das Problem liegt bei uns. Unser Team geht der Sache nach, und Sie müssen vorerst nichts erneut "
        "hochladen."
    ),
    "status_stuck": (
        "Bitte entschuldigen Sie die Verwirrung: Ihr Video ist weiter, als es aussieht. Es ist versehentlich noch als "
        "„in Verarbeitung“ markiert. Unser Team bringt das in Ordnung; Sie müssen nichts tun."
    ),
    "render_stalled": (
        "Es tut uns leid: Die Erstellung der Clips Ihres Videos ist auf halbem Weg stehen geblieben. Das Problem liegt "
        "bei uns. Unser Team geht der Sache nach; bereits fertige Clips bleiben erhalten."
    ),
    "highlights_missing": (
        "Es tut uns leid: Ihr Video wurde analysiert, aber die Ergebnisse lassen sich zurzeit nicht anzeigen. Deshalb "
        "heißt es noch, dass es verarbeitet wird. Längeres Warten hilft nicht; unser Team geht der Sache nach."
    ),
    "highlights_invalid": (
        "Es tut uns leid: Die Ergebnisse der Analyse Ihres Videos lassen sich nicht richtig lesen. Das Problem liegt "
        "bei uns, und unser Team geht der Sache nach."
    ),
    "highlights_invalid.nothing_found": (
        "Die Analyse Ihres Videos ist fertig, hat aber keine Stelle gefunden, die einen guten Clip ergäbe. Sie können "
        "es mit einem anderen Prompt oder mit einem anderen Video noch einmal versuchen."
    ),
    "clips_missing": (
        "Es tut uns leid: Einige Clips Ihres Videos lassen sich zurzeit weder abspielen noch herunterladen. Das "
        "Problem liegt bei uns. Unser Team prüft, welche davon wiederhergestellt werden können."
    ),
    "clips_missing.named": "Betroffen sind: {clips}.",
    "clips_missing.all_play": (
        "Ihre Clips sind vorhanden und lassen sich abspielen. Unsere Angaben zu einigen von ihnen stimmen nicht; das "
        "liegt an uns, und unser Team bringt es in Ordnung. Sie müssen nichts tun."
    ),
    "disclosure": (
        "Vielen Dank für Ihre Nachricht. Ein Teil dessen, was zu Ihrem Video gespeichert ist, liegt nicht so vor, wie "
        "es sollte, und gehört möglicherweise nicht Ihnen. Bitte öffnen, laden oder teilen Sie die Clips vorerst "
        "nicht. Das Problem liegt bei uns, und unser Team geht ihm mit Vorrang nach."
    ),
    "record_incomplete": (
        "Es tut uns leid: Die Clips Ihres Videos wurden erstellt, aber das Video erscheint nicht unter Ihren Videos. "
        "Das Problem liegt bei uns. Unser Team bringt es in Ordnung; Sie müssen das Video nicht noch einmal starten."
    ),
    "failed_transient": (
        "Es tut uns leid: Ihr Video konnte wegen eines technischen Problems bei uns nicht fertiggestellt werden. Am "
        "Video selbst scheint es nicht zu liegen. Unser Team sieht es sich an; vielleicht hilft schon ein neuer "
        "Versuch."
    ),
    "failed_permanent": (
        "Wir konnten Ihr Video nicht verarbeiten: {reason}. Ein neuer Versuch ändert daran nichts. Wenn Sie eine "
        "andere Fassung des Videos haben, auf die alle zugreifen können, reichen Sie bitte diese ein."
    ),
    "failed_permanent.highlights": (
        "Es tut uns leid: Die Clips Ihres Videos konnten nicht erstellt werden, weil bei uns die Ergebnisse der "
        "Analyse fehlen. Ein neuer Versuch allein hilft nicht; unser Team geht der Sache nach."
    ),
    "because.age-restricted": "Es unterliegt einer Altersbeschränkung",
    "because.members only": "Es ist nur für Mitglieder oder zahlende Zuschauer zugänglich",
    "because.copyright": "Es ist aus urheberrechtlichen Gründen gesperrt",
    "because.private": "Es ist privat",
    "because.region": "Es ist in der Region, aus der wir Videos abrufen, nicht verfügbar",
    "because.removed": "Es ist unter seiner Adresse nicht mehr verfügbar",
    "because.live": "Es ist ein Livestream oder wurde noch nicht veröffentlicht",
    "because.too long": "Seine Länge oder Größe liegt außerhalb dessen, was wir verarbeiten können",
    "because.unsupported": "Sein Format oder seine Adresse wird von uns nicht unterstützt",
    "because.unknown": "Es lässt sich nicht abrufen oder nicht verwenden",
    "quota_blocked": (
        "Ihr Video konnte nicht verarbeitet werden, weil das Kontingent Ihres Tarifs aufgebraucht ist. Sie können "
        "Platz schaffen, indem Sie nicht mehr benötigte Clips löschen, auf das nächste Monatskontingent warten oder "
        "den Tarif wechseln; starten Sie das Video danach bitte erneut."
    ),
    "access_denied": (
        "Vielen Dank für Ihre Nachricht. Wegen eines technischen Problems bei uns können wir den Stand Ihres Videos im "
        "Moment nicht abrufen. Wir wissen noch nicht, wie es um Ihr Video steht, und sehen erneut nach."
    ),
    "not_found": (
        "Wir können dieses Video in Ihrem Konto nicht finden. Vielleicht wurde es gelöscht oder gehört zu einem "
        "anderen Konto. Könnten Sie uns die Adresse der Seite schicken, auf der Sie es sehen, und das Konto nennen, "
        "mit dem Sie angemeldet sind?"
    ),
    "healthy": (
        "Ihr Video ist fertig, und alles, was dazugehört, ist vorhanden. Falls Sie es trotzdem nicht sehen, laden Sie "
        "bitte die Seite neu und teilen Sie uns mit, was dort steht."
    ),
    "healthy.analysed": (
        "Die Analyse Ihres Videos ist fertig, und die Highlights stehen bereit; es wurden noch keine Clips daraus "
        "erstellt. Bitte wählen Sie die Highlights aus, die Sie als Clips haben möchten."
    ),
    "healthy.some_failed": Plural(
        "Ihr Video ist fertig. Von den Clips konnte {count} nicht bereitgestellt werden; die übrigen sind vorhanden. "
        "Bitte sagen Sie uns, ob Sie ihn noch benötigen; unser Team geht der Sache dann nach.",
        "Ihr Video ist fertig. Von den Clips konnten {count} nicht bereitgestellt werden; die übrigen sind vorhanden. "
        "Bitte sagen Sie uns, ob Sie sie noch benötigen; unser Team geht der Sache dann nach.",
    ),
    "healthy.all_failed": Plural(
        "Ihr Video ist fertig. Von den Clips konnte {count} nicht bereitgestellt werden. Bitte sagen Sie uns, ob Sie "
        "ihn noch benötigen; unser Team geht der Sache dann nach.",
        "Ihr Video ist fertig. Von den Clips konnten {count} nicht bereitgestellt werden. Bitte sagen Sie uns, ob Sie "
        "sie noch benötigen; unser Team geht der Sache dann nach.",
    ),
    "purged": (
        "Dieses Video wurde gelöscht, daher gibt es nichts mehr abzuspielen oder herunterzuladen. Bitte sagen Sie uns, "
        "ob Sie damit gerechnet haben."
    ),
    "purged.video": "Dieses Video wurde gelöscht.",
    "purged.video.at": "Dieses Video wurde am {at} gelöscht.",
    "purged.account": "Ihr Konto wurde gelöscht.",
    "purged.account.at": "Ihr Konto wurde am {at} gelöscht.",
    "purged.returning": "Es wird gerade wiederhergestellt. Bitte sehen Sie später noch einmal nach.",
    "purged.for_good": (
        "Die Löschung ist endgültig: Es ist nichts mehr davon vorhanden und es lässt sich nicht wiederherstellen."
    ),
    "purged.undo": "Wir können es noch wiederherstellen. Bitte sagen Sie uns, ob Sie das möchten.",
    "purged.undo.until": (
        "Wir können es noch bis zum {until} wiederherstellen. Bitte sagen Sie uns, ob Sie das möchten."
    ),
    "draft.ready": (
        "Die Analyse Ihres Videos ist fertig. Bitte öffnen Sie sie unter Ihren Entwürfen und wählen Sie die Szenen "
        "aus, die Sie als Clips haben möchten."
    ),
    "draft.expired": "Die Analyse Ihres Videos ist abgelaufen. Bitte lassen Sie das Video erneut analysieren.",
    "outage.analysis": (
        "Es tut uns leid: Ein Problem bei uns hält seit dem {at} die Analyse mehrerer Videos auf, und Ihres gehört "
        "dazu."
    ),
    "outage.render": (
        "Es tut uns leid: Ein Problem bei uns hält seit dem {at} die Erstellung der Clips mehrerer Videos auf, und "
        "Ihres gehört dazu. Bereits fertige Clips bleiben erhalten."
    ),
    "outage.finish": (
        "Es tut uns leid: Wegen eines Problems bei uns werden seit dem {at} mehrere Videos nicht als fertig angezeigt, "
        "und Ihres gehört dazu. Es ist weiter, als es aussieht."
    ),
    "outage.delivery": (
        "Es tut uns leid: Wegen eines Problems bei uns werden seit dem {at} die Ergebnisse mehrerer Videos nicht "
        "angezeigt, und Ihres gehört dazu."
    ),
    "outage.none": (
        "Es tut uns leid: Von einem Problem bei uns sind seit dem {at} mehrere Videos betroffen, und Ihres gehört dazu."
    ),
    "outage.goes_on": "Das Problem ist noch nicht behoben.",
    "outage.over": "Neuere Videos kommen wieder über diesen Schritt hinaus, aber Ihres ist noch nicht weitergekommen.",
    "outage.end": (
        "An Ihrem Video liegt es nicht, und Sie müssen vorerst nichts erneut hochladen. Unser Team geht der Sache nach."
    ),
    "usage.plan": "Für Ihr Konto gelten die Grenzen des Tarifs {plan}. Stand {at}:",
    "usage.storage": "- Speicherplatz: {figure}",
    "usage.clips": "- Clips in diesem Monat: {figure}",
    "usage.credits": "- Credits in diesem Monat: {figure}",
    "figure.unknown": "Diesen Wert können wir im Moment nicht abrufen (die Grenze liegt bei {limit}).",
    "figure.bare": "{used} von {limit} verbraucht.",
    "figure.left": "{used} von {limit} verbraucht ({percent} %), {rest} frei.",
    "figure.over": "{used} von {limit} verbraucht ({percent} %), {rest} über der Grenze.",
    "usage.month": "Die Monatswerte beginnen am {day} (UTC) von vorn.",
    "usage.wrong": (
        "Der Wert für den Speicherplatz ist durch einen Fehler bei uns falsch: Ihre Clips belegen {size}. Bitte "
        "löschen Sie deswegen nichts; Sie können neue Clips erstellen, sobald der Wert berichtigt ist."
    ),
    "usage.full": (
        "Ihr Speicherplatz ist aufgebraucht. Wenn Sie nicht mehr benötigte Clips löschen, entsteht Platz für neue."
    ),
    "usage.near": (
        "Ihr Speicherplatz ist fast aufgebraucht. Wenn Sie nicht mehr benötigte Clips löschen, entsteht Platz für neue."
    ),
    "usage.no_room": (
        "Ein neuer Clip braucht mehr Platz, als noch frei ist; solange kein Platz geschaffen wird, kann keiner "
        "erstellt werden."
    ),
    "usage.over.clips": (
        "Die Clips dieses Monats sind aufgebraucht; durch das Löschen von Clips bekommen Sie keine zurück."
    ),
    "usage.over.credits": (
        "Die Credits dieses Monats sind aufgebraucht; durch das Löschen von Clips bekommen Sie keine zurück."
    ),
    "usage.over.both": (
        "Die Clips und Credits dieses Monats sind aufgebraucht; durch das Löschen von Clips bekommen Sie keine zurück."
    ),
    "untitled": "einer ohne Titel",
    "more": Plural("{names} und {count} weiterer Clip", "{names} und {count} weitere Clips"),
}

GERMAN: Final = Speech(
    name="Deutsch",
    texts=_TEXTS,
    quotes=("„", "“"),
    decimal=",",
    thousands=".",
    months=(
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ),
    day="{day}. {month} {year}",
    moment="{date}, {time} Uhr (UTC)",
)
