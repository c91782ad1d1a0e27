//! What is answered to a request: from what was read last, without asking the database.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::super::status::Status;
use super::super::{SharedReadings, page};
use crate::output::metrics_text;

const TEXT: &str = "text/plain; charset=utf-8";
/// The version of Prometheus' text format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";
/// What there is, for who asks for something else.
const PATHS: &str = "there is nothing here; ask for /livez, /readyz, /metrics or /\n";
/// How long a page is shown again before it is made again: it may be long.
const PAGE: Duration = Duration::from_secs(1);

/// Answers requests.
pub(super) struct Responder {
    shared: SharedReadings,
    /// The page that was made last, and when.
    page: Mutex<Option<(Instant, Bytes)>>,
}

impl Responder {
    /// From what is read.
    pub(super) fn new(shared: SharedReadings) -> Self {
        Self { shared, page: Mutex::default() }
    }

    /// The answer to a request. hyper leaves its body out where the request is HEAD.
    pub(super) fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if !matches!(path, "/" | "/livez" | "/readyz" | "/metrics") {
            return response(StatusCode::NOT_FOUND, TEXT, PATHS.into());
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refused = response(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n".into());
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        match path {
            "/livez" => response(StatusCode::OK, TEXT, "alive\n".into()),
            "/readyz" => self.readiness(wants_json(request)),
            "/metrics" => {
                let metrics = self.shared.readings().metrics();
                response(StatusCode::OK, METRICS, metrics_text(&metrics).into())
            }
            _ => response(StatusCode::OK, HTML, self.page()),
        }
    }

    fn readiness(&self, json: bool) -> Response<Full<Bytes>> {
        let readings = self.shared.readings();
        let status = Status::of(&readings);
        let code = match status.ready {
            Some(true) => StatusCode::OK,
            Some(false) | None => StatusCode::SERVICE_UNAVAILABLE,
        };
        match json {
            true => response(code, JSON, format!("{:#}\n", status.document()).into()),
            false => response(code, TEXT, status.text().into()),
        }
    }

    fn page(&self) -> Bytes {
        let mut made = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        match &*made {
            Some((at, page)) if at.elapsed() < PAGE => page.clone(),
            _ => {
                let page = Bytes::from(page::html(&self.shared.readings()));
                *made = Some((Instant::now(), page.clone()));
                page
            }
        }
    }
}

fn wants_json(request: &Request<Incoming>) -> bool {
    let accepted = request.headers().get(ACCEPT).and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.split(',').any(|one| one.trim().starts_with(JSON)))
}

/// An answer that nobody keeps, and that no browser takes for something else than it is.
fn response(code: StatusCode, content: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = code;
    for (name, value) in [
        (CONTENT_TYPE, content),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
        (HeaderName::from_static("x-frame-options"), "DENY"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
