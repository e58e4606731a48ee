/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/year_words.h"

#include <math.h>

/* Drawn by ourselves: librrd draws times, not months. Whole pixels of a fixed picture; colours that
 * differ in print, too. */

#define WIDTH     780
#define HEIGHT    260
#define LEFT      70
#define TOP       26
#define BOTTOM    30
#define SLOT      ((WIDTH - LEFT) / YEAR_MONTHS)
#define BAR       34
#define DRAWN     (HEIGHT - TOP - BOTTOM)
#define TICKS     4
#define BASE      10
#define FONT_SIZE 12

static double highest(const struct year_report *year)
{
    double most = 0;

    for (int i = 0; i < YEAR_MONTHS; i++) {
        const struct monthsums *month = year_month_of(year, YEAR_TOLD, i);

        if (month)
            most = fmax(most, month->total.impact.energy_kwh.high);
    }
    return most;
}

/* 1, 2 or 5 times a power of ten, of which TICKS reach MOST. */
static double tick_of(double most)
{
    static const double steps[] = {1, 2, 5};
    double power = pow(BASE, floor(log10(most / TICKS)));

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        if (steps[i] * power * TICKS >= most)
            return steps[i] * power;
    return BASE * power;
}

static int height_of(double value, double tick)
{
    return (int)lround(DRAWN * value / (tick * TICKS));
}

static void draw_axis(enum text_language language, double tick, FILE *stream)
{
    for (int i = 0; i <= TICKS; i++) {
        int y = TOP + DRAWN - DRAWN * i / TICKS;
        char number[TEXT_NUMBER_SIZE];

        text_number(number, sizeof(number), language, tick * i,
                    i == 0 ? 0 : (unsigned)fmax(0, -floor(log10(tick))));
        fprintf(stream,
                "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"#c8c8c8\"/>"
                "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">",
                LEFT, y, WIDTH, y, LEFT - 6, y + FONT_SIZE / 3);
        text_html(stream, number);
        fputs("</text>\n", stream);
    }
    fprintf(stream, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">kWh</text>\n", LEFT - 6,
            TOP - FONT_SIZE);
}

/* The central value as a bar, low to high as a line with ends. */
static void draw_bar(int centre, const struct triple *energy_kwh, double tick, FILE *stream)
{
    int base = TOP + DRAWN, height = height_of(energy_kwh->central, tick);
    int low = base - height_of(energy_kwh->low, tick);
    int high = base - height_of(energy_kwh->high, tick);

    fprintf(stream, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#33557a\"/>\n",
            centre - BAR / 2, base - height, BAR, height);
    fprintf(stream,
            "<path d=\"M%d %dV%dM%d %dh10M%d %dh10\" stroke=\"#b35900\" stroke-width=\"2\" "
            "fill=\"none\"/>\n",
            centre, low, high, centre - 5, low, centre - 5, high);
}

static void draw_month(const struct year_report *year, int index, double tick, FILE *stream)
{
    const struct monthsums *month = year->months[index];
    int centre = LEFT + SLOT * index + SLOT / 2;

    if (month && month->withheld)
        fprintf(stream, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#e4e4e4\"/>\n",
                centre - BAR / 2, TOP, BAR, DRAWN);
    else if (month)
        draw_bar(centre, &month->total.impact.energy_kwh, tick, stream);
    fprintf(stream, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%02d</text>\n", centre,
            HEIGHT - BOTTOM + FONT_SIZE + 4, index + 1);
}

void year_graph(const struct year_report *year, enum text_language language, FILE *stream)
{
    double most = highest(year), tick;
    char number[MONTH_ID_SIZE];

    if (!(most > 0))
        return;
    tick = tick_of(most);
    month_period(number, year->sums.month);
    fprintf(stream,
            "<figure><svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
            "height=\"%d\" role=\"img\" aria-labelledby=\"graph-title graph-desc\" "
            "font-family=\"sans-serif\" font-size=\"%d\">\n<title id=\"graph-title\">",
            WIDTH, HEIGHT, WIDTH, HEIGHT, FONT_SIZE);
    text_say(stream, language, TEXT_YEAR_GRAPH_TITLE, NULL, true);
    fputs("</title>\n<desc id=\"graph-desc\">", stream);
    text_say(stream, language, TEXT_YEAR_GRAPH_DESC, TEXT_ARGUMENTS(number), true);
    fputs("</desc>\n", stream);
    draw_axis(language, tick, stream);
    for (int i = 0; i < (int)year->over; i++)
        draw_month(year, i, tick, stream);
    fputs("</svg>\n<figcaption>", stream);
    text_say(stream, language, TEXT_YEAR_GRAPH_TITLE, NULL, true);
    fputs("</figcaption></figure>\n", stream);
}
