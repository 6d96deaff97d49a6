//! A proxy in front of an emulator that loses, cuts, delays and refuses by a script.

mod connection;
mod fault;
mod partial;

use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use fault::Fault;
use fault::Script;

/// Most connections of clients at once. Further ones wait to be accepted until one of these ends.
pub const MOST_CONNECTIONS: usize = 64;
/// How long [`Fault::LoseAnswer`] and [`Fault::HalfOpen`] keep a connection, unless told otherwise.
const HOLD: Duration = Duration::from_secs(30);

/// An HTTP/1.1 proxy on 127.0.0.1 for requests of AWS's JSON protocol. A client's connection is
/// kept alive; each request goes to the upstream on a connection of its own. Dropped, it ends every
/// connection and all its threads.
///
/// When the upstream cannot be reached or breaks off, the client's connection is closed without an
/// answer.
pub struct Proxy {
    /// The port on 127.0.0.1.
    pub port: u16,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What the threads of a proxy share.
struct Shared {
    upstream: u16,
    state: Mutex<State>,
    /// A connection has ended, or everything is to end.
    changed: Condvar,
}

struct State {
    script: Script,
    hold: Duration,
    requests: u64,
    forwarded: u64,
    faulted: u64,
    clients: usize,
    /// Open sockets of both sides, to end them by.
    sockets: BTreeMap<u64, TcpStream>,
    next_socket: u64,
    ends: bool,
}

/// A socket that is ended with the proxy. Dropped, it is ended at once.
struct Watched<'a> {
    shared: &'a Shared,
    id: u64,
}

/// A client's place among [`MOST_CONNECTIONS`].
struct Place<'a>(&'a Shared);

impl Proxy {
    /// Listens on a port of its own and forwards to this one on 127.0.0.1.
    pub fn start(upstream_port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            upstream: upstream_port,
            state: Mutex::new(State {
                script: Script::default(),
                hold: HOLD,
                requests: 0,
                forwarded: 0,
                faulted: 0,
                clients: 0,
                sockets: BTreeMap::new(),
                next_socket: 0,
                ends: false,
            }),
            changed: Condvar::new(),
        });
        let of_acceptor = Arc::clone(&shared);
        let name = format!("proxy-{port}");
        let acceptor = thread::Builder::new()
            .name(name.clone())
            .spawn(move || of_acceptor.accept(&listener, &name))
            .unwrap();
        Self { port, shared, acceptor: Some(acceptor) }
    }

    /// What an AWS SDK takes as its endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Replaces the script: one fault a request, in the order in which the requests arrive, then
    /// none.
    pub fn faults(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.state().script.replace(faults.into_iter().collect(), Fault::None);
    }

    /// Replaces the script: every request from now on gets this fault.
    pub fn always(&self, fault: Fault) {
        self.shared.state().script.replace(VecDeque::new(), fault);
    }

    /// Only requests whose `X-Amz-Target` contains this text take part in the script; others pass
    /// untouched. An empty text is every request, as at the start.
    pub fn only_for(&self, target: &str) {
        target.clone_into(&mut self.shared.state().script.only_for);
    }

    /// How long a silent connection is kept before it is closed; 30 s at the start. It counts for
    /// silences that begin from now on.
    pub fn hold(&self, hold: Duration) {
        self.shared.state().hold = hold;
    }

    /// Requests whose head has arrived, faulted or not.
    pub fn requests(&self) -> u64 {
        self.shared.state().requests
    }

    /// Requests that the upstream has answered, whether or not the client got to see that.
    pub fn forwarded(&self) -> u64 {
        self.shared.state().forwarded
    }

    /// Faults dealt out, [`Fault::None`] not counted.
    pub fn faulted(&self) -> u64 {
        self.shared.state().faulted
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.end();
        // Whether or not this connects: either it wakes the acceptor or others wait there already.
        let _ = crate::http::connect(self.port);
        let ended = self.acceptor.take().map_or(Ok(()), JoinHandle::join);
        assert!(ended.is_ok() || thread::panicking(), "a thread of the proxy panicked");
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Accepts until the proxy ends, and returns when every connection's thread has ended.
    fn accept(&self, listener: &TcpListener, name: &str) {
        thread::scope(|scope| {
            while let Some(place) = self.place() {
                let client = match listener.accept() {
                    Ok((client, _)) => client,
                    Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                    Err(error) => panic!("the proxy accepts no more: {error}"),
                };
                thread::Builder::new()
                    .name(name.to_owned())
                    .spawn_scoped(scope, move || connection::serve(self, &client, place))
                    .unwrap();
            }
        });
    }

    /// Waits for a place for one more client; `None` when the proxy ends.
    fn place(&self) -> Option<Place<'_>> {
        let full = |state: &mut State| state.clients >= MOST_CONNECTIONS && !state.ends;
        let mut state = self.changed.wait_while(self.state(), full).unwrap();
        (!state.ends).then(|| {
            state.clients += 1;
            Place(self)
        })
    }

    /// Has the socket ended when the proxy ends: at once, if that has been.
    fn watch(&self, socket: &TcpStream) -> Watched<'_> {
        let socket = socket.try_clone().unwrap();
        let mut state = self.state();
        if state.ends {
            let _ = socket.shutdown(Shutdown::Both);
        }
        let id = state.next_socket;
        state.next_socket += 1;
        state.sockets.insert(id, socket);
        Watched { shared: self, id }
    }

    /// Waits as long as told; false if the proxy ends before.
    fn rest(&self, time: Duration) -> bool {
        let state = self.state();
        let (state, _) = self.changed.wait_timeout_while(state, time, |state| !state.ends).unwrap();
        !state.ends
    }

    fn end(&self) {
        let mut state = self.state();
        state.ends = true;
        for socket in state.sockets.values() {
            let _ = socket.shutdown(Shutdown::Both);
        }
        drop(state);
        self.changed.notify_all();
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if let Some(socket) = self.shared.state().sockets.remove(&self.id) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.state().clients -= 1;
        self.0.changed.notify_all();
    }
}
