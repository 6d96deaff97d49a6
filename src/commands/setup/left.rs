//! What is left to do, as a numbered list.

use std::path::Path;

use doorward_translators::{Transport, ecosystem};

use super::Brokers;
use super::answers::Answers;
use super::certificates::{DEVICES, FOLDER, Made};
use super::written::{Fate, Files};

/// The list.
#[derive(Default)]
pub(super) struct Left {
    items: Vec<String>,
}

impl Left {
    pub(super) fn add(&mut self, item: String) {
        self.items.push(item);
    }

    /// What follows from the files.
    pub(super) fn after(
        &mut self,
        config: &Path,
        answers: &Answers,
        brokers: &Brokers,
        request: Option<&Path>,
        files: &Files,
    ) {
        let made = &brokers.made;
        for (file, _) in files.told.iter().filter(|(_, fate)| matches!(fate, Fate::Differs(_))) {
            self.add(format!(
                "{} was changed by hand and is left alone: take over from above what you want of it, \
                 or move it away and run setup again",
                file.display()
            ));
        }
        if let Made::Elsewhere(users) = made
            && !users.is_empty()
        {
            self.add(format!(
                "the authority in {FOLDER}/ca.pem is yours: let it sign a client's certificate for \
                 each of {}, and put them there as NAME.pem and NAME.key",
                users.join(", ")
            ));
        }
        let tls = config.join(FOLDER);
        for vendor in &answers.vendors {
            let (name, kind) = (&vendor.name, &vendor.ecosystem);
            if ecosystem::transport(kind) == Transport::Mqtt && *made == Made::Done {
                let devices = tls.join(DEVICES);
                let devices = devices.display();
                let without = match &brokers.plain {
                    None => "doorward setup --plain-listener ADDRESS, on a network of their own"
                        .to_owned(),
                    Some((address, port)) => format!(
                        "{address}:{port}, user {name}, the password in {devices}/{name}.password"
                    ),
                };
                self.add(format!(
                    "give {name}'s devices or bridge {devices}/{name}.pem, {devices}/{name}.key and \
                     {0}/ca.pem, and {1}:{2} as their broker; devices without TLS: {without}",
                    tls.display(),
                    if vendor.host == "localhost" { "this machine" } else { &vendor.host },
                    vendor.port
                ));
            }
            let file = config.join("vendors.d").join(format!("{name}.toml"));
            self.add(format!(
                "name {name}'s devices in {} ([[endpoint]]), where no bridge lists them; then run \
                 doorward setup again: it lets them through at the broker",
                file.display()
            ));
        }
        let main = config.join("doorward.toml");
        self.add(format!("write your doors into {} ([[entry]])", main.display()));
        if let Some(request) = request {
            self.add(format!(
                "let AWS IoT sign {} (aws iot create-certificate-from-csr --set-as-active \
                 --certificate-signing-request file://request.pem), then: doorward identity install FILE",
                request.display()
            ));
        }
        if answers.root_key.is_none() {
            self.add(
                "to open doors for services, pin the root key: doorward setup --root-key KEY \
                 (doorward trust public root.key prints it)"
                    .to_owned(),
            );
        }
        self.add("sudo systemctl enable doorward && sudo systemctl restart doorward; then: doorward check".to_owned());
    }

    /// The broker is another machine's.
    pub(super) fn broker_elsewhere(&mut self, answers: &Answers) {
        let host = answers.vendors.first().map_or("the broker", |vendor| vendor.host.as_str());
        self.items.insert(
            0,
            format!(
                "set up Mosquitto on {host} by docs/broker.md: setup writes to this machine alone"
            ),
        );
    }

    /// In lines, numbered.
    pub(super) fn words(&self) -> Vec<String> {
        let numbered = self.items.iter().enumerate();
        numbered.map(|(at, item)| format!("{:>2}. {item}", at + 1)).collect()
    }
}
