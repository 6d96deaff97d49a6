//! Acts that a locked-down process tries on purpose, so that a test, or whoever doubts, sees what
//! becomes of them. They do no harm where they succeed.

use std::io::{Error, Result};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType};
use rustix::process::{Pid, Resource, Rlimit, setrlimit};
use serde::Serialize;

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// Open a file for reading.
    Read(PathBuf),
    /// Open a file for writing, making it where it is not there.
    Write(PathBuf),
    /// Replace the process by a program.
    Execute(PathBuf),
    /// Connect to a socket of the machine.
    Unix(PathBuf),
    /// Connect to a port of the machine.
    Tcp(u16),
    /// Look a name up.
    Name(String),
    /// Send a process the signal that ends it.
    Kill(u32),
    Fork,
    Thread,
    /// Look into the parent.
    Trace,
    Mount,
    Netlink,
    Raw,
    /// Raise a limit, after lowering nothing.
    RaiseLimit,
    /// Have memory of so many MiB.
    Memory(usize),
    /// Have memory of so many MiB that could be shared.
    SharedMemory(usize),
    /// Have a stack that grows by itself.
    GrowingMemory,
    /// Have memory that is code.
    ExecutableMemory,
    /// Open descriptors without end; how many there were.
    Descriptors,
    /// Read the clock.
    Clock,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    pub attempt: String,
    pub done: bool,
    /// The error's number, where the kernel said one.
    pub errno: Option<i32>,
    pub detail: String,
}

impl FromStr for Attempt {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let number = || rest.parse::<u32>().map_err(|error| format!("{text}: {error}"));
        Ok(match name {
            "read" => Self::Read(rest.into()),
            "write" => Self::Write(rest.into()),
            "execute" => Self::Execute(rest.into()),
            "unix" => Self::Unix(rest.into()),
            "tcp" => Self::Tcp(rest.parse().map_err(|error| format!("{text}: {error}"))?),
            "name" => Self::Name(rest.to_owned()),
            "kill" => Self::Kill(number()?),
            "fork" => Self::Fork,
            "thread" => Self::Thread,
            "trace" => Self::Trace,
            "mount" => Self::Mount,
            "netlink" => Self::Netlink,
            "raw" => Self::Raw,
            "raise-limit" => Self::RaiseLimit,
            "memory" => Self::Memory(rest.parse().map_err(|error| format!("{text}: {error}"))?),
            "shared-memory" => {
                Self::SharedMemory(rest.parse().map_err(|error| format!("{text}: {error}"))?)
            }
            "growing-memory" => Self::GrowingMemory,
            "executable-memory" => Self::ExecutableMemory,
            "descriptors" => Self::Descriptors,
            "clock" => Self::Clock,
            _ => return Err(format!("{text} is nothing that can be tried")),
        })
    }
}

impl Attempt {
    /// Tries it, under this name. It may not return: some acts end the process.
    pub fn run(&self, name: &str) -> Outcome {
        let (done, errno, detail) = match self.tried() {
            Ok(detail) => (true, None, detail),
            Err(error) => (false, error.raw_os_error(), error.to_string()),
        };
        Outcome { attempt: name.to_owned(), done, errno, detail }
    }

    fn tried(&self) -> Result<String> {
        let mut detail = String::new();
        match self {
            Self::Read(path) => drop(std::fs::File::open(path)?),
            Self::Write(path) => {
                drop(std::fs::File::options().append(true).create(true).open(path)?);
            }
            Self::Execute(path) => {
                use std::os::unix::process::CommandExt;
                return Err(std::process::Command::new(path).exec());
            }
            Self::Unix(path) => drop(std::os::unix::net::UnixStream::connect(path)?),
            Self::Tcp(port) => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
                drop(TcpStream::connect_timeout(&address, PATIENCE)?);
            }
            Self::Name(name) => {
                let found: Vec<_> = (name.as_str(), 1).to_socket_addrs()?.collect();
                detail = format!("{found:?}");
            }
            Self::Kill(process) => {
                let process = i32::try_from(*process).ok().and_then(Pid::from_raw);
                let process = process.ok_or_else(|| Error::other("no process"))?;
                rustix::process::kill_process(process, rustix::process::Signal::KILL)?;
            }
            Self::Fork => fork()?,
            Self::Thread => {
                std::thread::Builder::new()
                    .spawn(|| ())?
                    .join()
                    .map_err(|_| Error::other("the thread panicked"))?;
            }
            Self::Trace => bare(libc::SYS_ptrace, [PTRACE_ATTACH, parent()])?,
            Self::Mount => bare(libc::SYS_mount, [0, 0])?,
            Self::Netlink => {
                rustix::net::socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
            }
            Self::Raw => {
                rustix::net::socket(AddressFamily::INET, SocketType::RAW, None)?;
            }
            Self::RaiseLimit => {
                let more = Some(1 << 40);
                setrlimit(Resource::Data, Rlimit { current: more, maximum: more })?;
            }
            Self::Memory(mebibytes) => {
                let mut memory: Vec<u8> = Vec::new();
                memory.try_reserve_exact(mebibytes << 20).map_err(Error::other)?;
            }
            Self::SharedMemory(mebibytes) => {
                map(mebibytes << 20, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED)?;
            }
            Self::GrowingMemory => {
                let kind = libc::MAP_PRIVATE | libc::MAP_GROWSDOWN;
                map(PAGE, libc::PROT_READ | libc::PROT_WRITE, kind)?;
            }
            Self::ExecutableMemory => {
                let protection = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
                map(PAGE, protection, libc::MAP_PRIVATE)?;
            }
            Self::Descriptors => {
                let mut open = Vec::new();
                while let Ok(one) = std::io::stdin().as_fd().try_clone_to_owned()
                    && open.len() < 4096
                {
                    open.push(one);
                }
                detail = open.len().to_string();
            }
            Self::Clock => detail = format!("{:?}", std::time::Instant::now()),
        }
        Ok(detail)
    }
}

/// As an argument of a call, which is as wide as the machine's words (`ptrace(2)`).
const PTRACE_ATTACH: libc::c_long = 16;

fn parent() -> libc::c_long {
    rustix::process::getppid().map_or(1, |parent| parent.as_raw_nonzero().get().into())
}

/// A call with two arguments and zeros, of those that do nothing with such.
#[expect(unsafe_code, reason = "no library offers calls that are there to fail")]
fn bare(number: libc::c_long, arguments: [libc::c_long; 2]) -> Result<()> {
    let [first, second] = arguments;
    // SAFETY: no argument is a pointer that the kernel would write through: they are small numbers
    // or null.
    let result = unsafe { libc::syscall(number, first, second, 0, 0, 0) };
    if result < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

#[expect(unsafe_code, reason = "no library forks a process without a program to run")]
fn fork() -> Result<()> {
    // SAFETY: the child does nothing but end.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: ends the child at once, without running anything of the parent's.
            unsafe { libc::_exit(0) }
        }
        child if child > 0 => {
            // SAFETY: waits for the child above, and asks for no status.
            unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
            Ok(())
        }
        _ => Err(Error::last_os_error()),
    }
}

/// Bytes of a page, or of several.
const PAGE: usize = 4096;

/// Memory of nobody's, straight from the kernel.
#[expect(unsafe_code, reason = "memory is asked for from the kernel itself")]
fn map(bytes: usize, protection: libc::c_int, kind: libc::c_int) -> Result<()> {
    let kind = kind | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping at a place of the kernel's choice touches nothing that is there.
    let place = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, kind, -1, 0) };
    if place == libc::MAP_FAILED {
        return Err(Error::last_os_error());
    }
    Ok(())
}
