//! A bare controller: a folder for everything that `doorward setup` writes, and Mosquitto on it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::broker::Broker;
use super::client::Client;
use super::free_port;

/// A bare controller: a folder for everything that setup writes.
pub struct Controller {
    pub folder: tempfile::TempDir,
    pub port: u16,
}

impl Controller {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("root/etc")).unwrap();
        fs::write(folder.path().join("root/etc/hostname"), "controller\n").unwrap();
        Self { folder, port: free_port() }
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// `doorward --config etc setup …`, where nobody can be asked.
    pub fn setup(&self, more: &[&str]) -> Output {
        let text = |path: &str| self.at(path).display().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.args(["--config", &text("etc"), "setup", "--mosquitto", &text("mosquitto")]);
        command.args(["--root", &text("root")]);
        command.args(more).stdin(Stdio::null());
        command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]);
        command.output().unwrap()
    }

    /// The flags of a first run.
    pub fn first(&self) -> Vec<String> {
        let text = |path: &str| self.at(path).display().to_string();
        [
            "--instance",
            "gw-7",
            "--tenant",
            "acme",
            "--site",
            "bridge-street",
            "--bus",
            "standalone",
            "--vendor",
            "house=zigbee2mqtt",
            "--vendor",
            "garage=ratgdo",
            "--broker",
            &format!("localhost:{}", self.port),
            "--state-dir",
            &text("state"),
            "--socket",
            &text("sock"),
        ]
        .map(str::to_owned)
        .to_vec()
    }

    pub fn run(&self, arguments: &[String]) -> String {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = self.setup(&arguments);
        let said = String::from_utf8(output.stdout).unwrap();
        let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}\n{wrong}");
        said
    }

    /// Mosquitto as Debian starts it: a main file that takes in conf.d.
    pub fn broker(&self) -> Broker {
        let place = self.at("broker");
        fs::create_dir_all(&place).unwrap();
        let config = format!(
            "persistence_location {}/\nuser root\ninclude_dir {}\n",
            place.display(),
            self.at("mosquitto/conf.d").display()
        );
        Broker::with_config(&place, self.port, &config)
    }

    /// A client with the certificate of this name.
    pub fn client(&self, name: &str, filters: &[&str]) -> Client {
        Client::connect_tls(self.port, &format!("test-{name}"), self.tls(name), filters)
    }

    /// The settings of that client.
    pub fn tls(&self, name: &str) -> Arc<rustls::ClientConfig> {
        let place =
            self.at(if name.starts_with("doorward-") { "etc/tls" } else { "etc/tls/devices" });
        let pem = |path: PathBuf| CertificateDer::from_pem_file(path).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(pem(self.at("etc/tls/ca.pem"))).unwrap();
        let key = PrivateKeyDer::from_pem_file(place.join(format!("{name}.key"))).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![pem(place.join(format!("{name}.pem")))], key)
            .unwrap();
        Arc::new(config)
    }

    /// Every file with its content and its age.
    pub fn files(&self) -> BTreeMap<PathBuf, (Vec<u8>, jiff::Timestamp)> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.at("etc"), self.at("mosquitto")];
        while let Some(folder) = folders.pop() {
            for item in fs::read_dir(folder).into_iter().flatten() {
                let path = item.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let modified = fs::metadata(&path).unwrap().modified().unwrap();
                    found.insert(
                        path.clone(),
                        (fs::read(&path).unwrap(), modified.try_into().unwrap()),
                    );
                }
            }
        }
        found
    }

    /// Names the garage's device, as a person would.
    pub fn name_the_device(&self) {
        let file = self.at("etc/vendors.d/garage.toml");
        let text = fs::read_to_string(&file).unwrap();
        let named = "[[endpoint]]\nid = \"left\"\naddress = \"garage/left\"\n";
        fs::write(file, format!("{text}{named}")).unwrap();
    }
}
