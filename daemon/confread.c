/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/confread.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INCLUDE_PATH_SIZE 4096

/* libconfig gives the name of an included file as @include has it, not where it was found. */
static const char *locate(const config_t *config, const char *file, char *out, size_t size)
{
    const char *main_file = config_setting_source_file(config_root_setting(config));
    const char *directory = config_get_include_dir(config);

    if (!file || file[0] == '/' || !directory || (main_file && strcmp(file, main_file) == 0))
        return file;
    snprintf(out, size, "%s/%s", directory, file);
    return out;
}

const char *confread_source_file(const config_setting_t *setting, char *out, size_t size)
{
    return locate(setting->config, config_setting_source_file(setting), out, size);
}

void confread_error(const config_setting_t *setting, struct diagnostics *diagnostics,
                    const char *format, ...)
{
    char text[400];
    char file[INCLUDE_PATH_SIZE];
    unsigned line = config_setting_source_line(setting);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    /* libconfig gives the whole file, where a key is missing, line 0. */
    diagnostics_error(diagnostics, confread_source_file(setting, file, sizeof(file)),
                      line ? line : 1, "%s", text);
}

/* The files that places are in, many in the same one. None is forgotten: who keeps a place does not
 * say until when. */
struct file_name {
    struct file_name *next;
    char text[];
};

static struct file_name *file_names;

/* NULL: out of memory. */
static const char *keep_name(const char *text)
{
    size_t size = strlen(text) + 1;
    struct file_name *name = file_names;

    while (name && strcmp(name->text, text) != 0)
        name = name->next;
    if (name)
        return name->text;
    name = malloc(sizeof(*name) + size);
    if (!name)
        return NULL;
    memcpy(name->text, text, size);
    name->next = file_names;
    file_names = name;
    return name->text;
}

struct diagnostics_place confread_place(const config_setting_t *setting)
{
    char path[INCLUDE_PATH_SIZE];
    const char *file = confread_source_file(setting, path, sizeof(path));

    return (struct diagnostics_place){file ? keep_name(file) : NULL,
                                      config_setting_source_line(setting)};
}

static const char *name_of(const config_setting_t *setting)
{
    const char *name = config_setting_name(setting);

    return name ? name : "value";
}

bool confread_double(const config_setting_t *setting, double *out, struct diagnostics *diagnostics)
{
    double value;

    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        value = (double)config_setting_get_int64(setting);
        break;
    case CONFIG_TYPE_FLOAT:
        value = config_setting_get_float(setting);
        break;
    default:
        confread_error(setting, diagnostics, "%s must be a number", name_of(setting));
        return false;
    }
    if (!isfinite(value)) {
        confread_error(setting, diagnostics, "%s must be finite", name_of(setting));
        return false;
    }
    *out = value;
    return true;
}

/* Reads COUNT ascending numbers from an array or list; a scalar fills all of them. */
static bool read_ascending(const config_setting_t *setting, double *values, int count,
                           struct diagnostics *diagnostics)
{
    if (!config_setting_is_aggregate(setting)) {
        if (!confread_double(setting, &values[0], diagnostics))
            return false;
        for (int i = 1; i < count; i++)
            values[i] = values[0];
        return true;
    }
    if (config_setting_is_group(setting) || config_setting_length(setting) != count) {
        confread_error(setting, diagnostics, "%s must hold %d numbers", name_of(setting), count);
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (!confread_double(config_setting_get_elem(setting, (unsigned)i), &values[i],
                             diagnostics))
            return false;
        if (i > 0 && values[i] < values[i - 1]) {
            confread_error(setting, diagnostics, "%s must be in ascending order", name_of(setting));
            return false;
        }
    }
    return true;
}

bool confread_range(const config_setting_t *setting, struct range *out,
                    struct diagnostics *diagnostics)
{
    double values[2];

    if (!read_ascending(setting, values, 2, diagnostics))
        return false;
    *out = (struct range){values[0], values[1]};
    return true;
}

bool confread_triple(const config_setting_t *setting, struct triple *out,
                     struct diagnostics *diagnostics)
{
    double values[3];

    if (!read_ascending(setting, values, 3, diagnostics))
        return false;
    *out = (struct triple){values[0], values[1], values[2]};
    return true;
}

static bool in_range(const config_setting_t *setting, const struct confread_key *key, double value,
                     struct diagnostics *diagnostics)
{
    if (key->min == 0 && key->max == 0)
        return true;
    if (value >= key->min && value <= key->max)
        return true;
    confread_error(setting, diagnostics, "%s is %.10g, outside %.10g to %.10g", key->name, value,
                   key->min, key->max);
    return false;
}

/* Length of the UTF-8 sequence at TEXT, 0 when it is none (RFC 3629, 4). */
static size_t utf8_length(const unsigned char *text)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high;
        size_t length;
    } forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    if (text[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        size_t length = 2;

        if (text[0] < forms[i].first_low || text[0] > forms[i].first_high ||
            text[1] < forms[i].second_low || text[1] > forms[i].second_high)
            continue;
        while (length < forms[i].length && (text[length] & 0xc0) == 0x80)
            length++;
        return length == forms[i].length ? length : 0;
    }
    return 0;
}

/* Labels go into HTML and JSON, which are UTF-8. */
static bool is_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    while (*at) {
        size_t length = utf8_length(at);

        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

/* Tabs and ends of lines may be in a filter; the others are for terminals alone. */
static bool has_controls(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    for (; *at; at++)
        if ((*at < ' ' && *at != '\t' && *at != '\n' && *at != '\r') || *at == 0x7f ||
            (at[0] == 0xc2 && at[1] <= 0x9f))
            return true;
    return false;
}

static bool read_string(const config_setting_t *setting, const struct confread_key *key, char *out,
                        struct diagnostics *diagnostics)
{
    const char *text = config_setting_get_string(setting);

    if (!text) {
        confread_error(setting, diagnostics, "%s must be a string", key->name);
        return false;
    }
    if (!is_utf8(text)) {
        confread_error(setting, diagnostics, "%s is not valid UTF-8", key->name);
        return false;
    }
    if (has_controls(text)) {
        confread_error(setting, diagnostics, "%s has a control character", key->name);
        return false;
    }
    if (strlen(text) >= key->size) {
        confread_error(setting, diagnostics, "%s is longer than %zu characters", key->name,
                       key->size - 1);
        return false;
    }
    snprintf(out, key->size, "%s", text);
    return true;
}

static bool read_bool(const config_setting_t *setting, const struct confread_key *key, bool *out,
                      struct diagnostics *diagnostics)
{
    if (config_setting_type(setting) != CONFIG_TYPE_BOOL) {
        confread_error(setting, diagnostics, "%s must be true or false", key->name);
        return false;
    }
    *out = config_setting_get_bool(setting) != 0;
    return true;
}

static bool read_uint(const config_setting_t *setting, const struct confread_key *key,
                      unsigned *out, struct diagnostics *diagnostics)
{
    int type = config_setting_type(setting);
    long long value;

    if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
        confread_error(setting, diagnostics, "%s must be a whole number", key->name);
        return false;
    }
    value = config_setting_get_int64(setting);
    if (value < 0 || value > 0xffffffffLL) {
        confread_error(setting, diagnostics, "%s must not be negative or above 4294967295",
                       key->name);
        return false;
    }
    if (!in_range(setting, key, (double)value, diagnostics))
        return false;
    *out = (unsigned)value;
    return true;
}

static bool read_enum(const config_setting_t *setting, const struct confread_key *key, int *out,
                      struct diagnostics *diagnostics)
{
    const char *text = config_setting_get_string(setting);
    char allowed[200] = "";

    for (int i = 0; key->names[i]; i++) {
        size_t used = strlen(allowed);

        if (text && strcmp(text, key->names[i]) == 0) {
            *out = i;
            return true;
        }
        snprintf(allowed + used, sizeof(allowed) - used, "%s%s", i ? ", " : "", key->names[i]);
    }
    confread_error(setting, diagnostics, "%s must be one of: %s", key->name, allowed);
    return false;
}

static bool check_aggregate(const config_setting_t *setting, const struct confread_key *key,
                            struct diagnostics *diagnostics)
{
    if (key->type == CONFREAD_GROUP && !config_setting_is_group(setting)) {
        confread_error(setting, diagnostics, "%s must be a group { ... }", key->name);
        return false;
    }
    if (key->type == CONFREAD_LIST && !config_setting_is_list(setting) &&
        !config_setting_is_array(setting)) {
        confread_error(setting, diagnostics, "%s must be a list ( ... ) or an array [ ... ]",
                       key->name);
        return false;
    }
    return true;
}

static bool read_key(const config_setting_t *setting, const struct confread_key *key, void *out,
                     struct diagnostics *diagnostics)
{
    void *member = (char *)out + key->offset;

    switch (key->type) {
    case CONFREAD_STRING:
        return read_string(setting, key, member, diagnostics);
    case CONFREAD_BOOL:
        return read_bool(setting, key, member, diagnostics);
    case CONFREAD_UINT:
        return read_uint(setting, key, member, diagnostics);
    case CONFREAD_ENUM:
        return read_enum(setting, key, member, diagnostics);
    case CONFREAD_DOUBLE:
        return confread_double(setting, member, diagnostics) &&
               in_range(setting, key, *(double *)member, diagnostics);
    case CONFREAD_RANGE:
        return confread_range(setting, member, diagnostics) &&
               in_range(setting, key, ((struct range *)member)->min, diagnostics) &&
               in_range(setting, key, ((struct range *)member)->max, diagnostics);
    case CONFREAD_TRIPLE:
        return confread_triple(setting, member, diagnostics) &&
               in_range(setting, key, ((struct triple *)member)->low, diagnostics) &&
               in_range(setting, key, ((struct triple *)member)->high, diagnostics);
    case CONFREAD_GROUP:
    case CONFREAD_LIST:
        return check_aggregate(setting, key, diagnostics);
    }
    return false;
}

static const struct confread_key *find_key(const struct confread_key *keys, size_t count,
                                           const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

bool confread_group(const config_setting_t *group, const struct confread_key *keys, size_t count,
                    void *out, struct diagnostics *diagnostics)
{
    bool valid = true;

    if (!config_setting_is_group(group)) {
        confread_error(group, diagnostics, "%s must be a group { ... }", name_of(group));
        return false;
    }
    for (int i = 0; i < config_setting_length(group); i++) {
        const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
        const struct confread_key *key = find_key(keys, count, config_setting_name(setting));

        if (!key) {
            confread_error(setting, diagnostics, "unknown key \"%s\"",
                           config_setting_name(setting));
            valid = false;
        } else if (!read_key(setting, key, out, diagnostics)) {
            valid = false;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (keys[i].required && !config_setting_get_member(group, keys[i].name)) {
            confread_error(group, diagnostics, "missing key \"%s\"", keys[i].name);
            valid = false;
        }
    }
    return valid;
}

/* What some editors put before the text, or NULL: libconfig knows neither (The Unicode Standard,
 * 23.8, "Byte Order Mark"). */
static const char *odd_beginning(const char *path)
{
    FILE *stream = fopen(path, "re");
    char begin[4] = "";

    if (!stream)
        return NULL;
    if (!fgets(begin, sizeof(begin), stream))
        begin[0] = '\0';
    fclose(stream);
    if (strcmp(begin, "\xef\xbb\xbf") == 0)
        return ": it begins with a byte order mark: save it as UTF-8 without one";
    if (strncmp(begin, "\xff\xfe", 2) == 0 || strncmp(begin, "\xfe\xff", 2) == 0)
        return ": it is UTF-16: save it as UTF-8";
    return NULL;
}

/* What libconfig says of any line that it does not understand; most often it is this. */
static const char *hint(const char *complaint, const char *path)
{
    const char *odd = strcmp(complaint, "syntax error") == 0 ? odd_beginning(path) : "";

    return odd ? odd
               : ", or an error in the line before: a setting ends with \";\", and no comma stands "
                 "behind the last item of a list";
}

/* Why PATH cannot be read, or NULL. Files are read more than once, for their digest too, and a pipe
 * would have whoever opens it wait for a writer that may never come. */
static const char *why_unreadable(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    const char *reason = NULL;
    struct stat status;

    if (descriptor < 0)
        return strerror(errno);
    errno = 0;
    if (fstat(descriptor, &status) != 0)
        reason = strerror(errno);
    else if (S_ISDIR(status.st_mode))
        reason = "it is a directory";
    else if (!S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode))
        reason = "it is no file";
    close(descriptor);
    return reason;
}

bool confread_file(config_t *config, const char *path, struct diagnostics *diagnostics)
{
    char directory[INCLUDE_PATH_SIZE];
    char included[INCLUDE_PATH_SIZE];
    const char *slash = strrchr(path, '/');
    const char *reason;
    const char *file;

    config_init(config);
    if (slash && (size_t)(slash - path) < sizeof(directory)) {
        snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
        config_set_include_dir(config, directory[0] ? directory : "/");
    }
    /* config_read_file() reports an unreadable file as a syntax error. */
    reason = why_unreadable(path);
    if (reason && errno == EACCES) /* root becomes another one first: say who was refused */
        diagnostics_error(diagnostics, path, 0, "cannot read: %s to user %u", reason,
                          (unsigned)geteuid());
    else if (reason)
        diagnostics_error(diagnostics, path, 0, "cannot read: %s", reason);
    if (reason)
        return false;
    if (config_read_file(config, path) == CONFIG_TRUE)
        return true;
    file = locate(config, config_error_file(config), included, sizeof(included));
    if (!file)
        file = path;
    diagnostics_error(diagnostics, file, (unsigned)config_error_line(config), "%s%s",
                      config_error_text(config), hint(config_error_text(config), file));
    return false;
}
