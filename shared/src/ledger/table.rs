//! The table: names of keys and attributes, shards, and the definition that deployment and the local stack create it by.
//!
//! A notification's id is `{e}-{v}`: the employee's half and the event's.
//!
//! | pk | sk | what | written by |
//! |---|---|---|---|
//! | `{tenant}#{e}` | `{v}#created` | who is told what, how; or why not | poll |
//! | same | `{v}#attempt#NNN` | somebody takes the right to one request to Twilio | send, the sweep, the command |
//! | same | `{v}#attempt#NNN#outcome` | what became of it | send, the sweep |
//! | same | `{v}#attempt#NNN#disowned#{sid}` | a message that was taken for its own is another's | the sweep |
//! | same | `{v}#callback#{sid}#{status}` | what Twilio reported | callback |
//! | same | `{v}#fetched#{sid}#{status}` | the same, asked for | the sweep, send |
//! | same | `{v}#look#NNN` | why it isn't settled, and when to look again | the sweep |
//! | same | `{v}#release#NNN` | this attempt may start | the sweep, the command |
//! | same | `{v}#closed`, `{v}#closed#NNN` | no attempt will follow; again, after a replay | send, the sweep, the command |
//! | same | `{v}#revealed#{at}#{by}` | whose numbers were shown to whom | the command |
//! | `{tenant}#phone#{number}` | `consent#{at}#{sid}` | what somebody said by text, or Twilio for them | callback, send, the sweep |
//! | same | `adopted#{sid}` | which attempt a message on Twilio's list was taken for | the sweep |
//! | `{tenant}#cursor` | `{source}`, `#lease`, `#sweep` | how far a source was read, who reads, how far was swept; these change | poll |
//! | `{tenant}#{shard}` | | partitions of the index [`DUE_INDEX`] | |
//!
//! Two-factor checks have [keys of their own](super::verification).

use crate::notification::{EmployeeKey, NotificationId};
use crate::phone::PhoneNumber;
use crate::tenant::TenantId;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, StreamSpecification, StreamViewType,
};

/// Partition key.
pub const PK: &str = "pk";
/// Sort key.
pub const SK: &str = "sk";
/// Name of the index of what the sweep must look at.
pub const DUE_INDEX: &str = "due";
/// The index's partition key.
pub const DUE_PK: &str = "due_pk";
/// The index's sort key: RFC 3339 in UTC with milliseconds.
pub const DUE_AT: &str = "due_at";
/// When retention may remove an item, in seconds since 1970: the table's time-to-live.
pub const RETAIN_UNTIL: &str = "retain_until";
/// Into how many partitions of the index a tenant's due facts are spread.
pub const SHARDS: u8 = 8;
/// The stream mapping's event filter: only what lets an attempt start.
pub const STREAM_FILTER: &str =
    r#"{"eventName":["INSERT"],"dynamodb":{"NewImage":{"start_attempt":{"N":[{"exists":true}]}}}}"#;

/// `{tenant}#{e}`
pub fn employee_pk(tenant: &TenantId, employee: &EmployeeKey) -> String {
    format!("{tenant}#{employee}")
}

/// `{tenant}#phone#{e164}`
pub fn phone_pk(tenant: &TenantId, number: &PhoneNumber) -> String {
    format!("{tenant}#phone#{}", number.e164())
}

/// `{tenant}#cursor`
pub fn cursor_pk(tenant: &TenantId) -> String {
    format!("{tenant}#cursor")
}

/// `{tenant}#{shard}`
pub fn due_pk(tenant: &TenantId, shard: u8) -> String {
    format!("{tenant}#{shard}")
}

/// The shard of a notification: all its facts are due in one partition of the index.
pub fn shard(id: &NotificationId) -> u8 {
    id.event().bytes().next().unwrap_or_default() % SHARDS
}

/// What `CreateTable` needs besides the table's name. `template.yaml` says the same, and a test holds the two together.
pub struct Definition {
    /// Keys of table and index.
    pub attributes: Vec<AttributeDefinition>,
    /// The table's keys.
    pub keys: Vec<KeySchemaElement>,
    /// The index `due`.
    pub index: GlobalSecondaryIndex,
    /// New images only.
    pub stream: StreamSpecification,
    /// On demand.
    pub billing: BillingMode,
}

/// The definition of the ledger's table.
pub fn definition() -> Result<Definition, BuildError> {
    let text =
        |name: &str| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build();
    let key = |name: &str, kind: KeyType| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    Ok(Definition {
        attributes: vec![text(PK)?, text(SK)?, text(DUE_PK)?, text(DUE_AT)?],
        keys: vec![key(PK, KeyType::Hash)?, key(SK, KeyType::Range)?],
        index: GlobalSecondaryIndex::builder()
            .index_name(DUE_INDEX)
            .set_key_schema(Some(vec![key(DUE_PK, KeyType::Hash)?, key(DUE_AT, KeyType::Range)?]))
            .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
            .build()?,
        stream: StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::NewImage)
            .build()?,
        billing: BillingMode::PayPerRequest,
    })
}
