/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/hashkey.h"

#include "daemon/capture.h"

#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define KEY_SIZE 4096

/* Returns whether it did: only then must it be turned on again. */
static bool turn_echo(int descriptor, bool on)
{
    struct termios terminal;

    if (!isatty(descriptor) || tcgetattr(descriptor, &terminal) != 0)
        return false;
    if (on)
        terminal.c_lflag |= ECHO;
    else
        terminal.c_lflag &= ~(tcflag_t)ECHO;
    return tcsetattr(descriptor, TCSAFLUSH, &terminal) == 0;
}

static bool read_line(FILE *in, char *line)
{
    bool is_terminal = turn_echo(fileno(in), false);
    bool read;

    if (is_terminal)
        fputs("key: ", stderr);
    setvbuf(in, NULL, _IONBF, 0); /* no copy of it stays in a buffer */
    read = fgets(line, KEY_SIZE, in) != NULL;
    if (is_terminal) {
        turn_echo(fileno(in), true);
        fputc('\n', stderr);
    }
    return read;
}

/* A key as the server is given it: printable, without a space. */
static bool is_key(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return length > 0;
}

static void print_hash(const struct inference_config *config, const char *key, size_t length,
                       FILE *out)
{
    struct apikey_hasher hasher;
    uint8_t digest[APIKEY_DIGEST_SIZE];

    apikey_begin(&hasher, &config->secret);
    apikey_add(&hasher, key, length);
    apikey_end(&hasher, &config->secret, digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        fprintf(out, "%02x", digest[i]);
    fputc('\n', out);
}

int hashkey_run(const struct inference_config *config, FILE *in, FILE *out)
{
    char key[KEY_SIZE] = "";
    size_t length;
    int status = EXIT_CONFIGURATION;

    if (!config->has_secret) {
        fputs("iagmeter: hash-key: the configuration names no secret (inference.secret)\n", stderr);
        return EXIT_CONFIGURATION;
    }
    if (!read_line(in, key))
        key[0] = '\0';
    length = strcspn(key, "\r\n");
    if (length == sizeof(key) - 1) { /* the rest of it was not read */
        fprintf(stderr, "iagmeter: hash-key: a key of %zu characters or more\n", length);
    } else if (!is_key(key, length)) {
        fputs("iagmeter: hash-key: standard input holds no key: one line, without spaces and "
              "without \"Bearer\"\n",
              stderr);
    } else {
        print_hash(config, key, length, out);
        status = fflush(out) == 0 ? EXIT_SUCCESS : EXIT_TROUBLE;
    }
    explicit_bzero(key, sizeof(key));
    return status;
}
