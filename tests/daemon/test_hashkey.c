/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/hashkey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/capture.h"
#include "tests/daemon/overhear.h"

#define LONGEST 4094

/* The secret is the bytes 0 to 31. */
static struct inference_config config;
static char *written;

static int setup(void **state)
{
    (void)state;
    config = (struct inference_config){.has_secret = true};
    for (uint8_t i = 0; i < APIKEY_SECRET_SIZE; i++)
        config.secret.bytes[i] = i;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(written);
    written = NULL;
    return 0;
}

/* With LENGTH bytes of TEXT on standard input. Returns the exit status. */
static int run(const char *text, size_t length)
{
    size_t size;
    FILE *in = tmpfile();
    FILE *out;
    int status;

    free(written);
    out = open_memstream(&written, &size);
    assert_non_null(in);
    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, length, in), length);
    rewind(in);
    status = hashkey_run(&config, in, out);
    fclose(in);
    fclose(out);
    return status;
}

/* Nothing of what was typed is repeated. */
static void assert_refused(const char *text, size_t length, const char *words)
{
    const char *said;

    overhear_start();
    assert_int_equal(run(text, length), EXIT_CONFIGURATION);
    said = overhear_stop();
    assert_one_line(said, "iagmeter: hash-key: ", words);
    assert_null(strstr(said, "sk-"));
    assert_string_equal(written, "");
}

/* Python: hmac.new(bytes(range(32)), b"sk-dir-DRH-0002", "sha256") */
static void a_key_is_hashed_however_its_line_ends(void **state)
{
    static const char *const lines[] = {"sk-dir-DRH-0002\n", "sk-dir-DRH-0002\r\n",
                                        "sk-dir-DRH-0002", "sk-dir-DRH-0002\nanother\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(run(lines[i], strlen(lines[i])), EXIT_SUCCESS);
        assert_string_equal(written,
                            "366cfccf451df0869ecd79a75b8eb9de556fd36654a2a47f68f74633a0e24e59\n");
    }
}

static void what_is_no_key_is_refused(void **state)
{
    static const char *const lines[] = {"",        "\n",       "Bearer sk-a\n",
                                        " sk-a\n", "sk-a\t\n", "sk-\xc3\xa9\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_refused(lines[i], strlen(lines[i]), "standard input holds no key");
    assert_refused("sk-a", 0, "standard input holds no key");
}

/* Rather than the hash of its beginning, which no request would ever have. */
static void a_key_that_is_too_long_is_refused(void **state)
{
    char key[LONGEST + 1];

    (void)state;
    memset(key, 'k', sizeof(key));
    assert_int_equal(run(key, LONGEST), EXIT_SUCCESS);
    assert_refused(key, sizeof(key), "a key of 4095 characters or more");
}

static void without_a_secret_there_is_no_hash(void **state)
{
    (void)state;
    config.has_secret = false;
    assert_refused("sk-a\n", 5, "names no secret");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_hashed_however_its_line_ends),
        TEST(what_is_no_key_is_refused),
        TEST(a_key_that_is_too_long_is_refused),
        TEST(without_a_secret_there_is_no_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
