//! The HTTP face: routes, and what all of them share.

mod compare;
mod events;
mod history;
mod items;
mod operations;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State as Shared};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};

use crate::faults::{self, Faults};
use crate::history::HistoryReader;
use crate::item::EDGE_VERSION;
use crate::metrics::{Metrics, RequestLabels};
use crate::problem::Problem;
use crate::state::State;
use crate::writer::{Answer, Idempotency, Writer};

/// The largest body of any request.
pub const MAX_BODY_BYTES: usize = 16 << 20;
/// Up to here an over-long body is read, so that its sender gets to see the 413.
const DRAINED_BODY_BYTES: usize = 4 * MAX_BODY_BYTES;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const MAX_IDEMPOTENCY_KEY_BYTES: usize = 255;

/// What the handlers need.
#[derive(Debug)]
pub struct App {
    /// The read snapshot.
    pub state: Arc<State>,
    /// The way to write.
    pub writer: Writer,
    /// The way to the history.
    pub history: HistoryReader,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// How long a read takes, as if the origin were busy or far.
    pub read_delay: Duration,
    /// Only with `--faults`.
    pub faults: Option<Faults>,
}

/// All routes.
pub fn router(app: Arc<App>) -> Router {
    let item = || get(items::read).put(items::put).delete(items::delete);
    let mut router = Router::new()
        .route("/items/{key}", item())
        // `compare` is also a key like any other; only POST is the protocol's.
        .route("/items/compare", item().post(compare::compare))
        .route("/items/", axum::routing::any(items::empty_key))
        .route("/events", post(events::events))
        .route("/history", get(history::history));
    if app.faults.is_some() {
        router = router.layer(middleware::from_fn_with_state(Arc::clone(&app), faults::inject));
        router = router.route("/faults", get(faults::show).post(faults::set));
    }
    router
        .route("/metrics", get(operations::metrics))
        .route("/healthz", get(operations::health))
        .fallback(operations::not_found)
        .method_not_allowed_fallback(operations::method_not_allowed)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), count))
        // Bodies are read, and limited, by `read_body`.
        .layer(DefaultBodyLimit::disable())
        .with_state(app)
}

async fn count(Shared(app): Shared<Arc<App>>, request: Request, next: Next) -> Response {
    let endpoint = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = request.method().to_string();
    let response = next.run(request).await;
    let labels = RequestLabels {
        method,
        endpoint: endpoint.unwrap_or_else(|| "unknown".to_owned()),
        status: response.status().as_u16(),
    };
    app.metrics.requests.get_or_create(&labels).inc();
    response
}

impl App {
    /// Half of `--read-delay`: a read takes its time both before and after it looks, so that what is
    /// late is sometimes the question and sometimes the answer.
    async fn half_delay(&self) {
        if !self.read_delay.is_zero() {
            tokio::time::sleep(self.read_delay / 2).await;
        }
    }
}

/// The whole body, up to the limit.
///
/// Of a body over the limit some more is read and thrown away: if we answered while the client still
/// sends, its system would drop our answer together with the connection.
async fn read_body(mut body: Body) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("body not read: {error}")))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        size += data.len();
        if size <= MAX_BODY_BYTES {
            bytes.extend_from_slice(&data);
        } else if size > DRAINED_BODY_BYTES {
            break;
        }
    }
    if size > MAX_BODY_BYTES {
        let sent = format!("at least {size} bytes");
        return Err(Problem::too_large("body", sent, "at most 16777216 bytes"));
    }
    Ok(bytes.freeze())
}

/// The request's `Idempotency-Key`, with a fingerprint of all that makes it the same request.
fn idempotency(headers: &HeaderMap, request: &[&[u8]], body: &[u8]) -> Result<Option<Idempotency>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key =
        value.to_str().ok().filter(|key| (1..=MAX_IDEMPOTENCY_KEY_BYTES).contains(&key.len())).ok_or_else(
            || {
                let shown = String::from_utf8_lossy(value.as_bytes());
                Problem::invalid("Idempotency-Key", shown, "1 to 255 visible ASCII characters")
            },
        )?;
    let mut hash = Sha256::new();
    let conditions = [header::IF_MATCH, header::IF_NONE_MATCH];
    let conditions = conditions.iter().map(|name| headers.get(name).map_or(&b""[..], HeaderValue::as_bytes));
    for part in request.iter().copied().chain(conditions).chain([body]) {
        // With its length, so that no two lists of parts run together.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    Ok(Some(Idempotency { key: key.to_owned(), fingerprint: hash.finalize().into() }))
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let media_type =
            if self.status.is_success() { "application/json" } else { "application/problem+json" };
        let mut response = (self.status, self.body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        if let Some(version) = self.version {
            headers.insert(EDGE_VERSION, HeaderValue::from(version));
        }
        if self.replayed {
            headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}
