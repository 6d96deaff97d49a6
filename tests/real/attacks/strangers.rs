//! Who may not ask keeps nobody from asking.

use doorward_events::statement::jws::Kind;
use doorward_events::statement::{GrantUse, Request};
use uuid::Uuid;

use super::forge::{restated, stranger};
use super::opens_for_the_right_one;
use crate::access::courier::{KID, Service, deliver, stand};

/// Far more than the ten attempts and five failures that lock out somebody who is known.
const MANY: usize = 40;

#[test]
fn strangers_do_not_lock_out_couriers() {
    let folder = tempfile::tempdir().unwrap();
    let (stand, service) = stand(folder.path());
    let unlock = service.request(service.grant().to_use().unwrap()).draft.finish();
    let forger = stranger(KID);
    // In the courier's name, for his door: none of it counts against him.
    for _ in 0..MANY {
        let forged = restated(&unlock, Kind::Request, &forger, |statement| {
            statement["request_id"] = Uuid::now_v7().to_string().into();
        });
        assert_eq!(deliver(&stand, &forged)["reason"], "invalid_signature");
    }
    // One who is known and guesses locks himself out, and nobody else.
    let guess = || {
        let guessed = Uuid::now_v7();
        let journal_id = service.grant().to_use().unwrap().journal_id;
        let own = GrantUse { grant_id: guessed, journal_id, signed: None };
        let request = Request::now(Service::address(), "courier-other").using(own);
        deliver(&stand, &service.asks(request).draft.finish())["reason"].clone()
    };
    for _ in 0..5 {
        assert_eq!(guess(), "credential_not_found");
    }
    assert_eq!(guess(), "too_many_attempts");
    assert!(stand.lock.acts().is_empty());
    opens_for_the_right_one(&stand, &service, 0);
    assert_eq!(guess(), "too_many_attempts");
}
