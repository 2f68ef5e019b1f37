//! `visavis serve`: the signaling server.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::{exit, stop};
use crate::server::{Server, ServerConfig};

/// Options of `visavis serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen (default 127.0.0.1:47100; 0.0.0.0:47100 for everybody; port 0 takes any free one)
    #[arg(long, value_name = "ADDR", value_parser = address)]
    listen: Option<SocketAddr>,
    /// Settings of the server, a TOML file; config/server.toml shows every key
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Serves until told to end; returns the exit code.
pub fn run(serve: &Serve) -> anyhow::Result<u8> {
    let mut config = match &serve.config {
        Some(path) => read(path)?,
        None => ServerConfig::default(),
    };
    config.listen = serve.listen.unwrap_or(config.listen);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::bind(config).await.map_err(|e| exit::Exit::new(exit::SERVER, e))?;
        // For whoever started us with port 0, and to know that it runs.
        super::say(&format!("serving on ws://{}", server.local_addr()))?;
        stop::asked().await?;
        server.shutdown().await;
        Ok(exit::OK)
    })
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "an address is an IP address and a port, such as 127.0.0.1:47100 or [::]:47100".to_owned())
}

fn read(path: &PathBuf) -> Result<ServerConfig, exit::Exit> {
    let bad = |why: String| exit::Exit::new(exit::PROFILE, format!("{} cannot be used: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
    ServerConfig::from_toml(&text).map_err(|e| bad(e.to_string()))
}
