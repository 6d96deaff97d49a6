//! The attacks that must fail, each tried on the real parts: the gateway's own binary, a real
//! Mosquitto, a bus, and a lock that counts. Which rule stops which is in docs/access.md.
//!
//! Each test ends with something right that works: by then, whatever was to come of the attack has
//! come, and what is shut for attackers is not just shut.

mod clocks;
mod copies;
mod forge;
mod processes;
mod replays;
mod speakers;
mod statements;
mod strangers;
mod table;
mod vendors;

use crate::access::Stand;
use crate::access::courier::{Service, deliver};

/// The right request opens the door, which was opened `so_far` times before, once more.
fn opens_for_the_right_one(stand: &Stand, service: &Service, so_far: usize) {
    stand.relock();
    let request = service.request(service.grant().to_use().unwrap());
    let answer = deliver(stand, &request.draft.finish());
    assert_eq!(answer["outcome"], "granted", "{answer}");
    let id = request.data.request_id;
    stand.sink.gets("command.state_changed", |entry| {
        let data = &entry.detail["data"];
        data["request_id"] == id && data["state"] == "confirmed"
    });
    assert_eq!(stand.lock.acts().len(), so_far + 1);
}
