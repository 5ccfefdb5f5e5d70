//! Devices that a server hosts, as this machine sees them.

use std::net::ToSocketAddrs;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, MutexGuard};

use burn::remote::{ConnectError, EndpointId, IrohHost, RemoteHost};
use burn::tensor::{Device, Tensor};

use super::address::{Address, Index, Server};
use super::{TOKEN_VARIABLE, encrypted, token};
use crate::error::{Result, TrainError};

/// The devices that were opened, and how they are called: Burn's own name of one is a page of its internals.
static OPENED: Mutex<Vec<(Device, String)>> = Mutex::new(Vec::new());

fn opened() -> MutexGuard<'static, Vec<(Device, String)>> {
    // a list that somebody panicked over is still a list
    OPENED.lock().unwrap_or_else(|e| e.into_inner())
}

/// Connects to the device, or all devices, of this place; see [`Address::parse`].
///
/// A server that is not there yet is waited for: over a WebSocket some 16 seconds, over Iroh 30.
///
/// # Errors
/// [`TrainError::Usage`] for a place that is none or a server that refuses, [`TrainError::Run`] if there is no answer.
pub(crate) fn open(place: &str) -> Result<Vec<Device>> {
    let address = Address::parse(place)?;
    let token = token::find(None)?;
    let mut host = match &address.server {
        Server::WebSocket(url) => RemoteHost::websocket(url),
        Server::Iroh { key, place: at } => RemoteHost::iroh(known_by(*key, place, at)?),
    };
    if let Some(token) = &token {
        host = host.with_credential(token);
    }
    let fail = |error| refused(place, error, token.is_some());
    let (first, devices) = match address.index {
        Index::All => (0, host.devices().map_err(fail)?.into_vec()),
        Index::One(index) => {
            let options = Device::remote_options(&host).device_index(index);
            (index, vec![options.init().map_err(fail)?])
        }
    };
    let mut opened = opened();
    for (index, device) in devices.iter().enumerate() {
        if !opened.iter().any(|(known, _)| known == device) {
            let name = format!("remote:{}/{}", address.server, first + index);
            opened.push((device.clone(), name));
        }
    }
    Ok(devices)
}

/// The server of this key at `HOST:PORT`, whose every address is tried; nobody else is asked where it is.
fn known_by(key: EndpointId, device: &str, place: &str) -> Result<IrohHost> {
    let addresses = place.to_socket_addrs().map_err(|e| {
        TrainError::Run(format!(
            "device `remote:{device}`: {place} has no address: {e}"
        ))
    })?;
    let host = IrohHost::new(key).with_endpoint(encrypted::here()?);
    Ok(addresses.fold(host, IrohHost::with_address))
}

fn refused(place: &str, error: ConnectError, has_token: bool) -> TrainError {
    let name = format!("device `remote:{place}`");
    match error {
        ConnectError::Unauthorized => TrainError::Usage(match has_token {
            true => format!("{name}: the server refuses the token of {TOKEN_VARIABLE}"),
            false => {
                format!("{name}: the server asks for a token; {TOKEN_VARIABLE} names its file")
            }
        }),
        ConnectError::NoSuchDevice { device_count } => TrainError::Usage(format!(
            "{name}: expected an index from 0 to {}: the server hosts {device_count} device(s)",
            device_count.saturating_sub(1)
        )),
        ConnectError::IncompatibleProtocol { .. } => TrainError::Usage(format!(
            "{name}: {error}; use the same version of elm on both machines"
        )),
        ConnectError::Unreachable { reason } => {
            TrainError::Run(format!("{name}: no server answers there: {reason}"))
        }
        other => TrainError::Run(format!("{name}: {other}")),
    }
}

/// How an opened device is called.
pub(crate) fn name_of(device: &Device) -> Option<String> {
    let device = device.clone().inner();
    let opened = opened();
    let found = opened.iter().find(|(known, _)| *known == device);
    found.map(|(_, name)| name.clone())
}

/// The opened devices that do not answer any more.
pub(crate) fn silent() -> Vec<String> {
    let all = opened().clone();
    let answers = |device: &Device| {
        let ask = || Tensor::<1>::zeros([1], device).try_into_data().is_ok();
        panic::catch_unwind(AssertUnwindSafe(ask)).unwrap_or(false)
    };
    let silent = all.into_iter().filter(|(device, _)| !answers(device));
    silent.map(|(_, name)| name).collect()
}
