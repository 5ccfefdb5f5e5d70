//! From a request to its answer.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::follow::Follower;
use super::page::PAGE;
use super::request::Request;
use super::response::{Body, Refusal, Response};
use super::root::Root;
use super::{feed, gate, runs};

/// Header that says what a page may do, and what it says of the page of runs.
const POLICY: &str = "content-security-policy";
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; \
                           img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What may be in a report, which is a file of a run, and a run may be anybody's: no script.
const FILE_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";
/// How old a list may be before it is made anew; longer for those that are dear to make.
const LIST_LIVES: Duration = Duration::from_secs(1);
const DEAR_LIST_LIVES: Duration = Duration::from_secs(8);

/// Everything that answers are made from.
#[derive(Debug)]
pub(super) struct Board {
    root: Root,
    names: Vec<String>,
    runs: List,
    groups: List,
    models: List,
}

impl Board {
    /// Of the runs in a folder, for who asks for this machine by one of `names`.
    pub(super) fn new(root: Root, names: Vec<String>) -> Self {
        Self {
            root,
            names,
            runs: List::default(),
            groups: List::default(),
            models: List::default(),
        }
    }

    /// The answer to a request, which may be a refusal.
    pub(super) fn answer(&self, request: &Request) -> Response {
        let answer = gate::check(request, &self.names).and_then(|()| self.route(request));
        answer.unwrap_or_else(Response::from)
    }

    fn route(&self, request: &Request) -> Result<Response, Refusal> {
        let path = &*request.path;
        if let Some((_, kind, text)) = PAGE.iter().find(|(known, ..)| *known == path) {
            return Ok(Response::new(kind, Body::Fixed(text)).with(POLICY, PAGE_POLICY));
        }
        let root = &self.root;
        match path {
            "/api/runs" => Ok(json_of(self.runs.get(LIST_LIVES, || runs::list(root)))),
            "/api/groups" => Ok(json_of(
                self.groups.get(DEAR_LIST_LIVES, || runs::groups(root)),
            )),
            "/api/models" => Ok(json_of(
                self.models.get(DEAR_LIST_LIVES, || runs::models(root)),
            )),
            "/api/run" => match &names(&request.query)[..] {
                [name] => {
                    let run = runs::details(root, name).ok_or(Refusal::NOT_FOUND)?;
                    Ok(json_of(run.to_string().into()))
                }
                _ => Err(Refusal::NAMES),
            },
            "/api/steps" => self.steps(names(&request.query)),
            _ => self.file(path.strip_prefix("/files/").ok_or(Refusal::NOT_FOUND)?),
        }
    }

    /// Server-sent events of the steps of some runs.
    fn steps(&self, names: Vec<String>) -> Result<Response, Refusal> {
        if !(1..=feed::MOST_RUNS).contains(&names.len()) {
            return Err(Refusal::NAMES);
        }
        if !names.iter().all(|name| runs::is_run(&self.root, name)) {
            return Err(Refusal::NOT_FOUND);
        }
        let follower = |name| Follower::new(self.root.clone(), name);
        let followers = names.into_iter().map(follower).collect();
        Ok(Response::new("text/event-stream", Body::Steps(followers)))
    }

    fn file(&self, name: &str) -> Result<Response, Refusal> {
        // decoded once: what was encoded twice is a strange name, and not found
        let name = percent_decode_str(name).decode_utf8();
        let name = name.map_err(|_| Refusal::NOT_FOUND)?;
        let (kind, is_shown) = runs::kind_of_file(&name).ok_or(Refusal::NOT_FOUND)?;
        let path = self.root.file(&name).ok_or(Refusal::NOT_FOUND)?;
        let file = File::open(path).map_err(|_| Refusal::NOT_FOUND)?;
        let response = Response::new(kind, Body::File(file)).with(POLICY, FILE_POLICY);
        Ok(match is_shown {
            true => response,
            false => response.with("content-disposition", "attachment"),
        })
    }
}

fn json_of(text: Arc<str>) -> Response {
    Response::new("application/json", Body::Shared(text))
}

/// A list that is made for all who ask for it at about the same time.
#[derive(Debug, Default)]
struct List(Mutex<Option<(Instant, Arc<str>)>>);

impl List {
    fn get(&self, lives: Duration, make: impl FnOnce() -> Vec<Value>) -> Arc<str> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made, text)) = &*kept
            && made.elapsed() < lives
        {
            return Arc::clone(text);
        }
        let text: Arc<str> = json!(make()).to_string().into();
        *kept = Some((Instant::now(), Arc::clone(&text)));
        text
    }
}

/// The values of `name` in a query.
fn names(query: &str) -> Vec<String> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let named = pairs.filter(|(key, _)| key == "name");
    named.map(|(_, value)| value.into_owned()).collect()
}
