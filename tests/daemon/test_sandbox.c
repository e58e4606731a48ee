/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/daemon/processstatus.h"
#include "tests/daemon/scratch.h"

#define NOBODY 65534

/* What happens in a sandbox happens in a child. Exit status 0: as it should be. */
typedef int attempt(void);
typedef bool sandbox(char *error, size_t error_size);

static int outcome(sandbox *enter, attempt *try)
{
    char error[256] = "";
    int status;
    pid_t child = fork();

    if (child == 0) {
        if (!enter(error, sizeof(error))) {
            fprintf(stderr, "%s\n", error);
            _exit(100);
        }
        _exit(try());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void assert_works(sandbox *enter, attempt *try)
{
    int status = outcome(enter, try);

    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("wait status %#x", (unsigned)status);
}

static void assert_kills(const char *name, sandbox *enter, attempt *try)
{
    int status = outcome(enter, try);

    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
        fail_msg("%s: not killed: wait status %#x", name, (unsigned)status);
}
#define ASSERT_KILLS(enter, try) assert_kills(#try, enter, try)

static int ends[2];
static int sockets[2];

static bool enter_capture(char *error, size_t error_size)
{
    return sandbox_capture(sockets[0], sockets[1], error, error_size);
}

static int refused(long result)
{
    return result == -1 && errno == EPERM ? 0 : 1;
}

/* -- The process that parses packets ---------------------------------------------------------- */

static int open_to_read(void)
{
    return refused(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int open_to_write(void)
{
    return refused(open("/tmp/iagmeter-must-not-be", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int open_in_the_old_way(void)
{
#ifdef SYS_open
    return refused(syscall(SYS_open, "/etc/passwd", O_RDONLY));
#else
    return 0;
#endif
}

static int control_a_device(void)
{
    int value;

    return refused(ioctl(STDIN_FILENO, FIONREAD, &value));
}

/* libpcap does at the end of a capture. */
static int change_a_socket(void)
{
    int value = 1;

    return refused(setsockopt(STDIN_FILENO, SOL_SOCKET, SO_BROADCAST, &value, sizeof(value)));
}

static int set_a_flag(void)
{
    return refused(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static void opening_is_refused_where_packets_are_parsed(void **state)
{
    (void)state;
    assert_works(enter_capture, open_to_read);
    assert_works(enter_capture, open_to_write);
    assert_works(enter_capture, open_in_the_old_way);
    assert_works(enter_capture, control_a_device);
    assert_works(enter_capture, change_a_socket);
    assert_works(enter_capture, set_a_flag);
}

static int make_socket(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 ? 1 : 2;
}

static int make_packet_socket(void)
{
    return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0 ? 1 : 2;
}

static int make_socket_pair(void)
{
    int pair[2];

    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 ? 1 : 2;
}

static int connect_somewhere(void)
{
    static const struct sockaddr address = {.sa_family = AF_UNIX};

    return connect(STDIN_FILENO, &address, sizeof(address)) == 0 ? 1 : 2;
}

static int run_a_program(void)
{
    char *const arguments[] = {"true", NULL};

    execv("/bin/true", arguments);
    return 2;
}

static int fork_once(void)
{
    return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) == 0 ? 0 : 1;
}

static int map_executable_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
               ? 2
               : 1;
}

static int make_memory_executable(void)
{
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return mprotect(memory, 4096, PROT_READ | PROT_EXEC) == 0 ? 1 : 2;
}

static int signal_the_parent(void)
{
    return kill(getppid(), 0) == 0 ? 1 : 2;
}

static int signal_a_thread_of_the_parent(void)
{
    return syscall(SYS_tgkill, getppid(), getppid(), 0) == 0 ? 1 : 2;
}

/* As abort() does. */
static int signal_itself(void)
{
    return raise(0);
}

static int remove_a_file(void)
{
    return unlink("/tmp/iagmeter-does-not-exist") == 0 ? 1 : 2;
}

static int watch_another_process(void)
{
    return (int)syscall(SYS_ptrace, 16, 1, 0, 0) == 0 ? 1 : 2;
}

static int start_a_ring(void)
{
    char parameters[120] = {0};

    return syscall(SYS_io_uring_setup, 1, parameters) >= 0 ? 1 : 2;
}

static int load_a_filter_program(void)
{
    return syscall(SYS_bpf, 0, NULL, 0) == 0 ? 1 : 2;
}

static void what_only_an_intruder_would_try_kills(void **state)
{
    (void)state;
    ASSERT_KILLS(enter_capture, make_socket);
    ASSERT_KILLS(enter_capture, make_packet_socket);
    ASSERT_KILLS(enter_capture, make_socket_pair);
    ASSERT_KILLS(enter_capture, connect_somewhere);
    ASSERT_KILLS(enter_capture, run_a_program);
    ASSERT_KILLS(enter_capture, fork_once);
    ASSERT_KILLS(enter_capture, map_executable_memory);
    ASSERT_KILLS(enter_capture, make_memory_executable);
    ASSERT_KILLS(enter_capture, signal_the_parent);
    ASSERT_KILLS(enter_capture, signal_a_thread_of_the_parent);
    ASSERT_KILLS(enter_capture, remove_a_file);
    ASSERT_KILLS(enter_capture, watch_another_process);
    ASSERT_KILLS(enter_capture, start_a_ring);
    ASSERT_KILLS(enter_capture, load_a_filter_program);
}

static int use_what_is_open(void)
{
    char byte = 0;
    struct pollfd descriptor = {.fd = ends[0], .events = POLLIN};

    if (poll(&descriptor, 1, 1000) != 1 || read(ends[0], &byte, 1) != 1 || byte != 'a')
        return 1;
    if (send(sockets[0], "b", 1, MSG_NOSIGNAL) != 1 || recv(sockets[1], &byte, 1, 0) != 1 ||
        byte != 'b')
        return 2;
    return close(ends[0]) == 0 ? 0 : 3;
}

/* What is open for reading, a network interface above all, is not open for sending. */
static int write_elsewhere(void)
{
    return write(ends[1], "a", 1) == 1;
}

static int send_elsewhere(void)
{
    return send(ends[1], "a", 1, MSG_NOSIGNAL) == 1;
}

static int send_a_message_elsewhere(void)
{
    struct msghdr header = {.msg_iov = NULL};

    return sendmsg(ends[1], &header, MSG_NOSIGNAL) == 0;
}

static void nothing_is_sent_elsewhere(void **state)
{
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
    ASSERT_KILLS(enter_capture, write_elsewhere);
    ASSERT_KILLS(enter_capture, send_elsewhere);
    ASSERT_KILLS(enter_capture, send_a_message_elsewhere);
    close(ends[0]);
    close(ends[1]);
    close(sockets[0]);
    close(sockets[1]);
}

static int ask_whether_up(void)
{
    struct ifreq request = {.ifr_name = "lo"};

    return ioctl(sockets[0], SIOCGIFFLAGS, &request) == -1 && errno == EPERM;
}

static int leave_no_core(void)
{
    struct rlimit limit;

    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 && getrlimit(RLIMIT_CORE, &limit) == 0 &&
                   limit.rlim_max == 0
               ? 0
               : 1;
}

static void packets_never_reach_a_core_file(void **state)
{
    (void)state;
    assert_works(sandbox_drop_capabilities, leave_no_core);
    assert_works(sandbox_forbid_core, leave_no_core);
}

static int use_memory(void)
{
    char *small = malloc(100);
    char *large = malloc(64U << 20);

    if (!small || !large)
        return 1;
    memset(large, 1, 64U << 20);
    small = realloc(small, 1U << 20);
    large = realloc(large, 128U << 20);
    if (!small || !large || large[1] != 1)
        return 2;
    free(small);
    free(large);
    return 0;
}

static int use_clocks_and_randomness(void)
{
    struct timespec now;
    char key[16];

    return syscall(SYS_clock_gettime, CLOCK_REALTIME, &now) == 0 &&
                   clock_gettime(CLOCK_MONOTONIC, &now) == 0 &&
                   getrandom(key, sizeof(key), 0) == (ssize_t)sizeof(key)
               ? 0
               : 1;
}

/* Of so much that it asks how much memory there is. */
static int ascending(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

static int sort_many(void)
{
    static int numbers[100000];

    for (int i = 0; i < 100000; i++)
        numbers[i] = -i;
    qsort(numbers, 100000, sizeof(numbers[0]), ascending);
    return numbers[0] == -99999 ? 0 : 1;
}

static int log_a_line(void)
{
    return fprintf(stderr, "%s", "") == 0 && fflush(stderr) == 0 ? 0 : 1;
}

static void what_a_capture_needs_goes_on_working(void **state)
{
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "a", 1), 1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
    assert_works(enter_capture, use_what_is_open);
    assert_works(enter_capture, use_memory);
    assert_works(enter_capture, signal_itself);
    assert_works(enter_capture, ask_whether_up);
    assert_works(enter_capture, use_clocks_and_randomness);
    assert_works(enter_capture, log_a_line);
    assert_works(enter_capture, sort_many);
    close(ends[0]);
    close(ends[1]);
    close(sockets[0]);
    close(sockets[1]);
}

/* -- The meter -------------------------------------------------------------------------------- */

static int network_is_refused(void)
{
    return refused(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) ||
           refused(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) ||
           refused(listen(STDIN_FILENO, 1)) || refused(accept(STDIN_FILENO, NULL, NULL)) ||
           refused(start_a_ring() == 2 ? -1 : 0);
}

static int programs_are_refused(void)
{
    char *const arguments[] = {"true", NULL};

    return refused(execv("/bin/true", arguments)) || refused(unshare(0)) ||
           refused(syscall(SYS_ptrace, 16, 1, 0, 0));
}

static int files_work(void)
{
    char path[PATH_MAX];
    FILE *stream;

    scratch_path(path, "by-the-meter");
    stream = fopen(path, "we");
    return stream && fputs("x", stream) >= 0 && fclose(stream) == 0 && unlink(path) == 0 ? 0 : 1;
}

static void the_meter_has_files_but_no_network_and_no_programs(void **state)
{
    (void)state;
    assert_works(sandbox_meter, network_is_refused);
    assert_works(sandbox_meter, programs_are_refused);
    assert_works(sandbox_meter, files_work);
    assert_works(sandbox_meter, use_memory);
}

static int devices_are_not_asked(void)
{
    int value;

    return refused(ioctl(STDIN_FILENO, FIONREAD, &value));
}

/* -- The counters ----------------------------------------------------------------------------- */

static bool enter_counters(char *error, size_t error_size)
{
    const char *const readable[] = {scratch_directory, "/no/such/file", NULL};

    return sandbox_counters(readable, false, error, error_size);
}

static bool enter_counters_with_network(char *error, size_t error_size)
{
    const char *const readable[] = {NULL};

    return sandbox_counters(readable, true, error, error_size);
}

static int read_a_byte(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    char byte;

    return descriptor >= 0 && read(descriptor, &byte, 1) == 1 ? 0 : 1;
}

static int meters_can_be_read(void)
{
    char path[PATH_MAX];

    scratch_path(path, "energy_uj");
    return read_a_byte(path) || read_a_byte("/proc/self/stat") ||
           read_a_byte("/sys/kernel/mm/transparent_hugepage/enabled") || read_a_byte("/etc/passwd");
}

static int devices_can_be_opened(void)
{
    int descriptor = open("/dev/null", O_RDWR | O_CLOEXEC);

    return descriptor >= 0 && write(descriptor, "x", 1) == 1 ? 0 : 1;
}

static int nothing_can_be_written(void)
{
    char path[PATH_MAX], other[PATH_MAX];

    scratch_path(path, "energy_uj");
    scratch_path(other, "other");
    return refused(open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) ||
           refused(rename(path, other)) || refused(unlink(path)) || refused(truncate(path, 0)) ||
           refused(mkdir(other, 0700)) || refused(chmod(path, 0600)) ||
           refused(symlink(path, other)) || refused(link(path, other)) ||
           refused(open(path, O_WRONLY | O_TRUNC | O_CLOEXEC));
}

static int programs_and_others_are_refused(void)
{
    const struct rlimit nothing = {0, 0};
    struct rlimit own;

    return programs_are_refused() || refused(kill(getppid(), 0)) ||
           refused(syscall(SYS_tgkill, getppid(), getppid(), 0)) ||
           refused(prlimit(getppid(), RLIMIT_FSIZE, &nothing, NULL)) ||
           getrlimit(RLIMIT_FSIZE, &own) != 0 || signal_itself() != 0 ||
           refused(start_a_ring() == 2 ? -1 : 0);
}

static int without_network(void)
{
    return refused(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) ||
           refused(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) ||
           refused(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) ||
           refused(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0)) ||
           socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0;
}

static int with_network(void)
{
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    return udp < 0 || socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) < 0 ||
           refused(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) ||
           refused(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0)) || refused(listen(udp, 1)) ||
           refused(accept(udp, NULL, NULL));
}

static void the_counters_read_meters_and_nothing_else_happens(void **state)
{
    (void)state;
    scratch_write("energy_uj", "1\n");
    assert_works(enter_counters, meters_can_be_read);
    assert_works(enter_counters, devices_can_be_opened);
    assert_works(enter_counters, nothing_can_be_written);
    assert_works(enter_counters, programs_and_others_are_refused);
    assert_works(enter_counters, without_network);
    assert_works(enter_counters, use_memory);
    assert_works(enter_counters_with_network, with_network);
    assert_works(sandbox_meter, devices_are_not_asked);
}

/* What its user may read and write elsewhere, as the ledger, it may not. */
static int elsewhere_is_out_of_reach(void)
{
    char path[PATH_MAX];

    scratch_path(path, "energy_uj");
    if (open(path, O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES)
        return 1;
    if (open(path, O_WRONLY | O_CLOEXEC) >= 0 || errno != EACCES)
        return 2;
    return opendir(scratch_directory) ? 3 : 0;
}

static int what_is_readable_is_not_writable(void)
{
    char path[PATH_MAX];

    scratch_path(path, "energy_uj");
    return open(path, O_RDWR | O_CLOEXEC) < 0 && errno == EACCES ? 0 : 1;
}

static void the_counters_do_not_reach_other_files(void **state)
{
    (void)state;
    if (!sandbox_has_landlock()) {
        print_message("this kernel has no Landlock: not tested\n");
        skip();
    }
    scratch_write("energy_uj", "1\n");
    assert_works(enter_counters_with_network, elsewhere_is_out_of_reach);
    assert_works(enter_counters, what_is_readable_is_not_writable);
}

/* -- Privileges ------------------------------------------------------------------------------- */

static bool has(cap_flag_t flag, cap_value_t value)
{
    cap_flag_value_t set = CAP_CLEAR;
    cap_t capabilities = cap_get_proc();

    cap_get_flag(capabilities, value, flag, &set);
    cap_free(capabilities);
    return set == CAP_SET;
}

static unsigned count_capabilities(void)
{
    unsigned count = 0;

    for (cap_value_t value = 0; value <= CAP_LAST_CAP; value++)
        count +=
            has(CAP_EFFECTIVE, value) || has(CAP_PERMITTED, value) || has(CAP_INHERITABLE, value);
    return count;
}

static bool is_nobody(void)
{
    gid_t groups[64];
    int count = getgroups(64, groups);
    uid_t uids[3];
    gid_t gids[3];

    for (int i = 0; i < count; i++)
        if (groups[i] == 0)
            return false;
    return getresuid(&uids[0], &uids[1], &uids[2]) == 0 &&
           getresgid(&gids[0], &gids[1], &gids[2]) == 0 && uids[0] == NOBODY && uids[1] == NOBODY &&
           uids[2] == NOBODY && gids[0] == NOBODY && gids[1] == NOBODY && gids[2] == NOBODY;
}

static bool become_nobody(char *error, size_t error_size)
{
    static const gid_t groups[] = {0, 4, 27};

    return setgroups(3, groups) == 0 && sandbox_become("nobody", false, error, error_size);
}

static bool become_nobody_who_captures(char *error, size_t error_size)
{
    static const gid_t groups[] = {0, 4, 27};

    return setgroups(3, groups) == 0 && sandbox_become("nobody", true, error, error_size);
}

static int nothing_is_left(void)
{
    if (!is_nobody())
        return 1;
    if (count_capabilities() != 0)
        return 2;
    return setuid(0) != 0 && setgid(0) != 0 ? 0 : 3;
}

static int capturing_is_left(void)
{
    if (!is_nobody())
        return 1;
    if (count_capabilities() != 1 || !has(CAP_EFFECTIVE, CAP_NET_RAW) ||
        !has(CAP_PERMITTED, CAP_NET_RAW) || has(CAP_INHERITABLE, CAP_NET_RAW))
        return 2;
    return setuid(0) != 0 && setgid(0) != 0 ? 0 : 3;
}

static bool become_then_drop(char *error, size_t error_size)
{
    return become_nobody_who_captures(error, error_size) &&
           sandbox_drop_capabilities(error, error_size);
}

static int none_can_be_gained(void)
{
    return nothing_is_left() == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 1;
}

static int everything_but_programs_is_left(void)
{
    if (has(CAP_EFFECTIVE, CAP_BPF) || has(CAP_PERMITTED, CAP_BPF))
        return 1;
    return has(CAP_EFFECTIVE, CAP_NET_RAW) && has(CAP_EFFECTIVE, CAP_SETUID) ? 0 : 2;
}

static void require_root(void)
{
    if (geteuid() == 0)
        return;
    fprintf(stderr, "skipped: needs root\n");
    skip();
}

static void root_becomes_another_user_and_keeps_the_right_to_capture_only(void **state)
{
    (void)state;
    require_root();
    assert_works(become_nobody, nothing_is_left);
    assert_works(become_nobody_who_captures, capturing_is_left);
    assert_works(become_then_drop, none_can_be_gained);
}

static void the_right_to_load_programs_is_given_up_alone(void **state)
{
    (void)state;
    require_root();
    assert_works(sandbox_forgo_programs, everything_but_programs_is_left);
}

static int nothing_can_be_gained_by_anyone(void)
{
    return count_capabilities() == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 1;
}

static void everybody_can_give_up_capabilities(void **state)
{
    (void)state;
    assert_works(sandbox_drop_capabilities, nothing_can_be_gained_by_anyone);
}

static bool stay(char *error, size_t error_size)
{
    return sandbox_become("", true, error, error_size) &&
           sandbox_own("", "/does/not/exist", error, error_size);
}

static int nothing_changed(void)
{
    return geteuid() == getuid() ? 0 : 1;
}

static bool become_root_again(char *error, size_t error_size)
{
    return become_nobody(error, error_size) && sandbox_become("root", true, error, error_size) &&
           sandbox_own("root", "/does/not/exist", error, error_size);
}

static void without_a_user_or_without_root_nothing_changes(void **state)
{
    (void)state;
    assert_works(stay, nothing_changed);
    require_root();
    assert_works(become_root_again, nothing_is_left);
}

/* -- Commands --------------------------------------------------------------------------------- */

static bool enter_command(char *error, size_t error_size)
{
    return sandbox_command("", -1, -1, error, error_size);
}

static int print_a_line(void)
{
    return fputs(" ", stdout) >= 0 && fflush(stdout) == 0 ? 0 : 1;
}

static void a_command_reads_what_is_open_and_prints(void **state)
{
    (void)state;
    assert_works(enter_command, open_to_read);
    assert_works(enter_command, open_to_write);
    assert_works(enter_command, print_a_line);
    assert_works(enter_command, log_a_line);
    assert_works(enter_command, sort_many);
    assert_works(enter_command, use_memory);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    ASSERT_KILLS(enter_command, write_elsewhere);
    ASSERT_KILLS(enter_command, send_elsewhere);
    ASSERT_KILLS(enter_command, send_a_message_elsewhere);
    ASSERT_KILLS(enter_command, make_socket);
    ASSERT_KILLS(enter_command, run_a_program);
    ASSERT_KILLS(enter_command, remove_a_file);
    close(ends[0]);
    close(ends[1]);
}

/* A command of root's for USER that waits in its sandbox: what the kernel says of its users and
 * groups. */
static void assert_becomes(const char *user, const char *id)
{
    char error[256] = "";
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        static const gid_t groups[] = {0, 4, 27};
        char byte;

        close(ends[1]);
        if (setgroups(3, groups) != 0 || !sandbox_command(user, -1, -1, error, sizeof(error)))
            _exit(1);
        _exit(read(ends[0], &byte, 1) == 0 ? 0 : 2);
    }
    close(ends[0]);
    while (strcmp(process_status(child, "Seccomp:"), "\t2") != 0 &&
           waitpid(child, NULL, WNOHANG) == 0)
        usleep(1000);
    assert_confined(child);
    assert_string_equal(process_status(child, "Uid:"), id);
    assert_string_equal(process_status(child, "Gid:"), id);
    /* "nobody" is in its own group. */
    assert_null(strstr(process_status(child, "Groups:"), "27"));
    close(ends[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void a_command_of_roots_is_nobodys(void **state)
{
    (void)state;
    require_root();
    assert_becomes("", "\t65534\t65534\t65534\t65534");
    assert_becomes("nobody", "\t65534\t65534\t65534\t65534");
}

/* As root of a container without any right. */
static bool enter_without_rights(char *error, size_t error_size)
{
    return sandbox_drop_capabilities(error, error_size) && enter_command(error, error_size);
}

static void who_may_become_nobody_else_is_confined_all_the_same(void **state)
{
    (void)state;
    assert_works(enter_without_rights, open_to_read);
    ASSERT_KILLS(enter_without_rights, make_socket);
}

/* But never instead of a user that was named. */
static bool refuse_user(char *error, size_t error_size)
{
    return sandbox_drop_capabilities(error, error_size) &&
           !sandbox_command("nobody", -1, -1, error, error_size) &&
           strcmp(error, "cannot become user \"nobody\": Operation not permitted") == 0;
}

/* What some containers do. */
static bool refuse_filters(char *error, size_t error_size)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    if (!filter || seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(seccomp), 0) != 0 ||
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prctl), 1,
                         SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP, 0)) != 0 ||
        seccomp_load(filter) != 0)
        return false;
    seccomp_release(filter);
    return !enter_command(error, error_size) && strstr(error, "cannot enter the sandbox: ");
}

static int nothing(void)
{
    return 0;
}

static void what_cannot_be_given_up_is_said(void **state)
{
    (void)state;
    assert_works(refuse_filters, nothing);
    require_root();
    assert_works(refuse_user, nothing);
}

static void users_are_known_or_not(void **state)
{
    (void)state;
    assert_true(sandbox_knows_user("root"));
    assert_false(sandbox_knows_user("no-such-user-here"));
}

static void an_unknown_user_is_named(void **state)
{
    char error[256] = "";

    (void)state;
    require_root();
    assert_false(sandbox_become("no-such-user-here", true, error, sizeof(error)));
    assert_non_null(strstr(error, "no-such-user-here"));
    error[0] = '\0';
    assert_false(sandbox_own("no-such-user-here", "/tmp", error, sizeof(error)));
    assert_non_null(strstr(error, "no-such-user-here"));
    assert_int_equal(geteuid(), 0);
}

static void a_directory_is_given_away(void **state)
{
    char error[256] = "";
    char path[PATH_MAX];
    struct stat status;

    (void)state;
    require_root();
    scratch_mkdir("state");
    scratch_path(path, "state");
    assert_true(sandbox_own("nobody", path, error, sizeof(error)));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_uid, NOBODY);
    assert_int_equal(status.st_gid, NOBODY);
    scratch_path(path, "not-there");
    assert_false(sandbox_own("nobody", path, error, sizeof(error)));
    assert_non_null(strstr(error, path));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(opening_is_refused_where_packets_are_parsed),
        TEST(what_only_an_intruder_would_try_kills),
        TEST(what_a_capture_needs_goes_on_working),
        TEST(nothing_is_sent_elsewhere),
        TEST(packets_never_reach_a_core_file),
        TEST(the_meter_has_files_but_no_network_and_no_programs),
        TEST(the_counters_read_meters_and_nothing_else_happens),
        TEST(the_counters_do_not_reach_other_files),
        TEST(root_becomes_another_user_and_keeps_the_right_to_capture_only),
        TEST(the_right_to_load_programs_is_given_up_alone),
        TEST(everybody_can_give_up_capabilities),
        TEST(without_a_user_or_without_root_nothing_changes),
        TEST(a_command_reads_what_is_open_and_prints),
        TEST(a_command_of_roots_is_nobodys),
        TEST(who_may_become_nobody_else_is_confined_all_the_same),
        TEST(what_cannot_be_given_up_is_said),
        TEST(users_are_known_or_not),
        TEST(an_unknown_user_is_named),
        TEST(a_directory_is_given_away),
    };

    unsetenv("TMPDIR"); /* what is in memory is in /dev/shm, and counters may be read in /dev */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
