//! The journal itself, for those who look after it: its figures, its rows' checksums, its events
//! with their exact bytes.

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::Stream;
use jiff::Timestamp;

use super::access::Request;
use super::api::{AuditView, ClosedView, ExportHeader, ExportQuery, VerifyQuery};
use super::server::{Fault, Served, ask, in_time};
use crate::domain::audit::Run;
use crate::journal::{
    AuditPlace, ExportPage, ExportRow, Journal, StorageError, Verified, is_damage,
};

/// Rows whose checksums one request looks at: commits wait meanwhile.
const VERIFY_ROWS: u64 = 1024;
/// Events in one page of an export.
const PAGE: usize = 100;

/// `GET /v1/journal`.
pub(super) async fn figures(State(served): State<Served>) -> Result<Response, Fault> {
    Ok(Json(served.read(Journal::figures).await?).into_response())
}

/// `GET /v1/journal/verify`: one step.
pub(super) async fn verify(
    State(served): State<Served>,
    Query(query): Query<VerifyQuery>,
) -> Result<Response, Fault> {
    let after = query.after.unwrap_or(0);
    let found = served.read(move |journal| anyhow::Ok(journal.verify_rows(after, VERIFY_ROWS)));
    answer(&served, found.await?).await
}

/// `GET /v1/audit`: one step of what there is of the digests.
pub(super) async fn audit(
    State(served): State<Served>,
    Query(place): Query<AuditPlace>,
) -> Result<Response, Fault> {
    let page = served.read(move |journal| journal.audit_page(place)).await?;
    Ok(Json(AuditView { key: served.access.audit_key.clone(), page }).into_response())
}

/// `POST /v1/audit`: closes the next range of digests.
pub(super) async fn close_range(State(served): State<Served>) -> Result<Response, Fault> {
    let closed = ask(&served, Request::CloseRange).await?;
    let view = ClosedView { closed: closed.map(|(first, last)| Run { first, last }) };
    Ok((serde_json::to_string(&view)? + "\n").into_response())
}

/// `POST /v1/journal/verify`: one step, of which damaged rows are taken out; those that waited
/// become a gap.
pub(super) async fn mend(State(served): State<Served>, body: Bytes) -> Result<Response, Fault> {
    let Ok(VerifyQuery { after }) = serde_json::from_slice(&body) else {
        let words = "send {\"after\":SLOT} or {}".to_owned();
        return Err(Fault(StatusCode::BAD_REQUEST, words));
    };
    let mend = move |journal: &mut Journal| {
        let found = journal.verify_rows(after.unwrap_or(0), VERIFY_ROWS)?;
        if !found.damaged.is_empty() {
            journal.remove_damaged(&found.damaged)?;
        }
        Ok(found)
    };
    let found = in_time(served.access.journal.act(mend)).await??;
    if let Ok(found) = &found
        && !found.damaged.is_empty()
    {
        tracing::error!(slots = ?found.damaged, "rows of the journal were damaged; they are taken out");
    }
    answer(&served, found).await
}

/// What a step found. A file in which rows cannot even be reached is salvaged when it is opened
/// next.
async fn answer(served: &Served, found: Result<Verified, StorageError>) -> Result<Response, Fault> {
    match found {
        Ok(found) => Ok((serde_json::to_string(&found)? + "\n").into_response()),
        Err(error) if is_damage(&error) => {
            served.access.journal.act(|journal| journal.condemn()).await??;
            tracing::error!(%error, "the journal is broken; it is salvaged at the next start");
            Err(Fault(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /v1/journal/export`: what is there now, page by page as the reader takes it.
pub(super) async fn export(
    State(served): State<Served>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Fault> {
    let journal_id = served.read(|journal| anyhow::Ok(journal.journal_id())).await?;
    let through = *served.access.committed.borrow();
    let export = Export {
        served,
        begun: Some(header(journal_id)?),
        after: Some(query.after.unwrap_or(0)),
        through,
        waiting: query.waiting,
    };
    let headers = [(CONTENT_TYPE, "application/x-ndjson")];
    Ok((headers, Body::from_stream(export.pages())).into_response())
}

/// An export on its way out.
struct Export {
    served: Served,
    /// The first line, until it has left.
    begun: Option<String>,
    /// Go on after this slot; `None`: it was the last.
    after: Option<u64>,
    /// What was committed when it was asked for: a busy gateway's export has an end too.
    through: u64,
    waiting: bool,
}

impl Export {
    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        let mut text = self.begun.take().unwrap_or_default();
        while let Some(after) = self.after
            && text.is_empty()
        {
            let (through, waiting) = (self.through, self.waiting);
            let page = self
                .served
                .read(move |journal| journal.export_page(after, through, PAGE, waiting))
                .await?;
            self.after = page.go_on;
            export_lines(&page, &mut text);
        }
        Ok((!text.is_empty()).then(|| text.into()))
    }

    /// As chunks of lines. One that cannot be gone on with breaks off.
    fn pages(self) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
        futures_util::stream::unfold(Some(self), |export| async move {
            let mut export = export?;
            match export.next().await {
                Ok(None) => None,
                Ok(Some(page)) => Some((Ok(page), Some(export))),
                Err(Fault(_, words)) => {
                    tracing::warn!(words, "an export of the journal broke off");
                    Some((Err(std::io::Error::other(words)), None))
                }
            }
        })
    }
}

/// The first line of an export of the journal.
pub(crate) fn header(journal_id: uuid::Uuid) -> serde_json::Result<String> {
    let header = ExportHeader {
        journal_id,
        exported_at: Timestamp::now(),
        format: ExportHeader::FORMAT.to_owned(),
    };
    Ok(serde_json::to_string(&header)? + "\n")
}

/// One line an event, the event byte for byte; of rows that cannot be read only the slot, as
/// `{"damaged":N}`.
pub(crate) fn export_lines(page: &ExportPage, text: &mut String) {
    use std::fmt::Write as _;
    text.reserve(page.rows.iter().map(|row| row.detail.len() + 80).sum());
    for ExportRow { slot, vendor, delivered, detail } in &page.rows {
        let vendor = vendor.as_ref().map_or_else(
            || "null".to_owned(),
            |name| serde_json::Value::from(name.as_str()).to_string(),
        );
        let _ = writeln!(
            text,
            "{{\"slot\":{slot},\"vendor\":{vendor},\"delivered\":{delivered},\"event\":{detail}}}"
        );
    }
    for slot in &page.damaged {
        let _ = writeln!(text, "{{\"damaged\":{slot}}}");
    }
}
