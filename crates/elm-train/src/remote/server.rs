//! The server that hosts devices.

use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::time::Duration;

use burn::server::{
    AllowAll, AuthorizationRequest, PeerAuthorizer, RemoteServer, TokenAuthorizer,
    WebSocketTransport,
};

use super::{ServeOptions, token};
use crate::error::{Result, TrainError};
use crate::{say, tell};

/// Time between two looks at whether the server is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Work in hand has so long to end when the server stops.
const END_WITHIN: Duration = Duration::from_secs(2);

/// Hosts devices until it is to stop; sessions then end. `ready` is told the address once clients can connect.
///
/// # Errors
/// [`TrainError::Usage`] if the address cannot be listened at, if others than this machine could reach it and there is no
/// token, or if these devices cannot be hosted.
pub fn serve(options: ServeOptions, ready: impl FnOnce(SocketAddr)) -> Result<()> {
    let ServeOptions {
        devices,
        listen,
        token_file,
        stop,
    } = options;
    let token = token::find(token_file)?;
    if token.is_none() && !listen.ip().is_loopback() {
        return Err(TrainError::Usage(format!(
            "--listen {listen}: other machines can reach this address; name a --token-file, or listen at 127.0.0.1"
        )));
    }
    let failed = |e: std::io::Error| {
        TrainError::Usage(format!(
            "cannot listen at {listen}: {e}; --listen 127.0.0.1:0 takes a free port"
        ))
    };
    let listener = TcpListener::bind(listen).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let server = RemoteServer::new(devices.all().cloned());
    let server = elm_model::remote::with_operations(server, devices.main());
    let server = match token {
        None => server.with_authorizer(Told(AllowAll)),
        Some(token) => {
            let known = TokenAuthorizer::new(token);
            server.with_authorizer(Told(known.map_err(|e| TrainError::Usage(e.to_string()))?))
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| TrainError::Run(format!("no threads for a server: {e}")))?;
    ready(address);
    let ended = runtime.block_on(async {
        let mut serving = pin!(server.serve_async(WebSocketTransport::from_listener(listener)));
        loop {
            match tokio::time::timeout(LOOK_EVERY, &mut serving).await {
                Ok(ended) => return ended,
                Err(_) if stop.asked().is_some() => return Ok(()),
                Err(_) => {}
            }
        }
    });
    runtime.shutdown_timeout(END_WITHIN);
    ended.map_err(|e| TrainError::Usage(format!("the server cannot run: {e}")))
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
