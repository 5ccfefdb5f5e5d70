//! The server that hosts devices.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use burn::server::{
    AllowAll, AuthorizationRequest, PeerAuthorizer, RemoteServer, TokenAuthorizer,
    WebSocketTransport,
};

use super::{ServeOptions, encrypted, token};
use crate::error::{Result, TrainError};
use crate::stop::Stop;
use crate::{say, tell};

/// Time between two looks at whether the server is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Work in hand has so long to end when the server stops.
pub(super) const END_WITHIN: Duration = Duration::from_secs(2);

/// Hosts devices until it is to stop; sessions then end. `ready` is told the address, as clients name it, once they can connect.
///
/// # Errors
/// [`TrainError::Usage`] if the address cannot be listened at, if others than this machine could reach it and there is no
/// token, or if these devices cannot be hosted; [`TrainError::File`] for a token or key that cannot be read.
pub fn serve(options: ServeOptions, ready: impl FnOnce(&str)) -> Result<()> {
    let ServeOptions {
        devices,
        listen,
        token_file,
        key_file,
        stop,
    } = options;
    let token = token::find(token_file)?;
    if token.is_none() && !listen.ip().is_loopback() {
        return Err(TrainError::Usage(format!(
            "--listen {listen}: other machines can reach this address; name a --token-file, or listen at 127.0.0.1"
        )));
    }
    let server = RemoteServer::new(devices.all().cloned());
    let server = elm_model::remote::with_operations(server, devices.main());
    let server = match token {
        None => server.with_authorizer(Told(AllowAll)),
        Some(token) => {
            let known = TokenAuthorizer::new(token);
            server.with_authorizer(Told(known.map_err(|e| TrainError::Usage(e.to_string()))?))
        }
    };
    let key = key_file.map(|file| encrypted::key(&file)).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| TrainError::Run(format!("no threads for a server: {e}")))?;
    let ended = runtime.block_on(async {
        match key {
            Some(key) => encrypted::serve(server, &key, listen, ready, asked_to(stop)).await,
            None => plain(server, listen, ready, asked_to(stop)).await,
        }
    });
    runtime.shutdown_timeout(END_WITHIN);
    ended
}

/// Serves over a WebSocket until `stop` is there.
async fn plain(
    server: RemoteServer,
    listen: SocketAddr,
    ready: impl FnOnce(&str),
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let failed = |e: std::io::Error| cannot_listen(listen, &e);
    let listener = TcpListener::bind(listen).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    ready(&format!("ws://{address}"));
    tokio::select! {
        ended = server.serve_async(WebSocketTransport::from_listener(listener)) => ended.map_err(|e| cannot_run(&e)),
        () = stop => Ok(()),
    }
}

/// Is there once the server is to stop.
async fn asked_to(stop: Stop) {
    while stop.asked().is_none() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

pub(super) fn cannot_listen(listen: SocketAddr, why: &dyn std::fmt::Display) -> TrainError {
    TrainError::Usage(format!(
        "cannot listen at {listen}: {why}; --listen 127.0.0.1:0 takes a free port"
    ))
}

pub(super) fn cannot_run(why: &dyn std::fmt::Display) -> TrainError {
    TrainError::Usage(format!("the server cannot run: {why}"))
}

/// Tells of each session that is asked for.
struct Told<A>(A);

impl<A: PeerAuthorizer> PeerAuthorizer for Told<A> {
    fn authorize(&self, request: AuthorizationRequest<'_>) -> std::result::Result<(), String> {
        let (client, device) = (request.client, request.device_index);
        let answer = self.0.authorize(request);
        match &answer {
            Ok(()) => say!("{client} uses device {device}"),
            Err(why) => tell!("refused: {why}"),
        }
        answer
    }
}
