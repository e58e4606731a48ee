/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <net/if.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* By whose number nobody's files are: in Debian that of "nobody", and the kernel's own for users it
 * has no number for (Documentation/admin-guide/sysctl/kernel.rst of Linux, overflowuid). */
#define NOBODY 65534

static bool set_capabilities(bool keep_capture)
{
    cap_t capabilities = cap_init();
    cap_value_t capture = CAP_NET_RAW;
    bool set;

    if (!capabilities)
        return false;
    if (keep_capture) {
        cap_set_flag(capabilities, CAP_PERMITTED, 1, &capture, CAP_SET);
        cap_set_flag(capabilities, CAP_EFFECTIVE, 1, &capture, CAP_SET);
    }
    set = cap_set_proc(capabilities) == 0;
    cap_free(capabilities);
    return set;
}

bool sandbox_knows_user(const char *user)
{
    return getpwnam(user) != NULL;
}

bool sandbox_become(const char *user, bool keep_capture, char *error, size_t error_size)
{
    const struct passwd *entry;

    if (user[0] == '\0' || geteuid() != 0)
        return true;
    errno = 0;
    entry = getpwnam(user);
    if (!entry) {
        snprintf(error, error_size, "user \"%s\" does not exist", user);
        return false;
    }
    if ((keep_capture && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) ||
        initgroups(user, entry->pw_gid) != 0 || setgid(entry->pw_gid) != 0 ||
        setuid(entry->pw_uid) != 0 || !set_capabilities(keep_capture)) {
        snprintf(error, error_size, "cannot become user \"%s\": %s", user, strerror(errno));
        return false;
    }
    return true;
}

bool sandbox_own(const char *user, const char *directory, char *error, size_t error_size)
{
    const struct passwd *entry;
    int descriptor;
    bool owned;

    if (user[0] == '\0' || geteuid() != 0)
        return true;
    entry = getpwnam(user);
    if (!entry) {
        snprintf(error, error_size, "user \"%s\" does not exist", user);
        return false;
    }
    descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    owned = descriptor >= 0 && fchown(descriptor, entry->pw_uid, entry->pw_gid) == 0;
    if (!owned)
        snprintf(error, error_size, "cannot give %s to user \"%s\": %s", directory, user,
                 strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
    return owned;
}

bool sandbox_forgo_programs(char *error, size_t error_size)
{
    const cap_value_t loading = CAP_BPF;
    cap_t capabilities = cap_get_proc();
    bool done = capabilities &&
                cap_set_flag(capabilities, CAP_EFFECTIVE, 1, &loading, CAP_CLEAR) == 0 &&
                cap_set_flag(capabilities, CAP_PERMITTED, 1, &loading, CAP_CLEAR) == 0 &&
                cap_set_flag(capabilities, CAP_INHERITABLE, 1, &loading, CAP_CLEAR) == 0 &&
                cap_set_proc(capabilities) == 0;

    if (!done)
        snprintf(error, error_size, "cannot give up CAP_BPF: %s", strerror(errno));
    cap_free(capabilities);
    return done;
}

/* Whatever the system's settings. */
static bool forbid_core(void)
{
    const struct rlimit none = {0, 0};

    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && setrlimit(RLIMIT_CORE, &none) == 0;
}

bool sandbox_forbid_core(char *error, size_t error_size)
{
    if (forbid_core())
        return true;
    snprintf(error, error_size, "cannot forbid core files: %s", strerror(errno));
    return false;
}

bool sandbox_drop_capabilities(char *error, size_t error_size)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && forbid_core() && set_capabilities(false))
        return true;
    snprintf(error, error_size, "cannot give up privileges: %s", strerror(errno));
    return false;
}

/* Steady capture needs very little (poll and getsockopt, measured); the rest is for memory, the
 * log, the sums, a daily key, and a clean end. */
static const int capture_calls[] = {
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(getsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(futex),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sysinfo), /* qsort(3), how much memory there is */
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* Libraries try these and live with a refusal (libpcap looks for drop counters in /sys, and takes
 * its ring apart with setsockopt before it closes the socket). */
static const int capture_refused_calls[] = {
    SCMP_SYS(open),  SCMP_SYS(openat), SCMP_SYS(stat),  SCMP_SYS(access),     SCMP_SYS(readlink),
    SCMP_SYS(fcntl), SCMP_SYS(prctl),  SCMP_SYS(mkdir), SCMP_SYS(setsockopt),
};

static const int meter_forbidden_calls[] = {
    SCMP_SYS(socket),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(ptrace),
    SCMP_SYS(mount),
    SCMP_SYS(bpf),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(io_uring_setup), /* opens sockets without socket() */
};

static const int counters_forbidden_calls[] = {
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(kill),
    SCMP_SYS(tkill),
    SCMP_SYS(rt_sigqueueinfo),
    SCMP_SYS(rt_tgsigqueueinfo),
    SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(ptrace),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(mount),
    SCMP_SYS(bpf),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(chmod),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(chown),
    SCMP_SYS(fchown),
    SCMP_SYS(lchown),
    SCMP_SYS(fchownat),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(link),
    SCMP_SYS(linkat),
    SCMP_SYS(symlink),
    SCMP_SYS(symlinkat),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(rmdir),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(mknod),
    SCMP_SYS(mknodat),
    SCMP_SYS(creat),
    SCMP_SYS(truncate),
    SCMP_SYS(ftruncate),
    SCMP_SYS(openat2), /* its flags are where a filter cannot look */
    SCMP_SYS(io_uring_setup),
};

static int add_rules(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    int status = 0;

    for (size_t i = 0; i < count && status == 0; i++)
        if (calls[i] >= 0) /* negative: not a system call of this architecture */
            status = seccomp_rule_add(filter, action, calls[i], 0);
    return status;
}

static bool load(scmp_filter_ctx filter, int status, char *error, size_t error_size)
{
    if (status == 0) /* for all threads, were there several */
        status = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (status == 0)
        status = seccomp_load(filter);
    seccomp_release(filter);
    if (status == 0)
        return true;
    snprintf(error, error_size, "cannot enter the sandbox: %s", strerror(-status));
    return false;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What depends on an argument: output goes to the log and through our own two sockets, never to the
 * network; memory cannot be executed; and libpcap may ask whether the interface is up again. */
static int add_conditions(scmp_filter_ctx filter, int control, int data)
{
    const int outputs[] = {SCMP_SYS(sendmsg), SCMP_SYS(sendto)};
    const int sockets[] = {control, data};
    int status = 0;

    for (size_t i = 0; i < COUNT(outputs); i++)
        for (size_t j = 0; j < COUNT(sockets) && status == 0; j++)
            if (sockets[j] >= 0)
                status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, outputs[i], 1,
                                          SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)sockets[j], 0));
    if (status == 0)
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                                  SCMP_A0(SCMP_CMP_LE, STDERR_FILENO, 0));
    if (status == 0)
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(writev), 1,
                                  SCMP_A0(SCMP_CMP_LE, STDERR_FILENO, 0));
    if (status == 0) /* abort() */
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
    if (status == 0)
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (status == 0)
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                  SCMP_A1(SCMP_CMP_EQ, SIOCGIFFLAGS, 0));
    if (status == 0)
        status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                                  SCMP_A1(SCMP_CMP_NE, SIOCGIFFLAGS, 0));
    return status;
}

bool sandbox_capture(int control, int data, char *error, size_t error_size)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int status;

    if (!filter) {
        snprintf(error, error_size, "cannot enter the sandbox: out of memory");
        return false;
    }
    status = add_rules(filter, SCMP_ACT_ALLOW, capture_calls, COUNT(capture_calls));
    if (status == 0)
        status = add_rules(filter, SCMP_ACT_ERRNO(EPERM), capture_refused_calls,
                           COUNT(capture_refused_calls));
    if (status == 0)
        status = add_conditions(filter, control, data);
    return load(filter, status, error, error_size);
}

/* In a container root may have no right to become another user, or know no other: then it is not
 * more than a user either, once it has given up its capabilities. */
static bool become_nobody(char *error, size_t error_size)
{
    if (geteuid() != 0 ||
        (setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
         setresuid(NOBODY, NOBODY, NOBODY) == 0) ||
        errno == EPERM || errno == EINVAL)
        return true;
    snprintf(error, error_size, "cannot become nobody: %s", strerror(errno));
    return false;
}

bool sandbox_command(const char *user, int control, int data, char *error, size_t error_size)
{
    return (user[0] == '\0' ? become_nobody(error, error_size)
                            : sandbox_become(user, false, error, error_size)) &&
           sandbox_drop_capabilities(error, error_size) &&
           sandbox_capture(control, data, error, error_size);
}

/* ---- The counters ---- */

/* Later than Debian 12's headers (Linux 6.2 and 6.10). */
#define ACCESS_TRUNCATE  (UINT64_C(1) << 14)
#define ACCESS_IOCTL_DEV (UINT64_C(1) << 15)

#define ACCESS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_ALL  ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1) /* those of the first version */

/* To read the meters, to find hosts by their names, to check certificates, and to load NVML. */
static const char *const system_readable[] = {
    "/sys", "/proc", "/etc", "/usr", "/lib", "/lib64", "/run/systemd/resolve", NULL};

static uint64_t handled_access(long version)
{
    return ACCESS_ALL | (version >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0) |
           (version >= 3 ? ACCESS_TRUNCATE : 0) | (version >= 5 ? ACCESS_IOCTL_DEV : 0);
}

/* What is not there needs no permission. */
static bool allow_path(int rules, const char *path, uint64_t access)
{
    struct landlock_path_beneath_attr beneath = {.allowed_access = access};
    struct stat status;
    bool allowed;

    beneath.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (beneath.parent_fd < 0)
        return true;
    if (fstat(beneath.parent_fd, &status) == 0 && !S_ISDIR(status.st_mode))
        beneath.allowed_access &= ~(uint64_t)LANDLOCK_ACCESS_FS_READ_DIR;
    allowed = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0;
    close(beneath.parent_fd);
    return allowed;
}

/* Devices are opened for writing too (/dev/nvidia0, /dev/ipmi0). */
static bool allow_paths(int rules, const char *const *readable, uint64_t handled)
{
    bool allowed = allow_path(
        rules, "/dev", ACCESS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | (handled & ACCESS_IOCTL_DEV));

    for (size_t i = 0; system_readable[i] && allowed; i++)
        allowed = allow_path(rules, system_readable[i], ACCESS_READ);
    for (size_t i = 0; readable[i] && allowed; i++)
        allowed = allow_path(rules, readable[i], ACCESS_READ);
    return allowed;
}

static long landlock_version(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

bool sandbox_has_landlock(void)
{
    return landlock_version() > 0;
}

/* True also on a kernel that does not know how. */
static bool confine_files(const char *const *readable)
{
    long version = landlock_version();
    struct landlock_ruleset_attr attributes = {.handled_access_fs = handled_access(version)};
    int rules;
    bool confined;

    if (version <= 0)
        return true;
    rules = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
    if (rules < 0)
        return false;
    confined = allow_paths(rules, readable, attributes.handled_access_fs) &&
               prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
               syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    close(rules);
    return confined;
}

/* AF_NETLINK is how the library finds out which addresses this machine has; AF_UNIX is for the log,
 * for names (nscd), and for NVML. */
static int limit_sockets(scmp_filter_ctx filter, bool network)
{
    int status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
                                  SCMP_A0(SCMP_CMP_GT, AF_NETLINK, 0));

    for (unsigned family = 0; family <= AF_NETLINK && status == 0; family++) {
        if (family == AF_UNIX ||
            (network && (family == AF_INET || family == AF_INET6 || family == AF_NETLINK)))
            continue;
        status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
                                  SCMP_A0(SCMP_CMP_EQ, family, 0));
    }
    return status;
}

/* Nothing is created, also where there is no Landlock. */
static int forbid_creating(scmp_filter_ctx filter)
{
    static const scmp_datum_t flags[] = {O_CREAT, O_TRUNC};
    int status = 0;

    for (size_t i = 0; i < COUNT(flags) && status == 0; i++) {
        status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(openat), 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
        if (status == 0)
            status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(open), 1,
                                      SCMP_A1(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
    }
    return status;
}

/* Processes of the same user: no signal, and no limit is set for them. */
static int leave_others_alone(scmp_filter_ctx filter)
{
    int status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 1,
                                  SCMP_A0(SCMP_CMP_NE, (scmp_datum_t)getpid(), 0));

    if (status == 0)
        status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prlimit64), 1,
                                  SCMP_A0(SCMP_CMP_NE, 0, 0));
    return status;
}

bool sandbox_counters(const char *const *readable, bool network, char *error, size_t error_size)
{
    scmp_filter_ctx filter;
    int status;

    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* execve() made it so again */
    if (!confine_files(readable)) {
        snprintf(error, error_size, "cannot enter the sandbox (Landlock): %s", strerror(errno));
        return false;
    }
    filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter) {
        snprintf(error, error_size, "cannot enter the sandbox: out of memory");
        return false;
    }
    status = add_rules(filter, SCMP_ACT_ERRNO(EPERM), counters_forbidden_calls,
                       COUNT(counters_forbidden_calls));
    if (status == 0)
        status = forbid_creating(filter);
    if (status == 0)
        status = leave_others_alone(filter);
    if (status == 0)
        status = limit_sockets(filter, network);
    return load(filter, status, error, error_size);
}

/* What drivers are asked by: IPMI could switch the machine off. */
static int forbid_devices(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                            SCMP_A1(SCMP_CMP_NE, TCGETS, 0));
}

bool sandbox_meter(char *error, size_t error_size)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int status;

    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* execve() made it so again */
    if (!filter) {
        snprintf(error, error_size, "cannot enter the sandbox: out of memory");
        return false;
    }
    status = add_rules(filter, SCMP_ACT_ERRNO(EPERM), meter_forbidden_calls,
                       COUNT(meter_forbidden_calls));
    if (status == 0)
        status = forbid_devices(filter);
    return load(filter, status, error, error_size);
}
