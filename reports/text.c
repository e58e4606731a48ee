/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/text.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NARROW_NO_BREAK_SPACE "\u202f"
#define NO_BREAK_SPACE        "\u00a0"
#define APOSTROPHE            "\u2019"
#define MAX_DECIMALS          15
#define SIGNIFICANT_DIGITS    3
#define FACTOR_DIGITS         7
#define UNITS_MAX             0x1p63 /* below, they fit into 64 bits */

struct sentence {
    const char *words[LANGUAGE_COUNT]; /* French, English */
};

/* Plain spaces and apostrophes: text_say() puts the typographic ones. No markup. */
static const struct sentence sentences[TEXT_COUNT] = {
    [TEXT_TITLE] = {{"Empreinte de l'IA générative : {0}", "Footprint of generative AI: {0}"}},
    [TEXT_LEAD] =
        {{"Ce rapport estime l'énergie, l'eau et les émissions de gaz à effet de serre dues à "
          "l'usage de services d'intelligence artificielle générative (IAG) depuis le réseau de la "
          "collectivité pendant le mois. L'usage est observé sur le réseau ; l'impact est cet "
          "usage multiplié par des facteurs publiés, tous listés plus bas avec leur source.",
          "This report estimates the energy, water and greenhouse gas emissions due to the use of "
          "generative artificial intelligence (generative AI) services from the authority's "
          "network during the month. Use is observed on the network; impact is that use times "
          "published factors, all listed below with their source."}},
    [TEXT_PRIVACY] =
        {{"Ni adresse, ni nom, ni contenu n'est enregistré : seules des sommes par minute, par "
          "direction et par service le sont, dans un registre à accès restreint ; certaines "
          "peuvent ne tenir qu'à une personne, sans la désigner. Dans ce rapport, ce qui concerne "
          "trop peu d'appareils est regroupé. Un « appareil » est ici une adresse IP : une "
          "personne peut en avoir plusieurs.",
          "No address, no name and no content is recorded: only sums per minute, direction and "
          "service are, in a ledger of restricted access; a single person may stand behind some "
          "of them, without being told. In this report, what concerns too few devices is folded "
          "together. A “device” here is an IP address: one person may have several."}},
    [TEXT_RUNNING] = {{"Mois en cours, arrêté au {0}. Les chiffres vont encore augmenter.",
                       "Month still running, as of {0}. The figures will still grow."}},
    [TEXT_PROVISIONAL] =
        {{"Rapport provisoire, à ne pas publier : deux états d'un même mois donneraient par "
          "différence l'usage des jours qui les séparent.",
          "Provisional report, not to be published: two states of the same month would give, by "
          "difference, the use of the days between them."}},
    [TEXT_PERIOD] = {{"Période : du {0} au {1} (heure locale, {2}).",
                      "Period: from {0} to {1} (local time, {2})."}},
    [TEXT_WITHHELD] =
        {{"Aucun couple (direction, service) ne compte {0} appareils un même jour. Les "
          "appareils de deux couples peuvent être les mêmes : ils ne sont pas additionnés. "
          "Publier même le total pourrait renseigner sur quelques personnes : seule la "
          "couverture de la mesure est donnée. Des directions plus grandes, déclarées dans "
          "la configuration, permettraient de publier les mois à venir.",
          "No direction–service pair has {0} devices on one day. The devices of two pairs "
          "may be the same: they are not added up. Even the total might tell about a few "
          "people: only the coverage of the measurement is given. Larger directions, declared "
          "in the configuration, would let the months to come be published."}},
    [TEXT_BAND_NOTE] =
        {{"Chaque estimation est donnée par sa valeur centrale, avec sa valeur basse et sa valeur "
          "haute. Les chiffres imprimés sont arrondis de sorte que les lignes s'additionnent "
          "exactement ; les valeurs complètes sont dans les fichiers CSV et JSON.",
          "Each estimate is given as its central value, with its low and high values. Printed "
          "figures are rounded so that rows add up exactly; the full values are in the CSV and "
          "JSON files."}},
    [TEXT_RANDOM_NOTE] =
        {{"Jetons en sortie : l'écart d'une réponse à l'autre est aléatoire et se compense quand "
          "elles "
          "sont nombreuses ; il n'en reste que {0} % (écart-type) sur ce total. Les valeurs basse "
          "et "
          "haute sont l'erreur systématique, qui ne se compense pas : elles s'additionnent telles "
          "quelles.",
          "Output tokens: what one answer differs from another by is random, and cancels out when "
          "they are many; {0} % of it (standard deviation) are left in this total. The low and "
          "high "
          "values are the systematic error, which does not cancel out: they add up as they are."}},
    [TEXT_CAPTION_TOTAL] = {{"Estimations basse, centrale et haute de tout l'usage observé.",
                             "Low, central and high estimates of all use observed."}},
    [TEXT_CAPTION_SERVICES] = {{"Usage et impact de chaque service, toutes directions.",
                                "Use and impact of each service, all directions."}},
    [TEXT_CAPTION_COVERAGE] = {{"Ce qui a été vu, et ce qui ne l'a pas été.",
                                "What was seen, and what was not."}},
    [TEXT_HEAD_TOTAL] = {{"Total du mois", "Total of the month"}},
    [TEXT_HEAD_UNITS] = {{"Par unité fonctionnelle", "Per functional unit"}},
    [TEXT_HEAD_DIRECTIONS] = {{"Par direction", "By direction"}},
    [TEXT_HEAD_SERVICES] = {{"Par service d'IAG", "By generative AI service"}},
    [TEXT_HEAD_GRAPH] = {{"Évolution pendant le mois", "Course of the month"}},
    [TEXT_HEAD_COVERAGE] = {{"Couverture de la mesure", "Coverage of the measurement"}},
    [TEXT_HEAD_METHOD] = {{"Comment ces chiffres sont obtenus", "How these figures are obtained"}},
    [TEXT_HEAD_FACTORS] = {{"Facteurs utilisés et sources", "Factors used and sources"}},
    [TEXT_HEAD_LIMITS] = {{"Limites et exclusions", "Limits and exclusions"}},
    [TEXT_INDICATOR] = {{"Indicateur", "Indicator"}},
    [TEXT_UNIT] = {{"Unité", "Unit"}},
    [TEXT_LOW] = {{"Bas", "Low"}},
    [TEXT_CENTRAL] = {{"Central", "Central"}},
    [TEXT_HIGH] = {{"Haut", "High"}},
    [TEXT_TOTAL] = {{"Total", "Total"}},
    [TEXT_OTHER] = {{"Autres", "Other"}},
    [TEXT_OTHER_NOTE] =
        {{"Une ligne n'additionne que les couples (direction, service) qui comptent au moins "
          "{0} appareils un même jour. « Autres » réunit tous les autres couples et un "
          "couple de plus, qui les compte : ainsi aucun ne se retrouve par soustraction, et "
          "« Autres » ne tient jamais à moins d'appareils, même si les mêmes postes ont "
          "changé de direction en cours de mois (direction renommée, réseau réattribué). "
          "C'est la même somme dans les deux tableaux, et aucun tableau ne croise directions "
          "et services. Un appareil est une adresse IP : une personne peut en avoir plusieurs.",
          "A row sums only the direction–service pairs with at least {0} devices on one day. "
          "“Other” holds all other pairs and one more that has them: so none can be found "
          "by subtraction, and “other” never stands on fewer devices, even where the same "
          "ones moved to another direction during the month (one was renamed, or a network "
          "given to another). It is the same sum in both tables, and no table crosses "
          "directions and services. A device is an IP address: one person may have several."}},
    [TEXT_TOTAL_ONLY] =
        {{"Le détail n'est pas publié : trop de couples (direction, service) concernent moins de "
          "{0} appareils (adresses IP), et pourraient être retrouvés par soustraction. Seul le "
          "total est donné.",
          "The detail is not published: too many direction–service pairs concern fewer than {0} "
          "devices (IP addresses), and could be found by subtraction. Only the total is given."}},
    [TEXT_UNASSIGNED] = {{"Non affecté", "Unassigned"}},
    [TEXT_UNASSIGNED_NOTE] =
        {{"« Non affecté » : usage vu depuis des adresses qu'aucune direction ne déclare.",
          "“Unassigned”: use seen from addresses that no direction declares."}},
    [TEXT_NO_USE] = {{"Aucun usage d'un service connu n'a été observé pendant la période.",
                      "No use of a known service was observed during the period."}},
    [TEXT_REQUESTS] = {{"Requêtes", "Requests"}},
    [TEXT_TOKENS_IN] = {{"Jetons en entrée", "Input tokens"}},
    [TEXT_TOKENS_OUT] = {{"Jetons en sortie", "Output tokens"}},
    [TEXT_ENERGY] = {{"Énergie", "Energy"}},
    [TEXT_WATER] = {{"Eau", "Water"}},
    [TEXT_GWP] = {{"Gaz à effet de serre", "Greenhouse gases"}},
    [TEXT_GWP_USE] = {{"dont électricité", "of which electricity"}},
    [TEXT_GWP_EMBODIED] = {{"dont fabrication des serveurs", "of which server manufacture"}},
    [TEXT_ADPE] = {{"Ressources minérales et métalliques", "Mineral and metal resources"}},
    [TEXT_REQUESTS_WITHOUT_IMPACT] = {{"Requêtes sans estimation d'impact",
                                       "Requests without an impact estimate"}},
    [TEXT_IMAGES] = {{"Images reçues", "Images received"}},
    [TEXT_AUDIO_S] = {{"Son reçu", "Sound received"}},
    [TEXT_UPLOADS] = {{"Fichiers envoyés", "Files sent"}},
    [TEXT_DIRECTION] = {{"Direction", "Direction"}},
    [TEXT_SERVICE] = {{"Service", "Service"}},
    [TEXT_HOSTING] = {{"Hébergement", "Hosting"}},
    [TEXT_COUNTRY] = {{"Pays", "Country"}},
    [TEXT_APPROVED] = {{"Autorisé", "Approved"}},
    [TEXT_SHARE] = {{"Part de l'énergie", "Share of energy"}},
    [TEXT_PER_AGENT] = {{"Par agent", "Per agent"}},
    [TEXT_PER_AGENT_NOTE] =
        {{"Par agent : gCO₂e du mois, valeur centrale, divisés par l'effectif déclaré de la "
          "direction (qu'il utilise ou non ces services).",
          "Per agent: gCO₂e of the month, central value, divided by the direction's declared "
          "headcount (whether or not they use these services)."}},
    [TEXT_HOSTING_SOVEREIGN] = {{"souverain", "sovereign"}},
    [TEXT_HOSTING_EU] = {{"Union européenne", "European Union"}},
    [TEXT_HOSTING_OUTSIDE_EU] = {{"hors Union européenne", "outside the European Union"}},
    [TEXT_APPROVAL_UNSET] = {{"non précisé", "not stated"}},
    [TEXT_APPROVAL_YES] = {{"oui", "yes"}},
    [TEXT_APPROVAL_NO] = {{"non", "no"}},
    [TEXT_UNIT_REQUEST] = {{"une inférence (une requête et sa réponse)",
                            "one inference (a request and its answer)"}},
    [TEXT_UNIT_TOKENS] = {{"1 000 jetons visibles en sortie", "1,000 visible output tokens"}},
    [TEXT_MEASURED_PART] = {{"énergie dont mesurée : {0} %", "energy of which measured: {0}%"}},
    [TEXT_MEASURED_NOT_TOLD] =
        {{"part mesurée non indiquée : elle dirait l'usage de moins de {0} appareils",
          "measured part not told: it would tell the use of fewer than {0} devices"}},
    [TEXT_HOST_IDLE] =
        {{"Serveur d'IA local : {0} % de l'énergie mesurée sur ses machines l'est en veille, que "
          "l'on s'en serve ou non ({1} kWh en tout, centre de données compris). Plus cette "
          "part est grande, plus la clé qui partage la veille décide de ce que reçoit chaque "
          "direction.",
          "Local AI server: {0}% of the energy measured at its machines is idle, whether anyone "
          "uses it or not ({1} kWh in all, data centre included). The larger this part, "
          "the more the key that shares idle energy decides what each direction gets."}},
    [TEXT_HOST_LINE] = {{"  {0} : {1} kWh pour ses requêtes, {2} kWh de veille et commun",
                         "  {0}: {1} kWh for its requests, {2} kWh idle and common"}},
    [TEXT_HEAD_HOST] = {{"Serveur d'IA local", "Local AI server"}},
    [TEXT_HOST_WITHHELD] =
        {{"Moins de {0} appareils d'un côté ou de l'autre (serveur local, services distants) : les "
          "sommes du serveur local ne sont pas données, car leur différence avec le total dirait "
          "l'usage de quelques personnes.",
          "Fewer than {0} devices on one side or the other (local server, remote services): the "
          "sums of the local server are not given, as their difference to the total would tell "
          "the use of a few people."}},
    [TEXT_HOST_LEAD] =
        {{"Énergie mesurée, jetons comptés. Les machines de « {0} » ont consommé {1} kWh, le "
          "centre "
          "de données {2} kWh avec le refroidissement et les pertes (PUE {3}). {4} % de "
          "l'énergie des machines est de la veille, {5} kWh du travail sans requête vue. Mesuré "
          "pendant {6} heures sur "
          "{7}.",
          "Energy is measured, tokens are counted. The machines of “{0}” used {1} kWh, the data "
          "centre {2} kWh with cooling and losses (PUE {3}). {4}% of the machines' energy is idle, "
          "{5} kWh is work without a request seen. Measured during {6} hours of {7}."}},
    [TEXT_HOST_UNMEASURED] =
        {{"Pendant {0} heures, rien n'a été mesuré : l'énergie de ce temps manque, elle n'est pas "
          "remplacée par une estimation.",
          "During {0} hours nothing was measured: the energy of that time is missing, and no "
          "estimate stands in for it."}},
    [TEXT_HOST_PENDING] =
        {{"{0} kWh des derniers instants ne sont pas encore répartis : des requêtes couraient "
          "encore.",
          "{0} kWh of the last moments are not shared yet: requests were still running."}},
    [TEXT_HOST_KEY] =
        {{"Clé de répartition de la veille et du commun ce mois-ci : {0}. Les autres clés sont à "
          "côté : ce qu'aurait chaque direction au total si la clé était celle-là.",
          "Key that shares what is idle and common this month: {0}. The other keys stand beside: "
          "what each direction would have in all if the key were that one."}},
    [TEXT_HOST_KEY_USAGE] = {{"à l’usage", "by use"}},
    [TEXT_HOST_KEY_ENTITLEMENT] = {{"aux droits d’accès", "by entitlement"}},
    [TEXT_HOST_KEY_HYBRID] = {{"mixte", "hybrid"}},
    [TEXT_HOST_LINES] =
        {{"Énergie du serveur local par direction, centre de données compris. Bas et haut : la "
          "précision des compteurs.",
          "Energy of the local server by direction, data centre included. Low and high: "
          "the accuracy of the meters."}},
    [TEXT_HOST_WEIGHT] = {{"Jetons pondérés", "Weighted tokens"}},
    [TEXT_HOST_ACTIVE] = {{"Pour ses requêtes", "For its requests"}},
    [TEXT_HOST_COMMON] = {{"Veille et commun", "Idle and common"}},
    [TEXT_HOST_METER] = {{"La somme des directions est {0} J aux machines ; les compteurs disent "
                          "{1} J.",
                          "The directions add up to {0} J at the machines; the meters say {1} J."}},
    [TEXT_HOST_DEVICES] = {{"Ce que les machines ont consommé, appareil par appareil",
                            "What the machines used, device by device"}},
    [TEXT_HOST_SOURCES] =
        {{"Ce que dit chaque compteur pris seul, pour comparaison : ils se recouvrent, rien n'en "
          "est ajouté.",
          "What each meter says alone, for comparison: they overlap, nothing of it is added."}},
    [TEXT_HOST_NO_PARTS] =
        {{"Le détail par appareil et par service n'est pas donné : il dirait l'usage de moins de "
          "{0} appareils.",
          "Details by device and service are not given: they would tell the use of fewer than {0} "
          "devices."}},
    [TEXT_HOST_DEVICE] = {{"Appareil", "Device"}},
    [TEXT_HOST_IDLE_ENERGY] = {{"Veille", "Idle"}},
    [TEXT_HOST_ABOVE] = {{"Au-dessus de la veille", "Above idle"}},
    [TEXT_HOST_HOURS] = {{"Mesuré pendant", "Measured during"}},
    [TEXT_HOST_MEAN_POWER] = {{"Puissance moyenne", "Mean power"}},
    [TEXT_HOST_RESTS_ON] = {{"Repose sur", "Rests on"}},
    [TEXT_HOST_WALL] = {{"compteur de toute la machine", "a meter of the whole machine"}},
    [TEXT_HOST_REST] = {{"une puissance étalonnée pour ce qu'aucun compteur ne voit",
                         "a calibrated power for what no counter covers"}},
    [TEXT_HOST_INTEGRATED] = {{"des mesures de puissance, pas un compteur d'énergie",
                               "samples of power, not a counter of energy"}},
    [TEXT_HOST_LOWER_BOUND] = {{"au moins cela : un compteur est reparti de zéro ({0} heures)",
                                "at least that: a counter began anew ({0} hours)"}},
    [TEXT_HOST_AMBIGUOUS] = {{"douteux : lu trop tard, le compteur a pu faire un tour ({0} heures)",
                              "doubtful: read so late that the counter may have wrapped ({0} "
                              "hours)"}},
    [TEXT_HOST_EXCEEDED] = {{"les cartes dépassent le compteur de l'ensemble ({0} heures)",
                             "the GPUs exceed the meter of the whole ({0} hours)"}},
    [TEXT_HOST_CARRIED] =
        {{"ce compteur est en retard : reporté d'une minute à l'autre, et en tout "
          "{0} kWh au-dessus de lui",
          "that meter tells late: carried from one minute to others, and {0} kWh "
          "above it in all"}},
    [TEXT_HOST_BALANCE] = {{"Échanges vus sur le réseau, et ce que le serveur compte lui-même",
                            "Exchanges as captured, and what the server counts itself"}},
    [TEXT_HOST_WIRE] = {{"Capturé", "Captured"}},
    [TEXT_HOST_SERVER] = {{"Serveur", "Server"}},
    [TEXT_HOST_DIFFERENCE] = {{"Différence", "Difference"}},
    [TEXT_HOST_VERDICT] = {{"Constat", "Verdict"}},
    [TEXT_HOST_UNSEEN] = {{"Ajouté : compté par le serveur seul",
                           "Added: counted by the server alone"}},
    [TEXT_TOKENS_CACHED] = {{"Jetons en entrée, dont en cache", "Input tokens, of which cached"}},
    [TEXT_HOST_NOT_COMPARED] = {{"rien à comparer", "nothing to compare"}},
    [TEXT_HOST_AGREES] = {{"d'accord, à 1 % près", "they agree, to 1 %"}},
    [TEXT_HOST_SERVER_AHEAD] = {{"le réseau en voit moins", "the wire sees less"}},
    [TEXT_HOST_WIRE_AHEAD] = {{"le serveur en compte moins", "the server counts less"}},
    [TEXT_HOST_WIRE_TWICE] = {{"le réseau en voit le double : les deux côtés d'un relais sont "
                               "capturés",
                               "the wire shows twice as much: both sides of a proxy are captured"}},
    [TEXT_HOST_RESTARTED] = {{"le serveur a redémarré : il manque ce qu'il a compté juste avant",
                              "the server was started again: what it counted last is missing"}},
    [TEXT_HOST_FACTORS] = {{"Facteurs du serveur local (host.conf) et de son électricité",
                            "Factors of the local server (host.conf) and of its electricity"}},
    [TEXT_HOST_IDLE_POWER] = {{"puissance en veille, modèle chargé",
                               "idle power, with its model loaded"}},
    [TEXT_HOST_RGESN] =
        {{"Repères du RGESN 2024 : critère 8.3, PUE sous 1,5 (ici {0}) ; critère 8.4, WUE d'au "
          "plus "
          "0,4 L/kWh (ici {1}).",
          "Marks of the French RGESN 2024: criterion 8.3, PUE under 1.5 (here {0}); criterion 8.4, "
          "WUE of at most 0.4 L/kWh (here {1})."}},
    [TEXT_HEAD_MEDIA] = {{"Images, son et fichiers", "Images, sound and files"}},
    [TEXT_CAPTION_MEDIA] =
        {{"Ce qui n'est pas du texte, par service : comptes estimés d'après les tailles, sans rien "
          "déchiffrer. L'énergie et les émissions sont celles des images seules, en plus du total.",
          "What is not text, by service: numbers estimated from sizes, with nothing decrypted. "
          "Energy "
          "and emissions are those of the images alone, besides the total."}},
    [TEXT_MEDIUM] = {{"Modèle supposé des images", "Assumed model of the images"}},
    [TEXT_MEDIUM_UNKNOWN] = {{"aucun chiffre connu", "no figure is known"}},
    [TEXT_MEDIA_NOTE] =
        {{"L'impact des images est calculé avec les facteurs installés (media.conf) ; il n'est pas "
          "dans le total, ni dans les objectifs. Du son et des fichiers, ce rapport ne calcule "
          "aucun impact. Une image que la page cherche juste après la réponse compte, mais non "
          "dans "
          "la valeur basse : ce peut être une photo que la réponse a trouvée. Celles qu'elle prend "
          "plus tard, ou sur un serveur qui n'est pas connu pour ses images, ne sont pas comptées. "
          "Ce qui fut enregistré par une version antérieure n'a pas ces comptes.",
          "The impact of images is computed with the factors installed (media.conf); it is not in "
          "the total, nor in objectives. Of sound and files this report computes no impact. An "
          "image that the page fetches right after the answer counts, but not at the low end: it "
          "may be a picture that the answer found. Those that it takes later, or from a server "
          "that "
          "is not known for its images, are not counted. What an earlier version recorded has none "
          "of these counts."}},
    [TEXT_HEAD_VARIANTS] = {{"Et si l'on calculait autrement ?",
                             "What if it were computed otherwise?"}},
    [TEXT_CAPTION_VARIANTS] =
        {{"Le même usage du mois, par chaque méthode et chaque convention (valeur centrale, basse "
          "– haute)",
          "The same use of the month, by each method and convention (central value, low – high)"}},
    [TEXT_VARIANT_REPORT] = {{"Comme dans ce rapport", "As in this report"}},
    [TEXT_VARIANT_REPORT_LESS] =
        {{"Comme dans ce rapport, sans ce qui n'est pas recalculé (voir plus bas) : moins que le "
          "total du mois",
          "As in this report, without what is not computed again (see below): less than the total "
          "of the month"}},
    [TEXT_VARIANT_RECOMPUTED] =
        {{"Refait avec les facteurs installés, comme ci-dessous (ceux de l'enregistrement étaient "
          "autres)",
          "Done again with the factors installed, as below (those of the record were others)"}},
    [TEXT_VARIANT_METHOD_A] = {{"Méthode A pour tous les services", "Method A for all services"}},
    [TEXT_VARIANT_METHOD_B] = {{"Méthode B pour tous les services", "Method B for all services"}},
    [TEXT_VARIANT_WATER] = {{"Eau de l'électricité française selon EDF",
                             "Water of French electricity as counted by EDF"}},
    [TEXT_VARIANTS_NOTE] =
        {{"Ce sont des choix, pas des erreurs : ils n'entrent pas dans les fourchettes. La méthode "
          "A est "
          "celle qui se publie (EcoLogits), la méthode B est ajustée sur des mesures et compte les "
          "jetons "
          "en entrée.",
          "These are choices, not errors: they are not in the ranges. Method A is the one that is "
          "published (EcoLogits), method B is fitted on measurements and counts input tokens."}},
    [TEXT_YEARLY] = {{"Gaz à effet de serre : chaque pays a son facteur annuel (tableau des "
                      "facteurs), à toute heure.",
                      "Greenhouse gases: each country has its yearly factor (table of factors), at "
                      "all hours."}},
    [TEXT_HOURLY] =
        {{"À côté, l'électricité utilisée en France heure par heure (RTE, éCO2mix, émissions "
          "directes de "
          "la production, autre indicateur que le facteur annuel) : {0} kgCO₂ ({1} – {2}) pour {3} "
          "kWh, "
          "soit {4} % de l'énergie utilisée en France ; {5} heures connues du mois ; l'usage a eu "
          "lieu à "
          "des heures {6} fois aussi émettrices que la moyenne.",
          "Beside it, electricity used in France hour by hour (RTE, éCO2mix, direct emissions of "
          "production, another indicator than the yearly factor): {0} kgCO₂ ({1} – {2}) for {3} "
          "kWh, "
          "which is {4} % of the energy used in France; {5} hours of the month are known; use took "
          "place at hours that emit {6} times what the mean hour does."}},
    [TEXT_VARIANTS_PARTIAL] =
        {{"Sans ce qui est regroupé dans « Autres », qui n'est recalculé avec aucun autre facteur.",
          "Without what is folded into “Other”, which is computed again with no other factors."}},
    [TEXT_VARIANTS_LACK_MODELS] =
        {{"Sans les services qui n'ont plus de modèle dans la configuration d'aujourd'hui : rien "
          "ne "
          "dit comment les recalculer. Ils restent dans les autres tableaux.",
          "Without services that have no model any more in today's configuration: nothing tells "
          "how to compute them again. They remain in the other tables."}},
    [TEXT_UNITS_NOTE] =
        {{"Valeurs centrales moyennes du mois, sur les requêtes dont l'impact est estimé.",
          "Mean central values of the month, over the requests whose impact is estimated."}},
    [TEXT_UNITS_OF_SHOWN] =
        {{"Sans ce qui est regroupé dans « Autres » : dire quelle part en est estimée "
          "renseignerait sur "
          "quelques appareils. Ces valeurs par unité et les requêtes sans estimation d'impact sont "
          "celles des seuls usages montrés.",
          "Without what is folded into “other”: which part of it has an estimate would tell on a "
          "few "
          "devices. These figures per unit, and requests without an impact estimate, are of the "
          "use "
          "that is shown alone."}},
    [TEXT_UNITS_LIST] =
        {{"Unités fonctionnelles : une inférence ; 1 000 jetons en sortie (un jeton fait environ "
          "quatre caractères) ; un agent pendant un mois, là où l'effectif est déclaré. L'heure "
          "d'utilisation continue n'est pas mesurée dans cette version.",
          "Functional units: one inference; 1,000 output tokens (a token is about four "
          "characters); one agent-month, where the headcount is declared. The hour of continuous "
          "use is not measured in this version."}},
    [TEXT_FUNCTIONAL_UNIT] = {{"Unité fonctionnelle", "Functional unit"}},
    [TEXT_WITHOUT_IMPACT_NOTE] =
        {{"Les requêtes sans estimation d'impact (image, son, vidéo, ou modèle inconnu) sont "
          "comptées dans les requêtes, mais ni dans l'énergie, ni dans l'eau, ni dans les "
          "émissions. Une ligne qui n'en a pas d'autres y porte un tiret : ce n'est pas zéro, mais "
          "inconnu.",
          "Requests without an impact estimate (image, audio, video, or unknown model) are counted "
          "as requests, but neither in energy, nor in water, nor in emissions. A row that has no "
          "others has a dash there: that is not zero, but unknown."}},
    [TEXT_GRAPH_TITLE] =
        {{"Énergie par jour, valeur centrale, toutes directions (unité : sur l'axe)",
          "Energy per day, central value, all directions (unit: on the axis)"}},
    [TEXT_GRAPH_ALT] =
        {{"Graphique : énergie par jour local en {0}, toutes directions. Les mêmes données suivent "
          "en tableau.",
          "Graph: energy per local day in {0}, all directions. The same data follow as a table."}},
    [TEXT_GRAPH_MISSING] = {{"Le graphique n'a pas pu être tracé ; les totaux de ce rapport, lus "
                             "dans le registre, n'en dépendent pas.",
                             "The graph could not be drawn; the totals of this report, read from "
                             "the ledger, do not depend on it."}},
    [TEXT_GRAPH_HIDDEN] =
        {{"Les jours où aucun couple (direction, service) ne compte {0} appareils (bandes "
          "grises du graphique) ne sont pas montrés, ni un autre qui permettrait de les retrouver "
          "par "
          "soustraction.",
          "Days on which no direction–service pair has {0} devices (grey bands of the "
          "graph) are not shown, nor another one from which they could be found by subtraction."}},
    [TEXT_DAYS_SUMMARY] = {{"Les mêmes données en tableau : l'énergie de chaque jour",
                            "The same data as a table: the energy of each day"}},
    [TEXT_CAPTION_DAYS] =
        {{"Énergie par jour local, valeur centrale, toutes directions et tous services",
          "Energy per local day, central value, all directions and services"}},
    [TEXT_DAY] = {{"Jour", "Day"}},
    [TEXT_DAY_NOTHING] = {{"aucun usage mesuré", "no use was metered"}},
    [TEXT_DAY_HIDDEN] = {{"non montré", "not shown"}},
    [TEXT_DAYS_HIDDEN] = {{"Jours non montrés, ensemble", "Days not shown, together"}},
    [TEXT_DAYS_NOTE] =
        {{"La somme de ces lignes est le total du mois. Un jour n'a que sa valeur centrale : avec "
          "les valeurs basse et haute, dont le rapport diffère d'un service à l'autre, on "
          "pourrait calculer l'usage d'un service que peu d'appareils ont utilisé ce jour-là.",
          "The sum of these rows is the month's total. A day has its central value alone: with the "
          "low and the high one, whose ratio differs between services, one could compute the use "
          "of a service that few devices used on that day."}},
    [TEXT_COVERAGE_SENTENCE] = {{"La mesure a fonctionné {0} h sur {1} h, soit {2} % de la "
                                 "période. Rien n'est extrapolé au temps non couvert.",
                                 "The measurement ran for {0} h out of {1} h, {2} % of the period. "
                                 "Nothing is extrapolated to the time not covered."}},
    [TEXT_COVERAGE_NONE] =
        {{"La mesure n'a déclaré aucun temps d'observation : les chiffres de ce rapport ne peuvent "
          "pas être rapportés à une durée.",
          "The measurement declared no observation time: the figures of this report cannot be "
          "related to a duration."}},
    [TEXT_COVERAGE_NOTE] =
        {{"Un nom est celui du serveur, lu à l'ouverture d'une connexion chiffrée. Proportions : "
          "des paquets reçus, des connexions, des connexions chiffrées. Ce qu'une version "
          "plus ancienne ne distinguait pas compte pour zéro pendant qu'elle mesurait.",
          "A name is that of the server, read when an encrypted connection opens. Proportions: of "
          "packets received, of connections, of encrypted connections. What an older version "
          "did not tell apart counts as zero for the time it measured."}},
    [TEXT_QUANTITY] = {{"Grandeur", "Quantity"}},
    [TEXT_VALUE] = {{"Valeur", "Value"}},
    [TEXT_MEANING] = {{"Signification", "Meaning"}},
    [TEXT_PROPORTION] = {{"Proportion", "Proportion"}},
    [TEXT_EFFECT] = {{"Effet sur les chiffres", "What it means for the figures"}},
    [TEXT_COVERED_TIME] = {{"Temps observé (s)", "Time observed (s)"}},
    [TEXT_PACKETS] = {{"Paquets reçus", "Packets received"}},
    [TEXT_PACKETS_DROPPED] = {{"Paquets perdus avant analyse", "Packets lost before analysis"}},
    [TEXT_PACKETS_FILTERED] = {{"Paquets comptés par le noyau, non examinés",
                                "Packets counted by the kernel, not looked at"}},
    [TEXT_PACKETS_DUPLICATE] = {{"Paquets reçus en double", "Packets received twice"}},
    [TEXT_PACKETS_UNDECODABLE] = {{"Paquets illisibles", "Packets that could not be decoded"}},
    [TEXT_PACKETS_TRUNCATED] = {{"Illisibles : en-tête coupé à la capture",
                                 "Not decoded: header cut by the capture"}},
    [TEXT_PACKETS_CORRUPT] = {{"Illisibles : en-tête contradictoire",
                               "Not decoded: header contradicts itself"}},
    [TEXT_PACKETS_FRAGMENTED] = {{"Illisibles : morceaux non réunis",
                                  "Not decoded: fragments not put together"}},
    [TEXT_PACKETS_UNSPECIFIED] = {{"Illisibles : motif non enregistré",
                                   "Not decoded: reason not recorded"}},
    [TEXT_PACKETS_OTHER] = {{"Paquets d'autres protocoles", "Packets of other protocols"}},
    [TEXT_FLOWS] = {{"Connexions", "Connections"}},
    [TEXT_FLOWS_EVICTED] = {{"Connexions oubliées faute de place",
                             "Connections forgotten for lack of room"}},
    [TEXT_FLOWS_UNTRACKED] = {{"Connexions à un service connu, non suivies faute de place",
                               "Connections to a known service, not followed for lack of room"}},
    [TEXT_FLOWS_ENCRYPTED] = {{"Connexions chiffrées (TLS et QUIC)",
                               "Encrypted connections (TLS and QUIC)"}},
    [TEXT_NAMES_SEEN] = {{"Connexions chiffrées dont le nom a été lu",
                          "Encrypted connections whose name was read"}},
    [TEXT_NAMES_QUIC] = {{"Dont le nom a été lu, en QUIC (HTTP/3)",
                          "Whose name was read, over QUIC (HTTP/3)"}},
    [TEXT_NAMES_HINTED] = {{"Connexions chiffrées dont seule une réponse DNS dit le service",
                            "Encrypted connections whose service only a DNS answer tells"}},
    [TEXT_NAMES_ENCRYPTED] = {{"Connexions dont le nom est chiffré (ECH), sans indice DNS",
                               "Connections whose name is encrypted (ECH), without a DNS hint"}},
    [TEXT_NAMES_MISSING] = {{"Connexions chiffrées sans nom lisible ni indice DNS",
                             "Encrypted connections without a readable name or a DNS hint"}},
    [TEXT_FLOWS_ONE_WAY] = {{"Connexions chiffrées, vues dans un seul sens",
                             "Encrypted connections seen one way only"}},
    [TEXT_FLOWS_RESOLVER] = {{"Connexions à un résolveur DNS chiffré (DoH, DoT, DoQ)",
                              "Connections to an encrypted DNS resolver (DoH, DoT, DoQ)"}},
    [TEXT_DNS_ANSWERS] = {{"Réponses DNS lues en clair", "DNS answers read in clear"}},
    [TEXT_DNS_UNASKED] = {{"dont la question n'a pas été vue",
                           "of which the question was not seen"}},
    [TEXT_HINTS_DISPLACED] = {{"Indices du DNS oubliés trop tôt, faute de place",
                               "DNS hints forgotten early, for lack of room"}},
    [TEXT_BYTES_LOST] = {{"Octets jamais vus dans les connexions suivies",
                          "Bytes never seen in the connections followed"}},
    [TEXT_CLOCK_STEPS] = {{"Reculs de l'horloge", "Backward clock steps"}},
    [TEXT_LOCAL_EXCHANGES] = {{"Échanges avec un serveur local, lus en clair",
                               "Exchanges with a local server, read in clear"}},
    [TEXT_LOCAL_UNASSIGNED] = {{"dont la direction n'est pas dans la configuration",
                                "of which the direction is not in the configuration"}},
    [TEXT_LOCAL_UNSTATED] = {{"dont le serveur n'a pas dit tous les jetons",
                              "of which the server did not state all tokens"}},
    [TEXT_LOCAL_UNREAD] = {{"dont la compression n'est pas de celles qui sont lues",
                            "of which the compression is not one that is read"}},
    [TEXT_LOCAL_ELSEWHERE] = {{"calculés ailleurs, sans service déclaré pour cela",
                               "computed elsewhere, without a service declared for that"}},
    [TEXT_LOCAL_LOST] = {{"dont la fin n'a pas été vue", "of which the end was not seen"}},
    [TEXT_LOCAL_REFUSED] = {{"Connexions à un serveur local, ambiguës ou sans HTTP/1 en clair",
                             "Connections to a local server, ambiguous or no HTTP/1 in clear"}},
    [TEXT_LOCAL_EVICTED] = {{"Connexions à un serveur local, oubliées faute de place",
                             "Connections to a local server forgotten for lack of room"}},
    [TEXT_COVERED_TIME_EFFECT] = {{"Rien n'est estimé pour le reste de la période.",
                                   "Nothing is estimated for the rest of the period."}},
    [TEXT_PACKETS_EFFECT] = {{"Ce que le réseau a montré à la mesure.",
                              "What the network showed to the measurement."}},
    [TEXT_PACKETS_DROPPED_EFFECT] = {{"L'usage qui s'y trouvait n'est pas compté.",
                                      "The use they held is not counted."}},
    [TEXT_PACKETS_FILTERED_EFFECT] = {{"Suite de connexions sans rapport avec un service suivi, "
                                       "accusés de réception sans contenu, autres datagrammes : "
                                       "aucun usage n'en dépend.",
                                       "The rest of connections of no known service, "
                                       "acknowledgements without content, other datagrams: no use "
                                       "depends on them."}},
    [TEXT_PACKETS_DUPLICATE_EFFECT] = {{"Copies dues au port miroir : comptées une seule fois.",
                                        "Copies that the mirror port made: counted once."}},
    [TEXT_PACKETS_UNDECODABLE_EFFECT] = {{"Non comptés ; les motifs suivent.",
                                          "Not counted; the reasons follow."}},
    [TEXT_PACKETS_TRUNCATED_EFFECT] =
        {{"Un réglage de la capture (snap_length) les rendrait lisibles.",
          "A setting of the capture (snap_length) would make them readable."}},
    [TEXT_PACKETS_CORRUPT_EFFECT] = {{"Erreurs de transmission ou trafic anormal.",
                                      "Transmission errors or abnormal traffic."}},
    [TEXT_PACKETS_FRAGMENTED_EFFECT] =
        {{"Des morceaux manquaient ; l'usage qui s'y trouvait n'est pas compté.",
          "Pieces were missing; the use they held is not counted."}},
    [TEXT_PACKETS_UNSPECIFIED_EFFECT] =
        {{"Notés par une version qui ne distinguait pas les motifs.",
          "Recorded by a version that did not tell the reasons apart."}},
    [TEXT_PACKETS_OTHER_EFFECT] = {{"Bien formés, mais d'une sorte qui n'est pas suivie.",
                                    "Well formed, but of a kind that is not followed."}},
    [TEXT_FLOWS_EFFECT] = {{"Toutes celles qui ont commencé, vers n'importe quel service.",
                            "All that began, to any service."}},
    [TEXT_FLOWS_EVICTED_EFFECT] =
        {{"Celles d'un service connu sont oubliées les dernières ; sinon, usage sous-estimé.",
          "Those to a known service are forgotten last; if they are, use is underestimated."}},
    [TEXT_FLOWS_UNTRACKED_EFFECT] = {{"Usage non compté : le total est sous-estimé.",
                                      "Use not counted: the total is underestimated."}},
    [TEXT_FLOWS_ENCRYPTED_EFFECT] = {{"La base des proportions qui suivent.",
                                      "What the proportions below relate to."}},
    [TEXT_NAMES_SEEN_EFFECT] =
        {{"Attribuées : le nom du serveur dit s'il s'agit d'un service connu.",
          "Attributed: the server's name tells whether it is a known service."}},
    [TEXT_NAMES_QUIC_EFFECT] = {{"Attribuées de la même façon.", "Attributed in the same way."}},
    [TEXT_NAMES_HINTED_EFFECT] = {{"Attribuées, moins sûrement que par un nom.",
                                   "Attributed, less surely than by a name."}},
    [TEXT_NAMES_ENCRYPTED_EFFECT] = {{"Non attribuées : l'usage qui s'y trouvait n'est pas compté.",
                                      "Not attributed: the use they held is not counted."}},
    [TEXT_NAMES_MISSING_EFFECT] = {{"Non attribuées : l'usage qui s'y trouvait n'est pas compté.",
                                    "Not attributed: the use they held is not counted."}},
    [TEXT_FLOWS_ONE_WAY_EFFECT] =
        {{"Requêtes ou réponses invisibles : usage estimé moins sûrement, ou pas du tout.",
          "Requests or answers unseen: use estimated less surely, or not at all."}},
    [TEXT_FLOWS_RESOLVER_EFFECT] =
        {{"Réponses cachées : moins d'indices pour les connexions sans nom lisible.",
          "Answers hidden: fewer hints for connections without a readable name."}},
    [TEXT_DNS_ANSWERS_EFFECT] =
        {{"Indices pour les connexions sans nom lisible ; aucune n'est enregistrée.",
          "Hints for connections without a readable name; none is recorded."}},
    [TEXT_DNS_UNASKED_EFFECT] =
        {{"Peut-être falsifiées : elles ne donnent un indice que si la configuration le dit.",
          "Perhaps forged: they give a hint only when the configuration says so."}},
    [TEXT_HINTS_DISPLACED_EFFECT] =
        {{"Des connexions sans nom lisible ont pu rester non attribuées.",
          "Connections without a readable name may have stayed unattributed."}},
    [TEXT_BYTES_LOST_EFFECT] = {{"Les jetons de ces réponses sont sous-estimés.",
                                 "The tokens of these answers are underestimated."}},
    [TEXT_CLOCK_STEPS_EFFECT] = {{"L'intervalle en cours est recommencé ; rien n'est perdu.",
                                  "The running interval begins anew; nothing is lost."}},
    [TEXT_LOCAL_EXCHANGES_EFFECT] = {{"Jetons comptés par le serveur lui-même, sauf mention.",
                                      "Tokens counted by the server itself, unless noted."}},
    [TEXT_LOCAL_UNASSIGNED_EFFECT] =
        {{"Comptés, mais à aucune direction : compléter la configuration.",
          "Counted, but to no direction: complete the configuration."}},
    [TEXT_LOCAL_UNSTATED_EFFECT] = {{"Ces jetons sont estimés, avec leur fourchette.",
                                     "Those tokens are estimated, with their band."}},
    [TEXT_LOCAL_UNREAD_EFFECT] =
        {{"Requêtes comptées ; jetons estimés d'après la taille compressée : trop bas (E).",
          "Requests counted; tokens estimated from the compressed size: too low (E)."}},
    [TEXT_LOCAL_ELSEWHERE_EFFECT] =
        {{"Requêtes comptées ; leur énergie, dépensée ailleurs, n'est pas estimée.",
          "Requests counted; their energy, spent elsewhere, is not estimated."}},
    [TEXT_LOCAL_LOST_EFFECT] = {{"Jetons estimés : une partie de l'échange n'a pas été vue.",
                                 "Tokens estimated: part of the exchange was not seen."}},
    [TEXT_LOCAL_REFUSED_EFFECT] = {{"Deux programmes pourraient les lire différemment, ou rien n'y "
                                    "est lisible (TLS, HTTP/2) : "
                                    "leur suite n'est pas comptée.",
                                    "Two programs could read them differently, or nothing can be "
                                    "read there (TLS, HTTP/2): the "
                                    "rest of them is not counted."}},
    [TEXT_LOCAL_EVICTED_EFFECT] = {{"La suite de ces connexions n'est pas comptée.",
                                    "The rest of those connections is not counted."}},
    [TEXT_METHOD_TOKENS] =
        {{"Le trafic des services connus est reconnu par le nom du serveur, par celui qu'un "
          "client dit à un mandataire ou, à défaut, par la dernière réponse DNS. Les requêtes et "
          "les jetons sont estimés d'après la taille et le rythme des réponses chiffrées, sans les "
          "déchiffrer.",
          "The traffic of known services is recognised by the server's name, by the one that a "
          "client tells a proxy or, failing that, by the last answer of the DNS. Requests and "
          "tokens are estimated from the size and rhythm of the encrypted answers, without "
          "decrypting them."}},
    [TEXT_METHOD_IMPACT] =
        {{"Les jetons en sortie sont multipliés par des facteurs publiés, méthode A : {0} "
          "({1}). L'énergie comprend les serveurs et le centre de données (PUE). Les émissions "
          "comprennent l'électricité, comptée selon le lieu, et la fabrication des serveurs. L'eau "
          "comprend celle du centre de données (WUE) et celle de la production d'électricité.",
          "Output tokens are multiplied by published factors, method A: {0} ({1}). Energy "
          "includes servers and data centre (PUE). Emissions include electricity, location-based, "
          "and the manufacture of servers. Water includes that of the data centre (WUE) and of "
          "electricity generation."}},
    [TEXT_METHOD_BAND] =
        {{"Chaque chiffre porte une fourchette. Les erreurs d'un service sont systématiques et "
          "ne se compensent pas : les bornes basses s'additionnent entre elles, les bornes hautes "
          "aussi.",
          "Each figure carries a band. The errors of a service are systematic and do not cancel "
          "out: low ends are added to low ends, high ends to high ends."}},
    [TEXT_METHOD_SHARES] =
        {{"Dans cette version, tous les impacts sont estimés : aucun n'est mesuré sur une machine, "
          "aucun n'est compté par un fournisseur.",
          "In this version all impacts are estimated: none is measured on a machine, none is "
          "counted by a provider."}},
    [TEXT_METHOD_MEASURED] =
        {{"L'énergie du serveur local est mesurée sur ses machines, ses jetons sont comptés ; tout "
          "le reste est estimé, rien n'est compté par un fournisseur. Où les deux se mêlent, la "
          "part mesurée de l'énergie est indiquée.",
          "The energy of the local server is measured at its machines and its tokens are counted; "
          "all the rest is estimated, nothing is counted by a provider. Where both are in one "
          "figure, the measured part of the energy is told."}},
    [TEXT_ORIGINS] = {{"Origine des chiffres (parts de l'énergie)",
                       "Origin of the figures (shares of energy)"}},
    [TEXT_QUALITY] = {{"Qualité des données : note {0}, soit {1} sur 5 (1 est la meilleure). Une "
                       "somme prend la moins bonne note de ses parties.",
                       "Data quality: grade {0}, or {1} on a scale of 5 (1 is best). A sum takes "
                       "the worst grade of its parts."}},
    [TEXT_QUALITY_NONE] = {{"Qualité des données : sans objet, aucun jeton n'a été estimé.",
                            "Data quality: not applicable, no token was estimated."}},
    [TEXT_GRADES] = {{"Notes de qualité", "Quality grades"}},
    [TEXT_GRADE] = {{"Note", "Grade"}},
    [TEXT_GRADE_A] = {{"captures réseau, vérité exacte connue", "wire captures with exact truth"}},
    [TEXT_GRADE_B] = {{"flux enregistrés, avec le décompte du fournisseur",
                       "recorded streams with the provider's own counts"}},
    [TEXT_GRADE_C] = {{"captures réseau, vérité approchée", "wire captures, approximate truth"}},
    [TEXT_GRADE_D] = {{"format connu, aucune capture", "format known, no captures"}},
    [TEXT_GRADE_E] = {{"avis d'expert", "expert guess"}},
    [TEXT_MEASURED] = {{"Mesuré", "Measured"}},
    [TEXT_COUNTED] = {{"Compté", "Counted"}},
    [TEXT_ESTIMATED] = {{"Estimé", "Estimated"}},
    [TEXT_CALIBRATIONS] =
        {{"Étalonnages en vigueur dans le mois (en dehors de leurs dates, les estimateurs sont "
          "ceux "
          "qui sont livrés) : {0}.",
          "Calibrations in use in the month (outside of their dates, the estimators are those that "
          "are shipped): {0}."}},
    [TEXT_CALIBRATION_SINCE] = {{"à partir du {0}", "from {0}"}},
    [TEXT_CALIBRATION_UNTIL] = {{"jusqu'au {0}", "until {0}"}},
    [TEXT_VINTAGES] = {{"Millésime des facteurs appliqués au mois : {0}.",
                        "Vintage of the factors applied to the month: {0}."}},
    [TEXT_VINTAGE_OTHER] =
        {{"Attention : une partie du mois a été calculée avec un autre millésime que celui dont "
          "les facteurs sont listés ici ({0}).",
          "Beware: part of the month was computed with another vintage than the one whose factors "
          "are listed here ({0})."}},
    [TEXT_FACTORS_WHOLE] =
        {{"Les facteurs de tous les services du catalogue sont listés, utilisés ou non, pour que "
          "la liste ne dise pas quels services ont servi à quelques appareils.",
          "The factors of all services of the catalogue are listed, used or not, so that the list "
          "does not tell which services a few devices used."}},
    [TEXT_FACTORS_NONE] = {{"Aucun facteur n'a servi.", "No factor was used."}},
    [TEXT_FACTORS_SERVICES] = {{"Services : modèle, hébergeur et zone électrique supposés",
                                "Services: model, host and electricity zone assumed"}},
    [TEXT_FACTORS_METHOD] = {{"Méthode A : coefficients", "Method A: coefficients"}},
    [TEXT_FACTORS_MODELS] = {{"Modèles", "Models"}},
    [TEXT_FACTORS_PROVIDERS] = {{"Hébergeurs : centre de données", "Hosts: data centre"}},
    [TEXT_FACTORS_ZONES] = {{"Électricité par zone", "Electricity by zone"}},
    [TEXT_MODEL] = {{"Modèle", "Model"}},
    [TEXT_PROVIDER] = {{"Hébergeur", "Host"}},
    [TEXT_ZONE] = {{"Zone", "Zone"}},
    [TEXT_YEAR] = {{"Année", "Year"}},
    [TEXT_SCOPE] = {{"Périmètre", "Scope"}},
    [TEXT_SOURCE] = {{"Source", "Source"}},
    [TEXT_LICENCE] = {{"Licence", "Licence"}},
    [TEXT_METHOD] = {{"Méthode", "Method"}},
    [TEXT_METHOD_B_NOTE] =
        {{"Pour les services marqués B, l'énergie vient d'un ajustement sur des mesures de cartes "
          "graphiques : la part de l'hôte et des machines en attente s'y ajoute, les jetons en "
          "entrée comptent.",
          "For services marked B, energy comes from a fit on measurements of GPUs: the shares of "
          "the "
          "host and of waiting machines are added, input tokens count."}},
    [TEXT_FACTORS_METHOD_B] = {{"Méthode B : coefficients (bas / central / haut)",
                                "Method B: coefficients (low / central / high)"}},
    [TEXT_ESTIMATOR] = {{"Estimateur de jetons", "Token estimator"}},
    [TEXT_PARAMETERS_TOTAL] = {{"Paramètres, total (10⁹)", "Parameters, total (10⁹)"}},
    [TEXT_PARAMETERS_ACTIVE] = {{"Paramètres actifs (10⁹)", "Active parameters (10⁹)"}},
    [TEXT_TOKENS_PER_SECOND] = {{"Jetons/s", "Tokens/s"}},
    [TEXT_FIRST_TOKEN] = {{"Premier jeton (s)", "First token (s)"}},
    [TEXT_PUE] = {{"PUE", "PUE"}},
    [TEXT_WUE] = {{"WUE (L/kWh)", "WUE (L/kWh)"}},
    [TEXT_WATER_VARIANT] = {{"Eau (autre convention)", "Water (other convention)"}},
    [TEXT_EWIF_NOTE] =
        {{"L'eau de la production d'électricité dépend beaucoup de la convention (évaporation des "
          "réservoirs hydroélectriques comprise ou non) : pour la France, le choix la change d'un "
          "facteur quatre environ.",
          "The water of electricity generation depends much on the convention (evaporation of "
          "hydropower reservoirs included or not): for France the choice changes it about "
          "fourfold."}},
    [TEXT_UNKNOWN] = {{"inconnu", "unknown"}},
    [TEXT_RESTATED] =
        {{"Ce mois a été révisé (révision n° {0} du {1}, facteurs du millésime {2}) : énergie {3} "
          "kWh "
          "au lieu de {4}, eau {5} L au lieu de {6}, gaz à effet de serre {7} kgCO₂e au lieu de "
          "{8}. "
          "Les chiffres de ce rapport restent ceux qui ont été enregistrés.",
          "This month was restated (statement {0} of {1}, factors of vintage {2}): energy {3} kWh "
          "instead of {4}, water {5} L instead of {6}, greenhouse gases {7} kgCO₂e instead of {8}. "
          "The figures of this report remain those that were recorded."}},
    [TEXT_RESTATE_TITLE] = {{"Révision n° {0} : {1}, avec les facteurs du millésime {2}",
                             "Statement {0}: {1}, restated with the factors of vintage {2}"}},
    [TEXT_RESTATE_MADE] = {{"Faite le {0} (iagmeter {1}). Enregistré avec les millésimes : {2}.",
                            "Made on {0} (iagmeter {1}). Recorded with the vintages: {2}."}},
    [TEXT_RESTATE_KEPT] =
        {{"L'activité et les chiffres enregistrés restent ce qu'ils sont ; l'ancien et le nouveau "
          "sont "
          "conservés. Un service sans modèle aujourd'hui garde ses chiffres.",
          "Activity and recorded figures remain as they are; old and new are both kept. A service "
          "without a model today keeps its figures."}},
    [TEXT_RESTATE_WITHHELD] =
        {{"{0} mois sur {1} n'ont que leur couverture au rapport (moins de {2} appareils) : ils ne "
          "sont pas comptés ici.",
          "{0} of {1} months have only their coverage in the report (fewer than {2} devices): they "
          "are not counted here."}},
    [TEXT_RESTATE_RECORDED] = {{"enregistré", "recorded"}},
    [TEXT_RESTATE_RESTATED] = {{"révisé", "restated"}},
    [TEXT_RESTATE_CHANGE] = {{"écart", "change"}},
    [TEXT_RESTATE_CAUSES] = {{"D'où vient l'écart (valeurs centrales)",
                              "Where the change comes from (central values)"}},
    [TEXT_RESTATE_NO_CHANGE] = {{"Aucun écart : les mêmes facteurs donnent les mêmes chiffres.",
                                 "No change: the same factors give the same figures."}},
    [TEXT_RESTATE_CONFIGURATION] = {{"modèles supposés, configuration",
                                     "assumed models, configuration"}},
    [TEXT_RESTATE_MODELS] = {{"taille et débit des modèles", "size and speed of models"}},
    [TEXT_RESTATE_METHOD] = {{"coefficients de la méthode", "coefficients of the method"}},
    [TEXT_RESTATE_DATA_CENTRES] = {{"centres de données (PUE, WUE, lieu)",
                                    "data centres (PUE, WUE, place)"}},
    [TEXT_RESTATE_ELECTRICITY] = {{"électricité (gaz, métaux)", "electricity (gases, metals)"}},
    [TEXT_RESTATE_WATER] = {{"eau de l'électricité", "water of the electricity"}},
    [TEXT_RESTATE_NOT_AT_HAND] = {{"anciens facteurs absents", "old factors not at hand"}},
    [TEXT_RESTATE_NAMES] =
        {{"« iagmeter explain NOM » explique le chiffre révisé ; où l'indicateur manque, l'ajouter "
          ": "
          "NOM/energy_kwh, NOM/water_l, NOM/gwp_kgco2e, NOM/adpe_kgsb. « @restated-from » à la "
          "place de "
          "« @restated » : l'enregistré ; « @restated-change » : l'écart en pour cent.",
          "“iagmeter explain NAME” explains the restated figure; where the indicator is missing, "
          "add it: "
          "NAME/energy_kwh, NAME/water_l, NAME/gwp_kgco2e, NAME/adpe_kgsb. “@restated-from” "
          "instead of "
          "“@restated”: as recorded; “@restated-change”: the change in percent."}},
    [TEXT_RESTATE_RANDOM_NOTE] =
        {{"Ce qui distingue une réponse d'une autre est aléatoire : il en reste {0} % (écart-type) "
          "des jetons en sortie, les mêmes avant et après. Ni les fourchettes ni le changement "
          "n'en "
          "dépendent.",
          "What one answer differs from another by is random: {0} % of the output tokens (standard "
          "deviation) are left of it, the same before and after. Neither the bands nor the change "
          "depend on it."}},
    [TEXT_RESTATE_FOLDED_NOTE] =
        {{"« Autres » : ce que les rapports mensuels regroupent (moins de {0} appareils). Cette "
          "part reste telle qu'enregistrée, ici et dans le total : recalculée avec d'autres "
          "facteurs, elle renseignerait sur l'usage de peu d'appareils.",
          "“Other”: what the monthly reports fold (fewer than {0} devices). It stays as recorded, "
          "here and in the total: computed with other factors, it would tell about the use of few "
          "devices."}},
    [TEXT_RESTATE_PASSES] = {{"(!) énergie, eau ou gaz à effet de serre changent de plus de {0} %.",
                              "(!) energy, water or greenhouse gases change by more than {0} %."}},
    [TEXT_RESTATE_LISTED] = {{"n° {0} : {1}, millésime {2}, le {3}",
                              "{0}: {1}, vintage {2}, on {3}"}},
    [TEXT_LIMIT_SCOPE] =
        {{"Seul l'usage qui passe par le réseau observé est vu : ni le télétravail hors du réseau "
          "de la collectivité, ni les téléphones en réseau mobile.",
          "Only use that crosses the observed network is seen: neither remote work outside the "
          "authority's network, nor telephones on mobile networks."}},
    [TEXT_LIMIT_TRAINING] = {{"L'entraînement des modèles n'est pas compté.",
                              "The training of models is not counted."}},
    [TEXT_LIMIT_TERMINALS] = {{"Les terminaux des agents et les réseaux ne sont pas comptés.",
                               "The users' terminals and the networks are not counted."}},
    [TEXT_LIMIT_INPUT] =
        {{"Les jetons en entrée ne coûtent rien dans la méthode A ; leur nombre est indicatif, car "
          "un texte tapé ne se distingue pas du reste de la requête.",
          "Input tokens cost nothing in method A; their number is indicative, since typed text "
          "cannot be told from the rest of the request."}},
    [TEXT_LIMIT_REASONING] =
        {{"Les jetons de raisonnement cachés ne passent pas sur le réseau et ne sont pas comptés : "
          "l'impact des modèles qui raisonnent est sous-estimé.",
          "Hidden reasoning tokens never cross the network and are not counted: the impact of "
          "reasoning models is underestimated."}},
    [TEXT_LIMIT_BATCH] =
        {{"La méthode A suppose un nombre fixe de requêtes servies ensemble ; la valeur réelle, "
          "inconnue, peut changer l'énergie de plusieurs fois.",
          "Method A assumes a fixed number of requests served together; the real one, unknown, can "
          "change the energy several times over."}},
    [TEXT_LIMIT_MEDIA] =
        {{"L'impact des images, du son et de la vidéo n'est pas dans les totaux ; seul celui des "
          "images est estimé, à part et là où le modèle supposé en est connu.",
          "The impact of images, audio and video is not in the totals; that of images alone is "
          "estimated, apart from them and where the model assumed is known."}},
    [TEXT_LIMIT_UNKNOWN] = {{"Les services absents du catalogue ne sont pas comptés.",
                             "Services that are not in the catalogue are not counted."}},
    [TEXT_LIMIT_BAND] =
        {{"Les fourchettes ne comprennent pas toutes les incertitudes, notamment celle de la "
          "méthode A elle-même : ce ne sont pas des bornes garanties.",
          "The bands do not include every uncertainty, notably that of method A itself: they are "
          "not guaranteed bounds."}},
    [TEXT_LIMIT_ELECTRICITY] =
        {{"L'électricité est comptée selon le mix moyen du lieu supposé des serveurs, sans tenir "
          "compte des contrats d'électricité verte.",
          "Electricity is counted by the average mix of the place where servers are assumed to be, "
          "regardless of green electricity contracts."}},
    [TEXT_LIMIT_MARGINS] =
        {{"Un service n'est compté dans sa ligne que pour les directions où assez d'appareils "
          "l'utilisent : son absence du tableau ne prouve pas son absence du réseau.",
          "A service's row counts only the directions in which enough devices use it: its absence "
          "from the table does not prove its absence from the network."}},
    [TEXT_EXPLAIN_HOW] =
        {{"D'où vient un chiffre de ces tableaux ? Chacun a un nom, ici « {0} » : le mois, la "
          "direction, "
          "le service (un point pour tous) et l'indicateur. La commande « iagmeter explain {0} "
          "--format html » écrit la page qui refait son calcul, étape par étape.",
          "Where does a figure of these tables come from? Each has a name, here “{0}”: the month, "
          "the "
          "direction, the service (a point for all) and the indicator. The command “iagmeter "
          "explain {0} --format html” writes the page that computes it again, step by step."}},
    [TEXT_HEAD_OBJECTIVES] = {{"Objectifs de l'année {0}", "Objectives of {0}"}},
    [TEXT_OBJECTIVES_UNTIL] =
        {{"Au {0}, l'année est passée à {1} %, et couverte par la mesure à {2} %. Ce qui n'est pas "
          "couvert n'est pas dans le consommé.",
          "Up to {0}: {1} % of the year has passed, {2} % was covered by the measurement. What was "
          "not covered is not in what is used."}},
    [TEXT_OBJECTIVES_NOTE] =
        {{"Consommé : la somme des chiffres qu'impriment les rapports des mois de l'année ; pour "
          "une direction, ceux de sa ligne, sans ce qui est regroupé dans « Autres ». Si l'un de "
          "ces rapports n'a pas de ligne pour elle (moins de {0} appareils, ou aucun usage), ce "
          "mois n'est pas compté, et c'est dit. Trajectoire : le budget, au prorata du temps "
          "passé. Projection : le "
          "consommé, plus le rythme des {1} derniers mois couverts à {2} % au moins pour tout le "
          "temps qui reste ; la fourchette va jusqu'à ce que donnerait le rythme de tous les mois "
          "de l'année. Sans {1} tels mois, il n'y a pas de projection.",
          "Used: the sum of the figures that the reports of the year's months print; for a "
          "direction, those of its row, without what is folded into “Other”. Where one of these "
          "reports has no row for it (fewer than {0} devices, or no use), that month is not "
          "counted, and this is said. Path: "
          "the budget, pro rata of the time passed. Projection: what is used, plus the rate of the "
          "last {1} months covered to {2} % at least for all the time that is left; the band "
          "reaches to what the rate of all months of the year would give. Without {1} such months "
          "there is no projection."}},
    [TEXT_CAPTION_OBJECTIVES] =
        {{"Budgets de l'année, ce qui en est consommé, et ce qui le serait à la fin de l'année.",
          "Budgets of the year, what is used of them, and what would be at the end of the year."}},
    [TEXT_BUDGET] = {{"Budget", "Budget"}},
    [TEXT_SPENT] = {{"Consommé", "Used"}},
    [TEXT_PATH] = {{"Trajectoire", "Path"}},
    [TEXT_PROJECTED] = {{"Projection au 31 décembre", "Projected to 31 December"}},
    [TEXT_FINDING] = {{"Constat", "Finding"}},
    [TEXT_OBJECTIVE_ALL] = {{"Toute la collectivité", "The whole authority"}},
    [TEXT_OBJECTIVE_OF] = {{"{0}, {1} :", "{0}, {1}:"}},
    [TEXT_OBJECTIVE_BUDGET] = {{"budget {0}.", "budget {0}."}},
    [TEXT_OBJECTIVE_SPENT] = {{"{0} sur {1} ; trajectoire {2}.", "{0} of {1}; path {2}."}},
    [TEXT_OBJECTIVE_YEAR_END] = {{"Fin d'année : {0}.", "Year end: {0}."}},
    [TEXT_OBJECTIVE_NO_PROJECTION] = {{"Pas encore de projection.", "No projection yet."}},
    [TEXT_OBJECTIVE_NO_MONTH] = {{"Aucun mois complet n'a encore été mesuré.",
                                  "No complete month was measured yet."}},
    [TEXT_OBJECTIVE_NOT_SHOWN] = {{"Non publié : aucun mois n'a de ligne (peu d'appareils, ou pas "
                                   "d'usage).",
                                   "Not shown: no month has a row (few devices, or no use)."}},
    [TEXT_OBJECTIVE_PARTLY_SHOWN] =
        {{"Au moins cela : les mois sans ligne dans leur rapport (peu d'appareils, regroupés dans "
          "« Autres », ou pas d'usage) ne sont pas comptés.",
          "At least that: months without a row in their report (few devices, folded into “other”, "
          "or no use) are not counted."}},
    [TEXT_OBJECTIVE_LITTLE_COVERED] = {{"Trop peu de temps couvert pour conclure.",
                                        "Too little time was covered to conclude."}},
    [TEXT_OBJECTIVE_ON_PATH] = {{"Dans la trajectoire.", "On the path."}},
    [TEXT_OBJECTIVE_PROJECTED_OVER] = {{"À ce rythme, le budget serait dépassé en fin d'année.",
                                        "At this rate the budget would be exceeded at the end of "
                                        "the year."}},
    [TEXT_OBJECTIVE_ABOVE_PATH] = {{"Au-dessus de la trajectoire.", "Above the path."}},
    [TEXT_OBJECTIVE_EXCEEDED] = {{"Le budget est dépassé.", "The budget is exceeded."}},
    [TEXT_WARNING] = {{"ATTENTION :", "WARNING:"}},
    [TEXT_DERIVED_TITLE] = {{"D'où vient {0}", "Where {0} comes from"}},
    [TEXT_DERIVED_TERMS] =
        {{"Les termes (basse / centrale / haute) ; entre crochets, ce que prend iagmeter explain :",
          "The terms (low / central / high); in brackets, what iagmeter explain takes:"}},
    [TEXT_DERIVED_RECOMPUTED] = {{"recalculé :", "recomputed:"}},
    [TEXT_DERIVED_REPORTED] = {{"dans le rapport :", "in the report:"}},
    [TEXT_DERIVED_AGREES] = {{"C'est le même nombre, au dernier chiffre.",
                              "This is the same number, to the last digit."}},
    [TEXT_DERIVED_DIFFERS] = {{"(!) Ce n'est pas le même nombre : signalez-le.",
                               "(!) This is not the same number: please report it."}},
    [TEXT_DERIVED_LEDGER] = {{"registre", "ledger"}},
    [TEXT_DERIVED_TOKENS] = {{"registre : jetons produits des minutes dont l'impact est estimé",
                              "ledger: output tokens of minutes whose impact is estimated"}},
    [TEXT_DERIVED_SHOWN_TOKENS] =
        {{"registre : jetons produits des minutes dont l'impact est estimé, sans ce qui est "
          "regroupé",
          "ledger: output tokens of minutes whose impact is estimated, without what is folded"}},
    [TEXT_DERIVED_GRID] = {{"moyenne des heures publiées par RTE (iagmeter import eco2mix)",
                            "mean of the hours that RTE published (iagmeter import eco2mix)"}},
    [TEXT_DERIVED_OBJECTIVES] = {{"conf/objectives.conf", "conf/objectives.conf"}},
    [TEXT_DERIVED_CALENDAR] = {{"calendrier", "calendar"}},
    [TEXT_DERIVED_DAY] =
        {{"registre : toutes les minutes de ce jour local, toutes directions et tous services ; "
          "leurs activités et leurs facteurs sont ceux du total du mois",
          "ledger: all minutes of this local day, all directions and services; their activity and "
          "factors are among those of the month's total"}},
    [TEXT_DERIVED_COVERAGE] = {{"couverture de ces mois", "coverage of these months"}},
    [TEXT_DERIVED_METERS] = {{"registre : compteurs du serveur local, toutes les lignes du mois",
                              "ledger: meters of the local host, all rows of the month"}},
    [TEXT_DERIVED_KEY] = {{"part donnée par la clé (host.conf, jetons pondérés du mois)",
                           "share by the key (host.conf, weighted tokens of the month)"}},
    [TEXT_DERIVED_HOST_ROWS] = {{"registre : toutes les lignes du serveur local, ce qui est "
                                 "regroupé compris",
                                 "ledger: all rows of the local host, what is folded included"}},
    [TEXT_DERIVED_UNSCATTERED] = {{"registre : minutes enregistrées sans leur part aléatoire",
                                   "ledger: minutes that were recorded without their random part"}},
    [TEXT_DERIVED_FOLDED_SCATTER] =
        {{"registre : usages regroupés, dont la part aléatoire n'est pas dite ; la règle en tient "
          "lieu",
          "ledger: what is folded, whose random part is not told; the rule stands for it"}},
    [TEXT_DERIVED_UNSCATTERED_OR_FOLDED] =
        {{"registre : minutes enregistrées sans leur part aléatoire, et usages regroupés, dont "
          "elle "
          "n'est pas dite",
          "ledger: minutes that were recorded without their random part, and what is folded, whose "
          "random part is not told"}},
    [TEXT_DERIVED_NO_SCATTER] = {{"les jetons sont comptés, ou il n'y en a pas",
                                  "tokens are counted, or there are none"}},
    [TEXT_DERIVED_NO_ENERGY] = {{"registre : aucune énergie n'est estimée",
                                 "ledger: no energy is estimated"}},
    [TEXT_DERIVED_NO_SHOWN_ENERGY] =
        {{"registre : aucune énergie n'est estimée hors de ce qui est regroupé",
          "ledger: no energy is estimated but of what is folded"}},
    [TEXT_DERIVED_NO_HOST] = {{"aucun serveur local n'est configuré, ou rien n'en est enregistré",
                               "no host of our own is configured, or nothing is recorded of it"}},
    [TEXT_DERIVED_NOT_COUNTED] = {{"aucun service n'annonce son énergie",
                                   "no service states its energy"}},
    [TEXT_DERIVED_DIRECTIONS] = {{"effectif déclaré dans conf/directions.conf",
                                  "headcount declared in conf/directions.conf"}},
    [TEXT_DERIVED_CAPTURE] = {{"registre : ce que la capture a compté, toutes les minutes du mois",
                               "ledger: what the capture counted, all minutes of the month"}},
    [TEXT_DERIVED_HIDDEN_MONTHS] = {{"mois de l'année dont le rapport ne montre pas cette ligne",
                                     "months of the year whose report does not show this line"}},
    [TEXT_DERIVED_CHAIN] = {{"chaîne de ce numéro, plus bas", "chain of that number, below"}},
    [TEXT_DERIVED_WIRE] = {{"registre : échanges captés avec le serveur local",
                            "ledger: exchanges captured with the local server"}},
    [TEXT_DERIVED_SERVER] = {{"registre : ce que le serveur local a compté lui-même",
                              "ledger: what the local server counted itself"}},
    [TEXT_DERIVED_WEIGHTS] = {{"registre : jetons du mois, pondérés selon host.conf",
                               "ledger: tokens of the month, weighted as host.conf says"}},
    [TEXT_DERIVED_NOT_TOLD] =
        {{"0 : l'usage de cette ligne n'est pas montré, ou nul ; il est dans ce reste",
          "0: the use of this line is not shown, or none; it is in this rest"}},
    [TEXT_DERIVED_STATEMENT] = {{"révision conservée (statements.db)",
                                 "kept statement (statements.db)"}},
    [TEXT_DERIVED_KNOWN_HOURS] = {{"registre : minutes des heures dont l'intensité est connue",
                                   "ledger: minutes of the hours whose intensity is held"}},
    [TEXT_DERIVED_HOURS] =
        {{"registre et grid/FRA.tsv : énergie de chaque minute × intensité de son heure",
          "ledger and grid/FRA.tsv: energy of each minute × intensity of its hour"}},
    [TEXT_DERIVED_CHAINS] = {{"De l'activité à l'impact, service par service, avec les facteurs de "
                              "ce calcul-là (sommes du mois) :",
                              "From activity to impact, service by service, with the factors of "
                              "that computation (sums of the month):"}},
    [TEXT_NAMES] = {{"iagmeter explain", "iagmeter explain"}},
    [TEXT_EXPLAIN_TITLE] = {{"D'où vient {0} : {1}, {2}", "Where {0} comes from: {1}, {2}"}},
    [TEXT_EXPLAIN_REPORTED] = {{"Ce que dit le rapport, valeurs complètes :",
                                "What the report says, full values:"}},
    [TEXT_EXPLAIN_PARTS] = {{"C'est la somme exacte, dans cet ordre, de :",
                             "This is the exact sum, in this order, of:"}},
    [TEXT_EXPLAIN_MINUTES] =
        {{"Lignes d'une minute dans le registre : {0} ; leur somme est exactement ce chiffre.",
          "Rows of one minute in the ledger: {0}; their sum is exactly this figure."}},
    [TEXT_EXPLAIN_FOLDED] =
        {{"« Autres » regroupe ce qui concerne moins de {0} appareils : ses services et ses "
          "directions ne sont pas détaillés, ici comme dans le rapport.",
          "“Other” folds what concerns fewer than {0} devices: its services and directions are not "
          "told, here as in the report."}},
    [TEXT_EXPLAIN_CHAIN] =
        {{"{0} : méthode {1}, modèle {2}, hébergeur {3}, électricité {4} (hypothèses)",
          "{0}: method {1}, model {2}, provider {3}, electricity {4} (assumptions)"}},
    [TEXT_EXPLAIN_MIX] =
        {{"Part de l'activité : {0}, dans le mélange de modèles supposé de {1} à {2} (exclu) ; {3} "
          "; qualité {4}",
          "Share of the activity: {0}, in the mix of models assumed from {1} until {2}; {3}; grade "
          "{4}"}},
    [TEXT_EXPLAIN_MIX_FROM] =
        {{"Part de l'activité : {0}, dans le mélange de modèles supposé depuis {1} ; {3} ; qualité "
          "{4}",
          "Share of the activity: {0}, in the mix of models assumed from {1}; {3}; grade {4}"}},
    [TEXT_EXPLAIN_MIX_UNTIL] =
        {{"Part de l'activité : {0}, dans le mélange de modèles supposé jusqu'à {2} (exclu) ; {3} "
          "; qualité {4}",
          "Share of the activity: {0}, in the mix of models assumed until {2}; {3}; grade {4}"}},
    [TEXT_EXPLAIN_MIX_EVER] =
        {{"Part de l'activité : {0}, dans le mélange de modèles supposé, sans limite de dates ; "
          "{3} ; qualité {4}",
          "Share of the activity: {0}, in the mix of models assumed at all times; {3}; grade {4}"}},
    [TEXT_EXPLAIN_CLASS] = {{"Le modèle {0} n'a pas de fiche : sa classe {1} en tient lieu.",
                             "There is no entry for the model {0}: its class {1} stands in."}},
    [TEXT_EXPLAIN_TOKENS] =
        {{"Activité (basse / centrale / haute) ; jetons estimés par {0}, qualité {1} :",
          "Activity (low / central / high); tokens estimated by {0}, grade {1}:"}},
    [TEXT_EXPLAIN_RANDOM] =
        {{"Part aléatoire des jetons en sortie, en plus : écart-type {0} % du total ; elle diminue "
          "avec le nombre de réponses, et compte dans la fourchette vraisemblable.",
          "Random part of the output tokens, besides: standard deviation {0} % of the sum; it "
          "shrinks "
          "as answers become many, and counts in the likely range."}},
    [TEXT_EXPLAIN_IMAGES] = {{"Images, en plus du total : {0} images × {1} kWh aux machines ({2} ; "
                              "{3} ; {4} ; qualité {5}) "
                              "× PUE {6} → {7} kWh et {8} kgCO₂e, électricité de la zone {9}.",
                              "Images, besides the total: {0} images × {1} kWh at the machines "
                              "({2}; {3}; {4}; grade {5}) × "
                              "PUE {6} → {7} kWh and {8} kgCO₂e, electricity of zone {9}."}},
    [TEXT_EXPLAIN_IMAGES_UNKNOWN] = {{"Images : {0}. Aucun chiffre d'impact n'est connu de ce "
                                      "service (services.conf : image_model).",
                                      "Images: {0}. No figure of impact is known of this service "
                                      "(services.conf: image_model)."}},
    [TEXT_EXPLAIN_NO_IMPACT] =
        {{"{0} : impact non estimé, aucun modèle n'est supposé ; les requêtes sont comptées.",
          "{0}: impact not estimated, no model is assumed; requests are counted."}},
    [TEXT_EXPLAIN_MODEL_GONE] =
        {{"{0} : enregistré avec un modèle que la configuration installée ne nomme plus ; son "
          "impact est celui du registre, rien ici ne peut le refaire.",
          "{0}: recorded with a model that the installed configuration no longer names; its impact "
          "is the ledger's, nothing here can compute it again."}},
    [TEXT_EXPLAIN_MEASURED] =
        {{"{0} : énergie mesurée sur les machines de « {1} », électricité de la zone {2}.",
          "{0}: energy measured at the machines of “{1}”, electricity of zone {2}."}},
    [TEXT_EXPLAIN_ACTIVE] =
        {{"Les joules au-dessus de la veille de chaque minute vont à qui l'appareil a servi "
          "pendant "
          "celle-ci, selon ses jetons pondérés ; leur somme est energy_j.",
          "The joules above idle of each minute go to whom the device served meanwhile, by "
          "weighted tokens; their sum is energy_j."}},
    [TEXT_EXPLAIN_COMMON] =
        {{"Veille et travail sans requête, à tout le monde : partagés par la clé du mois, {0}.",
          "Idle, and work without a request, which is everybody's: shared by the key of the month, "
          "{0}."}},
    [TEXT_EXPLAIN_FORMULAS_MEASURED] =
        {{"Calcul, des joules mesurés à l'impact (faible / central / fort : précision des "
          "compteurs) :",
          "Steps from measured joules to impact (low / central / high: accuracy of the meters):"}},
    [TEXT_EXPLAIN_DEVICES] =
        {{"Énergie des machines pendant le mois, en joules, répartie à nouveau "
          "minute par minute",
          "Energy of the machines in the month, in joules, shared again minute "
          "by minute"}},
    [TEXT_EXPLAIN_ITS_ENERGY] = {{"Part de ce chiffre", "Part of this figure"}},
    [TEXT_EXPLAIN_USED] = {{"Pendant des requêtes", "While requests ran"}},
    [TEXT_EXPLAIN_REPLAYED] = {{"Réparti à nouveau : {0} J ; dans le registre : {1} J.",
                                "Shared again: {0} J; in the ledger: {1} J."}},
    [TEXT_EXPLAIN_NO_DEVICES] =
        {{"Le détail par appareil n'est pas donné : il dirait l'usage de moins de {0} appareils.",
          "Details by device are not given: they would tell the use of fewer than {0} devices."}},
    [TEXT_EXPLAIN_FORMULAS_A] =
        {{"Formules de la méthode A, pour l'activité centrale, les facteurs à leur borne basse, "
          "puis à leur borne haute :",
          "Formulas of method A, for the central activity, the factors at their low end, then at "
          "their high end:"}},
    [TEXT_EXPLAIN_FORMULAS_B] =
        {{"Formules de la méthode B, pour l'activité centrale, les facteurs à leur borne basse, à "
          "leur valeur centrale, puis à leur borne haute :",
          "Formulas of method B, for the central activity, the factors at their low end, at their "
          "central value, then at their high end:"}},
    [TEXT_EXPLAIN_FACTORS] =
        {{"Facteurs, millésime {0} (puis année ; périmètre ; source ; licence ; qualité) :",
          "Factors, vintage {0} (then year; scope; source; licence; grade):"}},
    [TEXT_EXPLAIN_MEAN] = {{"moyenne géométrique", "geometric mean"}},
    [TEXT_EXPLAIN_RECOMPUTED] =
        {{"Recalcul avec les facteurs installés, millésime {0} (bas / central / haut) :",
          "Recomputed with the installed factors, vintage {0} (low / central / high):"}},
    [TEXT_EXPLAIN_BAND] =
        {{"Bas et haut combinent, en logarithmes, la bande de l'activité et celle des facteurs. Le "
          "registre calcule minute par minute et additionne ; les mêmes formules sur la somme du "
          "mois donnent donc presque la même chose.",
          "Low and high combine, in logarithms, the band of the activity and that of the factors. "
          "The ledger computes minute by minute and adds up; so the same formulas on the sum of "
          "the month give nearly the same."}},
    [TEXT_EXPLAIN_BY_MINUTE] = {{"minute par minute", "minute by minute"}},
    [TEXT_EXPLAIN_BY_MONTH] = {{"sur la somme du mois", "on the sum of the month"}},
    [TEXT_EXPLAIN_LEDGER] = {{"registre = rapport", "ledger = report"}},
    [TEXT_EXPLAIN_AGREES] =
        {{"Chaque minute recalculée donne l'impact du registre, à {0} près (écart relatif).",
          "Each minute, recomputed, gives the ledger's impact to {0} (relative)."}},
    [TEXT_EXPLAIN_DIFFERS] =
        {{"Le recalcul s'écarte du registre, d'au plus {0} % pour une minute :",
          "What is recomputed differs from the ledger, by at most {0} % for a minute:"}},
    [TEXT_EXPLAIN_NOT_RECOMPUTED] =
        {{"« Autres » n'est pas recalculé : les fichiers de configuration ont changé depuis, et un "
          "second calcul renseignerait sur quelques appareils.",
          "“Other” is not recomputed: the configuration files have changed since, and a second "
          "computation would tell about a few devices."}},
    [TEXT_EXPLAIN_OTHER_VINTAGE] =
        {{"une partie a été enregistrée avec un millésime qui n'est plus celui installé : les "
          "formules et facteurs ci-dessus ne sont pas ceux de cette partie.",
          "part of it was recorded with a vintage that is no longer the installed one: the "
          "formulas and factors above are not those of that part."}},
    [TEXT_EXPLAIN_OTHER_FILES] =
        {{"une partie a été enregistrée avec le même millésime, mais d'autres fichiers de "
          "configuration (facteurs, ou modèle supposé du service).",
          "part of it was recorded with the same vintage, but other configuration files (factors, "
          "or the model assumed of the service)."}},
    [TEXT_EXPLAIN_SEVERAL_COUNTS] =
        {{"des minutes ont été comptées en plusieurs fois (plusieurs captures, redémarrage) : "
          "leurs "
          "impacts ont été additionnés, et non recalculés sur la somme ; ou une autre version du "
          "programme les a calculés.",
          "minutes were counted in several parts (several captures, a restart): their impacts were "
          "added up, not computed on the sum; or another version of the program computed them."}},
    [TEXT_EXPLAIN_NO_FACTORS] =
        {{"un service n'a plus de modèle dans la configuration installée.",
          "a service has no model any more in the installed configuration."}},
    [TEXT_EXPLAIN_RECORDED_WITHOUT] =
        {{"un service n'avait pas de modèle quand son usage a été enregistré.",
          "a service had no model when its use was recorded."}},
    [TEXT_EXPLAIN_SETS] = {{"Jeux de facteurs du mois entier :",
                            "Sets of factors of the whole month:"}},
    [TEXT_EXPLAIN_SET] = {{"millésime {0}, empreinte de la configuration {1} : ",
                           "vintage {0}, digest of the configuration {1}: "}},
    [TEXT_EXPLAIN_SET_INSTALLED] = {{"celle qui est installée", "the installed one"}},
    [TEXT_EXPLAIN_SET_OTHER] = {{"une autre que celle qui est installée",
                                 "another than the installed one"}},
    [TEXT_EXPLAIN_PAGE] = {{"D'où vient ce chiffre : {0}, {1}",
                            "Where this figure comes from: {0}, {1}"}},
    [TEXT_EXPLAIN_PAGE_LEAD] =
        {{"Cette page refait le calcul pas à pas. Elle donne d'abord ce que dit le rapport et les "
          "sommes dont le chiffre est fait. Puis, pour chaque service : ce qui a été observé, les "
          "facteurs et leur source, chaque formule en symboles et en nombres. Enfin, le résultat "
          "recalculé à côté de celui qui est enregistré. Les nombres y sont donnés à sept chiffres "
          "près ; --format json en donne dix-sept.",
          "This page computes the figure again, step by step. First come what the report says and "
          "the sums that the figure is made of. Then, for each service: what was observed, the "
          "factors and their source, each formula in symbols and in numbers. Last, the result "
          "computed again beside the one that is recorded. Numbers are given to seven digits; "
          "--format json gives seventeen."}},
    [TEXT_EXPLAIN_PAGE_NAME] =
        {{"Nom du chiffre : « {0} ». Pour refaire cette page : iagmeter explain {0} --format html",
          "Name of the figure: “{0}”. To make this page again: iagmeter explain {0} --format "
          "html"}},
    [TEXT_EXPLAIN_HEAD_FIGURE] = {{"Ce que dit le rapport", "What the report says"}},
    [TEXT_EXPLAIN_FIGURE] = {{"Estimations du rapport, chacune avec le nom que prend la commande.",
                              "Estimates of the report, each with the name that the command "
                              "takes."}},
    [TEXT_EXPLAIN_HEAD_PARTS] = {{"De quoi ce chiffre est la somme",
                                  "What this figure is the sum of"}},
    [TEXT_EXPLAIN_HEAD_CHAIN] = {{"De l'activité à l'impact : {0}",
                                  "From activity to impact: {0}"}},
    [TEXT_EXPLAIN_HEAD_MODEL] = {{"De l'activité à l'impact : {0}, {1}",
                                  "From activity to impact: {0}, {1}"}},
    [TEXT_EXPLAIN_OF_MODEL] = {{"{0} : part de ce modèle", "{0}: share of this model"}},
    [TEXT_EXPLAIN_HEAD_ACTIVITY] = {{"1. L'activité observée", "1. The activity observed"}},
    [TEXT_EXPLAIN_HEAD_FACTORS] = {{"2. Les facteurs, avec leur source",
                                    "2. The factors, with their source"}},
    [TEXT_EXPLAIN_HEAD_STEPS] = {{"3. Le calcul, étape par étape",
                                  "3. The computation, step by step"}},
    [TEXT_EXPLAIN_HEAD_RECOMPUTED] = {{"Recalculé, à côté de ce qui est enregistré",
                                       "Computed again, beside what is recorded"}},
    [TEXT_EXPLAIN_HEAD_SETS] = {{"Jeux de facteurs du mois entier",
                                 "Sets of factors of the whole month"}},
    [TEXT_EXPLAIN_FACTORS_OF] = {{"Facteurs du millésime {0}, groupés par source.",
                                  "Factors of the vintage {0}, grouped by source."}},
    [TEXT_EXPLAIN_ORIGIN] =
        {{"Source : {0}. Année : {1}. Périmètre : {2}. Licence : {3}. Qualité : {4}.",
          "Source: {0}. Year: {1}. Scope: {2}. Licence: {3}. Grade: {4}."}},
    [TEXT_EXPLAIN_STEP] = {{"{0} : {1}", "{0}: {1}"}},
    [TEXT_EXPLAIN_HEAD_MARGINS] = {{"Ce qui est incertain, et de combien",
                                    "What is uncertain, and by how much"}},
    [TEXT_EXPLAIN_MARGINS] =
        {{"Si les incertitudes déclarées sont justes, la vraie valeur est huit fois sur dix entre "
          "P10 et P90. Ce que les services ont en commun varie d'un bloc : l'erreur d'estimation "
          "des jetons, le nombre de requêtes servies ensemble, un même modèle, un même hébergeur. "
          "Le reste se compense en partie. Un choix de convention est montré, sans compter dans "
          "P10 "
          "et P90. Calculé avec les facteurs installés.",
          "If the stated uncertainties are right, the true value lies between P10 and P90 eight "
          "times in ten. What services have in common moves as one: the error of the estimate of "
          "tokens, the number of requests served together, a same model, a same provider. The rest "
          "cancels out in part. A choice of convention is shown, and is no part of P10 and P90. "
          "Computed with the installed factors."}},
    [TEXT_EXPLAIN_LIKELY] = {{"Fourchette vraisemblable", "Likely range"}},
    [TEXT_EXPLAIN_NO_MARGINS] =
        {{"P10 et P90 ne sont pas donnés : ils demandent les services de toutes les parties de ce "
          "chiffre, et ceux de « Autres » ne sont pas dits.",
          "P10 and P90 are not given: they take the services of all parts of this figure, and "
          "those "
          "of “Other” are not told."}},
    [TEXT_EXPLAIN_NO_MODEL_MARGINS] =
        {{"P10 et P90 ne sont pas donnés : une partie de ce chiffre vient d'un service qui n'a "
          "plus "
          "de modèle dans la configuration installée, et rien ne dit de combien elle est "
          "incertaine.",
          "P10 and P90 are not given: a part of this figure is of a service that has no model any "
          "more in the installed configuration, and nothing tells how far it may be off."}},
    [TEXT_EXPLAIN_UNKNOWN] = {{"Inconnue", "Unknown"}},
    [TEXT_EXPLAIN_RATIO] = {{"Rapport haut / bas", "High / low"}},
    [TEXT_EXPLAIN_EXTENT] = {{"Étendue", "Extent"}},
    [TEXT_EXPLAIN_NAME] = {{"Nom", "Name"}},
    [TEXT_EXPLAIN_SYMBOL] = {{"Symbole", "Symbol"}},
    [TEXT_EXPLAIN_SYMBOLS] = {{"En symboles", "In symbols"}},
    [TEXT_EXPLAIN_ENDS] = {{"Borne des facteurs", "End of the factors"}},
    [TEXT_EXPLAIN_FORMULA] = {{"Formule", "Formula"}},
    [TEXT_EXPLAIN_RESULT] = {{"Résultat", "Result"}},
    [TEXT_EXPLAIN_COMPUTED] = {{"Calcul", "Computation"}},
    [TEXT_EXPLAIN_VINTAGE] = {{"Millésime", "Vintage"}},
    [TEXT_EXPLAIN_DIGEST] = {{"Empreinte de la configuration", "Digest of the configuration"}},
    [TEXT_EXPLAIN_STATE] = {{"Cette configuration est", "This configuration is"}},
    [TEXT_UNKNOWN_TOKENS] = {{"estimation des jetons", "estimate of tokens"}},
    [TEXT_UNKNOWN_EXCHANGE] = {{"échanges pris un à un", "single exchanges"}},
    [TEXT_UNKNOWN_ENERGY] = {{"énergie des machines", "energy of the machines"}},
    [TEXT_UNKNOWN_MODEL] = {{"taille du modèle", "size of the model"}},
    [TEXT_UNKNOWN_BATCH] = {{"requêtes servies ensemble (batch)", "batch"}},
    [TEXT_UNKNOWN_FIT] = {{"erreur de la méthode", "error of the method"}},
    [TEXT_UNKNOWN_INPUT] = {{"coût des jetons en entrée", "weight of input tokens"}},
    [TEXT_UNKNOWN_PUE] = {{"PUE", "PUE"}},
    [TEXT_UNKNOWN_WUE] = {{"WUE", "WUE"}},
    [TEXT_UNKNOWN_EWIF] = {{"décompte de l'eau hors site (EWIF)",
                            "count of off-site water (EWIF)"}},
    [TEXT_UNKNOWN_MIX] = {{"mix électrique", "electricity mix"}},
    [TEXT_UNKNOWN_METHOD] = {{"autre méthode", "other method"}},
    [TEXT_UNKNOWN_KEY] = {{"clé de partage de la veille", "key that shares idle energy"}},
    [TEXT_CALCULATOR_AT] = {{"calculé chez {0}", "computed at {0}"}},
    [TEXT_CALCULATOR_AT_METHOD] = {{"calculé chez {0}, méthode {1}",
                                    "computed at {0}, method {1}"}},
    [TEXT_CALCULATOR_ENERGY] = {{"énergie", "energy"}},
    [TEXT_CALCULATOR_GWP] = {{"gaz à effet de serre", "greenhouse gases"}},
    [TEXT_CALCULATOR_GWP_USE] = {{"gaz à effet de serre, usage", "greenhouse gases, use"}},
    [TEXT_CALCULATOR_GWP_EMBODIED] = {{"gaz à effet de serre, fabrication",
                                       "greenhouse gases, embodied"}},
    [TEXT_CALCULATOR_ADPE] = {{"minerais et métaux", "minerals, metals"}},
    [TEXT_CALCULATOR_ADPE_USE] = {{"minerais et métaux, usage", "minerals, metals, use"}},
    [TEXT_CALCULATOR_ADPE_EMBODIED] = {{"minerais et métaux, fabrication",
                                        "minerals, metals, embodied"}},
    [TEXT_CALCULATOR_WATER] = {{"eau, usage", "water, use"}},
    [TEXT_CALCULATOR_NOT_EMBODIED] =
        {{"La fabrication n'est pas calculée ici : seule l'énergie est connue.",
          "Nothing embodied is computed here: only the energy is known."}},
    [TEXT_CALCULATOR_VARIANTS] = {{"Selon d'autres conventions pour la même électricité :",
                                   "By other conventions for the same electricity:"}},
    [TEXT_CALCULATOR_TORNADO] =
        {{"Ce qui fait varier : {0} ({1}), le plus d'abord, tout le reste à sa valeur centrale :",
          "What moves {0} ({1}), the most first, all else at its centre:"}},
    [TEXT_CALCULATOR_CHOICE] = {{"(un choix, hors de P10 à P90)", "(a choice, not in P10 to P90)"}},
    [TEXT_CALCULATOR_FACTORS] = {{"Facteurs, millésime {0} :", "Factors, vintage {0}:"}},
    [TEXT_CALCULATOR_METHOD] = {{"méthode {0}", "method {0}"}},
    [TEXT_CALCULATOR_MODEL] = {{"modèle {0} : {1} milliards de paramètres actifs sur {2}",
                                "model {0}: {1} active of {2} billion parameters"}},
    [TEXT_CALCULATOR_FALLBACK] = {{", ceux de {0}", ", those of {0}"}},
    [TEXT_CALCULATOR_MEDIUM] = {{"{0} : {1} Wh l'unité", "{0}: {1} Wh each"}},
    [TEXT_CALCULATOR_GPU_ONLY] = {{" pour le GPU seul, hôte et machines en attente ajoutés",
                                   " on the GPU alone, host and idle machines added"}},
    [TEXT_CALCULATOR_PROVIDER] = {{"hébergeur {0} : PUE {1}, WUE {2} L/kWh",
                                   "provider {0}: PUE {1}, WUE {2} L/kWh"}},
    [TEXT_CALCULATOR_GRID] = {{"électricité {0} : {1} kgCO₂e/kWh", "zone {0}: {1} kgCO₂e/kWh"}},
    [TEXT_CALCULATOR_METALS] = {{"électricité {0} : {1} kgSb/kWh", "zone {0}: {1} kgSb/kWh"}},
    [TEXT_CALCULATOR_EMBODIED] = {{"fabrication des serveurs", "manufacture of the servers"}},
    [TEXT_CALCULATOR_EWIF] = {{"électricité {0} : EWIF {1} L/kWh", "zone {0}: EWIF {1} L/kWh"}},
    [TEXT_CALCULATOR_ORIGIN] = {{"{0} ; {1} ; qualité {2}", "{0}; {1}; grade {2}"}},
    [TEXT_WHATIF_TITLE] = {{"Et si ? {0}, {1}", "What if? {0}, {1}"}},
    [TEXT_WHATIF_RECORDED] = {{"enregistré", "recorded"}},
    [TEXT_WHATIF_BEFORE] = {{"recalculé", "recomputed"}},
    [TEXT_WHATIF_AFTER] = {{"scénario", "scenario"}},
    [TEXT_WHATIF_DIFFERENCE] = {{"différence", "difference"}},
    [TEXT_WHATIF_BAND] = {{"{0} (de {1} à {2})", "{0} ({1} to {2})"}},
    [TEXT_WHATIF_PERCENT] = {{"en % : {0}", "in %: {0}"}},
    [TEXT_WHATIF_SAME] = {{"inchangé", "unchanged"}},
    [TEXT_WHATIF_LESS] = {{"baisse", "less"}},
    [TEXT_WHATIF_MORE] = {{"hausse", "more"}},
    [TEXT_WHATIF_UNSURE] = {{"indécis", "undecided"}},
    [TEXT_WHATIF_SUMS_NOTE] =
        {{"Enregistré : ce que dit le rapport. Recalculé et scénario : la même activité, avec les "
          "mêmes facteurs (millésime {0}) ; leur différence n'est donc due qu'au scénario. Entre "
          "parenthèses, les valeurs basse et haute. Ce que les deux côtés ont en commun "
          "(estimation des jetons, modèle ou hébergeur inchangé) n'élargit pas la différence ; "
          "les erreurs indépendantes des deux côtés sont combinées. Chaque nombre est arrondi à "
          "part : une différence peut s'écarter d'une unité de sa dernière décimale de celle des "
          "nombres imprimés.",
          "Recorded: what the report says. Recomputed and scenario: the same activity, with the "
          "same factors (vintage {0}); so their difference is of the scenario alone. In "
          "parentheses, the low and high values. What both sides have in common (the estimate of "
          "tokens, an unchanged model or provider) does not widen the difference; the independent "
          "errors of the two sides are combined. Each number is rounded by itself: a difference "
          "may "
          "be one unit of its last decimal away from that of the numbers printed."}},
    [TEXT_WHATIF_FIT_NOTE] =
        {{"Entre deux modèles, la différence compte aussi l'erreur d'ajustement de la méthode A, "
          "qui n'est pas dans les fourchettes au-dessus : elle peut donc les dépasser.",
          "Between two models, the difference also counts the error of method A's fit, which is "
          "not in the bands above: so it can be wider than they are."}},
    [TEXT_WHATIF_RANDOM_NOTE] =
        {{"Ce qui distingue une réponse d'une autre est aléatoire : il en reste {0} % (écart-type) "
          "des jetons en sortie. La différence le compte, les fourchettes au-dessus non.",
          "What one answer differs from another by is random: {0} % of the output tokens (standard "
          "deviation) are left of it. The difference counts it, the bands above do not."}},
    [TEXT_WHATIF_UNSURE_NOTE] =
        {{"Indécis : l'intervalle de la différence contient 0. Les données de ce mois ne "
          "permettent pas de dire si le changement aide.",
          "Undecided: the interval of the difference includes 0. This month's data cannot tell "
          "whether the change helps."}},
    [TEXT_WHATIF_DIRECTIONS] = {{"Différence par direction :", "Difference by direction:"}},
    [TEXT_WHATIF_FOLDED] =
        {{"« Autres » reste tel qu'enregistré, services changés compris : seule une baisse des "
          "requêtes de tous les services (--reduce all) s'y applique. Le reste dirait de quoi "
          "cette somme est faite.",
          "“Other” stays as recorded, also of services that change: only fewer requests of all "
          "services (--reduce all) apply to it. More would tell what this sum is made of."}},
    [TEXT_WHATIF_SERVICE] = {{"Ce qui change pour {0} :", "What changes for {0}:"}},
    [TEXT_WHATIF_USE_BEFORE] = {{"avant : {0}, {1} % des requêtes ({2}), {3} jetons en sortie",
                                 "before: {0}, {1} % of requests ({2}), {3} output tokens"}},
    [TEXT_WHATIF_USE_AFTER] = {{"scénario : {0}, {1} % des requêtes ({2}), {3} jetons en sortie",
                                "scenario: {0}, {1} % of requests ({2}), {3} output tokens"}},
    [TEXT_WHATIF_PER_1000] = {{"pour 1 000 requêtes :", "per 1,000 requests:"}},
    [TEXT_WHATIF_PART] = {{"{0} % : modèle {1}, hébergeur {2}, électricité {3}, méthode {4}",
                           "{0} %: model {1}, provider {2}, electricity {3}, method {4}"}},
    [TEXT_WHATIF_LOCAL] = {{"un serveur à nous", "a server of our own"}},
    [TEXT_WHATIF_LOCAL_NOTE] =
        {{"Serveur à nous : la méthode B compte l'attente comme dans un grand parc (idle_share). "
          "Sur un serveur à soi, elle prend souvent plus de 80 % de l'énergie, avec ou sans "
          "requêtes : à mesurer avant de décider. PUE et WUE de l'hébergeur « local » sont des "
          "moyennes de la profession, à remplacer dans providers.conf par celles du site.",
          "A server of our own: method B counts waiting as in a large fleet (idle_share). On a "
          "server of one's own it often takes over 80 % of the energy, with or without requests: "
          "measure it before deciding. PUE and WUE of the provider “local” are averages of the "
          "industry, to be replaced in providers.conf by those of the site."}},
    [TEXT_WHATIF_MEASURED_NOTE] =
        {{"Serveur à nous : ses propres mesures du mois pour {0}, {1} J par jeton en sortie, un "
          "jeton en entrée comptant pour {2}. Sa veille et sa fabrication ne changent pas : elles "
          "sont là avec ou sans ces requêtes.",
          "A server of our own: its own measurements of the month for {0}, {1} J per output token, "
          "an input token counting for {2}. Its idle energy and its manufacture do not change: "
          "they are there with or without these requests."}},
    [TEXT_WHATIF_METHODS] =
        {{"Les deux côtés ne sont pas calculés par la même méthode : une part de la différence "
          "peut en venir. Différence avec une même méthode des deux côtés :",
          "The two sides are not computed by the same method: a part of the difference may be "
          "due to that. Difference with one method on both sides:"}},
    [TEXT_WHATIF_OTHER_WATER] =
        {{"L'eau de l'électricité française se compte de deux façons, du simple au quadruple. "
          "Différence d'eau avec l'autre ({0}), des deux côtés :",
          "The water of French electricity is counted in two ways, four times apart. Difference "
          "of water with the other one ({0}), on both sides:"}},
    [TEXT_WHATIF_REBOUND] =
        {{"Le scénario suppose le même usage : les mêmes questions, des réponses aussi longues. Un "
          "outil plus commode peut servir davantage (effet rebond), un modèle plus petit peut "
          "demander plus d'essais. La qualité des réponses n'est pas comparée.",
          "The scenario assumes the same use: the same questions, answers of the same length. A "
          "handier tool may be used more (rebound), a smaller model may take more attempts. The "
          "quality of answers is not compared."}},
    /* A year's report */
    [TEXT_YEAR_TITLE] = {{"Empreinte annuelle de l'IA générative : {0}",
                          "Yearly footprint of generative AI: {0}"}},
    [TEXT_YEAR_LEAD] =
        {{"Ce rapport répond, pour une année, à la recommandation RNR01 : évaluer le coût "
          "environnemental de l'IA générative, et aller vers un usage plus durable. Il "
          "additionne ce que montrent les rapports mensuels, et rien d'autre : il "
          "n'apprend donc rien sur quelques personnes que ceux-ci ne disent déjà, et "
          "chacun peut refaire les sommes.",
          "For a year, this report answers recommendation RNR01: evaluate the "
          "environmental cost of generative AI, and move to a more sustainable use. It "
          "adds up what the monthly reports show, and nothing else: so it tells nothing "
          "about a few people that these do not tell, and anyone can do the sums again."}},
    [TEXT_YEAR_RUNNING] =
        {{"Année en cours : ce rapport s'arrête au {0}, fin du dernier mois achevé. Les "
          "chiffres vont encore augmenter.",
          "The year is still running: this report goes up to {0}, the end of the last "
          "month that is over. The figures will still grow."}},
    [TEXT_YEAR_MONTHS] =
        {{"Mois chiffrés : {0} sur {1}. Mois dont seule la couverture est publiée (trop "
          "peu d'appareils) : {2}. Mois sans aucune donnée : {3}.",
          "Months with figures: {0} of {1}. Months of which only coverage is published "
          "(too few devices): {2}. Months without any data: {3}."}},
    [TEXT_YEAR_PARTIAL] =
        {{"Attention : tous les totaux sont ceux de {0} mois sur {1}, et non de toute la "
          "période. Rien n'est extrapolé aux autres.",
          "Note: all totals are those of {0} months of {1}, and not of the whole period. "
          "Nothing is extrapolated to the others."}},
    [TEXT_YEAR_WITHHELD] =
        {{"Aucun mois de cette année n'est chiffré : chacun concerne trop peu d'appareils. "
          "Seule la couverture de la mesure est donnée.",
          "No month of this year has figures: each concerns too few devices. Only the "
          "coverage of the measurement is given."}},
    [TEXT_YEAR_BANDS] =
        {{"Fourchettes : les valeurs basses des mois s'additionnent entre elles, les "
          "centrales de même, les hautes de même, comme pour les objectifs. C'est supposer "
          "que l'erreur des facteurs va chaque mois dans le même sens, ce qui donne la "
          "fourchette la plus large.",
          "Bands: the low values of the months are added up, and so are the central ones "
          "and the high ones, as for the objectives. This takes the error of the factors "
          "to go the same way each month, which gives the widest band."}},
    [TEXT_YEAR_HEAD_TOTAL] = {{"Total de l'année", "Total of the year"}},
    [TEXT_YEAR_HEAD_EVALUATE] = {{"RNR01, évaluer : ce que l'on sait de l'année",
                                  "RNR01, evaluate: what is known of the year"}},
    [TEXT_YEAR_HEAD_MOVE] = {{"RNR01, vers un usage plus durable : ce qui a changé",
                              "RNR01, towards a more sustainable use: what moved"}},
    [TEXT_YEAR_MEASURED] =
        {{"Énergie : {0} % mesurés sur les machines d'un serveur local, {1} % estimés à "
          "partir de facteurs publiés.",
          "Energy: {0} % measured at the machines of a local server, {1} % estimated from "
          "published factors."}},
    [TEXT_YEAR_MEASURED_NOT_TOLD] =
        {{"Part de l'énergie mesurée : non dite, car dans un mois au moins elle "
          "renseignerait sur quelques appareils.",
          "Part of the energy that is measured: not told, because in a month at least it "
          "would tell about a few devices."}},
    [TEXT_YEAR_HEAD_MONTHS] = {{"Mois par mois", "Month by month"}},
    [TEXT_YEAR_CAPTION_MONTHS] =
        {{"Chaque mois d'après son rapport, arrondi pour que les lignes s'additionnent ; "
          "par requête et par 1 000 jetons : valeurs centrales.",
          "Each month from its report, rounded so that rows add up; per request and per "
          "1,000 tokens: central values."}},
    [TEXT_YEAR_MONTH] = {{"Mois", "Month"}},
    [TEXT_YEAR_COVERED] = {{"Couvert", "Covered"}},
    [TEXT_YEAR_PER_REQUEST] = {{"Par requête", "Per request"}},
    [TEXT_YEAR_PER_TOKENS] = {{"Par 1 000 jetons en sortie", "Per 1,000 output tokens"}},
    [TEXT_YEAR_MONTH_WITHHELD] = {{"non publié : trop peu d'appareils",
                                   "not published: too few devices"}},
    [TEXT_YEAR_MONTH_NONE] = {{"aucune donnée", "no data"}},
    [TEXT_YEAR_MONTH_UNUSED] = {{"aucun usage", "no use"}},
    [TEXT_YEAR_GRAPH_TITLE] =
        {{"Énergie de chaque mois (kWh) : valeur centrale, avec un trait de la valeur "
          "basse à la haute",
          "Energy of each month (kWh): central value, with a line from the low value to "
          "the high one"}},
    [TEXT_YEAR_GRAPH_DESC] =
        {{"Énergie centrale de chaque mois de {0}. Les mêmes chiffres sont dans le tableau "
          "« Mois par mois ».",
          "Central energy of each month of {0}. The same figures are in the table “Month "
          "by month”."}},
    [TEXT_YEAR_HEAD_CLASSES] = {{"Quels services : hébergement, autorisation, nos serveurs",
                                 "Which services: hosting, approval, hosts of our own"}},
    [TEXT_YEAR_CAPTION_CLASSES] = {{"Parts des requêtes et de l'énergie de l'année.",
                                    "Shares of the requests and of the energy of the year."}},
    [TEXT_YEAR_CAPTION_CLASS_MONTHS] = {{"Part de l'énergie de chaque mois (%).",
                                         "Share of the energy of each month (%)."}},
    [TEXT_YEAR_CLASS] = {{"Nature", "Kind"}},
    [TEXT_YEAR_REQUESTS_SHARE] = {{"Part des requêtes", "Share of requests"}},
    [TEXT_YEAR_PLACE] = {{"Lieu de calcul", "Where it runs"}},
    [TEXT_YEAR_NOT_TOLD] = {{"non dit", "not told"}},
    [TEXT_YEAR_ELSEWHERE] = {{"chez un fournisseur", "at a provider's"}},
    [TEXT_YEAR_OWN_HOSTS] = {{"sur nos serveurs", "on hosts of our own"}},
    [TEXT_YEAR_CLASS_NOTE] =
        {{"D'après les lignes de services que montrent les rapports mensuels, et ce que "
          "services.conf déclare aujourd'hui de ces services. « Non dit » : ce qui est "
          "regroupé dans « Autres », et les services qui ne sont plus au catalogue. Une "
          "part qui monte peut venir de « non dit » : comparez les deux.",
          "From the rows of services that the monthly reports show, and what services.conf "
          "says of these services today. “Not told”: what is folded into “other”, and "
          "services that are no longer in the catalogue. A share that grows may come out "
          "of “not told”: compare the two."}},
    [TEXT_YEAR_HEAD_COMPARED] = {{"Par rapport à {0}, sur les mêmes mois",
                                  "Beside {0}, on the same months"}},
    [TEXT_YEAR_CAPTION_COMPARED] =
        {{"Mois chiffrés dans les deux années : {0}. Valeurs centrales entre leurs bornes.",
          "Months with figures in both years: {0}. Central values between their ends."}},
    [TEXT_YEAR_COMPARED_NONE] =
        {{"Pas de comparaison avec {0} : aucun mois n'est chiffré dans les deux années.",
          "No comparison with {0}: no month has figures in both years."}},
    [TEXT_YEAR_COMPARED_NOTE] =
        {{"Une hausse ou une baisse peut venir de l'usage, mais aussi de la couverture, "
          "des facteurs ou des méthodes. Millésimes des facteurs de ces mois : {0} ; un an "
          "plus tôt : {1}. Pour comparer à facteurs égaux : iagmeter restate.",
          "A rise or a fall may come from use, but also from coverage, factors or methods. "
          "Vintages of the factors of these months: {0}; a year earlier: {1}. To compare "
          "with equal factors: iagmeter restate."}},
    [TEXT_YEAR_BEFORE] = {{"Un an plus tôt", "A year earlier"}},
    [TEXT_YEAR_THIS] = {{"Cette année", "This year"}},
    [TEXT_YEAR_CHANGE] = {{"Évolution (%)", "Change (%)"}},
    [TEXT_YEAR_ENERGY_PER_REQUEST] = {{"Énergie par requête", "Energy per request"}},
    [TEXT_YEAR_WATER_PER_REQUEST] = {{"Eau par requête", "Water per request"}},
    [TEXT_YEAR_GWP_PER_REQUEST] = {{"Gaz à effet de serre par requête",
                                    "Greenhouse gases per request"}},
    [TEXT_YEAR_SHOWN] = {{"montré {0} mois sur {1}", "shown in {0} months of {1}"}},
    [TEXT_YEAR_SHOWN_NOTE] =
        {{"Une ligne n'additionne que les mois où le rapport mensuel la montre ; les "
          "autres mois, elle n'a rien utilisé, ou est dans « Autres » : ce n'est pas dit. "
          "Un mois dont seul le total est publié est tout entier dans « Autres ». Les deux "
          "tableaux ont la même ligne « Autres » et le même total.",
          "A row adds up only the months whose report shows it; in the other months it "
          "used nothing, or is in “other”: that is not told. A month of which only the "
          "total is published is in “other” as a whole. Both tables have the same row "
          "“other” and the same total."}},
    [TEXT_YEAR_TOTAL_ONLY] = {{"Aucun mois ne publie le détail : seul le total est donné.",
                               "No month publishes the detail: only the total is given."}},
    [TEXT_YEAR_CAPTION_DIRECTIONS] =
        {{"Par agent : gCO₂e des mois montrés, valeur centrale, divisés par l'effectif que "
          "directions.conf déclare aujourd'hui.",
          "Per agent: gCO₂e of the months shown, central value, divided by the headcount "
          "that directions.conf declares today."}},
    [TEXT_YEAR_CAPTION_UNITS] =
        {{"Valeurs centrales des mois chiffrés : somme des impacts divisée par celle des "
          "requêtes (des jetons en sortie) dont l'impact est estimé.",
          "Central values of the months with figures: the sum of the impacts divided by "
          "that of the requests (of the output tokens) whose impact is estimated."}},
    [TEXT_YEAR_OBJECTIVES_NONE] =
        {{"Aucun objectif n'est déclaré pour cette année (objectives.conf).",
          "No objective is declared for this year (objectives.conf)."}},
    [TEXT_YEAR_VINTAGES] =
        {{"Millésimes des facteurs appliqués aux mois : {0}. Chaque facteur, avec sa "
          "source, est dans les rapports mensuels.",
          "Vintages of the factors applied to the months: {0}. Each factor, with its "
          "source, is in the monthly reports."}},
    [TEXT_YEAR_CALIBRATIONS] = {{"Étalonnages en vigueur dans l'année : {0}.",
                                 "Calibrations in force in the year: {0}."}},
    [TEXT_YEAR_RESTATED] =
        {{"Cette année a été révisée (révision n° {0} du {1}, facteurs du millésime {2}) : "
          "énergie {3} kWh au lieu de {4}, eau {5} L au lieu de {6}, gaz à effet de serre "
          "{7} kgCO₂e au lieu de {8}. Les chiffres de ce rapport restent ceux qui ont été "
          "enregistrés.",
          "This year was restated (statement {0} of {1}, factors of vintage {2}): energy "
          "{3} kWh instead of {4}, water {5} L instead of {6}, greenhouse gases {7} kgCO₂e "
          "instead of {8}. The figures of this report stay those that were recorded."}},
    [TEXT_YEAR_EXPLAIN_HOW] =
        {{"D'où vient un chiffre de ces tableaux ? Chacun a un nom, ici « {0} » : l'année, "
          "la direction, le service (un point pour tous) et l'indicateur. La commande « "
          "iagmeter explain {0} --format html » écrit la page qui en donne les mois, avec "
          "leurs noms, et refait la somme.",
          "Where does a figure of these tables come from? Each has a name, here “{0}”: the "
          "year, the direction, the service (a point for all) and the indicator. The "
          "command “iagmeter explain {0} --format html” writes the page that gives its "
          "months, with their names, and does the sum again."}},
    [TEXT_YEAR_UNUSED] = {{"aucun mois chiffré n'en montre", "no month with figures shows any"}},
    [TEXT_YEAR_ORIGIN_SHOWN] = {{"rapports mensuels de l'année", "monthly reports of the year"}},
    [TEXT_YEAR_NO_ROW] = {{"aucune ligne montrée n'est de cette nature",
                           "no row that is shown is of this kind"}},
    /* ... */
    [TEXT_FOOTER] = {{"Rapport produit par iagmeter, logiciel libre (GPL version 3 ou ultérieure).",
                      "Report made by iagmeter, free software (GPL version 3 or later)."}},
    [TEXT_SHEET_CODE] = {{"Code", "Code"}},
    [TEXT_SHEET_HOW] =
        {{"Ce classeur montre ce que montre le rapport, avec les mêmes arrondis ; les valeurs "
          "exactes sont dans le fichier CSV du même nom. Un total est une formule là où il est la "
          "somme des lignes au-dessus, et ici là où une feuille le donne ; tout autre chiffre est "
          "une valeur. Ce qui n'a pas été vu est dans « Couverture », les notes de A à E sont dans "
          "« Méthode et limites ».",
          "This workbook shows what the report shows, rounded alike; exact values are in the CSV "
          "file of the same name. A total is a formula where it is the sum of the rows above, and "
          "here where a sheet has it; any other figure is a value. What was not seen is in "
          "“Coverage”, the grades from A to E are in “Method and limits”."}},
    [TEXT_SHEET_SUMMARY] = {{"Synthèse", "Summary"}},
    [TEXT_SHEET_DIRECTIONS] = {{"Directions", "Directions"}},
    [TEXT_SHEET_SERVICES] = {{"Services", "Services"}},
    [TEXT_SHEET_MEDIA] = {{"Images, son, fichiers", "Images, sound, files"}},
    [TEXT_SHEET_HOST] = {{"Serveur local", "Local server"}},
    [TEXT_SHEET_HOST_DEVICES] = {{"Serveur local, appareils", "Local server, devices"}},
    [TEXT_SHEET_HOST_SOURCES] = {{"Serveur local, compteurs", "Local server, meters"}},
    [TEXT_SHEET_HOST_BALANCE] = {{"Serveur local, échanges", "Local server, exchanges"}},
    [TEXT_SHEET_HOST_FACTORS] = {{"Serveur local, facteurs", "Local server, factors"}},
    [TEXT_SHEET_DAYS] = {{"Jours", "Days"}},
    [TEXT_SHEET_VARIANTS] = {{"Autres calculs", "Other computations"}},
    [TEXT_SHEET_OBJECTIVES] = {{"Objectifs", "Objectives"}},
    [TEXT_SHEET_MONTHS] = {{"Mois", "Months"}},
    [TEXT_SHEET_CLASSES] = {{"Hébergement", "Hosting"}},
    [TEXT_SHEET_CLASS_MONTHS] = {{"Hébergement par mois", "Hosting by month"}},
    [TEXT_SHEET_COMPARED] = {{"Année précédente", "Year before"}},
    [TEXT_SHEET_COVERAGE] = {{"Couverture", "Coverage"}},
    [TEXT_SHEET_METHOD] = {{"Méthode et limites", "Method and limits"}},
    [TEXT_SHEET_FACTORS] = {{"Facteurs", "Factors"}},
    [TEXT_SHEET_FACTORS_MODELS] = {{"Facteurs, modèles", "Factors, models"}},
    [TEXT_SHEET_FACTORS_PROVIDERS] = {{"Facteurs, hébergeurs", "Factors, hosts"}},
    [TEXT_SHEET_FACTORS_ZONES] = {{"Facteurs, électricité", "Factors, electricity"}},
    [TEXT_SHEET_FACTORS_A] = {{"Facteurs, méthode A", "Factors, method A"}},
    [TEXT_SHEET_FACTORS_B] = {{"Facteurs, méthode B", "Factors, method B"}},
    [TEXT_MONTH_1] = {{"janvier", "January"}},
    [TEXT_MONTH_1 + 1] = {{"février", "February"}},
    [TEXT_MONTH_1 + 2] = {{"mars", "March"}},
    [TEXT_MONTH_1 + 3] = {{"avril", "April"}},
    [TEXT_MONTH_1 + 4] = {{"mai", "May"}},
    [TEXT_MONTH_1 + 5] = {{"juin", "June"}},
    [TEXT_MONTH_1 + 6] = {{"juillet", "July"}},
    [TEXT_MONTH_1 + 7] = {{"août", "August"}},
    [TEXT_MONTH_1 + 8] = {{"septembre", "September"}},
    [TEXT_MONTH_1 + 9] = {{"octobre", "October"}},
    [TEXT_MONTH_1 + 10] = {{"novembre", "November"}},
    [TEXT_MONTH_12] = {{"décembre", "December"}},
};

static const char *const language_names[LANGUAGE_COUNT] = {"fr", "en"};

enum text_language text_language(const char *name)
{
    return name && strcmp(name, "en") == 0 ? LANGUAGE_EN : LANGUAGE_FR;
}

const char *text_language_name(enum text_language language)
{
    return language_names[language];
}

const char *text_unit(const char *unit)
{
    static const char *const units[][2] = {{"kgCO2e", "kgCO₂e"},
                                           {"gCO2e", "gCO₂e"},
                                           {"kgCO2", "kgCO₂"},
                                           {"kgCO2e/kWh", "kgCO₂e/kWh"},
                                           {"kgCO2/kWh", "kgCO₂/kWh"}};

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(unit, units[i][0]) == 0)
            return units[i][1];
    return unit;
}

struct text_scale text_scale(const char *unit, double value)
{
    static const struct text_scale scales[] = {
        {"kgSbeq", 1}, {"gSbeq", 1e3}, {"mgSbeq", 1e6}, {"µgSbeq", 1e9}, {"ngSbeq", 1e12}};
    size_t i = 0;

    if (strcmp(unit, scales[0].unit) != 0)
        return (struct text_scale){unit, 1};
    while (i + 1 < sizeof(scales) / sizeof(scales[0]) && value > 0 &&
           value * scales[i].per_unit < 1)
        i++;
    return scales[i];
}

const char *text_get(enum text_language language, enum text_id id)
{
    return sentences[id].words[language];
}

static void put_html(FILE *stream, char byte)
{
    static const struct {
        char byte;
        const char *escaped;
    } escapes[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};

    for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
        if (byte == escapes[i].byte) {
            fputs(escapes[i].escaped, stream);
            return;
        }
    }
    if ((unsigned char)byte >= ' ' || byte == '\n' || byte == '\t')
        fputc(byte, stream);
}

void text_html(FILE *stream, const char *text)
{
    for (; *text; text++)
        put_html(stream, *text);
}

void text_csv(FILE *stream, const char *text)
{
    const char *before = text[0] && strchr("=+-@\t", text[0]) ? "'" : "";

    if (!strpbrk(text, "\",\r\n")) {
        fprintf(stream, "%s%s", before, text);
        return;
    }
    fprintf(stream, "\"%s", before);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', stream);
        fputc(*text, stream);
    }
    fputc('"', stream);
}

/* The French space before a sign (Imprimerie nationale): narrow before ; ! ? and %, full before a
 * colon and inside quotation marks. NULL where the plain space stays. */
static const char *french_space(const char *space, const char *sentence)
{
    const char *opening = "«";
    size_t length = strlen(opening);

    if (space[1] && strchr(";!?%", space[1]))
        return NARROW_NO_BREAK_SPACE;
    if (space[1] == ':' || strncmp(space + 1, "»", strlen("»")) == 0)
        return NO_BREAK_SPACE;
    if ((size_t)(space - sentence) >= length && strncmp(space - length, opening, length) == 0)
        return NO_BREAK_SPACE;
    return NULL;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Writes what stands at AT in the sentence when it needs typography, else returns false. */
static bool put_typography(FILE *stream, enum text_language language, const char *at,
                           const char *sentence)
{
    const char *space = NULL;

    if (*at == '\'') {
        fputs(APOSTROPHE, stream);
        return true;
    }
    if (*at != ' ')
        return false;
    if (at > sentence && is_digit(at[-1]) && is_digit(at[1]))
        space = NARROW_NO_BREAK_SPACE;
    else if (language == LANGUAGE_FR)
        space = french_space(at, sentence);
    if (space)
        fputs(space, stream);
    return space != NULL;
}

static const char *item(const char *const *items, int number)
{
    for (int i = 0; items && items[i]; i++)
        if (i == number)
            return items[i];
    return NULL;
}

static void put_argument(FILE *stream, const char *argument, const char *figure, bool html)
{
    if (figure && figure[0]) {
        fputs("<span title=\"iagmeter explain ", stream);
        text_html(stream, figure);
        fputs("\">", stream);
    }
    if (argument && html)
        text_html(stream, argument);
    else if (argument)
        fputs(argument, stream);
    if (figure && figure[0])
        fputs("</span>", stream);
}

static void say(FILE *stream, enum text_language language, enum text_id id,
                const char *const *arguments, const char *const *figures, bool html)
{
    const char *sentence = text_get(language, id);

    for (const char *at = sentence; *at; at++) {
        if (at[0] == '{' && is_digit(at[1]) && at[2] == '}') {
            put_argument(stream, item(arguments, at[1] - '0'), item(figures, at[1] - '0'), html);
            at += 2;
        } else if (!put_typography(stream, language, at, sentence)) {
            if (html)
                put_html(stream, *at);
            else
                fputc(*at, stream);
        }
    }
}

void text_say(FILE *stream, enum text_language language, enum text_id id,
              const char *const *arguments, bool html)
{
    say(stream, language, id, arguments, NULL, html);
}

void text_say_figures(FILE *stream, enum text_language language, enum text_id id,
                      const char *const *arguments, const char *const *figures)
{
    say(stream, language, id, arguments, figures, true);
}

char *text_render(enum text_language language, enum text_id id, const char *const *arguments)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return NULL;
    text_say(stream, language, id, arguments, false);
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}

/* Appends to a buffer, never beyond its end. */
static void append(char *out, size_t size, const char *text)
{
    size_t used = strlen(out);

    snprintf(out + used, size - used, "%s", text);
}

void text_decimal(char *out, size_t size, enum text_language language, int64_t units,
                  unsigned decimals)
{
    const char *group = language == LANGUAGE_FR ? NARROW_NO_BREAK_SPACE : ",";
    char digits[TEXT_NUMBER_SIZE];
    int length = snprintf(digits, sizeof(digits), "%0*" PRIu64, (int)decimals + 1,
                          units < 0 ? -(uint64_t)units : (uint64_t)units);
    int whole = length - (int)decimals;

    snprintf(out, size, "%s", units < 0 ? "-" : "");
    for (int i = 0; i < length; i++) {
        if (i == whole)
            append(out, size, language == LANGUAGE_FR ? "," : ".");
        else if (i > 0 && i < whole && (whole - i) % 3 == 0)
            append(out, size, group);
        append(out, size, (const char[]){digits[i], '\0'});
    }
}

void text_units(char *out, size_t size, enum text_language language, int64_t units, double value,
                unsigned decimals)
{
    int64_t sign = units != 0 ? 0 : (value > 0) - (value < 0);
    size_t used = 0;

    if (sign != 0)
        used = (size_t)snprintf(out, size, "%c" NO_BREAK_SPACE, sign > 0 ? '<' : '>');
    text_decimal(out + used, size - used, language, units + sign, decimals);
}

/* VALUE in units of 10^-decimals, still a fraction. */
static double in_units(double value, unsigned decimals)
{
    return value * pow(10, decimals);
}

void text_number(char *out, size_t size, enum text_language language, double value,
                 unsigned decimals)
{
    double units = in_units(value, decimals);

    if (fabs(units) < UNITS_MAX)
        text_decimal(out, size, language, llround(units), decimals);
    else
        text_digits(out, size, language, value, FACTOR_DIGITS);
}

void text_amount(char *out, size_t size, enum text_language language, double value,
                 unsigned decimals)
{
    if (fabs(in_units(value, decimals)) < UNITS_MAX)
        text_units(out, size, language, llround(in_units(value, decimals)), value, decimals);
    else
        text_number(out, size, language, value, decimals);
}

/* snprintf() follows the process's locale; a report does not. */
static void set_decimal_mark(char *number, char mark)
{
    char *found = strpbrk(number, ".,");

    if (found)
        *found = mark;
}

void text_digits(char *out, size_t size, enum text_language language, double value, int digits)
{
    snprintf(out, size, "%.*g", digits, value);
    set_decimal_mark(out, language == LANGUAGE_FR ? ',' : '.');
}

void text_factor(char *out, size_t size, enum text_language language, double value)
{
    text_digits(out, size, language, value, FACTOR_DIGITS);
}

void text_exact(char *out, size_t size, double value)
{
    snprintf(out, size, "%.17g", value);
    set_decimal_mark(out, '.');
}

const char *text_either(enum text_language language, const char *french, const char *english)
{
    return language == LANGUAGE_FR && french[0] ? french : english;
}

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

size_t text_width(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        width += !is_continuation(*text);
    return width;
}

unsigned text_decimals(double value)
{
    int decimals;

    if (!(value > 0))
        return 0;
    decimals = SIGNIFICANT_DIGITS - 1 - (int)floor(log10(value));
    if (decimals < 0)
        return 0;
    return decimals > MAX_DECIMALS ? MAX_DECIMALS : (unsigned)decimals;
}

void text_date(char *out, size_t size, enum text_language language, int64_t time_s, bool clock)
{
    time_t time = (time_t)time_s;
    struct tm local;
    int used;

    localtime_r(&time, &local);
    used = snprintf(out, size, "%d%s %s %d", local.tm_mday,
                    language == LANGUAGE_FR && local.tm_mday == 1 ? "er" : "",
                    text_get(language, (enum text_id)(TEXT_MONTH_1 + local.tm_mon)),
                    local.tm_year + 1900);
    if (clock && used > 0 && (size_t)used < size)
        snprintf(out + used, size - (size_t)used, "%s%02d:%02d",
                 language == LANGUAGE_FR ? " à " : ", ", local.tm_hour, local.tm_min);
}

void text_month(char *out, size_t size, enum text_language language, int year, int month)
{
    snprintf(out, size, "%s %d", text_get(language, (enum text_id)(TEXT_MONTH_1 + month - 1)),
             year);
}

/* Gives each of VALUES a whole number of units that add up to TOTAL: each its floor, then what is
 * left to the largest remainders. At most LIMIT[i] where there are limits. */
static void apportion(const double *values, size_t count, int64_t total, const int64_t *limits,
                      int64_t *out)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = (int64_t)floor(values[i] + 1e-6);
        total -= out[i];
    }
    while (total != 0) {
        int64_t step = total > 0 ? 1 : -1;
        size_t best = count;

        for (size_t i = 0; i < count; i++) {
            if (step > 0 ? limits && out[i] >= limits[i] : out[i] <= 0)
                continue;
            if (best == count || (double)step * (values[i] - (double)out[i]) >
                                     (double)step * (values[best] - (double)out[best]))
                best = i;
        }
        if (best == count)
            return;
        out[best] += step;
        total -= step;
    }
}

/* Central values first. Low values may not pass them; high values are what the rounded differences
 * add to them, so they cannot fall below. */
static void apportion_bands(const struct triple *rows, size_t count, struct text_band sum,
                            unsigned decimals, struct text_band *out)
{
    double *values = calloc(count + 1, sizeof(*values));
    int64_t *low = calloc(count + 1, sizeof(*low));
    int64_t *central = calloc(count + 1, sizeof(*central));
    int64_t *above = calloc(count + 1, sizeof(*above));

    if (values && low && central && above) {
        for (size_t i = 0; i < count; i++)
            values[i] = in_units(rows[i].central, decimals);
        apportion(values, count, sum.central, NULL, central);
        for (size_t i = 0; i < count; i++)
            values[i] = in_units(rows[i].low, decimals);
        apportion(values, count, sum.low, central, low);
        for (size_t i = 0; i < count; i++)
            values[i] = in_units(rows[i].high - rows[i].central, decimals);
        apportion(values, count, sum.high - sum.central, NULL, above);
        for (size_t i = 0; i < count; i++)
            out[i] = (struct text_band){low[i], central[i], central[i] + above[i]};
    } else {
        memset(out, 0, count * sizeof(*out));
    }
    free(values);
    free(low);
    free(central);
    free(above);
}

static struct text_band band_of(struct triple value, unsigned decimals)
{
    return (struct text_band){llround(in_units(value.low, decimals)),
                              llround(in_units(value.central, decimals)),
                              llround(in_units(value.high, decimals))};
}

struct text_band text_round(const struct triple *rows, size_t count, struct triple total,
                            unsigned decimals, struct text_band *out)
{
    struct text_band sum = band_of(total, decimals);

    apportion_bands(rows, count, sum, decimals, out);
    return sum;
}

static int64_t within(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* The nearest to VALUE that leaves a band to the rest of TOTAL: none of it below 0, its low end not
 * above its centre. */
static struct text_band band_alone(struct triple value, unsigned decimals, struct text_band total)
{
    struct text_band band = band_of(value, decimals);
    int64_t above = llround(in_units(value.high - value.central, decimals));

    band.central = within(band.central, 0, total.central);
    band.low = within(band.low, total.low - (total.central - band.central),
                      band.central < total.low ? band.central : total.low);
    band.high = band.central + within(above, 0, total.high - total.central);
    return band;
}

struct text_band text_round_other(const struct triple *rows, size_t count, struct triple total,
                                  unsigned decimals, struct text_band *out)
{
    struct text_band sum = band_of(total, decimals);
    struct text_band other = band_alone(rows[count - 1], decimals, sum);
    const struct text_band rest = {sum.low - other.low, sum.central - other.central,
                                   sum.high - other.high};

    apportion_bands(rows, count - 1, rest, decimals, out);
    out[count - 1] = other;
    return sum;
}

void text_round_rest(const double *values, size_t count, double total, unsigned decimals,
                     const bool *kept, int64_t *out)
{
    double *rest = calloc(count + 1, sizeof(*rest));
    int64_t *units = calloc(count + 1, sizeof(*units));
    int64_t left = llround(in_units(total, decimals));
    size_t used = 0;
    bool keeps;

    for (size_t i = 0; i < count; i++)
        left -= kept[i] ? out[i] : 0;
    keeps = left >= 0; /* else what is kept is more than all: it gives way */
    if (!keeps)
        left = llround(in_units(total, decimals));
    for (size_t i = 0; rest && i < count; i++)
        if (!keeps || !kept[i])
            rest[used++] = in_units(values[i], decimals);
    if (rest && units)
        apportion(rest, used, left, NULL, units);
    used = 0;
    for (size_t i = 0; i < count; i++)
        if (!keeps || !kept[i])
            out[i] = units ? units[used++] : 0;
    free(rest);
    free(units);
}

void text_shares(const double *shares, size_t count, bool has_other, unsigned decimals,
                 int64_t *out)
{
    double *values = calloc(count + 1, sizeof(*values));
    double sum = 0;
    int64_t total;

    for (size_t i = 0; i < count; i++) {
        sum += shares[i];
        if (values)
            values[i] = in_units(100 * shares[i], decimals);
        out[i] = 0;
    }
    total = llround(in_units(100 * sum, decimals));
    if (values && has_other) {
        out[count - 1] = within(llround(values[count - 1]), 0, total);
        total -= out[--count];
    }
    if (values)
        apportion(values, count, total, NULL, out);
    free(values);
}
