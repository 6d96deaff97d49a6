//! The example's program; everything of it is in the library beside, so that tests of other crates
//! can run it.

use clap::Parser as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    delivery_service::carry_out(delivery_service::Command::parse()).await
}
