//! `doorward vendors`: what each vendor's process is doing, and what an operator orders of it.

use std::path::Path;
use std::process::ExitCode;

use super::output;
use crate::local::{Answer, Ask, VendorOrder, VendorView};

/// The exit status where the order was refused.
const DENIED: u8 = 3;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    order: Option<Order>,
    /// As JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Order {
    /// End a vendor's process and begin it anew, with a clean record.
    Restart(Name),
    /// End a vendor's process, and begin none until it is released: also not after a restart of
    /// the gateway. What is known of its devices is unknown from then on, and requests for their
    /// doors are refused.
    Isolate(Name),
    /// Let a vendor that was isolated, by order or for its failures, run again.
    Release(Name),
}

#[derive(clap::Args)]
struct Name {
    /// The name of the vendor's file in vendors.d, without .toml.
    vendor: String,
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let client = output::client(config)?;
    let (name, order) = match &args.order {
        None => {
            let vendors: Vec<VendorView> = client.get("/v1/vendors", &()).await?;
            if args.json {
                output::json(&vendors)?;
            } else {
                list(&vendors);
            }
            return Ok(ExitCode::SUCCESS);
        }
        Some(Order::Restart(name)) => (name, VendorOrder::Restart),
        Some(Order::Isolate(name)) => (name, VendorOrder::Isolate),
        Some(Order::Release(name)) => (name, VendorOrder::Release),
    };
    let ask = Ask::Vendor { vendor: name.vendor.clone(), order };
    let answer = super::grants::ask(&client, &ask).await?;
    if args.json {
        output::json(&answer)?;
    }
    match answer {
        Answer::Vendor { vendor, state } => {
            if !args.json {
                let done = match order {
                    VendorOrder::Restart => "is started anew".to_owned(),
                    VendorOrder::Isolate => {
                        format!("is isolated; doorward vendors release {vendor} ends that")
                    }
                    VendorOrder::Release if state == "isolated" => "is still isolated".to_owned(),
                    VendorOrder::Release => "is not isolated".to_owned(),
                };
                output::say(&format!("{vendor} {done}"));
            }
            Ok(ExitCode::SUCCESS)
        }
        Answer::Denied { detail, .. } => {
            if !args.json {
                output::say_error(&detail);
            }
            Ok(ExitCode::from(DENIED))
        }
        other => anyhow::bail!("the gateway answered something else: {other:?}"),
    }
}

fn list(vendors: &[VendorView]) {
    if vendors.is_empty() {
        output::say("no vendor is configured: each has a file in vendors.d");
        return;
    }
    let heads = ["VENDOR", "STATE", "DEVICES", "PID", "SINCE", "STARTS", "SANDBOX", "LAST END"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for vendor in vendors {
        let dash = || "-".to_owned();
        let devices = match (vendor.connected, vendor.commands_suspended) {
            (true, true) => "no commands",
            (true, false) => "connected",
            (false, _) => "not connected",
        };
        let ended = vendor.last_end.as_ref();
        rows.push(vec![
            vendor.vendor.clone(),
            vendor.state.clone(),
            devices.to_owned(),
            vendor.pid.map_or_else(dash, |pid| pid.to_string()),
            vendor.since.map_or_else(dash, output::ago),
            vendor.starts.to_string(),
            sandbox(vendor),
            ended.map_or_else(dash, |end| {
                format!("{}: {} ({})", output::ago(end.at), end.cause, end.detail)
            }),
        ]);
    }
    output::table(&rows);
    for vendor in vendors {
        for layer in vendor.sandbox.iter().filter(|layer| !layer.in_force) {
            output::say(&format!(
                "{}: the layer {} is not in force: {}",
                vendor.vendor, layer.name, layer.detail
            ));
        }
    }
    for vendor in vendors {
        if let Some(ordered) = &vendor.ordered {
            output::say(&format!(
                "{}: isolated, {ordered}; doorward vendors release {} ends that",
                vendor.vendor, vendor.vendor
            ));
        }
    }
}

/// How many layers of its sandbox are in force.
fn sandbox(vendor: &VendorView) -> String {
    if vendor.sandbox.is_empty() {
        return "-".to_owned();
    }
    let in_force = vendor.sandbox.iter().filter(|layer| layer.in_force).count();
    format!("{in_force} of {}", vendor.sandbox.len())
}
