"""The replies in Portuguese, as it is written in Brazil."""

from __future__ import annotations

from typing import Final

from storage.domain.replies.speech import Plural, Speech

_TEXTS: Final[dict[str, str | Plural]] = {
    "waiting": (
        "Agradecemos a sua paciência. O seu vídeo está sendo analisado neste momento; você não precisa fazer nada. Se "
        "ele não tiver avançado quando você verificar de novo mais tarde, avise-nos, por favor."
    ),
    "rendering": (
        "O seu vídeo já foi analisado e os clipes estão sendo criados neste momento. Você não precisa fazer nada; os "
        "novos clipes vão aparecer um após o outro."
    ),
    "analysis_stalled": (
        "Pedimos desculpas: a análise do seu vídeo parou antes de terminar, e esperar mais não vai ajudar. O problema "
        "é nosso. Nossa equipe está investigando e, por enquanto, você não precisa enviar nada de novo."
    ),
    "status_stuck": (
        "Pedimos desculpas pela confusão: o seu vídeo está mais adiantado do que parece. Por engano, ele ainda aparece "
        "como se estivesse em processamento. Nossa equipe está corrigindo isso; você não precisa fazer nada."
    ),
    "render_stalled": (
        "Pedimos desculpas: a criação dos clipes do seu vídeo parou no meio do caminho. O problema é nosso. Nossa "
        "equipe está investigando; os clipes que já estão prontos continuam disponíveis."
    ),
    "highlights_missing": (
        "Pedimos desculpas: o seu vídeo foi analisado, mas os resultados não podem ser mostrados neste momento; por "
        "isso ele ainda aparece como se estivesse em processamento. Esperar mais não vai ajudar; nossa equipe está "
        "investigando."
    ),
    "highlights_invalid": (
        "Pedimos desculpas: os resultados da análise do seu vídeo não podem ser lidos corretamente. O problema é nosso "
        "e nossa equipe está investigando."
    ),
    "highlights_invalid.nothing_found": (
        "A análise do seu vídeo terminou sem encontrar um trecho que renda um bom clipe. Você pode tentar de novo com "
        "outra instrução ou com outro vídeo."
    ),
    "clips_missing": (
        "Pedimos desculpas: alguns clipes do seu vídeo não podem ser reproduzidos nem baixados neste momento. O "
        "problema é nosso. Nossa equipe está verificando quais deles podem ser recuperados."
    ),
    "clips_missing.named": "São os seguintes: {clips}.",
    "clips_missing.all_play": (
        "Os seus clipes estão no lugar e podem ser reproduzidos. O que guardamos sobre alguns deles não está correto; "
        "o problema é nosso e nossa equipe está corrigindo. Você não precisa fazer nada."
    ),
    "disclosure": (
        "Agradecemos a sua mensagem. Parte do que guardamos para o seu vídeo não está armazenada como deveria e pode "
        "não ser sua. Por enquanto, não abra, não baixe e não compartilhe os clipes, por favor. O problema é nosso e "
        "nossa equipe está investigando com prioridade."
    ),
    "record_incomplete": (
        "Pedimos desculpas: os clipes do seu vídeo foram criados, mas o vídeo não aparece entre os seus vídeos. O "
        "problema é nosso. Nossa equipe está corrigindo isso; você não precisa começar de novo."
    ),
    "failed_transient": (
        "Pedimos desculpas: o seu vídeo não pôde ser concluído por causa de um problema técnico nosso. O vídeo em si "
        "não parece ser a causa. Nossa equipe vai verificar; tentar mais uma vez talvez já resolva."
    ),
    "failed_permanent": (
        "Não conseguimos processar o seu vídeo porque {reason}. Tentar de novo não vai mudar isso. Se você tiver outra "
        "versão do vídeo que esteja aberta a todos, envie essa versão, por favor."
    ),
    "failed_permanent.highlights": (
        "Pedimos desculpas: os clipes do seu vídeo não puderam ser criados porque os resultados da análise estão "
        "faltando do nosso lado. Tentar de novo, por si só, não vai ajudar; nossa equipe está investigando."
    ),
    "because.age-restricted": "ele tem restrição de idade",
    "because.members only": "ele está disponível apenas para membros ou assinantes pagos",
    "because.copyright": "ele está bloqueado por direitos autorais",
    "because.private": "ele é privado",
    "because.region": "ele não está disponível na região de onde obtemos os vídeos",
    "because.removed": "ele não está mais disponível no endereço informado",
    "because.live": "ele é uma transmissão ao vivo ou ainda não foi publicado",
    "because.too long": "a duração ou o tamanho dele está fora do que conseguimos processar",
    "because.unsupported": "o formato ou o endereço dele não é compatível com o nosso serviço",
    "because.unknown": "ele não pode ser obtido ou utilizado",
    "quota_blocked": (
        "O seu vídeo não pôde ser processado porque a cota do seu plano se esgotou. Você pode liberar espaço excluindo "
        "os clipes de que não precisa mais, esperar a próxima cota mensal ou mudar de plano; depois, inicie o vídeo "
        "novamente, por favor."
    ),
    "access_denied": (
        "Agradecemos a sua mensagem. Neste momento não conseguimos consultar o estado do seu vídeo por causa de um "
        "problema técnico nosso. Ainda não sabemos como está o seu vídeo e vamos verificar de novo."
    ),
    "not_found": (
        "Não encontramos este vídeo na sua conta. Ele pode ter sido excluído ou pertencer a outra conta. Você poderia "
        "nos enviar o endereço da página em que o vê e informar qual conta está usando?"
    ),
    "healthy": (
        "O seu vídeo está pronto e tudo o que pertence a ele está no lugar. Se você ainda não o vê, recarregue a "
        "página, por favor, e conte-nos o que aparece."
    ),
    "healthy.analysed": (
        "A análise do seu vídeo terminou e os destaques estão prontos; ainda não foi criado nenhum clipe a partir "
        "deles. Escolha, por favor, os destaques que você gostaria de transformar em clipes."
    ),
    "healthy.some_failed": Plural(
        "O seu vídeo está pronto. {count} dos clipes não pôde ser criado; os demais estão no lugar. Diga-nos, por "
        "favor, se você ainda precisa dele; nossa equipe vai então investigar.",
        "O seu vídeo está pronto. {count} dos clipes não puderam ser criados; os demais estão no lugar. Diga-nos, por "
        "favor, se você ainda precisa deles; nossa equipe vai então investigar.",
    ),
    "healthy.all_failed": Plural(
        "O seu vídeo está pronto. {count} dos clipes não pôde ser criado. Diga-nos, por favor, se você ainda precisa "
        "dele; nossa equipe vai então investigar.",
        "O seu vídeo está pronto. {count} dos clipes não puderam ser criados. Diga-nos, por favor, se você ainda "
        "precisa deles; nossa equipe vai então investigar.",
    ),
    "purged": (
        "Este vídeo foi excluído, portanto não resta nada para reproduzir ou baixar. Diga-nos, por favor, se você "
        "esperava por isso."
    ),
    "purged.video": "Este vídeo foi excluído.",
    "purged.video.at": "Este vídeo foi excluído em {at}.",
    "purged.account": "A sua conta foi excluída.",
    "purged.account.at": "A sua conta foi excluída em {at}.",
    "purged.returning": "A restauração está em andamento. Verifique de novo mais tarde, por favor.",
    "purged.for_good": "A exclusão é definitiva: nada foi guardado e não é possível recuperar o conteúdo.",
    "purged.undo": "Ainda podemos restaurar tudo. Diga-nos, por favor, se você deseja isso.",
    "purged.undo.until": "Podemos restaurar tudo até {until}. Diga-nos, por favor, se você deseja isso.",
    "draft.ready": (
        "A análise do seu vídeo terminou. Abra-a, por favor, entre os seus rascunhos e escolha as cenas que você "
        "gostaria de transformar em clipes."
    ),
    "draft.expired": "A análise do seu vídeo expirou. Solicite a análise do vídeo novamente, por favor.",
    "outage.analysis": (
        "Pedimos desculpas: desde {at}, um problema nosso interrompeu a análise de vários vídeos, e o seu é um deles."
    ),
    "outage.render": (
        "Pedimos desculpas: desde {at}, um problema nosso interrompeu a criação de clipes de vários vídeos, e o seu é "
        "um deles. Os clipes que já estão prontos continuam disponíveis."
    ),
    "outage.finish": (
        "Pedimos desculpas: desde {at}, um problema nosso impede que vários vídeos apareçam como concluídos, e o seu é "
        "um deles. Ele está mais adiantado do que parece."
    ),
    "outage.delivery": (
        "Pedimos desculpas: desde {at}, um problema nosso impede que os resultados de vários vídeos sejam mostrados, e "
        "o seu é um deles."
    ),
    "outage.none": "Pedimos desculpas: desde {at}, um problema nosso afetou vários vídeos, e o seu é um deles.",
    "outage.goes_on": "O problema ainda não foi resolvido.",
    "outage.over": "Os vídeos mais recentes voltaram a passar por essa etapa, mas o seu ainda não avançou.",
    "outage.end": (
        "O seu vídeo não é a causa e, por enquanto, você não precisa enviar nada de novo. Nossa equipe está "
        "investigando."
    ),
    "usage.plan": "A sua conta tem os limites do plano {plan}. Situação em {at}:",
    "usage.storage": "- Armazenamento: {figure}",
    "usage.clips": "- Clipes deste mês: {figure}",
    "usage.credits": "- Créditos deste mês: {figure}",
    "figure.unknown": "não conseguimos ler este valor neste momento (o limite é {limit}).",
    "figure.bare": "{used} de {limit} em uso.",
    "figure.left": "{used} de {limit} em uso ({percent}%); disponível: {rest}.",
    "figure.over": "{used} de {limit} em uso ({percent}%); {rest} acima do limite.",
    "usage.month": "Os valores mensais recomeçam em {day} (UTC).",
    "usage.wrong": (
        "O valor do armazenamento está errado por uma falha nossa: os seus clipes ocupam {size}. Não exclua nada por "
        "causa disso, por favor; você poderá criar novos clipes assim que o valor for corrigido."
    ),
    "usage.full": "O seu armazenamento se esgotou. Excluir clipes de que você não precisa mais abre espaço para novos.",
    "usage.near": (
        "O seu armazenamento está quase esgotado. Excluir clipes de que você não precisa mais abre espaço para novos."
    ),
    "usage.no_room": (
        "Um novo clipe precisa de mais espaço do que resta, portanto nenhum pode ser criado até que algum espaço seja "
        "liberado."
    ),
    "usage.over.clips": "Os clipes deste mês se esgotaram; excluir clipes não os devolve.",
    "usage.over.credits": "Os créditos deste mês se esgotaram; excluir clipes não os devolve.",
    "usage.over.both": "Os clipes e os créditos deste mês se esgotaram; excluir clipes não os devolve.",
    "untitled": "um sem título",
    "more": Plural("{names} e mais {count} clipe", "{names} e mais {count} clipes"),
}

PORTUGUESE: Final = Speech(
    name="Português",
    texts=_TEXTS,
    quotes=("“", "”"),
    decimal=",",
    thousands=".",
    months=(
        "janeiro",
        "fevereiro",
        "março",
        "abril",
        "maio",
        "junho",
        "julho",
        "agosto",
        "setembro",
        "outubro",
        "novembro",
        "dezembro",
    ),
    day="{day} de {month} de {year}",
    moment="{date}, {time} (UTC)",
    none_is_one=True,
)
