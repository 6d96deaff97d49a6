//! `sink <http port> <mqtt port> <control port>`: the end of a benchmark's line.
//!
//! Two sinks, HTTP (answers like `PutEvents`) and MQTT, feed one tally of marks. The control
//! port answers `/stats?n=<published>`, `/count` and `/reset`, and `/down` and `/up` cut both
//! sinks off and bring them back.

use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use doorward_load::tally::Tally;
use doorward_load::{http, mark, mqtt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

type Shared = Arc<Mutex<Tally>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let ports = std::env::args().skip(1).map(|port| port.parse()).collect::<Result<Vec<u16>, _>>();
    let [http_port, mqtt_port, control_port] =
        ports?.try_into().ok().context("usage: sink <http> <mqtt> <control>")?;
    let tally: Shared = Arc::new(Mutex::new(Tally::since(mark::now())));
    let (down, watched) = watch::channel(false);
    tokio::try_join!(
        listen(http_port, tally.clone(), watched.clone(), http::serve),
        listen(mqtt_port, tally.clone(), watched, mqtt::serve),
        control(control_port, tally, down),
    )?;
    Ok(())
}

/// Accepts while the sinks are up; going down ends the listener and every connection.
async fn listen<F>(
    port: u16,
    tally: Shared,
    mut down: watch::Receiver<bool>,
    serve: impl Fn(TcpStream, Shared) -> F,
) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    loop {
        down.wait_for(|down| !down).await?;
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(([127, 0, 0, 1], port).into())?;
        let listener = socket.listen(1024)?;
        loop {
            let (stream, _) = tokio::select! {
                accepted = listener.accept() => accepted?,
                _ = down.wait_for(|down| *down) => break,
            };
            let connection = serve(stream, tally.clone());
            let mut down = down.clone();
            tokio::spawn(async move {
                tokio::select! {
                    ended = connection => if let Err(error) = ended { eprintln!("sink: port {port}: {error:#}") },
                    _ = down.wait_for(|down| *down) => {}
                }
            });
        }
    }
}

async fn control(port: u16, tally: Shared, down: watch::Sender<bool>) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let mut request = [0; 4096];
        let length = stream.read(&mut request).await?;
        let request =
            String::from_utf8_lossy(request.get(..length).unwrap_or_default()).into_owned();
        let target = request.split_whitespace().nth(1).unwrap_or_default();
        let body = command(target, &tally, &down)?;
        let answer = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await?;
    }
}

fn command(target: &str, tally: &Shared, down: &watch::Sender<bool>) -> Result<String> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut tally = http::lock(tally)?;
    Ok(match path {
        "/stats" => {
            let wanted = query.strip_prefix("n=").map_or(Ok(0), str::parse).unwrap_or(0);
            format!("{}\n", tally.stats(wanted))
        }
        "/count" => format!("{}\n", tally.unique()),
        "/reset" => {
            *tally = Tally::since(mark::now());
            "ok\n".to_owned()
        }
        "/down" => {
            down.send_replace(true);
            "down\n".to_owned()
        }
        "/up" => {
            down.send_replace(false);
            "up\n".to_owned()
        }
        _ => "?\n".to_owned(),
    })
}
