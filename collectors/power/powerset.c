/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/powerset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/power/counter.h"
#include "collectors/power/lateness.h"
#include "collectors/power/powerset_sources.h"
#include "collectors/power/reconcile.h"
#include "collectors/power/timeline.h"
#include "daemon/log.h"

#define SECOND_NS   INT64_C(1000000000)
#define MS_NS       INT64_C(1000000)
#define MAX_METERS  256
#define MAX_SOURCES 16
#define NO_DEVICE   UINT16_MAX

_Static_assert(POWER_MAX_NAMES + MAX_SOURCES <= RECONCILE_MODULES, "each rank has its place");

/* In the log and in `iagmeter status`. */
#define TOO_SMALL                                                                                  \
    "has said less than the GPUs drew for longer than any delay explains: it may be of something " \
    "else"

/* Delays that differ by less are the same one, or none. */
#define SAME_LAG_S 5

/* Places that meters shown for comparison leave to the host and its GPUs. */
#define RESERVED_DEVICES 17

/* How long to wait before looking, or reading, again: from the first, doubled each time. */
#define FIRST_DELAY_NS  SECOND_NS
#define LONGEST_OPEN_NS (300 * SECOND_NS)
#define LONGEST_READ_NS (60 * SECOND_NS)

/* A counter of energy that does not move for longer says nothing; one of large steps (1 Wh: pdu.c,
 * redfish.c), for longer than a step takes of the least that what has a meter draws. */
#define STANDSTILL_NS  (60 * SECOND_NS)
#define LARGEST_STEP_J 3600.0
#define LEAST_W        4.0

/* Samples of power that are further apart are not joined: what was between is not covered. */
#define SHORTEST_BRIDGE_NS (10 * SECOND_NS)
#define BRIDGE_PERIODS     4

struct origin {
    const struct powerset_source *entry;
    bool is_off;
    void *state; /* NULL: not open */
    bool reopen;
    int64_t try_ns; /* when to open it again */
    int64_t delay_ns;
    int64_t opened_ns;
    char problem[200];
};

/* A channel. It stays known while its source is closed, so that a counter goes on where it was. */
struct meter {
    char name[POWER_NAME_SIZE];
    size_t source;
    size_t number; /* of the channel, in its source */
    bool present;  /* when its source was last opened */
    bool is_off;
    bool again; /* a GPU that another source tells of */
    bool was_read;
    struct power_channel channel;
    struct counter counter;
    int64_t moved_ns; /* when it was read first with what it says now */
    double step_j;    /* the smallest by which it moved; 0: it did not yet */
    bool stood_still; /* for too long, and did not move since, whatever else went wrong */
    enum power_status status;
    enum power_status said; /* in the log */
    unsigned failures;      /* in a row */
    int64_t due_ns;
    double power_w; /* below 0: not known */
    uint16_t gpu;   /* device, or NO_DEVICE */
    uint16_t shown; /* device */
    struct timeline *timeline;
};

struct powerset {
    const struct power_config *config;
    struct power_setup setup;
    struct origin sources[MAX_SOURCES];
    size_t source_count;
    struct meter *meters; /* by source */
    size_t meter_count;
    struct power_device devices[MAX_POWER_DEVICES];
    size_t device_count;
    bool is_full; /* it was said that there are too many devices */
    unsigned next_gpu;
    uint16_t host; /* device */
    int64_t taken_s;
    struct reconcile_carry carry;
    bool is_too_small[RECONCILE_WHOLES]; /* the GPUs draw more than it says, for good */
    struct log_damper too_small_damper;
    struct lateness lateness; /* of the meter of the whole that the host rests on */
    unsigned late_whole;      /* that one */
    int late_s;               /* by which it is late, beyond what it is dated back; 0: not known */
};

static int64_t now_of(const struct powerset *set)
{
    return set->setup.now_ns(set->setup.context);
}

static int64_t shorter(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool is_listed(const char (*names)[POWER_NAME_SIZE], size_t count, const char *name,
                      unsigned *index)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) {
            if (index)
                *index = (unsigned)i;
            return true;
        }
    return false;
}

static bool is_off(const struct powerset *set, const char *name)
{
    return is_listed(set->config->off, set->config->off_count, name, NULL);
}

/* ---- Devices ---- */

static uint16_t add_device(struct powerset *set, enum power_device_kind kind, const char *name)
{
    size_t most = MAX_POWER_DEVICES - (kind == POWER_DEVICE_SOURCE ? RESERVED_DEVICES : 0);
    struct power_device *device = &set->devices[set->device_count];

    if (set->device_count >= most) {
        if (!set->is_full)
            log_line(LOG_PRIORITY_WARNING, "power: more than %zu devices: %s is left out, and more",
                     most, name);
        set->is_full = true;
        return NO_DEVICE;
    }
    snprintf(device->name, sizeof(device->name), "%s", name);
    device->kind = (uint8_t)kind;
    return (uint16_t)set->device_count++;
}

static void add_host(struct powerset *set)
{
    if (set->host == NO_DEVICE)
        set->host = add_device(set, POWER_DEVICE_HOST, "host");
}

/* The number that the configuration gives it, else the next one. */
static uint16_t add_gpu(struct powerset *set, const struct meter *meter)
{
    const struct power_config *config = set->config;
    char name[POWER_NAME_SIZE];
    unsigned number;

    if (!is_listed(config->gpus, config->gpu_count, meter->name, &number))
        number = set->next_gpu++;
    snprintf(name, sizeof(name), "gpu%u", number);
    return add_device(set, POWER_DEVICE_GPU, name);
}

/* Two channels of one GPU: its power and its energy. */
static uint16_t same_gpu(const struct powerset *set, const struct meter *meter)
{
    for (size_t i = 0; i < set->meter_count; i++) {
        const struct meter *other = &set->meters[i];

        if (other != meter && other->present && other->gpu != NO_DEVICE &&
            other->source == meter->source && other->channel.place == meter->channel.place)
            return other->gpu;
    }
    return NO_DEVICE;
}

static bool has_other_gpus(const struct powerset *set, size_t source)
{
    for (size_t i = 0; i < set->meter_count; i++)
        if (set->meters[i].source != source && set->meters[i].channel.part == POWER_PART_GPU &&
            !set->meters[i].is_off)
            return true;
    return false;
}

static void assign_device(struct powerset *set, struct meter *meter)
{
    bool is_gpu = meter->channel.part == POWER_PART_GPU;

    if (meter->is_off)
        return;
    meter->again = is_gpu && set->sources[meter->source].entry->gpus_again &&
                   has_other_gpus(set, meter->source);
    if (is_gpu && !meter->again && meter->gpu == NO_DEVICE)
        meter->gpu = same_gpu(set, meter);
    if (is_gpu && !meter->again && meter->gpu == NO_DEVICE)
        meter->gpu = add_gpu(set, meter);
    if (!is_gpu && meter->channel.part != POWER_PART_OTHER)
        add_host(set);
    if (meter->shown == NO_DEVICE)
        meter->shown = add_device(set, POWER_DEVICE_SOURCE, meter->name);
}

/* ---- Sources ---- */

static struct meter *find_meter(const struct powerset *set, const char *name)
{
    for (size_t i = 0; i < set->meter_count; i++)
        if (strcmp(set->meters[i].name, name) == 0)
            return &set->meters[i];
    return NULL;
}

static struct meter *add_meter(struct powerset *set, const char name[POWER_NAME_SIZE])
{
    struct timeline *timeline;
    struct meter *meter;

    if (set->meter_count == MAX_METERS || !(timeline = calloc(1, sizeof(*timeline)))) {
        log_line(LOG_PRIORITY_WARNING, "power: no room for %s: it is left out", name);
        return NULL;
    }
    meter = &set->meters[set->meter_count++];
    *meter = (struct meter){.status = POWER_NOT_YET,
                            .said = POWER_OK,
                            .power_w = -1,
                            .gpu = NO_DEVICE,
                            .shown = NO_DEVICE,
                            .timeline = timeline};
    memcpy(meter->name, name, sizeof(meter->name));
    meter->timeline->first_s = set->taken_s;
    meter->is_off = is_off(set, name);
    return meter;
}

static bool counts_alike(const struct power_channel *a, const struct power_channel *b)
{
    return a->quantity == b->quantity && a->unit == b->unit && a->range == b->range;
}

static void list_channel(struct powerset *set, size_t source, size_t number,
                         const struct power_channel *channel, int64_t now_ns)
{
    char name[POWER_NAME_SIZE];
    struct meter *meter;

    snprintf(name, sizeof(name), "%.16s/%.46s", set->sources[source].entry->source->name,
             channel->name);
    meter = find_meter(set, name);
    if (!meter)
        meter = add_meter(set, name);
    if (!meter)
        return;
    if (!counts_alike(&meter->channel, channel))
        meter->counter.started = false;
    meter->channel = *channel;
    meter->source = source;
    meter->number = number;
    meter->present = true;
    meter->due_ns = now_ns;
    meter->failures = 0;
}

static void list_channels(struct powerset *set, size_t source, int64_t now_ns)
{
    struct power_channel channels[POWER_MAX_CHANNELS];
    const struct origin *origin = &set->sources[source];
    size_t count = origin->entry->source->channels(origin->state, channels);

    for (size_t i = 0; i < set->meter_count; i++)
        if (set->meters[i].source == source)
            set->meters[i].present = false;
    for (size_t i = 0; i < count; i++)
        list_channel(set, source, i, &channels[i], now_ns);
}

static void close_source(struct origin *origin)
{
    if (origin->state)
        origin->entry->source->close(origin->state);
    origin->state = NULL;
    origin->reopen = false;
}

static void put_off(struct origin *origin, int64_t now_ns)
{
    origin->try_ns = now_ns + origin->delay_ns;
    origin->delay_ns = shorter(2 * origin->delay_ns, LONGEST_OPEN_NS);
}

/* Returns whether it is open. Says what is wrong with it when that is new. */
static bool open_source(struct powerset *set, size_t source, int64_t now_ns)
{
    struct origin *origin = &set->sources[source];
    const struct power_source *descriptor = origin->entry->source;
    struct power_setup setup = set->setup;
    char problem[sizeof(origin->problem)] = "";

    setup.options = powerset_options(set->config, descriptor);
    origin->state = descriptor->open(&setup, problem, sizeof(problem));
    if (problem[0] && strcmp(problem, origin->problem) != 0)
        log_line(LOG_PRIORITY_WARNING, "power: %s: %s", descriptor->name, problem);
    memcpy(origin->problem, problem, sizeof(problem));
    if (!origin->state) {
        put_off(origin, now_ns);
        return false;
    }
    origin->opened_ns = now_ns;
    list_channels(set, source, now_ns);
    return true;
}

static void look_again(struct origin *origin, int64_t now_ns)
{
    if (origin->reopen)
        return;
    origin->reopen = true;
    if (now_ns - origin->opened_ns > origin->delay_ns)
        origin->delay_ns = FIRST_DELAY_NS;
    put_off(origin, now_ns);
}

static bool is_due(const struct origin *origin, int64_t now_ns)
{
    if (origin->is_off)
        return false;
    if (origin->state && !origin->reopen)
        return origin->entry->is_cheap && now_ns - origin->opened_ns >= LONGEST_OPEN_NS;
    return now_ns >= origin->try_ns;
}

static bool lacks_channels(const struct powerset *set, size_t source)
{
    for (size_t i = 0; i < set->meter_count; i++)
        if (set->meters[i].source == source && !set->meters[i].present)
            return true;
    return false;
}

/* Opens the source where it is due. A GPU that fell off its bus does so again and again: the others
 * of its source are read until it is looked for again. */
static bool tend_source(struct powerset *set, size_t source, int64_t now_ns)
{
    struct origin *origin = &set->sources[source];

    if (!is_due(origin, now_ns))
        return false;
    close_source(origin);
    if (!open_source(set, source, now_ns))
        return false;
    if (origin->entry->is_cheap && lacks_channels(set, source))
        look_again(origin, now_ns);
    return true;
}

static void tend_sources(struct powerset *set)
{
    int64_t now_ns = now_of(set);
    bool changed = false;

    for (size_t i = 0; i < set->source_count; i++)
        changed |= tend_source(set, i, now_ns);
    for (size_t i = 0; changed && i < set->meter_count; i++)
        assign_device(set, &set->meters[i]);
}

/* ---- Readings ---- */

static int64_t period_ns(const struct powerset *set, const struct meter *meter)
{
    uint32_t every_ms = meter->channel.every_ms;

    return (every_ms > set->config->interval_ms ? every_ms : set->config->interval_ms) * MS_NS;
}

/* What it counted of a time in which it stood still may be counted by others: it begins anew. */
static void note_move(struct meter *meter, const struct power_reading *reading)
{
    double step_j = (double)(reading->value - meter->counter.value) * meter->channel.unit;

    if (meter->counter.started && reading->value > meter->counter.value &&
        (meter->step_j <= 0 || step_j < meter->step_j))
        meter->step_j = step_j;
    if (meter->stood_still)
        meter->counter.started = false;
    meter->stood_still = false;
    meter->moved_ns = reading->at_ns;
}

/* Then nothing is measured, and once the counter moves again, it is from here on. */
static bool stands_still(struct meter *meter, const struct power_reading *reading)
{
    int64_t step_ns;

    if (!meter->counter.started || meter->counter.value != reading->value)
        note_move(meter, reading);
    step_ns = (int64_t)(fmin(meter->step_j, LARGEST_STEP_J) / LEAST_W) * SECOND_NS;
    if (meter->channel.quantity != POWER_QUANTITY_ENERGY ||
        reading->at_ns - meter->moved_ns <= (step_ns > STANDSTILL_NS ? step_ns : STANDSTILL_NS))
        return false;
    meter->counter.at_ns = reading->at_ns;
    meter->stood_still = true;
    return true;
}

static void take_reading(const struct powerset *set, struct meter *meter,
                         const struct power_reading *reading)
{
    int64_t bridge_ns = BRIDGE_PERIODS * period_ns(set, meter);
    struct counter_piece piece;

    if (bridge_ns < SHORTEST_BRIDGE_NS)
        bridge_ns = SHORTEST_BRIDGE_NS;
    if (!counter_add(&meter->counter, &meter->channel, reading, bridge_ns, &piece))
        return;
    if (piece.covered_ns > 0)
        meter->power_w = piece.energy_j / (double)piece.covered_ns * (double)SECOND_NS;
    timeline_add(meter->timeline, &piece);
}

static void tell_status(struct meter *meter)
{
    if (meter->status == meter->said)
        return;
    meter->said = meter->status;
    log_line(meter->status == POWER_OK ? LOG_PRIORITY_INFO : LOG_PRIORITY_WARNING, "power: %s: %s",
             meter->name, power_status_text(meter->status));
}

static void take_failure(struct powerset *set, struct meter *meter, enum power_status status,
                         int64_t now_ns)
{
    int64_t delay_ns = FIRST_DELAY_NS << (meter->failures < 8 ? meter->failures : 8);

    if (status == POWER_STILL) /* it can be read */
        delay_ns = period_ns(set, meter);
    else
        meter->failures++;
    meter->status = status;
    meter->power_w = -1;
    meter->due_ns = now_ns + shorter(delay_ns, LONGEST_READ_NS);
    if (status == POWER_GONE)
        look_again(&set->sources[meter->source], now_ns);
    if (status == POWER_ANEW)
        meter->counter.started = false;
    tell_status(meter);
}

/* What it tells is of then; what parts tell is of now. */
static int64_t lag_ns(const struct powerset *set, const struct meter *meter)
{
    if (meter->channel.part != POWER_PART_WALL)
        return 0;
    return powerconfig_lag_s(set->config, set->sources[meter->source].entry->source->name) *
           SECOND_NS;
}

static void read_meter(struct powerset *set, struct meter *meter)
{
    const struct origin *origin = &set->sources[meter->source];
    struct power_reading reading = {0, 0};
    enum power_status status = origin->entry->source->read(origin->state, meter->number, &reading);
    int64_t now_ns = now_of(set);

    reading.at_ns -= lag_ns(set, meter);
    if (status == POWER_OK && stands_still(meter, &reading))
        status = POWER_STILL;
    switch (status) {
    case POWER_OK:
        meter->failures = 0;
        meter->was_read = true;
        meter->status = POWER_OK;
        meter->due_ns += period_ns(set, meter);
        if (meter->due_ns <= now_ns)
            meter->due_ns = now_ns + period_ns(set, meter);
        take_reading(set, meter, &reading);
        tell_status(meter);
        break;
    case POWER_NOT_YET:
        meter->due_ns = now_ns + set->config->interval_ms * MS_NS;
        break;
    default:
        take_failure(set, meter, status, now_ns);
    }
}

void powerset_sample(struct powerset *set)
{
    /* Whoever calls every second does not do so to the nanosecond. */
    int64_t slack_ns = set->config->interval_ms * MS_NS / 4;
    int64_t now_ns;

    tend_sources(set);
    now_ns = now_of(set);
    for (size_t i = 0; i < set->meter_count; i++) {
        struct meter *meter = &set->meters[i];

        if (set->sources[meter->source].state && meter->present && !meter->is_off &&
            meter->due_ns <= now_ns + slack_ns)
            read_meter(set, meter);
    }
}

/* ---- What was drawn ---- */

/* What is measured, by those of the meters that are of the same thing. */
struct point {
    struct reconcile_point value;
    uint16_t place; /* of a GPU: its device */
    size_t source;  /* of a meter of the whole machine */
};

struct points {
    struct point all[MAX_METERS];
    struct reconcile_point values[MAX_METERS];
    const struct meter *best[MAX_METERS]; /* which says the value */
    size_t of_meter[MAX_METERS];          /* the number of its point; MAX_METERS: none */
    unsigned seconds[MAX_METERS];         /* in which a meter stood for its point */
    size_t count;
};

static bool is_counted(const struct meter *meter)
{
    return !meter->is_off && !meter->again && meter->channel.part != POWER_PART_OTHER &&
           (meter->channel.part != POWER_PART_GPU || meter->gpu != NO_DEVICE);
}

/* Where it is silent, something is missing: also of one that was read, and says now that it is
 * none, as a BMC may that was started again. */
static bool is_expected(const struct meter *meter)
{
    return meter->present && (meter->status != POWER_UNSUPPORTED || meter->was_read);
}

static unsigned rank_of(const struct powerset *set, size_t source)
{
    const struct power_config *config = set->config;
    unsigned rank = (unsigned)(config->wall_count + source);

    is_listed(config->wall, config->wall_count, set->sources[source].entry->source->name, &rank);
    return rank;
}

static struct point point_of(const struct powerset *set, const struct meter *meter)
{
    uint8_t part = meter->channel.part;
    bool is_wall = part == POWER_PART_WALL;

    return (struct point){
        .value = {.part = part, .rank = is_wall ? rank_of(set, meter->source) : 0},
        .place = part == POWER_PART_GPU ? meter->gpu : meter->channel.place,
        .source = is_wall ? meter->source : 0,
    };
}

static size_t find_point(const struct points *points, const struct point *point)
{
    size_t i = 0;

    while (i < points->count &&
           (points->all[i].value.part != point->value.part ||
            points->all[i].place != point->place || points->all[i].source != point->source))
        i++;
    return i;
}

static void find_points(const struct powerset *set, struct points *points)
{
    points->count = 0;
    for (size_t i = 0; i < set->meter_count; i++) {
        const struct meter *meter = &set->meters[i];
        struct point point = point_of(set, meter);

        points->seconds[i] = 0;
        points->of_meter[i] = MAX_METERS;
        if (!is_counted(meter))
            continue;
        points->of_meter[i] = find_point(points, &point);
        if (points->of_meter[i] == points->count)
            points->all[points->count++] = point;
        points->all[points->of_meter[i]].value.expected |= is_expected(meter);
    }
}

/* Counters of energy before samples of power, else the first that covers the second. */
static bool is_better(const struct meter *meter, const struct timeline_second *second,
                      const struct meter *best, const struct timeline_second *of_best)
{
    if (!best || second->covered_ns != of_best->covered_ns)
        return !best || second->covered_ns > of_best->covered_ns;
    return second->covered_ns > 0 && meter->source == best->source &&
           meter->channel.quantity == POWER_QUANTITY_ENERGY &&
           best->channel.quantity == POWER_QUANTITY_POWER;
}

static void fill_points(const struct powerset *set, struct points *points, int64_t second_s)
{
    memset(points->best, 0, points->count * sizeof(points->best[0]));
    for (size_t i = 0; i < set->meter_count; i++) {
        size_t number = points->of_meter[i];
        const struct meter *meter = &set->meters[i];
        struct timeline_second second;

        if (number == MAX_METERS)
            continue;
        second = timeline_at(meter->timeline, second_s);
        if (!is_better(meter, &second, points->best[number], &points->values[number].second))
            continue;
        points->best[number] = meter;
        points->values[number] = points->all[number].value;
        points->values[number].second = second;
    }
}

/* Of meters of the whole only the one that the host rests on: of another, a feed may be missing. */
static void count_second(const struct powerset *set, struct points *points,
                         const struct reconcile_basis *basis)
{
    for (size_t i = 0; i < points->count; i++) {
        const struct reconcile_point *point = &points->values[i];

        if (point->second.covered_ns == TIMELINE_SECOND_NS &&
            (point->part != POWER_PART_WALL || point->rank == basis->whole))
            points->seconds[points->best[i] - set->meters]++;
    }
}

static void add_second(struct device_energy *device, const struct timeline_second *second)
{
    device->energy_j += second->energy_j;
    device->covered_ns += second->covered_ns;
    device->flags |= second->flags;
}

static void add_devices(const struct powerset *set, const struct points *points, int64_t second_s,
                        struct device_energy *sums)
{
    for (size_t i = 0; i < points->count; i++)
        if (points->values[i].part == POWER_PART_GPU)
            add_second(&sums[points->all[i].place], &points->values[i].second);
    for (size_t i = 0; i < set->meter_count; i++) {
        struct timeline_second second = timeline_at(set->meters[i].timeline, second_s);

        if (set->meters[i].shown != NO_DEVICE)
            add_second(&sums[set->meters[i].shown], &second);
    }
}

static struct reconcile_rules rules_of(const struct powerset *set)
{
    return (struct reconcile_rules){
        .has_rest = set->config->has_rest,
        .rest_w = set->config->rest_w,
        .ranks = (unsigned)(set->config->wall_count + set->source_count),
    };
}

/* Which of the sources that are shown can be set against each other: those that stood for what they
 * measure all the time. Where two took turns, neither did. */
static void mark_sources(const struct powerset *set, const struct points *points, int64_t until_s,
                         struct device_energy *sums)
{
    for (size_t i = 0; i < set->meter_count; i++) {
        const struct meter *meter = &set->meters[i];
        uint8_t part = meter->channel.part;

        if (meter->shown == NO_DEVICE || points->of_meter[i] == MAX_METERS ||
            points->seconds[i] != until_s - set->taken_s)
            continue;
        if (part == POWER_PART_WALL)
            sums[meter->shown].flags |= ENERGY_WALL;
        else if (part != POWER_PART_MODULE)
            sums[meter->shown].flags |= ENERGY_PART;
    }
}

static unsigned whole_of(const struct powerset *set, const struct meter *meter)
{
    if (is_counted(meter) && meter->channel.part == POWER_PART_WALL)
        return rank_of(set, meter->source);
    return is_counted(meter) && meter->channel.part == POWER_PART_MODULE ? RECONCILE_MODULES
                                                                         : RECONCILE_NONE;
}

static const char *name_of_whole(const struct powerset *set, unsigned whole)
{
    for (size_t i = 0; i < set->meter_count; i++)
        if (whole_of(set, &set->meters[i]) == whole)
            return set->sources[set->meters[i].source].entry->source->name;
    return "a meter";
}

/* Once when it begins; it goes on minute by minute. */
static void tell_too_small(struct powerset *set, const struct reconcile_host *host)
{
    uint64_t silenced;

    for (unsigned whole = 0; whole < RECONCILE_WHOLES; whole++) {
        if (host->is_even[whole])
            set->is_too_small[whole] = false;
        if (host->too_small != whole || set->is_too_small[whole])
            continue;
        set->is_too_small[whole] = true;
        if (log_due(&set->too_small_damper, now_of(set) / SECOND_NS, &silenced))
            log_line(LOG_PRIORITY_WARNING,
                     "power: %s: " TOO_SMALL "; what they draw above it is counted",
                     name_of_whole(set, whole));
    }
}

/* Of the meter that the host rests on; another one is another matter. */
static void watch_lateness(struct powerset *set, int64_t second_s,
                           const struct reconcile_basis *basis)
{
    if (basis->whole >= RECONCILE_MODULES)
        return;
    if (basis->whole != set->late_whole) {
        set->late_whole = basis->whole;
        set->late_s = 0;
        memset(&set->lateness, 0, sizeof(set->lateness));
    }
    lateness_add(&set->lateness, second_s, basis->whole_j, basis->gpus_j);
}

/* What was found holds until something clearly different is. */
static void judge_lateness(struct powerset *set)
{
    int late_s;

    if (!lateness_find(&set->lateness, &late_s) ||
        abs(late_s - set->late_s) < (set->late_s == 0 ? SAME_LAG_S : 2 * SAME_LAG_S))
        return;
    set->late_s = abs(late_s) < SAME_LAG_S ? 0 : late_s;
}

static void add_up(struct powerset *set, int64_t until_s, struct device_energy *sums)
{
    struct reconcile_rules rules = rules_of(set);
    struct reconcile_sum sum = {.parts_j = 0};
    struct reconcile_host host;
    struct points points = {.count = 0};

    find_points(set, &points);
    for (int64_t s = set->taken_s; s < until_s; s++) {
        struct reconcile_basis basis;

        fill_points(set, &points, s);
        basis = reconcile_second(points.values, points.count, &rules, &sum);
        reconcile_remember(&set->carry, s, &basis);
        watch_lateness(set, s, &basis);
        count_second(set, &points, &basis);
        add_devices(set, &points, s, sums);
    }
    mark_sources(set, &points, until_s, sums);
    host = reconcile_settle(&set->carry, &sum, set->config->wall_lag_s);
    tell_too_small(set, &host);
    judge_lateness(set);
    if (set->host == NO_DEVICE)
        return;
    sums[set->host].energy_j = host.energy_j;
    sums[set->host].carried_j = host.carried_j;
    sums[set->host].covered_ns = host.covered_ns;
    sums[set->host].flags = host.flags;
}

/* The nearest: the end of a minute is one that is read off two clocks, one after the other. */
static int64_t whole_s(int64_t until_ns)
{
    return (until_ns + SECOND_NS / 2) / SECOND_NS;
}

/* Of one that is asked every five minutes, all would be over before it is read. */
static int64_t patience_ns(const struct powerset *set, const struct meter *meter)
{
    int64_t two_ns = 2 * period_ns(set, meter);

    return (two_ns > POWERSET_PATIENCE_NS ? two_ns : POWERSET_PATIENCE_NS) + lag_ns(set, meter);
}

/* Whether it will tell more of the time until KNOWN_NS. */
static bool is_behind(const struct powerset *set, const struct meter *meter, int64_t known_ns)
{
    return meter->counter.started && !meter->is_off && meter->present &&
           meter->counter.at_ns < known_ns &&
           meter->counter.at_ns >= now_of(set) - patience_ns(set, meter);
}

bool powerset_complete(const struct powerset *set, int64_t until_ns)
{
    int64_t known_ns = whole_s(until_ns) * SECOND_NS;

    for (size_t i = 0; i < set->meter_count; i++)
        if (is_behind(set, &set->meters[i], known_ns))
            return false;
    return true;
}

/* Those that are read rarely, where nobody waits for them. */
static void read_late_ones(struct powerset *set, int64_t known_ns)
{
    for (size_t i = 0; i < set->meter_count; i++) {
        struct meter *meter = &set->meters[i];

        if (is_behind(set, meter, known_ns) && meter->status == POWER_OK &&
            set->sources[meter->source].state) {
            meter->due_ns = now_of(set);
            read_meter(set, meter);
        }
    }
}

size_t powerset_take(struct powerset *set, int64_t until_ns,
                     struct device_energy out[MAX_POWER_DEVICES])
{
    struct device_energy sums[MAX_POWER_DEVICES] = {{0}};
    int64_t until_s = whole_s(until_ns);
    size_t count = 0;

    if (until_s > set->taken_s) {
        read_late_ones(set, until_s * SECOND_NS);
        add_up(set, until_s, sums);
        for (size_t i = 0; i < set->meter_count; i++)
            timeline_forget(set->meters[i].timeline, until_s);
        set->taken_s = until_s;
    }
    for (size_t i = 0; i < set->device_count; i++) {
        sums[i].device_id = (uint16_t)i;
        if (sums[i].covered_ns > 0 || sums[i].energy_j > 0)
            out[count++] = sums[i];
    }
    return count;
}

size_t powerset_devices(const struct powerset *set, struct power_device out[MAX_POWER_DEVICES])
{
    memcpy(out, set->devices, set->device_count * sizeof(set->devices[0]));
    return set->device_count;
}

/* ---- What is there, in words ---- */

static const char *part_text(const struct meter *meter)
{
    static const char *const texts[POWER_PART_COUNT] = {
        [POWER_PART_WALL] = "the whole machine",
        [POWER_PART_MODULE] = "a module: processor, memory and GPU",
        [POWER_PART_GPU] = "a GPU",
        [POWER_PART_PACKAGE] = "a processor",
        [POWER_PART_DRAM] = "a processor's memory",
        [POWER_PART_OTHER] = "part of another, shown only",
    };

    return meter->again ? "a GPU that another source tells of, shown only"
                        : texts[meter->channel.part];
}

static enum power_status status_of(const struct powerset *set, const struct meter *meter)
{
    return meter->present && set->sources[meter->source].state ? meter->status : POWER_GONE;
}

/* By how much it should be dated back. */
static void describe_lateness(const struct powerset *set, const struct meter *meter,
                              struct powerset_state *state)
{
    const char *source = set->sources[meter->source].entry->source->name;
    int lag_s = (int)(lag_ns(set, meter) / SECOND_NS);
    int right_s = lag_s + set->late_s > 0 ? lag_s + set->late_s : 0;

    if (right_s > LATENESS_LATEST_S)
        right_s = LATENESS_LATEST_S; /* the most that lag_s may be */
    if (set->late_s != 0 && right_s != lag_s)
        snprintf(state->problem, sizeof(state->problem),
                 "tells of the GPUs about %d s afterwards: lag_s = { %s = %d; } would date it back",
                 right_s, source, right_s);
}

static struct powerset_state describe_meter(const struct powerset *set, const struct meter *meter)
{
    struct powerset_state state = {
        .covers = part_text(meter),
        .is_channel = true,
        .counted = is_counted(meter),
        .part = meter->channel.part,
        .status = (uint8_t)status_of(set, meter),
        .power_w = meter->power_w,
    };

    memcpy(state.name, meter->name, sizeof(state.name));
    if (meter->is_off)
        snprintf(state.problem, sizeof(state.problem), "switched off in host.conf");
    else if (state.status != POWER_OK)
        snprintf(state.problem, sizeof(state.problem), "%s",
                 power_status_text((enum power_status)state.status));
    else if (whole_of(set, meter) < RECONCILE_WHOLES && set->is_too_small[whole_of(set, meter)])
        snprintf(state.problem, sizeof(state.problem), TOO_SMALL);
    else if (whole_of(set, meter) == set->late_whole)
        describe_lateness(set, meter, &state);
    return state;
}

static struct powerset_state describe_source(const struct origin *origin)
{
    struct powerset_state state = {
        .covers = origin->entry->source->covers,
        .counted = !origin->is_off,
        .status = origin->state ? POWER_OK : POWER_FAILED,
        .power_w = -1,
    };

    snprintf(state.name, sizeof(state.name), "%s", origin->entry->source->name);
    snprintf(state.problem, sizeof(state.problem), "%s",
             origin->is_off ? "switched off in host.conf" : origin->problem);
    return state;
}

/* Somebody named it: it has options, or is in a list of meters of the whole that is not the usual
 * one. */
static bool is_configured(const struct powerset *set, size_t source)
{
    const struct power_source *descriptor = set->sources[source].entry->source;
    const struct power_config *config = set->config;
    bool usual = memcmp(config->wall, power_defaults.wall, sizeof(config->wall)) == 0;

    return powerset_options(config, descriptor) ||
           (!usual && is_listed(config->wall, config->wall_count, descriptor->name, NULL));
}

static bool has_meters(const struct powerset *set, size_t source)
{
    for (size_t i = 0; i < set->meter_count; i++)
        if (set->meters[i].source == source)
            return true;
    return false;
}

size_t powerset_states(const struct powerset *set, struct powerset_state out[POWERSET_MAX_STATES])
{
    size_t count = 0;

    for (size_t i = 0; i < set->source_count && count < POWERSET_MAX_STATES; i++) {
        struct powerset_state state = describe_source(&set->sources[i]);

        if (state.status != POWER_OK && !state.problem[0] && !has_meters(set, i)) {
            if (!is_configured(set, i))
                continue;
            snprintf(state.problem, sizeof(state.problem), "configured, but not on this machine");
        }
        if (state.status != POWER_OK && !state.problem[0])
            snprintf(state.problem, sizeof(state.problem), "%s", power_status_text(POWER_GONE));
        out[count++] = state;
        for (size_t j = 0; j < set->meter_count && count < POWERSET_MAX_STATES; j++)
            if (set->meters[j].source == i)
                out[count++] = describe_meter(set, &set->meters[j]);
    }
    return count;
}

/* What the host would rest on in a second in which every meter that can be read now is. */
static struct reconcile_sum basis_of(const struct powerset *set)
{
    struct reconcile_rules rules = rules_of(set);
    struct reconcile_sum host = {.parts_j = 0};
    struct points points = {.count = 0};

    find_points(set, &points);
    for (size_t i = 0; i < points.count; i++)
        points.values[i] = points.all[i].value;
    for (size_t i = 0; i < set->meter_count; i++)
        if (points.of_meter[i] < MAX_METERS && status_of(set, &set->meters[i]) == POWER_OK)
            points.values[points.of_meter[i]].second.covered_ns = TIMELINE_SECOND_NS;
    reconcile_second(points.values, points.count, &rules, &host);
    return host;
}

static void describe_basis(const struct powerset *set, FILE *out)
{
    struct reconcile_sum host = basis_of(set);

    if (set->host == NO_DEVICE)
        fputs("host: no meter, and no rest_w: only GPUs are metered\n", out);
    else if (host.covered_ns == 0)
        fputs("host: not covered, as a meter of it cannot be read and nothing stands for it\n",
              out);
    else if (host.flags & ENERGY_WALL)
        fputs("host: a meter of the whole machine, less its GPUs\n", out);
    else if (host.flags & ENERGY_REST)
        fprintf(out, "host: its parts, and %g W for what has no meter\n", set->config->rest_w);
    else
        fputs("host: its parts, without what has no meter\n", out);
}

void powerset_describe(const struct powerset *set, FILE *out)
{
    struct powerset_state *states = calloc(POWERSET_MAX_STATES, sizeof(*states));
    size_t count = states ? powerset_states(set, states) : 0;

    for (size_t i = 0; i < count; i++) {
        const struct powerset_state *state = &states[i];

        fprintf(out, "%s%s: %s", state->is_channel ? "  " : "", state->name, state->covers);
        if (state->power_w >= 0)
            fprintf(out, ", %.1f W", state->power_w);
        fprintf(out, "%s%s\n", state->problem[0] ? ": " : "", state->problem);
    }
    describe_basis(set, out);
    free(states);
}

/* ---- Life ---- */

struct powerset *powerset_open_sources(const struct power_config *config,
                                       const struct power_setup *setup,
                                       const struct powerset_source *sources, size_t count)
{
    struct powerset *set = calloc(1, sizeof(*set));

    if (!set || !(set->meters = calloc(MAX_METERS, sizeof(*set->meters)))) {
        free(set);
        return NULL;
    }
    set->config = config;
    set->setup = *setup;
    set->next_gpu = (unsigned)config->gpu_count;
    set->host = NO_DEVICE;
    set->late_whole = RECONCILE_NONE;
    /* The second that has begun is not whole. */
    set->taken_s = now_of(set) / SECOND_NS + 1;
    for (size_t i = 0; i < count && i < MAX_SOURCES; i++)
        set->sources[set->source_count++] = (struct origin){
            .entry = &sources[i],
            .is_off = is_off(set, sources[i].source->name),
            .delay_ns = FIRST_DELAY_NS,
        };
    if (config->has_rest)
        add_host(set);
    tend_sources(set);
    return set;
}

struct powerset *powerset_open(const struct power_config *config, const struct power_setup *setup)
{
    return powerset_open_sources(config, setup, powerset_sources, powerset_source_count);
}

void powerset_close(struct powerset *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->source_count; i++)
        close_source(&set->sources[i]);
    for (size_t i = 0; i < set->meter_count; i++)
        free(set->meters[i].timeline);
    free(set->meters);
    free(set);
}
