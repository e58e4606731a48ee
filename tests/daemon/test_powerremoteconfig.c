/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/powerremoteconfig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/confread.h"
#include "tests/daemon/scratch.h"

static struct diagnostics *diagnostics;
static struct powerremote_config config;

static void write_secret(const char *name, mode_t mode)
{
    char path[PATH_MAX];

    scratch_write(name, "hunter2\n");
    scratch_path(path, name);
    assert_int_equal(chmod(path, mode), 0);
}

static int setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    write_secret("password", 0640);
    write_secret("community", 0600);
    write_secret("open", 0644);
    memset(&config, 0, sizeof(config));
    diagnostics = diagnostics_new();
    return diagnostics ? 0 : -1;
}

static int teardown(void **state)
{
    diagnostics_free(diagnostics);
    return scratch_teardown(state);
}

/* TEXT begins on line 2. */
static void load(const char *text)
{
    char file[8192];
    char path[PATH_MAX];
    config_t parsed;

    snprintf(file, sizeof(file), "# power\n%s\n", text);
    scratch_write("host.conf", file);
    scratch_path(path, "host.conf");
    diagnostics_free(diagnostics);
    diagnostics = diagnostics_new();
    memset(&config, 0, sizeof(config));
    if (confread_file(&parsed, path, diagnostics)) {
        powerremoteconfig_nvml(&config, config_lookup(&parsed, "nvml"), diagnostics);
        powerremoteconfig_ipmi(&config, config_lookup(&parsed, "ipmi"), diagnostics);
        powerremoteconfig_redfish(&config, config_lookup(&parsed, "redfish"), diagnostics);
        powerremoteconfig_snmp(&config, config_lookup(&parsed, "snmp"), diagnostics);
    }
    config_destroy(&parsed);
}

static void assert_beside(const char *path, const char *name)
{
    char wanted[PATH_MAX];

    scratch_path(wanted, name);
    assert_string_equal(path, wanted);
}

static void without_groups_nothing_is_asked(void **state)
{
    (void)state;
    load("");
    assert_no_complaint(diagnostics);
    assert_false(config.has_nvml || config.has_ipmi || config.has_redfish || config.has_snmp);
}

static void everything_is_read(void **state)
{
    (void)state;
    load("nvml = { library = \"nvml/lib.so\"; };\n"
         "ipmi = { host = \"bmc:6230\"; user = \"meter\"; password_file = \"password\"; "
         "cipher_suite = 3; privilege = \"operator\"; workarounds = [ \"opensesspriv\", \"sun20\" "
         "]; every_ms = 2000; timeout_ms = 1500; };\n"
         "redfish = { url = \"https://[fe80::1]:8443/\"; chassis = \"1\"; user = \"meter\"; "
         "password_file = \"password\"; ca_file = \"ca.pem\"; pin = \"sha256//AAAA\"; verify = "
         "false; login = \"basic\"; every_ms = 30000; timeout_ms = 5000; };\n"
         "snmp = { every_ms = 3000; timeout_ms = 500; units = ( { name = \"pdu-a\"; host = "
         "\"10.0.0.1\"; version = \"2c\"; community_file = \"community\"; model = \"raritan\"; "
         "points = [ \"1.7\", \"1.8\" ]; quantity = \"energy\"; }, { name = \"pdu-b\"; host = "
         "\"pdu-b\"; version = \"3\"; user = \"meter\"; password_file = \"password\"; "
         "privacy_file = \"/etc/hostname-that-is-not-there\"; authentication = \"sha256\"; model = "
         "\"apc\"; points = [ \"1\" ]; } ); };");
    assert_complaint(diagnostics, "host.conf", 5, "privacy_file: /etc/hostname-that-is-not-there");
    assert_int_equal(diagnostics_errors(diagnostics), 1);
    assert_true(config.has_nvml && config.has_ipmi && config.has_redfish && config.has_snmp);
    assert_beside(config.nvml.library, "nvml/lib.so");
    assert_string_equal(config.ipmi.host, "bmc:6230");
    assert_beside(config.ipmi.password_file, "password");
    assert_int_equal(config.ipmi.cipher_suite, 3);
    assert_int_equal(config.ipmi.privilege, IPMI_AS_OPERATOR);
    assert_int_equal(config.ipmi.workarounds, 1U << IPMI_OPENSESSPRIV | 1U << IPMI_SUN20);
    assert_int_equal(config.ipmi.every_ms, 2000);
    assert_string_equal(config.redfish.url, "https://[fe80::1]:8443");
    assert_beside(config.redfish.ca_file, "ca.pem");
    assert_false(config.redfish.verify);
    assert_int_equal(config.redfish.login, REDFISH_BASIC);
    assert_int_equal(config.redfish.timeout_ms, 5000);
    assert_int_equal(config.snmp.unit_count, 2);
    assert_int_equal(config.snmp.every_ms, 3000);
    assert_int_equal(config.snmp.units[0].point_count, 2);
    assert_int_equal(config.snmp.units[0].points[1].model, PDU_RARITAN);
    assert_int_equal(config.snmp.units[0].points[1].quantity, POWER_QUANTITY_ENERGY);
    assert_int_equal(config.snmp.units[0].points[1].index[1], 8);
    assert_int_equal(config.snmp.units[1].version, SNMP_V3);
    assert_int_equal(config.snmp.units[1].authentication, SNMP_SHA256);
    assert_int_equal(config.snmp.units[1].points[0].quantity, POWER_QUANTITY_POWER);
}

static void what_is_left_out_has_a_default(void **state)
{
    (void)state;
    load("nvml = { }; ipmi = { }; redfish = { url = \"https://bmc\"; };\n"
         "snmp = { units = ( { name = \"a\"; host = \"h\"; version = \"2c\"; community_file = "
         "\"community\"; model = \"eaton\"; points = [ \"0.3\" ]; } ); };");
    assert_no_complaint(diagnostics);
    assert_string_equal(config.nvml.library, "");
    assert_string_equal(config.ipmi.device, "/dev/ipmi0");
    assert_int_equal(config.ipmi.cipher_suite, 17);
    assert_int_equal(config.ipmi.every_ms, 5000);
    assert_true(config.redfish.verify);
    assert_int_equal(config.redfish.login, REDFISH_SESSION);
    assert_int_equal(config.redfish.every_ms, 10000);
    assert_int_equal(config.snmp.every_ms, 5000);
    assert_int_equal(config.snmp.timeout_ms, 2000);
}

/* Where libraries are is the loader's to know. */
static void a_librarys_plain_name_stays_one(void **state)
{
    (void)state;
    load("nvml = { library = \"libnvidia-ml.so.1\"; };");
    assert_string_equal(config.nvml.library, "libnvidia-ml.so.1");
}

#define UNIT(rest)                                                                                 \
    "snmp = { units = ( { name = \"a\"; host = \"h\"; model = \"apc\"; points = [ \"1\" ];\n" rest \
    "} ); };"
#define COMMUNITY "version = \"2c\"; community_file = \"community\"; "

static void what_is_wrong_is_told_with_its_line(void **state)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *why;
    } cases[] = {
        {"ipmi = {\nhost = \"h\"; };", 2, "host needs a user"},
        {"ipmi = {\nuser = \"u\"; password_file = \"password\"; };", 2, "host is missing"},
        {"ipmi = { host = \"h\"; user = \"u\"; };", 2, "go together"},
        {"ipmi = {\ncipher_suite = 4; };", 3, "3 or 17"},
        {"ipmi = {\nprivilege = \"root\"; };", 3, "one of: user, operator, admin"},
        {"ipmi = {\nworkarounds = [ \"x\" ]; };", 3, "opensesspriv"},
        {"ipmi = {\ndevice = \"ipmi0\"; };", 3, "absolute"},
        {"ipmi = {\nevery_ms = 10; };", 3, "outside"},
        {"redfish = { };", 2, "missing key \"url\""},
        {"redfish = {\nurl = \"http://bmc\"; };", 3, "https://"},
        {"redfish = {\nurl = \"https://\"; };", 3, "https://"},
        {"redfish = {\nurl = \"https://u:p@bmc\"; };", 3, "https://"},
        {"redfish = {\nurl = \"https://bmc/redfish\"; };", 3, "https://"},
        {"redfish = { url = \"https://bmc\";\npin = \"abc\"; };", 3, "sha256//"},
        {"redfish = { url = \"https://bmc\"; user = \"u\";\npassword_file = \"open\"; };", 3,
         "chmod 640"},
        {"redfish = { url = \"https://bmc\"; user = \"u\";\npassword_file = \"none\"; };", 3,
         "No such file"},
        {"redfish = { url = \"https://bmc\";\npassword = \"hunter2\"; };", 3, "unknown key"},
        {"snmp = {\nunits = ( ); };", 3, "there is none"},
        {UNIT("version = \"1\"; "), 3, "one of: 2c, 3"},
        {UNIT("version = \"2c\"; "), 2, "version 2c has a community_file"},
        {UNIT(COMMUNITY "user = \"u\"; password_file = \"password\"; "), 2,
         "version 2c has a community_file"},
        {UNIT("version = \"3\"; "), 2, "version 3 has a user"},
        {UNIT("version = \"2c\"; community_file = \"open\"; "), 3, "chmod 640"},
        {UNIT(COMMUNITY "quantity = \"energy\"; "), 3, "0.1 kWh"},
        {"snmp = { units = ( { name = \"a\"; host = \"h\"; " COMMUNITY "model = \"raritan\";\n"
         "points = [ \"7\" ]; } ); };",
         3, "such as \"1.7\""},
        {"snmp = { units = ( { name = \"a\"; host = \"h\"; " COMMUNITY "model = \"apc\";\n"
         "points = [ \"1\", \"1\" ]; } ); };",
         3, "listed twice"},
        {"snmp = { units = ( { name = \"a\"; host = \"h\"; " COMMUNITY "model = \"apc\"; points = "
         "[ \"1\" ]; },\n{ name = \"a\"; host = \"h\"; " COMMUNITY
         "model = \"apc\"; points = [ \"2\" ]; } ); };",
         3, "\"a\" is listed twice"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        load(cases[i].text);
        assert_complaint(diagnostics, "host.conf", cases[i].line, cases[i].why);
        for (size_t j = 0; diagnostics_text(diagnostics, j); j++)
            assert_null(strstr(diagnostics_text(diagnostics, j), "hunter2"));
    }
}

static void more_units_or_points_than_there_is_room_for_are_told(void **state)
{
    char text[8192] = "snmp = { units = (\n";

    (void)state;
    for (int i = 0; i <= SNMP_MAX_UNITS; i++) {
        size_t used = strlen(text);

        snprintf(text + used, sizeof(text) - used,
                 "%s{ name = \"a%d\"; host = \"h\"; " COMMUNITY "model = \"apc\"; points = [ %s ]; "
                 "}",
                 i ? ",\n" : "", i,
                 i ? "\"1\"" : "\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\"");
    }
    strcat(text, "); };");
    load(text);
    assert_complaint(diagnostics, "host.conf", 3, "points: more than 8");
    assert_complaint(diagnostics, "host.conf", 3 + SNMP_MAX_UNITS, "units: more than 8");
    assert_int_equal(config.snmp.units[0].point_count, 8);
    assert_int_equal(config.snmp.unit_count, 8);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_groups_nothing_is_asked),
        TEST(everything_is_read),
        TEST(what_is_left_out_has_a_default),
        TEST(a_librarys_plain_name_stays_one),
        TEST(what_is_wrong_is_told_with_its_line),
        TEST(more_units_or_points_than_there_is_room_for_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
