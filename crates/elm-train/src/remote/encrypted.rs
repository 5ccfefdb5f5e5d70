//! Servers whose clients know them by a key, and whose messages nobody else can read: Iroh, from machine to machine.
//!
//! Burn's own transport over Iroh listens at every address of the machine, so that the endpoint is ours and Burn gets what comes in.

use std::net::SocketAddr;
use std::path::Path;

use burn::server::{BURN_REMOTE_ALPN, IrohIdentity, RemoteServer};
use iroh::endpoint::{QuicTransportConfig, presets};
use iroh::protocol::Router;
use iroh::{Endpoint, RelayMode, SecretKey};

use super::server::{cannot_listen, cannot_run};
use crate::error::{Result, TrainError};

/// The key of this file, which is made where there is none.
///
/// # Errors
/// [`TrainError::File`] if it holds no key, or can be neither read nor written.
pub(super) fn key(path: &Path) -> Result<SecretKey> {
    IrohIdentity::load_or_create(path)
        .map(|identity| SecretKey::from_bytes(&identity.to_bytes()))
        .map_err(|e| {
            TrainError::file(
                path,
                format!("expected a server's key, 32 bytes, or a place for a new one: {e}"),
            )
        })
}

/// Serves at this address alone until `stop` is there. Nothing is asked of other machines: no relay, no lookup.
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
    // as Burn's own endpoints: segments put together by the network card get lost with some drivers
    let transport = QuicTransportConfig::builder()
        .enable_segmentation_offload(false)
        .build();
    let endpoint = Endpoint::builder(presets::Minimal)
        .relay_mode(RelayMode::Disabled)
        .transport_config(transport)
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
    // clients learn at once that it is gone; that they cannot be told ends it as well
    let _ = router.shutdown().await;
    ended
}
