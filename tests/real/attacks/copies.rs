//! A gateway's state in a second place, or from an earlier day: whoever has two ledgers has each use
//! twice.

use std::path::Path;

use doorward_events::statement::{GrantUse, Issued};
use doorward_events::types::GrantIssued;
use serde_json::{Value, json};

use super::opens_for_the_right_one;
use crate::access::courier::{Service, deliver, stand};
use crate::access::{Stand, detail};
use crate::support::sink::Entry;

/// The journal that the gateway last said it has.
fn journal_of(started: &Entry) -> Value {
    started.detail["gateway"]["journal_id"].clone()
}

/// The grant is worth nothing: brought along, named alone, or installed anew.
fn grants_nothing(stand: &Stand, service: &Service, grant: &Issued<GrantIssued>) {
    let brought = service.request(grant.to_use().unwrap()).draft.finish();
    let answer = deliver(stand, &brought);
    assert_eq!(answer["reason"], "ledger_lost", "{answer}");
    let named = GrantUse { signed: None, ..grant.to_use().unwrap() };
    let answer = deliver(stand, &service.request(named).draft.finish());
    let reason = answer["reason"].as_str().unwrap_or_default().to_owned();
    assert!(["ledger_lost", "credential_not_found"].contains(&reason.as_str()), "{answer}");
    assert_eq!(deliver(stand, &grant.draft.finish())["reason"], "ledger_lost");
    assert_eq!(stand.gateway.json(&["grants", "list"]).unwrap(), json!([]));
}

/// The one who issues learns of the new journal, and may issue against it.
fn learns(stand: &Stand, folder: &Path, old: &Value) -> Service {
    let is_new = |entry: &Entry| journal_of(entry) != *old;
    let started = stand.sink.gets("gateway.started", is_new);
    Service::told(super::forge::key(folder), &detail(&started))
}

#[test]
fn a_state_folder_copied_to_another_machine_grants_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut stand, service) = stand(folder.path());
    let old = journal_of(&stand.sink.gets("gateway.started", |_| true));
    let grant = service.grant();
    assert_eq!(deliver(&stand, &grant.draft.finish())["outcome"], "installed");
    assert!(stand.gateway.stop().success());
    // The folder is as it was; the machine around it is another one.
    let journal = stand.gateway.folder.join("state/journal.db");
    let open = rusqlite::Connection::open(&journal).unwrap();
    let moved = "UPDATE meta SET value = 'another machine' WHERE name = 'machine'";
    assert_eq!(open.execute(moved, []).unwrap(), 1, "this machine has a name (/etc/machine-id)");
    drop(open);
    stand.gateway.up();
    stand.known();
    grants_nothing(&stand, &service, &grant);
    let service = learns(&stand, folder.path(), &old);
    assert!(stand.lock.acts().is_empty());
    opens_for_the_right_one(&stand, &service, 0);
}

#[test]
fn a_restored_backup_grants_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut stand, service) = stand(folder.path());
    let old = journal_of(&stand.sink.gets("gateway.started", |_| true));
    let grant = service.grant();
    let unused = service.grant();
    for event in [&grant, &unused] {
        assert_eq!(deliver(&stand, &event.draft.finish())["outcome"], "installed");
    }
    assert!(stand.gateway.stop().success());
    let journal = stand.gateway.folder.join("state/journal.db");
    let backup = folder.path().join("backup.db");
    std::fs::copy(&journal, &backup).unwrap();
    // After the backup the grant is used.
    stand.gateway.up();
    stand.known();
    let used = service.request(grant.to_use().unwrap()).draft.finish();
    assert_eq!(deliver(&stand, &used)["outcome"], "granted");
    stand.ends("confirmed");
    assert!(stand.gateway.stop().success());
    std::fs::copy(&backup, &journal).unwrap();
    stand.gateway.up();
    stand.known();
    // In the backup it is not used, nor is its request known.
    let answer = deliver(&stand, &used);
    assert_eq!(answer["reason"], "ledger_lost", "{answer}");
    grants_nothing(&stand, &service, &grant);
    grants_nothing(&stand, &service, &unused);
    assert_eq!(stand.lock.acts(), ["UNLOCK"]);
    let service = learns(&stand, folder.path(), &old);
    opens_for_the_right_one(&stand, &service, 1);
}
