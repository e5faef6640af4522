"""The replies in French, with "vous". A narrow no-break space stands before ; : ! ? and inside « »."""

from __future__ import annotations

from typing import Final

from storage.domain.replies.speech import Plural, Speech

_NARROW: Final = "\u202f"
_SIGNS: Final = (";", ":", "?", "»", "%")


def _typeset(text: str) -> str:
    """The text with a narrow no-break space where French puts one; in the sources it is an ordinary space."""
    for sign in _SIGNS:
        text = text.replace(f" {sign}", f"{_NARROW}{sign}")
    return text.replace("« ", f"«{_NARROW}")


_TEXTS: Final[dict[str, str | Plural]] = {
    "waiting": (
        "Merci de votre patience. Votre vidéo est en cours d'analyse ; vous n'avez rien à faire. Si elle n'a pas "
        "avancé lorsque vous regarderez à nouveau plus tard, dites-le-nous, s'il vous plaît."
    ),
    "rendering": (
        "Votre vidéo a été analysée et ses clips sont en cours de création. Vous n'avez rien à faire ; les nouveaux "
        "clips apparaîtront l'un après l'autre."
    ),
    "analysis_stalled": (
        "Nous sommes désolés : l'analyse de votre vidéo s'est arrêtée avant la fin, et attendre plus longtemps n'y "
        "changera rien. Le problème vient de chez nous. Notre équipe s'en occupe et, pour l'instant, vous n'avez rien "
        "à envoyer de nouveau."
    ),
    "status_stuck": (
        "Nous sommes désolés pour la confusion : votre vidéo est plus avancée qu'il n'y paraît. Elle est encore "
        "indiquée par erreur comme étant en cours de traitement. Notre équipe corrige cela ; vous n'avez rien à faire."
    ),
    "render_stalled": (
        "Nous sommes désolés : la création des clips de votre vidéo s'est arrêtée en cours de route. Le problème vient "
        "de chez nous. Notre équipe s'en occupe ; les clips déjà terminés restent disponibles."
    ),
    "highlights_missing": (
        "Nous sommes désolés : votre vidéo a été analysée, mais ses résultats ne peuvent pas être affichés pour le "
        "moment ; c'est pourquoi elle est encore indiquée comme étant en cours de traitement. Attendre plus longtemps "
        "n'y changera rien ; notre équipe s'en occupe."
    ),
    "highlights_invalid": (
        "Nous sommes désolés : les résultats de l'analyse de votre vidéo ne peuvent pas être lus correctement. Le "
        "problème vient de chez nous et notre équipe s'en occupe."
    ),
    "highlights_invalid.nothing_found": (
        "L'analyse de votre vidéo s'est terminée sans trouver de passage qui ferait un bon clip. Vous pouvez réessayer "
        "avec une autre consigne ou avec une autre vidéo."
    ),
    "clips_missing": (
        "Nous sommes désolés : certains clips de votre vidéo ne peuvent être ni lus ni téléchargés pour le moment. Le "
        "problème vient de chez nous. Notre équipe vérifie lesquels peuvent être récupérés."
    ),
    "clips_missing.named": "Il s'agit de : {clips}.",
    "clips_missing.all_play": (
        "Vos clips sont en place et peuvent être lus. Ce que nous enregistrons au sujet de certains d'entre eux n'est "
        "pas correct ; cela vient de chez nous et notre équipe le corrige. Vous n'avez rien à faire."
    ),
    "disclosure": (
        "Merci de nous avoir écrit. Une partie de ce qui est conservé pour votre vidéo n'est pas enregistrée comme "
        "elle le devrait et ne vous appartient peut-être pas. Pour l'instant, merci de ne pas ouvrir, télécharger ni "
        "partager ses clips. Le problème vient de chez nous et notre équipe le traite en priorité."
    ),
    "record_incomplete": (
        "Nous sommes désolés : les clips de votre vidéo ont été créés, mais la vidéo n'apparaît pas parmi vos vidéos. "
        "Le problème vient de chez nous. Notre équipe corrige cela ; vous n'avez pas besoin de la relancer."
    ),
    "failed_transient": (
        "Nous sommes désolés : votre vidéo n'a pas pu être terminée à cause d'un problème technique de notre côté. La "
        "vidéo elle-même ne semble pas en cause. Notre équipe va l'examiner ; un nouvel essai suffira peut-être."
    ),
    "failed_permanent": (
        "Nous n'avons pas pu traiter votre vidéo, car {reason}. Réessayer n'y changera rien. Si vous avez une autre "
        "version de la vidéo, accessible à tous, merci de nous envoyer celle-ci."
    ),
    "failed_permanent.highlights": (
        "Nous sommes désolés : les clips de votre vidéo n'ont pas pu être créés, car les résultats de son analyse "
        "manquent de notre côté. Réessayer ne suffira pas ; notre équipe s'en occupe."
    ),
    "because.age-restricted": "elle est soumise à une limite d'âge",
    "because.members only": "elle est réservée aux membres ou aux abonnés payants",
    "because.copyright": "elle est bloquée pour des raisons de droits d'auteur",
    "because.private": "elle est privée",
    "because.region": "elle n'est pas disponible dans la région depuis laquelle nous récupérons les vidéos",
    "because.removed": "elle n'est plus disponible à son adresse",
    "because.live": "il s'agit d'une diffusion en direct ou elle n'a pas encore été publiée",
    "because.too long": "sa durée ou sa taille est en dehors de ce que nous pouvons traiter",
    "because.unsupported": "son format ou son adresse n'est pas pris en charge",
    "because.unknown": "elle ne peut pas être récupérée ou utilisée",
    "quota_blocked": (
        "Votre vidéo n'a pas pu être traitée, car le quota de votre offre est épuisé. Vous pouvez libérer de l'espace "
        "en supprimant les clips dont vous n'avez plus besoin, attendre le prochain quota mensuel ou changer d'offre ; "
        "relancez ensuite la vidéo, s'il vous plaît."
    ),
    "access_denied": (
        "Merci de nous avoir écrit. Pour le moment, nous ne pouvons pas consulter l'état de votre vidéo à cause d'un "
        "problème technique de notre côté. Nous ne savons pas encore ce qu'il en est et nous vérifierons à nouveau."
    ),
    "not_found": (
        "Nous ne trouvons pas cette vidéo dans votre compte. Elle a peut-être été supprimée ou appartient à un autre "
        "compte. Pourriez-vous nous envoyer l'adresse de la page sur laquelle vous la voyez et nous indiquer le compte "
        "que vous utilisez ?"
    ),
    "healthy": (
        "Votre vidéo est terminée et tout ce qui en fait partie est en place. Si vous ne la voyez toujours pas, "
        "rechargez la page, s'il vous plaît, et dites-nous ce qu'elle affiche."
    ),
    "healthy.analysed": (
        "L'analyse de votre vidéo est terminée et ses temps forts sont prêts ; aucun clip n'en a encore été tiré. "
        "Choisissez, s'il vous plaît, les temps forts que vous souhaitez transformer en clips."
    ),
    "healthy.some_failed": Plural(
        "Votre vidéo est terminée. Parmi ses clips, {count} n'a pas pu être créé ; les autres sont en place. "
        "Dites-nous, s'il vous plaît, si vous en avez encore besoin ; notre équipe s'en occupera alors.",
        "Votre vidéo est terminée. Parmi ses clips, {count} n'ont pas pu être créés ; les autres sont en place. "
        "Dites-nous, s'il vous plaît, si vous en avez encore besoin ; notre équipe s'en occupera alors.",
    ),
    "healthy.all_failed": Plural(
        "Votre vidéo est terminée. Parmi ses clips, {count} n'a pas pu être créé. Dites-nous, s'il vous plaît, si vous "
        "en avez encore besoin ; notre équipe s'en occupera alors.",
        "Votre vidéo est terminée. Parmi ses clips, {count} n'ont pas pu être créés. Dites-nous, s'il vous plaît, si "
        "vous en avez encore besoin ; notre équipe s'en occupera alors.",
    ),
    "purged": (
        "Cette vidéo a été supprimée ; il n'y a donc plus rien à lire ni à télécharger. Dites-nous, s'il vous plaît, "
        "si vous vous y attendiez."
    ),
    "purged.video": "Cette vidéo a été supprimée.",
    "purged.video.at": "Cette vidéo a été supprimée le {at}.",
    "purged.account": "Votre compte a été supprimé.",
    "purged.account.at": "Votre compte a été supprimé le {at}.",
    "purged.returning": "La restauration est en cours. Merci de vérifier à nouveau plus tard.",
    "purged.for_good": "La suppression est définitive : rien n'a été conservé et la restauration n'est pas possible.",
    "purged.undo": "Une restauration est encore possible. Dites-nous, s'il vous plaît, si vous la souhaitez.",
    "purged.undo.until": (
        "Une restauration est possible jusqu'au {until}. Dites-nous, s'il vous plaît, si vous la souhaitez."
    ),
    "draft.ready": (
        "L'analyse de votre vidéo est terminée. Ouvrez-la, s'il vous plaît, parmi vos brouillons et choisissez les "
        "scènes que vous souhaitez transformer en clips."
    ),
    "draft.expired": "L'analyse de votre vidéo a expiré. Merci de faire analyser la vidéo à nouveau.",
    "outage.analysis": (
        "Nous sommes désolés : depuis le {at}, un problème de notre côté a interrompu l'analyse de plusieurs vidéos, "
        "dont la vôtre."
    ),
    "outage.render": (
        "Nous sommes désolés : depuis le {at}, un problème de notre côté a interrompu la création des clips de "
        "plusieurs vidéos, dont la vôtre. Les clips déjà terminés restent disponibles."
    ),
    "outage.finish": (
        "Nous sommes désolés : depuis le {at}, un problème de notre côté empêche plusieurs vidéos d'apparaître comme "
        "terminées, dont la vôtre. Elle est plus avancée qu'il n'y paraît."
    ),
    "outage.delivery": (
        "Nous sommes désolés : depuis le {at}, un problème de notre côté empêche l'affichage des résultats de "
        "plusieurs vidéos, dont la vôtre."
    ),
    "outage.none": (
        "Nous sommes désolés : depuis le {at}, un problème de notre côté touche plusieurs vidéos, dont la vôtre."
    ),
    "outage.goes_on": "Le problème n'est pas encore résolu.",
    "outage.over": "Les vidéos plus récentes franchissent de nouveau cette étape, mais la vôtre n'a pas encore avancé.",
    "outage.end": (
        "Votre vidéo n'est pas en cause et, pour l'instant, vous n'avez rien à envoyer de nouveau. Notre équipe s'en "
        "occupe."
    ),
    "usage.plan": "Votre compte a les limites de l'offre {plan}. Situation au {at} :",
    "usage.storage": "- Stockage : {figure}",
    "usage.clips": "- Clips ce mois-ci : {figure}",
    "usage.credits": "- Crédits ce mois-ci : {figure}",
    "figure.unknown": "nous ne pouvons pas lire ce chiffre pour le moment (la limite est de {limit}).",
    "figure.bare": "{used} sur {limit}.",
    "figure.left": "{used} sur {limit} ({percent} %), reste {rest}.",
    "figure.over": "{used} sur {limit} ({percent} %), dépassement de {rest}.",
    "usage.month": "Les chiffres mensuels repartent de zéro le {day} (UTC).",
    "usage.wrong": (
        "Le chiffre du stockage est faux à cause d'une erreur de notre côté : vos clips occupent {size}. Merci de ne "
        "rien supprimer pour cette raison ; vous pourrez créer de nouveaux clips une fois le chiffre corrigé."
    ),
    "usage.full": (
        "Votre stockage est épuisé. Supprimer les clips dont vous n'avez plus besoin libère de la place pour de "
        "nouveaux clips."
    ),
    "usage.near": (
        "Votre stockage est presque épuisé. Supprimer les clips dont vous n'avez plus besoin libère de la place pour "
        "de nouveaux clips."
    ),
    "usage.no_room": (
        "Un nouveau clip demande plus de place qu'il n'en reste ; aucun ne peut donc être créé tant que de la place "
        "n'est pas libérée."
    ),
    "usage.over.clips": "Les clips de ce mois sont épuisés ; supprimer des clips ne les rend pas.",
    "usage.over.credits": "Les crédits de ce mois sont épuisés ; supprimer des clips ne les rend pas.",
    "usage.over.both": "Les clips et les crédits de ce mois sont épuisés ; supprimer des clips ne les rend pas.",
    "untitled": "un clip sans titre",
    "more": Plural("{names} et {count} autre clip", "{names} et {count} autres clips"),
}

FRENCH: Final = Speech(
    name="Français",
    texts={
        name: _typeset(text) if isinstance(text, str) else Plural(_typeset(text.one), _typeset(text.other))
        for name, text in _TEXTS.items()
    },
    quotes=(f"«{_NARROW}", f"{_NARROW}»"),
    decimal=",",
    thousands=_NARROW,
    months=(
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ),
    day="{first} {month} {year}",
    moment="{date}, {time} (UTC)",
    none_is_one=True,
)
