//! Servers whose clients know them by a key, and whose messages nobody else can read: Iroh, from machine to machine.
//!
//! The endpoints are ours, on both sides. Burn's own listen at every address of the machine, and ask the network's router to let
//! the internet in.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::OnceLock;

use burn::server::{BURN_REMOTE_ALPN, IrohIdentity, RemoteServer};
use iroh::endpoint::{Builder, PortmapperConfig, QuicTransportConfig, presets};
use iroh::protocol::Router;
use iroh::{Endpoint, RelayMode, SecretKey};
use tokio::runtime::Runtime;

use super::server::{END_WITHIN, cannot_listen, cannot_run};
use super::token::warn_of_readers;
use crate::error::{Result, TrainError};

/// The key of this file, which is made where there is none.
///
/// # Errors
/// [`TrainError::File`] if it holds no key, or can be neither read nor written.
pub(super) fn key(path: &Path) -> Result<SecretKey> {
    let identity = IrohIdentity::load_or_create(path).map_err(|e| {
        TrainError::file(
            path,
            format!("expected a server's key, 32 bytes, or a place for a new one: {e}"),
        )
    })?;
    // whoever reads it can pose as this server
    if let Ok(file) = File::open(path) {
        warn_of_readers(path, &file);
    }
    Ok(SecretKey::from_bytes(&identity.to_bytes()))
}

/// What asks nothing of other machines but those it is told to talk to: no relay, no lookup, no router for a port on the internet.
fn direct() -> Builder {
    // as Burn's own endpoints: after the kernel refuses a batch of segments all connections would stall (Iroh's issue 4555)
    let transport = QuicTransportConfig::builder()
        .enable_segmentation_offload(false)
        .build();
    Endpoint::builder(presets::Minimal)
        .relay_mode(RelayMode::Disabled)
        .portmapper_config(PortmapperConfig::Disabled)
        .transport_config(transport)
}

/// Where this program's connections to servers come from; bound once it is asked for.
///
/// # Errors
/// [`TrainError::Run`] if there are no threads or no port for it.
pub(super) fn here() -> Result<Endpoint> {
    static HERE: OnceLock<std::result::Result<(Runtime, Endpoint), String>> = OnceLock::new();
    let bind = || {
        // kept, as the endpoint's work is done by its threads; several, as one that waits for another would wait for ever
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|e| e.to_string())?;
        let endpoint = runtime.block_on(direct().bind());
        Ok((runtime, endpoint.map_err(|e| e.to_string())?))
    };
    match HERE.get_or_init(bind) {
        Ok((_, endpoint)) => Ok(endpoint.clone()),
        Err(why) => Err(TrainError::Run(format!("cannot connect by Iroh: {why}"))),
    }
}

/// Serves at this address alone until `stop` is there.
///
/// # Errors
/// [`TrainError::Usage`] if the address cannot be listened at, or these devices cannot be hosted.
pub(super) async fn serve(
    server: RemoteServer,
    key: &SecretKey,
    listen: SocketAddr,
    ready: impl FnOnce(&str),
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let endpoint = direct()
        .secret_key(key.clone())
        .clear_ip_transports()
        .bind_addr(listen)
        .map_err(|e| cannot_listen(listen, &e))?
        .bind()
        .await
        .map_err(|e| cannot_listen(listen, &e))?;
    let bound = endpoint.bound_sockets();
    let address = bound.first().copied().unwrap_or(listen);
    let sessions = server
        .into_protocol(&endpoint)
        .map_err(|e| cannot_run(&e))?;
    let closed = endpoint.closed();
    let router = Router::builder(endpoint)
        .accept(BURN_REMOTE_ALPN, sessions)
        .spawn();
    ready(&format!("iroh://{}@{address}", key.public()));
    let ended = tokio::select! {
        () = stop => Ok(()),
        _ = closed => Err(cannot_run(&"its endpoint closed")),
    };
    // clients learn at once that it is gone; those that cannot be told do not keep it
    let _ = tokio::time::timeout(END_WITHIN, router.shutdown()).await;
    ended
}
