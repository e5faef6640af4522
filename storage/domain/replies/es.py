"""The replies in Spanish, with "usted", in words that are used on both sides of the Atlantic."""

from __future__ import annotations

from typing import Final

from storage.domain.replies.speech import Plural, Speech

_TEXTS: Final[dict[str, str | Plural]] = {
    "waiting": (
        "Gracias por su paciencia. Su video se está analizando en este momento; no tiene que hacer nada. Si más tarde "
        "vuelve a mirar y no ha avanzado, avísenos, por favor."
    ),
    "rendering": (
        "Su video ya se ha analizado y en este momento se están creando los clips. No tiene que hacer nada; los clips "
        "nuevos irán apareciendo uno tras otro."
    ),
    "analysis_stalled": (
        "Lo sentimos: el análisis de su video se detuvo antes de terminar, y esperar más no servirá de nada. El "
        "problema es nuestro. Nuestro equipo lo está investigando y, por ahora, no es necesario que vuelva a subir "
        "nada."
    ),
    "status_stuck": (
        "Lamentamos la confusión: su video está más avanzado de lo que parece. Por error, sigue apareciendo como si se "
        "estuviera procesando. Nuestro equipo lo está corrigiendo; no tiene que hacer nada."
    ),
    "render_stalled": (
        "Lo sentimos: la creación de los clips de su video se detuvo a medio camino. El problema es nuestro. Nuestro "
        "equipo lo está investigando; los clips que ya están terminados se conservan."
    ),
    "highlights_missing": (
        "Lo sentimos: su video se analizó, pero en este momento no se pueden mostrar los resultados; por eso sigue "
        "apareciendo como si se estuviera procesando. Esperar más no servirá de nada; nuestro equipo lo está "
        "investigando."
    ),
    "highlights_invalid": (
        "Lo sentimos: los resultados del análisis de su video no se pueden leer correctamente. El problema es nuestro "
        "y nuestro equipo lo está investigando."
    ),
    "highlights_invalid.nothing_found": (
        "El análisis de su video terminó sin encontrar ningún fragmento que dé para un buen clip. Puede volver a "
        "intentarlo con otra indicación o con otro video."
    ),
    "clips_missing": (
        "Lo sentimos: algunos clips de su video no se pueden reproducir ni descargar en este momento. El problema es "
        "nuestro. Nuestro equipo está averiguando cuáles se pueden recuperar."
    ),
    "clips_missing.named": "Son los siguientes: {clips}.",
    "clips_missing.all_play": (
        "Sus clips están en su sitio y se pueden reproducir. Los datos que guardamos sobre algunos de ellos no son "
        "correctos; el problema es nuestro y nuestro equipo lo está corrigiendo. No tiene que hacer nada."
    ),
    "disclosure": (
        "Gracias por escribirnos. Una parte de lo que guardamos para su video no está almacenada como debería y puede "
        "que no sea suya. Por ahora, no abra, descargue ni comparta sus clips, por favor. El problema es nuestro y "
        "nuestro equipo lo está investigando con prioridad."
    ),
    "record_incomplete": (
        "Lo sentimos: los clips de su video se crearon, pero el video no aparece entre sus videos. El problema es "
        "nuestro. Nuestro equipo lo está corrigiendo; no es necesario que lo inicie de nuevo."
    ),
    "failed_transient": (
        "Lo sentimos: su video no se pudo terminar por un problema técnico nuestro. El video en sí no parece ser la "
        "causa. Nuestro equipo lo revisará; puede que baste con intentarlo una vez más."
    ),
    "failed_permanent": (
        "No hemos podido procesar su video porque {reason}. Volver a intentarlo no cambiará nada. Si tiene otra "
        "versión del video a la que cualquiera pueda acceder, envíenos esa, por favor."
    ),
    "failed_permanent.highlights": (
        "Lo sentimos: los clips de su video no se pudieron crear porque nos faltan los resultados del análisis. El "
        "problema es nuestro. Volver a intentarlo no bastará por sí solo; nuestro equipo lo está investigando."
    ),
    "because.age-restricted": "tiene una restricción de edad",
    "because.members only": "solo está disponible para miembros o suscriptores de pago",
    "because.copyright": "está bloqueado por derechos de autor",
    "because.private": "es privado",
    "because.region": "no está disponible en la región desde la que obtenemos los videos",
    "because.removed": "ya no está disponible en su dirección",
    "because.live": "es una transmisión en directo o todavía no se ha publicado",
    "because.too long": "su duración o su tamaño están fuera de lo que podemos procesar",
    "because.unsupported": "su formato o su dirección no son compatibles con nuestro servicio",
    "because.unknown": "no se puede obtener o utilizar",
    "quota_blocked": (
        "No se ha podido procesar su video porque se ha agotado la cuota de su plan. Puede liberar espacio eliminando "
        "los clips que ya no necesite, esperar a la próxima cuota mensual o cambiar de plan; después, vuelva a iniciar "
        "el video, por favor."
    ),
    "access_denied": (
        "Gracias por escribirnos. En este momento no podemos consultar el estado de su video por un problema técnico "
        "nuestro. Todavía no sabemos cómo está su video y volveremos a comprobarlo."
    ),
    "not_found": (
        "No encontramos este video en su cuenta. Puede que se haya eliminado o que pertenezca a otra cuenta. ¿Podría "
        "enviarnos la dirección de la página en la que lo ve y decirnos con qué cuenta ha iniciado sesión?"
    ),
    "healthy": (
        "Su video está terminado y todo lo que le pertenece está en su sitio. Si aún no lo ve, vuelva a cargar la "
        "página, por favor, y díganos qué aparece."
    ),
    "healthy.analysed": (
        "El análisis de su video ha terminado y los momentos destacados están listos; todavía no se ha creado ningún "
        "clip a partir de ellos. Elija, por favor, los momentos que desea convertir en clips."
    ),
    "healthy.some_failed": Plural(
        "Su video está terminado. {count} de sus clips no se pudo crear; los demás están en su sitio. Díganos, por "
        "favor, si todavía lo necesita; nuestro equipo lo investigará.",
        "Su video está terminado. {count} de sus clips no se pudieron crear; los demás están en su sitio. Díganos, por "
        "favor, si todavía los necesita; nuestro equipo lo investigará.",
    ),
    "healthy.all_failed": Plural(
        "Su video está terminado. {count} de sus clips no se pudo crear. Díganos, por favor, si todavía lo necesita; "
        "nuestro equipo lo investigará.",
        "Su video está terminado. {count} de sus clips no se pudieron crear. Díganos, por favor, si todavía los "
        "necesita; nuestro equipo lo investigará.",
    ),
    "purged": (
        "Este video se eliminó, así que no queda nada que reproducir ni descargar. Díganos, por favor, si esperaba que "
        "fuera así."
    ),
    "purged.video": "Este video se eliminó.",
    "purged.video.at": "Este video se eliminó el {at}.",
    "purged.account": "Su cuenta se eliminó.",
    "purged.account.at": "Su cuenta se eliminó el {at}.",
    "purged.returning": "Ahora mismo se está restaurando. Vuelva a mirar más tarde, por favor.",
    "purged.for_good": "La eliminación es definitiva: no se conserva nada y no es posible recuperarlo.",
    "purged.undo": "Todavía podemos restaurarlo todo. Díganos, por favor, si lo desea.",
    "purged.undo.until": "Podemos restaurarlo todo hasta el {until}. Díganos, por favor, si lo desea.",
    "draft.ready": (
        "El análisis de su video ha terminado. Ábralo, por favor, en sus borradores y elija las escenas que desea "
        "convertir en clips."
    ),
    "draft.expired": "El análisis de su video ha caducado. Solicite de nuevo el análisis del video, por favor.",
    "outage.analysis": (
        "Lo sentimos: desde el {at}, un problema nuestro ha detenido el análisis de varios videos, y el suyo es uno de "
        "ellos."
    ),
    "outage.render": (
        "Lo sentimos: desde el {at}, un problema nuestro ha detenido la creación de clips de varios videos, y el suyo "
        "es uno de ellos. Los clips que ya están terminados se conservan."
    ),
    "outage.finish": (
        "Lo sentimos: desde el {at}, un problema nuestro ha impedido que varios videos aparezcan como terminados, y el "
        "suyo es uno de ellos. Está más avanzado de lo que parece."
    ),
    "outage.delivery": (
        "Lo sentimos: desde el {at}, un problema nuestro ha impedido que se muestren los resultados de varios videos, "
        "y el suyo es uno de ellos."
    ),
    "outage.none": (
        "Lo sentimos: desde el {at}, un problema nuestro ha afectado a varios videos, y el suyo es uno de ellos."
    ),
    "outage.goes_on": "El problema todavía no está resuelto.",
    "outage.over": "Los videos más recientes vuelven a superar este paso, pero el suyo todavía no ha avanzado.",
    "outage.end": (
        "Su video no es la causa y, por ahora, no es necesario que vuelva a subir nada. Nuestro equipo lo está "
        "investigando."
    ),
    "usage.plan": "Su cuenta tiene los límites del plan {plan}. Estado a {at}:",
    "usage.storage": "- Almacenamiento: {figure}",
    "usage.clips": "- Clips de este mes: {figure}",
    "usage.credits": "- Créditos de este mes: {figure}",
    "figure.unknown": "en este momento no podemos leer esta cifra (el límite es {limit}).",
    "figure.bare": "{used} de {limit} en uso.",
    "figure.left": "{used} de {limit} en uso ({percent} %); disponible: {rest}.",
    "figure.over": "{used} de {limit} en uso ({percent} %); {rest} por encima del límite.",
    "usage.month": "Las cifras mensuales vuelven a empezar el {day} (UTC).",
    "usage.wrong": (
        "La cifra de almacenamiento es incorrecta por un error nuestro: sus clips ocupan {size}. No elimine nada por "
        "este motivo, por favor; podrá crear clips nuevos en cuanto se corrija."
    ),
    "usage.full": (
        "Su almacenamiento está agotado. Si elimina los clips que ya no necesite, habrá espacio para otros nuevos."
    ),
    "usage.near": (
        "Su almacenamiento está casi agotado. Si elimina los clips que ya no necesite, habrá espacio para otros nuevos."
    ),
    "usage.no_room": (
        "Un clip nuevo necesita más espacio del que queda, así que no se puede crear ninguno hasta que se libere algo."
    ),
    "usage.over.clips": "Los clips de este mes se han agotado; eliminar clips no los devuelve.",
    "usage.over.credits": "Los créditos de este mes se han agotado; eliminar clips no los devuelve.",
    "usage.over.both": "Los clips y los créditos de este mes se han agotado; eliminar clips no los devuelve.",
    "untitled": "uno sin título",
    "more": Plural("{names} y {count} clip más", "{names} y {count} clips más"),
}

SPANISH: Final = Speech(
    name="Español",
    texts=_TEXTS,
    quotes=("«", "»"),
    decimal=",",
    thousands=".",
    months=(
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ),
    day="{day} de {month} de {year}",
    moment="{date}, {time} (UTC)",
)
