//! Answers without connections.

use std::fs::File;
use std::path::Path;

use super::answer::Board;
use super::request;
use super::response::Response;
use super::root::Root;
use crate::error::Result;

/// What a board answers to the bytes of a request, without a connection: so that requests can be tried by the million.
#[derive(Debug)]
pub struct Answers(Board);

impl Answers {
    /// Of the runs in `folder`.
    ///
    /// # Errors
    /// [`TrainError::File`](crate::TrainError::File) if it is no folder.
    pub fn of(folder: &Path) -> Result<Self> {
        Ok(Self(Board::new(Root::open(folder)?, Vec::new())))
    }

    /// Status of the answer to the head of a request, and the file that it would send, if it is one.
    pub fn answer(&self, head: &[u8]) -> (u16, Option<File>) {
        let answer = request::parse(head).map(|request| self.0.answer(&request));
        answer.unwrap_or_else(Response::from).into_parts()
    }
}
