//! kill -9 at any moment of an unlock. The lock counts, not we: no request is carried out twice,
//! none without an intent in the journal, none after its deadline.
//!
//! `DOORWARD_ACCESS_KILLS`: how often (200).

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use super::courier::{Service, trust};
use super::{Stand, detail};
use crate::support::wait_for;

#[test]
fn a_killed_gateway_never_opens_twice() {
    let kills: u64 =
        std::env::var("DOORWARD_ACCESS_KILLS").map_or(200, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (signer, table) = trust(folder.path());
    let mut stand = Stand::start(folder.path(), &table);
    let service = Service::new(signer, &stand);
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut asked = Vec::new();
    for _ in 0..kills {
        let request = service.request(service.grant().to_use().unwrap());
        asked.push(request.data.request_id.clone());
        let mut child = stand
            .gateway
            .command()
            .args(["grants", "deliver", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let text = request.draft.finish();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(random.u64(0..60)));
        stand.gateway.kill();
        child.wait().unwrap();
        stand.gateway.up();
        wait_for("the lock is known again", Duration::from_secs(60), || {
            stand.leaf(true);
            let door = stand.gateway.door("front")?;
            (door["lock"]["quality"] == "observed").then_some(())
        });
        // It is the same again as if the bus had not seen it deleted.
        super::courier::deliver(&stand, &text);
    }
    stand.gateway.drained();
    // An event may come twice, under its id; a decision never has two.
    let mut of_request: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for event in stand.sink.of_type("access.granted").iter().map(detail) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let request = text(&event["data"]["request_id"]);
        assert!(asked.contains(&request), "nobody asked for {request}");
        of_request.entry(request).or_default().insert(text(&event["id"]));
    }
    let twice: Vec<_> = of_request.iter().filter(|(_, ids)| ids.len() > 1).collect();
    assert!(twice.is_empty(), "seed {seed}: decided twice: {twice:?}");
    wait_for("every command has an end", Duration::from_secs(60), || {
        let mut open: BTreeMap<String, bool> = BTreeMap::new();
        for event in stand.sink.of_type("command.state_changed").iter().map(detail) {
            let id = event["data"]["command_id"].as_str().unwrap().to_owned();
            let state = event["data"]["state"].as_str().unwrap().to_owned();
            let ended = !["accepted", "dispatched", "acknowledged"].contains(&state.as_str());
            *open.entry(id).or_default() |= ended;
        }
        (open.len() == of_request.len() && open.values().all(|ended| *ended)).then_some(())
    });
    let acts = stand.lock.acts().len();
    println!("seed {seed}: {kills} kills, {} granted, {acts} acts of the lock", of_request.len());
    assert!(acts <= of_request.len(), "seed {seed}: {acts} acts for {} grants", of_request.len());
    assert!(!of_request.is_empty() && acts > 0, "seed {seed}: nothing was ever done");
}
