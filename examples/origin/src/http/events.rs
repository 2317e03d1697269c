//! `POST /events`: a batch of flights, folded into the dashboard documents.

use std::sync::Arc;

use axum::extract::{Request, State as Shared};
use axum::http::{HeaderValue, StatusCode, header};

use super::{App, idempotency, read_body};
use crate::flight;
use crate::precondition::Precondition;
use crate::problem::Problem;
use crate::writer::{Answer, Change, Write};

pub async fn events(Shared(app): Shared<Arc<App>>, request: Request) -> Result<Answer, Problem> {
    let (parts, body) = request.into_parts();
    check_media_type(parts.headers.get(header::CONTENT_TYPE))?;
    let body = read_body(body).await?;
    let idempotency = idempotency(&parts.headers, &[b"POST /events"], &body)?.ok_or_else(|| {
        // Without one a retry after a lost answer would count every event twice.
        Problem::invalid("Idempotency-Key", "none", "1 to 255 visible ASCII characters")
    })?;
    let flights = flight::parse_batch(&body)?;
    app.writer
        .write(Write {
            change: Change::Events(flights),
            precondition: Precondition::default(),
            idempotency: Some(idempotency),
        })
        .await
}

/// `text/csv`, with any parameters.
fn check_media_type(value: Option<&HeaderValue>) -> Result<(), Problem> {
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or("none");
    let essence = text.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("text/csv") {
        return Ok(());
    }
    let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not CSV");
    Err(problem.field("Content-Type", text, "text/csv"))
}
