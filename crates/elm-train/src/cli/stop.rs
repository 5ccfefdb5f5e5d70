//! Ctrl-C: the first asks to stop, the second stops at once.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Result, TrainError};
use crate::tell;

/// Calls `ask` at the first Ctrl-C and ends the program at the second; `message` says what the first one does.
pub(super) fn on_ctrl_c(message: &'static str, ask: impl Fn() + Send + 'static) -> Result<()> {
    let asked = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        tell!("\n{message} (again Ctrl-C: at once)");
        ask();
    })
    .map_err(|e| TrainError::Run(format!("cannot listen for Ctrl-C: {e}")))
}

/// Was Ctrl-C pressed? For long work that asks from time to time.
#[derive(Debug, Clone)]
pub(super) struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Begins to listen.
    pub(super) fn listen() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        let set = Arc::clone(&flag);
        on_ctrl_c("stopping and tidying up", move || {
            set.store(true, Ordering::SeqCst);
        })?;
        Ok(Self(flag))
    }

    /// Break once Ctrl-C was pressed.
    pub(super) fn flow(&self) -> ControlFlow<()> {
        match self.0.load(Ordering::SeqCst) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}
