//! The vendors' processes at the daemon: what they say goes to the state machine, what is ordered
//! of them goes to their supervision, and people are shown how they are.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ring::hmac;
use tokio::sync::mpsc;

use super::daemon::Daemon;
use super::state::{Input, VendorChange};
use crate::config::VendorConfig;
use crate::domain::ids::VendorId;
use crate::domain::rate::Limits;
use crate::link::{VendorFrame, VendorSetup};
use crate::local::{VendorEnd, VendorOrder, VendorView};
use crate::supervisor::{self, Cause, Instruction, Supervision};

/// Every vendor with a good file.
pub(super) struct Fleet {
    supervised: BTreeMap<VendorId, Supervised>,
    evidence_key: String,
    drill: bool,
}

struct Supervised {
    supervision: Supervision,
    setup: VendorSetup,
    limits: Limits,
    since: Option<Timestamp>,
    ready_ms: Option<f64>,
    starts: u64,
    last_end: Option<VendorEnd>,
}

/// A vendor's own key for evidence, by the gateway's: who has one digests nobody else's.
fn own_key(key: &str, vendor: &VendorId) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let own = hmac::sign(&key, vendor.as_str().as_bytes());
    own.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Fleet {
    /// Nobody yet. `evidence_key`, `drill`: see [`VendorSetup`].
    pub fn new(evidence_key: String, drill: bool) -> Self {
        Self { supervised: BTreeMap::new(), evidence_key, drill }
    }

    fn setup(&self, vendor: &VendorConfig) -> VendorSetup {
        VendorSetup {
            vendor: vendor.id.clone(),
            setup: vendor.setup.clone(),
            connection: vendor.connection.clone(),
            evidence_key: own_key(&self.evidence_key, &vendor.id),
            device: vendor.limits.device,
            drill: self.drill,
        }
    }

    /// Begins to keep this vendor's process running, unless it is `isolated` by order. `line`: its
    /// line of the intake.
    pub fn add(
        &mut self,
        vendor: &VendorConfig,
        isolated: bool,
        line: mpsc::Sender<supervisor::Event>,
    ) {
        let (setup, limits) = (self.setup(vendor), vendor.limits);
        let supervision = Supervision::start(setup.clone(), limits, isolated, line);
        let supervised = Supervised {
            supervision,
            setup,
            limits,
            since: None,
            ready_ms: None,
            starts: 0,
            last_end: None,
        };
        self.supervised.insert(vendor.id.clone(), supervised);
    }

    /// Ends this vendor's process.
    pub fn remove(&mut self, vendor: &VendorId) {
        self.supervised.remove(vendor);
    }

    /// The vendors that are kept running.
    pub fn names(&self) -> Vec<VendorId> {
        self.supervised.keys().cloned().collect()
    }

    /// Whether this vendor is configured as it was. `None`: it was not.
    pub fn is_as_it_was(&self, vendor: &VendorConfig) -> Option<bool> {
        let supervised = self.supervised.get(&vendor.id)?;
        let limits = supervised.limits == vendor.limits;
        Some(limits && supervised.setup == self.setup(vendor))
    }
}

impl Daemon {
    /// The supervisor says something of a vendor's process.
    pub(super) fn supervised(&mut self, event: supervisor::Event) {
        match event {
            supervisor::Event::Started { vendor, link } => {
                // One that began while it was ordered off ends at once, unheard.
                let off = self.gateway.is_ordered_off(&vendor);
                let Some(supervised) = self.fleet.supervised.get_mut(&vendor).filter(|_| !off)
                else {
                    return;
                };
                supervised.since = Some(Timestamp::now());
                supervised.starts += 1;
                link.hold(self.held.contains(&vendor));
                self.vendors.insert(vendor.clone(), link);
                self.step(Input::Vendor { vendor, change: VendorChange::Running });
            }
            supervisor::Event::Frame { vendor, life, frame, weight: _weight } => {
                self.said(vendor, life, frame);
            }
            supervisor::Event::Ended { vendor, life, cause } => {
                let Some(supervised) = self.fleet.supervised.get_mut(&vendor) else { return };
                let Cause { word, detail } = cause;
                let cause = word.to_owned();
                supervised.last_end = Some(VendorEnd { at: Timestamp::now(), cause, detail });
                supervised.since = None;
                supervised.ready_ms = None;
                if self.vendors.get(&vendor).is_some_and(|link| link.life == life) {
                    self.unlink(&vendor);
                }
                self.step(Input::Vendor { vendor, change: VendorChange::Down });
            }
            // Of one whose file is gone nothing counts any more.
            supervisor::Event::Isolated { vendor, .. }
            | supervisor::Event::Recovered { vendor, .. }
                if !self.fleet.supervised.contains_key(&vendor) => {}
            supervisor::Event::Isolated { vendor, cause, restarts } => {
                let Cause { word: cause, detail } = cause;
                let change = VendorChange::Isolated { cause, detail, restarts: Some(restarts) };
                self.step(Input::Vendor { vendor, change });
            }
            supervisor::Event::Recovered { vendor, isolated_for } => {
                let change = VendorChange::Recovered { isolated_for };
                self.step(Input::Vendor { vendor, change });
            }
        }
    }

    /// A vendor's process says something over its link.
    fn said(&mut self, vendor: VendorId, life: u64, frame: VendorFrame) {
        if self.vendors.get(&vendor).is_none_or(|link| link.life != life) {
            return;
        }
        match frame {
            VendorFrame::Signal(signal) => self.step(Input::Signal { vendor, signal }),
            VendorFrame::Connection { up, detail, .. } => {
                if !up {
                    tracing::warn!(%vendor, detail, "the vendor lost its connection");
                }
                self.step(Input::Connection { vendor, up });
            }
            VendorFrame::Command(told) => self.command_told(&vendor, life, told),
            VendorFrame::Sandbox { layers } => {
                for layer in layers.iter().filter(|layer| !layer.in_force) {
                    let (name, detail) = (&layer.name, &layer.detail);
                    tracing::warn!(%vendor, layer = name, detail, "a layer is not in force");
                }
                let begun = self.vendors.get(&vendor).map(|link| link.begun);
                if let Some(supervised) = self.fleet.supervised.get_mut(&vendor) {
                    supervised.ready_ms = begun.map(|at| at.elapsed().as_secs_f64() * 1e3);
                }
                self.layers.insert(vendor, layers);
            }
            VendorFrame::Heartbeat { .. } | VendorFrame::Hello { .. } => {}
        }
    }

    /// A vendor's process begins anew with another setup.
    pub(super) fn change(&mut self, vendor: &VendorConfig) {
        let setup = self.fleet.setup(vendor);
        if let Some(supervised) = self.fleet.supervised.get_mut(&vendor.id) {
            supervised.setup = setup.clone();
            supervised.limits = vendor.limits;
            self.tell_supervision(&vendor.id, Instruction::Setup(Box::new(setup), vendor.limits));
        }
    }

    /// Hands an instruction over. Where too many wait none is lost: the supervision is begun anew,
    /// as the vendor is to be by now, and the process of the one before ends with it.
    fn tell_supervision(&mut self, vendor: &VendorId, instruction: Instruction) {
        let Some(supervised) = self.fleet.supervised.get_mut(vendor) else { return };
        if supervised.supervision.instruct(instruction) {
            return;
        }
        tracing::error!(%vendor, "too many orders wait for it; its supervision begins anew");
        let isolated = self.gateway.is_ordered_off(vendor);
        let (setup, line) = (supervised.setup.clone(), self.supervisor.open());
        supervised.supervision = Supervision::start(setup, supervised.limits, isolated, line);
        self.unlink(vendor);
        self.step(Input::Vendor { vendor: vendor.clone(), change: VendorChange::Down });
    }

    /// Nothing of this vendor's process is heard or acknowledged any more.
    pub(super) fn unlink(&mut self, vendor: &VendorId) {
        self.vendors.remove(vendor);
        self.acks.remove(vendor);
        self.layers.remove(vendor);
    }

    /// Somebody ordered something of a vendor's process.
    pub(super) fn instruct(&mut self, vendor: &VendorId, order: VendorOrder, cause: Cause) {
        let instruction = match order {
            VendorOrder::Restart => Instruction::Restart(cause),
            VendorOrder::Release => Instruction::Release(cause),
            VendorOrder::Isolate => Instruction::Isolate(cause),
        };
        self.tell_supervision(vendor, instruction);
        if order == VendorOrder::Isolate {
            // What it says until it is gone is not heard.
            self.unlink(vendor);
        }
    }

    /// Every vendor with a file, for people and scripts.
    pub(super) fn vendor_views(&self) -> Vec<VendorView> {
        let mut views = self.gateway.vendor_views();
        for view in &mut views {
            let id = VendorId::new(view.vendor.as_str());
            view.sandbox = self.layers.get(&id).cloned().unwrap_or_default();
            view.pid = self.vendors.get(&id).and_then(|link| link.pid);
            if let Some(supervised) = self.fleet.supervised.get(&id) {
                view.since = supervised.since;
                view.ready_ms = supervised.ready_ms;
                view.starts = supervised.starts;
                view.last_end.clone_from(&supervised.last_end);
            }
        }
        views
    }
}
