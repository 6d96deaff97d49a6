//! Remembers in a `DynamoDB` table: for consumers on many machines, and for functions.
//!
//! The table has one key, the text `pk`, and time to live on the number `expires_at`. One table
//! serves any number of consumers:
//!
//! | `pk` | attributes |
//! |---|---|
//! | `claim/<id>/<scope>` | `is_done`, `claim_token`, `lease_until`, `expires_at` |
//! | `once/<key>` | `once_value`, `expires_at` |
//! | `doc/<key>` | `doc_version`, `doc_bytes`, `expires_at` |
//!
//! `expires_at` is in Unix seconds, `lease_until` in Unix milliseconds. The service deletes
//! expired items late; until then they count as gone here. Every write is conditional or final,
//! every read consistent.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use uuid::Uuid;

use super::{Claim, Document, Store, StoreError, StoreFuture, Token};
use crate::aws::{Connection, ConnectionError};
use crate::subscribe::fault_code::fault_code;

/// How often a claim is tried anew because the item changed between two calls.
const TRIES: u32 = 4;
const REFUSED: &str = "ConditionalCheckFailedException";

/// A store in a table. A clone is the same.
///
/// Nothing is ever more than `retention` old; how many items there are is bounded by that alone.
#[derive(Debug, Clone)]
pub struct DynamoDb {
    client: Client,
    table: Arc<str>,
    retention: Duration,
}

type Item = HashMap<String, AttributeValue>;

impl DynamoDb {
    /// Prepares the client. Nothing is sent, and no credentials are fetched. `retention`: how
    /// long an id or a document is kept after it was written last; longer than any queue or replay
    /// may bring an event again.
    pub async fn new(
        connection: Connection,
        table: &str,
        retention: Duration,
    ) -> Result<Self, ConnectionError> {
        let client = Client::new(&connection.load().await?);
        Ok(Self { client, table: table.into(), retention })
    }

    /// An item that expires, to be written.
    fn put(&self, key: String, lives: Duration) -> PutItemFluentBuilder {
        self.client
            .put_item()
            .table_name(&*self.table)
            .item("pk", AttributeValue::S(key))
            .item("expires_at", number(seconds(lives)))
    }

    /// The item, unless it has expired.
    async fn get(&self, key: String) -> Result<Option<Item>, StoreError> {
        let request = self.client.get_item().table_name(&*self.table).consistent_read(true);
        let answer = request.key("pk", AttributeValue::S(key)).send().await.map_err(failed)?;
        let lives = |item: &Item| read_number(item, "expires_at") >= seconds(Duration::ZERO);
        Ok(answer.item.filter(lives))
    }

    /// The claim, or `None` where the item changed between two calls.
    async fn try_claim(&self, key: String, lease: Duration) -> Result<Option<Claim>, StoreError> {
        let (token, now) = (Token::draw(), millis(Duration::ZERO));
        let request = self
            .put(key.clone(), self.retention.max(lease))
            .item("is_done", AttributeValue::Bool(false))
            .item("claim_token", AttributeValue::S(token.0.to_string()))
            .item("lease_until", number(millis(lease)))
            .condition_expression(
                "attribute_not_exists(pk) OR expires_at < :now OR \
                 (is_done = :false AND lease_until <= :now_ms)",
            )
            .expression_attribute_values(":now", number(seconds(Duration::ZERO)))
            .expression_attribute_values(":now_ms", number(now))
            .expression_attribute_values(":false", AttributeValue::Bool(false));
        if conditional(request).await? {
            return Ok(Some(Claim::New(token)));
        }
        let Some(item) = self.get(key).await? else { return Ok(None) };
        if item.get("is_done") == Some(&AttributeValue::Bool(true)) {
            return Ok(Some(Claim::Done));
        }
        let left = read_number(&item, "lease_until").saturating_sub(millis(Duration::ZERO));
        Ok(match u64::try_from(left) {
            Ok(left) if left > 0 => Some(Claim::Busy { left: Duration::from_millis(left) }),
            _ => None,
        })
    }

    async fn put_once(
        &self,
        key: String,
        value: &str,
        ttl: Duration,
    ) -> Result<Option<String>, StoreError> {
        for _ in 0..TRIES {
            let request = self
                .put(key.clone(), ttl)
                .item("once_value", AttributeValue::S(value.to_owned()))
                .condition_expression("attribute_not_exists(pk) OR expires_at < :now")
                .expression_attribute_values(":now", number(seconds(Duration::ZERO)));
            if conditional(request).await? {
                return Ok(None);
            }
            let item = self.get(key.clone()).await?;
            if let Some(AttributeValue::S(there)) = item.and_then(|mut it| it.remove("once_value"))
            {
                return Ok(Some(there));
            }
        }
        Err(StoreError::Failed("the item changes too often".to_owned()))
    }
}

impl Store for DynamoDb {
    fn claim<'a>(&'a self, scope: &'a str, id: Uuid, lease: Duration) -> StoreFuture<'a, Claim> {
        Box::pin(async move {
            for _ in 0..TRIES {
                if let Some(claim) = self.try_claim(claim_key(scope, id), lease).await? {
                    return Ok(claim);
                }
            }
            Err(StoreError::Failed("the item changes too often".to_owned()))
        })
    }

    fn done<'a>(&'a self, scope: &'a str, id: Uuid) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let request = self
                .put(claim_key(scope, id), self.retention)
                .item("is_done", AttributeValue::Bool(true));
            request.send().await.map(|_| ()).map_err(failed)
        })
    }

    fn release<'a>(&'a self, scope: &'a str, id: Uuid, token: Token) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let request = self
                .client
                .delete_item()
                .table_name(&*self.table)
                .key("pk", AttributeValue::S(claim_key(scope, id)))
                .condition_expression("is_done = :false AND claim_token = :token")
                .expression_attribute_values(":false", AttributeValue::Bool(false))
                .expression_attribute_values(":token", AttributeValue::S(token.0.to_string()));
            match request.send().await {
                Ok(_) => Ok(()),
                // Done, or somebody else's by now.
                Err(error) if error.code() == Some(REFUSED) => Ok(()),
                Err(error) => Err(failed(error)),
            }
        })
    }

    fn claim_once<'a>(
        &'a self,
        key: &'a str,
        value: &'a str,
        ttl: Duration,
    ) -> StoreFuture<'a, Option<String>> {
        Box::pin(self.put_once(format!("once/{key}"), value, ttl))
    }

    fn load<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Document>> {
        Box::pin(async move {
            let Some(mut item) = self.get(format!("doc/{key}")).await? else { return Ok(None) };
            let version = u64::try_from(read_number(&item, "doc_version")).unwrap_or_default();
            let Some(AttributeValue::B(bytes)) = item.remove("doc_bytes") else { return Ok(None) };
            Ok(Some(Document { bytes: bytes.into_inner(), version }))
        })
    }

    fn swap<'a>(&'a self, key: &'a str, version: u64, bytes: &'a [u8]) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let next = i64::try_from(version.saturating_add(1)).unwrap_or(i64::MAX);
            let request = self
                .put(format!("doc/{key}"), self.retention)
                .item("doc_version", number(next))
                .item("doc_bytes", AttributeValue::B(Blob::new(bytes)));
            let request = if version == 0 {
                request
                    .condition_expression("attribute_not_exists(pk) OR expires_at < :now")
                    .expression_attribute_values(":now", number(seconds(Duration::ZERO)))
            } else {
                request
                    .condition_expression("doc_version = :version")
                    .expression_attribute_values(":version", number(next - 1))
            };
            conditional(request).await
        })
    }
}

/// The id first: keys spread over the table's partitions.
fn claim_key(scope: &str, id: Uuid) -> String {
    format!("claim/{id}/{scope}")
}

/// Whether the condition held.
async fn conditional(request: PutItemFluentBuilder) -> Result<bool, StoreError> {
    match request.send().await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(REFUSED) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// 0 where there is none.
fn read_number(item: &Item, name: &str) -> i64 {
    let number = item.get(name).and_then(|value| value.as_n().ok());
    number.and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// So long from now, in Unix milliseconds.
fn millis(from_now: Duration) -> i64 {
    let later = i64::try_from(from_now.as_millis()).unwrap_or(i64::MAX);
    Timestamp::now().as_millisecond().saturating_add(later)
}

/// So long from now, in Unix seconds.
fn seconds(from_now: Duration) -> i64 {
    let later = i64::try_from(from_now.as_secs()).unwrap_or(i64::MAX);
    Timestamp::now().as_second().saturating_add(later)
}

/// By value, as `map_err` gives it.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed<E: ProvideErrorMetadata, R>(error: SdkError<E, R>) -> StoreError {
    StoreError::Failed(fault_code(&error, ProvideErrorMetadata::code))
}
