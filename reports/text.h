/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TEXT_H
#define IAGMETER_TEXT_H

#include "daemon/triple.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What reports say, in French and English, and how they write numbers, dates and quotes. Does not
 * depend on the process's locale. */

#define TEXT_NUMBER_SIZE 48
#define TEXT_DATE_SIZE   64

enum text_language { LANGUAGE_FR, LANGUAGE_EN, LANGUAGE_COUNT };

enum text_id {
    TEXT_TITLE, /* {0} month in words */
    TEXT_LEAD,
    TEXT_PRIVACY,
    TEXT_RUNNING, /* {0} date and time */
    TEXT_PROVISIONAL,
    TEXT_PERIOD, /* {0} first instant, {1} last, {2} time zone */
    TEXT_WITHHELD,
    TEXT_BAND_NOTE,
    TEXT_RANDOM_NOTE,
    TEXT_CAPTION_TOTAL,
    TEXT_CAPTION_SERVICES,
    TEXT_CAPTION_COVERAGE,
    TEXT_HEAD_TOTAL,
    TEXT_HEAD_UNITS,
    TEXT_HEAD_DIRECTIONS,
    TEXT_HEAD_SERVICES,
    TEXT_HEAD_GRAPH,
    TEXT_HEAD_COVERAGE,
    TEXT_HEAD_METHOD,
    TEXT_HEAD_FACTORS,
    TEXT_HEAD_LIMITS,
    TEXT_INDICATOR,
    TEXT_UNIT,
    TEXT_LOW,
    TEXT_CENTRAL,
    TEXT_HIGH,
    TEXT_TOTAL,
    TEXT_OTHER,
    TEXT_OTHER_NOTE, /* {0} threshold */
    TEXT_TOTAL_ONLY, /* {0} threshold */
    TEXT_UNASSIGNED,
    TEXT_UNASSIGNED_NOTE,
    TEXT_NO_USE,
    TEXT_REQUESTS, /* the indicators, in the order of enum month_indicator */
    TEXT_TOKENS_IN,
    TEXT_TOKENS_OUT,
    TEXT_ENERGY,
    TEXT_WATER,
    TEXT_GWP,
    TEXT_GWP_USE,
    TEXT_GWP_EMBODIED,
    TEXT_ADPE,
    TEXT_REQUESTS_WITHOUT_IMPACT,
    TEXT_IMAGES,
    TEXT_AUDIO_S,
    TEXT_UPLOADS,
    TEXT_DIRECTION,
    TEXT_SERVICE,
    TEXT_HOSTING,
    TEXT_COUNTRY,
    TEXT_APPROVED,
    TEXT_SHARE,
    TEXT_PER_AGENT,
    TEXT_PER_AGENT_NOTE,
    TEXT_HOSTING_SOVEREIGN, /* in the order of enum service_hosting */
    TEXT_HOSTING_EU,
    TEXT_HOSTING_OUTSIDE_EU,
    TEXT_APPROVAL_UNSET, /* in the order of enum service_approval */
    TEXT_APPROVAL_YES,
    TEXT_APPROVAL_NO,
    TEXT_UNIT_REQUEST,
    TEXT_UNIT_TOKENS,
    TEXT_MEASURED_PART,     /* {0} percent */
    TEXT_MEASURED_NOT_TOLD, /* {0} threshold */
    TEXT_HOST_IDLE,         /* {0} percent idle, {1} kWh */
    TEXT_HOST_LINE,         /* {0} direction, {1} kWh active, {2} kWh common */
    TEXT_HEAD_HOST,
    TEXT_HOST_WITHHELD, /* {0} threshold */
    TEXT_HOST_LEAD, /* {0} name, {1} kWh of machines, {2} of the data centre, {3} PUE, {4} percent
                       idle, {5} kWh of no request, {6} hours measured, {7} hours */
    TEXT_HOST_UNMEASURED, /* {0} hours */
    TEXT_HOST_PENDING,    /* {0} kWh */
    TEXT_HOST_KEY,        /* {0} key */
    TEXT_HOST_KEY_USAGE,  /* in the order of enum sharing_key_kind */
    TEXT_HOST_KEY_ENTITLEMENT,
    TEXT_HOST_KEY_HYBRID,
    TEXT_HOST_LINES,
    TEXT_HOST_WEIGHT,
    TEXT_HOST_ACTIVE,
    TEXT_HOST_COMMON,
    TEXT_HOST_METER, /* {0} J of the directions, {1} of the meters */
    TEXT_HOST_DEVICES,
    TEXT_HOST_SOURCES,
    TEXT_HOST_NO_PARTS, /* {0} threshold */
    TEXT_HOST_DEVICE,
    TEXT_HOST_IDLE_ENERGY,
    TEXT_HOST_ABOVE,
    TEXT_HOST_HOURS,
    TEXT_HOST_MEAN_POWER,
    TEXT_HOST_RESTS_ON,
    TEXT_HOST_WALL, /* in the order of enum energy_flag; the last three: {0} hours */
    TEXT_HOST_REST,
    TEXT_HOST_INTEGRATED,
    TEXT_HOST_LOWER_BOUND,
    TEXT_HOST_AMBIGUOUS,
    TEXT_HOST_EXCEEDED,
    TEXT_HOST_CARRIED,
    TEXT_HOST_BALANCE,
    TEXT_HOST_WIRE,
    TEXT_HOST_SERVER,
    TEXT_HOST_DIFFERENCE,
    TEXT_HOST_VERDICT,
    TEXT_HOST_UNSEEN,
    TEXT_TOKENS_CACHED,
    TEXT_HOST_NOT_COMPARED, /* in the order of enum balance_verdict */
    TEXT_HOST_AGREES,
    TEXT_HOST_SERVER_AHEAD,
    TEXT_HOST_WIRE_AHEAD,
    TEXT_HOST_WIRE_TWICE,
    TEXT_HOST_RESTARTED,
    TEXT_HOST_FACTORS,
    TEXT_HOST_IDLE_POWER,
    TEXT_HOST_RGESN, /* {0} PUE, {1} WUE */
    TEXT_HEAD_MEDIA,
    TEXT_CAPTION_MEDIA,
    TEXT_MEDIUM,
    TEXT_MEDIUM_UNKNOWN,
    TEXT_MEDIA_NOTE,
    TEXT_HEAD_VARIANTS,
    TEXT_CAPTION_VARIANTS,
    TEXT_VARIANT_REPORT_LESS,
    TEXT_VARIANT_REPORT, /* in the order of enum month_variant */
    TEXT_VARIANT_RECOMPUTED,
    TEXT_VARIANT_METHOD_A,
    TEXT_VARIANT_METHOD_B,
    TEXT_VARIANT_WATER,
    TEXT_VARIANTS_NOTE,
    TEXT_VARIANTS_PARTIAL,
    TEXT_VARIANTS_LACK_MODELS,
    TEXT_YEARLY, /* which intensity the figures have */
    TEXT_HOURLY, /* {0} kg, {1} low, {2} high, {3} kWh, {4} % of energy, {5} hours, {6} timing */
    TEXT_UNITS_NOTE,
    TEXT_UNITS_OF_SHOWN,
    TEXT_UNITS_LIST,
    TEXT_FUNCTIONAL_UNIT,
    TEXT_WITHOUT_IMPACT_NOTE,
    TEXT_GRAPH_TITLE,
    TEXT_GRAPH_ALT, /* {0} month */
    TEXT_GRAPH_MISSING,
    TEXT_GRAPH_HIDDEN, /* {0} threshold */
    TEXT_DAYS_SUMMARY,
    TEXT_CAPTION_DAYS,
    TEXT_DAY,
    TEXT_DAY_NOTHING,
    TEXT_DAY_HIDDEN,
    TEXT_DAYS_HIDDEN,
    TEXT_DAYS_NOTE,
    TEXT_COVERAGE_SENTENCE, /* {0} hours covered, {1} hours, {2} percent */
    TEXT_COVERAGE_NONE,
    TEXT_COVERAGE_NOTE,
    TEXT_QUANTITY,
    TEXT_VALUE,
    TEXT_MEANING,
    TEXT_PROPORTION,
    TEXT_EFFECT,
    TEXT_COVERED_TIME, /* the quantities of coverage */
    TEXT_PACKETS,
    TEXT_PACKETS_DROPPED,
    TEXT_PACKETS_FILTERED,
    TEXT_PACKETS_DUPLICATE,
    TEXT_PACKETS_UNDECODABLE,
    TEXT_PACKETS_TRUNCATED,
    TEXT_PACKETS_CORRUPT,
    TEXT_PACKETS_FRAGMENTED,
    TEXT_PACKETS_UNSPECIFIED,
    TEXT_PACKETS_OTHER,
    TEXT_FLOWS,
    TEXT_FLOWS_EVICTED,
    TEXT_FLOWS_UNTRACKED,
    TEXT_FLOWS_ENCRYPTED,
    TEXT_NAMES_SEEN,
    TEXT_NAMES_QUIC,
    TEXT_NAMES_HINTED,
    TEXT_NAMES_ENCRYPTED,
    TEXT_NAMES_MISSING,
    TEXT_FLOWS_ONE_WAY,
    TEXT_FLOWS_RESOLVER,
    TEXT_DNS_ANSWERS,
    TEXT_DNS_UNASKED,
    TEXT_HINTS_DISPLACED,
    TEXT_BYTES_LOST,
    TEXT_CLOCK_STEPS,
    TEXT_LOCAL_EXCHANGES,
    TEXT_LOCAL_UNASSIGNED,
    TEXT_LOCAL_UNSTATED,
    TEXT_LOCAL_UNREAD,
    TEXT_LOCAL_ELSEWHERE,
    TEXT_LOCAL_LOST,
    TEXT_LOCAL_REFUSED,
    TEXT_LOCAL_EVICTED,
    TEXT_COVERED_TIME_EFFECT, /* what each means for the figures, in the same order */
    TEXT_PACKETS_EFFECT,
    TEXT_PACKETS_DROPPED_EFFECT,
    TEXT_PACKETS_FILTERED_EFFECT,
    TEXT_PACKETS_DUPLICATE_EFFECT,
    TEXT_PACKETS_UNDECODABLE_EFFECT,
    TEXT_PACKETS_TRUNCATED_EFFECT,
    TEXT_PACKETS_CORRUPT_EFFECT,
    TEXT_PACKETS_FRAGMENTED_EFFECT,
    TEXT_PACKETS_UNSPECIFIED_EFFECT,
    TEXT_PACKETS_OTHER_EFFECT,
    TEXT_FLOWS_EFFECT,
    TEXT_FLOWS_EVICTED_EFFECT,
    TEXT_FLOWS_UNTRACKED_EFFECT,
    TEXT_FLOWS_ENCRYPTED_EFFECT,
    TEXT_NAMES_SEEN_EFFECT,
    TEXT_NAMES_QUIC_EFFECT,
    TEXT_NAMES_HINTED_EFFECT,
    TEXT_NAMES_ENCRYPTED_EFFECT,
    TEXT_NAMES_MISSING_EFFECT,
    TEXT_FLOWS_ONE_WAY_EFFECT,
    TEXT_FLOWS_RESOLVER_EFFECT,
    TEXT_DNS_ANSWERS_EFFECT,
    TEXT_DNS_UNASKED_EFFECT,
    TEXT_HINTS_DISPLACED_EFFECT,
    TEXT_BYTES_LOST_EFFECT,
    TEXT_CLOCK_STEPS_EFFECT,
    TEXT_LOCAL_EXCHANGES_EFFECT,
    TEXT_LOCAL_UNASSIGNED_EFFECT,
    TEXT_LOCAL_UNSTATED_EFFECT,
    TEXT_LOCAL_UNREAD_EFFECT,
    TEXT_LOCAL_ELSEWHERE_EFFECT,
    TEXT_LOCAL_LOST_EFFECT,
    TEXT_LOCAL_REFUSED_EFFECT,
    TEXT_LOCAL_EVICTED_EFFECT,
    TEXT_METHOD_TOKENS,
    TEXT_METHOD_IMPACT, /* {0} source of method A, {1} year */
    TEXT_METHOD_BAND,
    TEXT_METHOD_SHARES,
    TEXT_METHOD_MEASURED,
    TEXT_ORIGINS,
    TEXT_QUALITY, /* {0} letter, {1} 1 to 5 */
    TEXT_QUALITY_NONE,
    TEXT_GRADES,
    TEXT_GRADE, /* heading of a column */
    TEXT_GRADE_A,
    TEXT_GRADE_B,
    TEXT_GRADE_C,
    TEXT_GRADE_D,
    TEXT_GRADE_E,
    TEXT_MEASURED,
    TEXT_COUNTED,
    TEXT_ESTIMATED,
    TEXT_VINTAGES,     /* {0} list */
    TEXT_CALIBRATIONS, /* {0} list */
    TEXT_CALIBRATION_SINCE,
    TEXT_CALIBRATION_UNTIL, /* {0} date and time */
    TEXT_VINTAGE_OTHER,     /* {0} vintage shown */
    TEXT_FACTORS_WHOLE,
    TEXT_FACTORS_NONE,
    TEXT_FACTORS_SERVICES,
    TEXT_FACTORS_METHOD,
    TEXT_FACTORS_MODELS,
    TEXT_FACTORS_PROVIDERS,
    TEXT_FACTORS_ZONES,
    TEXT_MODEL,
    TEXT_PROVIDER,
    TEXT_ZONE,
    TEXT_YEAR,
    TEXT_SCOPE,
    TEXT_SOURCE,
    TEXT_LICENCE,
    TEXT_METHOD,
    TEXT_METHOD_B_NOTE,
    TEXT_FACTORS_METHOD_B,
    TEXT_ESTIMATOR,
    TEXT_PARAMETERS_TOTAL,
    TEXT_PARAMETERS_ACTIVE,
    TEXT_TOKENS_PER_SECOND,
    TEXT_FIRST_TOKEN,
    TEXT_PUE,
    TEXT_WUE,
    TEXT_WATER_VARIANT,
    TEXT_EWIF_NOTE,
    TEXT_UNKNOWN,
    TEXT_RESTATED, /* {0} number, {1} date, {2} vintage, energy {3} {4}, water {5} {6}, gases {7}
                      {8}: restated, recorded */
    TEXT_RESTATE_TITLE, /* {0} number, {1} period, {2} vintage */
    TEXT_RESTATE_MADE,  /* {0} date, {1} version, {2} vintages */
    TEXT_RESTATE_KEPT,
    TEXT_RESTATE_WITHHELD, /* {0} months, {1} of months, {2} threshold */
    TEXT_RESTATE_RECORDED,
    TEXT_RESTATE_RESTATED,
    TEXT_RESTATE_CHANGE,
    TEXT_RESTATE_CAUSES,
    TEXT_RESTATE_NO_CHANGE,
    TEXT_RESTATE_CONFIGURATION, /* causes, in the order of enum statement_cause */
    TEXT_RESTATE_MODELS,
    TEXT_RESTATE_METHOD,
    TEXT_RESTATE_DATA_CENTRES,
    TEXT_RESTATE_ELECTRICITY,
    TEXT_RESTATE_WATER,
    TEXT_RESTATE_NOT_AT_HAND,
    TEXT_RESTATE_NAMES,
    TEXT_RESTATE_RANDOM_NOTE, /* {0} percent */
    TEXT_RESTATE_FOLDED_NOTE, /* {0} threshold */
    TEXT_RESTATE_PASSES,      /* {0} percent */
    TEXT_RESTATE_LISTED,      /* {0} number, {1} period, {2} vintage, {3} date */
    TEXT_LIMIT_SCOPE,         /* the limits, a list */
    TEXT_LIMIT_TRAINING,
    TEXT_LIMIT_TERMINALS,
    TEXT_LIMIT_INPUT,
    TEXT_LIMIT_REASONING,
    TEXT_LIMIT_BATCH,
    TEXT_LIMIT_MEDIA,
    TEXT_LIMIT_UNKNOWN,
    TEXT_LIMIT_BAND,
    TEXT_LIMIT_ELECTRICITY,
    TEXT_LIMIT_MARGINS,
    TEXT_EXPLAIN_HOW,        /* {0} a figure's name */
    TEXT_HEAD_OBJECTIVES,    /* {0} year */
    TEXT_OBJECTIVES_UNTIL,   /* {0} date, {1} percent of the year passed, {2} covered */
    TEXT_OBJECTIVES_NOTE,    /* {0} threshold, {1} months, {2} percent covered */
    TEXT_CAPTION_OBJECTIVES, /* and the columns of the table */
    TEXT_BUDGET,
    TEXT_SPENT,
    TEXT_PATH,
    TEXT_PROJECTED,
    TEXT_FINDING,
    TEXT_OBJECTIVE_ALL,
    TEXT_OBJECTIVE_OF,       /* {0} whose, {1} indicator */
    TEXT_OBJECTIVE_BUDGET,   /* {0} budget */
    TEXT_OBJECTIVE_SPENT,    /* {0} used, {1} budget, {2} path */
    TEXT_OBJECTIVE_YEAR_END, /* {0} projected */
    TEXT_OBJECTIVE_NO_PROJECTION,
    TEXT_OBJECTIVE_NO_MONTH, /* in the order of enum progress_state */
    TEXT_OBJECTIVE_NOT_SHOWN,
    TEXT_OBJECTIVE_PARTLY_SHOWN,
    TEXT_OBJECTIVE_LITTLE_COVERED,
    TEXT_OBJECTIVE_ON_PATH,
    TEXT_OBJECTIVE_PROJECTED_OVER,
    TEXT_OBJECTIVE_ABOVE_PATH,
    TEXT_OBJECTIVE_EXCEEDED,
    TEXT_WARNING,
    TEXT_DERIVED_TITLE, /* {0} the figure's name */
    TEXT_DERIVED_TERMS,
    TEXT_DERIVED_RECOMPUTED,
    TEXT_DERIVED_REPORTED,
    TEXT_DERIVED_AGREES,
    TEXT_DERIVED_DIFFERS,
    TEXT_DERIVED_LEDGER, /* where a term is from that is no figure */
    TEXT_DERIVED_TOKENS,
    TEXT_DERIVED_SHOWN_TOKENS,
    TEXT_DERIVED_GRID,
    TEXT_DERIVED_OBJECTIVES,
    TEXT_DERIVED_CALENDAR,
    TEXT_DERIVED_DAY,
    TEXT_DERIVED_COVERAGE,
    TEXT_DERIVED_METERS,
    TEXT_DERIVED_KEY,
    TEXT_DERIVED_HOST_ROWS,
    TEXT_DERIVED_UNSCATTERED,
    TEXT_DERIVED_FOLDED_SCATTER,
    TEXT_DERIVED_UNSCATTERED_OR_FOLDED,
    TEXT_DERIVED_NO_SCATTER,
    TEXT_DERIVED_NO_ENERGY,
    TEXT_DERIVED_NO_SHOWN_ENERGY,
    TEXT_DERIVED_NO_HOST,
    TEXT_DERIVED_NOT_COUNTED,
    TEXT_DERIVED_DIRECTIONS,
    TEXT_DERIVED_CAPTURE,
    TEXT_DERIVED_HIDDEN_MONTHS,
    TEXT_DERIVED_CHAIN,
    TEXT_DERIVED_WIRE,
    TEXT_DERIVED_SERVER,
    TEXT_DERIVED_WEIGHTS,
    TEXT_DERIVED_NOT_TOLD,
    TEXT_DERIVED_STATEMENT,
    TEXT_DERIVED_KNOWN_HOURS,
    TEXT_DERIVED_HOURS,
    TEXT_DERIVED_CHAINS, /* heads what follows */
    TEXT_NAMES,          /* heads the column of figures' names */
    TEXT_EXPLAIN_TITLE,  /* {0} the figure's name, {1} what it is of, {2} month */
    TEXT_EXPLAIN_REPORTED,
    TEXT_EXPLAIN_PARTS,
    TEXT_EXPLAIN_MINUTES,  /* {0} minutes */
    TEXT_EXPLAIN_FOLDED,   /* {0} threshold */
    TEXT_EXPLAIN_CHAIN,    /* {0} service, {1} method, {2} model, {3} provider, {4} zone */
    TEXT_EXPLAIN_MIX,      /* share, first month, month after the last, source, grade */
    TEXT_EXPLAIN_MIX_FROM, /* with the same arguments, as its limits are known */
    TEXT_EXPLAIN_MIX_UNTIL,
    TEXT_EXPLAIN_MIX_EVER,
    TEXT_EXPLAIN_CLASS, /* model, entry that stands in */
    TEXT_EXPLAIN_TOKENS,
    TEXT_EXPLAIN_RANDOM,
    TEXT_EXPLAIN_IMAGES,
    TEXT_EXPLAIN_IMAGES_UNKNOWN, /* {0} estimator, {1} grade */
    TEXT_EXPLAIN_NO_IMPACT,      /* {0} service */
    TEXT_EXPLAIN_MODEL_GONE,     /* {0} service */
    TEXT_EXPLAIN_MEASURED,       /* {0} service, {1} host, {2} zone */
    TEXT_EXPLAIN_ACTIVE,
    TEXT_EXPLAIN_COMMON, /* {0} key */
    TEXT_EXPLAIN_FORMULAS_MEASURED,
    TEXT_EXPLAIN_DEVICES,
    TEXT_EXPLAIN_ITS_ENERGY,
    TEXT_EXPLAIN_USED,
    TEXT_EXPLAIN_REPLAYED,   /* {0} J shared again, {1} J recorded */
    TEXT_EXPLAIN_NO_DEVICES, /* {0} threshold */
    TEXT_EXPLAIN_FORMULAS_A,
    TEXT_EXPLAIN_FORMULAS_B,
    TEXT_EXPLAIN_FACTORS, /* {0} vintage */
    TEXT_EXPLAIN_MEAN,
    TEXT_EXPLAIN_RECOMPUTED, /* {0} vintage */
    TEXT_EXPLAIN_BAND,
    TEXT_EXPLAIN_BY_MINUTE,
    TEXT_EXPLAIN_BY_MONTH,
    TEXT_EXPLAIN_LEDGER,
    TEXT_EXPLAIN_AGREES,  /* {0} tolerance */
    TEXT_EXPLAIN_DIFFERS, /* {0} largest difference in percent */
    TEXT_EXPLAIN_NOT_RECOMPUTED,
    TEXT_EXPLAIN_OTHER_VINTAGE, /* reasons, in the order of enum explain_reason */
    TEXT_EXPLAIN_OTHER_FILES,
    TEXT_EXPLAIN_SEVERAL_COUNTS,
    TEXT_EXPLAIN_NO_FACTORS,
    TEXT_EXPLAIN_RECORDED_WITHOUT,
    TEXT_EXPLAIN_SETS,
    TEXT_EXPLAIN_SET, /* {0} vintage, {1} digest */
    TEXT_EXPLAIN_SET_INSTALLED,
    TEXT_EXPLAIN_SET_OTHER,
    TEXT_EXPLAIN_PAGE, /* of HTML: {0} what the figure is of, {1} month */
    TEXT_EXPLAIN_PAGE_LEAD,
    TEXT_EXPLAIN_PAGE_NAME, /* {0} the figure's name */
    TEXT_EXPLAIN_HEAD_FIGURE,
    TEXT_EXPLAIN_FIGURE,
    TEXT_EXPLAIN_HEAD_PARTS,
    TEXT_EXPLAIN_HEAD_CHAIN, /* {0} service */
    TEXT_EXPLAIN_HEAD_MODEL, /* {0} service, {1} model */
    TEXT_EXPLAIN_HEAD_ACTIVITY,
    TEXT_EXPLAIN_OF_MODEL, /* {0} what is counted */
    TEXT_EXPLAIN_HEAD_FACTORS,
    TEXT_EXPLAIN_HEAD_STEPS,
    TEXT_EXPLAIN_HEAD_RECOMPUTED,
    TEXT_EXPLAIN_HEAD_SETS,
    TEXT_EXPLAIN_FACTORS_OF, /* {0} vintage */
    TEXT_EXPLAIN_ORIGIN,     /* {0} source, {1} year, {2} scope, {3} licence, {4} grade */
    TEXT_EXPLAIN_STEP,       /* {0} symbol, {1} its meaning */
    TEXT_EXPLAIN_HEAD_MARGINS,
    TEXT_EXPLAIN_MARGINS,
    TEXT_EXPLAIN_LIKELY,
    TEXT_EXPLAIN_NO_MARGINS,
    TEXT_EXPLAIN_NO_MODEL_MARGINS,
    TEXT_EXPLAIN_UNKNOWN,
    TEXT_EXPLAIN_RATIO,
    TEXT_EXPLAIN_EXTENT,
    TEXT_EXPLAIN_NAME,
    TEXT_EXPLAIN_SYMBOL,
    TEXT_EXPLAIN_SYMBOLS,
    TEXT_EXPLAIN_ENDS,
    TEXT_EXPLAIN_FORMULA,
    TEXT_EXPLAIN_RESULT,
    TEXT_EXPLAIN_COMPUTED,
    TEXT_EXPLAIN_VINTAGE,
    TEXT_EXPLAIN_DIGEST,
    TEXT_EXPLAIN_STATE,
    TEXT_UNKNOWN_TOKENS, /* what is not known, in the order of enum sensitivity_unknown */
    TEXT_UNKNOWN_EXCHANGE,
    TEXT_UNKNOWN_ENERGY,
    TEXT_UNKNOWN_MODEL,
    TEXT_UNKNOWN_BATCH,
    TEXT_UNKNOWN_FIT,
    TEXT_UNKNOWN_INPUT,
    TEXT_UNKNOWN_PUE,
    TEXT_UNKNOWN_WUE,
    TEXT_UNKNOWN_EWIF,
    TEXT_UNKNOWN_MIX,
    TEXT_UNKNOWN_METHOD,
    TEXT_UNKNOWN_KEY,
    TEXT_CALCULATOR_AT,        /* {0} provider */
    TEXT_CALCULATOR_AT_METHOD, /* {0} provider, {1} method */
    TEXT_CALCULATOR_ENERGY,
    TEXT_CALCULATOR_GWP,
    TEXT_CALCULATOR_GWP_USE,
    TEXT_CALCULATOR_GWP_EMBODIED,
    TEXT_CALCULATOR_ADPE,
    TEXT_CALCULATOR_ADPE_USE,
    TEXT_CALCULATOR_ADPE_EMBODIED,
    TEXT_CALCULATOR_WATER,
    TEXT_CALCULATOR_NOT_EMBODIED,
    TEXT_CALCULATOR_VARIANTS,
    TEXT_CALCULATOR_TORNADO, /* {0} indicator, {1} unit */
    TEXT_CALCULATOR_CHOICE,
    TEXT_CALCULATOR_FACTORS,  /* {0} vintage */
    TEXT_CALCULATOR_METHOD,   /* {0} method */
    TEXT_CALCULATOR_MODEL,    /* {0} name, {1} active parameters, {2} all, in 10^9 */
    TEXT_CALCULATOR_FALLBACK, /* {0} model */
    TEXT_CALCULATOR_MEDIUM,   /* {0} name, {1} Wh */
    TEXT_CALCULATOR_GPU_ONLY,
    TEXT_CALCULATOR_PROVIDER, /* {0} name, {1} PUE, {2} WUE */
    TEXT_CALCULATOR_GRID,     /* {0} zone, {1} kgCO2e/kWh */
    TEXT_CALCULATOR_METALS,   /* {0} zone, {1} kgSb/kWh */
    TEXT_CALCULATOR_EMBODIED,
    TEXT_CALCULATOR_EWIF,   /* {0} zone, {1} L/kWh */
    TEXT_CALCULATOR_ORIGIN, /* {0} source, {1} year, {2} grade */
    TEXT_WHATIF_TITLE,      /* {0} month, {1} direction, or all */
    TEXT_WHATIF_RECORDED,
    TEXT_WHATIF_BEFORE,
    TEXT_WHATIF_AFTER,
    TEXT_WHATIF_DIFFERENCE,
    TEXT_WHATIF_BAND,    /* {0} central, {1} low, {2} high */
    TEXT_WHATIF_PERCENT, /* {0} a band */
    TEXT_WHATIF_SAME,    /* in the order of enum whatif_verdict */
    TEXT_WHATIF_LESS,
    TEXT_WHATIF_MORE,
    TEXT_WHATIF_UNSURE,
    TEXT_WHATIF_SUMS_NOTE, /* {0} vintage */
    TEXT_WHATIF_FIT_NOTE,
    TEXT_WHATIF_RANDOM_NOTE, /* {0} percent */
    TEXT_WHATIF_UNSURE_NOTE,
    TEXT_WHATIF_DIRECTIONS,
    TEXT_WHATIF_FOLDED,
    TEXT_WHATIF_SERVICE,    /* {0} service */
    TEXT_WHATIF_USE_BEFORE, /* {0} who does it, {1} percent, {2} requests, {3} output tokens */
    TEXT_WHATIF_USE_AFTER,  /* the same */
    TEXT_WHATIF_PER_1000,
    TEXT_WHATIF_PART, /* {0} percent, {1} model, {2} provider, {3} zone, {4} method */
    TEXT_WHATIF_LOCAL,
    TEXT_WHATIF_LOCAL_NOTE,
    TEXT_WHATIF_MEASURED_NOTE, /* {0} service, {1} J per output token, {2} weight of an input token
                                */
    TEXT_WHATIF_METHODS,
    TEXT_WHATIF_OTHER_WATER, /* {0} zone */
    TEXT_WHATIF_REBOUND,
    TEXT_FOOTER,
    /* A workbook: a column, how to read it, names of sheets */
    TEXT_SHEET_CODE,
    TEXT_SHEET_HOW,
    TEXT_SHEET_SUMMARY,
    TEXT_SHEET_DIRECTIONS,
    TEXT_SHEET_SERVICES,
    TEXT_SHEET_MEDIA,
    TEXT_SHEET_HOST,
    TEXT_SHEET_HOST_DEVICES,
    TEXT_SHEET_HOST_SOURCES,
    TEXT_SHEET_HOST_BALANCE,
    TEXT_SHEET_HOST_FACTORS,
    TEXT_SHEET_DAYS,
    TEXT_SHEET_VARIANTS,
    TEXT_SHEET_OBJECTIVES,
    TEXT_SHEET_MONTHS,
    TEXT_SHEET_CLASSES,
    TEXT_SHEET_CLASS_MONTHS,
    TEXT_SHEET_COMPARED,
    TEXT_SHEET_COVERAGE,
    TEXT_SHEET_METHOD,
    TEXT_SHEET_FACTORS,
    TEXT_SHEET_FACTORS_MODELS,
    TEXT_SHEET_FACTORS_PROVIDERS,
    TEXT_SHEET_FACTORS_ZONES,
    TEXT_SHEET_FACTORS_A,
    TEXT_SHEET_FACTORS_B,
    TEXT_MONTH_1,
    TEXT_MONTH_12 = TEXT_MONTH_1 + 11,
    /* A year's report */
    TEXT_YEAR_TITLE, /* {0} year */
    TEXT_YEAR_LEAD,
    TEXT_YEAR_RUNNING, /* {0} date */
    TEXT_YEAR_MONTHS,  /* {0} months told, {1} months over, {2} withheld, {3} without data */
    TEXT_YEAR_PARTIAL, /* {0} months told, {1} months over */
    TEXT_YEAR_WITHHELD,
    TEXT_YEAR_BANDS,
    TEXT_YEAR_HEAD_TOTAL,
    TEXT_YEAR_HEAD_EVALUATE,
    TEXT_YEAR_HEAD_MOVE,
    TEXT_YEAR_MEASURED, /* {0} percent measured, {1} percent estimated */
    TEXT_YEAR_MEASURED_NOT_TOLD,
    TEXT_YEAR_HEAD_MONTHS,
    TEXT_YEAR_CAPTION_MONTHS,
    TEXT_YEAR_MONTH,
    TEXT_YEAR_COVERED,
    TEXT_YEAR_PER_REQUEST,
    TEXT_YEAR_PER_TOKENS,
    TEXT_YEAR_MONTH_WITHHELD,
    TEXT_YEAR_MONTH_NONE,
    TEXT_YEAR_MONTH_UNUSED,
    TEXT_YEAR_GRAPH_TITLE,
    TEXT_YEAR_GRAPH_DESC, /* {0} year */
    TEXT_YEAR_HEAD_CLASSES,
    TEXT_YEAR_CAPTION_CLASSES,
    TEXT_YEAR_CAPTION_CLASS_MONTHS,
    TEXT_YEAR_CLASS,
    TEXT_YEAR_REQUESTS_SHARE,
    TEXT_YEAR_PLACE,
    TEXT_YEAR_NOT_TOLD,
    TEXT_YEAR_ELSEWHERE,
    TEXT_YEAR_OWN_HOSTS,
    TEXT_YEAR_CLASS_NOTE,
    TEXT_YEAR_HEAD_COMPARED,    /* {0} year before */
    TEXT_YEAR_CAPTION_COMPARED, /* {0} number of months */
    TEXT_YEAR_COMPARED_NONE,    /* {0} year before */
    TEXT_YEAR_COMPARED_NOTE,    /* {0} vintages, {1} vintages of the year before */
    TEXT_YEAR_BEFORE,
    TEXT_YEAR_THIS,
    TEXT_YEAR_CHANGE,
    TEXT_YEAR_ENERGY_PER_REQUEST,
    TEXT_YEAR_WATER_PER_REQUEST,
    TEXT_YEAR_GWP_PER_REQUEST,
    TEXT_YEAR_SHOWN, /* {0} months that show it, {1} months told */
    TEXT_YEAR_SHOWN_NOTE,
    TEXT_YEAR_TOTAL_ONLY,
    TEXT_YEAR_CAPTION_DIRECTIONS,
    TEXT_YEAR_CAPTION_UNITS,
    TEXT_YEAR_OBJECTIVES_NONE,
    TEXT_YEAR_VINTAGES,     /* {0} list */
    TEXT_YEAR_CALIBRATIONS, /* {0} list */
    TEXT_YEAR_RESTATED,     /* as TEXT_RESTATED */
    TEXT_YEAR_EXPLAIN_HOW,  /* {0} name */
    TEXT_YEAR_UNUSED,       /* origin */
    TEXT_YEAR_ORIGIN_SHOWN, /* origin */
    TEXT_YEAR_NO_ROW,       /* origin */
    TEXT_COUNT
};

/* "fr" or "en"; anything else is French. */
enum text_language text_language(const char *name);
const char *text_language_name(enum text_language language);

/* The sentence as it stands in the table, before typography; NULL when it is missing. */
const char *text_get(enum text_language language, enum text_id id);

/* Arguments of a sentence, in the order of its {0}, {1}... */
#define TEXT_ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Writes a sentence: {0} to {9} become the arguments (NULL-terminated, or NULL for none), French
 * gets its no-break spaces. HTML: everything, the arguments too, is escaped. */
void text_say(FILE *stream, enum text_language language, enum text_id id,
              const char *const *arguments, bool html);
/* The same in HTML, where the argument number i is the figure FIGURES[i], if that is not "", which
 * is read by pointing at it. */
void text_say_figures(FILE *stream, enum text_language language, enum text_id id,
                      const char *const *arguments, const char *const *figures);
/* The same as a string, to be freed; NULL when memory is exhausted. */
char *text_render(enum text_language language, enum text_id id, const char *const *arguments);

/* Escaped for HTML (text and quoted attributes). Control characters that HTML forbids are left
 * out. */
void text_html(FILE *stream, const char *text);
/* One field, quoted when RFC 4180 asks for it. What a spreadsheet would take for a formula gets an
 * apostrophe, by which it is text. */
void text_csv(FILE *stream, const char *text);

/* UNITS of 10^-decimals: (1234567, 2) is "12 345,67" in French, "12,345.67" in English. */
void text_decimal(char *out, size_t size, enum text_language language, int64_t units,
                  unsigned decimals);
/* The same of VALUE, which was rounded to UNITS: what is not 0 but rounds to it reads "< 0,01", or
 * "> -0,01". */
void text_units(char *out, size_t size, enum text_language language, int64_t units, double value,
                unsigned decimals);
/* VALUE rounded to that number of decimals; with an exponent where that has too many digits. */
void text_number(char *out, size_t size, enum text_language language, double value,
                 unsigned decimals);
/* The same; what is not 0 but rounds to it reads as text_units() has it. */
void text_amount(char *out, size_t size, enum text_language language, double value,
                 unsigned decimals);
/* Up to DIGITS significant digits. */
void text_digits(char *out, size_t size, enum text_language language, double value, int digits);
/* Up to seven of them, for factors of any size: "0,0461", "1,166527e-06". */
void text_factor(char *out, size_t size, enum text_language language, double value);
/* 17 digits, which read back as the same double, always with a point. */
void text_exact(char *out, size_t size, double value);

/* What a file says in both languages; ENGLISH where it says nothing in French. */
const char *text_either(enum text_language language, const char *french, const char *english);

/* UNIT as it is written for people, such as "kgCO₂e"; what programs read keeps "kgCO2e". */
const char *text_unit(const char *unit);

/* In what people read quantities of UNIT of which VALUE is the greatest: of "kgSbeq" the unit of
 * which it is 1 or more, such as "µgSbeq", 1e9 to one; else UNIT itself, and 1. */
struct text_scale {
    const char *unit;
    double per_unit;
};
struct text_scale text_scale(const char *unit, double value);

/* Columns on a terminal: one per character, which holds for Latin script. */
size_t text_width(const char *text);

/* Decimals that show at least three significant digits of VALUE. Whole units are never rounded, so
 * that the rows of a table still add up to what a reader can check. */
unsigned text_decimals(double value);

/* Local date; with CLOCK also the time. "1er octobre 2026 à 00:00". */
void text_date(char *out, size_t size, enum text_language language, int64_t time_s, bool clock);
/* "octobre 2026" */
void text_month(char *out, size_t size, enum text_language language, int year, int month);

/* A triple in units of 10^-decimals. */
struct text_band {
    int64_t low;
    int64_t central;
    int64_t high;
};

/* Rounds the rows of a column so that they add up to the rounded total, which is returned, in low,
 * central and high alike (largest remainder). low <= central <= high holds in every row that it
 * held in; a row moves by less than one unit in its central value, by less than two elsewhere. */
struct text_band text_round(const struct triple *rows, size_t count, struct triple total,
                            unsigned decimals, struct text_band *out);
/* The same where the last row, of COUNT at least 1, is rounded from itself and TOTAL alone: it
 * reads the same in each table that has it. */
struct text_band text_round_other(const struct triple *rows, size_t count, struct triple total,
                                  unsigned decimals, struct text_band *out);
/* Central values alone: OUT stands where KEPT, the other rows add up to the rounded total with
 * them. (Another way of computing some rows of a table: the others must not read differently.) */
void text_round_rest(const double *values, size_t count, double total, unsigned decimals,
                     const bool *kept, int64_t *out);
/* Shares of 1 in units of 10^-decimals percent, adding up to 100 % when the shares add up to 1.
 * With HAS_OTHER, the last is rounded by itself. */
void text_shares(const double *shares, size_t count, bool has_other, unsigned decimals,
                 int64_t *out);

#endif
