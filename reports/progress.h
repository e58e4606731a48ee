/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_PROGRESS_H
#define IAGMETER_PROGRESS_H

#include "daemon/calendar.h"
#include "daemon/config.h"
#include "daemon/hoststatus.h"
#include "daemon/ledger.h"
#include "reports/month.h"
#include "reports/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Yearly budgets (daemon/objectives.h) and what was used of them. Every figure here is computed
 * from figures that the monthly reports print (month.h), and from nothing else: so nothing can be
 * learned from it that they do not tell, whatever is subtracted from whatever. */

struct monthsums_store;

enum progress_state {
    PROGRESS_NO_MONTH,       /* the ledger holds nothing of the year so far */
    PROGRESS_NOT_SHOWN,      /* no month's report shows it */
    PROGRESS_PARTLY_SHOWN,   /* nothing to warn of, but not every month's report shows it */
    PROGRESS_LITTLE_COVERED, /* nothing to warn of, but too little was covered to be glad */
    PROGRESS_ON_PATH,
    PROGRESS_PROJECTED_OVER, /* the budget would be exceeded at the end of the year */
    PROGRESS_ABOVE_PATH,     /* by more than its objective allows */
    PROGRESS_EXCEEDED,
};

/* What a month's report prints. */
struct progress_month {
    int month;   /* 1 to 12 */
    bool unused; /* its report says that nobody used anything */
    struct month_totals totals;
};
#define PROGRESS_MONTHS 12

/* What a rate is taken from. */
struct progress_rate {
    unsigned months;
    uint8_t numbers[PROGRESS_MONTHS]; /* indices of months, the latest first */
    double covered_s;
};

/* One indicator of one objective. */
struct progress_line {
    const struct objective *objective;
    enum month_indicator indicator;
    double budget;
    double path; /* the budget, pro rata of the time that has passed */
    enum progress_state state;
    unsigned hidden_months; /* whose reports do not show it: few devices, or no use */
    /* Of the months that show it: */
    uint8_t grade; /* enum evidence_grade */
    struct triple spent;
    bool has_projection;
    struct triple projected; /* at the end of the year */
    /* What they are computed from, for `iagmeter explain`: */
    struct progress_month months[PROGRESS_MONTHS];
    size_t month_count;
    struct progress_rate recent;
    struct progress_rate all;
};

struct progress {
    const struct config *config;
    int year;
    struct calendar_month last;  /* what is counted ends within it */
    struct calendar_month named; /* whose report has its figures: LAST, or the year's */
    int64_t from;                /* the year's bounds */
    int64_t end;
    int64_t until;             /* end of what is counted */
    unsigned months;           /* of which the ledger holds something */
    double covered_s;          /* by the capture, of the time up to UNTIL */
    bool total_shown;          /* no month was withheld, and there is one */
    struct month_totals total; /* of the months, where it is shown */
    /* Of a host of our own, where the total is shown: as struct hoststatus has it. Not to be told
     * where HOST_HIDDEN: a month's report does not show the host, and those of the others would
     * tell that its use is in none of them. */
    bool host_hidden;
    struct hoststatus_tokens wire;
    struct hoststatus_tokens unseen;
    struct hoststatus_tokens server;
    unsigned months_read; /* from the ledger, and not from what is kept of them (monthsums.h) */
    struct progress_line *lines;
    size_t count;
};

/* The last month that is over, and of which nothing is on its way to the ledger any more. */
struct calendar_month progress_last_month(int64_t now);

/* The objectives of LAST's year, from January to the end of LAST, or to NOW where LAST is still
 * running. CONFIG must outlive what is returned. Returns NULL and one sentence in ERROR when the
 * ledger cannot be read. Of months that are over it reads what is kept of them (monthsums.h), so
 * that of the ledger only the running month is read, and what changed since it was asked last.
 * Freed with progress_free(). */
struct progress *progress_build(struct ledger *ledger, const struct config *config,
                                struct calendar_month last, int64_t now, char *error,
                                size_t error_size);
/* The same with the months of STORE. */
struct progress *progress_build_from(struct monthsums_store *store, const struct config *config,
                                     struct calendar_month last, int64_t now, char *error,
                                     size_t error_size);
void progress_free(struct progress *progress);

/* Of the year, 0 to 1: what has passed, and what the capture covered. */
double progress_elapsed(const struct progress *progress);
double progress_covered(const struct progress *progress);

bool progress_is_warning(const struct progress_line *line);

/* For programs: "on-path". */
const char *progress_state_name(enum progress_state state);
/* "." for the whole authority, as in figures' names. */
const char *progress_scope(const struct progress_line *line);
/* What `iagmeter explain` takes: SCOPE is "objective-budget", "-path", "-spent" or "-projected". */
void progress_figure(char out[MONTH_FIGURE_SIZE], const struct progress *progress,
                     const struct progress_line *line, const char *scope);

/* What the writers of text share: whose objective it is, its decimals, the arguments of
 * TEXT_OBJECTIVES_UNTIL (date, percent passed, percent covered), and what is found. */
const char *progress_label(const struct progress *progress, const struct progress_line *line,
                           enum text_language language);
unsigned progress_decimals(const struct progress_line *line);
void progress_until_words(const struct progress *progress, enum text_language language,
                          char date[TEXT_DATE_SIZE], char elapsed[TEXT_NUMBER_SIZE],
                          char covered[TEXT_NUMBER_SIZE]);
/* The figures that the percents are. */
void progress_until_names(const struct progress *progress, month_name names[2]);
enum text_id progress_finding(const struct progress_line *line);

/* For a terminal: a heading, and a line for each; those to worry about begin with "WARNING". */
void progress_print(const struct progress *progress, enum text_language language, FILE *stream);

/* A section of a page. */
struct html_page;
void progress_write_html(const struct progress *progress, const struct html_page *page);

#endif
