//! What the WebAssembly module exports. Places are addresses in its memory, which moves none of them as long as the model
//! is there; the page looks at the memory anew after each load, as it may have grown.
//!
//! `unsafe` is in the attributes alone: they promise that no other function has these names.

use std::cell::RefCell;

use crate::{Runner, Session};

/// Answer of what failed; [`elm_text`] says why.
pub const FAILED: i32 = -1;
/// Answer of what did not.
pub const DONE: i32 = 0;

thread_local! {
    static SESSION: RefCell<Session> = RefCell::default();
}

/// Runs on the session; what fails leaves its reason as the text.
fn with(action: impl FnOnce(&mut Session) -> Result<i32, String>) -> i32 {
    SESSION.with_borrow_mut(|session| {
        action(session).unwrap_or_else(|problem| {
            session.text = problem;
            FAILED
        })
    })
}

/// Place of something of a model; 0 where there is no such model.
fn place(model: usize, of: impl FnOnce(&Runner) -> *const f32) -> usize {
    SESSION.with_borrow_mut(|session| session.model(model).map_or(0, |model| of(model) as usize))
}

/// Room for a file of so many bytes; its place.
#[unsafe(no_mangle)]
pub extern "C" fn elm_room(bytes: usize) -> usize {
    SESSION.with_borrow_mut(|session| {
        session.incoming.clear();
        session.incoming.resize(bytes, 0);
        session.incoming.as_ptr() as usize
    })
}

/// Makes a model of the file in the room; its number, or [`FAILED`].
#[unsafe(no_mangle)]
pub extern "C" fn elm_load() -> i32 {
    with(|session| session.load().map(|number| number as i32))
}

/// Forgets a model.
#[unsafe(no_mangle)]
pub extern "C" fn elm_unload(model: usize) {
    SESSION.with_borrow_mut(|session| session.unload(model));
}

/// Place of the text.
#[unsafe(no_mangle)]
pub extern "C" fn elm_text() -> usize {
    SESSION.with_borrow(|session| session.text.as_ptr() as usize)
}

/// Bytes of the text, in UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn elm_text_length() -> usize {
    SESSION.with_borrow(|session| session.text.len())
}

/// Leaves the facts of a model as the text.
#[unsafe(no_mangle)]
pub extern "C" fn elm_facts(model: usize) -> i32 {
    with(|session| {
        session.text = session.model(model)?.facts.clone();
        Ok(DONE)
    })
}

/// Place of a model's input, `[input]` of f32.
#[unsafe(no_mangle)]
pub extern "C" fn elm_input(model: usize) -> usize {
    place(model, |model| model.input.as_ptr())
}

/// Place of a model's output, `[output]` of f32.
#[unsafe(no_mangle)]
pub extern "C" fn elm_output(model: usize) -> usize {
    place(model, |model| model.output.as_ptr())
}

/// Place of a model's memory or activity, `[unit]` of f32.
#[unsafe(no_mangle)]
pub extern "C" fn elm_view(model: usize) -> usize {
    place(model, |model| model.view.as_ptr())
}

/// Numbers in a model's view.
#[unsafe(no_mangle)]
pub extern "C" fn elm_view_length(model: usize) -> usize {
    SESSION.with_borrow_mut(|session| session.model(model).map_or(0, |model| model.view.len()))
}

/// One time step on a model's input.
#[unsafe(no_mangle)]
pub extern "C" fn elm_step(model: usize) -> i32 {
    with(|session| session.model(model)?.step().map(|()| DONE))
}

/// One time step on a token.
#[unsafe(no_mangle)]
pub extern "C" fn elm_step_token(model: usize, token: usize) -> i32 {
    with(|session| session.model(model)?.step_token(token).map(|()| DONE))
}

/// Brings a model back to rest.
#[unsafe(no_mangle)]
pub extern "C" fn elm_reset(model: usize) -> i32 {
    with(|session| {
        session.model(model)?.reset();
        Ok(DONE)
    })
}
