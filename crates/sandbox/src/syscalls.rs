//! The one list of system calls, for every processor: what a translator's process makes of the
//! kernel, and what nobody makes who means well.
//!
//! The numbers that arguments are compared with are those of Linux on x86-64 and ARM, which agree
//! in all that is here.

/// A condition on an argument: its index, and what it must be.
pub(crate) type Condition = (u8, Is);

/// What an argument must be. Of arguments that are `int`, the kernel looks at 32 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Is {
    /// These 32 bits.
    Int(u32),
    /// These 64 bits: a pointer, or a length.
    Long(u64),
    /// With this mask, these 32 bits.
    Masked(u32, u32),
    /// This process's id.
    OwnProcess,
}

/// A call, with alternatives of conditions that must hold together; none: always.
pub(crate) type Call = (&'static str, &'static [&'static [Condition]]);

const ALWAYS: &[&[Condition]] = &[];

const CLONE_THREAD: u32 = 0x0001_0000;
const PROT_EXEC: u32 = 4;
const MSG_FASTOPEN: u32 = 0x2000_0000;
/// `O_ACCMODE`, `O_CREAT` and `O_TRUNC`: of these, none is set in an open for reading.
const OPEN_TO_WRITE: u32 = 0o3 | 0o100 | 0o1000;

/// A file is opened for reading, whatever Landlock says.
const READ_ONLY: Is = Is::Masked(OPEN_TO_WRITE, 0);
/// Memory is the process's own, of a size that it says: the limit on a process's data counts neither
/// memory that is shared nor a stack that grows. `MAP_PRIVATE` among the kinds, no `MAP_GROWSDOWN`.
const OWN_MEMORY: Is = Is::Masked(0x10f, 2);
/// No memory becomes code.
const NOT_EXECUTABLE: Is = Is::Masked(PROT_EXEC, 0);
/// Data with the connection's first packet would pass by the rule on ports.
const NOT_AT_ONCE: Is = Is::Masked(MSG_FASTOPEN, 0);

/// What is allowed on every processor. Everything else fails with `EPERM`.
pub(crate) const ALLOWED: &[Call] = &[
    // Descriptors that are there.
    ("read", ALWAYS),
    ("readv", ALWAYS),
    ("write", ALWAYS),
    ("writev", ALWAYS),
    ("pread64", ALWAYS),
    ("lseek", ALWAYS),
    ("close", ALWAYS),
    ("fstat", ALWAYS),
    // Copies and flags; not who is sent a signal when something arrives.
    (
        "fcntl",
        &[
            &[(1, Is::Int(0))],
            &[(1, Is::Int(1))],
            &[(1, Is::Int(2))],
            &[(1, Is::Int(3))],
            &[(1, Is::Int(4))],
            &[(1, Is::Int(1030))],
        ],
    ),
    // FIONBIO, FIONREAD, FIOCLEX, and whether it is a terminal (TCGETS): the core has set the line up.
    (
        "ioctl",
        &[
            &[(1, Is::Int(0x5421))],
            &[(1, Is::Int(0x541b))],
            &[(1, Is::Int(0x5451))],
            &[(1, Is::Int(0x5401))],
        ],
    ),
    ("epoll_create1", ALWAYS),
    ("epoll_ctl", ALWAYS),
    ("epoll_pwait", ALWAYS),
    ("eventfd2", ALWAYS),
    ("ppoll", ALWAYS),
    ("pselect6", ALWAYS),
    // Files, for reading: the resolver's. Landlock says which.
    ("openat", &[&[(2, READ_ONLY)]]),
    ("newfstatat", ALWAYS),
    ("statx", ALWAYS),
    ("faccessat", ALWAYS),
    ("readlinkat", ALWAYS),
    // Sockets that are there.
    ("connect", ALWAYS),
    ("getsockopt", ALWAYS),
    ("setsockopt", ALWAYS),
    ("getsockname", ALWAYS),
    ("getpeername", ALWAYS),
    ("recvfrom", ALWAYS),
    ("recvmsg", ALWAYS),
    ("sendto", &[&[(3, NOT_AT_ONCE)]]),
    ("sendmsg", &[&[(2, NOT_AT_ONCE)]]),
    ("sendmmsg", &[&[(3, NOT_AT_ONCE)]]),
    ("shutdown", ALWAYS),
    // Memory.
    ("brk", ALWAYS),
    ("mmap", &[&[(2, NOT_EXECUTABLE), (3, OWN_MEMORY)]]),
    ("mprotect", &[&[(2, NOT_EXECUTABLE)]]),
    ("munmap", ALWAYS),
    ("mremap", ALWAYS),
    ("madvise", ALWAYS),
    // Threads, of which a look-up is one; never processes. `clone3` cannot be looked into, and is
    // not there: the C library takes `clone` then.
    ("clone", &[&[(0, Is::Masked(CLONE_THREAD, CLONE_THREAD))]]),
    ("clone3", ALWAYS),
    ("futex", ALWAYS),
    ("set_robust_list", ALWAYS),
    ("rseq", ALWAYS),
    ("membarrier", ALWAYS),
    ("sched_yield", ALWAYS),
    ("sched_getaffinity", ALWAYS),
    ("getcpu", ALWAYS),
    ("exit", ALWAYS),
    ("exit_group", ALWAYS),
    ("restart_syscall", ALWAYS),
    // Names of threads, and what the process is to itself.
    (
        "prctl",
        &[
            &[(0, Is::Int(3))],
            &[(0, Is::Int(15))],
            &[(0, Is::Int(16))],
            &[(0, Is::Int(21))],
            &[(0, Is::Int(39))],
        ],
    ),
    ("prlimit64", &[&[(0, Is::Int(0)), (2, Is::Long(0))]]),
    ("getrlimit", ALWAYS),
    ("getrusage", ALWAYS),
    ("getpid", ALWAYS),
    ("gettid", ALWAYS),
    ("getppid", ALWAYS),
    ("getuid", ALWAYS),
    ("geteuid", ALWAYS),
    ("getgid", ALWAYS),
    ("getegid", ALWAYS),
    ("uname", ALWAYS),
    ("sysinfo", ALWAYS),
    // Signals: how its own are taken, and `abort`.
    ("rt_sigaction", ALWAYS),
    ("rt_sigprocmask", ALWAYS),
    ("rt_sigreturn", ALWAYS),
    ("sigaltstack", ALWAYS),
    ("tgkill", &[&[(0, Is::OwnProcess)]]),
    // Time and chance.
    ("clock_gettime", ALWAYS),
    ("clock_getres", ALWAYS),
    ("clock_nanosleep", ALWAYS),
    ("nanosleep", ALWAYS),
    ("gettimeofday", ALWAYS),
    ("getrandom", ALWAYS),
];

/// What there is on x86-64 alone: the older forms, which its C library takes.
pub(crate) const ALLOWED_X86_64: &[Call] = &[
    ("epoll_wait", ALWAYS),
    ("poll", ALWAYS),
    ("select", ALWAYS),
    ("access", ALWAYS),
    ("open", &[&[(1, READ_ONLY)]]),
    ("stat", ALWAYS),
    ("lstat", ALWAYS),
    ("readlink", ALWAYS),
    ("time", ALWAYS),
];

const INET: Is = Is::Int(2);
const INET6: Is = Is::Int(10);
/// `SOCK_STREAM` and `SOCK_DGRAM`, with whatever flags.
const STREAM: Is = Is::Masked(0xf, 1);
const DATAGRAM: Is = Is::Masked(0xf, 2);
const ANY_PROTOCOL: Is = Is::Int(0);

/// Who connects to a broker. The protocol is said: Multipath TCP would pass by the rule on ports.
pub(crate) const TCP: Call = (
    "socket",
    &[
        &[(0, INET), (1, STREAM), (2, ANY_PROTOCOL)],
        &[(0, INET), (1, STREAM), (2, Is::Int(6))],
        &[(0, INET6), (1, STREAM), (2, ANY_PROTOCOL)],
        &[(0, INET6), (1, STREAM), (2, Is::Int(6))],
    ],
);

/// Who looks names up.
pub(crate) const UDP: Call = (
    "socket",
    &[
        &[(0, INET), (1, DATAGRAM), (2, ANY_PROTOCOL)],
        &[(0, INET), (1, DATAGRAM), (2, Is::Int(17))],
        &[(0, INET6), (1, DATAGRAM), (2, ANY_PROTOCOL)],
        &[(0, INET6), (1, DATAGRAM), (2, Is::Int(17))],
    ],
);

/// Calls of one who has taken the process over: they end it, so that they are seen.
pub(crate) const HOSTILE: &[&str] = &[
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "kcmp",
    "pidfd_getfd",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "mount",
    "umount2",
    "move_mount",
    "open_tree",
    "mount_setattr",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "pivot_root",
    "chroot",
    "setns",
    "unshare",
    "keyctl",
    "add_key",
    "request_key",
    "open_by_handle_at",
    "swapon",
    "swapoff",
    "reboot",
    "acct",
    "quotactl",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "sethostname",
    "setdomainname",
    "memfd_secret",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
];
